"""The audit trail as the server sees it: owns the queue to its writer and whether it works; knows no file format.

    audit = Audit(AuditOptions(required=True), user, on_change)
    audit.record(Sent(...))     before a request leaves; where this raises AuditError it must not leave
    audit.record(Ended(...))    when it is over

Recording waits for no disk: a thread of its own writes. While it cannot, the state is `broken`, told
once with its reason; the thread tries again until it can. Where the trail is required nothing may be
recorded then, and so nothing sent; else what does not fit the queue is counted, and the trail says
later how many entries it lacks.
"""

from __future__ import annotations

import hmac
import os
import queue
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from platformdirs import user_state_path

from lsp_server import __version__
from lsp_server.ledger import entries
from lsp_server.ledger.chain import FSYNC_INTERVAL_S, Chain, ChainError, Fsync, now
from lsp_server.ledger.entries import Digest, Entry, Lost, Started, Word

MAX_QUEUED = 4_096
"""Entries; more of them wait only where a disk hangs."""

RETRY_S = 2.0
GATHER_S = 0.25
CLOSE_S = 5.0
_MAX_BATCH = 256
_KEY_BYTES = 32

State = Literal["starting", "working", "broken"]


class AuditError(Exception):
    """The trail is required and cannot be written; the message is for the user."""


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How and where the trail is kept; `folder` None is the user's own state folder."""

    folder: Path | None = None
    required: bool = False
    paths: Literal["hashed", "plain"] = "hashed"
    fsync: Fsync = "interval"
    max_file_mb: int = 16
    max_file_days: int = 1


def default_folder() -> Path:
    """Where the trail is kept unless the settings name another place."""
    return user_state_path("instant-lsp", appauthor=False) / "audit"


