"""The server's end of the workspace: owns what was found for each open document, ready before it is asked for.

The child that parses, indexes and searches is told of every document, edit and place of the cursor; what it finds
arrives when it arrives. Nobody waits for it, and without it everything is as if nothing had been found.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from context.defined import Defined
from context.document import Snapshot
from context.outline import Outline, Span
from context.proposal import Proposal, Standing
from context.window import Budget, Snippet
from lsp_server.workspace.child import Child
from lsp_server.workspace.messages import Event, Scope, Survey
from lsp_server.workspace.outlines import Change, Outlines
from lsp_server.workspace.questions import Questions

REST_S = 0.15
"""How long the typing rests before what the next lines need is looked for again."""

_MAX_MOVES = 500
_SURVEY_S = 20.0


class Room(NamedTuple):
    """What a prompt may cost; `is_steady` where a prompt that changes costs more than a better one gains."""

    budget: Budget = Budget(2_048)
    is_steady: bool = False


@dataclass(slots=True)
class _Found:
    """The snippets for one document; `moves` are edits that moved its lines: revision, line, number of lines."""

    snippets: tuple[Snippet, ...] = ()
    moves: deque[tuple[int, int, int]] = field(default_factory=lambda: deque(maxlen=_MAX_MOVES))


class Workspace:
    """Its methods never wait; the child starts with the first document or folder, and again if it dies."""

    def __init__(self, on_event: Callable[[Event], None] = lambda event: None, room: Callable[[], Room] = Room) -> None:
        self._on_event = on_event
        self._room = room
        self._scope = Scope()
        self._child = Child(
            "lsp_server.workspace.process", on_start=self._started, on_message=self._take, on_end=self._ended
        )
        self._questions = Questions(self._child.send)
        self._outlines = Outlines(self._child.send)
        self.outline: Callable[[str], Outline | None] = self._outlines.outline
        self.near: Callable[[str, int], Outline | None] = self._outlines.near
        self._paths: dict[str, str] = {}
        self._found: dict[str, _Found] = {}
        self._looked: tuple[str, int, int] | None = None
        self._typed: tuple[str, int] | None = None
        self._typed_at_s = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.search_ms: float | None = None
        """How long the child took to find the last snippets."""

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._child.pid

    def configure(self, scope: Scope) -> None:
        """What is to be indexed from now on."""
        if scope == self._scope:
            return
        self._scope = scope
        if not scope.is_enabled:
            for found in self._found.values():
                found.snippets = ()
        self._child.send("scope", scope)
        if scope.is_enabled and (scope.folders or scope.roots):
            self._child.start()

    def open(self, snapshot: Snapshot, folder: str) -> None:
        """Follows a document; `folder` is the workspace's folder that holds it, "" if none does."""
        uri = snapshot.uri
        self._paths[uri] = snapshot.path
        self._found[uri] = _Found()
        if self._outlines.open(uri, folder, snapshot.path, snapshot.language, snapshot.text):
            self._child.start()
            self._look(uri, 0, 0)

    def edit(self, uri: str, change: Change) -> None:
        """Takes over one change; documents that are not followed are ignored."""
        applied = self._outlines.edit(uri, change)
        if applied is None:
            return
        revision, line, n_added = applied
        if n_added and (found := self._found.get(uri)):
            found.moves.append((revision, line, n_added))
            found.snippets = self._moved(uri, found.snippets, line, n_added)
        if self._looked is not None and self._looked[0] != uri:
            self._looked = None  # what another document needs may be in this one
        self._typed = uri, change.edit.start + len(change.edit.text)
        loop = asyncio.get_running_loop()
        self._typed_at_s = loop.time()
        if self._timer is None:
            self._timer = loop.call_later(REST_S, self._rested)

    def close(self, uri: str) -> None:
        """Forgets a document."""
        self._outlines.close(uri)
        self._found.pop(uri, None)
        self._paths.pop(uri, None)

    def look(self, snapshot: Snapshot, offset: int) -> None:
        """The cursor is at a place; if that is another line than before, what is needed there is looked for."""
        uri, line_start = snapshot.uri, snapshot.line_start(offset)
        if self._typed is not None and self._typed[0] != uri:
            self._typed = None  # the developer has gone on to another document
        if self._looked is None or (self._looked[0], self._looked[2]) != (uri, line_start):
            self._look(uri, offset, line_start)

    def changed(self, paths: Sequence[str]) -> None:
        """Files (absolute paths) that were saved, made, changed or deleted."""
        if self._scope.is_enabled and paths:
            self._child.send("changed", tuple(paths))

    def snippets(self, uri: str) -> tuple[Snippet, ...]:
        """What was found for a document, the best first; the same ones in the same order while they are needed."""
        found = self._found.get(uri)
        return found.snippets if found else ()

    async def defined(self, snapshot: Snapshot, start: int, end: int, deadline_s: float) -> Sequence[Defined]:
        """What the name from `start` to `end` is defined as, as far as that is known and told in time."""
        return await self._define("defined", snapshot, Span(start, end), snapshot.text[start:end], deadline_s)

    async def used(self, snapshot: Snapshot, start: int, end: int, deadline_s: float) -> Sequence[Defined]:
        """What a stretch uses of other files, as far as that is known and told in time."""
        return await self._define("used", snapshot, Span(start, end), None, deadline_s)

    async def survey(self, folder: str, subject: str, pattern: str, stem: str) -> Survey:
        """The files of tests for the code in the file `subject` of a folder; see `survey.survey`."""
        found = await self._questions.ask("survey", folder, subject, pattern, stem, deadline_s=_SURVEY_S)
        return found or Survey()

    async def standing(self, folder: str, proposal: Proposal) -> Standing:
        """How a text that is to be written would stand in a folder; nothing is missing where nobody knows."""
        found = await self._questions.ask("standing", folder, proposal, deadline_s=_SURVEY_S)
        return found or Standing()

    async def aclose(self) -> None:
        """Ends the child and forgets all documents."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._outlines.close_all()
        self._found.clear()
        await self._child.aclose()

    async def _define(
        self, kind: str, snapshot: Snapshot, span: Span, name: str | None, deadline_s: float
    ) -> Sequence[Defined]:
        if not self._scope.is_enabled or snapshot.uri not in self._outlines:
            return ()
        found = await self._questions.ask(kind, snapshot.uri, span, name, deadline_s=deadline_s)
        return tuple(found or ())

    def _look(self, uri: str, offset: int, line_start: int) -> None:
        self._looked = uri, offset, line_start
        if self._scope.is_enabled and uri in self._outlines:
            self._child.send("look", uri, offset, self._room().budget)

    def _rested(self) -> None:
        """The timer's end; it runs on while somebody types."""
        loop = asyncio.get_running_loop()
        left_s = self._typed_at_s + REST_S - loop.time()
        if left_s > 0:
            self._timer = loop.call_later(left_s, self._rested)
            return
        self._timer = None
        if self._typed is None:
            return
        uri, offset = self._typed
        self._typed = None
        is_same_line = self._looked is not None and self._looked[0] == uri
        if not (is_same_line and self._room().is_steady):
            self._look(uri, offset, self._looked[2] if self._looked and self._looked[0] == uri else -1)

    def _moved(self, uri: str, snippets: tuple[Snippet, ...], line: int, n_added: int) -> tuple[Snippet, ...]:
        """Snippets of the document itself go along with its lines."""
        own = self._paths.get(uri)
        return tuple(
            replace(one, line=max(0, one.line + n_added)) if one.path == own and one.line > line else one
            for one in snippets
        )

    def _started(self) -> None:
        self._child.send("scope", self._scope)
        self._outlines.send_all()
        if self._looked is not None:
            self._look(*self._looked)

    def _ended(self) -> None:
        self._outlines.lose_child()
        self._questions.lose_child()

    def _take(self, message: tuple[Any, ...]) -> None:
        match message:
            case ("outline", uri, revision, outline):
                self._outlines.take(uri, revision, outline)
            case ("snippets", uri, revision, snippets, search_ms):
                self._take_snippets(uri, revision, snippets, search_ms)
            case ("answer", number, answer):
                self._questions.take(number, answer)
            case ("event", event):
                self._on_event(event)

    def _take_snippets(self, uri: str, revision: int, snippets: tuple[Snippet, ...], search_ms: float) -> None:
        found = self._found.get(uri)
        if found is None or not self._scope.is_enabled:
            return
        self.search_ms = search_ms
        while found.moves and found.moves[0][0] <= revision:
            found.moves.popleft()
        for _, line, n_added in found.moves:
            snippets = self._moved(uri, snippets, line, n_added)
        found.snippets = snippets
