"""Facts of a document that has been edited since they were found: owns how they follow its text; parses nothing.

Extracting a whole file anew takes tens of milliseconds, so it waits for a pause. Until then its symbols are those
that still stand in the text word for word, on the lines where they stand now: nothing that was deleted is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from functools import cached_property
from itertools import accumulate

from context.codegraph.facts import FileFacts, Symbol
from context.languages import ScopeKind
from context.outline import Outline, Scope, Span

_SCOPES: dict[str, ScopeKind] = {
    **dict.fromkeys(("class", "interface", "enum", "type", "extension"), "class"),
    **dict.fromkeys(("function", "method"), "function"),
    "module": "module",
}
_MAX_IMPORT_LINES = 60


def follow(facts: FileFacts, text: str) -> FileFacts:
    """`facts` of an older text as far as they hold for `text`: no chunks, and of its uses only what headers tell."""
    lines = _Lines(text)
    last = len(lines.all) - 1
    kept: list[Symbol] = []
    numbers: dict[int, int] = {}
    for number, line in _placed(facts.symbols, lines).items():
        symbol = facts.symbols[number]
        numbers[number] = len(kept)
        place = (numbers.get(symbol.container, -1), line, min(symbol.end_line - symbol.line + line, last))
        kept.append(symbol if symbol[2:5] == place else Symbol._make((*symbol[:2], *place, *symbol[5:])))
    bases = tuple(
        edge._replace(symbol=numbers[edge.symbol])
        for edge in facts.edges
        if edge.kind == "inherits" and edge.symbol in numbers
    )
    return facts._replace(n_lines=len(lines.all), symbols=tuple(kept), edges=bases, chunks=())


def _placed(symbols: Sequence[Symbol], lines: _Lines) -> dict[int, int]:
    """The lines on which symbols stand now, by their numbers, in order; those that do not are left out."""
    placed: dict[int, int] = {}
    holders: dict[int, int] = {}
    n_moved = 0
    for number, symbol in enumerate(symbols):
        line = lines.find(symbol.signature, symbol.line + n_moved)
        if line is None:
            continue
        n_moved = line - symbol.line
        # Two alike of which one was deleted are both found where the other is: it is the later one's place.
        other = holders.setdefault(line, number)
        if symbols[other].line != symbol.line:
            placed.pop(other, None)
            holders[line] = number
        placed[number] = line
    return placed


def outline_around(facts: FileFacts, text: str, offset: int) -> Outline:
    """The imports, and the scopes around `offset`, as far as facts tell them."""
    lines = text.split("\n")
    starts = list(accumulate([len(line) + 1 for line in lines], initial=0))
    row = text.count("\n", 0, offset)
    scopes = tuple(
        Scope(
            kind,
            symbol.name,
            starts[symbol.line],
            starts[symbol.end_line + 1],
            starts[symbol.line] + len(symbol.signature),
        )
        for symbol in facts.symbols
        if symbol.line < row <= symbol.end_line and (kind := _SCOPES.get(symbol.kind)) and symbol.signature
    )
    rows = sorted({one.line for one in facts.imports if one.line < len(lines)})
    imports = tuple(Span(starts[line], starts[_statement_end(lines, line)] - 1) for line in rows)
    return Outline(scopes, imports)


def _statement_end(lines: list[str], line: int) -> int:
    """The line after a statement that goes on while brackets are open."""
    n_open = 0
    for end in range(line, min(line + _MAX_IMPORT_LINES, len(lines))):
        n_open += sum(map(lines[end].count, "([{")) - sum(map(lines[end].count, ")]}"))
        if n_open <= 0:
            return end + 1
    return line + 1


class _Lines:
    """A text's lines, and where lines of a certain text are."""

    def __init__(self, text: str) -> None:
        self.all = [line.removesuffix("\r") for line in text.split("\n")] if "\r" in text else text.split("\n")

    def find(self, text: str, expected: int) -> int | None:
        """Where the lines of `text` stand, the nearest to the line `expected`; None if they do not."""
        if self._are_at([text], expected) or not text:
            return max(0, min(expected, len(self.all) - 1))
        wanted = text.replace("\r", "").split("\n")
        if self._are_at(wanted, expected):
            return expected
        found = (line for line in self._places[wanted[0]] if self._are_at(wanted, line))
        return min(found, key=lambda line: abs(line - expected), default=None)

    def _are_at(self, wanted: list[str], line: int) -> bool:
        return self.all[line : line + len(wanted)] == wanted

    @cached_property
    def _places(self) -> dict[str, list[int]]:
        places: dict[str, list[int]] = defaultdict(list)
        for number, line in enumerate(self.all):
            places[line].append(number)
        return places
