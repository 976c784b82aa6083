"""What a document was at one moment: owns Snapshot and Edit; knows neither LSP nor files."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Edit:
    """One replaced stretch of text; both ends are offsets into the text before the edit."""

    start: int
    end: int
    text: str

    def joined(self, following: Edit) -> Edit | None:
        """Both as one edit, where `following` types on or takes back at this one's end; None elsewhere."""
        end = self.start + len(self.text)
        if following.start == following.end == end:
            return Edit(self.start, self.end, self.text + following.text)
        if following.end == end and following.start >= self.start and not following.text:
            return Edit(self.start, self.end, self.text[: following.start - self.start])
        return None

    def origin(self, offset: int) -> int:
        """Where the place at `offset`, in the text after the edit, was before it."""
        end = self.start + len(self.text)
        return min(offset, self.start) if offset <= end else offset - end + self.end


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
