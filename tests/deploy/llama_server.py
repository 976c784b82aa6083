"""Stands for the program `llama-server`, which Debian 12 has not: llama.cpp's own server out of its wheel.

It is told what to do as that one is, by the variables of deploy/pod/llamacpp.env, and knows no others, so that what
the tests start is what the unit starts.
"""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import xllamacpp

PREFIX = "LLAMA_ARG_"


def _flag(value: str) -> bool:
    return value.lower() in ("1", "true", "on", "enabled")


def _set(name: str, read: Callable[[str], Any]) -> Callable[[Any, str], None]:
    return lambda params, value: setattr(params, name, read(value))


def _model(params: Any, value: str) -> None:
    params.model.path = value


def _threads(params: Any, value: str) -> None:
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = int(value)


ARGUMENTS: dict[str, Callable[[Any, str], None]] = {
    "MODEL": _model,
    "ALIAS": _set("model_alias", lambda value: {value}),
    "HOST": _set("hostnames", lambda value: [value]),
    "PORT": _set("port", int),
    "API_KEY_FILE": _set("api_keys", lambda value: Path(value).read_text(encoding="utf-8").split()),
    "CTX_SIZE": _set("n_ctx", int),
    "N_PARALLEL": _set("n_parallel", int),
    "N_PREDICT": _set("n_predict", int),
    "BATCH": _set("n_batch", int),
    "UBATCH": _set("n_ubatch", int),
    "CACHE_RAM": _set("cache_ram_mib", int),
    "N_GPU_LAYERS": _set("n_gpu_layers", int),
    "THREADS": _threads,
    "TIMEOUT": _set("timeout_read", int),
    "ENDPOINT_METRICS": _set("endpoint_metrics", _flag),
    "ENDPOINT_SLOTS": _set("endpoint_slots", _flag),
    "UI": _set("ui", _flag),
    "OFFLINE": _set("offline", _flag),
    "LOG_VERBOSITY": _set("verbosity", int),
}


def main() -> None:
    """Serves until told to stop."""
    params = xllamacpp.CommonParams()
    for name, value in os.environ.items():
        if name.startswith(PREFIX):
            ARGUMENTS[name.removeprefix(PREFIX)](params, value)
    stopped = threading.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        signal.signal(sign, lambda *_: stopped.set())
    server = xllamacpp.Server(params)
    stopped.wait()
    os._exit(0 if server.listening_address else 1)  # Open streams are not waited for.


if __name__ == "__main__":
    main()
