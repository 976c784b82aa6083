"""Text line by line: owns the smallest edits between two texts, indentation, line breaks; knows no model."""

from __future__ import annotations

import difflib
import re
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from context import Edit

LINE_BREAK = re.compile(r"\r\n|\r|\n")


def smallest(
    before: str,
    after: str,
    break_: str = "\n",
    exact: Collection[int] = (),
    stays: Callable[[str], bool] = lambda line: False,
) -> list[Edit]:
    """The edits, of whole lines, that make `before` into `after`, with line breaks as `break_`.

    Lines that differ in blanks at their end alone count as equal and stay as they are, but for those in `exact`. A
    line that `stays` is not deleted, unless such a line comes in its place or it stands among lines that are.
    """
    old = _lines(before)
    new = LINE_BREAK.split(after)
    old_keys = [line.text if i in exact else line.text.rstrip() for i, line in enumerate(old)]
    matcher = difflib.SequenceMatcher(None, old_keys, [line.rstrip() for line in new], autojunk=False)
    edits = []
    for tag, first, last, start, end in matcher.get_opcodes():
        gone = first, last
        if not any(map(stays, new[start:end])):
            gone = _without_ends(old_keys, first, last, stays)
        if tag != "equal" and (gone[0] < gone[1] or start < end):
            edits.append(_replaced(before, old, gone, new[start:end], break_))
    return [edit for edit in edits if before[edit.start : edit.end] != edit.text]


def applied(text: str, edits: Sequence[Edit]) -> str:
    """The text after edits that are in document order and do not overlap."""
    pieces, at = [], 0
    for edit in edits:
        pieces += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*pieces, text[at:]])


def _without_ends(lines: Sequence[str], first: int, last: int, stays: Callable[[str], bool]) -> tuple[int, int]:
    """The stretch of lines from `first` to before `last` without those at its ends that stay."""
    while first < last and stays(lines[first]):
        first += 1
    while first < last and stays(lines[last - 1]):
        last -= 1
    return first, last


class _Line(NamedTuple):
    """A line's text and where it begins; its line break lies between its end and the next one's start."""

    start: int
    text: str

    @property
    def end(self) -> int:
        return self.start + len(self.text)


def _lines(text: str) -> list[_Line]:
    lines, start = [], 0
    for found in LINE_BREAK.finditer(text):
        lines.append(_Line(start, text[start : found.start()]))
        start = found.end()
    return [*lines, _Line(start, text[start:])]


def _replaced(before: str, old: list[_Line], gone: tuple[int, int], new: list[str], break_: str) -> Edit:
    first, last = gone
    if first < last and new:
        return Edit(old[first].start, old[last - 1].end, break_.join(new))
    if last < len(old):
        end = old[last].start
        return Edit(old[first].start, end, "".join(line + break_ for line in new))
    if first == 0:
        return Edit(0, len(before), break_.join(new))
    return Edit(old[first - 1].end, len(before), "".join(break_ + line for line in new))


def line_break(text: str) -> str:
    """The line break that the text uses most."""
    counts = Counter(LINE_BREAK.findall(text[:200_000]))
    return counts.most_common(1)[0][0] if counts else "\n"


def _indent(text: str) -> str:
    """The blanks before the first line that holds something."""
    line = next((line for line in LINE_BREAK.split(text) if line.strip()), "")
    return line[: len(line) - len(line.lstrip(" \t"))]


def indented_as(code: str, before: str) -> str:
    """The code moved sideways as a whole, where its first line stands at another column than the document's."""
    wanted, given = _indent(before), _indent(code)
    if wanted == given:
        return code
    lines = LINE_BREAK.split(code)
    if wanted.endswith(given) or not given:
        more = wanted.removesuffix(given)
        return "\n".join(more + line if line.strip() else line for line in lines)
    if given.endswith(wanted):
        less = given.removesuffix(wanted)
        if all(line.startswith(less) or not line.strip() for line in lines):
            return "\n".join(line.removeprefix(less) for line in lines)
    return code
