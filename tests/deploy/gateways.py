"""Gateways for tests: owns a real HAProxy with the files of deploy/gateway, and the rsyslog and mtail beside it.

haproxy.cfg, features.map, grants.map and limits.map are those that are shipped; keys and replicas are the test's.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx2
from identity import SHARED_SECRET, Key, claims, rs256
from programs import DEPLOY, eventually, free_ports, run, shipped, started, variables

POD_KEY = "sk-of-the-pod"


class Gateway:
    """A running gateway; `tokens` are signed by `key`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.key = Key("current")
        self.files = folder / "gateway"
        self.access_log = folder / "log" / "gateway.jsonl"
        self.ca_file = folder / "gateway.crt"
        self.port, self.metrics_port, self.mtail_port, self.syslog_port = free_ports(4)
        self.root = f"https://localhost:{self.port}"
        self.metrics_url = f"http://127.0.0.1:{self.metrics_port}/metrics"
        self.mtail_url = f"http://127.0.0.1:{self.mtail_port}/metrics"
        self.pid = 0
        self.tls = ssl.create_default_context()

    @property
    def url(self) -> str:
        """The base of the instant tier's API."""
        return f"{self.root}/v1"

    @property
    def thinking_url(self) -> str:
        """The base of the thinking tier's API."""
        return f"{self.root}/thinking/v1"

    def token(self, user: str = "ada", role: str | None = "developer", **changed: Any) -> str:
        """A token of the current key."""
        return rs256(self.key, claims(user, role, **changed))

    def client(self, token: str | None = None, *, feature: str = "completion", **headers: str) -> httpx2.Client:
        """A client as the language server is one; `token` None makes one for ada, a developer."""
        sent = {"X-Instant-Feature": feature, "Authorization": f"Bearer {token or self.token()}"} | headers
        return httpx2.Client(base_url=self.root, verify=self.tls, headers=sent, timeout=60, trust_env=False)

    def post(self, path: str = "/v1/completions", token: str | None = None, **headers: str) -> httpx2.Response:
        """The answer to one small completion."""
        with self.client(token, **headers) as client:
            return client.post(path, json={"prompt": "def f():\n    return", "max_tokens": 1})

    def entries(self) -> list[dict[str, Any]]:
        """The access log, read as what it is."""
        text = self.access_log.read_text(encoding="utf-8") if self.access_log.exists() else ""
        return [json.loads(line) for line in text.splitlines() if line]

    def entry(self, request_id: str) -> dict[str, Any]:
        """The line of one request, once it is written."""
        found = eventually(
            lambda: [entry for entry in self.entries() if entry["id"] == request_id], f"{request_id} is in the log"
        )
        assert len(found) == 1
        return found[0]

    def metrics(self, url: str) -> str:
        """What an exporter says."""
        return httpx2.get(url, timeout=10, trust_env=False).text

    def reload(self) -> None:
        """Reads all files anew, as `systemctl reload haproxy` does; requests on their way are not disturbed."""
        before = self._workers()
        os.kill(self.pid, signal.SIGUSR2)
        eventually(lambda: self._workers() != before and self._is_up(), "the gateway is reloaded")

    def _workers(self) -> str:
        return Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text()

    def _is_up(self) -> bool:
        with contextlib.suppress(httpx2.TransportError):
            return "haproxy_process" in self.metrics(self.metrics_url)
        return False

    def write_replicas(self, replicas: Mapping[str, Mapping[str, str]]) -> None:
        """replicas.cfg: tier -> name of a pod -> its address and options."""
        lines = []
        for tier in ("instant", "thinking"):
            lines.append(f"backend {tier} from replicas")
            lines += [f"    server {name} {where}" for name, where in replicas.get(tier, {}).items()]
        (self.files / "replicas.cfg").write_text("\n".join([*lines, ""]), encoding="utf-8")


@contextlib.contextmanager
def running(folder: Path, replicas: Mapping[str, Mapping[str, str]]) -> Iterator[Gateway]:
    """A gateway in front of `replicas`, once every one of them is found healthy."""
    gateway = Gateway(folder)
    lay_out(gateway)
    gateway.write_replicas(replicas)
    with contextlib.ExitStack() as stack:
        log = folder / "programs.log"
        rsyslog = folder / "rsyslog.conf"
        stack.enter_context(started("rsyslogd", "-n", "-f", rsyslog, "-i", folder / "rsyslog.pid", log=log))
        mtail = ("--progs", DEPLOY / "gateway" / "gateway.mtail", "--logs", gateway.access_log)
        stack.enter_context(
            started(
                "mtail", *mtail, "--address", "127.0.0.1", "--port", str(gateway.mtail_port), "--logtostderr", log=log
            )
        )
        haproxy = stack.enter_context(started("haproxy", "-W", "-f", gateway.files, log=log, env=environ_of(gateway)))
        gateway.pid = haproxy.pid
        eventually(gateway._is_up, "the gateway is up")
        for tier, pods in replicas.items():
            for pod in pods:
                eventually(lambda tier=tier, pod=pod: _is_pod_up(gateway, tier, pod), f"{tier}/{pod} is up")
        yield gateway


def _is_pod_up(gateway: Gateway, tier: str, pod: str) -> bool:
    line = f'haproxy_server_status{{proxy="{tier}",server="{pod}",state="UP"}} 1'
    return line in gateway.metrics(gateway.metrics_url)


def lay_out(gateway: Gateway) -> None:
    """Puts the files where they are read, with a key and a certificate of the tests."""
    files = gateway.files
    shutil.copytree(DEPLOY / "gateway", files, ignore=shutil.ignore_patterns("*.md"))
    for name in ("keys", "tls", "run"):
        (files / name).mkdir()
    gateway.key.write(files / "keys")
    with (files / "maps/algorithms.map").open("a") as algorithms, (files / "maps/keys.map").open("a") as keys:
        algorithms.write("shared HS256\nhalf-removed HS256\n")
        keys.write(f"shared {SHARED_SECRET}\n")
    _write_certificate(gateway)
    gateway.access_log.parent.mkdir()
    gateway.access_log.touch()
    text = shipped(
        "gateway/rsyslog.conf",
        **{"/var/log/instant": str(gateway.access_log.parent), '"5514"': f'"{gateway.syslog_port}"'},
    )
    (gateway.folder / "rsyslog.conf").write_text(text, encoding="utf-8")


def _write_certificate(gateway: Gateway) -> None:
    private = gateway.folder / "gateway.key"
    subject = ("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-days", "2")
    curve = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes")
    run("openssl", "req", "-x509", *curve, "-keyout", private, "-out", gateway.ca_file, *subject)
    pem = gateway.ca_file.read_text() + private.read_text()
    (gateway.files / "tls" / "gateway.pem").write_text(pem, encoding="utf-8")
    gateway.tls.load_verify_locations(gateway.ca_file)


def environ_of(gateway: Gateway) -> dict[str, str]:
    """What gateway.env says on this machine."""
    return variables(
        "gateway/gateway.env",
        CONFIG=str(gateway.files),
        INSTANT_BIND=f"127.0.0.1:{gateway.port}",
        INSTANT_CERTIFICATE=str(gateway.files / "tls" / "gateway.pem"),
        INSTANT_POD_KEY=POD_KEY,
        INSTANT_LOG=f"127.0.0.1:{gateway.syslog_port}",
        INSTANT_METRICS=f"127.0.0.1:{gateway.metrics_port}",
        INSTANT_RUN=str(gateway.files / "run"),
    )
