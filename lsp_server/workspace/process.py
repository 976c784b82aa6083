"""The workspace's child: owns the mirror of the open documents and the order of its work; knows no editor.

What is wanted for the next completion comes first, then outlines and symbols of documents whose typing rests. It
reads until its input ends, whoever ended it.
"""

from __future__ import annotations

import os
import queue
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from context.codegraph.extract import extract
from context.codegraph.facts import FileFacts
from context.defined import Defined
from context.document import Edit, Snapshot
from context.languages import find
from context.outline import IncrementalTree, Span
from context.pipes import messages, send
from context.window import Budget
from lsp_server.whence import where
from lsp_server.workspace.index import Index
from lsp_server.workspace.indexing import Indexing
from lsp_server.workspace.messages import Event, Scope, Trouble
from lsp_server.workspace.survey import answer

_QUIET_S = 0.2
_NICE = 5
_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(slots=True)
class _Document:
    """An open document, and what was known of it when its typing last rested."""

    folder: str
    path: str
    language: str
    tree: IncrementalTree
    revision: int
    facts: FileFacts | None = None

    def text(self) -> str:
        """The text as it is now; half an emoji counts as one character, as for the server."""
        return _SURROGATES.sub("?", self.tree.text.decode("utf-8", "surrogatepass"))

    def snapshot(self, uri: str) -> Snapshot:
        """The same with what it is the text of."""
        return Snapshot(uri, self.path, self.language, self.revision, self.text())


