"""The bytes of one file: owns how bytes become rows and text, and which bytes count as code; knows no syntax."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate

import tree_sitter

_MAX_LINE_BYTES = 400


class Source:
    """A file as its grammar sees it: \\n ends a row, NUL (which some grammars stop at for long) is a blank."""

    def __init__(self, source: bytes) -> None:
        self.bytes = source.replace(b"\0", b" ")
        self.code = bytearray(self.bytes)
        self._lines = self.bytes.split(b"\n")
        self._starts = list(accumulate((len(line) + 1 for line in self._lines), initial=0))
        self.n_lines = len(self._lines) - (not self._lines[-1])

    def ignore(self, node: tree_sitter.Node, filler: bytes = b" ") -> None:
        """Blanks a node in `code`; with the filler 0 it still stands for something there."""
        start, end = node.start_byte, node.end_byte
        self.code[start:end] = filler * (end - start)

    def row(self, byte: int) -> int:
        """The row that holds a byte."""
        return bisect_right(self._starts, byte) - 1

    def start(self, row: int) -> int:
        """The first byte of a row."""
        return self._starts[row]

    def line(self, row: int) -> bytes:
        """A row without its end."""
        return self._lines[row].rstrip(b"\r")

    def text(self, node: tree_sitter.Node, max_bytes: int = 1000) -> str:
        """What a node covers, or the beginning of it."""
        start = node.start_byte
        return self.bytes[start : min(node.end_byte, start + max_bytes)].decode("utf-8", "replace")

    def rows(self, first: int, last: int) -> str:
        """Whole rows, `last` too; of an overlong row the beginning."""
        lines = (line.rstrip(b"\r")[:_MAX_LINE_BYTES] for line in self._lines[first : last + 1])
        return b"\n".join(lines).decode("utf-8", "replace")
