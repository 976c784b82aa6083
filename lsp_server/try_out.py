"""`instant-lsp try`: owns a small client that runs the real server on one place of a file and shows what comes back."""

from __future__ import annotations

import argparse
import itertools
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.panel import Panel
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from context.document import Snapshot
from context.languages import for_path

EXAMPLE_FILE = "examples/invoices.py"
EXAMPLE_LINE = 'not paid yet."""\n    return '
EXAMPLE_NAME = "outstanding"
"""What is tried when no place is named: the rest of this line of that file, and this name."""

_LINE_BREAK = re.compile(r"\r\n?|\n")
_WAIT_S = 180.0
_SHOWN_LINES = 14


class TryError(Exception):
    """The place cannot be tried; the message says why."""


def add_parser(subparsers: Any) -> None:
    """Adds `try` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "try", help="complete and explain one place of a file with the real server, and show the times"
    )
    parser.add_argument("place", nargs="?", metavar="FILE:LINE:COL", help="1-based; a line of this project by default")
    parser.add_argument("--cut", action="store_true", help="leave out the rest of the line, as if it were being typed")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Shows the completion, the explanation and the times; 0 when a completion came."""
    console = Console(markup=False, emoji=False)  # names of files and words of the model are shown as they are
    try:
        place = _example() if arguments.place is None else read_place(arguments.place, cut=arguments.cut)
        with _Client() as client:
            return _show(console, client, *place)
    except TryError as error:
        console.print(str(error), style="red")
        return 1


def _show(console: Console, client: _Client, snapshot: Snapshot, offset: int, name: int) -> int:
    """Completes at `offset` and explains what stands at `name`."""
    with _waiting(console, "Starting the server") as describe:
        client.initialize()
        client.open(snapshot)
        status = client.wait_for_status(describe)
        if status["state"] != "ready":
            raise TryError(status["message"])
        describe(f"{status['model']} completes {snapshot.path}")
        started = time.perf_counter()
        completion = client.complete(snapshot, offset)
        total_ms = (time.perf_counter() - started) * 1_000
        times = client.request("workspace/executeCommand", {"command": "instant.status", "arguments": []})["times"]
        describe(f"{status['model']} explains")
        explanation = client.explain(snapshot, name)
    console.print(_code_panel(snapshot, offset, completion))
    if explanation:
        console.print(Panel(explanation, title="explanation", border_style="cyan"))
    console.print(_times_table(times, total_ms, status["model"]))
    if completion is None:
        console.print("The model had nothing to add here.", style="yellow")
    return 0 if completion is not None else 1


def _code_panel(snapshot: Snapshot, offset: int, completion: str | None) -> Panel:
    """The code around the cursor, with the ghost text dimmed as an editor shows it."""
    before = snapshot.text[:offset].splitlines()[-_SHOWN_LINES:]
    if snapshot.text[:offset].endswith("\n"):
        before.append("")
    after = snapshot.text[offset:].splitlines()[:4]
    language = for_path(snapshot.path)
    code = Syntax("", language.name if language else "text", theme="ansi_dark").highlight("\n".join(before))
    code.rstrip()
    shown = Text.assemble(code, " " * _n_trailing_blanks(before[-1] if before else ""))
    shown.append(completion or "", style="italic black on bright_yellow")
    shown.append("\n".join(after), style="dim")
    return Panel(shown, title=Text(f"{snapshot.path}, ghost text marked"), border_style="green")


def _n_trailing_blanks(line: str) -> int:
    return len(line) - len(line.rstrip())


def _times_table(times: dict[str, Any] | None, total_ms: float, model: str) -> Table:
    table = Table("what", "time", title=Text(f"times with {model}"))
    endpoint = (times or {}).get("endpoint") or {}
    first_ms = endpoint.get("first_token_ms")
    if times:
        table.add_row("own share before the request", f"{times['own_ms']:.1f} ms")
    if first_ms is not None:
        table.add_row("endpoint, to the first token", f"{first_ms:.0f} ms")
    table.add_row("from the request to the answer in the editor", f"{total_ms:.0f} ms")
    return table


@contextmanager
def _waiting(console: Console, first: str) -> Iterator[Callable[[str], None]]:
    """A spinner whose text says what is being waited for; plain lines where there is no terminal."""
    progress = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    )
    with progress:
        task = progress.add_task(first)

        def describe(message: str) -> None:
            progress.update(task, description=message)
            if not console.is_terminal:
                console.print(message)

        yield describe


def _example() -> tuple[Snapshot, int, int]:
    """The line and the name of this project that are tried when no place is named."""
    path = Path(__file__).resolve().parent.parent / EXAMPLE_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except OSError:
        raise TryError("name a place: instant-lsp try FILE:LINE:COL") from None
    offset = text.index(EXAMPLE_LINE) + len(EXAMPLE_LINE)
    return _cut(_snapshot(path, text), offset), offset, text.index(EXAMPLE_NAME) + len(EXAMPLE_NAME)


