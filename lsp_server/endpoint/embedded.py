"""The local engine as an endpoint: owns when it is started and what the user is told; knows no process details.

All language servers of a user share one engine. Whoever needs it first starts it, it outlives the server
that started it, and it ends by itself when nobody has used it for a while; so `address` is asked again
after every lost connection.
"""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import time
from collections.abc import Callable

from lsp_server.endpoint import engine_process, models
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.engine_process import Running
from lsp_server.endpoint.status import EndpointError, Status
from lsp_server.options import EmbeddedSettings

_START_TIMEOUT_S = 60.0
_POLL_S = 0.1
_N_MISSES = 5
"""Unanswered health checks in a row after which a live engine counts as hung."""
_QUICK_S = 60.0
_LONGEST_PAUSE_S = 30.0


class EmbeddedEngine:
    """Finds or starts this user's engine; `on_status` is told, on the event loop, when one is started.

    There is nothing to close: the engine is not this server's own.
    """

    def __init__(self, settings: EmbeddedSettings, *, on_status: Callable[[Status], None] = lambda _: None) -> None:
        self._settings = settings
        self._on_status = on_status
        self._one_at_a_time = asyncio.Lock()
        self._child: subprocess.Popen[bytes] | None = None
        self._is_starting = False
        self._started_at = float("-inf")
        self._n_quick_starts = 0

    async def address(self) -> Address:
        """Where the engine serves, after starting it if need be. Raises EndpointError."""
        if not self._settings.enabled:
            raise EndpointError("unset", "No endpoint is set: set endpoint.instant.url.")
        require_installed()
        async with self._one_at_a_time:
            try:
                model = await asyncio.to_thread(models.find, self._settings)
            except models.ModelError as error:
                raise EndpointError("unset", str(error)) from error
            engine = await self._healthy(model)
        return Address(engine.url, engine.model, engine.key)

    async def _healthy(self, model: models.ModelFile) -> Running:
        deadline = time.monotonic() + _START_TIMEOUT_S
        n_misses = 0
        while time.monotonic() < deadline:
            engine = await asyncio.to_thread(engine_process.running)
            if engine is None:
                self._start(model)
            elif engine.model_path != str(model.path) or n_misses >= _N_MISSES:
                await asyncio.to_thread(engine_process.stop)
                n_misses = 0
                continue
            elif await asyncio.to_thread(engine_process.is_healthy, engine):
                self._is_starting = False
                return engine
            elif engine.port:
                n_misses += 1
            await asyncio.sleep(_POLL_S)
        raise EndpointError(
            "unreachable",
            f"The local engine did not answer within {_START_TIMEOUT_S:.0f} seconds; see {engine_process.log_path()}",
        )

    def _start(self, model: models.ModelFile) -> None:
        """Starts an engine, unless one that this server started is on its way. Raises EndpointError if that died."""
        if self._is_starting and self._child:
            exit_code = self._child.poll()
            if exit_code is None:
                return
            self._is_starting = False
            if exit_code != engine_process.ALREADY_RUNNING:
                raise self._died(self._pause_s())
        age_s = time.monotonic() - self._started_at
        if age_s < self._pause_s():
            raise self._died(self._pause_s() - age_s)
        self._n_quick_starts = self._n_quick_starts + 1 if age_s < _QUICK_S else 0
        self._started_at = time.monotonic()
        self._on_status(_starting(model))
        self._child = engine_process.spawn(options(self._settings, model))
        self._is_starting = True

    def _pause_s(self) -> float:
        """Least seconds between two starts: none for a first death, then longer and longer."""
        return min(_LONGEST_PAUSE_S, 2.0**self._n_quick_starts) if self._n_quick_starts else 0.0

    def _died(self, retry_after_s: float) -> EndpointError:
        return EndpointError(
            "unreachable",
            f"The local engine ended as soon as it was started; see {engine_process.log_path()}",
            retry_after_s=retry_after_s,
        )


def is_installed() -> bool:
    """Whether the package of the extra `embedded` is there; it is not loaded."""
    return importlib.util.find_spec("xllamacpp") is not None


def require_installed() -> None:
    """Raises EndpointError with what to install if the package is missing."""
    if not is_installed():
        raise EndpointError(
            "unset",
            "The local engine is not installed: pip install 'instant-lsp[embedded]', or set endpoint.instant.url.",
        )


def options(settings: EmbeddedSettings, model: models.ModelFile) -> engine_process.Options:
    """How the engine is started by these settings."""
    n_threads = settings.threads or max(1, _n_cores() - 1)
    return engine_process.Options(model.path, model.name, n_threads, settings.idle_minutes * 60.0)


def _starting(model: models.ModelFile) -> Status:
    poor = f", whose completions are poor; a better one comes by: {models.FETCH_COMMAND}" if model.is_poor else ""
    return Status("starting", f"Starting the local engine with {model.name}{poor}.", model=model.name)


def _n_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
