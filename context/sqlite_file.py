"""SQLite files of ours: owns how one is made, opened and deleted while several processes use it; knows no schema."""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

Failure = Literal["busy", "disk", "corrupt", "unreadable"]
"""Another process writes for too long; the disk is full or fails; the file is none of ours; it may not be opened."""

_DISK_ERRORS = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EIO))
_BUSY_MS = 5_000
_KEPT_STATEMENTS = 64


class StoreError(Exception):
    """Reading or writing a store failed. Its text is the kind alone: SQLite's own could quote what was stored."""

    def __init__(self, kind: Failure) -> None:
        super().__init__(kind)
        self.kind: Failure = kind


@contextlib.contextmanager
def guarded() -> Iterator[None]:
    """SQLite's errors and the system's as one StoreError."""
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise StoreError(_kind(error)) from None


def connect(path: Path, version: int, schema: str | None = None) -> sqlite3.Connection:
    """A connection in autocommit to the file, which is made where there is none if its schema is given.

    Raises sqlite3.Error, of another version's file too, and OSError.
    """
    with _door(path):
        if schema is not None and not path.exists():
            _make(path, version, schema)
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw",
            uri=True,
            timeout=_BUSY_MS / 1000,
            isolation_level=None,
            cached_statements=_KEPT_STATEMENTS,
        )
        try:
            if connection.execute("PRAGMA user_version").fetchone()[0] != version:
                raise sqlite3.DatabaseError("another version")
        except sqlite3.Error:
            connection.close()
            raise
        return connection


def discard(path: Path) -> None:
    """Deletes a file; what others still read of it stays theirs until they let go. Raises StoreError."""
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


def _make(path: Path, version: int, schema: str) -> None:
    """Makes an empty file, under another name first, so that a half-made one is never found."""
    unfinished = path.with_name(f"{path.name}.new")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.executescript(f"BEGIN; {schema} PRAGMA user_version = {version}; COMMIT;")
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
    return "disk" if error.errno in _DISK_ERRORS else "unreadable"
