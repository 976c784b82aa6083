"""The file that keeps a workspace's symbols: owns its place, its schema and every change; knows no language.

One SQLite file per root, in no repository. It holds what is derived from source: paths, names, signatures, first
lines of documentation and the words of each chunk, but no bodies; so it is readable by its user alone. Names stand
as they are: as numbers they would save an eighth of the file and make a file's uses a third slower to read.
What is asked of it is in `reader`.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Literal, NamedTuple

from context.codegraph.facts import FileFacts

SCHEMA_VERSION = 1
"""Any other number in a file means that it is deleted and built anew."""

COMMON_FROM = 256
"""Words in more chunks than this are counted by `settle`, so that no search has to."""

Failure = Literal["busy", "disk", "corrupt", "unreadable"]
"""Another process writes for too long; the disk is full or fails; the file is none of ours; it may not be opened."""

_BUSY_MS = 5_000
_KEPT_STATEMENTS = 64
_SETTLED_SHARE = 20
"""One in so many chunks added or gone makes the counts of words anew."""

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


class Stamp(NamedTuple):
    """By what a file is known to be the same as when it was indexed; `refused` says why it was not, "" if it was."""

    size: int
    mtime_ns: int
    digest: bytes
    refused: str = ""


class Counts(NamedTuple):
    """How much a store holds."""

    n_files: int
    n_lines: int
    n_symbols: int


class Indexed(NamedTuple):
    """A file to store. `words` are those of each of its chunks, packed."""

    facts: FileFacts
    stamp: Stamp
    words: tuple[bytes, ...] = ()


def pack(words: Iterable[str]) -> bytes:
    """Words in order, none with a blank in it, for the store."""
    return zlib.compress(" ".join(words).encode(), 1)


def unpack(packed: bytes) -> str:
    """The words again, with blanks between them."""
    return zlib.decompress(packed).decode()


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


def connect(path: Path) -> sqlite3.Connection:
    """A connection in autocommit to a store that exists. Raises sqlite3.Error; also one of another version."""
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
    with guarded():
        for ending in ("-wal", "-shm", ""):
            Path(f"{path}{ending}").unlink(missing_ok=True)


class Store:
    """Every change of one store. Raises StoreError; what was written before stays whole."""

    def __init__(self, path: Path) -> None:
        """Opens the store, which is made where there is none; one that cannot be used raises StoreError."""
        self.path = path
        with guarded():
            if not path.exists():
                _create(path)
            self._connection = connect(path)
            self._connection.execute("PRAGMA synchronous = normal")
            self._connection.execute("PRAGMA cache_size = -16000")
            self._connection.execute("PRAGMA secure_delete = off")  # the whole file is the user's alone

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the file."""
        self._connection.close()

    def stamps(self) -> dict[str, Stamp]:
        """All files by path."""
        with guarded():
            rows = self._connection.execute("SELECT path, size, mtime_ns, digest, refused FROM files")
            return {path: Stamp(*stamp) for path, *stamp in rows}

    def stamps_of(self, path: str) -> dict[str, Stamp]:
        """The file at `path`, or the files in the folder there."""
        with guarded():
            sql = "SELECT path, size, mtime_ns, digest, refused FROM files WHERE path = ? OR (path > ? AND path < ?)"
            return {
                path: Stamp(*stamp) for path, *stamp in self._connection.execute(sql, (path, f"{path}/", f"{path}0"))
            }

    def write(self, files: Iterable[Indexed] = (), removed: Iterable[str] = ()) -> None:
        """Puts files in place of what is stored of them and forgets others, all or nothing."""
        with self._transaction() as connection:
            for path in removed:
                _forget(connection, path)
            for file in files:
                _put(connection, file)

    def restamp(self, stamps: Mapping[str, Stamp]) -> None:
        """Takes over the time and size of files whose content is what is stored."""
        rows = [(stamp.size, stamp.mtime_ns, path) for path, stamp in stamps.items()]
        with self._transaction() as connection:
            connection.executemany("UPDATE files SET size = ?, mtime_ns = ? WHERE path = ?", rows)

    def expect(self, rules: str) -> None:
        """Marks all files as changed if they were indexed by other rules, so that each is parsed again."""
        with self._transaction() as connection:
            if connection.execute("SELECT value FROM meta WHERE key = 'rules'").fetchall() == [(rules,)]:
                return
            connection.execute("UPDATE files SET mtime_ns = -1, digest = x''")
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('rules', ?)", (rules,))

    def counts(self) -> Counts:
        """What the store holds, files that were refused left out."""
        with guarded():
            (files,) = self._connection.execute(
                "SELECT count(*), coalesce(sum(n_lines), 0) FROM files WHERE refused = ''"
            )
            (symbols,) = self._connection.execute("SELECT count(*) FROM symbols")
            return Counts(*files, *symbols)

    def settle(self) -> None:
        """After many changes: counts common words, joins the lexicon's parts, gives the write-ahead log's room back.

        Takes about a hundredth of the time that the changes took; after few changes, nothing is done.
        """
        with self._transaction() as connection:
            ((n_chunks,),) = connection.execute("SELECT count(*) FROM chunks").fetchall()
            counted = connection.execute("SELECT value FROM meta WHERE key = 'n_chunks'").fetchall()
            if counted and _SETTLED_SHARE * abs(n_chunks - int(counted[0][0])) <= n_chunks:
                return
            connection.execute("INSERT INTO lexicon(lexicon) VALUES ('optimize')")
            connection.execute("DELETE FROM common_words")
            sql = "INSERT INTO common_words SELECT term, doc FROM vocabulary WHERE doc > ?"
            connection.execute(sql, (COMMON_FROM,))
            connection.execute("INSERT OR REPLACE INTO meta VALUES ('n_chunks', ?)", (str(n_chunks),))
        with guarded():
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with guarded():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise


