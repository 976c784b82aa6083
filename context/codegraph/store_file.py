"""The file that keeps a workspace's symbols: owns its place, its schema, and how it is made, opened and deleted.

One SQLite file per root, in no repository. It holds what is derived from source: paths, names, signatures, first
lines of documentation and the words of each chunk, but no bodies; so it is readable by its user alone. Names stand
as they are: as numbers they would save an eighth of the file and make a file's uses a third slower to read.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

SCHEMA_VERSION = 1
"""Any other number in a file means that it is deleted and built anew."""

Failure = Literal["busy", "disk", "corrupt", "unreadable"]
"""Another process writes for too long; the disk is full or fails; the file is none of ours; it may not be opened."""

_BUSY_MS = 5_000
_KEPT_STATEMENTS = 64
_SCHEMA = """
CREATE TABLE meta(key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE files(
    id INTEGER PRIMARY KEY, path TEXT NOT NULL UNIQUE, language TEXT NOT NULL, size INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL, digest BLOB NOT NULL, n_lines INTEGER NOT NULL, refused TEXT NOT NULL);
CREATE TABLE symbols(
    file INTEGER NOT NULL, i INTEGER NOT NULL, name TEXT NOT NULL, kind TEXT NOT NULL, container INTEGER NOT NULL,
    line INTEGER NOT NULL, end_line INTEGER NOT NULL, signature TEXT NOT NULL, doc TEXT NOT NULL, type TEXT NOT NULL,
    is_public INTEGER NOT NULL, PRIMARY KEY(file, i)) WITHOUT ROWID;
CREATE INDEX symbols_by_name ON symbols(name);
CREATE TABLE imports(
    file INTEGER NOT NULL, i INTEGER NOT NULL, module TEXT NOT NULL, name TEXT NOT NULL, alias TEXT NOT NULL,
    line INTEGER NOT NULL, stem TEXT NOT NULL, PRIMARY KEY(file, i)) WITHOUT ROWID;
CREATE INDEX imports_by_stem ON imports(stem);
CREATE INDEX imports_by_name ON imports(name);
CREATE TABLE edges(
    file INTEGER NOT NULL, i INTEGER NOT NULL, kind TEXT NOT NULL, symbol INTEGER NOT NULL, name TEXT NOT NULL,
    receiver TEXT NOT NULL, line INTEGER NOT NULL, PRIMARY KEY(file, i)) WITHOUT ROWID;
CREATE INDEX edges_by_name ON edges(name);
CREATE TABLE chunks(
    id INTEGER PRIMARY KEY, file INTEGER NOT NULL, line INTEGER NOT NULL, end_line INTEGER NOT NULL,
    words BLOB NOT NULL);
CREATE INDEX chunks_by_file ON chunks(file);
CREATE VIRTUAL TABLE lexicon USING fts5(
    words, content='', detail=none, columnsize=0, tokenize="ascii tokenchars '_$'");
CREATE VIRTUAL TABLE vocabulary USING fts5vocab(lexicon, row);
CREATE VIEW located_symbols AS
    SELECT f.path, s.i, s.name, s.kind, s.container, s.line, s.end_line, s.signature, s.doc, s.type, s.is_public
    FROM symbols s JOIN files f ON f.id = s.file;
CREATE VIEW located_imports AS
    SELECT f.path, m.module, m.name, m.alias, m.line, m.i, m.stem FROM imports m JOIN files f ON f.id = m.file;
CREATE VIEW located_edges AS
    SELECT f.path, e.kind, e.symbol, e.name, e.receiver, e.line, e.i FROM edges e JOIN files f ON f.id = e.file;
CREATE VIEW located_chunks AS
    SELECT f.path, c.line, c.end_line, c.words, c.id FROM chunks c JOIN files f ON f.id = c.file;
CREATE TABLE common_words(word TEXT PRIMARY KEY, n_chunks INTEGER NOT NULL) WITHOUT ROWID;
"""


class StoreError(Exception):
    """Reading or writing the store failed. Its text is the kind alone: SQLite's own could quote what was stored."""

    def __init__(self, kind: Failure) -> None:
        super().__init__(kind)
        self.kind: Failure = kind


def store_path(root: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """Where a root's store lies: in the user's cache, whatever name the root is opened by."""
    if folder is None:
        from platformdirs import user_cache_path  # noqa: PLC0415  off the start-up path

        folder = user_cache_path("instant-lsp") / "index"
    name = hashlib.blake2b(os.fsencode(os.path.realpath(root)), digest_size=12).hexdigest()
    return folder / f"{name}.sqlite3"


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """SQLite's errors and the system's as one StoreError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(_kind(error)) from None


def connect(path: Path, *, is_made: bool = False) -> sqlite3.Connection:
    """A connection in autocommit to a store, which is made where there is none if it may be.

    Raises sqlite3.Error, of another version's file too, and OSError.
    """
    with _door(path):
        if is_made and not path.exists():
            _make(path)
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_MS / 1000,
            isolation_level=None,
            cached_statements=_KEPT_STATEMENTS,
        )
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] != SCHEMA_VERSION:
                raise sqlite3.DatabaseError("another version")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def discard(path: Path) -> None:
    """Deletes a store; what others still read of it stays theirs until they let go. Raises StoreError."""
    with guarded(), _door(path):
        for ending in ("", "-wal", "-shm"):
            Path(f"{path}{ending}").unlink(missing_ok=True)


@contextlib.contextmanager
def _door(path: Path) -> Iterator[None]:
    """Opening and deleting take turns: a log of the old file beside the new one would be taken for its own."""
    from filelock import FileLock, Timeout  # noqa: PLC0415  off the start-up path

    try:
        with FileLock(f"{path}.door", timeout=_BUSY_MS / 1000, mode=0o600):
            yield
    except Timeout:
        raise StoreError("busy") from None


def _make(path: Path) -> None:
    """Makes an empty store, under another name first, so that a half-made one is never found."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
    unfinished.replace(path)


def _kind(error: sqlite3.Error | OSError) -> Failure:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", None)
        primary = None if code is None else code & 0xFF
        if primary in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
            return "busy"
        if primary in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
            return "disk"
        if primary in (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_AUTH):
            return "unreadable"
        return "corrupt"
    return "unreadable"
