"""The file of the metrics: owns its place, its schema, what is written at once and what is old; queues nothing.

One SQLite file for all of a user's servers, readable by the user alone. It holds no text, no path and no name of a
file: numbers, names of features, languages and models, and kinds of errors.
"""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from platformdirs import user_state_path

from context import sqlite_file
from lsp_server.ledger.measures import Measure

VERSION = 1
"""In the file's name too, so that servers of two versions do not take each other's file for a broken one."""

_SCHEMA = """
CREATE TABLE answers(
    row INTEGER PRIMARY KEY, time REAL NOT NULL, feature TEXT NOT NULL, language TEXT NOT NULL, tier TEXT NOT NULL,
    model TEXT NOT NULL, source TEXT NOT NULL, outcome TEXT NOT NULL, error TEXT NOT NULL, own_ms REAL, total_ms REAL,
    shown_chars INTEGER NOT NULL, accepted_chars INTEGER NOT NULL, kept_chars INTEGER);
CREATE INDEX answers_by_time ON answers(time);
CREATE TABLE requests(
    row INTEGER PRIMARY KEY, time REAL NOT NULL, feature TEXT NOT NULL, tier TEXT NOT NULL, model TEXT NOT NULL,
    outcome TEXT NOT NULL, error TEXT NOT NULL, first_token_ms REAL, total_ms REAL, prompt_tokens INTEGER,
    cached_tokens INTEGER, completion_tokens INTEGER);
CREATE INDEX requests_by_time ON requests(time);
CREATE TABLE counters(
    name TEXT NOT NULL, labels TEXT NOT NULL, value REAL NOT NULL, PRIMARY KEY(name, labels)) WITHOUT ROWID;
"""
_ADD = "INSERT INTO counters VALUES(?, ?, ?) ON CONFLICT DO UPDATE SET value = value + excluded.value"


def metrics_path() -> Path:
    """Where the metrics lie, in the user's state folder."""
    return user_state_path("instant-lsp", appauthor=False) / f"metrics-{VERSION}.sqlite3"


def opened(path: Path) -> sqlite3.Connection:
    """The file, which is made where there is none; a broken one is deleted first. Raises StoreError."""
    with sqlite_file.guarded():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return _connected(path)
    except sqlite_file.StoreError as error:
        if error.kind != "corrupt":
            raise
    sqlite_file.discard(path)
    return _connected(path)


def _connected(path: Path) -> sqlite3.Connection:
    with sqlite_file.guarded():
        connection = sqlite_file.connect(path, VERSION, _SCHEMA)
        connection.execute("PRAGMA synchronous = normal")
        return connection


def write(connection: sqlite3.Connection, measures: Iterable[Measure]) -> None:
    """Stores all of them or none; raises StoreError."""
    added: defaultdict[tuple[str, str], float] = defaultdict(float)
    with sqlite_file.guarded():
        connection.execute("BEGIN IMMEDIATE")
        try:
            for measure in measures:
                connection.execute(*measure.statement())
                for name, labels, n in measure.added():
                    added[name, _as_text(labels)] += n
            connection.executemany(_ADD, [(*key, n) for key, n in added.items()])
            connection.execute("COMMIT")
        except BaseException:
            with suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
            raise


def prune(connection: sqlite3.Connection, before: float) -> None:
    """Deletes what is older; the counters go on, as Prometheus wants it. Raises StoreError."""
    with sqlite_file.guarded():
        for table in ("answers", "requests"):
            connection.execute(f"DELETE FROM {table} WHERE time < ?", (before,))  # noqa: S608  one of the two names


def textfile(connection: sqlite3.Connection) -> str:
    """All counters in Prometheus' text format, for the textfile collector of its node exporter. Raises StoreError."""
    lines, last = [], ""
    with sqlite_file.guarded():
        counters = connection.execute("SELECT name, labels, value FROM counters ORDER BY name, labels").fetchall()
    for name, labels, value in counters:
        family, kind = name, "counter"
        for ending in ("_bucket", "_sum", "_count"):
            if name.endswith(ending):
                family, kind = name.removesuffix(ending), "histogram"
        if family != last:
            lines.append(f"# TYPE instant_{family} {kind}")
            last = family
        lines.append(f"instant_{name}{{{labels}}} {value:.12g}")
    return "\n".join([*lines, ""])


def _as_text(labels: Iterable[tuple[str, str]]) -> str:
    """Labels in Prometheus' form; none of the values has a quote, a backslash or a line break."""
    return ",".join(f'{label}="{value}"' for label, value in labels)
