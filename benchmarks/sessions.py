"""Replays recorded typing against the real server: requests, right completions, waits, waste and prompt stability.

    python benchmarks/sessions.py BENCH                 # a quarter of an hour
    python benchmarks/sessions.py BENCH --only t06 t07 --accuracy 0.35 --fim-format codestral

The argument is a folder with typing/tracelib.py and its sessions. The model is scripted: it knows what will be
typed and gets each further word right with a chance that makes a line of eight words right in `--accuracy` of all
cases; behind the first wrong word it is of no use. It takes its time: a round trip, the part of the prompt that
shares no beginning with one of the last 32, and each token. The editor is VS Code's behaviour: a request after
each key, the last one cancelled if it is still open.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import shutil
import sqlite3
import statistics
import sys
import tempfile
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from scripted_endpoint import Reply, Request, ScriptedEndpoint
from wire import Editor, open_editor

from lsp_server.options import CompletionSettings

WORDS_PER_LINE = 8
INDEXING_S = 6.0
RTT_MS, TOKENS_PER_S, TOKEN_MS, CHARS_PER_TOKEN = 30.0, 4_000.0, 14.0, 3.6
_WORD = re.compile(r"\s*(?:\w+|[^\w\s])")
_TOKEN = re.compile(r"\s?\w{1,5}|\s+|[^\w\s]")
_TOKENS = {
    "qwen": ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
    "codestral": ("[PREFIX]", "[SUFFIX]", "\0"),
}


class Model(ScriptedEndpoint):
    """Says what will be typed next, as far as it knows."""

    def __init__(self, session: dict[str, Any], head: str, accuracy: float, fim_format: str) -> None:
        super().__init__("vllm", model="scripted")
        self.text = (head + session["block"]).replace("\r\n", "\n")
        self.done = 0
        self.prompts: list[str] = []
        self.n_sent = 0
        self.n_open = 0
        self._head_chars = len(head.replace("\r\n", "\n"))
        self._chance = accuracy ** (1 / WORDS_PER_LINE)
        self._random = random.Random(session["id"])
        self._prefix, self._suffix, self._middle = _TOKENS[fim_format]
        self._read: deque[str] = deque(maxlen=32)
        self.answering = self._reply_to
        self.cached_tokens = lambda request: self._n_shared // 4
        self._n_shared = 0

    def _reply_to(self, request: Request) -> Reply:
        prompt = str(request.body["prompt"])
        n_shared = self._n_shared = max((_shared(prompt, other) for other in self._read), default=0)
        self._read.append(prompt)
        if request.body["max_tokens"] > 1:  # else it is only read ahead
            self.prompts.append(prompt)
        said = self._said(self._truth(prompt))
        for stop in request.body.get("stop", ()):
            said = said.split(stop, 1)[0]
        pieces = tuple(_TOKEN.findall(said)[: request.body["max_tokens"]])
        first_ms = RTT_MS + (len(prompt) - n_shared) / CHARS_PER_TOKEN / TOKENS_PER_S * 1000 + TOKEN_MS
        return Reply(pieces, first_token_ms=first_ms, token_ms=TOKEN_MS)

    def _truth(self, prompt: str) -> str | None:
        """What comes at the prompt's hole; None where the text before it is not on its way to what will be typed."""
        before = prompt.partition(self._prefix)[2].partition(self._suffix)[0].partition(self._middle)[0]
        tail = before[-60:]
        starts = (found.start() for found in re.finditer(f"(?={re.escape(tail)})", self.text))
        ends = [start + len(tail) for start in starts if start + len(tail) >= self._head_chars - 1]
        if not ends:
            return None
        end = min(ends, key=lambda end: abs(end - self._head_chars - self.done))
        return self.text[end:]

    def _said(self, truth: str | None) -> str:
        if truth is None:
            return "unknown_state"
        for word in _WORD.finditer(truth):
            if self._random.random() > self._chance:
                name = word[0].lstrip()
                start = word.end() - len(name)
                is_name = name[0].isalpha() or name[0] == "_"
                return truth[:start] + ("zzz" + truth[word.end() :] if is_name else "")
        return truth

    async def _stream(self, *arguments: Any) -> None:
        self.n_open += 1
        try:
            await super()._stream(*arguments)
        finally:
            self.n_open -= 1

    def _chunks(self, request: Request, reply: Reply) -> Any:
        for chunk in super()._chunks(request, reply):
            self.n_sent += b"[DONE]" not in chunk
            yield chunk


