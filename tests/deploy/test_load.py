"""Load: what one pod holds, and what becomes of editors when more is asked; by Locust, a real gateway, a real model.

How long anything takes is reported, in artifacts/load.json, and never asserted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import statistics
import subprocess
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import gateways
import pytest
from gateways import Gateway
from pods import Pod
from programs import DEPLOY, ROOT, eventually
from tools import tool
from wire import Editor, in_time, open_editor

pytestmark = pytest.mark.engine
LOCUSTFILE = DEPLOY / "load" / "locustfile.py"
REPORT = ROOT / "artifacts" / "load.json"


@pytest.fixture(scope="module")
def gateway(pod: Pod, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """A gateway whose one pod answers two at a time, as llama.cpp with two slots does."""
    replicas = {"instant": {"pod": f"127.0.0.1:{pod.port} maxconn 2"}, "thinking": {}}
    with gateways.running(tmp_path_factory.mktemp("load"), replicas) as running:
        yield running


class Load:
    """Locust at work; `report` waits until it has ended, by itself."""

    def __init__(self, gateway: Gateway, who: str, n_users: int, seconds: int, *names: str, pause_s: float = 1) -> None:
        tokens = gateway.folder / f"{who}.tokens"
        tokens.write_text("\n".join(gateway.token(name) for name in names))
        # A short prompt: what is tested is who waits for whom, and this machine's cores read 50 tokens a second.
        code = gateway.folder / "code.py"
        code.write_text("from shop import Line\n")
        self.command = [
            *(tool("locust"), "-f", LOCUSTFILE, "--headless", "--json", "--loglevel", "ERROR"),
            *("--users", n_users, "--spawn-rate", 100, "--run-time", f"{seconds}s", "--stop-timeout", 60),
            *("--host", gateway.root, "--ca-file", gateway.ca_file, "--tokens", tokens),
            *("--code", code, "--max-tokens", 2, "--pause-s", pause_s, who),
        ]

    def __enter__(self) -> Load:
        environ = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}
        self.process = subprocess.Popen(
            [*map(str, self.command)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environ
        )
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def report(self) -> dict[str, dict[str, Any]]:
        """Locust's figures, by what was counted."""
        output, complaints = self.process.communicate(timeout=120)
        assert output, complaints.decode()
        rows = json.loads(output)
        assert not sum(row["num_failures"] for row in rows), complaints.decode() + output.decode()
        return {row["name"]: row for row in rows}


@contextlib.asynccontextmanager
async def editor_behind(gateway: Gateway, home: Path) -> AsyncIterator[Editor]:
    """An editor whose server asks the gateway, with a user's own token."""
    variables = {
        "INSTANT_LSP_ENDPOINT_CA_FILE": str(gateway.ca_file),
        "INSTANT_LSP_ENDPOINT_INSTANT_TOKEN_ENV": "TOKEN",
        "TOKEN": gateway.token("editor"),
        # The real model on a busy machine's two cores; the tests' own deadline is 20 seconds.
        "INSTANT_LSP_ENDPOINT_INSTANT_FIRST_TOKEN_MS": "15000",
        "INSTANT_LSP_ENDPOINT_INSTANT_TOTAL_MS": "18000",
    }
    async with open_editor("neovim", home, url=gateway.url, environment=variables) as editor:
        yield editor


async def check_is_not_stuck(editor: Editor, n_keys: int) -> list[float]:
    """Types and asks; each is answered, if only by nothing, and what needs no model at once. Returns the seconds."""
    document = editor.open("def add(first, second):\n    <|>\n")
    took = []
    for key in "return first + second"[:n_keys]:
        document.type(key)
        began = time.monotonic()
        completion = document.complete()
        await editor.lives()
        await in_time(completion)
        took.append(round(time.monotonic() - began, 3))
    return took


@pytest.mark.parametrize("n_users", [1, 4])
def test_what_one_pod_holds(gateway: Gateway, n_users: int) -> None:
    users = [f"holds-{n}" for n in range(n_users)]
    with Load(gateway, "Developer", n_users, 10, *users) as load:
        report = load.report()
    assert report["whole answer"]["num_requests"] == report["first token"]["num_requests"] > 0
    note(f"developers: {n_users}", load_average=os.getloadavg()[0], **figures(report))


