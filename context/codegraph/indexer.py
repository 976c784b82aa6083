"""Keeps a root's store in step with its files: owns what is read again and when; knows no editor and no event loop.

Every function runs to its end where it is called and is made for a process of its own. What is committed stays
whatever happens: the next run goes on from there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from context.codegraph.files import Entry, listing, still_there
from context.codegraph.parsing import Root, Task, parse, parse_all, rules
from context.codegraph.store import Change, Counts, Indexed, Stamp, Store
from context.codegraph.store_file import StoreError, discard, guarded, store_path

log = logging.getLogger(__name__)

N_PROCESSES = 2

_BATCH_BYTES = 200_000
_BATCH_FILES = 40
_ALONE_BYTES = 400_000
"""Less than this is parsed here, since starting processes takes longer."""

_MANY_FILES = 50
_LOCK_POLL_S = 0.1


class Progress(NamedTuple):
    """How far an update is; both count files."""

    n_done: int
    n_files: int


class Update(NamedTuple):
    """What an update did, and what the store holds after it. It is not complete if it was stopped.

    `n_refused` counts the files that were left out by what they hold, by reason.
    """

    n_parsed: int
    n_removed: int
    counts: Counts
    n_refused: dict[str, int]
    n_bytes: int
    seconds: float
    is_complete: bool


class Indexer:
    """Writes one root's store. Other processes may write and read the same store at any time.

    `refused` are further patterns of files of which nothing may be kept. Everything raises StoreError where the
    store cannot be written; one that is corrupt or another version's is deleted and built anew.
    """

    def __init__(
        self,
        root: str | os.PathLike[str],
        path: Path | None = None,
        *,
        refused: Sequence[str] = (),
        n_processes: int = N_PROCESSES,
    ) -> None:
        """The store lies at `path`, or where `store_path` says."""
        self.root = Root(os.path.realpath(root), tuple(refused))
        self.path = path or store_path(root)
        self._n_processes = n_processes

    def update(
        self,
        *,
        on_progress: Callable[[Progress], None] = lambda _: None,
        stop: Callable[[], bool] = lambda: False,
    ) -> Update:
        """Brings the whole store in step with the root; one process at a time does so, the others wait for it.

        `stop` is asked between batches, from other threads too; what is done by then stays.
        """
        started = time.perf_counter()
        n_parsed = n_removed = 0
        with self._locked(stop) as is_locked:
            if is_locked:
                n_parsed, n_removed = self._anew_if_corrupt(lambda: self._update(on_progress, stop))
        with Store(self.path) as store:
            counts, n_refused = store.counts(), store.refused()
        seconds = time.perf_counter() - started
        return Update(n_parsed, n_removed, counts, n_refused, self.path.stat().st_size, seconds, not stop())

    def update_files(self, paths: Sequence[str]) -> int:
        """Reads these files again, which were saved, made or deleted; how many were parsed.

        `paths` are POSIX style and relative to the root; one may be a folder that is gone. Many at once, as when a
        branch is switched, are a whole update.
        """
        if len(paths) > _MANY_FILES:
            return self.update().n_parsed
        try:
            return self._update_files(paths)
        except StoreError as error:
            if error.kind != "corrupt":
                raise
        return self.update().n_parsed

    def discard(self) -> None:
        """Deletes the store."""
        with self._locked(lambda: False):
            discard(self.path)

    def _update(self, on_progress: Callable[[Progress], None], stop: Callable[[], bool]) -> tuple[int, int]:
        """How many files were parsed and how many removed."""
        with Store(self.path) as store:
            store.expect(f"{rules()} {self.root.refused}")
            known = store.stamps()
            found = {entry.path: entry for entry in listing(self.root.path)}
            removed = sorted(known.keys() - found.keys())
            for paths in _pieces(removed, _BATCH_FILES):
                store.write(Change(path, None) for path in paths)
            changed = [entry for entry in found.values() if not _is_same(entry, known.get(entry.path))]
            n_parsed = n_done = 0
            on_progress(Progress(0, len(changed)))
            for changes in self._parsed(changed, known, stop):
                n_parsed += self._store(store, changes)
                n_done += len(changes)
                on_progress(Progress(n_done, len(changed)))
            store.settle()
            return n_parsed, len(removed)

    def _parsed(
        self, changed: Sequence[Entry], known: Mapping[str, Stamp], stop: Callable[[], bool]
    ) -> Iterator[list[Change]]:
        batches = _batches(changed, known)
        if sum(entry.size for entry in changed) >= _ALONE_BYTES:
            yield from parse_all(self.root, batches, self._n_processes, stop)
            return
        for batch in batches:
            if stop():
                return
            yield [parse(self.root, task) for task in batch]

    def _store(self, store: Store, changes: Sequence[Change]) -> int:
        """Commits what became of a batch; how many of it were parsed.

        A file that has changed since it was read is read again here: another process may have stored it already,
        and what is older must not come in its place.
        """
        n_parsed = sum(isinstance(change.outcome, Indexed) for change in changes)
        store.write(self._again_if_changed(change) for change in changes)
        return n_parsed

    def _again_if_changed(self, change: Change) -> Change:
        outcome = change.outcome
        if outcome is None:
            return change
        stamp = outcome.stamp if isinstance(outcome, Indexed) else outcome
        try:
            state = os.lstat(os.path.join(self.root.path, change.path))
        except OSError:
            return Change(change.path, None)
        if (state.st_size, state.st_mtime_ns) == stamp[:2]:
            return change
        return parse(self.root, Task(change.path, b""))

    def _update_files(self, paths: Sequence[str]) -> int:
        with Store(self.path) as store:
            known = {path: stamp for path in paths for path, stamp in store.stamps_of(path).items()}
            new = [path for path in paths if path not in known]
            entries = [*still_there(self.root.path, list(known)), *(listing(self.root.path, new) if new else ())]
            tasks = [Task(path, known[path].digest if path in known else b"") for path, *_ in entries]
            gone = known.keys() - {task.path for task in tasks}
            changes = [*(parse(self.root, task) for task in tasks), *(Change(path, None) for path in sorted(gone))]
            return self._store(store, changes)

    def _anew_if_corrupt(self, update: Callable[[], tuple[int, int]]) -> tuple[int, int]:
        try:
            return update()
        except StoreError as error:
            if error.kind != "corrupt":
                raise
        log.warning("the index was corrupt or of another version: it is built anew")
        discard(self.path)
        return update()

    @contextlib.contextmanager
    def _locked(self, stop: Callable[[], bool]) -> Iterator[bool]:
        """Waits until no other process makes a whole update of the same store; False if `stop` came first."""
        from filelock import FileLock, Timeout  # noqa: PLC0415  off the start-up path

        with guarded():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(f"{self.path}.lock", mode=0o600)
            with contextlib.suppress(Timeout):
                lock.acquire(poll_interval=_LOCK_POLL_S, cancel_check=stop)
        try:
            yield lock.is_locked
        finally:
            lock.release()


def _is_same(entry: Entry, stamp: Stamp | None) -> bool:
    return stamp is not None and (entry.size, entry.mtime_ns) == (stamp.size, stamp.mtime_ns)


def _batches(changed: Sequence[Entry], known: Mapping[str, Stamp]) -> Iterator[list[Task]]:
    """Tasks for one message and one commit each: not so many that memory or another writer would feel it."""
    batch: list[Task] = []
    n_bytes = 0
    for entry in changed:
        batch.append(Task(entry.path, known[entry.path].digest if entry.path in known else b""))
        n_bytes += entry.size
        if n_bytes >= _BATCH_BYTES or len(batch) == _BATCH_FILES:
            yield batch
            batch, n_bytes = [], 0
    if batch:
        yield batch


def _pieces(paths: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (paths[start : start + size] for start in range(0, len(paths), size))