@dataclass
class Tally:
    """What one session gave."""

    name: str
    n_keys: int = 0
    n_requests: int = 0
    n_right: int = 0
    n_line_right: int = 0
    ms: list[float] = field(default_factory=list)
    ms_without_request: list[float] = field(default_factory=list)
    own_ms_from_memory: list[float] = field(default_factory=list)
    shares: list[float] = field(default_factory=list)
    n_tokens: int = 0
    n_tokens_shown: int = 0
    n_tokens_beyond: int = 0
    n_prefetches: int = 0


def _shared(one: str, other: str) -> int:
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


async def replay(trace: Any, session: dict[str, Any], options: argparse.Namespace) -> Tally:
    initial = trace.initial(session)
    states = list(trace.states(session, initial))
    head = _head(session, initial, states[0], trace)
    tally = Tally(session["id"])
    settings = {"mode": "fim", "fim_format": options.fim_format, "first_token_ms": 60_000}
    with tempfile.TemporaryDirectory() as home, tempfile.TemporaryDirectory() as work:
        folder = _workspace(session, initial, Path(work))
        async with Model(session, head, options.accuracy, options.fim_format) as model:
            instant = {"endpoint": {"instant": {"url": model.url, **settings}}}
            first_lines = {"INSTANT_LSP_COMPLETION_FIRST_LINES_MS": str(options.first_lines_ms)}
            async with open_editor(
                "vscode", Path(home), options=instant, folder=folder, environment=first_lines
            ) as editor:
                await editor.status("ready")
                await asyncio.sleep(INDEXING_S)
                await _type(trace, session, states, model, editor, tally, options.max_gap)
                status = await editor.request(
                    "workspace/executeCommand", {"command": "instant.status", "arguments": []}
                )
        tally.own_ms_from_memory = _own_ms_from_memory(Path(home))
    counts = status["counts"]
    tally.n_requests, tally.n_prefetches = counts["requests"], counts["prefetches"]
    tally.n_tokens, tally.n_tokens_shown = model.n_sent, counts["tokens_shown"]
    tally.n_tokens_beyond = counts["tokens_beyond"]
    tally.shares = [_shared(a, b) / max(1, len(b)) for a, b in itertools.pairwise(model.prompts)]
    print(json.dumps(_figures([tally]) | {"session": tally.name}), flush=True)
    return tally


def _own_ms_from_memory(home: Path) -> list[float]:
    """The server's own time for each answer that it had, by its own metrics: from a request's arrival to its answer."""
    (path,) = home.rglob("metrics-*.sqlite3")
    connection = sqlite3.connect(path)
    try:
        return [ms for (ms,) in connection.execute("SELECT own_ms FROM answers WHERE source = 'memory'")]
    finally:
        connection.close()


def _workspace(session: dict[str, Any], initial: str, work: Path) -> Path:
    """A copy of the session's package in which what will be typed stands nowhere."""
    import corpus

    folder = work / session["repo"]
    shutil.copytree(Path(corpus.root()) / session["repo"], folder)
    (folder / session["path"]).write_text(initial, encoding="utf-8", newline="")
    return folder


def _head(session: dict[str, Any], initial: str, first: Any, trace: Any) -> str:
    """The text before the block that will be typed."""
    event, text, caret = first
    return text[: caret - event[trace.DONE]] if event[trace.OK] else initial[: caret - 1]


