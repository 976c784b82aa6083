"""The server's own time per keystroke, beside peers in the same run, against an endpoint that answers at once.

    python benchmarks/overhead.py [--requests 300] [--out FILE.json]      typing in files of 10,000 lines
    python benchmarks/overhead.py --startup [--starts 10]                 starting, and memory with ten open files

Needs the project's dependencies; the peer in JavaScript and the TypeScript source need node and npm.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Any

import sources
from immediate_endpoint import MODEL, ImmediateEndpoint
from rich.console import Console
from rich.table import Table
from sources import Source
from typist import Server, Typist

HERE = Path(__file__).resolve().parent
CACHE = HERE.parent / ".cache" / "bench"
TABBY_AGENT = "tabby-agent@1.5.0"
# No statement that is typed holds a z, so no answer can be typed through and no cache can answer.
ANSWER = "zoom(left, right)"
LONG_ANSWER = " zoom(left, right, top, bottom, width, height, depth)"
N_WARM_UP = 30
N_PER_ROUND = 25
N_ACCEPTED = 30
LOOK_S = 0.8
# Longer than the quiet after which a server does its idle work, which must not fall into another's round.
REST_S = 0.6

console = Console(width=110)


@dataclass
class Figures:
    """The times of one server in one file."""

    times_ms: list[float] = field(default_factory=list)
    n_asked: int = 0
    n_shown: int = 0

    def percentile_ms(self, percent: int) -> float:
        return statistics.quantiles(self.times_ms, n=100, method="inclusive")[percent - 1]

    def as_json(self) -> dict[str, Any]:
        percentiles = {f"p{percent}_ms": round(self.percentile_ms(percent), 2) for percent in (50, 95, 99)}
        return {**percentiles, "requests": len(self.times_ms), "asked": self.n_asked, "shown": self.n_shown}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--requests", type=int, default=300, help="per server and file")
    parser.add_argument("--pause-ms", type=float, default=30, help="between an answer and the next key")
    parser.add_argument("--only", nargs="+", help="names of servers, such as ours naive tabby-agent empty")
    parser.add_argument("--startup", action="store_true")
    parser.add_argument("--starts", type=int, default=10)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    endpoint = ImmediateEndpoint(ANSWER)
    result = {"machine": _machine(), "load_before": os.getloadavg()}
    result |= startup(endpoint, options.starts) if options.startup else typing(endpoint, options)
    result["load_after"] = os.getloadavg()
    console.print(f"{result['machine']}; load before {result['load_before'][0]:.1f}, after {os.getloadavg()[0]:.1f}")
    endpoint.close()
    if options.out is not None:
        options.out.write_text(json.dumps(result, indent=1) + "\n")


def typing(endpoint: ImmediateEndpoint, options: argparse.Namespace) -> dict[str, Any]:
    """All servers get the same keys in the same files, in turns."""
    servers = [server for server in _servers(endpoint) if not options.only or server.name in options.only]
    with ExitStack() as stack:
        typists = [stack.enter_context(_running(server)) for server in servers]
        run = Run(endpoint, options.requests, options.pause_ms / 1000)
        figures = {source.language: run.in_rounds(typists, source) for source in (sources.python(), _typescript())}
    _print_typing(figures)
    return {"typing": {language: {name: one.as_json() for name, one in by.items()} for language, by in figures.items()}}


@dataclass(frozen=True)
class Run:
    """How much is typed, and at what pace."""

    endpoint: ImmediateEndpoint
    n_requests: int
    pause_s: float

    def in_rounds(self, typists: list[Typist], source: Source) -> dict[str, Figures]:
        """Each server's figures in one file, and those of ours when its own answer is typed through."""
        figures = {typist.server.name: Figures() for typist in typists}
        keys = {typist.server.name: source.keys() for typist in typists}
        for typist in typists:
            typist.open(source.uri, source.language, source.text, source.cursor)
            self._type(typist, source.uri, islice(keys[typist.server.name], N_WARM_UP), Figures())
        for done in range(0, self.n_requests, N_PER_ROUND):
            n = min(N_PER_ROUND, self.n_requests - done)
            for typist in typists:
                time.sleep(REST_S)
                name = typist.server.name
                self._type(typist, source.uri, islice(keys[name], n), figures[name])
        if typists[0].server.name == "ours":
            figures["ours, typed through"] = self._typed_through(typists[0], source)
            figures["ours, accepted"] = self._accepted(typists[0], source)
        return figures

    def _typed_through(self, typist: Typist, source: Source) -> Figures:
        """The developer types what is shown: one question to the endpoint, then its answer key by key."""
        figures = Figures()
        self.endpoint.answer = LONG_ANSWER
        for n in range(-(-self.n_requests // (len(LONG_ANSWER) - 1))):
            typist.type(source.uri, f"\n{source.indent}step_{n} =")
            # The last key leaves nothing to show, which would be a new question.
            self._type(typist, source.uri, iter(LONG_ANSWER[:-1]), figures)
            typist.type(source.uri, LONG_ANSWER[-1])
        self.endpoint.answer = ANSWER
        return figures

    def _accepted(self, typist: Typist, source: Source) -> Figures:
        """The developer looks at what is shown, and takes it: the next one was fetched meanwhile."""
        figures, uri = Figures(), f"{source.uri}.accepted"
        typist.open(uri, source.language, source.text, source.cursor)
        time.sleep(REST_S)
        for n in range(N_ACCEPTED):
            self.endpoint.answer = LONG_ANSWER
            typist.type(uri, f"\n{source.indent}taken_{n} =")
            self.endpoint.answer = f"\n{source.indent}following_{n} = {n}\n"
            time.sleep(LOOK_S)
            self._type(typist, uri, iter((LONG_ANSWER,)), figures)
        self.endpoint.answer = ANSWER
        return figures

    def _type(self, typist: Typist, uri: str, keys: Iterable[str], figures: Figures) -> None:
        n_before = self.endpoint.n_completions
        for key in keys:
            answer = typist.type(uri, key)
            figures.times_ms.append(answer.ms)
            figures.n_shown += answer.n_items > 0
            time.sleep(self.pause_s)
        figures.n_asked += self.endpoint.n_completions - n_before


def _typescript() -> Source:
    return sources.typescript(CACHE)


def startup(endpoint: ImmediateEndpoint, n_starts: int) -> dict[str, Any]:
    """Spawn to initialize reply in turns, then memory with ten files open and one completion made."""
    servers = [server for server in _servers(endpoint) if server.name in ("ours", "empty")]
    times_ms: dict[str, list[float]] = {server.name: [] for server in servers}
    for n in range(n_starts + 1):
        for server in servers:
            with _running(server) as typist:
                if n:  # the first start fills the disk cache
                    times_ms[server.name].append(typist.startup_ms)
    memory_mb = {server.name: _memory_mb(server) for server in servers}
    _print_startup(times_ms, memory_mb)
    return {"startup_ms": times_ms, "memory_mb": memory_mb}


def _memory_mb(server: Server) -> dict[str, Any]:
    files = sources.ten_files()
    with _running(server) as typist:
        for source in files:
            typist.open(source.uri, source.language, source.text)
        typist.type(files[0].uri, "x")
        time.sleep(5)
        return {"resident": [round(mb, 1) for mb in typist.rss_mb()], "together": round(typist.pss_mb(), 1)}


def _servers(endpoint: ImmediateEndpoint) -> Iterator[Server]:
    python = (sys.executable, "-P")
    tier = {"url": endpoint.url, "model": MODEL, "mode": "fim", "fim_format": "qwen"}
    path = {"PYTHONPATH": str(HERE.parent)}
    yield Server("ours", (*python, "-m", "lsp_server", "serve"), {"endpoint": {"instant": tier}}, path)
    yield Server("naive", (*python, str(HERE / "naive_server.py"), endpoint.url))
    if (tabby := _tabby_agent(endpoint)) is not None:
        yield tabby
    yield Server("empty", (*python, str(HERE / "empty_server.py")))


def _tabby_agent(endpoint: ImmediateEndpoint) -> Server | None:
    """Tabby's agent in a home of its own, its telemetry off; None where node is missing."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        console.print("tabby-agent is left out: node and npm are not installed.")
        return None
    place, home = CACHE / "tabby-agent", CACHE / "tabby-home"
    cli = place / "node_modules/tabby-agent/dist/cli.js"
    if not cli.exists():
        install = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund", "--silent", "--prefix", str(place)]
        subprocess.run([*install, TABBY_AGENT], check=True)
    settings = home / ".tabby-client/agent/config.toml"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(
        f'[server]\nendpoint = "{endpoint.base}"\ntoken = "none"\n'
        '[completion.debounce]\nmode = "fixed"\ninterval = 0\n[anonymousUsageTracking]\ndisable = true\n'
    )
    return Server(
        "tabby-agent", (node, str(cli), "--lsp", "--stdio"), environment={"HOME": str(home)}, request="completion"
    )


@contextmanager
def _running(server: Server) -> Iterator[Typist]:
    typist = Typist(server)
    try:
        yield typist
    finally:
        typist.close()


def _print_typing(figures: dict[str, dict[str, Figures]]) -> None:
    table = Table("file", "server", "p50 ms", "p95 ms", "p99 ms", "p50/ours", "keys", "asked", "shown")
    for language, by_server in figures.items():
        ours = by_server.get("ours")
        for name, one in by_server.items():
            ratio = f"{one.percentile_ms(50) / ours.percentile_ms(50):.2f}" if ours else ""
            times = (f"{one.percentile_ms(percent):.1f}" for percent in (50, 95, 99))
            table.add_row(language, name, *times, ratio, *map(str, (len(one.times_ms), one.n_asked, one.n_shown)))
        table.add_section()
    console.print(table)


def _print_startup(times_ms: dict[str, list[float]], memory_mb: dict[str, dict[str, Any]]) -> None:
    table = Table("server", "start, median ms", "least", "median / empty", "resident MB, each process", "together")
    medians = {name: statistics.median(times) for name, times in times_ms.items()}
    for name, times in times_ms.items():
        ratio = f"{medians[name] / medians['empty']:.2f}"
        each, together = memory_mb[name]["resident"], memory_mb[name]["together"]
        table.add_row(name, f"{medians[name]:.0f}", f"{min(times):.0f}", ratio, str(each), str(together))
    console.print(table)


def _machine() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    model = next(models, platform.machine())
    return f"{date.today():%B %Y}, {model}, {os.cpu_count()} cores, Python {platform.python_version()}"


if __name__ == "__main__":
    main()
