"""The report's figures: owns what is read out of the metrics and how it is summed up; knows no form of showing it."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from math import ceil
from pathlib import Path
from typing import Any

from context import sqlite_file
from lsp_server.ledger import metrics_file

_DAY_S = 86_400
_ANSWERED = "outcome IN ('shown', 'nothing')"


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Milliseconds that half, 95 and 99 in a hundred of `n` took at the most; each is one that was measured."""

    n: int
    p50: float
    p95: float
    p99: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Percentiles | None:
        """The percentiles by nearest rank; None of nothing."""
        ordered = sorted(values)
        if not ordered:
            return None
        p50, p95, p99 = (ordered[ceil(share * len(ordered)) - 1] for share in (0.5, 0.95, 0.99))
        return cls(len(ordered), p50, p95, p99)


@dataclass(frozen=True, slots=True)
class Latency:
    """Where the time of a feature's answers goes: our share, the endpoint's to its first token, and all of it."""

    own: Percentiles | None
    first_token: Percentiles | None
    total: Percentiles | None


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What became of the answers of one feature in one language; None where nothing can be said.

    Characters that stood later on are `kept_chars`; `kept_of` are those that were accepted and looked at again.
    """

    feature: str
    language: str
    shown: int
    accepted: int
    shown_chars: int
    accepted_chars: int
    kept_chars: int
    kept_of: int

    @property
    def rate(self) -> float | None:
        """Share of the answers that were accepted, in part or whole."""
        return self.accepted / self.shown if self.shown else None

    @property
    def kept_rate(self) -> float | None:
        """Share of the accepted characters that stood later on."""
        return self.kept_chars / self.kept_of if self.kept_of else None


@dataclass(frozen=True, slots=True)
class Sources:
    """Completions that an editor asked for, by where they came from: only `asked` cost a request."""

    memory: int = 0
    running: int = 0
    asked: int = 0
    none: int = 0

    @property
    def saved(self) -> float | None:
        """Share of the questions to a model that needed no request."""
        needed = self.memory + self.running + self.asked
        return (self.memory + self.running) / needed if needed else None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What one model was sent and has said for one feature."""

    feature: str
    tier: str
    model: str
    requests: int
    prompt: int
    cached: int
    completion: int


@dataclass(frozen=True, slots=True)
class Errors:
    """Requests of one feature that failed for one cause, and the share of its requests to the tier that is."""

    feature: str
    tier: str
    cause: str
    n: int
    share: float


@dataclass(frozen=True, slots=True)
class Report:
    """The figures from `since` to `until`. Latency is by feature, and for completions by day."""

    since: datetime
    until: datetime
    latency: dict[str, Latency]
    latency_by_day: dict[str, Latency]
    acceptance: list[Acceptance]
    sources: Sources
    sources_by_day: dict[str, Sources]
    tokens: list[Tokens]
    errors: list[Errors]

    @property
    def is_empty(self) -> bool:
        """Whether nothing was measured in that time."""
        return not self.latency and not self.tokens and not self.sources_by_day


def read(days: int, now: datetime, path: Path | None = None) -> Report:
    """The figures of the last `days` days, today's among them; raises StoreError where there is no file to read."""
    until = now.astimezone()
    midnight = until.replace(hour=0, minute=0, second=0, microsecond=0)
    since = datetime.fromtimestamp(midnight.timestamp() - (days - 1) * _DAY_S, until.tzinfo)
    with sqlite_file.guarded():
        connection = sqlite_file.connect(path or metrics_file.metrics_path(), metrics_file.VERSION)
        with closing(connection):
            span = since.timestamp(), until.timestamp() + 1
            return Report(
                since,
                until,
                _latency(connection, span, "feature"),
                _latency(connection, span, "day(time)", "AND feature = 'completion'"),
                _acceptance(connection, span),
                _sources(connection, span).get("", Sources()),
                _sources(connection, span, "day(time)"),
                _tokens(connection, span),
                _errors(connection, span),
            )


_Span = tuple[float, float]


