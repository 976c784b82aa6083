"""The file that keeps a workspace's symbols: owns its place and its schema; how such files are kept it does not know.

One SQLite file per root, in no repository. It holds what is derived from source: paths, names, signatures, first
lines of documentation and the words of each chunk, but no bodies; so it is readable by its user alone. Names stand
as they are: as numbers they would save an eighth of the file and make a file's uses a third slower to read.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
from pathlib import Path

from context import sqlite_file
from context.sqlite_file import Failure, StoreError, discard, guarded

__all__ = ["Failure", "StoreError", "connect", "discard", "guarded", "store_path"]

SCHEMA_VERSION = 2
"""Any other number in a file means that it is deleted and built anew."""

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
    line INTEGER NOT NULL, PRIMARY KEY(file, i)) WITHOUT ROWID;
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
    SELECT f.path, m.module, m.name, m.alias, m.line, m.i FROM imports m JOIN files f ON f.id = m.file;
CREATE VIEW located_edges AS
    SELECT f.path, e.kind, e.symbol, e.name, e.receiver, e.line, e.i FROM edges e JOIN files f ON f.id = e.file;
CREATE VIEW located_chunks AS
    SELECT f.path, c.line, c.end_line, c.words, c.id FROM chunks c JOIN files f ON f.id = c.file;
CREATE TABLE common_words(word TEXT PRIMARY KEY, n_chunks INTEGER NOT NULL) WITHOUT ROWID;
"""


def store_path(root: str | os.PathLike[str], folder: Path | None = None) -> Path:
    """Where a root's store lies: in the user's cache, whatever name the root is opened by."""
    if folder is None:
        from platformdirs import user_cache_path  # noqa: PLC0415  off the start-up path

        folder = user_cache_path("instant-lsp") / "index"
    name = hashlib.blake2b(os.fsencode(os.path.realpath(root)), digest_size=12).hexdigest()
    return folder / f"{name}.sqlite3"


def connect(path: Path, *, is_made: bool = False) -> sqlite3.Connection:
    """A connection in autocommit to a store, which is made where there is none if it may be.

    Raises sqlite3.Error, of another version's file too, and OSError.
    """
    return sqlite_file.connect(path, SCHEMA_VERSION, _SCHEMA if is_made else None)
