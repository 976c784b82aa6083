"""Whether a trail is whole: owns how its files are read and what can be wrong with them; writes nothing."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from lsp_server.ledger.chain import ROOT, Head, Line, file_numbers, read_head, read_line

MAX_FAULTS = 20
"""More of them say nothing new of one chain."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something at a line of a file; line 0 is the file itself."""

    file: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.file}, line {self.line}: {self.message}" if self.line else f"{self.file}: {self.message}"


@dataclass(slots=True)
class Verdict:
    """What was found of one machine's chain: `faults` are breaks in it, `notes` what is explained in it."""

    node: str
    head: Head = field(default_factory=Head)
    n_files: int = 0
    faults: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)


def nodes(folder: Path) -> list[str]:
    """The machines that have a chain in the folder."""
    names = [path.name for path in folder.iterdir()] if folder.is_dir() else []
    found = (re.fullmatch(r"(\w+)(?:-\d{6,}\.jsonl|\.head)", name) for name in names)
    return sorted({match[1] for match in found if match})


def verify(folder: Path, node: str, expected: Head | None = None) -> Verdict:
    """Checks every line of a chain, and that `expected`, a head noted elsewhere, is still in it."""
    verdict = Verdict(node)
    remembered = read_head(folder, node)  # before the lines, which may grow meanwhile
    numbers = file_numbers(folder, node)
    for place, number in enumerate(numbers):
        if number != (numbers[place - 1] if place else 0) + 1:
            verdict.faults.append(Finding(_file(node, number), 0, "the file before it is missing"))
        _File(folder / _file(node, number), verdict, is_last=number == numbers[-1]).check(
            {"the head": remembered, "the expected head": expected or Head()}
        )
    verdict.n_files = len(numbers)
    _check_end(verdict, f"{node}.head", "the head", remembered)
    if expected:
        _check_end(verdict, f"{node}.head", "the expected head", expected)
    if not remembered.n_lines and numbers:
        verdict.faults.append(
            Finding(f"{node}.head", 0, "the file is missing or unreadable: lines cut off at the end would not be seen")
        )
    return verdict


def lines(folder: Path, node: str) -> Iterator[Line]:
    """Every line of a chain that can be read, in order, whether it is intact or not."""
    for number in file_numbers(folder, node):
        with (folder / _file(node, number)).open("rb") as file:
            for raw in file:
                line = read_line(raw.rstrip(b"\n"))
                if line is not None:
                    yield line


class _File:
    """The check of one file, which goes on from the verdict's head and moves it."""

    def __init__(self, path: Path, verdict: Verdict, *, is_last: bool) -> None:
        self._path = path
        self._verdict = verdict
        self._is_last = is_last
        self._garbage: tuple[int, bytes] | None = None

    def check(self, marks: dict[str, Head]) -> None:
        """Reads all lines; `marks` are heads of which the chain must hold the very lines."""
        with self._path.open("rb") as file:
            for n, raw in enumerate(file, 1):
                if raw.endswith(b"\n"):
                    self._take(n, raw[:-1], marks)
                elif self._is_last:
                    self._note(n, "the line is not whole: a writer was stopped in the middle of it")
                else:
                    self._fault(n, "the line is not whole")
        self._settle(None)

    def _take(self, n: int, raw: bytes, marks: dict[str, Head]) -> None:
        line = read_line(raw)
        self._settle(line)
        if line is None:
            self._garbage = n, raw
            return
        if n == 1 and line.fields.get("kind") != "opened":
            self._fault(n, "the file's first line is missing")
        if not line.is_intact:
            self._fault(n, "the line was changed")
        self._link(n, line)
        for name, mark in marks.items():
            if mark.n_lines == line.number and mark.hash != line.hash:
                self._fault(n, f"{name} was another line: the chain was written anew")
        self._verdict.head = Head(line.number, line.hash)

    def _link(self, n: int, line: Line) -> None:
        """Whether the line follows the one before it."""
        head = self._verdict.head
        missing = line.number - head.n_lines - 1
        if missing > 0:
            self._fault(n, f"{missing} {'line' if missing == 1 else 'lines'} before it {_is(missing)} missing")
        elif missing < 0:
            self._fault(n, "the line stands at a wrong place or twice")
        elif line.previous != head.hash:
            self._fault(n, "the line before it was changed or replaced")

    def _settle(self, following: Line | None) -> None:
        """A line that is none is explained by the one after it, or a fault."""
        if self._garbage is None:
            return
        (n, raw), self._garbage = self._garbage, None
        fields = following.fields if following is not None else {}
        if fields.get("kind") == "recovered" and fields.get("sha256") == hashlib.sha256(raw).hexdigest():
            self._note(n, "the line was torn by a crash and has been closed by the next one")
        else:
            self._fault(n, "this is no line of the trail")

    def _fault(self, n: int, message: str) -> None:
        if len(self._verdict.faults) < MAX_FAULTS:
            self._verdict.faults.append(Finding(self._path.name, n, message))

    def _note(self, n: int, message: str) -> None:
        self._verdict.notes.append(Finding(self._path.name, n, message))


def _check_end(verdict: Verdict, file: str, name: str, head: Head) -> None:
    missing = head.n_lines - verdict.head.n_lines
    if missing > 0 and head.hash != ROOT:
        noun = "line" if missing == 1 else "lines"
        verdict.faults.append(Finding(file, 0, f"{missing} {noun} at the end {_is(missing)} missing, by {name}"))


def _is(n: int) -> str:
    return "is" if n == 1 else "are"


def _file(node: str, number: int) -> str:
    return f"{node}-{number:06d}.jsonl"
