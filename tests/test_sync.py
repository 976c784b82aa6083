"""Document sync by any sequence of messages, as bytes off the wire: the text is what a plain string would be.

The model in test_text_buffer knows positions by walking over the text; here messages of every kind, right and wrong,
come in any order, for several documents, under every position encoding.
"""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule
from lsprotocol import types
from marks import CURSOR
from pygls.lsp.server import LanguageServer
from scripted_endpoint import ScriptedEndpoint
from test_text_buffer import CHARS, ENCODINGS, joined, model_offset, model_position
from wire import Kind, in_time, open_editor

from lsp_server.documents import Documents, NotOpenError
from lsp_server.text_buffer import Encoding
from lsp_server.transport import Protocol

URIS = ("file:///work/a.py", "file:///work/b%20c.py", "untitled:new")
texts = st.lists(st.sampled_from([*CHARS, "word", "\r\n\r\n"]), max_size=14).map("".join)
positions = st.tuples(st.integers(0, 9), st.integers(0, 12))
edits = st.lists(st.tuples(positions, positions, texts), min_size=1, max_size=4)
versions = st.integers(-3, 2**31 - 1)


class Receiver(LanguageServer):
    """A server of documents alone, which is handed messages as they come over the wire."""

    def __init__(self, encoding: Encoding) -> None:
        super().__init__("test", "1", protocol_cls=Protocol)

        @self.feature(types.INITIALIZE)
        def begin(params: types.InitializeParams) -> None:
            self.protocol._workspace = Documents.from_workspace(self.workspace)

        @self.feature(types.TEXT_DOCUMENT_DID_SAVE)
        def saved(params: types.DidSaveTextDocumentParams) -> None:
            if params.text is not None:
                self.documents.resynchronise(params.text_document.uri, params.text)

        capabilities = {"general": {"positionEncodings": [encoding]}}
        self.send("initialize", {"capabilities": capabilities, "rootUri": "file:///work"}, id=1)

    @property
    def documents(self) -> Documents:
        assert isinstance(self.workspace, Documents)
        return self.workspace

    def send(self, method: str, params: Any, **more: Any) -> None:
        self.protocol.receive(json.dumps({"jsonrpc": "2.0", "method": method, "params": params, **more}).encode())


class Sync(RuleBasedStateMachine):
    """Any messages of a client; `model` is what each open document's text is."""

    opened = Bundle("opened")

    @initialize(encoding=st.sampled_from(ENCODINGS))
    def begin(self, encoding: Encoding) -> None:
        self.encoding = encoding
        self.server = Receiver(encoding)
        self.model: dict[str, str] = {}
        self.versions: dict[str, int] = {}

    @rule(target=opened, uri=st.sampled_from(URIS), text=texts, version=versions)
    def open(self, uri: str, text: str, version: int) -> str:
        """Also of a document that is open already, which then is what was opened last."""
        document = {"uri": uri, "languageId": "python", "version": version, "text": text}
        self.server.send("textDocument/didOpen", {"textDocument": document})
        self.model[uri], self.versions[uri] = joined(text), version
        return uri

    @rule(uri=opened, changes=edits, step=st.integers(-2, 3))
    def change(self, uri: str, changes: list[Any], step: int) -> None:
        """By ranges that lie inside or outside; the version goes on as it should, stays, or goes back."""
        if uri not in self.model:
            return
        version = self.versions[uri] + step
        events = [{"range": _range(start, end), "text": text} for start, end, text in changes]
        self._changed(uri, version, events)
        text = self.model[uri]
        for start, end, new in changes:
            first, last = sorted(model_offset(text, *place, self.encoding) for place in (start, end))
            text = joined(text[:first] + new + text[last:])
        self.model[uri], self.versions[uri] = text, version

    @rule(uri=opened, text=texts, version=versions)
    def replace(self, uri: str, text: str, version: int) -> None:
        """A change without a range."""
        if uri in self.model:
            self._changed(uri, version, [{"text": text}])
            self.model[uri], self.versions[uri] = joined(text), version

    @rule(uri=opened, text=texts)
    def save(self, uri: str, text: str) -> None:
        """With the text that the client has, whatever we took it for."""
        if uri in self.model:
            self.server.send("textDocument/didSave", {"textDocument": {"uri": uri}, "text": text})
            self.model[uri] = joined(text)

    @rule(uri=opened)
    def save_without_text(self, uri: str) -> None:
        self.server.send("textDocument/didSave", {"textDocument": {"uri": uri}})

    @rule(uri=consumes(opened))
    def close(self, uri: str) -> None:
        self.server.send("textDocument/didClose", {"textDocument": {"uri": uri}})
        self.model.pop(uri, None)

    @rule(uri=st.sampled_from(URIS), changes=edits)
    def change_what_is_closed(self, uri: str, changes: list[Any]) -> None:
        if uri not in self.model:
            self._changed(uri, 1, [{"range": _range(start, end), "text": text} for start, end, text in changes])

    @rule(uri=st.sampled_from(URIS), wrong=st.sampled_from([None, 5, {}, [], {"range": None}, [{"text": 5}]]))
    def change_by_nonsense(self, uri: str, wrong: Any) -> None:
        self.server.send("textDocument/didChange", {"textDocument": {"uri": uri}, "contentChanges": wrong})

    @invariant()
    def texts_are_alike(self) -> None:
        for uri in URIS if hasattr(self, "model") else ():
            if uri not in self.model:
                with pytest.raises(NotOpenError):
                    self.server.documents.snapshot(uri)
                continue
            snapshot = self.server.documents.snapshot(uri)
            assert (snapshot.text, snapshot.version) == (self.model[uri], self.versions[uri])
            for offset in {0, len(snapshot.text) // 2, len(snapshot.text)}:
                row, column = model_position(snapshot.text, offset, self.encoding)
                assert self.server.documents.position_of(snapshot, offset) == types.Position(row, column)

    def _changed(self, uri: str, version: int, events: list[Any]) -> None:
        identifier = {"uri": uri, "version": version}
        self.server.send("textDocument/didChange", {"textDocument": identifier, "contentChanges": events})


def _range(start: tuple[int, int], end: tuple[int, int]) -> dict[str, Any]:
    return {name: {"line": row, "character": column} for name, (row, column) in (("start", start), ("end", end))}


TestSync = Sync.TestCase
TestSync.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)