async def test_overload_is_told_and_no_editor_is_stuck(gateway: Gateway, tmp_path: Path) -> None:
    crowd = [f"user-{n}" for n in range(24)]
    async with editor_behind(gateway, tmp_path) as editor:
        await editor.status("ready")
        with Load(gateway, "Developer", len(crowd), 10, *crowd, pause_s=0) as load:
            await asyncio.to_thread(eventually, lambda: 429 in statuses(gateway), "the gateway refuses")
            took = await check_is_not_stuck(editor, 12)
            report = await asyncio.to_thread(load.report)
        assert report["refused"]["num_requests"]
        assert report["whole answer"]["num_requests"], "those who are not refused are answered"
        said = editor.taken_statuses()
        assert {status["state"] for status in said} <= {"down", "ready"}
        assert all(re.search("429|cannot answer now|gave no token", line) for line in editor.taken_log())
        if said and said[-1]["state"] == "down":
            await editor.status("ready")
        assert await editor.open("def mul(first, second):\n    return<|>\n").ghost() == " first * second"
    assert set(statuses(gateway)) <= {200, 429, 503}, "503 is for those who have waited five seconds in vain"
    note(
        "a crowd of 24",
        load_average=os.getloadavg()[0],
        an_editor_s=took,
        statuses=dict(statuses(gateway)),
        **figures(report),
    )


def test_one_abusive_user_does_not_slow_another(pod: Pod, tmp_path: Path) -> None:
    # One request may take long on a busy machine's two cores; who goes first is what is asked here.
    patient = {"pod": f"127.0.0.1:{pod.port} maxconn 2\n    timeout queue 60s"}
    with gateways.running(tmp_path, {"instant": patient, "thinking": {}}) as gateway:
        check_others_go_first(gateway)


def check_others_go_first(gateway: Gateway) -> None:
    """While one user keeps twelve requests on the way, none of those is served before another user's that waits."""
    alone = [ask(gateway, "early", f"alone-number-{n}") for n in range(3)]
    with Load(gateway, "Impatient", 1, 10, "mallory") as load:
        eventually(lambda: waiting(gateway) > 1, "mallory's requests wait for each other")
        beside = [ask(gateway, "modest", f"beside-number-{n}") for n in range(4)]
        load.report()
    entries = gateway.entries()
    mallory = [entry for entry in entries if entry["user"] == "mallory"]
    assert {entry["status"] for entry in mallory} == {200, 429}
    assert max(began_and_served(entry)[1] for entry in mallory) > began_and_served(beside[0])[1]
    assert [n_overtaking(entry, mallory) for entry in beside] == [0] * 4
    note(
        "beside an abusive user",
        alone_ms=[entry["total_ms"] for entry in alone],
        beside_ms=[entry["total_ms"] for entry in beside],
        statuses_of_the_abusive_user=dict(Counter(entry["status"] for entry in mallory)),
    )


# What was seen


def ask(gateway: Gateway, user: str, request_id: str) -> dict[str, Any]:
    """The log's line on one small completion of a user, which is answered."""
    assert gateway.post(token=gateway.token(user), **{"X-Request-Id": request_id}).status_code == 200
    return gateway.entry(request_id)


def began_and_served(entry: dict[str, Any]) -> tuple[float, float]:
    """When a request came and when a pod was given it, in seconds."""
    came = datetime.strptime(entry["time"], "%d/%b/%Y:%H:%M:%S.%f").timestamp()
    return came, came + entry["queue_ms"] / 1_000


def n_overtaking(entry: dict[str, Any], others: list[dict[str, Any]]) -> int:
    """Of the others, how many were given to the pod while this one waited; the log's clock is 20 ms off at the most."""
    came, served = began_and_served(entry)
    times = [began_and_served(other)[1] for other in others if other["status"] == 200]
    return sum(came + 0.02 < time < served - 0.02 for time in times)


def waiting(gateway: Gateway) -> int:
    """How many requests wait at the gateway."""
    metrics = gateway.metrics(gateway.metrics_url)
    return sum(map(int, re.findall(r'haproxy_server_current_queue\{proxy="instant",server="\w+"\} (\d+)', metrics)))


def statuses(gateway: Gateway) -> Counter[int]:
    """How often the gateway has answered with which status."""
    return Counter(entry["status"] for entry in gateway.entries())


def figures(report: dict[str, dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Requests by second and milliseconds, of each of Locust's rows."""
    return {name: _figures(row) for name, row in report.items()}


def _figures(row: dict[str, Any]) -> dict[str, float]:
    times = sorted(float(ms) for ms, n in row["response_times"].items() for _ in range(n))
    seconds = max(1.0, row["last_request_timestamp"] - row["start_time"])
    return {
        "requests": len(times),
        "requests_by_second": round(len(times) / seconds, 2),
        "p50_ms": statistics.median(times),
        "p95_ms": times[int(len(times) * 0.95)],
    }


def note(name: str, **rows: Any) -> None:
    """Puts figures into the report."""
    REPORT.parent.mkdir(exist_ok=True)
    before = json.loads(REPORT.read_text()) if REPORT.exists() else {}
    REPORT.write_text(json.dumps({**before, name: rows}, indent=1) + "\n")
