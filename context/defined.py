"""What is told of a definition: owns the shape, which goes from the process that finds it to the one that asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Defined:
    """A definition: `signature` as it stands in the file, `line` 0-based; `doc` may be empty, or be several lines."""

    name: str
    signature: str
    uri: str
    path: str
    line: int
    language: str = ""
    doc: str = ""