@pytest.mark.parametrize("kind", ["neovim", "vscode"])
async def test_a_real_server_has_the_editors_text_after_any_typing(kind: Kind, tmp_path: Any) -> None:
    typed = random.Random(7)
    pieces = ["a", "漢", "😀", "\n", "\r\n", "\r", "\t", "\f", "\x85", "\u2028", "é"]
    async with ScriptedEndpoint() as endpoint, open_editor(kind, tmp_path, url=endpoint.url) as editor:
        await editor.status("ready")
        document = editor.open(f"x = 1\n{CURSOR}", name="a.py")
        for _ in range(300):
            start = typed.randrange(len(document.text) + 1)
            end = min(len(document.text), start + typed.choice([0, 0, 0, 1, 2, 5]))
            if "\r\n" in (document.text[start - 1 : start + 1], document.text[end - 1 : end + 1]):
                continue  # no editor stands there
            document.replace(start, end, typed.choice(pieces) * typed.choice([1, 1, 2]))
        await check_prompt(document, endpoint)
        document.version -= 7
        document.replace(0, 0, "y = 2\n")
        await check_prompt(document, endpoint)


async def check_prompt(document: Any, endpoint: ScriptedEndpoint) -> None:
    """What a completion at the end sends is the text as the editor has it."""
    document.replace(len(document.text), len(document.text), "\nz =")
    document.cursor = len(document.text)
    await in_time(document.complete(is_invoked=True))
    sent = str(endpoint.of("/v1/completions")[-1].body["prompt"])
    prefix = document.text.replace("\r\n", "\n").replace("\r", "\n")
    assert f"{prefix}<|fim_suffix|>" in sent


async def test_a_text_that_is_out_of_step_is_right_again_when_it_is_saved(tmp_path: Any) -> None:
    async with ScriptedEndpoint() as endpoint, open_editor("vscode", tmp_path, url=endpoint.url) as editor:
        await editor.status("ready")
        assert editor.server["capabilities"]["textDocumentSync"]["save"] == {"includeText": True}
        document = editor.open("x = 1\n", name="a.py")
        document.text = "total = 2\n"  # a change that the server was never told of
        editor.notify("textDocument/didSave", {"textDocument": {"uri": document.uri}, "text": document.text})
        await editor.complained("out of step")
        await check_prompt(document, endpoint)


async def test_an_answer_for_another_text_is_not_shown_though_the_version_is_the_same(tmp_path: Any) -> None:
    async with ScriptedEndpoint() as endpoint, open_editor("vscode", tmp_path, url=endpoint.url) as editor:
        await editor.status("ready")
        document = editor.open("x =", name="a.py")
        stale = document.complete()
        document.version -= 1
        document.replace(0, 3, "while True:\n    pass")
        assert await in_time(stale) is None
