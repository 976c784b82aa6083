"""The server as an editor meets it: a real process over stdio, under both editors' position encodings."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import pytest_asyncio
from marks import CURSOR, inserted
from scripted_endpoint import Reply, Request, ScriptedEndpoint
from wire import Document, Editor, Kind, ResponseError, in_time, open_editor

pytestmark = pytest.mark.asyncio(loop_scope="module")

HANGING = Reply((" a",), fault="hang in the middle")


class GatedEndpoint(ScriptedEndpoint):
    """Holds every answer back until its gate is open, and tells when a request has come."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.asked = asyncio.Event()

    async def _stream(self, request: Request, reply: Reply, writer: asyncio.StreamWriter) -> None:
        if request.body.get("max_tokens") != 12:  # the probe's question is not held back
            self.asked.set()
            await self.gate.wait()
        await super()._stream(request, reply, writer)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["neovim", "vscode"])
async def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """One server for all tests of an editor; each gives it an endpoint of its own."""
    kind: Kind = request.param
    async with open_editor(kind, tmp_path_factory.mktemp("home"), options={"hover": "always"}) as editor:
        await editor.status("off")
        yield editor


@pytest_asyncio.fixture(loop_scope="module")
async def endpoint() -> AsyncIterator[GatedEndpoint]:
    async with GatedEndpoint() as endpoint:
        endpoint.gate.set()
        yield endpoint


@pytest_asyncio.fixture(loop_scope="module")
async def editor(running: Editor, endpoint: GatedEndpoint) -> AsyncIterator[Editor]:
    running.configure({"endpoint": {"instant": {"url": endpoint.url, "first_token_ms": 30_000}}})
    await running.status("ready")
    yield running
    running.check_nothing_overlooked()


async def check_ghost_text(editor: Editor, endpoint: ScriptedEndpoint, shown: str, **opened: Any) -> Document:
    """`before├new┤after`: the endpoint says `new`, and that is what the editor shows there."""
    marked, new = inserted(shown)
    endpoint.reply = Reply((new,))
    document = editor.open(marked, **opened)
    assert await document.ghost() == new
    before, after = re.sub(r"\r\n?", "\n", marked).split(CURSOR)
    asked = prompt(endpoint)
    assert f"{before}<|" in asked
    assert f">{after}<|" in asked
    return document


def prompt(endpoint: ScriptedEndpoint, n: int = -1) -> str:
    return str(endpoint.of("/v1/completions")[n].body["prompt"])


@asynccontextmanager
async def held_back(endpoint: GatedEndpoint) -> AsyncIterator[None]:
    """No answer leaves the endpoint within the block."""
    endpoint.gate.clear()
    endpoint.asked.clear()
    yield
    endpoint.gate.set()


async def test_each_editor_is_offered_what_it_can_use(running: Editor) -> None:
    offered = running.server["capabilities"]
    assert offered["positionEncoding"] == {"neovim": "utf-8", "vscode": "utf-16"}[running.kind]
    assert offered["inlineCompletionProvider"] == {}
    assert offered["textDocumentSync"]["change"] == 2
    assert offered["hoverProvider"]
    assert "instant.accepted" in offered["executeCommandProvider"]["commands"]


@pytest.mark.parametrize(
    ("shown", "opened"),
    [
        ("def add(a, b):\n    return├ a + b┤\n", {}),
        ("def add(a, b):\n    return├ a + b┤", {}),
        ("def add(a, b):\n├    return a + b┤\n\nprint(add(1, 2))\n", {}),
        ("名前 = '漢字'  # 😀 é\nfoo('🙂🙂', 名├前)┤\n", {}),
        ("a = 1\r\nb = '😀'\r\nc =├ a + 1┤\r\nd = 2\r\n", {}),
        ("a = 1\rb =├ a┤\rc = 2", {}),
        ("move 1 to x.\nadd x to├ y giving z.┤\n", {"language": "cobol", "name": "payroll.cbl"}),
        ("x =├ 1┤\n", {"language": "", "name": "no-extension"}),
    ],
    ids=["suffix", "at-the-end", "whole-line", "wide-characters", "crlf", "cr", "unknown-language", "no-language"],
)
async def test_ghost_text(editor: Editor, endpoint: GatedEndpoint, shown: str, opened: dict[str, Any]) -> None:
    await check_ghost_text(editor, endpoint, shown, **opened)


async def test_an_untitled_buffer_completes(editor: Editor, endpoint: GatedEndpoint) -> None:
    document = Document(editor, "untitled:Untitled-1", "x =", 3, 1)
    item = {"uri": document.uri, "languageId": "python", "version": 1, "text": document.text}
    editor.notify("textDocument/didOpen", {"textDocument": item})
    assert await document.ghost() == " a + b"


async def test_half_an_emoji_is_survived(editor: Editor) -> None:
    document = editor.open("face = '\ud83d'\nx =")
    assert await document.ghost() == " a + b"


