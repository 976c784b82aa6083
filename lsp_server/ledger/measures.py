"""What a metric may say: owns the kinds of rows and what each adds to the counters; no field can hold text of a file.

An Answer is what a developer got, a Request what the endpoint was sent for it: an answer from memory has none, one
fetched ahead has one that nobody asked for yet. What becomes of an answer later is told by its row's number.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import time
from typing import Literal

from lsp_server.ledger.entries import name

Outcome = Literal["shown", "nothing", "superseded", "cancelled", "failed"]
Source = Literal["", "memory", "running", "asked"]
"""Where a completion came from: an answer that was known, one that ran already, or one it was asked for."""

Added = tuple[str, tuple[tuple[str, str], ...], float]
"""A counter's name, its labels, and what is added to it."""

BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


@dataclass(slots=True)
class Answer:
    """What a developer got for one question, filled while it is answered.

    `own_ms` is our own work, `total_ms` from the question to the answer. `shown_chars` are those of a text that was
    not shown before: what is typed through is shown once. `error` is an error's kind.
    """

    feature: str
    language: str
    tier: str = "instant"
    model: str = ""
    source: Source = ""
    outcome: Outcome = "shown"
    error: str = ""
    own_ms: float | None = None
    total_ms: float | None = None
    shown_chars: int = 0
    accepted_chars: int = 0
    time: float = field(default_factory=time)
    row: int = field(default_factory=lambda: secrets.randbits(62))

    def statement(self) -> tuple[str, tuple[object, ...]]:
        """How it is stored."""
        sql = "INSERT INTO answers VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL)"
        named = (self.feature, name(self.language), self.tier, name(self.model), self.source, self.outcome, self.error)
        times = (_rounded(self.own_ms), _rounded(self.total_ms))
        return sql, (self.row, self.time, *named, *times, self.shown_chars, self.accepted_chars)

    def added(self) -> Iterator[Added]:
        """What it adds to the counters."""
        whose = ("feature", self.feature), ("language", name(self.language))
        yield "answers_total", (*whose, ("source", self.source), ("outcome", self.outcome)), 1
        yield "shown_total", whose, float(self.shown_chars > 0)
        yield "shown_chars_total", whose, self.shown_chars
        if self.outcome in ("shown", "nothing"):
            yield from _observed("answer_own_seconds", whose[:1], self.own_ms)
            yield from _observed("answer_seconds", whose[:1], self.total_ms)


@dataclass(frozen=True, slots=True)
class Accepted:
    """So many characters of an answer have been taken by now; the first time its `n_before` is 0."""

    row: int
    feature: str
    language: str
    n_chars: int
    n_before: int = 0

    def statement(self) -> tuple[str, tuple[object, ...]]:
        """How it is stored."""
        return "UPDATE answers SET accepted_chars = ? WHERE row = ?", (self.n_chars, self.row)

    def added(self) -> Iterator[Added]:
        """What it adds to the counters."""
        whose = ("feature", self.feature), ("language", name(self.language))
        yield "accepted_total", whose, float(not self.n_before)
        yield "accepted_chars_total", whose, self.n_chars - self.n_before


@dataclass(frozen=True, slots=True)
class Grown:
    """So many characters more of an answer are shown, whose first lines were shown before."""

    row: int
    feature: str
    language: str
    n_chars: int

    def statement(self) -> tuple[str, tuple[object, ...]]:
        """How it is stored."""
        return "UPDATE answers SET shown_chars = shown_chars + ? WHERE row = ?", (self.n_chars, self.row)

    def added(self) -> Iterator[Added]:
        """What it adds to the counters."""
        whose = ("feature", self.feature), ("language", name(self.language))
        yield "shown_chars_total", whose, self.n_chars


@dataclass(frozen=True, slots=True)
class Left:
    """So many of an accepted answer's characters still stand, some time after; of other parts of it `n_before`."""

    row: int
    feature: str
    language: str
    n_chars: int
    n_before: int = 0

    def statement(self) -> tuple[str, tuple[object, ...]]:
        """How it is stored."""
        return "UPDATE answers SET kept_chars = ? WHERE row = ?", (self.n_chars, self.row)

    def added(self) -> Iterator[Added]:
        """What it adds to the counters."""
        whose = ("feature", self.feature), ("language", name(self.language))
        yield "kept_chars_total", whose, self.n_chars - self.n_before


@dataclass(frozen=True, slots=True)
class Request:
    """What came of one request to an endpoint; None where it does not say. Both times are from when it was sent."""

    feature: str
    tier: str
    model: str
    outcome: str
    error: str = ""
    first_token_ms: float | None = None
    total_ms: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    time: float = field(default_factory=time)

    def statement(self) -> tuple[str, tuple[object, ...]]:
        """How it is stored."""
        sql = "INSERT INTO requests VALUES(NULL, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
        named = (self.feature, self.tier, name(self.model), self.outcome, self.error)
        times = (_rounded(self.first_token_ms), _rounded(self.total_ms))
        return sql, (self.time, *named, *times, self.prompt_tokens, self.cached_tokens, self.completion_tokens)

    def added(self) -> Iterator[Added]:
        """What it adds to the counters."""
        whose = ("feature", self.feature), ("tier", self.tier), ("model", name(self.model))
        yield "requests_total", (*whose, ("outcome", self.outcome), ("error", self.error)), 1
        for kind in ("prompt", "cached", "completion"):
            yield "tokens_total", (*whose, ("kind", kind)), getattr(self, f"{kind}_tokens") or 0
        yield from _observed("first_token_seconds", whose[:2], self.first_token_ms)
        yield from _observed("request_seconds", whose[:2], self.total_ms)


Measure = Answer | Accepted | Grown | Left | Request


def _observed(counter: str, labels: tuple[tuple[str, str], ...], ms: float | None) -> Iterator[Added]:
    """A histogram's counters, as Prometheus has them."""
    if ms is None:
        return
    seconds = ms / 1_000
    for limit in BUCKETS_S:
        yield f"{counter}_bucket", (*labels, ("le", str(limit))), float(seconds <= limit)
    yield f"{counter}_bucket", (*labels, ("le", "+Inf")), 1
    yield f"{counter}_sum", labels, seconds
    yield f"{counter}_count", labels, 1


def _rounded(ms: float | None) -> float | None:
    return None if ms is None else round(ms, 2)
