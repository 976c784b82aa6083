"""Clients that do not keep to the protocol: whatever they send, each request has one answer and the server lives on.

A fuzz for a bounded number of messages, over the wire of one real server: well-formed messages that make no sense,
messages that are malformed, and requests whose ids are used twice, cancelled, or answered to nobody.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st
from scripted_endpoint import ScriptedEndpoint
from wire import DEADLINE_S, SERVE, Editor, in_time, own_environment, start

METHODS = (
    *("textDocument/didOpen", "textDocument/didChange", "textDocument/didClose", "textDocument/didSave"),
    *("textDocument/inlineCompletion", "textDocument/hover", "textDocument/codeAction", "codeAction/resolve"),
    *("workspace/executeCommand", "workspace/didChangeConfiguration", "workspace/didChangeWatchedFiles"),
    *("workspace/didChangeWorkspaceFolders", "window/workDoneProgress/cancel", "$/cancelRequest", "$/setTrace"),
    *("instant/didMoveCursor", "textDocument/didShowCompletion", "initialize", "initialized", "unheard/of", ""),
    *("notebookDocument/didOpen", "notebookDocument/didChange", "notebookDocument/didClose"),
)
COMMANDS = ("instant.status", "instant.explain", "instant.fix", "instant.showContext", "instant.toggleThinking", "no")
URIS = st.sampled_from(["file:///work/a.py", "file:///work/.env", "untitled:x", "", "file:///%00", "\ud800", "::"])
numbers = st.one_of(st.integers(-2, 5), st.sampled_from([2**31, -(2**63), 2**64, 10**30]), st.floats())
scalars = st.one_of(st.none(), st.booleans(), numbers, st.text(max_size=8), URIS)
anything = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
positions = st.fixed_dictionaries({"line": numbers | anything, "character": numbers | anything})
ranges = st.fixed_dictionaries({"start": positions | anything, "end": positions | anything})
texts = st.text(max_size=20)
params = st.one_of(
    anything,
    st.fixed_dictionaries(
        {},
        optional={
            "textDocument": st.fixed_dictionaries(
                {"uri": URIS}, optional={"version": numbers, "languageId": texts, "text": texts}
            )
            | anything,
            "position": positions,
            "range": ranges,
            "context": st.fixed_dictionaries({"triggerKind": numbers, "diagnostics": st.lists(anything, max_size=2)}),
            "contentChanges": st.lists(st.fixed_dictionaries({"text": texts}, optional={"range": ranges}), max_size=3)
            | anything,
            "command": st.sampled_from(COMMANDS) | anything,
            "arguments": st.lists(anything, max_size=3) | anything,
            "data": anything,
            "title": texts,
            "id": st.integers(0, 30),
            "event": anything,
            "changes": anything,
            "settings": anything,
        },
    ),
)
messages = st.fixed_dictionaries(
    {"method": st.sampled_from(METHODS) | texts, "params": params},
    optional={"id": st.integers(0, 30) | st.text(max_size=3), "jsonrpc": anything},
)
answers = st.fixed_dictionaries({"id": anything}, optional={"result": anything, "error": anything})
malformed = st.one_of(st.binary(max_size=40), anything.map(lambda one: json.dumps(one).encode()))
wire = st.lists(st.one_of(messages, messages, answers, malformed), min_size=1, max_size=12)


N_BATCHES = int(os.environ.get("INSTANT_LSP_FUZZ_BATCHES", "60"))
"""The same ones each time, unless somebody wants more of them."""


class Listener(Editor):
    """A client that looks at nothing but the ids of what it is answered."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.answered: list[Any] = []
        super().__init__(process, "vscode")

    def _take(self, message: dict[str, Any]) -> None:
        if "method" in message and "id" in message:
            self.send({"id": message["id"], "result": None})
        elif "method" not in message:
            self.answered.append(message.get("id"))
            self._heard.set()
            if (future := self._pending.pop(message.get("id"), None)) is not None:
                future.set_result(message.get("result"))

    def post(self, message: Any) -> list[Any]:
        """Sends one, whatever it is; the id that an answer to it must have, if there must be one."""
        if isinstance(message, bytes):
            self.write(b"Content-Length: %d\r\n\r\n%b" % (len(message), message))
            return []
        sent = {key: _own_id(value) if key == "id" else value for key, value in message.items()}
        if message.get("method") == "$/cancelRequest" and isinstance(message["params"], dict):
            sent["params"] = {"id": _own_id(message["params"].get("id"))}
        body = json.dumps(sent).encode()
        self.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        return [sent["id"]] if "id" in sent and "method" in sent else []

    async def until_answered(self, asked: Counter[Any]) -> None:
        """Waits until each id has as many answers as there were requests with it."""
        async with asyncio.timeout(DEADLINE_S):
            while asked - Counter(id_ for id_ in self.answered if id_ in asked):
                self._heard.clear()
                await self._heard.wait()


def _own_id(given: Any) -> Any:
    """An id that is no other request's of this client."""
    return given + 10_000 if isinstance(given, int) else f"fuzz {given}" if isinstance(given, str) else given


async def check_answered(listener: Listener, batch: list[Any]) -> None:
    """Each request of the batch has one answer, and the server answers the next one as ever."""
    listener.answered.clear()
    asked: Counter[Any] = Counter()
    for message in batch:
        asked.update(listener.post(message))
    await listener.until_answered(asked)
    status = await in_time(listener.ask("workspace/executeCommand", {"command": "instant.status"}))
    assert "state" in status
    assert Counter(id_ for id_ in listener.answered if id_ in asked) == asked


@pytest.fixture(scope="module")
def loop() -> Iterator[asyncio.AbstractEventLoop]:
    """The loop that all examples share with the client."""
    loop = asyncio.new_event_loop()
    yield loop
    loop.close()


@pytest.fixture(scope="module")
def listener(loop: asyncio.AbstractEventLoop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Listener]:
    home = tmp_path_factory.mktemp("home")
    endpoint = loop.run_until_complete(ScriptedEndpoint().__aenter__())
    environment = own_environment(home, INSTANT_LSP_ENDPOINT_INSTANT_URL=endpoint.url)

    async def begun() -> Listener:
        client = Listener(await start(SERVE, environment, home))
        await client.initialize()
        return client

    client = loop.run_until_complete(begun())
    yield client
    try:
        assert loop.run_until_complete(client.leave()) == 0
    finally:
        loop.run_until_complete(client.kill())
        loop.run_until_complete(endpoint.stop())


@settings(max_examples=N_BATCHES, derandomize=N_BATCHES == 60, deadline=None, phases=[Phase.explicit, Phase.generate])
@given(batch=wire)
@example(batch=[{"method": "textDocument/hover", "params": {}, "id": 1}] * 3)
@example(batch=[{"method": "workspace/executeCommand", "params": {"command": "instant.status"}, "id": 1}] * 3)
@example(batch=[{"method": "textDocument/didOpen", "params": {"textDocument": {"uri": "\ud800", "text": "\udfff"}}}])
def test_any_messages_are_survived_and_every_request_is_answered_once(
    loop: asyncio.AbstractEventLoop, listener: Listener, batch: list[Any]
) -> None:
    loop.run_until_complete(check_answered(listener, batch))


def test_nothing_of_it_has_failed_inside(listener: Listener) -> None:
    """What is wrong is refused at the door; an internal error would be a defect of ours."""
    failed = [line for line in listener._complaints if "failed: " in line and "NotOpenError" not in line]
    assert failed == []