async def _type(
    trace: Any, session: dict[str, Any], states: list[Any], model: Model, editor: Editor, tally: Tally, max_gap_s: float
) -> None:
    loop = asyncio.get_running_loop()
    uri = f"{editor.root}/{session['path']}"
    item = {"uri": uri, "languageId": session["lang"], "version": 0, "text": trace.initial(session)}
    editor.notify("textDocument/didOpen", {"textDocument": item})
    last: asyncio.Future[Any] | None = None
    before_ms = 0.0
    asked: list[tuple[asyncio.Future[Any], float, int]] = []
    answered: dict[asyncio.Future[Any], tuple[float, int]] = {}
    for n, (event, _, _) in enumerate(states, 1):
        await asyncio.sleep(min(max_gap_s, max(0.0, event[trace.T] - before_ms) / 1000))
        before_ms = event[trace.T]
        if last is not None and not last.done():
            editor.cancel(last)
        place = {"line": event[trace.L1], "character": event[trace.C1]}
        until = {"line": event[trace.L2], "character": event[trace.C2]}
        change = {"range": {"start": place, "end": until}, "text": event[trace.TEXT]}
        editor.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": n}, "contentChanges": [change]},
        )
        model.done = event[trace.DONE]
        cursor = {"line": event[trace.CL], "character": event[trace.CC]}
        last = editor.ask(
            "textDocument/inlineCompletion",
            {"textDocument": {"uri": uri}, "position": cursor, "context": {"triggerKind": 2}},
        )
        asked.append((last, loop.time(), -1 if model.n_open else len(model.prompts)))
        last.add_done_callback(lambda f: answered.setdefault(f, (loop.time(), len(model.prompts))))
    await asyncio.sleep(1.5)
    for n, ((future, sent_s, n_prompts), state) in enumerate(zip(asked, states, strict=True)):
        tally.n_keys += 1
        if not future.done() or future.exception() is not None or not (future.result() or {}).get("items"):
            continue
        until_s, n_after = answered[future]
        ms = (until_s - sent_s) * 1000
        tally.ms.append(ms)
        if n_after == n_prompts:
            tally.ms_without_request.append(ms)
        truth = trace.truth(session, state[0])
        in_time = n + 1 == len(asked) or until_s <= asked[n + 1][1]
        if truth is None or not in_time:
            continue
        shown = future.result()["items"][0]["insertText"]
        truth = truth.replace("\r\n", "\n")
        first = _WORD.match(shown)
        tally.n_right += first is not None and truth.startswith(first[0])
        tally.n_line_right += truth.startswith(shown.split("\n")[0]) and bool(shown.strip())


def _figures(tallies: list[Tally]) -> dict[str, Any]:
    keys = sum(t.n_keys for t in tallies)
    ms = [x for t in tallies for x in t.ms] or [0.0, 0.0]
    memory = sorted(x for t in tallies for x in t.ms_without_request) or [0.0]
    own = sorted(x for t in tallies for x in t.own_ms_from_memory) or [0.0]
    tokens = sum(t.n_tokens for t in tallies) or 1
    shares = [x for t in tallies for x in t.shares] or [0.0]
    return {
        "keys": keys,
        "requests_per_100_keys": round(100 * sum(t.n_requests for t in tallies) / keys, 1),
        "of_them_prefetches": round(100 * sum(t.n_prefetches for t in tallies) / keys, 1),
        "right_per_100_keys": round(100 * sum(t.n_right for t in tallies) / keys, 1),
        "line_right_per_100_keys": round(100 * sum(t.n_line_right for t in tallies) / keys, 1),
        "answer_ms_p50": round(statistics.median(ms), 1),
        "answered_without_request": len(memory),
        "without_request_ms_p50": round(statistics.median(memory), 1),
        "without_request_ms_p95": round(memory[int(len(memory) * 0.95)], 1),
        "from_memory_own_ms_p50": round(statistics.median(own), 1),
        "from_memory_own_ms_p95": round(own[int(len(own) * 0.95)], 1),
        "tokens_never_shown_percent": round(100 * (1 - sum(t.n_tokens_shown for t in tallies) / tokens), 1),
        "tokens_beyond_the_cut_percent": round(100 * sum(t.n_tokens_beyond for t in tallies) / tokens, 1),
        "prompt_shares_with_last_percent": round(100 * statistics.mean(shares), 1),
    }


async def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("--only", nargs="*", help="names, languages or flags of sessions")
    parser.add_argument("--accuracy", type=float, default=0.35)
    parser.add_argument("--fim-format", choices=sorted(_TOKENS), default="qwen")
    parser.add_argument("--max-gap", type=float, default=4.0, help="longest pause in seconds")
    parser.add_argument("--first-lines-ms", type=int, default=CompletionSettings().first_lines_ms)
    parser.add_argument("--parallel", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    sys.path.insert(0, str(options.bench / "typing"))
    import tracelib

    sessions = tracelib.load(only=options.only)
    gate = asyncio.Semaphore(options.parallel)

    async def one(session: dict[str, Any]) -> Tally:
        async with gate:
            return await replay(tracelib, session, options)

    tallies = await asyncio.gather(*(one(session) for session in sessions))
    figures = _figures(list(tallies))
    print("TOTAL", json.dumps(figures))
    if options.out is not None:
        options.out.write_text(json.dumps(figures, indent=1))


if __name__ == "__main__":
    asyncio.run(main())
