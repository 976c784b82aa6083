"""Knowledge from elsewhere, by a real MCP server: what it is asked, where its answers go, and what its faults cost."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from mcp_server import FACT, RULE, SECRET
from scripted_endpoint import Reply, Request, ScriptedEndpoint
from test_tier import calling
from wire import DEADLINE_S, Editor, in_time, open_editor

from context import Snapshot
from context.secrets import Redactor
from lsp_server.endpoint.gate import OpenGate, Question
from lsp_server.endpoint.purpose import Purpose
from lsp_server.endpoint.status import EndpointError
from lsp_server.knowledge import Knowledge
from lsp_server.knowledge import connection as connection_module
from lsp_server.knowledge.query import MAX_NAMES, names_near, names_of
from lsp_server.options import Settings
from lsp_server.settings import load

SERVER = str(Path(__file__).with_name("mcp_server.py"))
PURPOSE = Purpose("explain")
CODE = "def post(ledger_entry):\n    return ledger_entry.amount\n"


def provider(*args: str, **options: Any) -> dict[str, Any]:
    """The setting of a provider that is the test's own server."""
    command = {} if "url" in options else {"command": sys.executable, "args": [SERVER, *args]}
    return {"name": "handbook", "tool": "search", "deadline_ms": 20_000, **command, **options}


@asynccontextmanager
async def knowing(*providers: dict[str, Any]) -> AsyncIterator[Knowledge]:
    knowledge = Knowledge(Settings.model_validate({"context": {"providers": providers}}))
    try:
        await in_time(knowledge.prepare())
        yield knowledge
    finally:
        await in_time(knowledge.aclose())


async def check_known(knowledge: Knowledge, *parts: str, trouble: str = "", text: str = CODE) -> str:
    """What is known of the text has these parts, and what is told of the providers this one."""
    snapshot = Snapshot("file:///work/a.py", "a.py", "python", 1, text)
    snippets = await in_time(knowledge.about("explain", snapshot, 0, len(text)))
    said = "".join(snippet.text for snippet in snippets)
    for part in parts:
        assert part in said
    assert bool(said) == bool(parts)
    assert trouble in knowledge.trouble
    assert bool(trouble) == bool(knowledge.trouble)
    assert {snippet.origin for snippet in snippets} <= {"handbook"}
    return said


async def test_a_search_is_asked_for_names_alone_and_once(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with knowing(provider("--log", str(log))) as knowledge:
        await check_known(knowledge, FACT, "asked: ledger_entry post amount")
        await check_known(knowledge, FACT)
    query, cwd, environment = log.read_text().splitlines()
    assert query == "ledger_entry post amount"
    assert cwd == str(Path.home())
    assert not [name for name in eval(environment) if name.startswith(("PYTEST", "INSTANT"))]


async def test_resources_are_shown_as_they_are() -> None:
    async with knowing(provider(tool=None, resources=["handbook://rules"])) as knowledge:
        await check_known(knowledge, RULE)


async def test_a_provider_is_asked_for_its_features_alone() -> None:
    async with knowing(provider(features=["fix"])) as knowledge:
        await check_known(knowledge)


async def test_an_answer_is_bounded() -> None:
    async with knowing(provider("huge", max_chars=500)) as knowledge:
        said = await check_known(knowledge, FACT)
        assert len(said) <= 500


@pytest.mark.parametrize(
    ("given", "trouble"),
    [
        (provider("slow", deadline_ms=200), "in time"),
        (provider("dies"), "fails"),
        (provider("fails"), "its tool search fails"),
        (provider(tool="no such tool"), "fails"),
        (provider(tool=None, resources=["handbook://none"]), "fails"),
        (provider(command="/no/such/command"), "/no/such/command cannot be started"),
        (provider(command=sys.executable, args=["-c", "print('not MCP')"]), "does not speak MCP"),
    ],
    ids=["slow", "dies", "fails", "no tool", "no resource", "no command", "ends at once"],
)
async def test_a_fault_costs_nothing_but_the_answer(given: dict[str, Any], trouble: str) -> None:
    async with knowing(given) as knowledge:
        await check_known(knowledge, trouble=trouble)
        assert "ledger" not in knowledge.trouble
        await check_known(knowledge, trouble=trouble)


async def test_one_that_says_nothing_is_no_trouble() -> None:
    async with knowing(provider("nothing")) as knowledge:
        await check_known(knowledge)


async def test_one_that_speaks_another_language_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "CONNECT_S", 3.0)
    async with knowing(provider("garbage")) as knowledge:
        await check_known(knowledge, trouble="does not speak MCP")