def _rows(connection: sqlite3.Connection, sql: str, span: _Span) -> list[tuple[Any, ...]]:
    """The rows of a question about a span of time, where days are those of the reader's clock."""
    connection.create_function("day", 1, _day, deterministic=True)
    return connection.execute(sql, span).fetchall()


def _day(time_s: float) -> str:
    return datetime.fromtimestamp(time_s).astimezone().date().isoformat()


def _latency(connection: sqlite3.Connection, span: _Span, by: str, only: str = "") -> dict[str, Latency]:
    """By feature or by day, in order."""
    within = f"time BETWEEN ? AND ? {only}"
    times: defaultdict[str, tuple[list[float], ...]] = defaultdict(lambda: ([], [], []))
    answers = f"SELECT {by}, own_ms, total_ms FROM answers WHERE {within} AND {_ANSWERED}"  # noqa: S608  no input in it
    for key, own_ms, total_ms in _rows(connection, answers, span):
        _note(times[str(key)][0], own_ms)
        _note(times[str(key)][2], total_ms)
    requests = f"SELECT {by}, first_token_ms FROM requests WHERE {within} AND feature <> 'warm_up'"  # noqa: S608
    for key, first_token_ms in _rows(connection, requests, span):
        _note(times[str(key)][1], first_token_ms)
    return {key: Latency(*map(Percentiles.of, lists)) for key, lists in sorted(times.items()) if any(lists)}


def _note(times: list[float], ms: object) -> None:
    if isinstance(ms, int | float):
        times.append(ms)


def _acceptance(connection: sqlite3.Connection, span: _Span) -> list[Acceptance]:
    """By feature and language, what was shown most first; nobody accepts an explanation."""
    sql = """
        SELECT feature, language, sum(shown_chars > 0), sum(accepted_chars > 0), sum(shown_chars),
            sum(accepted_chars), sum(coalesce(kept_chars, 0)),
            sum(CASE WHEN kept_chars IS NULL THEN 0 ELSE accepted_chars END)
        FROM answers WHERE time BETWEEN ? AND ? AND feature <> 'explain' GROUP BY feature, language
        HAVING sum(shown_chars) > 0 OR sum(accepted_chars) > 0 ORDER BY feature, sum(shown_chars > 0) DESC"""
    return [Acceptance(*row) for row in _rows(connection, sql, span)]


def _sources(connection: sqlite3.Connection, span: _Span, by: str = "''") -> dict[str, Sources]:
    sql = f"""
        SELECT {by}, sum(source = 'memory'), sum(source = 'running'), sum(source = 'asked'), sum(source = '')
        FROM answers WHERE time BETWEEN ? AND ? AND feature = 'completion' GROUP BY 1 ORDER BY 1"""  # noqa: S608
    return {str(key): Sources(*counts) for key, *counts in _rows(connection, sql, span)}


def _tokens(connection: sqlite3.Connection, span: _Span) -> list[Tokens]:
    """By feature, tier and model, the most requests first."""
    sql = """
        SELECT feature, tier, model, count(*), sum(coalesce(prompt_tokens, 0)), sum(coalesce(cached_tokens, 0)),
            sum(coalesce(completion_tokens, 0))
        FROM requests WHERE time BETWEEN ? AND ? GROUP BY 1, 2, 3 ORDER BY 4 DESC"""
    return [Tokens(*row) for row in _rows(connection, sql, span)]


def _errors(connection: sqlite3.Connection, span: _Span) -> list[Errors]:
    """Causes, the most frequent first."""
    all_of = "SELECT feature, tier, count(*) FROM requests WHERE time BETWEEN ? AND ? GROUP BY 1, 2"
    n_of = {(feature, tier): n for feature, tier, n in _rows(connection, all_of, span)}
    failed = """
        SELECT feature, tier, error, count(*) FROM requests WHERE time BETWEEN ? AND ? AND error <> ''
        GROUP BY 1, 2, 3 ORDER BY 4 DESC"""
    rows = _rows(connection, failed, span)
    return [Errors(feature, tier, cause, n, n / n_of[feature, tier]) for feature, tier, cause, n in rows]
