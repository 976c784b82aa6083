"""What was edited and visited lately: owns where, newest first; knows no text and no clock."""

from __future__ import annotations

from typing import NamedTuple

from context.document import Edit

MAX_REGIONS = 16
MAX_VISITS = 16
_MERGED_WITHIN_LINES = 8


class Region(NamedTuple):
    """Lines of a file that were edited; `end_line` is not in it."""

    path: str
    line: int
    end_line: int


class Recent:
    """Remembers the last edits, whose lines move with later ones, and the last files that were looked at."""

    def __init__(self) -> None:
        self._regions: list[Region] = []
        self._visits: list[str] = []

    def edited(self, path: str, before: str, edit: Edit) -> None:
        """Notes an edit of the text `before`."""
        line = before.count("\n", 0, edit.start)
        n_old = before.count("\n", edit.start, edit.end)
        n_new = edit.text.count("\n")
        new = Region(path, line, line + n_new + 1)
        kept = []
        for region in self._regions:
            moved = _moved(region, line, n_old, n_new) if region.path == path else region
            if moved.path == path and _is_near(moved, new):
                new = Region(path, min(moved.line, new.line), max(moved.end_line, new.end_line))
            else:
                kept.append(moved)
        self._regions = [new, *kept][:MAX_REGIONS]
        self.visited(path)

    def visited(self, path: str) -> None:
        """Notes that a file was opened, or its editor came to the front."""
        self._visits = [path, *(one for one in self._visits if one != path)][:MAX_VISITS]

    def forget(self, path: str) -> None:
        """Drops what is known of a file, which was deleted or closed without being saved."""
        self._regions = [region for region in self._regions if region.path != path]
        self._visits = [one for one in self._visits if one != path]

    def regions(self) -> tuple[Region, ...]:
        """What was edited, the newest first; each stretch once."""
        return tuple(self._regions)

    def visits(self) -> tuple[str, ...]:
        """The files that were edited or looked at, the newest first."""
        return tuple(self._visits)


def _moved(region: Region, line: int, n_old: int, n_new: int) -> Region:
    """The region after an edit at `line` that put `n_new` line breaks in place of `n_old`."""

    def at(place: int) -> int:
        if place <= line:
            return place
        return place - n_old + n_new if place > line + n_old else line + min(n_new, place - line)

    begin = at(region.line)
    return Region(region.path, begin, max(begin + 1, at(region.end_line)))


def _is_near(region: Region, other: Region) -> bool:
    return region.line - _MERGED_WITHIN_LINES <= other.end_line and other.line <= region.end_line + _MERGED_WITHIN_LINES
