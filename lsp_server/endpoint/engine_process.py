"""The one engine process of this user: owns its files, its start and its end; knows no settings, tiers or prompts.

Also the program of that process, run by this file's path, so it imports nothing else of the project.
The files lie in `folder()`, which only the user may enter, and bear the machine's name, because several
machines may share a home:

    NAME.lock   locked by the engine for as long as it lives; the system frees it even after a kill, so
                it tells for certain whether the engine is alive, which a process id would not
    NAME.json   the run file: where the engine listens and its key
    NAME.log    how the engine started and ended

Nothing that was asked of the engine is in its log: the engine's own output, which quotes malformed
requests, is let go from the moment it begins to serve.
"""

from __future__ import annotations

import argparse
import contextlib
import faulthandler
import http.client
import importlib
import json
import os
import platform
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from platformdirs import user_state_path

LOOPBACK = "127.0.0.1"
ALREADY_RUNNING = 75
"""Exit code of an engine that found another one running."""

_N_SLOTS = 2
_N_CTX_PER_SLOT = 4_096
# A prompt that nobody wants any more is dropped between two batches only: at the engine's own 2,048 tokens
# the next answer waited 16 s for two abandoned prompts of 550, at 64 it waits 2 s, and reading is not slower.
_BATCH_TOKENS = 64
_CACHE_RAM_MIB = 256
_LOG_LIMIT_BYTES = 256_000
_HEALTH_TIMEOUT_S = 2.0
_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Running:
    """The run file. `port` is 0 while the model is being loaded; `started_at` is seconds since the epoch."""

    pid: int
    port: int
    model: str
    model_path: str
    started_at: float
    key: str = field(repr=False)

    @property
    def url(self) -> str:
        """Base of the OpenAI-compatible API; loopback whatever the file says."""
        return f"http://{LOOPBACK}:{self.port}/v1"


@dataclass(frozen=True, slots=True)
class Options:
    """What an engine is started with."""

    model_path: Path
    model: str
    n_threads: int
    idle_s: float