def _create(path: Path) -> None:
    """Makes an empty store under another name first, so that nobody opens a half-made one."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            connection.execute("PRAGMA journal_mode = wal")
            connection.executescript(f"BEGIN; {_SCHEMA} PRAGMA user_version = {SCHEMA_VERSION}; COMMIT;")
        if not path.exists():
            unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _put(connection: sqlite3.Connection, file: Indexed) -> None:
    facts, stamp = file.facts, file.stamp
    row = (facts.language, *stamp[:3], facts.n_lines, stamp.refused)
    i = _forget(connection, facts.path, is_replaced=True)
    if i is None:
        sql = "INSERT INTO files(path, language, size, mtime_ns, digest, n_lines, refused) VALUES (?, ?, ?, ?, ?, ?, ?)"
        i = connection.execute(sql, (facts.path, *row)).lastrowid
    else:
        sql = "UPDATE files SET language = ?, size = ?, mtime_ns = ?, digest = ?, n_lines = ?, refused = ? WHERE id = ?"
        connection.execute(sql, (*row, i))
    insert = connection.executemany
    insert(
        "INSERT INTO symbols VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [(i, n, *symbol) for n, symbol in enumerate(facts.symbols)],
    )
    insert(
        "INSERT INTO imports VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(i, n, *imported, stem(imported.module)) for n, imported in enumerate(facts.imports)],
    )
    insert("INSERT INTO edges VALUES (?, ?, ?, ?, ?, ?, ?)", [(i, n, *edge) for n, edge in enumerate(facts.edges)])
    (first,) = connection.execute("SELECT coalesce(max(id), 0) + 1 FROM chunks").fetchone()
    insert(
        "INSERT INTO chunks VALUES (?, ?, ?, ?, ?)",
        [(n, i, *chunk, packed) for n, (chunk, packed) in enumerate(zip(facts.chunks, file.words, strict=True), first)],
    )
    insert(
        "INSERT INTO lexicon(rowid, words) VALUES (?, ?)",
        [(n, unpack(packed)) for n, packed in enumerate(file.words, first)],
    )


def _forget(connection: sqlite3.Connection, path: str, *, is_replaced: bool = False) -> int | None:
    """Deletes what is stored of a file, but its own row if that `is_replaced`; the row's id, None without one."""
    row = connection.execute("SELECT id FROM files WHERE path = ?", (path,)).fetchone()
    if row is None:
        return None
    # The lexicon keeps no words of its own, so it has to be told which ones go.
    chunks = connection.execute("SELECT id, words FROM chunks WHERE file = ?", row).fetchall()
    sql = "INSERT INTO lexicon(lexicon, rowid, words) VALUES ('delete', ?, ?)"
    connection.executemany(sql, [(chunk, unpack(packed)) for chunk, packed in chunks])
    for table in ("symbols", "imports", "edges", "chunks"):
        connection.execute(f"DELETE FROM {table} WHERE file = ?", row)  # noqa: S608  our own names
    if not is_replaced:
        connection.execute("DELETE FROM files WHERE id = ?", row)
    return int(row[0])


def stem(module: str) -> str:
    """The last word of a module as it is written: "..models", "./models.js" and "pkg::models" are all "models"."""
    name = module.replace("\\", "/").replace("::", "/").rstrip("/.")
    name = name.rsplit("/", 1)[-1]
    if "/" in module:
        return name.split(".", 1)[0]
    return (name[:-2] if name.endswith((".h", ".c")) else name).rsplit(".", 1)[-1]


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