async def test_a_server_that_died_is_started_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with knowing(provider()) as knowledge:
        await check_known(knowledge, FACT)
        (asked,) = knowledge.providers
        assert asked._connection is not None
        asked._connection.close()
        await check_known(knowledge, FACT, text=CODE.replace("post", "unpost"))


async def test_without_the_sdk_the_status_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    async with knowing(provider()) as knowledge:
        await check_known(knowledge, trouble="install instant-lsp[mcp]")


async def test_a_url_is_reached_through_the_guard_alone() -> None:
    async with knowing(provider(url="http://8.8.8.8/mcp")) as knowledge:
        await check_known(knowledge, trouble="outside the private networks")


async def test_a_server_by_http() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = await asyncio.create_subprocess_exec(
        sys.executable, SERVER, "--port", str(port), stderr=asyncio.subprocess.PIPE
    )
    try:
        assert process.stderr is not None
        async with asyncio.timeout(DEADLINE_S):
            while b"running on" not in await process.stderr.readline():
                pass
        async with knowing(provider(url=f"http://127.0.0.1:{port}/mcp")) as knowledge:
            await check_known(knowledge, FACT)
    finally:
        process.kill()
        await process.wait()


async def test_the_model_calls_a_tool() -> None:
    async with knowing(provider()) as knowledge:
        assert FACT in await in_time(knowledge.call_tool("search", {"query": "x", "key": SECRET}, PURPOSE))
        assert await in_time(knowledge.call_tool("delete", {}, PURPOSE)) == "There is no tool delete."


async def test_a_provider_that_fails_keeps_no_other_from_a_tools_call() -> None:
    async with knowing(provider(name="broken", command="/no/such/command"), provider()) as knowledge:
        assert FACT in await in_time(knowledge.call_tool("search", {"query": "x"}, PURPOSE))
        assert "cannot be started" in await in_time(knowledge.call_tool("delete", {}, PURPOSE))


class Shut(OpenGate):
    """Lets no question pass, for the time being."""

    is_shut = True

    def consult(self, question: Question) -> None:
        if self.is_shut:
            raise EndpointError("denied", "Nothing is sent.")


async def test_what_may_not_leave_is_not_asked_and_no_fault_of_the_provider(tmp_path: Path) -> None:
    log = tmp_path / "log"
    settings = Settings.model_validate({"context": {"providers": [provider("--log", str(log))]}})
    knowledge = Knowledge(settings, Shut())
    try:
        await in_time(knowledge.prepare())
        await check_known(knowledge)
        assert "Nothing is sent." in await in_time(knowledge.call_tool("search", {"query": "x"}, PURPOSE))
        assert not log.exists()
    finally:
        await in_time(knowledge.aclose())


async def test_what_may_leave_again_is_asked_where_the_cursor_still_is() -> None:
    snapshot = Snapshot("file:///work/a.py", "a.py", "python", 1, CODE)
    gate = Shut()
    knowledge = Knowledge(Settings.model_validate({"context": {"providers": [provider()]}}), gate)
    try:
        await in_time(knowledge.prepare())
        for gate.is_shut in (True, False):
            knowledge.look(snapshot, 0)
            assert knowledge._looking is not None
            await in_time(knowledge._looking)
        assert FACT in "".join(one.text for one in knowledge.snippets(snapshot.uri, 1_000))
    finally:
        await in_time(knowledge.aclose())


async def test_a_question_that_was_given_up_for_another_document_is_asked_again() -> None:
    first = Snapshot("file:///work/a.py", "a.py", "python", 1, CODE)
    second = Snapshot("file:///work/b.py", "b.py", "python", 1, "def charge_card(order):\n    return order\n")
    async with knowing(provider()) as knowledge:
        knowledge.look(first, 0)
        knowledge.look(second, 0)
        knowledge.look(first, 0)
        assert knowledge._looking is not None
        await in_time(knowledge._looking)
        assert FACT in "".join(one.text for one in knowledge.snippets(first.uri, 1_000))


