"""An editor reduced to its wire: spawns a language server, types into a document, takes the time of each answer."""

from __future__ import annotations

import itertools
import json
import os
import re
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

TIMEOUT_S = 60
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
_CAPABILITIES = {
    "general": {"positionEncodings": ["utf-16"]},
    "textDocument": {
        "synchronization": {"didSave": True},
        "completion": {"completionItem": {"snippetSupport": False}},
        "inlineCompletion": {},
    },
}


@dataclass(frozen=True)
class Server:
    """How a language server is started and which request it answers."""

    name: str
    command: tuple[str, ...]
    options: dict[str, Any] | None = None
    environment: dict[str, str] | None = None
    request: Literal["inlineCompletion", "completion"] = "inlineCompletion"
    folder: Path | None = None


@dataclass(frozen=True)
class Answer:
    """From writing the didChange to the arrival of the answer."""

    ms: float
    n_items: int


class Typist:
    """One running server with one cursor per open document. Blocking, so that nothing of the client is in the times."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._cursors: dict[str, tuple[int, int]] = {}
        self._versions = itertools.count(1)
        self._ids = itertools.count(1)
        self._pending = bytearray()
        started = time.perf_counter()
        self._process = subprocess.Popen(
            server.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **(server.environment or {})},
            bufsize=0,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin, self._stdout = self._process.stdin.fileno(), self._process.stdout.fileno()
        root = server.folder.as_uri() if server.folder else None
        able = {**_CAPABILITIES, "window": {"workDoneProgress": True}} if root else _CAPABILITIES
        params = {"processId": os.getpid(), "rootUri": root, "capabilities": able}
        self._progress: list[tuple[str, float]] = []
        _, arrived = self._request("initialize", {**params, "initializationOptions": server.options})
        self.startup_ms = (arrived - started) * 1000
        self._started = started
        self._notify("initialized", {})

    def open(self, uri: str, language: str, text: str, cursor: tuple[int, int] = (0, 0)) -> None:
        self._cursors[uri] = cursor
        document = {"uri": uri, "languageId": language, "version": next(self._versions), "text": text}
        self._notify("textDocument/didOpen", {"textDocument": document})

    def type(self, uri: str, text: str) -> Answer:
        """One key: the change, the request, and the wait for its answer."""
        line, column = self._cursors[uri]
        here = {"line": line, "character": column}
        *above, last = text.split("\n")
        line, column = line + len(above), len(last) if above else column + len(last)
        self._cursors[uri] = (line, column)
        started = time.perf_counter()
        self._notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": uri, "version": next(self._versions)},
                "contentChanges": [{"range": {"start": here, "end": here}, "text": text}],
            },
        )
        # Neovim and VS Code call a request made while typing automatic (2); for a plain completion it is "invoked" (1).
        kind = 2 if self.server.request == "inlineCompletion" else 1
        place = {"line": line, "character": column}
        params = {"textDocument": {"uri": uri}, "position": place, "context": {"triggerKind": kind}}
        result, arrived = self._request(f"textDocument/{self.server.request}", params)
        items = result.get("items", []) if isinstance(result, dict) else result or []
        return Answer((arrived - started) * 1000, len(items))

    def request(self, method: str, params: Any) -> Any:
        """The result of any request."""
        return self._request(method, params)[0]

    def notify(self, method: str, params: Any) -> None:
        """Any notification."""
        self._notify(method, params)

    def wait_for_progress(self, kind: str) -> float:
        """Seconds from the start until progress of that kind was shown."""
        while True:
            for shown, arrived in self._progress:
                if shown == kind:
                    return arrived - self._started
            body, arrived = self._read()
            self._take(json.loads(body), arrived)

    def rss_mb(self) -> list[float]:
        """Resident memory of the server and of each process below it."""
        return [_rss_mb(pid) for pid in _tree(self._process.pid)]

    def pss_mb(self) -> float:
        """Memory of the server and all below it together, where what processes share counts once."""
        return sum(_pss_mb(pid) for pid in _tree(self._process.pid))

    def close(self) -> None:
        try:
            self._request("shutdown", None)
            self._notify("exit", None)
            self._process.wait(10)
        except (OSError, subprocess.TimeoutExpired):
            self._process.kill()
            self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _request(self, method: str, params: Any) -> tuple[Any, float]:
        """The result and when it arrived; raises RuntimeError for an error."""
        msg_id = next(self._ids)
        self._write({"id": msg_id, "method": method, "params": params})
        while True:
            body, arrived = self._read()
            message = json.loads(body)
            if "method" in message:
                self._take(message, arrived)
            elif message.get("id") == msg_id:
                if "error" in message:
                    raise RuntimeError(f"{self.server.name} answers {method} with {message['error']}")
                return message.get("result"), arrived

    def _take(self, message: dict[str, Any], arrived: float) -> None:
        """What the server says or asks of its own accord."""
        if "id" in message and "method" in message:
            self._write({"id": message["id"], "result": None})
        elif message.get("method") == "$/progress":
            self._progress.append((message["params"]["value"]["kind"], arrived))

    def _notify(self, method: str, params: Any) -> None:
        self._write({"method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> None:
        if message.get("params", ...) is None:
            del message["params"]
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        view = memoryview(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))
        while view:
            view = view[os.write(self._stdin, view) :]

    def _read(self) -> tuple[bytes, float]:
        arrived = time.perf_counter()
        while True:
            end = self._pending.find(b"\r\n\r\n")
            found = _LENGTH.search(self._pending, 0, end) if end >= 0 else None
            if found and len(self._pending) >= (size := end + 4 + int(found[1])):
                body = bytes(self._pending[end + 4 : size])
                del self._pending[:size]
                return body, arrived
            if not select.select([self._stdout], [], [], TIMEOUT_S)[0]:
                raise RuntimeError(f"{self.server.name} has not answered within {TIMEOUT_S} s")
            chunk = os.read(self._stdout, 1 << 16)
            arrived = time.perf_counter()
            if not chunk:
                raise OSError(f"{self.server.name} has ended")
            self._pending += chunk


def _tree(pid: int) -> Sequence[int]:
    """A process and all those below it (Linux)."""
    below = [
        int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()
    ]
    return [pid, *(one for child in below for one in _tree(child))]


def _pss_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith("Pss:"))
    return int(line.split()[1]) / 1024


def _rss_mb(pid: int) -> float:
    (line,) = (line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
