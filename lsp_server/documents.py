"""The open documents: owns their text and mints Snapshots, between LSP's positions and offsets; knows no file on disk.

It takes the place of pygls' workspace, whose own documents cost the whole file per change and end
lines where LSP does not. The three hooks tell what happened, after it happened.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import lru_cache
from typing import Protocol, Self, cast
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.workspace import TextDocument, Workspace

from context.document import Snapshot
from lsp_server.text_buffer import Change, Encoding, TextBuffer, joined

MAX_CHARS = 20_000_000
"""Of a larger document nothing is kept: it would cost seconds at its opening, and as much memory many times over."""

logger = logging.getLogger(__name__)


class NotOpenError(KeyError):
    """A document was asked for that the client has not opened, or has closed."""


class PositionParams(Protocol):
    """The parameters of any request made at one place of one document."""

    text_document: types.TextDocumentIdentifier
    position: types.Position


class Documents(Workspace):
    """Every document the client has open, under the client's own URI, version and languageId."""

    on_open: Callable[[str], None] | None = None
    on_change: Callable[[str, Change], None] | None = None
    on_close: Callable[[str], None] | None = None

    @classmethod
    def from_workspace(cls, workspace: Workspace) -> Self:
        """Take over the root, the folders and the position encoding that pygls agreed on with the client."""
        return cls(
            workspace.root_uri,
            types.TextDocumentSyncKind.Incremental,
            list(workspace.folders.values()),
            workspace.position_encoding,
        )

    def at(self, params: PositionParams) -> tuple[Snapshot, int]:
        """The document a request is about, as it is now, and the offset in it; raises NotOpenError."""
        return self.place(params.text_document.uri, params.position.line, params.position.character)

    def place(self, uri: str, line: int, character: int) -> tuple[Snapshot, int]:
        """The same for a place that does not come as a request's parameters."""
        document = self.get_text_document(uri)
        return self._snapshot(document), document.buffer.offset_at(line, character, self._encoding)

    def stretch(self, uri: str, range_: types.Range) -> tuple[Snapshot, int, int]:
        """The document as it is now, and the offsets where a range begins and ends; raises NotOpenError."""
        document = self.get_text_document(uri)
        start, end = (
            document.buffer.offset_at(place.line, place.character, self._encoding)
            for place in (range_.start, range_.end)
        )
        return self._snapshot(document), min(start, end), max(start, end)

    def is_too_large(self, uri: str) -> bool:
        """Whether an open document is not followed, and so seems empty."""
        document = self._text_documents.get(unquote(uri))
        return isinstance(document, OpenDocument) and document.is_too_large

    def snapshot(self, uri: str) -> Snapshot:
        """The document as it is now, the same object until it changes; raises NotOpenError."""
        return self._snapshot(self.get_text_document(uri))

    def position_of(self, snapshot: Snapshot, offset: int) -> types.Position:
        """An offset into `snapshot.text` as the client counts it, also when the document has moved on or is closed."""
        line, column = self._buffer_of(snapshot).position_at(offset, self._encoding)
        return types.Position(line, column)

    def range_of(self, snapshot: Snapshot, start: int, end: int) -> types.Range:
        """Two offsets into `snapshot.text` as the client counts them."""
        return types.Range(self.position_of(snapshot, start), self.position_of(snapshot, end))

    def offsets_of(self, snapshot: Snapshot, range_: types.Range) -> tuple[int, int]:
        """A range as the client counts it as two offsets into `snapshot.text`, the smaller one first."""
        buffer = self._buffer_of(snapshot)
        start, end = (
            buffer.offset_at(place.line, place.character, self._encoding) for place in (range_.start, range_.end)
        )
        return min(start, end), max(start, end)

    def get_text_document(self, doc_uri: str) -> OpenDocument:
        """The open document; raises NotOpenError where pygls would read the file."""
        document = self._text_documents.get(unquote(doc_uri))
        if document is None:
            raise NotOpenError(doc_uri)
        return cast(OpenDocument, document)

    def put_text_document(self, text_document: types.TextDocumentItem, notebook_uri: str | None = None) -> None:
        """Called by pygls on didOpen."""
        super().put_text_document(text_document, notebook_uri)
        _tell(self.on_open, text_document.uri)

    def update_text_document(
        self, text_doc: types.VersionedTextDocumentIdentifier, change: types.TextDocumentContentChangeEvent
    ) -> None:
        """Called by pygls for each change of a didChange, in order."""
        document = self.get_text_document(text_doc.uri)
        applied = document.apply(change)
        document.version = text_doc.version
        _tell(self.on_change, document.uri, applied)

    def resynchronise(self, uri: str, text: str) -> None:
        """Takes the client's own text of an open document over, which should be what it is here already."""
        document = self.get_text_document(uri)
        if document.is_too_large and len(text) > MAX_CHARS:
            return
        if document.source != joined(text):
            logger.warning("a document was out of step with the editor's; its text was taken anew")
            applied = document.apply(types.TextDocumentContentChangeWholeDocument(text))
            _tell(self.on_change, document.uri, applied)

    def remove_text_document(self, doc_uri: str) -> None:
        """Called by pygls on didClose."""
        document = self._text_documents.get(unquote(doc_uri))
        super().remove_text_document(doc_uri)
        if document is not None:
            _tell(self.on_close, document.uri)

    def _create_text_document(
        self, doc_uri: str, source: str | None = None, version: int | None = None, language_id: str | None = None
    ) -> OpenDocument:
        return OpenDocument(doc_uri, source or "", version or 0, language_id or "", self._encoding)

    @property
    def _encoding(self) -> Encoding:
        return _ENCODINGS.get(self.position_encoding, "utf-16")

    def _snapshot(self, document: OpenDocument) -> Snapshot:
        if document.cached is None:
            document.cached = Snapshot(
                uri=document.uri,
                path=self.path_of(document.uri),
                language=document.language_id or "",
                version=document.version or 0,
                text=document.buffer.text(),
            )
        return document.cached

    def _buffer_of(self, snapshot: Snapshot) -> TextBuffer:
        document = self._text_documents.get(unquote(snapshot.uri))
        if isinstance(document, OpenDocument) and document.cached is snapshot:
            return document.buffer
        return TextBuffer(snapshot.text)

    def path_of(self, uri: str) -> str:
        """A document's path as its snapshots have it, whether it is open or not."""
        notebook = self.get_notebook_document(cell_uri=uri)
        folders = [folder.uri for folder in self.folders.values()]
        if not folders and self.root_uri:
            folders = [self.root_uri]
        return _path_in_workspace(notebook.uri if notebook else uri, tuple(folders))


