"""Hours of typing in minutes: replays it at several times its speed, with an endpoint that fails now and then.

    python benchmarks/soak.py [--minutes 30] [--speed 4] [--idle-seconds 60]

A real server over stdio, a scripted endpoint of which one answer in ten goes wrong in one of a dozen ways and which is
gone for a while every minute. Prints the memory's slope after the first fifth (by least squares), how many tasks and
file descriptors there were at the beginning and the end, and what processor time it takes when nobody types.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from scripted_endpoint import Reply, Request, ScriptedEndpoint
from wire import Document, Editor, own_environment, start

KEYS_PER_S = 6.0
SAMPLE_S = 1.0
ROOT = Path(__file__).parents[1]
FAULTS = (
    Reply(status=500),
    Reply(status=503, headers={"retry-after": "1"}),
    Reply(status=429, headers={"retry-after": "1"}),
    Reply(status=400),
    Reply(status=413),
    Reply(fault="hang"),
    Reply((" a",), fault="hang in the middle"),
    Reply(fault="reset"),
    Reply((" a",), fault="reset in the middle"),
    Reply((" a",), fault="end in the middle"),
    Reply(fault="malformed"),
    Reply(raw=(b"data: \xff\n\n",)),
    Reply((" a",) * 50, token_ms=20),
)
COUNT_TASKS = """
import asyncio, sys
from lsp_server import __main__, server

async def tasks(ls, *_):
    return len(asyncio.all_tasks())

