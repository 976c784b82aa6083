"""What is asked of a store, quickly: owns the queries and the overlay of unsaved buffers; changes nothing.

Every function answers with nothing where there is no store, or none that can be read: `failure` says why.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from context.codegraph.facts import Edge, FileFacts, Import, Symbol
from context.codegraph.lexical import words_of
from context.codegraph.store_file import Failure, StoreError, connect, guarded

log = logging.getLogger(__name__)


class Located(NamedTuple):
    """A symbol, its file, and its place among the file's symbols."""

    path: str
    number: int
    symbol: Symbol


class OpenFile:
    """A buffer as it is in the editor, with the words of its chunks counted, those of `before` where they are alike."""

    def __init__(self, facts: FileFacts, text: str, before: OpenFile | None = None) -> None:
        self.facts = facts
        self.lines = text.removesuffix("\n").split("\n")
        known = before.counted if before else {}
        texts = [self.text(*chunk) for chunk in facts.chunks]
        self.counts = [known.get(text) or Counter(words_of(text)) for text in texts]
        self.counted: dict[str, Counter[str]] = dict(zip(texts, self.counts, strict=True))

    def text(self, line: int, end_line: int) -> str:
        """Whole lines, each with its line break."""
        return "".join(f"{text}\n" for text in self.lines[line:end_line])


class Overlay:
    """Buffers that stand in place of what is stored of their files, saved or not."""

    def __init__(self) -> None:
        self.files: dict[str, OpenFile] = {}

    def put(self, facts: FileFacts, text: str = "") -> None:
        """Shows a buffer as it is now; without its text its symbols can be found but not its chunks."""
        before = self.files.get(facts.path)
        self.files[facts.path] = OpenFile(facts if text else facts._replace(chunks=()), text, before)

    def drop(self, path: str) -> None:
        """Shows what is stored of the file again."""
        self.files.pop(path, None)


class Reader:
    """One root's symbols as they are stored, with open buffers in place of their files. For one thread."""

    def __init__(self, root: str | os.PathLike[str], path: Path, overlay: Overlay | None = None) -> None:
        """`path` is that of the store, which may come and go."""
        self.root = os.path.realpath(root)
        self.overlay = overlay or Overlay()
        self.failure: Failure | None = None
        self._path = str(path)
        self._connection: sqlite3.Connection | None = None
        self._inode = 0

    def close(self) -> None:
        """Lets go of the file; the next question opens it again."""
        if self._connection:
            self._connection.close()
        self._connection = None

    def paths(self) -> list[str]:
        """All files that are indexed, in order."""
        stored = {path for (path,) in self.rows("SELECT path FROM files WHERE refused = ''")}
        return sorted(stored | self.overlay.files.keys())

    def language(self, path: str) -> str | None:
        """The language of a file, None if it is not indexed."""
        if open_file := self.overlay.files.get(path):
            return open_file.facts.language
        rows = self.rows("SELECT language FROM files WHERE path = ? AND refused = ''", path)
        return rows[0][0] if rows else None

    def symbols_named(self, name: str, limit: int = 200) -> list[Located]:
        """The definitions of exactly this name, by path and place; of a name with more, some `limit` of them."""
        rows = self.rows("SELECT * FROM located_symbols WHERE name = ? LIMIT ?", name, limit)
        found = [Located(row[0], row[1], _symbol(row[2:])) for row in rows if row[0] not in self.overlay.files]
        for path, open_file in self.overlay.files.items():
            symbols = enumerate(open_file.facts.symbols)
            found += [Located(path, number, symbol) for number, symbol in symbols if symbol.name == name]
        return sorted(found, key=lambda located: located[:2])[:limit]

    def symbols_of(self, path: str) -> list[Symbol]:
        """A file's symbols in order: `container` is a place in this list."""
        if open_file := self.overlay.files.get(path):
            return list(open_file.facts.symbols)
        return [_symbol(row[2:]) for row in self.rows("SELECT * FROM located_symbols WHERE path = ? ORDER BY i", path)]

    def members(self, path: str, number: int) -> list[Located]:
        """The symbols whose container is the file's symbol of that number."""
        return [
            Located(path, member, symbol)
            for member, symbol in enumerate(self.symbols_of(path))
            if symbol.container == number
        ]

    def imports_of(self, path: str) -> list[Import]:
        """A file's imports in order."""
        if open_file := self.overlay.files.get(path):
            return list(open_file.facts.imports)
        rows = self.rows("SELECT module, name, alias, line FROM located_imports WHERE path = ? ORDER BY i", path)
        return [Import(*row) for row in rows]

    def edges_of(self, path: str, number: int | None = None) -> list[Edge]:
        """What a file uses, in order; what one symbol of it uses if its number is given (-1: outside all symbols)."""
        edges: Iterable[Edge]
        if open_file := self.overlay.files.get(path):
            edges = open_file.facts.edges
        else:
            sql = "SELECT kind, symbol, name, receiver, line FROM located_edges WHERE path = ? ORDER BY i"
            edges = [Edge(*row) for row in self.rows(sql, path)]
        return [edge for edge in edges if number is None or edge.symbol == number]

    def text(self, path: str, line: int, end_line: int) -> str | None:
        """These lines of a file as they are on disk, or None if it is not what was indexed any more."""
        if open_file := self.overlay.files.get(path):
            return open_file.text(line, end_line)
        rows = self.rows("SELECT size, mtime_ns, digest FROM files WHERE path = ? AND refused = ''", path)
        try:
            with open(os.path.join(self.root, path), "rb") as file:
                if not rows or not _is_same(file, *rows[0]):
                    return None
                lines = [text.removesuffix(b"\n") for text in islice(file, line, end_line)]
        except OSError:
            return None
        return "".join(f"{text.decode('utf-8', 'replace')}\n" for text in lines)

    def rows(self, sql: str, *values: Any) -> list[Any]:
        """All rows of a query over the store's tables; none if it cannot be read."""
        try:
            with guarded():
                return self._opened().execute(sql, values).fetchall()
        except StoreError as error:
            self.close()
            if self.failure != error.kind:
                log.warning("the index cannot be read: %s", error.kind)
            self.failure = error.kind
            return []

    def _opened(self) -> sqlite3.Connection:
        """The connection, made anew where another file has taken the store's place."""
        inode = os.stat(self._path).st_ino
        if self._connection is None or inode != self._inode:
            self.close()
            self._connection, self._inode = connect(Path(self._path)), inode
            self._connection.execute("PRAGMA query_only = on")
            self.failure = None
        return self._connection


def _is_same(file: BinaryIO, size: int, mtime_ns: int, digest: bytes) -> bool:
    """Whether a file holds what was indexed, also where it was only written again; stands at its beginning after it."""
    state = os.fstat(file.fileno())
    if (state.st_size, state.st_mtime_ns) == (size, mtime_ns):
        return True
    if state.st_size != size or not digest:
        return False
    content = file.read(size + 1)
    file.seek(0)
    return hashlib.blake2b(content, digest_size=len(digest)).digest() == digest


def _symbol(row: tuple[Any, ...]) -> Symbol:
    name, kind, container, line, end_line, signature, doc, type_name, is_public = row
    return Symbol(name, kind, container, line, end_line, signature, doc, type_name, bool(is_public))
