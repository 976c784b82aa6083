"""The text of one open document: owns its bytes, line starts and the LSP line rule; knows neither LSP types nor files.

A line ends at `\\n`, `\\r\\n` or `\\r`, and nowhere else: form feed, U+0085, U+2028 and U+2029 are plain
characters. The text is kept as UTF-8 beside the start of every line, counted in bytes and in
characters. That makes an edit cost what was edited, and tells without decoding which lines are ASCII.
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import Literal, NamedTuple

from context.document import Edit

Encoding = Literal["utf-8", "utf-16", "utf-32"]
Point = tuple[int, int]

_BREAK = re.compile("\r\n|\n|\r")
_BREAK_BYTES = re.compile(b"\r\n|\n|\r")
_SURROGATE = re.compile("[\ud800-\udfff]")
_CARRIAGE_RETURN, _LINE_FEED = 0x0D, 0x0A


@dataclass(frozen=True, slots=True)
class Change:
    """One applied edit, for those who follow the text in UTF-8 (a syntax tree) or in characters (`edit`).

    A point is (row, column in bytes), rows counted by the LSP line rule. A parser that ends lines at
    `\\n` alone counts fewer rows in a document with a lone `\\r`; the byte offsets hold everywhere.
    """

    start_byte: int
    old_end_byte: int
    new_end_byte: int
    start_point: Point
    old_end_point: Point
    new_end_point: Point
    edit: Edit


def joined(text: str) -> str:
    """The text with every high and low surrogate that stand side by side made the character they encode."""
    if text.isascii() or not _SURROGATE.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


class TextBuffer:
    """An editable text that maps (line, column) to offsets and back, in any of LSP's position encodings.

    Offsets count characters (code points) of `text()`. A column past its line's end means the end
    before the line break, a line past the last one means the end of the text, and a column inside a
    character means that character's start. A high and a low surrogate that come to stand side by
    side, as when an editor sends an emoji in two halves, become the one character they encode.
    """

    def __init__(self, text: str) -> None:
        self._load(joined(text))

    @property
    def n_lines(self) -> int:
        """At least one; a text that ends with a line break has an empty last line."""
        return len(self._byte_starts)

    @property
    def n_chars(self) -> int:
        """The length of `text()`."""
        return self._char_starts.total

    def text(self) -> str:
        """The whole text, decoded anew on each call; lone surrogates stay in it."""
        return _decode(self._utf8)

    def offset_at(self, line: int, column: int, encoding: Encoding) -> int:
        """The offset of a position, rounded into the text as the class says."""
        return self._locate(line, column, encoding).char

    def position_at(self, offset: int, encoding: Encoding) -> tuple[int, int]:
        """The (line, column) of an offset; an offset outside the text means its nearer end."""
        offset = min(max(offset, 0), self.n_chars)
        row = self._char_starts.row_of(offset)
        line = self._line(row)
        n_chars = min(offset, line.char_end) - line.char_start
        if line.is_ascii:
            return row, n_chars
        before = _decode(self._utf8[line.byte_start : line.byte_end])[:n_chars]
        return row, _n_units(before, encoding)

    def apply(self, start: tuple[int, int], end: tuple[int, int], text: str, encoding: Encoding) -> Change:
        """Replace what lies between two (line, column) positions, given in either order."""
        first, last = self._locate(*start, encoding), self._locate(*end, encoding)
        return self._replace(*self._take_in_surrogates(min(first, last), max(first, last), text))

    def replace_all(self, text: str) -> Change:
        """Put a new text in place of the whole."""
        text = joined(text)
        n_bytes, n_chars, end_point = self._byte_starts.total, self.n_chars, self._end_point()
        self._load(text)
        return Change(
            start_byte=0,
            old_end_byte=n_bytes,
            new_end_byte=self._byte_starts.total,
            start_point=(0, 0),
            old_end_point=end_point,
            new_end_point=self._end_point(),
            edit=Edit(0, n_chars, text),
        )

    def _load(self, text: str) -> None:
        self._utf8 = bytearray(_encode(text))
        byte_starts, char_starts = _line_starts(self._utf8, text)
        self._byte_starts = _LineStarts([0, *byte_starts], len(self._utf8))
        self._char_starts = _LineStarts([0, *char_starts], len(text))

    def _end_point(self) -> Point:
        row = self.n_lines - 1
        return row, self._byte_starts.total - self._byte_starts[row]

    def _line(self, row: int) -> _Line:
        """The bounds of one line without its break."""
        byte_start, char_start = self._byte_starts[row], self._char_starts[row]
        if row + 1 == self.n_lines:
            return _Line(byte_start, self._byte_starts.total, char_start, self._char_starts.total)
        byte_end, char_end = self._byte_starts[row + 1], self._char_starts[row + 1]
        n_break = 2 if self._utf8[byte_end - 2 : byte_end] == b"\r\n" else 1
        return _Line(byte_start, byte_end - n_break, char_start, char_end - n_break)

    def _locate(self, row: int, column: int, encoding: Encoding) -> _Place:
        if row >= self.n_lines:
            return _Place(self._byte_starts.total, self._char_starts.total, self.n_lines - 1)
        line = self._line(row)
        if line.is_ascii:
            n_chars = min(column, line.byte_end - line.byte_start)
            return _Place(line.byte_start + n_chars, line.char_start + n_chars, row)
        before = _first_units(_decode(self._utf8[line.byte_start : line.byte_end]), column, encoding)
        return _Place(line.byte_start + len(_encode(before)), line.char_start + len(before), row)

    def _take_in_surrogates(self, start: _Place, end: _Place, text: str) -> tuple[_Place, _Place, str]:
        """Widen an edit over the lone surrogates it touches, so that halves which now meet are joined in it."""
        left, right = self._utf8[max(start.byte - 3, 0) : start.byte], self._utf8[end.byte : end.byte + 3]
        if _is_surrogate(left):
            start = _Place(start.byte - 3, start.char - 1, start.row)
            text = _decode(left) + text
        if _is_surrogate(right):
            end = _Place(end.byte + 3, end.char + 1, end.row)
            text += _decode(right)
        return start, end, joined(text)

    def _replace(self, start: _Place, end: _Place, text: str) -> Change:
        utf8 = _encode(text)
        start_point = (start.row, start.byte - self._byte_starts[start.row])
        old_end_point = (end.row, end.byte - self._byte_starts[end.row])
        self._split_lines(start, end, utf8, text)
        self._utf8[start.byte : end.byte] = utf8
        new_end_byte = start.byte + len(utf8)
        new_end_row = self.n_lines - 1 - self._byte_starts.n_rows_behind
        return Change(
            start_byte=start.byte,
            old_end_byte=end.byte,
            new_end_byte=new_end_byte,
            start_point=start_point,
            old_end_point=old_end_point,
            new_end_point=(new_end_row, new_end_byte - self._byte_starts[new_end_row]),
            edit=Edit(start.char, end.char, text),
        )

    def _split_lines(self, start: _Place, end: _Place, utf8: bytes, text: str) -> None:
        """Bring the line starts up to date with an edit that is about to be made.

        Only the inserted text is looked at, with the one character on either side that may turn out
        to be the other half of a `\\r\\n`. The break that ends the edit's last line still ends a line
        at the same place, whatever comes to stand before it, so later lines are never touched.
        """
        joins_left = start.byte > 0 and self._utf8[start.byte - 1] == _CARRIAGE_RETURN
        joins_right = end.byte < len(self._utf8) and self._utf8[end.byte] == _LINE_FEED
        left, right = "\r" * joins_left, "\n" * joins_right
        byte_starts, char_starts = _line_starts(
            left.encode() + utf8 + right.encode(), left + text + right, start.byte - joins_left, start.char - joins_left
        )
        if joins_right:
            # That break opens the first line behind the edit, which is known already.
            byte_starts, char_starts = byte_starts[:-1], char_starts[:-1]
        rows = range(start.row + 1 - joins_left, end.row + 1)
        self._byte_starts.replace(rows, byte_starts, len(utf8) - (end.byte - start.byte))
        self._char_starts.replace(rows, char_starts, len(text) - (end.char - start.char))


class _Place(NamedTuple):
    """A place between two characters; compares as the text runs."""

    byte: int
    char: int
    row: int


class _Line(NamedTuple):
    byte_start: int
    byte_end: int
    char_start: int
    char_end: int

    @property
    def is_ascii(self) -> bool:
        return self.byte_end - self.byte_start == self.char_end - self.char_start


class _LineStarts:
    """Where each line starts, in one unit, as a gap buffer.

    Starts before the gap count from the text's beginning; those behind it count from the text's end,
    the last line first. An edit at the gap therefore leaves every kept number as it is.
    """

    def __init__(self, starts: list[int], total: int) -> None:
        self._before = starts
        self._behind: list[int] = []
        self.total = total

    def __len__(self) -> int:
        return len(self._before) + len(self._behind)

    def __getitem__(self, row: int) -> int:
        if row < len(self._before):
            return self._before[row]
        return self.total - self._behind[len(self) - 1 - row]

    @property
    def n_rows_behind(self) -> int:
        return len(self._behind)

    def row_of(self, place: int) -> int:
        """The last row that starts at or before `place`."""
        if not self._behind or place < self.total - self._behind[-1]:
            return bisect_right(self._before, place) - 1
        return len(self) - 1 - bisect_left(self._behind, self.total - place)

    def replace(self, rows: range, starts: list[int], growth: int) -> None:
        """Put `starts` in place of `rows`, in a text that grew by `growth` there, and leave the gap behind them."""
        self._move_gap(rows.start)
        del self._behind[len(self._behind) - len(rows) :]
        self._before.extend(starts)
        self.total += growth

    def _move_gap(self, row: int) -> None:
        """Make `row` the first one behind the gap."""
        n_before = len(self._before)
        if row < n_before:
            self._behind.extend([self.total - start for start in reversed(self._before[row:])])
            del self._before[row:]
        elif row > n_before:
            first = len(self) - row
            self._before.extend([self.total - distance for distance in reversed(self._behind[first:])])
            del self._behind[first:]


def _line_starts(
    utf8: bytes | bytearray, text: str, byte_offset: int = 0, char_offset: int = 0
) -> tuple[list[int], list[int]]:
    """The places right after each line break, in bytes and in characters, counted from the given offsets."""
    char_starts = [match.end() + char_offset for match in _BREAK.finditer(text)]
    if len(utf8) == len(text) and byte_offset == char_offset:
        return char_starts.copy(), char_starts
    return [match.end() + byte_offset for match in _BREAK_BYTES.finditer(utf8)], char_starts


def _first_units(text: str, n_units: int, encoding: Encoding) -> str:
    """As many whole characters as fit into `n_units` code units."""
    if encoding == "utf-32":
        return text[:n_units]
    if encoding == "utf-8":
        utf8 = _encode(text)
        while 0 < n_units < len(utf8) and utf8[n_units] & 0xC0 == 0x80:
            n_units -= 1
        return _decode(utf8[:n_units])
    utf16 = text.encode("utf-16-le", "surrogatepass")
    before = utf16[: 2 * n_units].decode("utf-16-le", "surrogatepass")
    # A pair cut in half decodes to a lone surrogate that the text does not have there.
    return before if text.startswith(before) else before[:-1]


def _n_units(text: str, encoding: Encoding) -> int:
    if encoding == "utf-32":
        return len(text)
    if encoding == "utf-8":
        return len(_encode(text))
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def _is_surrogate(utf8: bytes | bytearray) -> bool:
    return len(utf8) == 3 and utf8[0] == 0xED and utf8[1] >= 0xA0


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _decode(utf8: bytes | bytearray) -> str:
    return utf8.decode("utf-8", "surrogatepass")