class Desk:
    """The child's state, for one thread; `reply` sends a message to the server."""

    def __init__(self, reply: Callable[..., None], post: Callable[[tuple[Any, ...]], None]) -> None:
        self._reply = reply
        self._post = post
        self._documents: dict[str, _Document] = {}
        self._unparsed: dict[str, None] = {}
        self._wanted: tuple[str, int, Budget] | None = None
        self._place: tuple[str, int, Budget] | None = None
        self._index: Index | None = None
        self._indexing = Indexing(self._changed, lambda event: post(("event", event)))

    @property
    def is_wanted(self) -> bool:
        """Whether somebody is at a place of which nothing was said yet."""
        return self._wanted is not None

    @property
    def is_due(self) -> bool:
        """Whether a document has changed since its last parse."""
        return bool(self._unparsed)

    def take(self, kind: str, *rest: Any) -> None:
        """One message of the server's, or of our own threads."""
        match kind:
            case "scope":
                self._rescope(*rest)
            case "open":
                self._open(*rest)
            case "edit":
                self._edit(*rest)
            case "close":
                self._close(*rest)
            case "look":
                self._wanted = self._place = rest  # a newer place takes the older one's
            case "defined" | "used":
                _guarded(partial(self._define, kind, *rest), self._reply)
            case "survey" | "standing":
                buffers = {one.path: one.text() for one in self._documents.values() if one.folder == rest[1]}
                threading.Thread(target=self._survey, args=(kind, buffers, *rest), daemon=True).start()
            case "surveyed":
                self._reply("answer", *rest)
            case "changed":
                self._files_changed(*rest)
            case "renewed" if self._index:
                self._renew(*rest)
            case "event":
                self._reply("event", *rest)

    def search(self) -> None:
        """Finds what is wanted at the place where somebody is."""
        wanted, self._wanted = self._wanted, None
        index = self._index
        document = self._documents.get(wanted[0]) if wanted else None
        if wanted is None or document is None or index is None or not index.scope.is_enabled:
            return
        uri, offset, budget = wanted
        started = time.perf_counter()
        snapshot = document.snapshot(uri)
        snippets = index.find(document.folder, snapshot, min(offset, len(snapshot.text)), document.facts, budget)
        self._reply("snippets", uri, document.revision, snippets, (time.perf_counter() - started) * 1_000)
        is_unwatched = document.folder in index.scope.folders and not index.scope.is_watched
        # No editor watches a further root.
        for folder in (*index.scope.roots, *((document.folder,) if is_unwatched else ())):
            self._indexing.poll(folder)

    def parse_one(self) -> None:
        """Parses the document that has changed last, which is the one in view."""
        uri, _ = self._unparsed.popitem()
        document = self._documents[uri]
        outline = document.tree.outline()
        self._reply("outline", uri, document.revision, outline)
        if outline is not None and self._index is not None and self._index.scope.is_enabled:
            text = document.tree.text
            facts = extract(document.path, document.language, text, tree=document.tree.tree)
            is_new = document.facts is None or _names(facts) != _names(document.facts)
            document.facts = facts
            self._index.show(document.folder, facts, document.text())
            if is_new:
                self._index.renamed(document.path)
                if self._place is not None and self._place[0] != uri:
                    self._wanted = self._wanted or self._place

    def _define(self, kind: str, number: int, uri: str, span: Span, name: str | None) -> None:
        """Answers what the name in a span is defined as, or what the span uses; with nothing where nothing is known."""
        found: tuple[Defined, ...] = ()
        document, index = self._documents.get(uri), self._index
        try:
            if document and index and index.scope.is_enabled:
                snapshot, find = document.snapshot(uri), index.defined if kind == "defined" else index.used
                if name is None or snapshot.text[slice(*span)] == name:
                    found = tuple(find(document.folder, snapshot, document.facts, span))
        finally:
            self._reply("answer", number, found)

    def _survey(self, kind: str, buffers: dict[str, str], number: int, folder: str, *rest: Any) -> None:
        """In a thread of its own, since a large folder takes a while: answers what is asked of a folder's files."""
        found = None
        try:
            found = answer(kind, folder, buffers, *rest)
        except Exception as error:  # noqa: BLE001  told by its place alone
            self._post(("event", Trouble("", where(error))))
        finally:
            self._post(("surveyed", number, found))

    def _rescope(self, scope: Scope) -> None:
        self._index = Index(scope)
        self._indexing.refuse(scope.refused)
        for document in self._documents.values():
            if document.facts:
                self._index.show(document.folder, document.facts, document.text())
        if scope.is_enabled:
            for folder in (*scope.folders, *scope.roots):
                self._indexing.whole(folder)

    def _open(self, uri: str, revision: int, place: tuple[str, str], language: str, text: bytes) -> None:
        if row := find(language):
            self._documents[uri] = _Document(*place, language, IncrementalTree(row, text), revision)
            self._touch(uri)

    def _edit(self, uri: str, revision: int, start_byte: int, old_end_byte: int, new_bytes: bytes) -> None:
        document = self._documents[uri]
        if self._place is not None and self._place[0] == uri:
            self._place = None
        if self._index is not None:
            # Bytes as characters of their number: only lines are counted.
            edit = Edit(start_byte, old_end_byte, new_bytes.decode("latin-1"))
            self._index.edited(document.folder, document.path, document.tree.text.decode("latin-1"), edit)
        document.tree.edit(start_byte, old_end_byte, new_bytes)
        document.revision = revision
        self._touch(uri)

    def _close(self, uri: str) -> None:
        document = self._documents.pop(uri, None)
        self._unparsed.pop(uri, None)
        if document and self._index:
            self._index.hide(document.folder, document.path)
            self._index.forget([document.path])
            self._wanted = self._wanted or self._place

    def _touch(self, uri: str) -> None:
        self._unparsed.pop(uri, None)
        self._unparsed[uri] = None

    def _files_changed(self, paths: tuple[str, ...]) -> None:
        by_folder: dict[str, list[str]] = {}
        for path in paths:
            if self._index and (found := self._index.folder_of(path)):
                by_folder.setdefault(found[0], []).append(found[1])
        for folder, relative in by_folder.items():
            self._indexing.files(folder, relative)

    def _changed(self, folder: str, paths: Sequence[str]) -> None:
        """In a thread of the indexing: a store has changed."""
        index = self._index
        if index is None:
            return
        self._post(("renewed", folder, tuple(paths), None))
        if not paths or index.is_listing_changed(folder, paths):
            self._post(("renewed", folder, (), index.resolver(folder)))

    def _renew(self, folder: str, paths: tuple[str, ...], resolver: Any) -> None:
        """Something new may be known for the place where somebody is: of these files, or of all."""
        assert self._index is not None
        self._wanted = self._wanted or self._place
        if resolver is None:
            self._index.forget(paths)
        else:
            self._index.renew(folder, resolver)


def _names(facts: FileFacts) -> tuple[object, ...]:
    """What others see of a file."""
    return facts.symbols, facts.imports


def main() -> None:
    """The child."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr
    if hasattr(os, "nice"):
        os.nice(_NICE)

    def reply(*message: object) -> None:
        send(replies, message)

    inbox: queue.Queue[tuple[Any, ...]] = queue.Queue()
    desk = Desk(reply, inbox.put)
    threading.Thread(target=_listen, args=(inbox.put,), daemon=True).start()
    quiet_s = _QUIET_S
    while True:
        timeout_s = 0.0 if desk.is_wanted else quiet_s if desk.is_due else None
        try:
            desk.take(*inbox.get(timeout=timeout_s))
            quiet_s = _QUIET_S
        except queue.Empty:
            if desk.is_wanted:
                _guarded(desk.search, reply)
            else:
                _guarded(desk.parse_one, reply)
                quiet_s = 0.0  # it is still quiet: the next document that waits may follow at once


def _guarded(work: Callable[[], None], reply: Callable[..., None]) -> None:
    """A file that brings out a bug must not cost the outlines of all."""
    try:
        work()
    except Exception as error:  # noqa: BLE001  told by its place alone
        event: Event = Trouble("", where(error))
        reply("event", event)


def _listen(put: Callable[[tuple[Any, ...]], None]) -> None:
    for message in messages(sys.stdin.buffer):
        put(message)
    os._exit(0)