def running() -> Running | None:
    """The live engine, perhaps still loading; None if there is none."""
    if not _is_alive():
        return None
    try:
        return Running(**json.loads(_file("json").read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def is_healthy(engine: Running) -> bool:
    """Whether the engine answers, asked over loopback."""
    if engine.port == 0:
        return False
    connection = http.client.HTTPConnection(LOOPBACK, engine.port, timeout=_HEALTH_TIMEOUT_S)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def spawn(options: Options) -> subprocess.Popen[bytes]:
    """Starts an engine that outlives this process; it ends at once with ALREADY_RUNNING if there is one."""
    command = [
        *(sys.executable, "-P", __file__, "--model-path", str(options.model_path), "--model", options.model),
        *("--n-threads", str(options.n_threads), "--idle-s", str(options.idle_s)),
    ]
    with _open_log() as log:
        return subprocess.Popen(  # noqa: S603  own interpreter and own file
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=folder(),
            env=os.environ | {"OMP_WAIT_POLICY": "passive"},
            start_new_session=True,
            creationflags=getattr(subprocess, "DETACHED_PROCESS", 0),
        )


def stop() -> bool:
    """Ends the engine, by force if it does not obey; False if there was none."""
    engine = running()
    if engine is None:
        return False
    for sign in (signal.SIGTERM, getattr(signal, "SIGKILL", signal.SIGTERM)):
        with contextlib.suppress(ProcessLookupError):
            os.kill(engine.pid, sign)
        deadline = time.monotonic() + _GRACE_S
        while time.monotonic() < deadline:
            if not _is_alive():
                _file("json").unlink(missing_ok=True)
                return True
            time.sleep(0.02)
    return False


def serve(options: Options) -> int:
    """Serves until idle or told to stop; returns the exit code if it could not start, and else ends the process."""
    life = _life_lock()
    try:
        life.acquire(timeout=2)
    except Timeout:
        return ALREADY_RUNNING
    log = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8")
    engine = Running(os.getpid(), 0, options.model, str(options.model_path), time.time(), secrets.token_urlsafe(32))
    _write_run_file(engine)
    _log(log, f"loading {options.model} with {options.n_threads} threads")
    # LLVM's and GNU's OpenMP read this when they are loaded; spinning threads would starve the editor.
    os.environ["OMP_WAIT_POLICY"] = "passive"
    server = _load(options, engine.key)
    asked_to_stop = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: asked_to_stop.set())
    faulthandler.enable(log)
    _let_output_go()
    port = int(server.listening_address.rsplit(":", 1)[1])
    _write_run_file(Running(**asdict(engine) | {"port": port}))
    _log(log, f"serving on port {port}")
    reason = _wait(server, options.idle_s, asked_to_stop)
    _file("json").unlink(missing_ok=True)
    _log(log, f"ended: {reason}")
    os._exit(0)  # There is nothing to save, and the engine's own threads need not be waited for.


def folder() -> Path:
    """The folder of the engine's files; made if need be, open to the user alone."""
    path = user_state_path("instant-lsp", appauthor=False) / "engine"
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(0o700)
    return path


def log_path() -> Path:
    """The engine's log."""
    return _file("log")


# Files


def _file(kind: str) -> Path:
    return folder() / f"{platform.node() or 'local'}.{kind}"


def _life_lock() -> FileLock:
    return FileLock(_file("lock"), mode=0o600, thread_local=False)


def _is_alive() -> bool:
    try:
        with _life_lock().acquire(timeout=0):
            return False
    except Timeout:
        return True


def _write_run_file(engine: Running) -> None:
    path = _file("json")
    draft = path.with_suffix(f".{engine.pid}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(asdict(engine), file)
    draft.replace(path)


def _open_log() -> Any:
    path = log_path()
    is_full = path.exists() and path.stat().st_size > _LOG_LIMIT_BYTES
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if is_full else 0)
    return os.fdopen(os.open(path, flags, 0o600), "ab")


def _log(log: Any, text: str) -> None:
    log.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')} [{os.getpid()}] {text}\n")


# The process


def _load(options: Options, key: str) -> Any:
    xllamacpp: Any = importlib.import_module("xllamacpp")  # by the engine's process alone; it has no types

    params = xllamacpp.CommonParams()
    params.model.path = str(options.model_path)
    params.model_alias = {options.model}
    params.n_ctx = _N_SLOTS * _N_CTX_PER_SLOT
    params.n_parallel = _N_SLOTS
    params.n_batch = params.n_ubatch = _BATCH_TOKENS
    params.cpuparams.n_threads = options.n_threads
    params.cpuparams_batch.n_threads = options.n_threads
    params.cache_ram_mib = _CACHE_RAM_MIB
    params.hostnames = [LOOPBACK]
    params.port = 0
    params.api_keys = [key]
    params.cors_origins = ""
    params.endpoint_metrics = True
    params.endpoint_slots = False
    params.ui = False
    params.offline = True
    params.verbosity = 1  # errors
    return xllamacpp.Server(params)


def _let_output_go() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def _wait(server: Any, idle_s: float, asked_to_stop: threading.Event) -> str:
    """Returns why to end. The engine itself tells its use, so whoever uses it need not report that."""
    used_at, seen = time.monotonic(), ""
    while not asked_to_stop.wait(min(15.0, idle_s / 10)):
        now = _work_done(server)
        if now != seen:
            used_at, seen = time.monotonic(), now
        elif time.monotonic() - used_at > idle_s:
            return "idle"
    return "asked to stop"


def _work_done(server: Any) -> str:
    """The line of the engine's metrics that counts its decoding steps."""
    metrics: str = server.handle_metrics()
    return next(line for line in metrics.splitlines() if line.startswith("llamacpp:n_decode_total"))


def _parse(argv: Sequence[str] | None) -> Options:
    parser = argparse.ArgumentParser()
    parser.add_argument("--model-path", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--n-threads", type=int, required=True)
    parser.add_argument("--idle-s", type=float, required=True)
    return Options(**vars(parser.parse_args(argv)))


if __name__ == "__main__":
    sys.exit(serve(_parse(None)))