class OpenDocument(TextDocument):
    """What pygls sees of one open document; the text lives in `buffer`.

    The position methods it inherits keep pygls' own line rule: ask Documents instead.
    """

    def __init__(self, uri: str, text: str, version: int, language_id: str, encoding: Encoding) -> None:
        super().__init__(uri, None, version, language_id)
        self.is_too_large = len(text) > MAX_CHARS
        self.buffer = TextBuffer("" if self.is_too_large else text)
        self.cached: Snapshot | None = None
        self._encoding: Encoding = encoding

    @property
    def source(self) -> str:
        """The whole text."""
        return self.cached.text if self.cached else self.buffer.text()

    def apply_change(self, change: types.TextDocumentContentChangeEvent) -> None:
        """Kept for pygls; `apply` also tells what changed."""
        self.apply(change)

    def apply(self, change: types.TextDocumentContentChangeEvent) -> Change:
        """Make one change of a didChange; one without a range replaces the whole text.

        A document that grows too large becomes empty, and stays so until it gets a whole text that is not.
        """
        self.cached = None
        if not isinstance(change, types.TextDocumentContentChangePartial):
            self.is_too_large = len(change.text) > MAX_CHARS
            return self.buffer.replace_all("" if self.is_too_large else change.text)
        if self.is_too_large or self.buffer.n_chars + len(change.text) > MAX_CHARS:
            self.is_too_large = True
            return self.buffer.replace_all("")
        start, end = change.range.start, change.range.end
        return self.buffer.apply((start.line, start.character), (end.line, end.character), change.text, self._encoding)


_ENCODINGS: dict[object, Encoding] = {
    types.PositionEncodingKind.Utf8: "utf-8",
    types.PositionEncodingKind.Utf16: "utf-16",
    types.PositionEncodingKind.Utf32: "utf-32",
}


def _tell(listener: Callable[..., None] | None, *arguments: object) -> None:
    """Call a hook; its failure must not keep the next change of the same message from being applied."""
    if listener is None:
        return
    try:
        listener(*arguments)
    except Exception as error:  # noqa: BLE001 - a text that lost an edit stays wrong until it is closed
        # The message may quote the document, so only the kind is told.
        logger.error("A listener of the open documents failed: %s", type(error).__name__)


@lru_cache(maxsize=1024)
def _path_in_workspace(uri: str, folder_uris: tuple[str, ...]) -> str:
    """The POSIX path of a document relative to the innermost folder that holds it, else its file name.

    Symbolic links stay as the client wrote them. A document that was never saved has no path.
    """
    scheme, authority, path = _split_uri(uri)
    if scheme == "untitled":
        return ""
    relative = path.rsplit("/", 1)[-1]
    longest = -1
    for folder_scheme, folder_authority, folder in map(_split_uri, folder_uris):
        root = folder.rstrip("/") + "/"
        is_inside = (folder_scheme, folder_authority) == (scheme, authority) and path.startswith(root)
        if is_inside and len(root) > longest:
            relative, longest = path.removeprefix(root), len(root)
    return relative


def _split_uri(uri: str) -> tuple[str, str, str]:
    """Scheme, authority and decoded path; a notebook's cell counts as the notebook."""
    parts = urlsplit(uri)
    scheme = "file" if parts.scheme == "vscode-notebook-cell" else parts.scheme
    path = unquote(parts.path)
    # Clients spell Windows drives as /c%3A and as /C:, sometimes both in one session.
    if path[2:3] == ":" and path[1:2].isalpha():
        path = path[0] + path[1].lower() + path[2:]
    return scheme, unquote(parts.netloc), path
