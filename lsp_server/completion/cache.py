"""What the model has said for each document, whole or still arriving: owns its reuse; asks no model itself."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Iterator
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

    It is tied to that text, not to an offset, so that an edit elsewhere does not part it from its place. It is
    an answer for that place and for those behind it that it leads to, not for any before it. `shown_to` is how much
    of its text has been shown, 0 where nothing was.
    """

    before: str
    line: str
    after: str
    trigger: Trigger
    text: str = ""
    is_done: bool = False
    n_waiting: int = 0
    task: asyncio.Task[None] | None = None
    failure: Exception | None = None
    is_ahead: bool = False
    model: str = ""
    request_id: str = ""
    piece_chars: list[int] = field(default_factory=list)
    is_counted: bool = False
    shown_to: int = 0
    n_tokens_shown: int = 0
    number: int = field(default_factory=itertools.count(1).__next__)
    built_s: float = 0.0
    """What making its prompt took."""
    _shown: str = ""
    _shown_before: str = ""
    _shown_over: int = 0
    _shown_of: tuple[int, bool] = (0, False)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)
    _asked_s: float = field(default_factory=time.perf_counter)

    @classmethod
    def at(cls, snapshot: Snapshot, offset: int, trigger: Trigger, *, is_ahead: bool = False) -> Said:
        """An answer for `offset` of which nothing has been said yet."""
        start = snapshot.line_start(offset)
        return cls(
            before=snapshot.text[max(0, start - _BEFORE_CHARS) : start],
            line=snapshot.text[start:offset],
            after=_after(snapshot, offset),
            trigger=trigger,
            is_ahead=is_ahead,
        )

    @property
    def n_lines(self) -> int:
        """How many whole lines have been said so far."""
        return self.text.count("\n")

    @property
    def may_be_shown_in_part(self) -> bool:
        """Whether its first lines may be shown before the others are there; candidates to choose from are whole."""
        return self.trigger.shape != "line" and not self.trigger.is_invoked

    @property
    def age_s(self) -> float:
        """How long ago it was asked for."""
        return time.perf_counter() - self._asked_s

    def another(self, text: str) -> Said:
        """A further whole answer for the same place."""
        place = self.before, self.line, self.after, self.trigger
        return Said(*place, text, is_done=True, model=self.model, request_id=self.request_id)

    def update(self, text: str, *, is_done: bool = False) -> None:
        """Takes all that has been said so far and wakes who waits for it."""
        self.text = text
        self.is_done = is_done
        self._grown.set()
        self._grown = asyncio.Event()

    def give_up(self) -> None:
        """No more of it will come: what was shown stays, but half an answer must not be taken for a whole one."""
        self.is_counted = bool(self.shown_to)
        self.update(self.text[: self.shown_to], is_done=True)

    async def more(self) -> None:
        """Waits until something more was said or nothing more will come."""
        if not self.is_done:
            await self._grown.wait()

    def rest_at(self, snapshot: Snapshot, offset: int) -> str | None:
        """What this answer says from `offset` on, "" where it has yet to say it; None where the text disagrees."""
        typed = self._typed(snapshot, offset)
        if typed is None or not _agree(_after(snapshot, offset), self.after):
            return None
        if len(typed) < len(self.line):
            return None  # it was asked for ahead, or what it goes on from has been deleted since
        whole = self.line + self.text
        if whole.startswith(typed):
            return whole[len(typed) :]
        if not self.is_done:
            return "" if typed.startswith(whole) else None
        # What was shown may be indented in the document's own way, and so may be what was typed or accepted.
        return self._shown[len(typed) :] if self._shown.startswith(typed) else None

    def is_for(self, snapshot: Snapshot, offset: int) -> bool:
        """Whether it was this very place that was asked about."""
        return self._typed(snapshot, offset) == self.line

    def keep_shown(self, typed: str, text: str, following: str, over: int) -> None:
        """Remembers that behind `typed` it is `text` that was shown, in place of `over` characters of `following`."""
        self._shown = typed + text
        self._shown_before = following
        self._shown_over = over
        self._shown_of = self.n_lines, self.is_done

    @property
    def is_shown_as_it_is(self) -> bool:
        """Whether nothing more was said since what is shown was made."""
        return self._shown_of == (self.n_lines, self.is_done)

    def still_shown(self, typed: str, following: str) -> tuple[str, int] | None:
        """What is left of the text that was shown, and what it replaces, where all that was typed agrees with it."""
        if following != self._shown_before or not self._shown.startswith(typed):
            return None
        text = self._shown[len(typed) :]
        return (text, self._shown_over) if text else None

    def n_tokens_beyond(self, n_chars: int) -> int:
        """How many pieces, of which each is about a token, lie wholly in the last `n_chars` that were said."""
        n_pieces = 0
        for n in reversed(self.piece_chars):
            n_chars -= n
            if n_chars < 0:
                break
            n_pieces += 1
        return n_pieces

    def typed_at(self, snapshot: Snapshot, offset: int) -> str:
        """The text from the start of this answer's line up to `offset`, where it agrees with the answer."""
        return self._typed(snapshot, offset) or ""

    def may_hold(self, line: str) -> bool:
        """Whether `line`, what stands before the cursor on its line, is in this answer at all: quick, seldom wrong."""
        return not self.is_done or line in self.line + self.text or line in self._shown

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

    def at(self, snapshot: Snapshot, offset: int, model: str) -> Iterator[tuple[Said, str]]:
        """The answers that agree with the text at `offset`, the newest first, and what each says from there on.

        Those of another model than the one that is served now are left out.
        """
        line = snapshot.text[snapshot.line_start(offset) : offset]
        for said in reversed(self._documents.get(snapshot.uri, ())):
            is_of_another = bool(said.model and model and said.model != model)
            rest = said.rest_at(snapshot, offset) if said.may_hold(line) and not is_of_another else None
            if rest is not None and (rest or not said.is_done):
                yield said, rest

    def forget(self, uri: str) -> None:
        """Drops a document's answers."""
        self._documents.pop(uri, None)


def _after(snapshot: Snapshot, offset: int) -> str:
    """The text after `offset`, without the closing marks that an editor adds and removes by itself."""
    return snapshot.text[offset : offset + 2 * _AFTER_CHARS].lstrip(_CLOSED_BY_EDITORS)


def _agree(one: str, other: str) -> bool:
    return one[:_AFTER_CHARS] == other[:_AFTER_CHARS]
