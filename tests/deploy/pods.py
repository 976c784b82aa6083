"""Pods for tests: owns the real llama.cpp server with the real model, run by systemd from the unit of deploy/pod."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
from programs import eventually, free_ports, variables
from systemd import Systemd

UNIT = "instant-llamacpp.service"
_LLAMA_SERVER = Path(__file__).with_name("llama_server.py")
_DROP_IN = """
[Service]
User=
EnvironmentFile=
EnvironmentFile={env}
ExecStart=
ExecStart={python} -P {server}
StandardOutput=append:{log}
# Python, the model and this test lie in a user's home and in /tmp; a site's server does not.
ProtectHome=read-only
PrivateTmp=no
# The tests' manager has a /proc of its own, over which these two cannot lay theirs.
ProtectKernelTunables=no
ProtectKernelLogs=no
"""


class Pod:
    """llama.cpp behind its unit; `key` is what it asks for."""

    def __init__(self, systemd: Systemd, port: int, key: str, model: str, settings: dict[str, str]) -> None:
        self.systemd = systemd
        self.port = port
        self.key = key
        self.model = model
        self.settings = settings
        self.root = f"http://127.0.0.1:{port}"
        self.log = systemd.folder / "llamacpp.log"
        self.client = httpx2.Client(
            base_url=self.root,
            headers={"Authorization": f"Bearer {key}", "Connection": "close"},
            timeout=300,
            trust_env=False,
        )

    @property
    def url(self) -> str:
        """The base of the API."""
        return f"{self.root}/v1"

    def health(self) -> int:
        """The status that /health answers with; 0 when nobody does."""
        with contextlib.suppress(httpx2.TransportError):
            return httpx2.get(f"{self.root}/health", timeout=5, trust_env=False).status_code
        return 0

    def is_healthy(self) -> bool:
        """Whether the pod can answer."""
        return self.health() == 200

    def state(self) -> str:
        """systemd's word for the unit."""
        return self.systemd.show(UNIT, "ActiveState")

    def kill(self) -> None:
        """SIGKILL, to all that belongs to the pod."""
        self.systemd.ctl("kill", "--signal=KILL", UNIT)

    def back(self) -> None:
        """Waits until the pod is healthy."""
        eventually(lambda: self.state() == "active" and self.is_healthy(), "the pod is healthy", timeout_s=120)

    def complete(self, prompt: str, **fields: Any) -> dict[str, Any]:
        """The answer to one completion."""
        body = {"prompt": prompt, "max_tokens": 1, "temperature": 0} | fields
        answer = self.client.post("/v1/completions", json=body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())


@contextlib.contextmanager
def running(systemd: Systemd, model_path: Path, **sites: str) -> Iterator[Pod]:
    """A healthy pod, on a free port of loopback; `sites` are values of llamacpp.env."""
    (port,) = free_ports(1)
    key_file = systemd.folder / "pod.key"
    key_file.write_text("sk-of-the-pod\n", encoding="utf-8")
    settings = variables(
        "pod/llamacpp.env",
        LLAMA_ARG_MODEL=str(model_path),
        LLAMA_ARG_HOST="127.0.0.1",
        LLAMA_ARG_PORT=str(port),
        LLAMA_ARG_API_KEY_FILE=str(key_file),
        LLAMA_ARG_N_PARALLEL="2",
        LLAMA_ARG_CTX_SIZE="4096",
        LLAMA_ARG_BATCH="64",
        LLAMA_ARG_UBATCH="64",
        LLAMA_ARG_CACHE_RAM="256",
        LLAMA_ARG_N_GPU_LAYERS="0",
    )
    settings |= sites
    env = systemd.folder / "llamacpp.env"
    env.write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    pod = Pod(systemd, port, "sk-of-the-pod", settings["LLAMA_ARG_ALIAS"], settings)
    systemd.install(UNIT, _DROP_IN.format(env=env, python=sys.executable, server=_LLAMA_SERVER, log=pod.log))
    systemd.ctl("start", UNIT)
    try:
        yield pod
    finally:
        pod.client.close()
        systemd.ctl("stop", UNIT)
