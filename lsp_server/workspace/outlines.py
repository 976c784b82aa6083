"""What is known of the open documents' structure: owns their bytes, their edits and the outlines that follow these.

A parse of a whole file holds the interpreter's lock, so the child makes it when the typing pauses; nobody ever waits
for one. Until the next outline comes the last one is moved along with the edits.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from context.document import Edit
from context.languages import find
from context.outline import Outline

MAX_BYTES = 2_000_000
"""Larger documents are not followed."""

_MAX_EDITS = 2_000


class Change(Protocol):
    """What is needed of an applied change: where it was in UTF-8, and the edit itself."""

    @property
    def start_byte(self) -> int: ...  # noqa: D102
    @property
    def old_end_byte(self) -> int: ...  # noqa: D102
    @property
    def edit(self) -> Edit: ...  # noqa: D102


@dataclass(slots=True)
class _Document:
    """What the server's side knows of one document; `edits` are those the outline's text does not have yet.

    `moved` is the outline after all of them but the last stretch that was typed, which is `pending`: moving a
    large outline costs more than a keystroke may.
    """

    folder: str
    path: str
    language: str
    text: bytearray
    revision: int
    first_revision: int
    is_sent: bool = False
    is_suspect: bool = False
    outline: Outline | None = None
    edits: deque[tuple[int, Edit]] = field(default_factory=deque)
    moved: Outline = field(default_factory=Outline)
    pending: Edit | None = None


class Outlines:
    """Follows documents and has the child follow them, by `send`, which says whether a message went out."""

    def __init__(self, send: Callable[..., bool]) -> None:
        self._send = send
        self._documents: dict[str, _Document] = {}
        self._revision = 0

    def __contains__(self, uri: str) -> bool:
        return uri in self._documents

    def open(self, uri: str, folder: str, path: str, language: str, text: str) -> bool:
        """Follows a document from now on, if its language has a grammar and it is not too large; whether it does."""
        self.close(uri)
        utf8 = bytearray(_encode(text))
        if find(language) is None or len(utf8) > MAX_BYTES:
            return False
        revision = self._next_revision()
        self._documents[uri] = _Document(folder, path, language, utf8, revision, revision)
        self._send_whole(uri)
        return True

    def edit(self, uri: str, change: Change) -> tuple[int, int, int] | None:
        """Takes over one change: the revision it makes, its line, and how many line breaks it adds; None if ignored."""
        document = self._documents.get(uri)
        if document is None:
            return None
        new_bytes = _encode(change.edit.text)
        start, end = change.start_byte, change.old_end_byte
        n_added = new_bytes.count(b"\n") - (document.text.count(b"\n", start, end) if end > start else 0)
        document.text[start:end] = new_bytes
        document.revision = self._next_revision()
        document.is_suspect = False
        _remember(document, change.edit)
        if len(document.text) > MAX_BYTES:
            self.close(uri)
            return None
        if document.is_sent:
            document.is_sent = self._send("edit", uri, document.revision, start, end, new_bytes)
        else:
            self._send_whole(uri)
        return document.revision, document.text.count(b"\n", 0, start) if n_added else 0, n_added

    def close(self, uri: str) -> None:
        """Forgets a document."""
        document = self._documents.pop(uri, None)
        if document and document.is_sent:
            self._send("close", uri)

    def close_all(self) -> None:
        """Forgets all documents."""
        self._documents.clear()

    def outline(self, uri: str) -> Outline | None:
        """The last known outline, moved along with the edits since; None while there is none."""
        document = self._documents.get(uri)
        if document is None or document.outline is None:
            return None
        return document.moved.shifted(document.pending) if document.pending else document.moved

    def near(self, uri: str, offset: int) -> Outline | None:
        """What of the outline belongs to `offset`: the same as of `outline`, and quick in files of any size."""
        document = self._documents.get(uri)
        if document is None or document.outline is None:
            return None
        if document.pending is None:
            return document.moved.around(offset)
        return document.moved.around(document.pending.origin(offset)).shifted(document.pending)

    def take(self, uri: str, revision: int, outline: Outline | None) -> None:
        """An answer: it stands for the document as it was at `revision`; None leaves the older one in place."""
        document = self._documents.get(uri)
        if document is None or outline is None or revision < document.first_revision:
            return
        while document.edits and document.edits[0][0] <= revision:
            document.edits.popleft()
        document.outline = document.moved = outline
        document.pending = None
        for _, edit in document.edits:
            _move(document, edit)

    def send_all(self) -> None:
        """Sends the documents to a new child, but those that may have been the end of the last one."""
        for uri, document in self._documents.items():
            if not document.is_suspect:
                self._send_whole(uri)

    def lose_child(self) -> None:
        """Marks all documents as not sent; one the child still owed an answer for may have been its end."""
        for document in self._documents.values():
            document.is_suspect = document.is_sent and (document.outline is None or bool(document.edits))
            document.is_sent = False

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    def _send_whole(self, uri: str) -> None:
        document = self._documents[uri]
        place = document.folder, document.path
        message = place, document.language, bytes(document.text)
        document.is_sent = self._send("open", uri, document.revision, *message)


def _remember(document: _Document, edit: Edit) -> None:
    """Keeps an edit until an outline has it; too many, and the old outline is worth nothing."""
    if len(document.edits) >= _MAX_EDITS:
        document.outline = None
        document.edits.clear()
    document.edits.append((document.revision, edit))
    if document.outline is not None:
        _move(document, edit)


def _move(document: _Document, edit: Edit) -> None:
    """Moves the outline along with an edit, or notes that it is to be moved."""
    joined = document.pending.joined(edit) if document.pending else None
    if document.pending and joined is None:
        document.moved = document.moved.shifted(document.pending)
    document.pending = joined or edit


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
