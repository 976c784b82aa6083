"""What tools report about a document: owns the shape of a report; knows neither LSP nor the model."""

from __future__ import annotations

from dataclasses import dataclass

MAX_REPORTS = 12
"""Of one correction; with more of them a small model loses the thread."""

MAX_RELATED = 4


class FixRefusedError(Exception):
    """Why no fix is offered, as a sentence for the user that holds no text of a file."""


@dataclass(frozen=True, slots=True)
class Related:
    """A place that explains a report; `text` is its line where the document is open, `line` counts from 1."""

    path: str
    line: int
    message: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A diagnostic; `start` and `end` are offsets into the snapshot, `source` is the tool and `code` its rule."""

    start: int
    end: int
    message: str
    source: str = ""
    code: str = ""
    related: tuple[Related, ...] = ()
