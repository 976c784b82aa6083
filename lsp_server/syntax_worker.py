"""Whole-file outlines from a child process, made when the typing pauses; must not know LSP or who reads them.

A parse holds the interpreter's lock, so it cannot run beside the event loop. The child mirrors each open document
and answers with a new Outline once nothing has changed for a while; nobody ever waits for it. A frame is a length
and a pickle: both ends are the same program, and pickle carries raw bytes and our frozen types as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import pickle
import queue
import struct
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from context.document import Edit
from context.languages import find
from context.outline import IncrementalTree, Outline

MAX_BYTES = 2_000_000
"""Larger files have no outline."""

_QUIET_S = 0.2
_MAX_UNSENT_BYTES = 8_000_000
_MAX_EDITS = 2_000
_MAX_STARTS_PER_MINUTE = 3
_LENGTH = struct.Struct(">I")

log = logging.getLogger(__name__)


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


class SyntaxWorker:
    """The server's end. Its methods never wait; the child starts with the first document and again if it dies."""

    def __init__(self) -> None:
        self._documents: dict[str, _Document] = {}
        self._revision = 0
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The child's process id while it runs."""
        return self._process.pid if self._process else None

    def open(self, uri: str, language: str, text: str) -> None:
        """Follows a document from now on, if its language has a grammar and it is not too large."""
        self.close(uri)
        utf8 = bytearray(_encode(text))
        if find(language) is None or len(utf8) > MAX_BYTES:
            return
        revision = self._next_revision()
        self._documents[uri] = _Document(language, utf8, revision, revision)
        self._send_whole(uri)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_running())

    def edit(self, uri: str, change: Change) -> None:
        """Takes over one change; documents that are not followed are ignored."""
        document = self._documents.get(uri)
        if document is None:
            return
        new_bytes = _encode(change.edit.text)
        document.text[change.start_byte : change.old_end_byte] = new_bytes
        document.revision = self._next_revision()
        document.is_suspect = False
        _remember(document, change.edit)
        if len(document.text) > MAX_BYTES:
            self.close(uri)
        elif document.is_sent:
            place = change.start_byte, change.old_end_byte
            document.is_sent = self._send("edit", uri, document.revision, *place, new_bytes)
        else:
            self._send_whole(uri)

    def close(self, uri: str) -> None:
        """Forgets a document."""
        document = self._documents.pop(uri, None)
        if document and document.is_sent:
            self._send("close", uri)

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

    async def aclose(self) -> None:
        """Ends the child and forgets all documents."""
        self._documents.clear()
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    def _next_revision(self) -> int:
        self._revision += 1
        return self._revision

    def _send_whole(self, uri: str) -> None:
        document = self._documents[uri]
        document.is_sent = self._send("open", uri, document.revision, document.language, bytes(document.text))

    def _send(self, *message: Any) -> bool:
        """Whether the message went out: not without a child, nor to one that does not keep up with reading."""
        pipe = self._process.stdin if self._process else None
        if pipe is None or pipe.is_closing() or pipe.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            return False
        pipe.write(_frame(message))
        return True

    async def _keep_running(self) -> None:
        """Runs the child until cancelled; one that dies at once is not started without end."""
        starts: deque[float] = deque(maxlen=_MAX_STARTS_PER_MINUTE)
        while True:
            if len(starts) == _MAX_STARTS_PER_MINUTE:
                await asyncio.sleep(max(0.0, starts[0] + 60 - time.monotonic()))
            starts.append(time.monotonic())
            try:
                await self._run_child()
            except OSError as error:
                log.warning("the syntax process does not start: errno %s", error.errno)

    async def _run_child(self) -> None:
        starting = asyncio.create_task(_start())
        try:
            # Python 3.11 waits for ever when it is cancelled while it starts a process.
            process = self._process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                (await starting).kill()
            raise
        try:
            for uri, document in self._documents.items():
                if not document.is_suspect:
                    self._send_whole(uri)
            await self._read_replies(process)
        finally:
            self._process = None
            self._lose_child()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        log.warning("the syntax process ended with %s", process.returncode)

    async def _read_replies(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
                reply = pickle.loads(await process.stdout.readexactly(length))  # noqa: S301  # our own child wrote it
                self._take(*reply)

    def _take(self, uri: str, revision: int, outline: Outline | None) -> None:
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

    def _lose_child(self) -> None:
        """Marks all documents as not sent; one the child still owed an answer for may have been its end."""
        for document in self._documents.values():
            document.is_suspect = document.is_sent and (document.outline is None or bool(document.edits))
            document.is_sent = False


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


_ROOT = str(Path(__file__).resolve().parents[1])


async def _start() -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *_command(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,  # a traceback could hold text of the user's
        cwd=_ROOT,
    )


def _command() -> list[str]:
    """Starts the child on this process's own import path, whatever lies in the current folder."""
    path = [entry for entry in sys.path if entry]
    start = "import sys; sys.path[:] = sys.argv[1:]; from lsp_server.syntax_worker import main; main()"
    return [sys.executable, "-I", "-c", start, *path, *([] if _ROOT in path else [_ROOT])]


def _encode(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _frame(message: object) -> bytes:
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


# The child.


class _Mirror:
    """The child's documents: an edit is applied at once, the parse is for later."""

    def __init__(self) -> None:
        self._trees: dict[str, IncrementalTree] = {}
        self._unparsed: dict[str, int] = {}

    @property
    def is_due(self) -> bool:
        """Whether a document has changed since its last parse."""
        return bool(self._unparsed)

    def take(self, kind: str, uri: str, revision: int = 0, *rest: Any) -> None:
        """One message of the server's."""
        if kind == "close":
            self._trees.pop(uri, None)
            self._unparsed.pop(uri, None)
            return
        if kind == "open" and (language := find(rest[0])):
            self._trees[uri] = IncrementalTree(language, rest[1])
        elif kind == "edit":
            self._trees[uri].edit(*rest)
        self._unparsed.pop(uri, None)
        self._unparsed[uri] = revision

    def outline_one(self) -> tuple[str, int, Outline | None]:
        """Parses the document that has changed last, which is the one in view."""
        uri, revision = self._unparsed.popitem()
        return uri, revision, self._trees[uri].outline()


def main() -> None:
    """The child: reads until its input ends, whoever ended it, and writes outlines."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr
    if hasattr(os, "nice"):
        os.nice(5)
    inbox: queue.Queue[tuple[Any, ...]] = queue.Queue()
    threading.Thread(target=_listen, args=(sys.stdin.buffer, inbox.put), daemon=True).start()
    mirror = _Mirror()
    quiet_s = _QUIET_S
    while True:
        try:
            mirror.take(*inbox.get(timeout=quiet_s if mirror.is_due else None))
            quiet_s = _QUIET_S
        except queue.Empty:
            replies.write(_frame(mirror.outline_one()))
            replies.flush()
            quiet_s = 0.0  # it is still quiet: the next document that waits may follow at once


def _listen(stream: IO[bytes], put: Callable[[tuple[Any, ...]], None]) -> None:
    for message in _messages(stream):
        put(message)
    os._exit(0)


def _messages(stream: IO[bytes]) -> Iterator[tuple[Any, ...]]:
    while len(head := stream.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if len(body := stream.read(length)) < length:
            return
        yield pickle.loads(body)  # noqa: S301  # the server that started us wrote it
