"""What a document was at one moment: owns Snapshot and Edit; knows neither LSP nor files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """One replaced stretch of text; both ends are offsets into the text before the edit."""

    start: int
    end: int
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A document as it was when a request arrived. A place in it is an int offset into `text`.

    `path` is POSIX style and relative to its workspace folder where there is one; `language` is a
    LSP languageId, known to `context.languages` or not.
    """

    uri: str
    path: str
    language: str
    version: int
    text: str

    def line_start(self, offset: int) -> int:
        """The offset at which the line that holds `offset` begins."""
        start = self.text.rfind("\n", 0, offset) + 1
        return max(start, self.text.rfind("\r", start, offset) + 1)

    def line_end(self, offset: int) -> int:
        """The offset at which the line that holds `offset` ends, before its line break."""
        end = self.text.find("\n", offset)
        if end < 0:
            end = len(self.text)
        carriage = self.text.find("\r", offset, end)
        return end if carriage < 0 else carriage
