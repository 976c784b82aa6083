"""What the model has said for each document, whole or still arriving: owns its reuse; asks no model itself."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field

from cachetools import LRUCache

from context import Snapshot
from lsp_server.completion.trigger import Trigger

MAX_SAID = 64
"""Answers kept for one document."""
MAX_DOCUMENTS = 64

_BEFORE_CHARS = 200
_AFTER_CHARS = 60
_CLOSED_BY_EDITORS = ")]}>\"'` \t"


@dataclass(slots=True, eq=False)
class Said:
    """One raw answer of the model, with \\n line breaks, and the text around the line it was given for.

    It is tied to that text, not to an offset, so that an edit elsewhere does not part it from its place.
    """

    before: str
    line: str
    after: str
    trigger: Trigger
    text: str = ""
    is_done: bool = False
    is_awaited: bool = True
    task: asyncio.Task[None] | None = None
    failure: Exception | None = None
    _shown: str = ""
    _shown_before: str = ""
    _grown: asyncio.Event = field(default_factory=asyncio.Event)

    @classmethod
    def at(cls, snapshot: Snapshot, offset: int, trigger: Trigger) -> Said:
        """An answer for `offset` of which nothing has been said yet."""
        start = snapshot.line_start(offset)
        return cls(
            before=snapshot.text[max(0, start - _BEFORE_CHARS) : start],
            line=snapshot.text[start:offset],
            after=_after(snapshot, offset),
            trigger=trigger,
        )

    def update(self, text: str, *, is_done: bool = False) -> None:
        """Takes all that has been said so far and wakes who waits for it."""
        self.text = text
        self.is_done = is_done
        self._grown.set()
        self._grown = asyncio.Event()

    async def more(self) -> None:
        """Waits until something more was said or nothing more will come."""
        if not self.is_done:
            await self._grown.wait()

    def rest_at(self, snapshot: Snapshot, offset: int) -> str | None:
        """What this answer says from `offset` on, "" where it has yet to say it; None where the text disagrees."""
        typed = self._typed(snapshot, offset)
        if typed is None or not _agree(_after(snapshot, offset), self.after):
            return None
        whole = self.line + self.text
        if whole.startswith(typed):
            return whole[len(typed) :]
        return "" if not self.is_done and typed.startswith(whole) else None

    def keep_shown(self, rest: str, text: str, following: str) -> None:
        """Remembers that of `rest` it is `text` that was shown, before `following` on the cursor's line."""
        self._shown = self._whole_up_to(rest) + text
        self._shown_before = following

    def still_shown(self, rest: str, following: str) -> str | None:
        """What is left of the text that was shown, where all that was typed since agrees with it."""
        typed = self._whole_up_to(rest)
        if following != self._shown_before or not self._shown.startswith(typed):
            return None
        return self._shown[len(typed) :] or None

    def _whole_up_to(self, rest: str) -> str:
        whole = self.line + self.text
        return whole[: len(whole) - len(rest)]

    def may_hold(self, line: str) -> bool:
        """Whether `line`, what stands before the cursor on its line, is in this answer at all: quick, seldom wrong."""
        return not self.is_done or line in self.line + self.text

    def _typed(self, snapshot: Snapshot, offset: int) -> str | None:
        """The text from the start of this answer's line up to `offset`; None where that line is elsewhere."""
        if len(self.before) < _BEFORE_CHARS:  # the line is near the document's beginning
            start = len(self.before) if snapshot.text.startswith(self.before) else -1
        else:
            reach = _BEFORE_CHARS + 2 * len(self.line) + 2 * len(self.text) + 200
            start = snapshot.text.rfind(self.before, max(0, offset - reach), offset) + _BEFORE_CHARS
            if start < _BEFORE_CHARS:
                start = -1
        if not 0 <= start <= offset:
            return None
        return snapshot.text[start:offset].replace("\r\n", "\n")


class Memory:
    """The answers of all open documents; the oldest are forgotten first."""

    def __init__(self) -> None:
        self._documents: LRUCache[str, deque[Said]] = LRUCache(MAX_DOCUMENTS)

    def put(self, uri: str, said: Said) -> None:
        """Keeps an answer, whole or still arriving."""
        self._documents.setdefault(uri, deque(maxlen=MAX_SAID)).append(said)

    def find(self, snapshot: Snapshot, offset: int) -> tuple[Said, str] | None:
        """The newest answer that agrees with the text at `offset`, and what it says from there on."""
        line = snapshot.text[snapshot.line_start(offset) : offset]
        for said in reversed(self._documents.get(snapshot.uri, ())):
            rest = said.rest_at(snapshot, offset) if said.may_hold(line) else None
            if rest is not None and (rest or not said.is_done):
                return said, rest
        return None

    def forget(self, uri: str) -> None:
        """Drops a document's answers."""
        self._documents.pop(uri, None)


def _after(snapshot: Snapshot, offset: int) -> str:
    """The text after `offset`, without the closing marks that an editor adds and removes by itself."""
    return snapshot.text[offset : offset + 2 * _AFTER_CHARS].lstrip(_CLOSED_BY_EDITORS)


def _agree(one: str, other: str) -> bool:
    return one[:_AFTER_CHARS] == other[:_AFTER_CHARS]
