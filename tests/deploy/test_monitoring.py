"""Monitoring: the files that are shipped, by the real Prometheus, Alertmanager, HAProxy, mtail and llama.cpp.

There is no GPU on the tests' machine: what its exporter says is written down here, in the form that NVIDIA documents.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import math
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gateways
import httpx2
import pytest
from gateways import POD_KEY, Gateway
from pods import Pod
from programs import DEPLOY, ROOT, eventually, free_ports, run, shipped, started
from replicas import replicas
from tools import tool

from lsp_server.endpoint.models import ModelFile

MONITORING = DEPLOY / "monitoring"
DASHBOARD = MONITORING / "grafana" / "instant.json"
RULES = sorted(path.name for path in (MONITORING / "rules").glob("*.yml"))
GPU = """\
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-5f0c",device="nvidia0",modelName="NVIDIA L4",Hostname="gpu-1"} 63
# TYPE DCGM_FI_DEV_FB_USED gauge
DCGM_FI_DEV_FB_USED{gpu="0",UUID="GPU-5f0c",device="nvidia0",modelName="NVIDIA L4",Hostname="gpu-1"} 20480
# TYPE DCGM_FI_DEV_FB_FREE gauge
DCGM_FI_DEV_FB_FREE{gpu="0",UUID="GPU-5f0c",device="nvidia0",modelName="NVIDIA L4",Hostname="gpu-1"} 2048
"""
FASTER = {"scrape_interval: 15s": "scrape_interval: 1s", "evaluation_interval: 15s": "evaluation_interval: 1s"}
"""What a test cannot wait for; how long an alert waits is a matter of the rules' own tests."""
FASTER_RULES = {"for: 1m": "for: 3s", "interval: 1m": "interval: 1s", "interval: 4m": "interval: 1s"}


@dataclass(frozen=True, slots=True)
class Monitoring:
    """A running Prometheus with its Alertmanager."""

    url: str
    alertmanager_url: str

    def ask(self, path: str, **parameters: str) -> Any:
        """What Prometheus answers."""
        answer = httpx2.get(f"{self.url}/api/v1/{path}", params=parameters, timeout=30, trust_env=False)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    def values(self, expr: str) -> list[float]:
        """The numbers that an expression has now."""
        found = [float(series["value"][1]) for series in self.ask("query", query=expr)["result"]]
        return [value for value in found if math.isfinite(value)]

    def firing(self) -> set[tuple[str, str]]:
        """The alerts that fire, each with its instance."""
        alerts = self.ask("alerts")["alerts"]
        return {
            (alert["labels"]["alertname"], alert["labels"].get("instance", ""))
            for alert in alerts
            if alert["state"] == "firing"
        }

    def passed_on(self) -> set[str]:
        """The alerts that Alertmanager knows."""
        answer = httpx2.get(f"{self.alertmanager_url}/api/v2/alerts", timeout=30, trust_env=False)
        return {alert["labels"]["alertname"] for alert in answer.json()}


def check_answers(monitoring: Monitoring, queries: dict[str, str]) -> None:
    """Every query has a number, once there is enough to compute it from."""
    missing = dict(queries)

    def has_all() -> bool:
        for name, expr in list(missing.items()):
            if monitoring.values(expr):
                del missing[name]
        return not missing

    with contextlib.suppress(AssertionError):
        eventually(has_all, "figures", timeout_s=60)
    assert not missing


def panels() -> dict[str, str]:
    """Every query of the dashboard, by its panel's title and letter."""
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return {
        f"{panel['title']} {query['refId']}": query["expr"]
        for panel in board["panels"]
        for query in panel.get("targets", [])
    }


@pytest.mark.parametrize("name", sorted(path.name for path in (MONITORING / "rules" / "tests").glob("*.yml")))
def test_the_rules_do_what_they_say(name: str) -> None:
    run("promtool", "test", "rules", MONITORING / "rules" / "tests" / name, timeout_s=300)


def test_every_alert_has_a_test() -> None:
    tested = "".join(path.read_text() for path in (MONITORING / "rules" / "tests").glob("*.yml"))
    alerts = [line.split()[-1] for line in shipped("monitoring/rules/alerts.yml").splitlines() if "- alert:" in line]
    assert alerts
    assert [name for name in alerts if f"alertname: {name}\n" not in tested] == []


def test_the_configuration_is_valid(tmp_path: Path) -> None:
    copied = shutil.copytree(MONITORING, tmp_path / "prometheus")
    (copied / "pod.key").write_text("sk\n")
    assert "SUCCESS" in run("promtool", "check", "config", copied / "prometheus.yml")
    run("promtool", "check", "rules", *(copied / "rules" / name for name in RULES))


