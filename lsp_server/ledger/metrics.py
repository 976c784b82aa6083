"""The metrics as the server sees them: owns the queue to the thread that writes them; knows no file.

metrics = Metrics()
metrics.configure(MetricsOptions())
metrics.record(Answer("completion", "python", ...))     returns at once
metrics.close()                                         waits a moment for what is queued
"""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from pathlib import Path

from lsp_server.ledger.measures import Measure

CLOSE_S = 2.0

Queue = queue.SimpleQueue[Measure | threading.Event | None]
"""An event is set when all before it was dealt with; None ends the thread."""


@dataclass(frozen=True, slots=True)
class MetricsOptions:
    """Whether metrics are kept, for how long, where (None: the user's state folder), and where Prometheus reads."""

    enabled: bool = True
    retention_days: int = 30
    textfile: Path | None = None
    path: Path | None = None


class Metrics:
    """What is measured of one server. Its thread begins with the first measure; disabled, nothing is kept."""

    def __init__(self) -> None:
        self._options = MetricsOptions(enabled=False)
        self._queue: Queue | None = None
        self._thread: threading.Thread | None = None

    def configure(self, options: MetricsOptions) -> None:
        """Measures as the options say from now on; what is queued is still written as they said before."""
        if options != self._options:
            self._end()
            self._options = options

    def record(self, measure: Measure) -> None:
        """Queues one measure, which must not change any more."""
        if not self._options.enabled:
            return
        if self._queue is None:
            self._queue = queue.SimpleQueue()
            self._thread = threading.Thread(target=_write, args=(self._queue, self._options), daemon=True)
            self._thread.start()
        self._queue.put(measure)

    def flush(self, timeout_s: float = CLOSE_S) -> bool:
        """Waits until what was recorded is written, or cannot be; False where that takes longer."""
        if self._queue is None:
            return True
        done = threading.Event()
        self._queue.put(done)
        return done.wait(timeout_s)

    def close(self) -> None:
        """Ends the thread, and waits a moment for what it has to write."""
        thread = self._end()
        if thread is not None:
            thread.join(CLOSE_S)

    def _end(self) -> threading.Thread | None:
        if self._queue is not None:
            self._queue.put(None)
        thread, self._thread, self._queue = self._thread, None, None
        return thread


def _write(measures: Queue, options: MetricsOptions) -> None:
    from lsp_server.ledger.metrics_writer import Writer  # noqa: PLC0415  SQLite, beside the event loop

    Writer(options).run(measures)