async def counts(editor: Editor) -> dict[str, int]:
    status = await editor.request("workspace/executeCommand", {"command": "instant.status", "arguments": []})
    assert status["state"] == "ready"
    assert status["model"] == "scripted"
    assert status["times"]["own_ms"] > 0
    counted: dict[str, int] = status["counts"]
    return counted


async def check_counted(editor: Editor, before: dict[str, int], **expected: int) -> None:
    after = await counts(editor)
    assert {name: after[name] - before[name] for name in expected} == expected


@pytest.mark.parametrize("with_command", [True, False], ids=["told", "not told"])
async def test_an_acceptance_is_counted_once(editor: Editor, with_command: bool) -> None:
    document = editor.open("x =")
    (item,) = (await in_time(document.complete()))["items"]
    assert item["command"]["command"] == "instant.accepted"
    before = await counts(editor)
    document.type(item["insertText"])
    if with_command:
        await editor.request("workspace/executeCommand", item["command"])
    await check_counted(editor, before, accepted=1, partly_accepted=0, chars_accepted=len(" a + b"))


async def test_copilots_notifications_are_understood(editor: Editor) -> None:
    (item,) = (await in_time(editor.open("x =").complete()))["items"]
    before = await counts(editor)
    editor.notify("textDocument/didShowCompletion", {"item": item})
    editor.notify("textDocument/didPartiallyAcceptCompletion", {"item": item, "acceptedLength": 2})
    editor.notify("textDocument/didPartiallyAcceptCompletion", {"item": item, "acceptedLength": 4})
    editor.notify("textDocument/didShowCompletion", {"item": {"insertText": "another server's"}})
    await check_counted(editor, before, displayed=1, accepted=0, partly_accepted=1, chars_accepted=4)


async def test_a_completion_says_what_it_replaces(editor: Editor, endpoint: GatedEndpoint) -> None:
    endpoint.reply = Reply(("'😀', [b]) + len(c)\n",))
    document = editor.open("é = sum(<|>)\r\n")
    (item,) = (await in_time(document.complete()))["items"]
    assert item["insertText"] == item["filterText"] == "'😀', [b]) + len(c)"
    assert item["range"] == {"start": document.position(8), "end": document.position(9)}


async def test_who_asks_is_offered_several(editor: Editor, endpoint: GatedEndpoint) -> None:
    endpoint.reply = Reply((" a + b",), others=((" a - b",), (" a * b",)))
    items = (await in_time(editor.open("x =").complete(is_invoked=True)))["items"]
    assert [item["insertText"] for item in items] == [" a + b", " a - b", " a * b"]
    assert len({item["command"]["arguments"][0] for item in items}) == 3


async def test_the_prompt_is_read_where_the_cursor_comes_to_rest(editor: Editor, endpoint: GatedEndpoint) -> None:
    document = editor.open("def add(a, b):\n    return<|>\n")
    await document.ghost()
    far = editor.open("y = 1\n" * 2_000)
    endpoint.asked.clear()
    place = {"textDocument": {"uri": far.uri}, "position": {"line": 1_000, "character": 0}}
    editor.notify("instant/didMoveCursor", place)
    await in_time(endpoint.asked.wait())
    assert endpoint.requests[-1].body["max_tokens"] == 1
    editor.notify("instant/didMoveCursor", {**place, "textDocument": {"uri": "file:///closed.py"}})
    editor.notify("instant/didMoveCursor", {**place, "position": {}})
    await editor.complained("a notification is refused: the place is not as it should be")


@pytest.mark.parametrize("said", ["", "   ", "\n", "print('done')"], ids=["nothing", "blank", "break", "next line"])
async def test_nothing_worth_showing_is_an_empty_list(editor: Editor, endpoint: GatedEndpoint, said: str) -> None:
    endpoint.reply = Reply((said,) if said else ())
    document = editor.open("x = 1\n<|>\nprint('done')\n")
    assert await in_time(document.complete()) == {"items": []}


async def test_a_newer_request_supersedes_the_older_one(editor: Editor, endpoint: GatedEndpoint) -> None:
    document = editor.open("def add(a, b):\n    return<|>\n")
    async with held_back(endpoint):
        older = document.complete()
        await in_time(endpoint.asked.wait())
        newer = document.complete()
        assert await in_time(older) is None
    assert (await in_time(newer))["items"][0]["insertText"] == " a + b"
    assert len(endpoint.requests) == 1


async def test_documents_do_not_supersede_each_other(editor: Editor, endpoint: GatedEndpoint) -> None:
    documents = [editor.open(f"value_{n} =") for n in range(3)]
    async with held_back(endpoint):
        answers = [document.complete() for document in documents]
        await in_time(endpoint.asked.wait())
    for answer in answers:
        assert (await in_time(answer))["items"][0]["insertText"] == " a + b"


