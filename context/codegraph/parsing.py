"""From a path to what is stored of its file: owns one file's reading, and the processes that read many at once.

Secrets are taken out of a text before anything of it is kept.

A process reads batches of paths from its input and writes what it found; it ends when its input does, so that none
outlives the indexer however that came to its end. What it imports decides what an index holds (`rules`).
"""

from __future__ import annotations

import contextlib
import hashlib
import itertools
import logging
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

from context.codegraph.facts import FileFacts
from context.codegraph.files import language_of, read_regular, refusal
from context.codegraph.lexical import words_of
from context.codegraph.store import Change, Indexed, Stamp, pack
from context.pipes import end, entry, messages, send, start
from context.secrets import blanked, is_refused

log = logging.getLogger(__name__)

_NICE = 10
_BATCH_TIMEOUT_S = 60.0
_START = entry("context.codegraph.parsing")
_DATA_LANGUAGES = ("json", "yaml")


class Task(NamedTuple):
    """A file to read; `digest` is that of the content which is known already, b"" of none."""

    path: str
    digest: bytes


class Root(NamedTuple):
    """A folder and further patterns of files in it of which nothing may be kept."""

    path: str
    refused: tuple[str, ...] = ()


def parse(root: Root, task: Task) -> Change:
    """Reads and analyses one file. A secret is not even read; of what is stored already it is known to be none."""
    place = os.path.join(root.path, task.path)
    language = language_of(task.path)
    if not task.digest and is_refused(task.path, place.replace(os.sep, "/"), root.refused):
        return _secret(place, task.path)
    read = read_regular(place)
    if read is None or language is None:
        return Change(task.path, None)
    source, state = read
    digest = hashlib.blake2b(source, digest_size=16).digest()
    stamp = Stamp(state.st_size, state.st_mtime_ns, digest, refusal(source))
    if digest == task.digest:
        return Change(task.path, stamp)
    if not stamp.refused:
        try:
            return Change(task.path, _indexed(task.path, language, source, stamp))
        except Exception as error:  # noqa: BLE001  a bug that one file brings out must not cost all others
            log.warning("a file could not be analysed: %s", type(error).__name__)
            stamp = stamp._replace(refused="failed")
    return Change(task.path, Indexed(FileFacts(task.path, language, 0), stamp))


def parse_all(
    root: Root, batches: Iterable[Sequence[Task]], n_processes: int, stop: Callable[[], bool] = lambda: False
) -> Iterator[list[Change]]:
    """The batches' outcomes as they come, out of order, by that many processes; nothing is begun after `stop`."""
    source = _Shared(batches, stop)
    results: queue.Queue[list[Change] | None] = queue.Queue(maxsize=n_processes)
    workers = [_Worker(root, source, results) for _ in range(n_processes)]
    try:
        for worker in workers:
            worker.start()
        n_running = len(workers)
        while n_running:
            result = results.get()
            if result is None:
                n_running -= 1
            else:
                yield result
    finally:
        source.close()
        for worker in workers:
            worker.end()


@cache
def rules() -> str:
    """A fingerprint of the program that makes an index, so that another version's is known to be one."""
    folder = Path(__file__).parent
    digest = hashlib.blake2b(digest_size=16)
    secrets = folder.parent / "secrets"
    for path in sorted(
        [*folder.rglob("*.py"), *folder.rglob("*.scm"), *secrets.glob("*.py"), folder.parent / "languages.py"]
    ):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _secret(place: str, path: str) -> Change:
    try:
        state = os.lstat(place)
    except OSError:
        return Change(path, None)
    return Change(path, Indexed(FileFacts(path, "", 0), Stamp(state.st_size, state.st_mtime_ns, b"", "secret")))


def _indexed(path: str, language: str, source: bytes, stamp: Stamp) -> Indexed:
    from context.codegraph.extract import extract  # noqa: PLC0415  the grammars are for those who parse

    source = blanked(source)
    facts = extract(path, language, source)
    if language in _DATA_LANGUAGES and not facts.symbols:
        return Indexed(facts._replace(chunks=()), stamp)  # no schema, so nothing to look up or to imitate
    lines = source.decode("utf-8", "replace").split("\n")
    words = tuple(pack(words_of("\n".join(lines[line:end_line]))) for line, end_line in facts.chunks)
    return Indexed(facts, stamp, words)


class _Shared:
    """Batches that several threads take from."""

    def __init__(self, batches: Iterable[Sequence[Task]], stop: Callable[[], bool]) -> None:
        self._batches = iter(batches)
        self._stop = stop
        self._lock = threading.Lock()
        self.is_closed = False

    def take(self) -> Sequence[Task] | None:
        with self._lock:
            return None if self.is_closed or self._stop() else next(self._batches, None)

    def close(self) -> None:
        self.is_closed = True


class _Worker:
    """A thread that keeps one process busy; it waits for a pipe nearly all the time."""

    def __init__(self, root: Root, source: _Shared, results: queue.Queue[list[Change] | None]) -> None:
        self._root = root
        self._source = source
        self._results = results
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def end(self) -> None:
        """Kills the process and waits for the thread, whose results nobody wants any more."""
        while self._thread.is_alive():
            if self._process:
                self._process.kill()
            with contextlib.suppress(queue.Empty):
                self._results.get(timeout=0.02)
            self._thread.join(timeout=0.02)

    def _run(self) -> None:
        try:
            while batch := self._source.take():
                self._results.put(self._parsed(batch))
        finally:
            if self._process:
                end(self._process)
            self._results.put(None)

    def _parsed(self, batch: Sequence[Task]) -> list[Change]:
        """A batch's outcomes. A file that ends the process is stored as refused, so that it does so once."""
        try:
            return self._exchange(batch)
        except (OSError, EOFError):
            if self._process:
                end(self._process)
                self._process = None
            if self._source.is_closed:
                return []
            if len(batch) == 1:
                return [_crashed(self._root, batch[0])]
            return list(itertools.chain.from_iterable(self._parsed([task]) for task in batch))

    def _exchange(self, batch: Sequence[Task]) -> list[Change]:
        if self._process is None:
            self._process = start(_START)
            assert self._process.stdin is not None
            send(self._process.stdin, self._root)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        # A parser that never comes to an end is ended, as one that crashes.
        watch = threading.Timer(_BATCH_TIMEOUT_S, self._process.kill)
        watch.start()
        try:
            send(self._process.stdin, list(batch))
            changes: list[Change] | None = next(messages(self._process.stdout), None)
        finally:
            watch.cancel()
        if changes is None:
            raise EOFError
        return changes


def _crashed(root: Root, task: Task) -> Change:
    read = read_regular(os.path.join(root.path, task.path))
    if read is None:
        return Change(task.path, None)
    digest = hashlib.blake2b(read[0], digest_size=16).digest()
    stamp = Stamp(read[1].st_size, read[1].st_mtime_ns, digest, "crashed")
    return Change(task.path, Indexed(FileFacts(task.path, language_of(task.path) or "", 0), stamp))


def main() -> None:
    """A process: is told the root, and answers batches until its input ends."""
    replies = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    sys.stdout = sys.stderr
    if hasattr(os, "nice"):
        os.nice(_NICE)
    said = messages(sys.stdin.buffer)
    root = next(said, Root(""))
    for batch in said:
        send(replies, [parse(root, task) for task in batch])
