"""A chain of lines in files: owns how a line is linked to the one before, over rotation, crashes and processes.

A line is a JSON object that ends with its own hash: SHA-256 over the object without it, which holds the
number of the line and the hash of the line before. So no line can be changed, taken out, put in or
moved without the next one saying so. The first line of a file names the file before it. Files of one
machine are NODE-000001.jsonl and so on; NODE.head remembers how many lines there were, so that lines
cut off at the very end are missed too.

Who can write these files can also make a whole new chain, head included. Against that helps only what
lies elsewhere: `instant-lsp audit verify` prints the head, and given one again with `--expect` it tells
whether the chain still holds it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson

Fsync = Literal["always", "interval", "never"]

ROOT = "0" * 64
"""What the first line of all says the line before it was."""

FSYNC_INTERVAL_S = 5.0
LOCK_TIMEOUT_S = 5.0
_HASH = re.compile(rb',"hash":"([0-9a-f]{64})"}')
_HASH_BYTES = len(',"hash":""}') + 64
_TAIL_BYTES = 1 << 16


class ChainError(OSError):
    """The chain cannot be written; the message says why and where."""


@dataclass(frozen=True, slots=True)
class Head:
    """The last line: its number, from 1 on, and its hash."""

    n_lines: int = 0
    hash: str = ROOT

    def __str__(self) -> str:
        return f"{self.n_lines}:{self.hash}"

    @classmethod
    def read(cls, text: str) -> Head:
        """The head that `str` has written; raises ValueError."""
        number, _, digest = text.strip().partition(":")
        if not re.fullmatch(r"[0-9a-f]{64}", digest):
            raise ValueError("a head is a number, a colon and 64 hexadecimal digits")
        return cls(int(number), digest)


@dataclass(frozen=True, slots=True)
class Line:
    """One whole line as it was found: `fields` without its links, and whether its hash is right."""

    number: int
    previous: str
    hash: str
    fields: Mapping[str, Any]
    is_intact: bool


class Chain:
    """The chain of one machine in a folder. Several processes may append to it, each from one thread."""

    def __init__(
        self,
        folder: Path,
        *,
        fsync: Fsync = "interval",
        max_file_bytes: int = 16 << 20,
        max_file_s: float = 86_400.0,
        node: str | None = None,
    ) -> None:
        self.folder = folder
        self.node = re.sub(r"[^A-Za-z0-9_]", "_", node or platform.node() or "local")
        self._fsync = fsync
        self._max_file_bytes = max_file_bytes
        self._max_file_s = max_file_s
        self._descriptor = -1
        self._number = 0
        self._end = -1
        self._opened_at = 0.0
        self._head = Head()
        self._synced_at = -FSYNC_INTERVAL_S
        self._unsynced: Head | None = None

    def append(self, entries: Iterable[Mapping[str, Any]]) -> None:
        """Writes the entries as one; where it raises ChainError none of them is in the chain."""
        batch = list(entries)
        if not batch:
            return
        try:
            with self._locked():
                self._catch_up()
                if self._must_rotate():
                    self._flush()
                    self._open(self._number + 1)
                self._write(batch)
        except OSError as error:
            self._let_go()
            if isinstance(error, ChainError):
                raise
            raise ChainError(f"{self.folder} cannot be written: {error.strerror or type(error).__name__}") from None

    def sync(self) -> None:
        """Brings what was written to the disk itself, and the head with it."""
        if self._unsynced is None:
            return
        try:
            with self._locked():
                self._flush()
                self._remember(self._unsynced)
        except OSError as error:
            self._let_go()
            raise ChainError(f"{self.folder} cannot be written: {error.strerror or type(error).__name__}") from None

    def close(self) -> None:
        """Syncs and closes the file."""
        try:
            self.sync()
        finally:
            self._let_go()

    @contextmanager
    def _locked(self) -> Iterator[None]:
        from filelock import FileLock, Timeout  # noqa: PLC0415  off the start-up path

        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = FileLock(self.folder / f"{self.node}.lock", timeout=LOCK_TIMEOUT_S, mode=0o600)
        try:
            lock.acquire()
        except Timeout:
            raise ChainError(f"{self.folder} is locked by another process for too long") from None
        try:
            yield
        finally:
            lock.release()

    def _catch_up(self) -> None:
        """Goes on where the chain ends by now, which another process may have moved."""
        if self._descriptor >= 0 and not self._path(self._number + 1).exists() and self._is_as_it_was():
            return
        numbers = file_numbers(self.folder, self.node)
        self._head = self._last_head(numbers)
        self._open(numbers[-1] if numbers else 1)

    def _is_as_it_was(self) -> bool:
        """Whether the open file still is the one of its name, and as long as this process has left it."""
        with suppress(FileNotFoundError):
            return os.stat(self._path(self._number)).st_size == os.fstat(self._descriptor).st_size == self._end
        return False

    def _last_head(self, numbers: list[int]) -> Head:
        """The chain's end: its last whole line, unless the head remembers more, which then stays to be seen."""
        remembered = read_head(self.folder, self.node)
        for number in reversed(numbers):
            lines = [read_line(line) for line in _tail(self._path(number)).split(b"\n")]
            whole = [line for line in lines if line is not None and line.is_intact]
            if whole:
                found = Head(whole[-1].number, whole[-1].hash)
                return found if found.n_lines >= remembered.n_lines else remembered
        return remembered

    def _must_rotate(self) -> bool:
        """By size, and by age unless the clock went back."""
        return self._end >= self._max_file_bytes or time.time() - self._opened_at >= self._max_file_s

    def _open(self, number: int) -> None:
        """Opens a file to append to; a new one begins with the name of the file before it."""
        self._let_go()
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self._path(number), flags, 0o600)
        self._number, self._end = number, os.fstat(self._descriptor).st_size
        if not self._end:
            self._opened_at = time.time()
            self._write(
                [{"time": now(), "kind": "opened", "after": self._path(number - 1).name if number > 1 else None}]
            )
            return
        self._opened_at = _first_time(self._path(number))
        torn = _tail(self._path(number)).rpartition(b"\n")[2]
        if torn:
            self._close_torn(torn)

    def _close_torn(self, torn: bytes) -> None:
        """Ends a line that a crash has torn, and says so in the next one."""
        os.write(self._descriptor, b"\n")
        self._end += 1
        digest = hashlib.sha256(torn).hexdigest()
        self._write([{"time": now(), "kind": "recovered", "n_bytes": len(torn), "sha256": digest}])

    def _write(self, batch: list[Mapping[str, Any]]) -> None:
        """Appends lines to the open file, all of them or none."""
        head = self._head
        lines: list[bytes] = []
        for entry in batch:
            line, head = linked(entry, head)
            lines.append(line)
        data = b"".join(lines)
        try:
            written = os.write(self._descriptor, data)
            if written < len(data):
                raise ChainError(f"{self.folder} cannot be written: the disk is full or the file has reached its limit")
            if self._fsync == "always":
                os.fsync(self._descriptor)
        except OSError:
            with suppress(OSError):
                os.ftruncate(self._descriptor, self._end)
            raise
        self._end += len(data)
        self._head = self._unsynced = head
        if self._fsync != "interval":
            self._remember(head)
        elif time.monotonic() - self._synced_at >= FSYNC_INTERVAL_S:
            self._flush()
            self._remember(head)

    def _flush(self) -> None:
        if self._fsync != "never":
            os.fsync(self._descriptor)

    def _remember(self, head: Head) -> None:
        """Notes the head, which is never ahead of what is surely on the disk: a power cut is no tampering."""
        self._synced_at, self._unsynced = time.monotonic(), None
        if head.n_lines < read_head(self.folder, self.node).n_lines:
            return
        path = self.folder / f"{self.node}.head"
        temporary = path.with_suffix(f".{os.getpid()}.tmp")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        try:
            os.write(descriptor, f"{head}\n".encode())
        finally:
            os.close(descriptor)
        temporary.replace(path)

    def _let_go(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
        self._descriptor = self._end = -1

    def _path(self, number: int) -> Path:
        return self.folder / f"{self.node}-{number:06d}.jsonl"


def linked(fields: Mapping[str, Any], head: Head) -> tuple[bytes, Head]:
    """The line that follows `head`, with its line break, and the head it makes."""
    body = orjson.dumps({"n": head.n_lines + 1, **fields, "previous": head.hash})
    digest = hashlib.sha256(body).hexdigest()
    return body[:-1] + b',"hash":"' + digest.encode() + b'"}\n', Head(head.n_lines + 1, digest)


def now() -> str:
    """The time, in UTC to the millisecond, as ISO 8601."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_line(data: bytes) -> Line | None:
    """A line without its line break; None where it is none of ours."""
    tail = _HASH.fullmatch(data[-_HASH_BYTES:])
    if tail is None:
        return None
    body, digest = data[:-_HASH_BYTES] + b"}", tail[1].decode()
    try:
        fields = orjson.loads(body)
        number, previous = fields.pop("n"), fields.pop("previous")
    except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError):
        return None
    if not isinstance(number, int) or not isinstance(previous, str):
        return None
    return Line(number, previous, digest, fields, hashlib.sha256(body).hexdigest() == digest)


def file_numbers(folder: Path, node: str) -> list[int]:
    """The numbers of a machine's files, in order."""
    pattern = re.compile(rf"{re.escape(node)}-(\d{{6,}})\.jsonl")
    return sorted(int(match[1]) for path in folder.iterdir() if (match := pattern.fullmatch(path.name)))


def read_head(folder: Path, node: str) -> Head:
    """The head that was noted last; the root where there is none that can be read."""
    try:
        return Head.read((folder / f"{node}.head").read_text(encoding="ascii"))
    except (OSError, ValueError):
        return Head()


def _tail(path: Path) -> bytes:
    """The end of a file, longer than any line."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
        return file.read(_TAIL_BYTES)


def _first_time(path: Path) -> float:
    """When a file was begun, by its first line; now where that cannot be read."""
    with path.open("rb") as file:
        line = read_line(file.readline(_TAIL_BYTES).rstrip(b"\n"))
    try:
        return datetime.fromisoformat(str(line.fields["time"])).timestamp() if line else time.time()
    except (KeyError, ValueError):
        return time.time()