async def test_a_cancelled_request_stops_the_model(editor: Editor, endpoint: GatedEndpoint) -> None:
    endpoint.reply = HANGING
    document = editor.open("def add(a, b):\n    return<|>\n")
    request = document.complete()
    await in_time(endpoint.asked.wait())
    editor.cancel(request)
    with pytest.raises(ResponseError) as refused:
        await in_time(request)
    assert refused.value.code == -32800
    await endpoint.left(1)
    endpoint.reply = Reply((" b",))
    assert await document.ghost() == " b"


async def test_typing_what_was_answered_asks_no_more(editor: Editor, endpoint: GatedEndpoint) -> None:
    document = await check_ghost_text(editor, endpoint, "def add(a, b):\n    return├ a + b┤\n")
    for n, key in enumerate(" a +", 1):
        document.type(key)
        assert await document.ghost() == " a + b"[n:]
    document.replace(document.cursor - 1, document.cursor, "")
    document.cursor -= 1
    assert await document.ghost() == "+ b"
    assert len(endpoint.requests) == 1


async def test_a_running_answer_is_adopted_by_the_next_key(editor: Editor, endpoint: GatedEndpoint) -> None:
    document = editor.open("def add(a, b):\n    return<|>\n")
    async with held_back(endpoint):
        first = document.complete()
        await in_time(endpoint.asked.wait())
        document.type(" a")
        second = document.complete()
        assert await in_time(first) is None
    assert (await in_time(second))["items"][0]["insertText"] == " + b"
    assert len(endpoint.requests) == 1


async def test_a_key_that_disagrees_closes_the_answer_and_asks_anew(editor: Editor, endpoint: GatedEndpoint) -> None:
    endpoint.replies.append(HANGING)
    endpoint.reply = Reply((" - 1",))
    document = editor.open("def add(a, b):\n    return<|>\n")
    first = document.complete()
    await in_time(endpoint.asked.wait())
    document.type(" b")
    second = document.complete()
    assert await in_time(first) is None
    assert (await in_time(second))["items"][0]["insertText"] == " - 1"
    await endpoint.left(1)
    assert "return b" in prompt(endpoint)


async def test_a_request_sees_the_text_it_was_made_for(editor: Editor, endpoint: GatedEndpoint) -> None:
    document = editor.open("def add(a, b):\n    return<|>\n")
    async with held_back(endpoint):
        answer = document.complete()
        document.type(" later")
        await in_time(endpoint.asked.wait())
    assert await in_time(answer) is None, "its document has moved on"
    assert "later" not in prompt(endpoint)


async def test_a_document_closed_meanwhile_is_no_fault(editor: Editor, endpoint: GatedEndpoint) -> None:
    endpoint.reply = HANGING
    document = editor.open("x =")
    answer = document.complete()
    await in_time(endpoint.asked.wait())
    document.close()
    assert await in_time(answer) is None
    await endpoint.left(1)


@pytest.mark.parametrize("shape", ["lines", "one line"])
async def test_a_file_of_5_mb_is_answered(editor: Editor, endpoint: GatedEndpoint, shape: str) -> None:
    n = 5_000_000 // 20
    text = "value_of_it = 12345\n" * n if shape == "lines" else "x = [" + "'漢', 1234567890, " * n
    document = editor.open(f"{text}\ny =")
    assert await document.ghost() == " a + b"
    document.type(" 2 *")
    endpoint.reply = Reply((" y",))
    assert await document.ghost() == " y"
    document.cursor = len(text) // 2
    await in_time(document.complete(is_invoked=True))
    assert all(len(prompt(endpoint, i)) < 20_000 for i in range(len(endpoint.requests)))
    document.close()
    await editor.lives()


async def test_nothing_of_a_secret_file_is_sent(editor: Editor, endpoint: GatedEndpoint) -> None:
    secret = editor.open("PASSWORD=hunter2\nTOKEN=", name="deploy/.env", language="shellscript")
    assert await in_time(secret.complete()) == {"items": []}
    assert await in_time(secret.hover()) is None
    status = await editor.status("off")
    assert ".env" in status["message"]
    assert endpoint.requests == []
    ordinary = editor.open("x =")
    assert await ordinary.ghost() == " a + b"
    assert (await editor.status("ready"))["model"] == "scripted"


@pytest.mark.parametrize("off", [{"enabled": False}, {"disabled_languages": ["python"]}], ids=["all", "language"])
async def test_completions_can_be_turned_off(running: Editor, endpoint: GatedEndpoint, off: dict[str, Any]) -> None:
    running.configure({"endpoint": {"instant": {"url": endpoint.url}}, "completion": off})
    await running.status("ready")
    assert await in_time(running.open("x =").complete()) == {"items": []}
    assert endpoint.requests == []
    running.check_nothing_overlooked()