async def test_closing_at_once_keeps_nobody_waiting() -> None:
    knowledge = Knowledge(Settings.model_validate({"context": {"providers": [provider()]}}))
    preparing = asyncio.create_task(knowledge.prepare())
    await asyncio.sleep(0)  # it is begun, its connection is not
    await in_time(knowledge.aclose())
    await in_time(preparing)


def test_a_query_has_names_and_no_secret() -> None:
    redactor = Redactor(b"k" * 16)
    text = f'aws_access_key_id = "{SECRET}"\ndef charge_card(order):\n    return order.'
    snapshot = Snapshot("file:///work/a.py", "a.py", "python", 1, text)
    names = names_near(snapshot, len(text), redactor)
    assert {"charge_card", "order"} <= set(names)
    for found in (names, names_of(snapshot, 0, len(text), redactor, f"no {SECRET} in")):
        assert len(found) <= MAX_NAMES
        assert not [name for name in found if SECRET in name or "REDACTED" in name or name in ("def", "return")]


# In the server.


@asynccontextmanager
async def running(
    tmp_path: Path, given: dict[str, Any], variables: dict[str, str] | None = None, **more: Any
) -> AsyncIterator[tuple[Editor, ScriptedEndpoint]]:
    environment = {"INSTANT_LSP_CONTEXT_PROVIDERS": json.dumps([given]), **(variables or {})}
    async with ScriptedEndpoint() as scripted:
        scripted.reply = Reply(("amount",))
        async with open_editor("vscode", tmp_path, url=scripted.url, environment=environment, **more) as editor:
            await editor.status("ready")
            yield editor, scripted


async def explained(editor: Editor, scripted: ScriptedEndpoint, **document: str) -> str:
    """The prompt of an explanation."""
    opened = editor.open(CODE, **document)
    whole = {"start": opened.position(0), "end": opened.position(len(CODE))}
    argument = {"uri": opened.uri, "range": whole, "partialResultToken": "p"}
    await editor.request("workspace/executeCommand", {"command": "instant.explain", "arguments": [argument]})
    return str(scripted.of("/v1/chat/completions")[-1].body["messages"][1]["content"])


async def test_an_explanation_is_shown_what_is_known(tmp_path: Path) -> None:
    async with running(tmp_path, provider()) as (editor, scripted):
        prompt = await explained(editor, scripted)
        assert f"(handbook):\n\n```\n{FACT}\nasked: ledger_entry post amount\n```" in prompt


async def test_a_fix_is_shown_what_is_known_of_what_is_reported(tmp_path: Path) -> None:
    async with running(tmp_path, provider()) as (editor, scripted):
        scripted.reply = Reply((f"```python\n{CODE.replace('amount', 'total')}```",))
        document = editor.open(CODE)
        here = {"start": document.position(50), "end": document.position(56)}
        report = {"range": here, "message": "Booking has no attribute amount", "source": "mypy"}
        carried = {"uri": document.uri, "version": 1, "diagnostics": [report]}
        await editor.request("workspace/executeCommand", {"command": "instant.fix", "arguments": [carried]})
        prompt = scripted.of("/v1/chat/completions")[-1].body["messages"][1]["content"]
        assert f"{FACT}\nasked: " in prompt
        assert "Booking" in prompt.split("asked: ")[1].splitlines()[0]
        await editor.logged("")


async def test_a_hover_is_shown_what_is_known(tmp_path: Path) -> None:
    async with running(tmp_path, provider(), options={"hover": "always"}) as (editor, scripted):
        document = editor.open(CODE.replace("amount", "amou<|>nt"))
        async with asyncio.timeout(DEADLINE_S):
            while not scripted.of("/v1/chat/completions"):
                await document.hover()
        assert FACT in scripted.of("/v1/chat/completions")[-1].body["messages"][1]["content"]


def calling_in_turn(*calls: tuple[str, str]) -> Callable[[Request], Reply]:
    """Chats are answered by one call after the other, then by words; completions by nothing."""
    left = [calling(*call) for call in calls]

    def answering(request: Request) -> Reply:
        return left.pop(0) if left and "messages" in request.body else Reply(("It is posted twice.",))

    return answering


