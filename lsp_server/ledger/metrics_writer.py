"""The thread that writes the metrics: owns batches, what waits for a disk, and when old rows go; knows no measure.

Figures are not worth a wait: where the file cannot be written they are kept for a while, then dropped, the oldest
first. A file that is broken is made anew.
"""

from __future__ import annotations

import logging
import os
import queue
import sqlite3
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic, time

from context import sqlite_file
from context.sqlite_file import StoreError
from lsp_server.ledger import metrics_file
from lsp_server.ledger.measures import Measure
from lsp_server.ledger.metrics import MetricsOptions, Queue

MAX_WAITING = 10_000
BATCH_S = 2.0
"""How long the first of a batch waits for others: the disk is written to at most so often."""

TEXTFILE_S = 15.0
_DAY_S = 86_400.0

log = logging.getLogger(__name__)


class Writer:
    """Writes what a queue brings."""

    def __init__(self, options: MetricsOptions) -> None:
        self._options = options
        self._path = options.path or metrics_file.metrics_path()
        self._waiting: deque[Measure] = deque(maxlen=MAX_WAITING)
        self._connection: sqlite3.Connection | None = None
        self._pruned_s = 0.0
        self._told_s = 0.0
        self._is_failing = False

    def run(self, measures: Queue) -> None:
        """Empties the queue until it is told to end."""
        is_ending = False
        while not is_ending:
            events: list[threading.Event] = []
            for one in _batch(measures):
                if one is None:
                    is_ending = True
                elif isinstance(one, threading.Event):
                    events.append(one)
                else:
                    self._waiting.append(one)
            self._write(is_wanted=is_ending or bool(events))
            for event in events:
                event.set()
        if self._connection is not None:
            self._connection.close()

    def _write(self, *, is_wanted: bool) -> None:
        """Writes all that waits, if that is possible now; `is_wanted` by somebody who looks at it next."""
        try:
            if self._connection is None:
                self._connection = metrics_file.opened(self._path)
            if self._waiting:
                metrics_file.write(self._connection, self._waiting)
                self._waiting.clear()
            self._prune(self._connection)
            if is_wanted or monotonic() - self._told_s >= TEXTFILE_S:
                self._tell(self._connection)
        except StoreError as error:
            self._failed(error.kind)
        else:
            self._is_failing = False

    def _prune(self, connection: sqlite3.Connection) -> None:
        """Deletes what is too old, once a day."""
        now_s = time()
        if now_s - self._pruned_s >= _DAY_S:
            metrics_file.prune(connection, now_s - self._options.retention_days * _DAY_S)
            self._pruned_s = now_s

    def _tell(self, connection: sqlite3.Connection) -> None:
        """Writes the counters for Prometheus, in one piece."""
        path = self._options.textfile
        if path is None:
            return
        unfinished = path.with_name(f".{path.name}.{os.getpid()}")
        with sqlite_file.guarded():
            unfinished.write_text(metrics_file.textfile(connection), encoding="utf-8")
            unfinished.replace(path)
        self._told_s = monotonic()

    def _failed(self, kind: str) -> None:
        """Lets go of the file, for the next time; a broken one is not worth keeping. Says so once."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()
        if kind == "corrupt":
            with suppress(StoreError):
                sqlite_file.discard(self._path)
        if not self._is_failing:
            log.warning("metrics cannot be written: %s", kind)
        self._is_failing = True


def _batch(measures: Queue) -> Iterator[Measure | threading.Event | None]:
    """The next measures, as they come; who waits for them is not kept waiting for more."""
    one = measures.get()
    limit_s = monotonic() + BATCH_S
    while True:
        yield one
        if one is None or isinstance(one, threading.Event):
            return
        try:
            one = measures.get(timeout=max(0.0, limit_s - monotonic()))
        except queue.Empty:
            return
