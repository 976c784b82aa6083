"""Where a file is cut for lexical search: owns the stretches of whole rows; knows symbols by their rows alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from context.codegraph.facts import Chunk, Symbol
from context.codegraph.source import Source

_MIN_ROWS = 10
_MAX_ROWS = 40


def chunks(source: Source, symbols: Sequence[Symbol]) -> Iterable[Chunk]:
    """Stretches of 10 to 40 rows that begin where a definition does, if there is one; without blank rows around."""
    begins = sorted({_with_comment(source, symbol.line) for symbol in symbols if symbol.line < symbol.end_line})
    start = 0
    for begin in [*begins, source.n_lines]:
        if begin - start < _MIN_ROWS and begin < source.n_lines:
            continue
        while begin - start > _MAX_ROWS:
            end = _quiet_row(source, start)
            yield from _chunk(source, start, end)
            start = end
        if begin - start >= _MIN_ROWS or begin == source.n_lines:
            yield from _chunk(source, start, begin)
            start = begin


def _chunk(source: Source, start: int, end: int) -> Iterable[Chunk]:
    while start < end and not source.line(start).strip():
        start += 1
    while end > start and not source.line(end - 1).strip():
        end -= 1
    if start < end:
        yield Chunk(start, end)


def _quiet_row(source: Source, start: int) -> int:
    """Where to cut a long stretch: behind the last blank row that still fits, or at the most rows."""
    rows = range(start + _MAX_ROWS, start + _MIN_ROWS, -1)
    return next((row for row in rows if not source.line(row - 1).strip()), start + _MAX_ROWS)


def _with_comment(source: Source, row: int) -> int:
    """The row where the comment right above a definition begins."""
    while row > 0 and source.line(row - 1).lstrip().startswith((b"#", b"//", b"*", b"/*", b"--", b"@")):
        row -= 1
    return row