async def test_a_tools_call_is_answered_by_the_configured_server_alone(tmp_path: Path) -> None:
    """A model that wants a shell is told that there is none; the server runs outside of the opened folder."""
    log, folder = tmp_path / "log", tmp_path / "opened"
    folder.mkdir()
    tools = [{"type": "function", "function": {"name": name, "parameters": {}}} for name in ("search", "sh")]
    given = provider("--log", str(log), features=["completion"])
    variables = {"INSTANT_LSP_CHAT_TOOLS": json.dumps(tools)}
    async with running(tmp_path, given, variables, folder=folder) as (editor, scripted):
        scripted.answering = calling_in_turn(("sh", '{"query": "rm -rf ."}'), ("search", '{"query": "ledgers"}'))
        await explained(editor, scripted)
        chats = [request.body for request in scripted.of("/v1/chat/completions")]
        assert [chat["tools"] for chat in chats] == [tools] * 3
        told = [message["content"] for message in chats[-1]["messages"] if message["role"] == "tool"]
        assert told == ["There is no tool sh.", f"{FACT}\nasked: ledgers"]
    query, where, *_ = log.read_text().splitlines()
    assert query == "ledgers"
    assert Path(where) != folder
    assert list(folder.iterdir()) == []


async def test_secrets_in_an_answer_are_not_sent(tmp_path: Path) -> None:
    async with running(tmp_path, provider("secret")) as (editor, scripted):
        prompt = await explained(editor, scripted)
        assert FACT in prompt
        assert SECRET not in prompt


async def test_a_completion_is_shown_what_has_arrived(tmp_path: Path) -> None:
    async with running(tmp_path, provider()) as (editor, scripted):
        document = editor.open(CODE.replace("amount", "<|>"))
        command = {"command": "instant.showContext", "arguments": [document.uri, document.position(document.cursor)]}
        shown: dict[str, Any] = {"prompt": ""}
        async with asyncio.timeout(DEADLINE_S):
            while FACT not in shown["prompt"]:
                await document.complete()
                shown = await editor.request("workspace/executeCommand", command)
        assert [part["why"] for part in shown["parts"] if part["kind"] == "snippet"] == ["handbook"]
        document.type("total\n    other = ")
        await document.complete()
        assert FACT in scripted.of("/v1/completions")[-1].body["prompt"]


async def test_nothing_of_a_refused_file_reaches_a_provider(tmp_path: Path) -> None:
    log = tmp_path / "log"
    async with running(tmp_path, provider("--log", str(log))) as (editor, _):
        secret = editor.open(CODE, name="deploy/.env", language="shellscript")
        whole = {"start": secret.position(0), "end": secret.position(len(CODE))}
        argument = {"uri": secret.uri, "range": whole, "partialResultToken": "p"}
        await editor.request("workspace/executeCommand", {"command": "instant.explain", "arguments": [argument]})
        await secret.complete()
        await editor.status("off")
        secret.close()
    assert not log.exists()


async def test_a_silent_provider_is_told_once_and_completions_go_on(tmp_path: Path) -> None:
    async with running(tmp_path, provider(command="/no/such/command")) as (editor, _):
        await editor.complained("Provider handbook: its command /no/such/command cannot be started")
        status = await editor.status("ready")
        assert "cannot be started" in status["message"]
        assert await editor.open(CODE.replace("amount", "<|>")).complete()


def test_a_repository_cannot_name_a_provider() -> None:
    settings, problems = load({"context": {"providers": [provider()]}})
    assert settings.context.providers == ()
    assert "only" in str(problems[0])


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a", "tool": "t"},
        {"name": "a", "tool": "t", "command": "c", "url": "http://localhost"},
        {"name": "a", "tool": "t", "url": "file:///etc/passwd"},
        {"name": "a", "command": "c"},
        {"name": "a", "tool": "t", "command": "c", "shell": True},
    ],
)
def test_a_wrong_provider_is_named(wrong: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANT_LSP_CONTEXT_PROVIDERS", json.dumps([wrong]))
    settings, problems = load()
    assert settings.context.providers == ()
    assert "context.providers" in str(problems[0])
