"""The facts of one contract while they are gathered: owns the lists and the blanking of what is no code."""

from __future__ import annotations

import re

from context.codegraph.facts import Edge, EdgeKind, Import, Symbol, SymbolKind
from context.codegraph.source import Source
from context.codegraph.wording import comment_above


class Draft:
    """Symbols, edges and imports of one file, in the order in which they are found."""

    def __init__(self, source: Source) -> None:
        self.symbols: list[Symbol] = []
        self.edges: list[Edge] = []
        self.imports: list[Import] = []
        self._source = source
        self._known: set[tuple[EdgeKind, int, str]] = set()

    def add(self, kind: SymbolKind, name: str, container: int, start: int, end: int, *, type_: str = "") -> int:
        """Adds what stands from byte `start` to before `end`, with whole rows as its signature; its index."""
        first, last = self._source.row(start), self._source.row(max(start, end - 1))
        doc = comment_above(self._source, first)
        signature = self._source.rows(first, min(last, first + 24))
        return self.put(Symbol(name, kind, container, first, last, signature, doc, type_))

    def put(self, symbol: Symbol) -> int:
        """Adds a symbol as it is; its index."""
        self.symbols.append(symbol)
        return len(self.symbols) - 1

    def close(self, index: int, end: int) -> None:
        """Tells where a symbol whose body followed ends."""
        self.symbols[index] = self.symbols[index]._replace(end_line=self._source.row(end))

    def uses(self, kind: EdgeKind, symbol: int, name: str, row: int) -> None:
        """Adds an edge to a name, once per symbol."""
        if name and (kind, symbol, name) not in self._known:
            self._known.add((kind, symbol, name))
            self.edges.append(Edge(kind, symbol, name, "", row))


def blanked(text: bytes, what: re.Pattern[bytes]) -> bytes:
    """The text with blanks for all that a pattern matches; rows stay as they are."""
    return what.sub(lambda match: re.sub(rb"[^\n]", b" ", match.group()), text)


def closing(code: bytes, start: int, pair: bytes) -> int:
    """The byte behind the bracket that closes the one at `start`; the end of the text if none does."""
    depth = 0
    for match in re.compile(b"[" + re.escape(pair) + b"]").finditer(code, start):
        depth += 1 if match.group() == pair[:1] else -1
        if depth == 0:
            return match.end()
    return len(code)
