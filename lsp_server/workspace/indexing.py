"""Keeps the stores of folders in step with their files: owns which is read when; answers no question about symbols.

Single files are read in a thread, since somebody has just saved them. A whole folder is gone through in a process of
its own, whose memory goes with it, and which ends with this one.
"""

from __future__ import annotations

import contextlib
import logging
import os
import posixpath
import queue
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from context.codegraph.files import is_home, is_left_out, language_of
from context.codegraph.indexer import Indexer
from context.codegraph.projects import is_build_file
from context.codegraph.store_file import StoreError
from context.pipes import end, entry, messages, send, start
from lsp_server.whence import where
from lsp_server.workspace.messages import Event, Progress, Trouble

POLL_S = 30.0
"""How often a folder nobody watches is looked through while somebody works in it."""

MANY_FILES = 50
"""So many at once, as when a branch is switched, are a whole folder's update."""

_POLL_FACTOR = 50.0
_REPORT_S = 5.0
_NICE = 10

log = logging.getLogger(__name__)


class Indexing:
    """Work for the stores of folders. What comes of it is told from other threads.

    `on_change(folder, paths)` says that a store holds something new of these files, or of any if there are none.
    """

    def __init__(self, on_change: Callable[[str, Sequence[str]], None], on_event: Callable[[Event], None]) -> None:
        self._on_change = on_change
        self._on_event = on_event
        self._refused: tuple[str, ...] = ()
        self._files: queue.Queue[tuple[str, str]] = queue.Queue()
        self._folders: queue.Queue[str] = queue.Queue()
        self._waiting: set[str] = set()
        self._told: set[Trouble] = set()
        self._polled_s: dict[str, float] = {}
        self._heads: dict[str, object] = {}
        for run in (self._keep_files, self._keep_folders):
            threading.Thread(target=run, daemon=True).start()

    def refuse(self, patterns: tuple[str, ...]) -> None:
        """Further patterns of files of which nothing may be kept from now on."""
        self._refused = patterns

    def whole(self, folder: str) -> None:
        """Has a folder gone through, unless it waits for that already."""
        if is_home(folder):
            self._tell(Trouble(folder, "home"))
        elif os.path.isdir(folder) and folder not in self._waiting:
            self._waiting.add(folder)
            self._polled_s[folder] = time.monotonic() + POLL_S
            self._folders.put(folder)

    def files(self, folder: str, paths: Sequence[str]) -> None:
        """Has these files (POSIX, relative) read again, or folders that are gone.

        A file that says what is ignored may leave out any of the others, or bring it back.
        """
        if len(paths) > MANY_FILES or any(posixpath.basename(path) == ".gitignore" for path in paths):
            self.whole(folder)
            return
        for path in paths:
            if not is_left_out(path) and not is_home(folder):
                self._files.put((folder, path))

    def poll(self, folder: str) -> None:
        """Somebody works in a folder that nobody watches: it is looked through now and then, and after a checkout."""
        head = _head(folder)
        if head != self._heads.setdefault(folder, head) or self._polled_s.get(folder, 0.0) < time.monotonic():
            self._heads[folder] = head
            self.whole(folder)

    def _keep_files(self) -> None:
        while True:
            folder, path = self._files.get()
            batch = {folder: {path: None}}
            with contextlib.suppress(queue.Empty):
                while sum(map(len, batch.values())) <= MANY_FILES:
                    folder, path = self._files.get_nowait()
                    batch.setdefault(folder, {})[path] = None
            for folder, paths in batch.items():
                self._guarded(folder, partial(self._update_files, folder, list(paths)))

    def _update_files(self, folder: str, paths: list[str]) -> None:
        wanted = [path for path in paths if language_of(path) or not os.path.isfile(os.path.join(folder, path))]
        if wanted:
            Indexer(folder, refused=self._refused).update_files(wanted)
        if wanted or any(map(is_build_file, paths)):
            self._on_change(folder, paths)

    def _keep_folders(self) -> None:
        while True:
            folder = self._folders.get()
            self._waiting.discard(folder)
            self._heads[folder] = _head(folder)
            started_s = time.monotonic()
            self._guarded(folder, partial(self._update, folder))
            now_s = time.monotonic()
            self._polled_s[folder] = now_s + max(POLL_S, _POLL_FACTOR * (now_s - started_s))

    def _update(self, folder: str) -> None:
        """Follows the process that goes through a folder; what is found along the way is used from time to time."""
        reported_s, pause_s, n_all = time.monotonic(), _REPORT_S, 0
        reason = "failed"
        for message in _told_by_process(folder, self._refused):
            match message:
                case ("progress", n_done, n_files):
                    n_all = n_files
                    if n_done < n_files:
                        self._on_event(Progress(folder, n_done, n_files))
                    if n_done and time.monotonic() - reported_s > pause_s:
                        self._on_change(folder, ())
                        reported_s, pause_s = time.monotonic(), 2 * pause_s
                case ("done", is_changed):
                    # Not before, since the store is put in order at the end.
                    self._on_event(Progress(folder, n_all, n_all))
                    if is_changed:
                        self._on_change(folder, ())
                    return
                case ("failed", reason):
                    break
        self._on_event(Progress(folder, n_all, n_all))
        self._tell(Trouble(folder, reason))

    def _guarded(self, folder: str, work: Callable[[], None]) -> None:
        """Does one piece of work; whatever becomes of it, the next one is done as well."""
        try:
            work()
        except StoreError as error:
            self._tell(Trouble(folder, error.kind))
        except Exception as error:  # noqa: BLE001  a file that brings out a bug must not end all further indexing
            self._tell(Trouble(folder, where(error)))

    def _tell(self, trouble: Trouble) -> None:
        if trouble not in self._told:
            self._told.add(trouble)
            self._on_event(trouble)


def _head(folder: str) -> object:
    """What changes when a branch is switched or pulled; None without git's own folder."""
    times = []
    for name in ("HEAD", "index"):
        with contextlib.suppress(OSError):
            times.append(os.stat(os.path.join(folder, ".git", name)).st_mtime_ns)
    return tuple(times)


def _told_by_process(folder: str, refused: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
    process = start(entry(__name__))
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        send(process.stdin, (folder, refused))
        yield from messages(process.stdout)
    finally:
        end(process)


# The process.


def main() -> None:
    """Goes through one folder, tells how far it is, and ends with the one that started it."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr
    if hasattr(os, "nice"):
        os.nice(_NICE)
    said = messages(sys.stdin.buffer)
    folder, refused = next(said)
    threading.Thread(target=lambda: (list(said), os._exit(0)), daemon=True).start()

    def tell(*message: object) -> None:
        send(replies, message)

    try:
        update = Indexer(folder, refused=refused).update(on_progress=lambda progress: tell("progress", *progress))
        tell("done", bool(update.n_parsed or update.n_removed))
    except StoreError as error:
        tell("failed", error.kind)
    except Exception as error:  # noqa: BLE001  told by its place alone
        tell("failed", where(error))
