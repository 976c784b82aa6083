"""Keeps a root's store in step with its files: owns what is read again and when; knows no editor and no event loop.

Every function runs to its end where it is called and is made for a process of its own. What is committed stays
whatever happens: the next run goes on from there.
"""

from __future__ import annotations

import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from context.codegraph.files import Entry, listing
from context.codegraph.parsing import Parsed, Task, parse, parse_all, rules
from context.codegraph.store import Counts, Indexed, Stamp, Store, StoreError, discard, guarded, store_path
from context.secrets import is_refused

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
    """What an update did, and what the store holds after it. It is not complete if it was stopped."""

    n_parsed: int
    n_removed: int
    counts: Counts
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
        self.root = os.path.realpath(root)
        self.path = path or store_path(root)
        self._refused = tuple(refused)
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
        with self._locked(stop):
            n_parsed, n_removed = self._anew_if_corrupt(lambda: self._update(on_progress, stop))
        with Store(self.path) as store:
            counts = store.counts()
        seconds = time.perf_counter() - started
        return Update(n_parsed, n_removed, counts, self.path.stat().st_size, seconds, not stop())

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
            store.expect(f"{rules()} {self._refused}")
            known = store.stamps()
            found = {entry.path: entry for entry in listing(self.root) if not self._is_secret(entry.path, known)}
            removed = sorted(known.keys() - found.keys())
            for paths in _pieces(removed, _BATCH_FILES):
                store.write(removed=paths)
            changed = [entry for entry in found.values() if not _is_same(entry, known.get(entry.path))]
            n_parsed = n_done = 0
            on_progress(Progress(0, len(changed)))
            for parsed in self._parsed(changed, known, stop):
                n_parsed += self._store(store, parsed)
                n_done += len(parsed)
                on_progress(Progress(n_done, len(changed)))
            store.settle()
            return n_parsed, len(removed)

    def _parsed(
        self, changed: Sequence[Entry], known: Mapping[str, Stamp], stop: Callable[[], bool]
    ) -> Iterator[list[Parsed]]:
        batches = _batches(changed, known)
        if sum(entry.size for entry in changed) >= _ALONE_BYTES:
            yield from parse_all(self.root, batches, self._n_processes, stop)
            return
        for batch in batches:
            if stop():
                return
            yield [parse(self.root, task) for task in batch]

    def _store(self, store: Store, parsed: Iterable[Parsed]) -> int:
        """Commits what became of a batch; how many of it were parsed.

        A file that has changed since it was read is read again here: another process may have stored it already,
        and what is older must not come in its place.
        """
        settled = [self._again_if_changed(one) for one in parsed]
        files = [one.outcome for one in settled if isinstance(one.outcome, Indexed)]
        store.write(files, [one.path for one in settled if one.outcome is None])
        store.restamp({one.path: one.outcome for one in settled if isinstance(one.outcome, Stamp)})
        return len(files)

    def _again_if_changed(self, parsed: Parsed) -> Parsed:
        outcome = parsed.outcome
        stamp = outcome.stamp if isinstance(outcome, Indexed) else outcome
        try:
            state = os.lstat(os.path.join(self.root, parsed.path))
        except OSError:
            return Parsed(parsed.path, None)
        if stamp and (state.st_size, state.st_mtime_ns) == stamp[:2]:
            return parsed
        return parse(self.root, Task(parsed.path, b""))

    def _update_files(self, paths: Sequence[str]) -> int:
        listed = {entry.path for entry in listing(self.root, paths)}
        with Store(self.path) as store:
            known = {path: stamp for path in paths for path, stamp in store.stamps_of(path).items()}
            listed = {path for path in listed if not self._is_secret(path, known)}
            store.write(removed=[path for path in known if path not in listed])
            tasks = [Task(path, known[path].digest if path in known else b"") for path in sorted(listed)]
            return self._store(store, [parse(self.root, task) for task in tasks])

    def _is_secret(self, path: str, known: Mapping[str, Stamp]) -> bool:
        """Whether nothing of a file may be kept; of one that is stored by today's rules that is known."""
        if path in known and known[path].digest:
            return False
        return is_refused(path, f"{self.root}/{path}".replace(os.sep, "/"), self._refused)

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
    def _locked(self, stop: Callable[[], bool]) -> Iterator[None]:
        """Keeps other processes from a whole update of the same store at the same time."""
        from filelock import FileLock, Timeout  # noqa: PLC0415  off the start-up path

        with guarded():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = FileLock(f"{self.path}.lock", mode=0o600)
            try:
                lock.acquire(poll_interval=_LOCK_POLL_S, cancel_check=stop)
            except Timeout:
                raise StoreError("busy") from None
        try:
            yield
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
