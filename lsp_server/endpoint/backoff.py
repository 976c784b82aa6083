"""When a failing endpoint may be asked again: owns the waiting time; knows neither HTTP nor prompts."""

from __future__ import annotations

import random
import time
from collections.abc import Callable

from lsp_server.endpoint.status import EndpointError

FIRST_DELAY_S = 0.5
MAX_DELAY_S = 15.0


class Backoff:
    """Closed after success; after a failure open until the retry time, when a single trial goes through."""

    def __init__(
        self, clock: Callable[[], float] = time.monotonic, jitter: Callable[[], float] = random.random
    ) -> None:
        self.clock = clock
        self._jitter = jitter
        self._error: EndpointError | None = None
        self._n_failures = 0
        self._retry_at_s = 0.0

    def enter(self) -> bool:
        """Call before a request; says whether it is a trial, raises the last error while it is too early for one."""
        if self._error is None:
            return False
        if self.clock() < self._retry_at_s:
            raise EndpointError(self._error.kind, str(self._error), retry_after_s=self._error.retry_after_s)
        # This request is the trial; the others wait for its outcome, though not for ever.
        self._retry_at_s = self.clock() + MAX_DELAY_S
        return True

    def failed(self, error: EndpointError) -> None:
        """Opens, or stays open for twice as long."""
        self._error = error
        delay_s = min(MAX_DELAY_S, FIRST_DELAY_S * 2**self._n_failures) * (0.75 + self._jitter() / 2)
        self._n_failures = min(self._n_failures + 1, 10)
        self._retry_at_s = self.clock() + max(delay_s, error.retry_after_s or 0.0)

    def succeeded(self) -> None:
        """Closes."""
        self._error, self._n_failures = None, 0

    def given_up(self) -> None:
        """The trial was cancelled before it showed anything: the next request is the trial."""
        self._retry_at_s = min(self._retry_at_s, self.clock())