class Audit:
    """Records what left and what was refused. Opening it reads a file: do that beside the event loop.

    `on_change` is told every change of state with its reason, mostly by the writer's thread.
    """

    def __init__(
        self,
        options: AuditOptions,
        user: str,
        on_change: Callable[[State, str], None] = lambda state, reason: None,
        *,
        max_queued: int = MAX_QUEUED,
        retry_s: float = RETRY_S,
    ) -> None:
        self.state: State = "starting"
        self.reason = "It is being opened."
        self._options = options
        self._user = entries.name(user)
        self._on_change = on_change
        self._retry_s = retry_s
        self._queue: queue.Queue[_Item] = queue.Queue(max_queued)
        self._lock = threading.Lock()
        self._n_lost = 0
        self._is_closing = threading.Event()
        self._gather_s = 0.0 if options.fsync == "always" else GATHER_S
        self._opened = threading.Event()
        folder = options.folder or default_folder()
        self._key = _key(folder)
        chain = Chain(
            folder,
            fsync=options.fsync,
            max_file_bytes=options.max_file_mb << 20,
            max_file_s=options.max_file_days * 86_400.0,
        )
        self._queue.put(self._fields(Started(entries.name(__version__), os.getpid())))
        self._writer = threading.Thread(target=self._run, args=(chain,), name="audit", daemon=True)
        self._writer.start()

    def record(self, entry: Entry) -> None:
        """Takes an entry to be written. Raises AuditError where the trail is required and does not work."""
        self.require()
        self.tell(entry)
        self.require()

    def tell(self, entry: Entry) -> None:
        """Takes an entry of what has happened already, whether the trail works or not; what cannot wait is counted."""
        try:
            self._queue.put_nowait(self._fields(entry))
        except queue.Full:
            with self._lock:
                self._n_lost += 1
            self._tell("broken", "The audit trail is not written fast enough: check the disk it lies on.")

    def wait_until_opened(self, timeout_s: float) -> bool:
        """Waits until it is known whether the trail works; False where that takes longer."""
        return self._opened.wait(timeout_s)

    def require(self) -> None:
        """Raises AuditError where the trail is required and does not work: nothing may be sent then."""
        if self._options.required and (self.state != "working" or self._is_closing.is_set()):
            reason = "It is being closed." if self.state == "working" else self.reason
            raise AuditError(f"Nothing is sent, since the audit trail is required. {reason}")

    def digest(self, text: str) -> Digest:
        """The digest of a prompt or an answer: it tells whether a text is the same one to who has this user's key."""
        return Digest(self._digest("text", text))

    def workspace_id(self, uri: str) -> Word:
        """The name by which the trail knows an opened folder."""
        return Word(self._digest("workspace", uri)[:16])

    def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Waits until all that was recorded is on the disk; False where that did not come to pass."""
        done = threading.Event()
        try:
            self._queue.put(done, timeout=timeout_s)
        except queue.Full:
            return False
        return done.wait(timeout_s) and self.state == "working"

    def close(self) -> None:
        """Writes what is left, as far as that works now, and ends the writer."""
        self._is_closing.set()
        with suppress(queue.Full):
            self._queue.put(None, timeout=CLOSE_S)
        self._writer.join(CLOSE_S)

    def _fields(self, entry: Entry) -> dict[str, Any]:
        fields = {"time": now(), "user": self._user, **entry.told()}
        path = fields.get("path")
        if path and self._options.paths == "hashed":
            fields["path"] = self._digest("path", str(path))[:32]
        return fields

    def _digest(self, purpose: str, text: str) -> str:
        return hmac.digest(self._key, f"{purpose}\0{text}".encode("utf-8", "surrogatepass"), "sha256").hex()

    def _run(self, chain: Chain) -> None:
        """The writer: takes what is queued and keeps it until it is written."""
        items: list[_Item] = []
        while None not in items:
            items = items or self._next()
            try:
                chain.append(item for item in items if isinstance(item, dict))
                waiting = [item for item in items if isinstance(item, threading.Event)]
                if waiting or self._queue.empty():
                    chain.sync()
            except ChainError as error:
                self._tell("broken", f"The audit trail does not work: {error}.")
                if self._is_closing.wait(self._retry_s):
                    break
                continue
            self._tell("working", "")
            for event in waiting:
                event.set()
            items = items if None in items else []
        with suppress(ChainError):
            chain.close()

    def _next(self) -> list[_Item]:
        """What is queued, up to a batch; nothing where nothing came until it is time to sync."""
        items: list[_Item] = []
        with suppress(queue.Empty):
            items.append(self._queue.get(timeout=FSYNC_INTERVAL_S))
            # Locking, writing and syncing takes the interpreter from who types, so it waits for what comes soon.
            until_s = time.monotonic() + (self._gather_s if self.state == "working" else 0.0)
            while len(items) < _MAX_BATCH and isinstance(items[-1], dict):
                items.append(self._queue.get(timeout=max(0.0, until_s - time.monotonic())))
        return [*self._lost(), *items]

    def _lost(self) -> list[dict[str, Any]]:
        with self._lock:
            n_lost, self._n_lost = self._n_lost, 0
        return [self._fields(Lost(n_lost))] if n_lost else []

    def _tell(self, state: State, reason: str) -> None:
        with self._lock:
            if state == self.state:
                return
            self.state, self.reason = state, reason
        self._opened.set()
        self._on_change(state, reason)


_Item = dict[str, Any] | threading.Event | None
"""Fields of an entry, somebody who waits for all before it, or the end."""


def _key(folder: Path) -> bytes:
    """The key of this user's digests, made once; one for this run alone where it cannot be kept."""
    path = folder / "key"
    try:
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            _make_key(path)
        key = path.read_bytes()
    except OSError:
        key = b""
    return key if len(key) == _KEY_BYTES else secrets.token_bytes(_KEY_BYTES)


def _make_key(path: Path) -> None:
    """Appears whole and once, whoever else makes it at the same time."""
    temporary = path.with_suffix(f".{os.getpid()}.tmp")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(descriptor, secrets.token_bytes(_KEY_BYTES))
    finally:
        os.close(descriptor)
    with suppress(FileExistsError):
        os.link(temporary, path)
    temporary.unlink()
