"""What goes wrong around the server: each has a message that says what to do, and the server lives on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from scripted_endpoint import Reply, ScriptedEndpoint
from wire import DEADLINE_S, Editor, ResponseError, in_time, open_editor

from lsp_server.assist.explain import PREPARING

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANARY = "xylophone_quartz"


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """One server for all that goes wrong."""
    async with open_editor("vscode", tmp_path_factory.mktemp("home"), options={"hover": "always"}) as editor:
        assert "endpoint.instant.url" in (await editor.status("off"))["message"]
        yield editor


@pytest_asyncio.fixture(loop_scope="module")
async def editor(running: Editor) -> AsyncIterator[Editor]:
    yield running
    running.check_nothing_overlooked()


def at(url: str, **further: Any) -> dict[str, Any]:
    return {"endpoint": {"instant": {"url": url, **further}}}


async def check_down(editor: Editor, *parts: str) -> None:
    """The status is down and names `parts`, so does the log, once; a completion is an empty list meanwhile."""
    status = await editor.status("down")
    for part in parts:
        assert part in status["message"]
    await editor.logged(status["message"])
    assert await editor.open("x =").ghost() is None
    await editor.lives()


async def check_recovers(editor: Editor) -> None:
    """Who goes on typing gets completions again."""
    document = editor.open("x =")
    async with asyncio.timeout(DEADLINE_S):
        while await document.ghost() != " a + b":
            document.type(" ")
            document.replace(document.cursor - 1, document.cursor, "")
            document.cursor -= 1
    await editor.status("ready")


async def test_an_endpoint_that_is_down_and_comes_up_again(editor: Editor) -> None:
    async with ScriptedEndpoint() as endpoint:
        await endpoint.stop()
        editor.configure(at(endpoint.url))
        await check_down(editor, endpoint.url.removesuffix("/v1"), "check that the endpoint runs")
        async with endpoint:
            await check_recovers(editor)


async def test_an_endpoint_that_goes_down_while_in_use(editor: Editor) -> None:
    async with ScriptedEndpoint() as endpoint:
        editor.configure(at(endpoint.url))
        await editor.status("ready")
        assert await editor.open("x =").ghost() == " a + b"
        await endpoint.stop()
        assert await editor.open("y =").ghost() is None
        await check_down(editor, "check that the endpoint runs")
        async with endpoint:
            await check_recovers(editor)


async def test_an_address_that_is_no_endpoint(editor: Editor) -> None:
    async with ScriptedEndpoint() as endpoint:
        editor.configure(at(endpoint.url.removesuffix("/v1")))
        await check_down(editor, "is not an OpenAI-compatible endpoint", "/v1")


async def test_a_public_address_is_refused(editor: Editor) -> None:
    editor.configure(at("http://8.8.8.8/v1"))
    await check_down(editor, "8.8.8.8", "endpoint.allowed_networks")


async def test_a_model_that_is_not_served(editor: Editor) -> None:
    async with ScriptedEndpoint(model="codestral-22b") as endpoint:
        editor.configure(at(endpoint.url, model="codestral"))
        await check_down(editor, "does not serve the model codestral", "codestral-22b")


async def test_a_token_that_is_missing(editor: Editor) -> None:
    async with ScriptedEndpoint(token="t") as endpoint:
        editor.configure(at(endpoint.url))
        await check_down(editor, "401", "token_env")


async def test_a_model_without_fill_in_the_middle_completes_by_chat(editor: Editor) -> None:
    async with ScriptedEndpoint("other", tokens=(), fills_holes=False) as endpoint:
        endpoint.reply = Reply(("```python\n", " a + b", "\n```"))
        editor.configure(at(endpoint.url))
        assert "chat" in (await editor.status("ready"))["message"]
        assert await editor.open("def add(a, b):\n    return").ghost() == " a + b"
        assert endpoint.of("/v1/chat/completions")


async def test_too_many_requests_are_not_made_worse(editor: Editor) -> None:
    async with ScriptedEndpoint() as endpoint:
        endpoint.reply = Reply(status=429, headers={"retry-after": "3600"})
        editor.configure(at(endpoint.url))
        await editor.status("ready")
        assert await editor.open("x =").ghost() is None
        await check_down(editor, "429")
        assert len(endpoint.requests) == 1


async def test_no_token_in_time(editor: Editor) -> None:
    async with ScriptedEndpoint() as endpoint:
        endpoint.replies = [Reply(fault="hang")]
        editor.configure(at(endpoint.url, first_token_ms=100))
        await editor.status("ready")
        assert await editor.open("x =").ghost() is None
        await check_down(editor, "first_token_ms")
        await endpoint.left(1)
        await check_recovers(editor)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=500),
        Reply(fault="reset"),
        Reply((" a",), fault="reset in the middle"),
        Reply(fault="malformed"),
        Reply(fault="error event"),
        Reply(status=307, headers={"location": "http://8.8.8.8/v1/completions"}),
    ],
    ids=lambda reply: str(reply.fault or reply.status),
)
async def test_an_answer_that_fails_is_not_shown_and_not_remembered(editor: Editor, reply: Reply) -> None:
    async with ScriptedEndpoint() as endpoint:
        endpoint.replies = [reply] * (2 if reply.fault == "reset" else 1)
        editor.configure(at(endpoint.url))
        await editor.status("ready")
        document = editor.open("x =")
        assert await document.ghost() is None
        status = await editor.status("down")
        await editor.logged(status["message"])
        await check_recovers(editor)
        assert await document.ghost() == " a + b"


async def test_settings_with_a_typing_error(editor: Editor) -> None:
    async with ScriptedEndpoint() as endpoint:
        wrong = {"completion": {"max_lines": "many", "max_token": 5}, "hovr": "always"}
        editor.configure({**at(endpoint.url), **wrong})
        for place in ("completion.max_token ", "hovr", "completion.max_lines"):
            await editor.logged(place)
        for place in ("completion.max_token ", "hovr", "completion.max_lines"):
            await editor.complained(place)
        message = (await editor.status("ready"))["message"]
        assert "completion.max_lines" in message
        assert "did you mean completion.max_tokens?" in message
        assert await editor.open("x =").ghost() == " a + b", "the other settings are used"


async def test_a_repository_cannot_open_the_guard(editor: Editor) -> None:
    editor.configure({"endpoint": {"allowed_hosts": ["8.8.8.8"], "instant": {"url": "http://8.8.8.8/v1"}}})
    await editor.logged("endpoint.allowed_hosts")
    await editor.complained("endpoint.allowed_hosts")
    await check_down(editor, "8.8.8.8", "only", "settings.toml")


async def test_the_end_of_an_endpoint_leaves_nothing_behind(editor: Editor) -> None:
    async with ScriptedEndpoint() as old, ScriptedEndpoint() as new:
        old.reply = Reply((" a",), fault="hang in the middle")
        editor.configure(at(old.url))
        await editor.status("ready")
        completion, hover = editor.open("x =").complete(), editor.open("total").hover()
        async with asyncio.timeout(DEADLINE_S):
            while len(old.requests) < 2:
                await editor.lives()
        editor.configure(at(new.url))
        assert new.url in (await editor.status("ready"))["message"]
        await old.left(2)
        assert await in_time(completion) in ({"items": []}, None)
        assert (await in_time(hover))["contents"]["value"] == PREPARING


async def test_an_editor_that_does_not_tell_its_settings(tmp_path: Path) -> None:
    refusing = {"error": {"code": -32603, "message": "no"}}
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("vscode", tmp_path, url=endpoint.url, answer=refusing) as editor,
    ):
        await editor.status("ready")
        await editor.complained("the editor did not tell its settings")
        editor.answer = {"result": None}
        editor.configure(None)
        await editor.complained("a response: ")
        await editor.complained("the editor did not tell its settings")
        for unusable in ([], ["?"], [None]):
            editor.answer = {"result": unusable}
            editor.configure(None)
        assert await editor.open("x =").ghost() == " a + b"
        editor.answer = None
        editor.configure({"completion": {"enabled": False}})
        await editor.status("ready")
        assert await editor.open("x =").ghost() is None


async def test_nothing_of_a_file_is_told_even_when_debugging(tmp_path: Path) -> None:
    debugging = {"INSTANT_LSP_LOG_LEVEL": "debug"}
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("neovim", tmp_path, url=endpoint.url, options={"hover": "always"}, environment=debugging) as editor,
    ):
        await editor.status("ready")
        document = editor.open(f"{CANARY} = 1\n'😀'\nx =")
        assert await document.ghost() == " a + b"
        await in_time(document.hover())
        echo = f'{{"error":{{"message":"cannot complete {CANARY}"}}}}'.encode()
        broken = b"data: {" + CANARY.encode() + b"\n\n"
        for reply in (Reply(status=400, body=echo), Reply(raw=(broken,)), Reply(raw=(b"data: %b\n\n" % echo,))):
            endpoint.replies.append(reply)
            document.type(f"{CANARY} +")
            assert await document.ghost() is None
        for part in ("did not accept the request (400)", "cannot answer now (500)"):
            assert part in (await editor.status("down"))["message"]
            await editor.logged(part)
        wrong = {"textDocument": {"uri": document.uri, "version": 9}, "contentChanges": [{"range": CANARY}]}
        editor.notify("textDocument/didChange", wrong)
        with pytest.raises(ResponseError):
            await editor.request("textDocument/inlineCompletion", {"textDocument": CANARY})
        await editor.complained("didChange: the parameters are not as the protocol says")
        await editor.complained("inlineCompletion: the parameters are not as the protocol says")
        secret = editor.open(f"TOKEN={CANARY}", name=".env")
        assert await secret.ghost() is None
        await editor.status("off")
        await editor.leave()
        told = editor.spoken.decode()
        assert CANARY not in told, told[max(0, told.find(CANARY) - 300) :][:600]