server.COMMANDS = (*server.COMMANDS, ("soak.tasks", tasks))
raise SystemExit(__main__.main(["serve"]))
"""


@dataclass
class Seen:
    """Samples of the server's process: seconds, resident memory (bytes), file descriptors, tasks."""

    at_s: list[float] = field(default_factory=list)
    memory: list[int] = field(default_factory=list)
    n_files: list[int] = field(default_factory=list)
    n_tasks: list[int] = field(default_factory=list)
    n_keys: int = 0
    n_shown: int = 0
    n_unanswered: int = 0
    idle_cpu_percent: float = 0.0
    complaints: list[str] = field(default_factory=list)

    def slope_mb_per_hour(self) -> float:
        """Of the memory after the first fifth, by least squares."""
        first = len(self.at_s) // 5
        xs, ys = self.at_s[first:], [value / 1e6 for value in self.memory[first:]]
        x_mean, y_mean = sum(xs) / len(xs), sum(ys) / len(ys)
        spread = sum((x - x_mean) ** 2 for x in xs)
        return 3_600 * sum((x - x_mean) * (y - y_mean) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0


class Heard(Editor):
    """An editor that keeps nothing of what it hears, since hours of it would be no small matter."""

    def _take(self, message: dict[str, Any]) -> None:
        super()._take(message)
        self.spoken = b""
        for heard in (self._statuses, self._logged, self._messages, self._progress, self._strange):
            heard.clear()


async def soak(seconds: float, speed: float, idle_s: float, seed: int = 1) -> Seen:
    """One session of so many seconds, in which keys come `speed` times as fast as people type."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        async with ScriptedEndpoint() as endpoint:
            endpoint.answering = _with_faults(Random(seed))
            environment = own_environment(home, INSTANT_LSP_ENDPOINT_INSTANT_URL=endpoint.url)
            command = (sys.executable, "-P", "-c", COUNT_TASKS)
            editor = Heard(await start(command, environment, home), "vscode")
            try:
                begun = time.monotonic()
                await editor.initialize({"hover": "always", "endpoint": {"instant": {"first_token_ms": 500}}})
                seen = await _typed(editor, endpoint, begun + seconds, speed, Random(seed))
                seen.idle_cpu_percent = await _idle(editor.process.pid, idle_s)
                await _sample(editor, seen, begun)
                assert await editor.leave() == 0
            finally:
                await editor.kill()
            seen.complaints = editor._complaints
            return seen


async def _typed(editor: Editor, endpoint: ScriptedEndpoint, end_s: float, speed: float, random: Random) -> Seen:
    """Types the project's own files into documents that come and go, and asks as editors do, until `end_s`."""
    seen, begun = Seen(), time.monotonic()
    sources = [path.read_text(encoding="utf-8") for path in sorted((ROOT / "lsp_server").rglob("*.py"))]
    asked: set[asyncio.Future[Any]] = set()
    next_sample_s = next_outage_s = 0.0
    number = 0
    while time.monotonic() < end_s:
        text = random.choice(sources)
        number += 1
        document = editor.open(text[: random.randrange(len(text) + 1)], name=f"file{number % 20}.py")
        for char in text[document.cursor : document.cursor + 150]:
            document.type(char)
            seen.n_keys += 1
            _ask(asked, document, seen, random)
            await asyncio.sleep(random.expovariate(KEYS_PER_S * speed))
            now_s = time.monotonic() - begun
            if now_s >= next_sample_s:
                next_sample_s = now_s + SAMPLE_S
                await _sample(editor, seen, begun)
            if now_s >= next_outage_s:
                next_outage_s = now_s + 60
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(endpoint.stop(), 10)
                await asyncio.sleep(0.5)
                await endpoint.__aenter__()
            if time.monotonic() >= end_s:
                break
        document.close()
    if asked:
        _, unanswered = await asyncio.wait(asked, timeout=60)
        seen.n_unanswered = len(unanswered)
    return seen


def _ask(asked: set[asyncio.Future[Any]], document: Document, seen: Seen, random: Random) -> None:
    """A completion at every key, and now and then a hover, of which one in twenty is taken back."""
    kinds = [document.complete, *([document.hover] if random.random() < 0.1 else [])]
    for kind in kinds:
        answer = kind()
        asked.add(answer)
        answer.add_done_callback(lambda done: _answered(asked, done, seen))
        if random.random() < 0.05:
            document.editor.cancel(answer)


def _answered(asked: set[asyncio.Future[Any]], done: asyncio.Future[Any], seen: Seen) -> None:
    asked.discard(done)
    if not done.cancelled() and done.exception() is None:
        seen.n_shown += bool(isinstance(done.result(), dict) and done.result().get("items"))


def _with_faults(random: Random) -> Any:
    def answering(request: Request) -> Reply:
        return random.choice(FAULTS) if random.random() < 0.1 else Reply((" a", " +", " b"), token_ms=5)

    return answering


async def _sample(editor: Editor, seen: Seen, begun: float) -> None:
    seen.at_s.append(time.monotonic() - begun)
    seen.memory.append(_memory(editor.process.pid))
    seen.n_files.append(len(os.listdir(f"/proc/{editor.process.pid}/fd")))
    seen.n_tasks.append(await editor.request("workspace/executeCommand", {"command": "soak.tasks", "arguments": []}))


def _memory(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


async def _idle(pid: int, seconds: float) -> float:
    """Processor time in percent of one core while nobody types, after a moment to come to rest."""
    await asyncio.sleep(min(5.0, seconds))
    before, began = _cpu_s(pid), time.monotonic()
    await asyncio.sleep(seconds)
    return 100 * (_cpu_s(pid) - before) / (time.monotonic() - began)


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--speed", type=float, default=4)
    parser.add_argument("--idle-seconds", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    seen = asyncio.run(soak(given.minutes * 60, given.speed, given.idle_seconds))
    figures = {
        "keys": seen.n_keys,
        "shown": seen.n_shown,
        "unanswered": seen.n_unanswered,
        "memory_mb": [round(seen.memory[n] / 1e6, 1) for n in (0, len(seen.memory) // 5, -1)],
        "slope_mb_per_hour": round(seen.slope_mb_per_hour(), 2),
        "file_descriptors": [seen.n_files[len(seen.n_files) // 5], max(seen.n_files), seen.n_files[-1]],
        "tasks": [seen.n_tasks[len(seen.n_tasks) // 5], max(seen.n_tasks), seen.n_tasks[-1]],
        "idle_cpu_percent": round(seen.idle_cpu_percent, 3),
        "complaints": len(seen.complaints),
    }
    with contextlib.suppress(BrokenPipeError):
        print(json.dumps(figures) if given.json else "\n".join(f"{name:20} {value}" for name, value in figures.items()))
        for line in sorted({line.partition(" ")[2].partition(" ")[2] for line in seen.complaints})[:20]:
            print(f"  said: {line.rstrip()}")


if __name__ == "__main__":
    main()
