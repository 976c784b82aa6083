"""JSON-RPC over stdio: framing, and an answer without text or paths for everything that is wrong."""

from __future__ import annotations

import itertools
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import given
from hypothesis import strategies as st
from wire import SERVE, Editor, ResponseError, in_time, own_environment, start

from lsp_server.server import InstantServer
from lsp_server.transport import MAX_MESSAGE_BYTES, Frames, FramingError

CANARY = "xylophone_quartz"
SCRIPT = (str(Path(sys.executable).parent / "instant-lsp"), "serve", "--stdio")
WITH_FAULTS = f"""
import os
from lsp_server import __main__, server

class Faulty(server.InstantServer):
    def __init__(self):
        super().__init__()
        self.feature("test/print")(pollute)
        self.feature("test/fail")(fail)
        self.feature("test/failLater")(fail_later)

def pollute(params):
    print("{CANARY} by print", flush=True)
    os.system("echo {CANARY} by a child")
    return "printed"

def fail(params):
    raise ValueError("{CANARY}")

async def fail_later(params):
    raise ValueError("{CANARY}")

server.InstantServer = Faulty
raise SystemExit(__main__.main(["serve"]))
"""

in_module = pytest.mark.asyncio(loop_scope="module")


def check_frames(raw: bytes, cuts: list[int]) -> list[bytes]:
    """The bodies found in `raw` when it arrives in pieces."""
    frames = Frames()
    places = [0, *sorted(cut % (len(raw) + 1) for cut in cuts), len(raw)]
    return [body for i, j in itertools.pairwise(places) for body in frames.feed(raw[i:j])]


@asynccontextmanager
async def started(folder: Path, *command: str) -> AsyncIterator[Editor]:
    """A server that was not initialized; nothing it says may be left untaken."""
    editor = Editor(await start(command or SERVE, own_environment(folder), folder), "neovim")
    try:
        yield editor
        editor.check_nothing_overlooked()
    finally:
        await editor.kill()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """One server with faults built in."""
    async with started(tmp_path_factory.mktemp("home"), sys.executable, "-P", "-c", WITH_FAULTS) as editor:
        await editor.initialize()
        await editor.status("off")
        yield editor


@pytest_asyncio.fixture(loop_scope="module")
async def editor(running: Editor) -> AsyncIterator[Editor]:
    yield running
    await running.lives()
    running.check_nothing_overlooked()


async def refused(editor: Editor, method: str, params: Any = None) -> ResponseError:
    """How the server refuses a request."""
    with pytest.raises(ResponseError) as refusal:
        await editor.request(method, params)
    return refusal.value


_HEADERS = st.sampled_from(
    [
        b"Content-Length: %d\r\n\r\n",
        b"content-length:%d\r\n\r\n",
        b"CONTENT-LENGTH:   %d  \r\n\r\n",
        b"Content-Type: application/vscode-jsonrpc; charset=utf-8\r\nContent-Length: %d\r\n\r\n",
        b"content-length: %d\r\nX-Other: 1\r\n\r\n",
    ]
)


@given(st.lists(st.tuples(_HEADERS, st.binary(max_size=60)), max_size=4), st.lists(st.integers(0), max_size=8))
def test_messages_are_cut_out_wherever_the_stream_is_split(
    messages: list[tuple[bytes, bytes]], cuts: list[int]
) -> None:
    raw = b"".join(header % len(body) + body for header, body in messages)
    assert check_frames(raw, cuts) == [body for _, body in messages]


@pytest.mark.parametrize(
    "header",
    [
        b"Content-Length: -5",
        b"Content-Length: many",
        b"Content-Length:",
        b"Content-Length: %d" % (MAX_MESSAGE_BYTES + 1),
        b"Content-Length: " + b"9" * 5_000,
        b"Content-Type: text/plain",
        b"",
        b"x" * 100_000,
    ],
    ids=lambda header: header[:24].decode(),
)
def test_a_header_that_makes_no_sense_ends_the_stream(header: bytes) -> None:
    with pytest.raises(FramingError):
        check_frames(header + b"\r\n\r\n{}", [])