def read_place(place: str, *, cut: bool) -> tuple[Snapshot, int, int]:
    """The place FILE:LINE:COL, and the last name before it. Raises TryError."""
    name, _, position = place.partition(":")
    line, _, column = position.partition(":")
    if not (name and line.isdigit() and column.isdigit()):
        raise TryError(f"{place} is not FILE:LINE:COL")
    path = Path(name)
    try:
        text = path.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise TryError(f"{path} cannot be read: {error}") from error
    starts = [0, *(found.end() for found in _LINE_BREAK.finditer(text))]
    if not 1 <= int(line) <= len(starts):
        raise TryError(f"{path} has {len(starts)} lines")
    start = starts[int(line) - 1]
    snapshot = _snapshot(path, text)
    offset = min(start + int(column) - 1, snapshot.line_end(start))
    return _cut(snapshot, offset) if cut else snapshot, offset, offset


def _snapshot(path: Path, text: str) -> Snapshot:
    language = for_path(path.name)
    return Snapshot(path.resolve().as_uri(), path.name, language.name if language else "plaintext", 1, text)


def _cut(snapshot: Snapshot, offset: int) -> Snapshot:
    text = snapshot.text[:offset] + snapshot.text[snapshot.line_end(offset) :]
    return Snapshot(snapshot.uri, snapshot.path, snapshot.language, snapshot.version, text)


class _Client:
    """The least of a language client: one server process, requests one after the other."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "lsp_server", "serve"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._answers: queue.Queue[dict[str, Any] | None] = queue.Queue()
        self._statuses: queue.Queue[dict[str, Any]] = queue.Queue()
        self._ids = itertools.count(1)
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self.request("shutdown", None)
            self._send({"method": "exit"})
        self._process.wait(10)

    def initialize(self) -> None:
        """Begins the session, counting columns in characters."""
        self.request(
            "initialize",
            {
                "processId": None,
                "rootUri": Path.cwd().as_uri(),
                "capabilities": {
                    "general": {"positionEncodings": ["utf-32"]},
                    "textDocument": {"inlineCompletion": {}},
                },
            },
        )
        self._send({"method": "initialized", "params": {}})

    def open(self, snapshot: Snapshot) -> None:
        """Shows the server the document."""
        document = {"uri": snapshot.uri, "languageId": snapshot.language, "version": 1, "text": snapshot.text}
        self._send({"method": "textDocument/didOpen", "params": {"textDocument": document}})

    def wait_for_status(self, describe: Callable[[str], None]) -> dict[str, Any]:
        """The first status that is not on its way to another."""
        while True:
            try:
                status = self._statuses.get(timeout=_WAIT_S)
            except queue.Empty:
                raise TryError("the server did not get ready in time") from None
            if status["state"] != "starting":
                return status
            describe(status["message"])

    def complete(self, snapshot: Snapshot, offset: int) -> str | None:
        """The text of the first completion at `offset`."""
        answer = self._at("textDocument/inlineCompletion", snapshot, offset, {"context": {"triggerKind": 1}})
        items = answer["items"] if answer else []
        return items[0]["insertText"] if items else None

    def explain(self, snapshot: Snapshot, offset: int) -> str | None:
        """The explanation of the last name before `offset`."""
        end = offset
        while end and not snapshot.text[end - 1].isalnum():
            end -= 1
        start = end
        while start and (snapshot.text[start - 1].isalnum() or snapshot.text[start - 1] == "_"):
            start -= 1
        place = {"start": self._position(snapshot, start), "end": self._position(snapshot, end)}
        asked = {"command": "instant.explain", "arguments": [{"uri": snapshot.uri, "range": place}]}
        return str(self.request("workspace/executeCommand", asked)["text"]) or None

    def request(self, method: str, params: Any) -> Any:
        """The result of a request; raises TryError when the server says no or ends."""
        self._send({"id": next(self._ids), "method": method, "params": params})
        answer = self._answers.get()
        if answer is None:
            raise TryError("the server ended; what it wrote above says why")
        if "error" in answer:
            raise TryError(answer["error"]["message"])
        return answer.get("result")

    def _at(self, method: str, snapshot: Snapshot, offset: int, further: dict[str, Any]) -> Any:
        position = self._position(snapshot, offset)
        return self.request(method, {"textDocument": {"uri": snapshot.uri}, "position": position, **further})

    def _position(self, snapshot: Snapshot, offset: int) -> dict[str, int]:
        start = snapshot.line_start(offset)
        return {"line": len(_LINE_BREAK.findall(snapshot.text[:start])), "character": offset - start}

    def _send(self, message: dict[str, Any]) -> None:
        body = orjson.dumps({"jsonrpc": "2.0", **message})
        assert self._process.stdin is not None
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None
        from lsp_server.transport import Frames  # noqa: PLC0415  brings pygls, which no other command needs

        frames = Frames()
        while chunk := os.read(self._process.stdout.fileno(), 1 << 16):
            for body in frames.feed(chunk):
                message = orjson.loads(body)
                if message.get("method") == "instant/status":
                    self._statuses.put(message["params"])
                elif "method" not in message:
                    self._answers.put(message)
        self._answers.put(None)
        self._statuses.put({"state": "down", "message": "the server ended"})