def test_who_is_told() -> None:
    file = MONITORING / "alertmanager.yml"
    run("amtool", "check-config", file)
    for labels, receiver in (
        ("severity=page alertname=GatewayUnreachable", "on-call"),
        ("severity=page alertname=PodUnreachable", "on-call"),
        ("severity=ticket alertname=GpuBudgetNearlySpent", "tickets"),
    ):
        said = run("amtool", "config", "routes", "test", f"--config.file={file}", *labels.split())
        assert said.split() == [receiver]


def test_nobody_is_woken_while_the_timers_have_stopped_the_pods() -> None:
    start, stop = (shipped(f"pod/instant-pod-{what}@.timer") for what in ("start", "stop"))
    alertmanager = shipped("monitoring/alertmanager.yml")
    assert "OnCalendar=Mon..Fri 07:00" in start
    assert 'weekdays: ["monday:friday"]' in alertmanager
    assert '{start_time: "00:00", end_time: "07:00"}' in alertmanager
    assert "OnCalendar=Mon..Fri 20:00" in stop
    assert '{start_time: "20:00", end_time: "24:00"}' in alertmanager
    assert 'weekdays: ["saturday", "sunday"]' in alertmanager


def test_the_dashboard_is_what_its_builder_makes() -> None:
    """Grafana Labs' own types made it, so each field is one that Grafana knows."""
    built = run(tool("python"), ROOT / "tests" / "deploy" / "dashboard.py")
    assert json.loads(built) == json.loads(DASHBOARD.read_text(encoding="utf-8"))


def test_grafana_is_told_where_all_that_is() -> None:
    provider = shipped("monitoring/grafana/dashboards.yml")
    assert "/var/lib/grafana/dashboards/instant" in provider
    assert "http://127.0.0.1:9090" in shipped("monitoring/grafana/datasource.yml")