def test_a_header_that_never_ends_is_not_kept() -> None:
    with pytest.raises(FramingError):
        check_frames(b"x" * 1_000_000, list(range(0, 1_000_000, 1_000)))


@in_module
@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("textDocument/inlineCompletion", {"textDocument": CANARY}),
        ("textDocument/inlineCompletion", None),
        ("textDocument/hover", {"position": {"line": CANARY}}),
        ("workspace/executeCommand", []),
    ],
)
async def test_wrong_parameters_are_refused(editor: Editor, method: str, params: Any) -> None:
    refusal = await refused(editor, method, params)
    assert refusal.code == -32602
    assert CANARY not in await editor.complained(method)
    assert CANARY not in refusal.message


@in_module
@pytest.mark.parametrize("method", ["textDocument/unheardOf", "$/unheardOf", ""])
async def test_an_unknown_method_is_refused(editor: Editor, method: str) -> None:
    assert (await refused(editor, method)).code == -32601


@in_module
async def test_an_unknown_notification_is_ignored(editor: Editor) -> None:
    editor.notify("$/setTrace", {"value": "verbose"})
    editor.notify("textDocument/unheardOf", {})
    editor.notify("textDocument/didSave", {"textDocument": {"uri": "file:///work/a.py"}})


@in_module
async def test_a_second_initialize_is_refused(editor: Editor) -> None:
    assert (await refused(editor, "initialize", {"capabilities": {}})).code == -32600


@in_module
@pytest.mark.parametrize("method", ["test/fail", "test/failLater"])
async def test_a_failing_handler_tells_its_kind_and_place_alone(editor: Editor, method: str) -> None:
    refusal = await refused(editor, method, {})
    assert refusal.code == -32603
    assert refusal.message == "internal error: ValueError; see the server's log"
    assert CANARY not in await editor.complained(r"ValueError in <string>:\d+$")


@in_module
async def test_a_document_that_is_not_open_is_refused(editor: Editor) -> None:
    place = {"textDocument": {"uri": f"file:///work/{CANARY}.py"}, "position": {"line": 0, "character": 0}}
    refusal = await refused(editor, "textDocument/inlineCompletion", {**place, "context": {"triggerKind": 1}})
    assert CANARY not in refusal.message
    assert CANARY not in await editor.complained("NotOpenError")


@in_module
@pytest.mark.parametrize(
    ("body", "code"),
    [
        *((body, -32700) for body in ("{", "", "\udcff", "{} {}")),
        *((body, -32600) for body in ("[]", "null", "5", '{"method": 5}', '{"id": {}, "method": "x"}')),
        *((body, None) for body in ('{"id": null, "error": {"code": -32700, "message": ""}}', '{"id": {}}')),
        *((body, None) for body in ("{}", '{"id": 1}', '{"id": "a", "error": 1}', '{"method": "textDocument/hover"}')),
    ],
)
async def test_what_is_no_message_is_survived(editor: Editor, body: str, code: int | None) -> None:
    """It is answered where nothing tells that it was no request, to nobody in particular."""
    raw = body.encode(errors="surrogateescape")
    editor.write(b"Content-Length: %d\r\n\r\n%b" % (len(raw), raw))
    await editor.complained("is no message|not as the protocol says")
    await editor.lives()
    assert [error["code"] for error in editor.refused] == ([] if code is None else [code])
    editor.refused.clear()


@in_module
@pytest.mark.parametrize("method", ["initialized", "textDocument/didChange", "workspace/didChangeConfiguration"])
async def test_a_notification_that_asks_for_an_answer_is_refused(editor: Editor, method: str) -> None:
    assert (await refused(editor, method, {})).code == -32600


@in_module
async def test_an_id_that_is_used_twice_is_answered_twice(editor: Editor) -> None:
    command = {"command": "instant.status", "arguments": []}
    answers = [editor.ask("workspace/executeCommand", command) for _ in range(2)]
    editor.send({"id": "twice", "method": "workspace/executeCommand", "params": command})
    editor.send({"id": "twice", "method": "workspace/executeCommand", "params": command})
    for answer in answers:
        await in_time(answer)
    await editor.lives()
    assert [strange["id"] for strange in editor._strange] == ["twice", "twice"]
    editor._strange.clear()


