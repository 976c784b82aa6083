"""Every change of a store: owns what is written of a file and what goes with it; knows no language.

What is asked of a store is in `reader`.
"""

from __future__ import annotations

import contextlib
import sqlite3
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from context.codegraph.facts import FileFacts
from context.codegraph.store_file import connect, guarded

COMMON_FROM = 256
"""Words in more chunks than this are counted by `settle`, so that no search has to."""

_SETTLED_SHARE = 20
"""One in so many chunks added or gone makes the counts of words anew."""


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


class Change(NamedTuple):
    """What becomes of a file: it is stored anew, it is the same but for its time or size, or it is forgotten."""

    path: str
    outcome: Indexed | Stamp | None


def pack(words: Iterable[str]) -> bytes:
    """Words in order, none with a blank in it, for the store."""
    return zlib.compress(" ".join(words).encode(), 1)


def unpack(packed: bytes) -> str:
    """The words again, with blanks between them."""
    return zlib.decompress(packed).decode()


class Store:
    """Every change of one store. Raises StoreError; what was written before stays whole."""

    def __init__(self, path: Path) -> None:
        """Opens the store, which is made where there is none; one that cannot be used raises StoreError."""
        self.path = path
        with guarded():
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._connection = connect(path, is_made=True)
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

    def write(self, changes: Iterable[Change]) -> None:
        """Takes over changes, all or nothing. They are drawn while nobody else can write."""
        with self._transaction() as connection:
            for path, outcome in changes:
                if isinstance(outcome, Indexed):
                    _put(connection, outcome)
                elif outcome:
                    sql = "UPDATE files SET size = ?, mtime_ns = ? WHERE path = ?"
                    connection.execute(sql, (outcome.size, outcome.mtime_ns, path))
                else:
                    _forget(connection, path)

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

    def refused(self) -> dict[str, int]:
        """How many files were left out for what reason."""
        with guarded():
            sql = "SELECT refused, count(*) FROM files WHERE refused != '' GROUP BY refused ORDER BY refused"
            return dict(self._connection.execute(sql).fetchall())

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
        "INSERT INTO imports VALUES (?, ?, ?, ?, ?, ?)",
        [(i, n, *imported) for n, imported in enumerate(facts.imports)],
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