@pytest.mark.engine
def test_every_panel_has_figures_and_a_killed_pod_its_alert(
    pod: Pod, engine_model: ModelFile, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("monitoring")
    with contextlib.ExitStack() as stack:
        second = stack.enter_context(second_pod(pod, engine_model, folder))
        pods = {"one": f"127.0.0.1:{pod.port} maxconn 2", "two": f"127.0.0.1:{second.port} maxconn 1"}
        gateway = stack.enter_context(gateways.running(folder / "gateway", {"instant": pods, "thinking": pods}))
        gpu_port = stack.enter_context(gpu_exporter())
        targets = {
            "gateway": [gateway.metrics_port],
            "access-log": [gateway.mtail_port],
            "pod": [pod.port, second.port],
            "gpu": [gpu_port],
        }
        monitoring = stack.enter_context(running(folder, targets))

        eventually(lambda: len(monitoring.values("up == 1")) == 5, "all five are scraped")
        stop_asking = stack.enter_context(asked(gateway))
        check_answers(monitoring, panels())
        assert monitoring.values("instant:gpu_cost:this_week") == pytest.approx(
            [2.5 * hours for hours in monitoring.values("instant:gpu_hours:this_week")]
        )
        assert monitoring.firing() == set()

        os.killpg(second.pid, signal.SIGKILL)
        dead = ("PodUnreachable", f"127.0.0.1:{second.port}")
        eventually(lambda: dead in monitoring.firing(), "the alert for the killed pod")
        assert monitoring.firing() == {dead}, "the other pod serves, and so does the gateway"
        eventually(lambda: monitoring.passed_on() == {"PodUnreachable"}, "Alertmanager has it")
        stop_asking()
        draw(monitoring, folder)


def test_the_first_token_is_measured_and_not_the_head_of_the_answer(tmp_path: Path) -> None:
    with replicas("slow") as pods:
        pod = pods["slow"]
        pod.steps = threading.Semaphore(0)
        where = f"127.0.0.1:{pod.port}"
        with (
            gateways.running(tmp_path, {"instant": {"slow": where}, "thinking": {"slow": where}}) as gateway,
            ThreadPoolExecutor(1) as pool,
        ):
            asked_at = time.monotonic()
            answer = pool.submit(gateway.post, **{"X-Request-Id": "first-token"})
            eventually(lambda: pod.asked, "the pod was asked, and has sent the head")
            eventually(lambda: time.monotonic() - asked_at > 1, "the model has thought a second")
            released_after_ms = (time.monotonic() - asked_at) * 1_000
            pod.steps.release(1_000)
            assert answer.result(60).status_code == 200
            entry = gateway.entry("first-token")
            assert entry["header_ms"] + 500 < entry["first_token_ms"]
            assert released_after_ms - 500 < entry["first_token_ms"] <= entry["total_ms"]


# What runs


@dataclass(frozen=True, slots=True)
class Second:
    """A pod that nothing restarts."""

    port: int
    pid: int


@contextlib.contextmanager
def second_pod(pod: Pod, model: ModelFile, folder: Path) -> Iterator[Second]:
    """A second llama.cpp beside the session's, small, and gone for good when it is killed."""
    (port,) = free_ports(1)
    small = {"LLAMA_ARG_PORT": str(port), "LLAMA_ARG_N_PARALLEL": "1", "LLAMA_ARG_CTX_SIZE": "1024"}
    server = Path(__file__).with_name("llama_server.py")
    environ = {**os.environ, **pod.settings, **small}
    with started(sys.executable, "-P", server, log=folder / "pod.log", env=environ) as process:
        url = f"http://127.0.0.1:{port}/health"
        eventually(lambda: _is_ok(url), "the second pod is healthy", timeout_s=120)
        yield Second(port, process.pid)


@contextlib.contextmanager
def gpu_exporter() -> Iterator[int]:
    """The port at which a GPU's figures can be read."""

    class Exporter(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(GPU.encode())

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exporter) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextlib.contextmanager
def running(folder: Path, targets: dict[str, list[int]]) -> Iterator[Monitoring]:
    """Prometheus and Alertmanager with the files that are shipped; `targets` are a site's own."""
    port, alertmanager_port = free_ports(2)
    files = shutil.copytree(MONITORING, folder / "prometheus")
    ours = {"127.0.0.1:9093": f"127.0.0.1:{alertmanager_port}"} | FASTER
    (files / "prometheus.yml").write_text(shipped("monitoring/prometheus.yml", **ours))
    (files / "pod.key").write_text(f"{POD_KEY}\n")
    for name in RULES:
        text = shipped(f"monitoring/rules/{name}")
        for slow, fast in FASTER_RULES.items():
            text = text.replace(slow, fast)
        (files / "rules" / name).write_text(text)
    for job, ports in targets.items():
        where = [{"targets": [f"127.0.0.1:{port}" for port in ports]}]
        (files / "targets" / f"{job}.yml").write_text(json.dumps(where))
    write_history(folder)
    log = folder / "monitoring.log"
    alertmanager = ("--config.file", files / "alertmanager.yml", "--storage.path", folder / "alertmanager")
    prometheus = ("--config.file", files / "prometheus.yml", "--storage.tsdb.path", folder / "tsdb")
    alone = ("--cluster.listen-address=",)
    with (
        started(
            "prometheus-alertmanager",
            *alertmanager,
            *alone,
            f"--web.listen-address=127.0.0.1:{alertmanager_port}",
            log=log,
        ),
        started("prometheus", *prometheus, f"--web.listen-address=127.0.0.1:{port}", log=log),
    ):
        eventually(lambda: _is_ok(f"http://127.0.0.1:{alertmanager_port}/-/ready"), "Alertmanager is ready")
        eventually(lambda: _is_ok(f"http://127.0.0.1:{port}/-/ready"), "Prometheus is ready")
        yield Monitoring(f"http://127.0.0.1:{port}", f"http://127.0.0.1:{alertmanager_port}")


def write_history(folder: Path) -> None:
    """Two GPUs for the last two days, as Prometheus has recorded them: a week's cost needs hours."""
    hour = int(time.time()) // 3_600 * 3_600
    lines = [f"instant:gpu_hours:1h 2 {hour - 3_600 * ago}" for ago in range(48, -1, -1)]
    text = "\n".join(["# TYPE instant:gpu_hours:1h gauge", *lines, "# EOF", ""])
    (folder / "history.txt").write_text(text)
    run("promtool", "tsdb", "create-blocks-from", "openmetrics", folder / "history.txt", folder / "tsdb")


@contextlib.contextmanager
def asked(gateway: Gateway) -> Iterator[Any]:
    """Developers at work, until the block ends or what it is given is called: one request at a time."""
    over = threading.Event()

    def ask() -> None:
        people = [("ada", "developer", "completion"), ("bob", "senior", "explain"), ("cy", "contractor", "tests")]
        while not over.is_set():
            for user, role, feature in people:
                token = gateway.token(user, role)
                with gateway.client(token, feature=feature, **{"X-Session-Affinity": user}) as client:
                    for tier in ("", "/thinking")[: 2 if role == "senior" else 1]:
                        body = {"prompt": f"# {user}\ndef add(a, b):\n    return", "max_tokens": 2, "stream": True}
                        client.post(f"{tier}/v1/completions", json=body)
                over.wait(0.2)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()

    def stop() -> None:
        over.set()
        thread.join(60)

    try:
        yield stop
    finally:
        stop()


def draw(monitoring: Monitoring, folder: Path) -> None:
    """The panels as a picture, which INSTANT_MONITORING_PICTURE asks for and the docs show."""
    target = os.environ.get("INSTANT_MONITORING_PICTURE", str(folder / "monitoring.png"))
    run(tool("python"), ROOT / "tests" / "deploy" / "picture.py", monitoring.url, "2", target, timeout_s=120)
    assert Path(target).read_bytes().startswith(b"\x89PNG")


def _is_ok(url: str) -> bool:
    with contextlib.suppress(httpx2.TransportError):
        return httpx2.get(url, timeout=5, trust_env=False).status_code == 200
    return False