@in_module
async def test_an_answer_to_nothing_is_ignored(editor: Editor) -> None:
    editor.send({"id": 999, "result": 1})
    editor.notify("$/cancelRequest", {"id": 999})


@in_module
async def test_nothing_else_gets_into_the_protocols_stream(editor: Editor) -> None:
    assert await editor.request("test/print", {}) == "printed"
    await editor.complained("by print")
    await editor.complained("by a child")


async def test_the_order_of_a_session_is_kept(tmp_path: Path) -> None:
    async with started(tmp_path) as editor:
        early = await refused(editor, "textDocument/hover", {"textDocument": {"uri": "a"}, "position": {}})
        assert early.code == -32002
        editor.notify("textDocument/didOpen", {"textDocument": {}})
        await editor.initialize()
        await editor.status("off")
        await editor.request("shutdown")
        late = await refused(editor, "workspace/executeCommand", {"command": "instant.status"})
        assert late.code == -32600
        editor.notify("exit", None)
        assert await editor.ended() == 0


@pytest.mark.parametrize("is_initialized", [False, True])
async def test_exit_without_shutdown_is_a_failure(tmp_path: Path, is_initialized: bool) -> None:
    async with started(tmp_path) as editor:
        if is_initialized:
            await editor.initialize()
            await editor.status("off")
        editor.notify("exit", None)
        assert await editor.ended() == 1


@pytest.mark.parametrize("last", ["", "shutdown", "exit"])
async def test_the_server_ends_while_a_document_is_being_opened(tmp_path: Path, last: str) -> None:
    async with started(tmp_path) as editor:
        await editor.initialize()
        await editor.status("off")
        editor.open("x =")
        if last == "shutdown":
            assert await editor.leave() == 0
            return
        if last == "exit":
            editor.notify("exit", None)
        editor.hang_up()
        assert await editor.ended() == (1 if last == "exit" else 0)


async def test_shutdown_is_answered_while_the_server_is_still_starting(tmp_path: Path) -> None:
    async with started(tmp_path) as editor:
        await editor.initialize()
        running = editor.ask("workspace/executeCommand", {"command": "instant.doctor", "arguments": []})
        assert await editor.leave() == 0
        with pytest.raises(ResponseError):
            await in_time(running)


async def test_a_stream_that_cannot_be_followed_ends_the_server(tmp_path: Path) -> None:
    async with started(tmp_path) as editor:
        editor.write(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        await editor.complained("a message has no Content-Length")
        await editor.ended()


@pytest.mark.parametrize("command", [SERVE, SCRIPT], ids=["module", "script"])
async def test_files_of_the_opened_folder_do_not_shadow_ours(tmp_path: Path, command: tuple[str, ...]) -> None:
    for name in ("context", "lsp_server", "pygls", "logging", "tree_sitter"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')\n", encoding="utf-8")
    async with started(tmp_path, *command) as editor:
        await editor.initialize()
        await editor.status("off")
        editor.open("def add(a, b):\n    return")
        await editor.lives()
        assert await editor.leave() == 0


async def test_notifications_that_are_over_leave_nothing_behind() -> None:
    protocol = InstantServer().protocol
    uri = {"uri": "file:///a.py"}
    document = {**uri, "languageId": "python", "version": 0, "text": "a = 1\n"}
    place = {"start": {"line": 0, "character": 0}, "end": {"line": 0, "character": 0}}
    change = {"textDocument": {**uri, "version": 1}, "contentChanges": [{"range": place, "text": "b"}]}
    for message in (
        {"id": 1, "method": "initialize", "params": {"processId": None, "rootUri": None, "capabilities": {}}},
        {"method": "textDocument/didOpen", "params": {"textDocument": document}},
        {"method": "textDocument/didChange", "params": change},
        {"method": "textDocument/didClose", "params": {"textDocument": uri}},
    ):
        protocol.receive(json.dumps({"jsonrpc": "2.0", **message}).encode())
    assert protocol._request_futures == {}
