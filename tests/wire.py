"""A language client for tests: owns a real server process over stdio, and sees that nothing it says is overlooked.

    async with open_editor("neovim", url=endpoint.url) as editor:     # or "vscode"
        await editor.status("ready")
        document = editor.open("def add(a, b):\n    return<|>\n")
        answer = await document.complete()

Leaving the block fails on a message to the user, a bad status or a line of stderr that the test has not taken.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import re
import sys
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Literal

from marks import CURSOR

DEADLINE_S = 20.0
SERVE = (sys.executable, "-P", "-m", "lsp_server", "serve")
Kind = Literal["neovim", "vscode"]

# What Neovim 0.12 and VS Code 1.139 with vscode-languageclient 11 say of themselves, reduced to what bears on us.
CAPABILITIES: dict[Kind, dict[str, Any]] = {
    "neovim": {
        "general": {"positionEncodings": ["utf-8", "utf-16", "utf-32"]},
        "experimental": {"instantUserSettings": True},
        "textDocument": {
            "hover": {"dynamicRegistration": True, "contentFormat": ["markdown", "plaintext"]},
            "codeAction": {
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "refactor", "source"]}},
                "dataSupport": True,
                "disabledSupport": True,
                "resolveSupport": {"properties": ["edit", "command"]},
            },
            "inlineCompletion": {"dynamicRegistration": False},
            "synchronization": {"dynamicRegistration": False, "didSave": True, "willSave": True},
        },
        "workspace": {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": False}},
        "window": {"workDoneProgress": True, "showDocument": {"support": True}},
    },
    "vscode": {
        "general": {"positionEncodings": ["utf-16"]},
        "experimental": {"instantUserSettings": True},
        "textDocument": {
            "hover": {"dynamicRegistration": True, "contentFormat": ["markdown", "plaintext"]},
            "codeAction": {
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "refactor", "source"]}},
                "dataSupport": True,
                "disabledSupport": True,
                "resolveSupport": {"properties": ["edit", "command"]},
            },
            "inlineCompletion": {"dynamicRegistration": True},
            "synchronization": {"dynamicRegistration": True, "didSave": True, "willSave": True},
        },
        "workspace": {
            "configuration": True,
            "didChangeConfiguration": {"dynamicRegistration": True},
            "workspaceEdit": {
                "documentChanges": True,
                "resourceOperations": ["create", "rename", "delete"],
                "changeAnnotationSupport": {"groupsOnLabel": True},
            },
        },
        "window": {"workDoneProgress": True, "showDocument": {"support": True}},
    },
}
_ENCODED = {"utf-8": ("utf-8", 1), "utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4)}


class ResponseError(Exception):
    """The server answered a request with an error."""

    def __init__(self, error: dict[str, Any]) -> None:
        super().__init__(f"{error['code']}: {error['message']}")
        self.code: int = error["code"]
        self.message: str = error["message"]


class Editor:
    """The client's end; `configuration` is what it answers for the section `instant`."""

    def __init__(
        self, process: asyncio.subprocess.Process, kind: Kind, configuration: Any = None, root: str = "file:///work"
    ) -> None:
        assert process.stdin is not None
        self.process = process
        self.kind: Kind = kind
        self.root = root
        self.capabilities = CAPABILITIES[kind]
        self.configuration = configuration
        self.answer: dict[str, Any] | None = None
        self.encoding = "utf-16"
        self.server: dict[str, Any] = {}
        self.has_left = False
        self.diagnostics: list[dict[str, Any]] = []
        """What all tools together report, for a server that asks."""
        self.applied: list[dict[str, Any]] = []
        """The edits that the server wanted to be applied; `applies` is what it was told of them."""
        self.applies = True
        self.shown: list[str] = []
        """The documents that the server wanted to be shown."""
        self.spoken = b""
        """All that the server has written on stdout and stderr."""
        self._stdin = process.stdin
        self._ids = itertools.count(1)
        self._names = itertools.count(1)
        self._pending: dict[Any, asyncio.Future[Any]] = {}
        self.registered: list[dict[str, Any]] = []
        self._progress: list[dict[str, Any]] = []
        self._parts: dict[str, list[Any]] = {}
        self._messages: list[dict[str, Any]] = []
        self._statuses: list[dict[str, Any]] = []
        self._refreshed: list[str] = []
        self._logged: list[dict[str, Any]] = []
        self.refused: list[dict[str, Any]] = []
        """How messages were refused that had no id."""
        self._strange: list[dict[str, Any]] = []
        self._complaints: list[str] = []
        self._heard = asyncio.Event()
        self._readers = [asyncio.create_task(self._read_stdout()), asyncio.create_task(self._read_stderr())]

    async def initialize(self, options: dict[str, Any] | None = None) -> None:
        """Begins the session as the editor does."""
        params = {
            "processId": os.getpid(),
            "clientInfo": {"name": self.kind},
            "rootUri": self.root,
            "workspaceFolders": [{"uri": self.root, "name": "work"}],
            "capabilities": self.capabilities,
            "initializationOptions": options,
        }
        self.server = await self.request("initialize", params)
        self.encoding = self.server["capabilities"].get("positionEncoding", "utf-16")
        self.notify("initialized", {})

    def ask(self, method: str, params: Any = None) -> asyncio.Future[Any]:
        """The answer to a request that is on its way; `cancel` takes it too."""
        request_id = next(self._ids)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._pending[request_id] = future
        self.send({"id": request_id, "method": method, "params": params})
        return future

    async def request(self, method: str, params: Any = None) -> Any:
        """The result of a request; raises ResponseError."""
        return await in_time(self.ask(method, params))

    def cancel(self, request: asyncio.Future[Any]) -> None:
        """Takes a request back; it is still answered."""
        request_id = next(key for key, future in self._pending.items() if future is request)
        self.notify("$/cancelRequest", {"id": request_id})

    def notify(self, method: str, params: Any) -> None:
        """Sends a notification."""
        self.send({"method": method, "params": params})

    def send(self, message: dict[str, Any]) -> None:
        """Writes one message."""
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.write(b"Content-Length: %d\r\n\r\n%b" % (len(body), body))

    def write(self, raw: bytes) -> None:
        """Writes bytes as they are."""
        self._stdin.write(raw)

    def open(self, marked: str, *, name: str = "", language: str = "python", version: int = 1) -> Document:
        """Opens a document under a name of its own; the cursor is where the mark is, else at the end."""
        offset = marked.index(CURSOR) if CURSOR in marked else len(marked)
        name = name or f"file{next(self._names)}.py"
        document = Document(self, f"{self.root}/{name}", marked.replace(CURSOR, "", 1), offset, version)
        item = {"uri": document.uri, "languageId": language, "version": version, "text": document.text}
        self.notify("textDocument/didOpen", {"textDocument": item})
        return document

    def configure(self, configuration: Any) -> None:
        """The user changes the settings of the section."""
        self.configuration = configuration
        self.notify("workspace/didChangeConfiguration", {"settings": None})

    async def status(self, state: str) -> dict[str, Any]:
        """The next status of that state; none but `starting` may come before it."""
        while True:
            status = await self._next(self._statuses)
            if status["state"] == state:
                return status
            assert status["state"] == "starting", f"a status nobody expected: {status}"

    def taken_statuses(self) -> list[dict[str, Any]]:
        """All statuses that have come since the last one was taken."""
        taken = self._statuses.copy()
        self._statuses.clear()
        return taken

    def taken_log(self) -> list[str]:
        """All lines for the editor's log that have come since the last one was taken."""
        taken = [str(line["message"]) for line in self._logged]
        self._logged.clear()
        return taken

    async def part(self, token: str) -> Any:
        """The next partial result under a token."""
        return await self._next(self._parts.setdefault(token, []))

    async def refreshed(self) -> str:
        """The next document whose completion has become longer; told only to an editor that can ask again."""
        return str(await self._next(self._refreshed))

    async def message(self) -> str:
        """The next message that the editor shows to its user."""
        return str((await self._next(self._messages))["message"])

    async def told(self, part: str) -> None:
        """Who made an edit, which the log tells where the edit's own annotation does, and a message elsewhere."""
        if self.kind == "neovim":
            assert part in await self.message()
        else:
            await self.logged(part)

    async def progress(self, kind: str) -> dict[str, Any]:
        """The next progress of that kind; reports may come before it."""
        while True:
            value: dict[str, Any] = await self._next(self._progress)
            if value["kind"] == kind:
                return value
            assert value["kind"] == "report", f"progress nobody expected: {value}"

    def check_no_progress(self) -> None:
        """Nothing more was shown than what the test has taken."""
        assert self._progress == []

    async def logged(self, part: str) -> dict[str, Any]:
        """The next line for the editor's log; `part` has to be in it."""
        line = await self._next(self._logged)
        assert part in line["message"], f"a line of the log nobody expected: {line}"
        return line

    async def complained(self, pattern: str) -> str:
        """The next line of stderr; the pattern has to match in it."""
        line = await self._next(self._complaints)
        assert re.search(pattern, line), f"a line of stderr nobody expected: {line}"
        return line

    async def lives(self) -> None:
        """The server still answers requests."""
        assert "state" in await self.request("workspace/executeCommand", {"command": "instant.status", "arguments": []})

    @property
    def can_refresh(self) -> bool:
        """Whether this editor has said that it can ask again."""
        return bool(self.capabilities.get("experimental", {}).get("instantRefresh"))

    def check_nothing_overlooked(self) -> None:
        """Fails on what the server has said and no test has taken."""
        bad = [status for status in self._statuses if status["state"] not in ("starting", "ready")]
        overlooked = [*self._strange, *self.refused, *self._logged, *self._messages, *bad, *self._complaints]
        for said in (self._strange, self.refused, self._logged, self._messages, self._statuses, self._complaints):
            said.clear()
        self._progress.clear()
        self._parts.clear()
        assert not overlooked, f"the server said what no test has taken: {overlooked}"

    def hang_up(self) -> None:
        """Closes this end of the connection, as an editor that crashes does."""
        self._stdin.close()

    async def leave(self) -> int:
        """Ends the session as the protocol wants it; the process's exit code."""
        self.has_left = True
        await self.request("shutdown")
        self.notify("exit", None)
        return await self.ended()

    async def ended(self) -> int:
        """The exit code of the process, once all it has said was read."""
        await in_time(asyncio.gather(*self._readers))
        return await in_time(self.process.wait())

    async def kill(self) -> None:
        """Ends the process whatever it is doing."""
        if self.process.returncode is None:
            self.process.kill()
        await asyncio.gather(self.process.wait(), *self._readers, return_exceptions=True)

    async def _next(self, said: list[Any]) -> Any:
        async with asyncio.timeout(DEADLINE_S):
            while not said:
                self._heard.clear()
                await self._heard.wait()
        return said.pop(0)

    async def _read_stdout(self) -> None:
        assert self.process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError):  # the end of the stream
            while True:
                head = await self.process.stdout.readuntil(b"\r\n\r\n")
                length = re.fullmatch(rb"Content-Length: (\d+)\r\n\r\n", head)
                if length is None:
                    self._strange.append({"not of the protocol": head})
                    return
                body = await self.process.stdout.readexactly(int(length[1]))
                self.spoken += head + body
                self._take(json.loads(body))
                self._heard.set()

    async def _read_stderr(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            self.spoken += line
            self._complaints.append(line.decode())
            self._heard.set()

    def _take(self, message: dict[str, Any]) -> None:
        match message:
            case {"method": "instant/status", "params": status}:
                self._statuses.append(status)
            case {"method": "instant/refreshCompletion", "params": {"textDocument": {"uri": uri}}} if self.can_refresh:
                self._refreshed.append(uri)
            case {"method": "window/logMessage", "params": line}:
                self._logged.append(line)
            case {"method": "window/workDoneProgress/create", "id": request_id}:
                self.send({"id": request_id, "result": None})
            case {"method": "$/progress", "params": {"value": {"kind": _} as value}}:
                self._progress.append(value)
            case {"method": "$/progress", "params": {"token": token, "value": value}}:
                self._parts.setdefault(token, []).append(value)
            case {"method": "window/showMessage", "params": message}:
                self._messages.append(message)
            case {"method": "client/registerCapability", "id": request_id, "params": {"registrations": registered}}:
                self.registered += registered
                self.send({"id": request_id, "result": None})
            case {"method": "instant/diagnostics", "id": request_id}:
                self.send({"id": request_id, "result": self.diagnostics})
            case {"method": "workspace/applyEdit", "id": request_id, "params": {"edit": edit}}:
                self.applied.append(edit)
                self.send({"id": request_id, "result": {"applied": self.applies}})
            case {"method": "window/showDocument", "id": request_id, "params": {"uri": uri}}:
                self.shown.append(uri)
                self.send({"id": request_id, "result": {"success": True}})
            case {"method": "workspace/configuration", "id": request_id}:
                self.send({"id": request_id, **(self.answer or {"result": [self.configuration]})})
            case {"id": None, "error": error}:
                self.refused.append(error)
            case {"id": request_id} if request_id in self._pending:
                future = self._pending.pop(request_id)
                if future.cancelled():
                    pass  # the test has given up waiting
                elif "error" in message:
                    future.set_exception(ResponseError(message["error"]))
                else:
                    future.set_result(message["result"])
            case _:
                self._strange.append(message)


class Document:
    """An open document with a cursor, as the editor has it; offsets count characters."""

    def __init__(self, editor: Editor, uri: str, text: str, cursor: int, version: int) -> None:
        self.editor, self.uri, self.text, self.cursor, self.version = editor, uri, text, cursor, version

    def type(self, text: str) -> None:
        """Puts `text` in at the cursor."""
        self.replace(self.cursor, self.cursor, text)
        self.cursor += len(text)

    def replace(self, start: int, end: int, text: str) -> None:
        """Changes what stands from `start` to `end`; the cursor stays."""
        self.version += 1
        change = {"range": {"start": self.position(start), "end": self.position(end)}, "text": text}
        self.text = self.text[:start] + text + self.text[end:]
        document = {"uri": self.uri, "version": self.version}
        self.editor.notify("textDocument/didChange", {"textDocument": document, "contentChanges": [change]})

    def close(self) -> None:
        """Closes the document."""
        self.editor.notify("textDocument/didClose", {"textDocument": {"uri": self.uri}})

    def complete(self, *, is_invoked: bool = False) -> asyncio.Future[Any]:
        """Asks for an inline completion at the cursor."""
        context = {"triggerKind": 1 if is_invoked else 2}
        return self.editor.ask("textDocument/inlineCompletion", {**self._here(), "context": context})

    def hover(self) -> asyncio.Future[Any]:
        """Asks for what a hover at the cursor shows."""
        return self.editor.ask("textDocument/hover", self._here())

    async def ghost(self) -> str | None:
        """The text of the completion at the cursor, None where there is none; it has to have a range there."""
        answer = await in_time(self.complete())
        assert answer is not None, "superseded"
        if not answer["items"]:
            return None
        (item,) = answer["items"]
        here = self.position(self.cursor)
        assert item["range"] == {"start": here, "end": here}
        return str(item["insertText"])

    def position(self, offset: int) -> dict[str, int]:
        """An offset as the protocol counts it."""
        lines = re.split(r"\r\n|\r|\n", self.text[:offset])
        codec, width = _ENCODED[self.editor.encoding]
        return {"line": len(lines) - 1, "character": len(lines[-1].encode(codec)) // width}

    def offset(self, position: dict[str, int]) -> int:
        """A position as the protocol counts it as an offset."""
        codec, width = _ENCODED[self.editor.encoding]
        starts = [0, *(found.end() for found in re.finditer(r"\r\n|\r|\n", self.text))]
        rest = self.text[starts[position["line"]] :]
        return starts[position["line"]] + len(rest.encode(codec)[: position["character"] * width].decode(codec))

    def _here(self) -> dict[str, Any]:
        return {"textDocument": {"uri": self.uri}, "position": self.position(self.cursor)}


async def in_time(answer: Awaitable[Any]) -> Any:
    """What is awaited, before the deadline of the tests."""
    async with asyncio.timeout(DEADLINE_S):
        return await answer


def own_environment(folder: Path, **variables: str) -> dict[str, str]:
    """The environment of a user of our own, whose home is `folder`.

    Nobody's settings get in, no engine is started, and nothing is indexed: most tests' workspace is no folder. Answers
    are waited for until they are whole, however long that takes on a busy machine.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INSTANT_LSP_", "XDG_"))}
    homes = {name: str(folder) for name in ("HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")}
    root = str(Path(__file__).parents[1])
    settings = {
        "INSTANT_LSP_EMBEDDED_ENABLED": "false",
        "INSTANT_LSP_CONTEXT_ENABLED": "false",
        "INSTANT_LSP_COMPLETION_FIRST_LINES_MS": "600000",
    }
    return {**kept, **homes, "PYTHONPATH": root, **settings, **variables}


async def start(command: tuple[str, ...], environment: dict[str, str], cwd: Path | None = None) -> Any:
    """A server's process with its three streams."""
    pipe = asyncio.subprocess.PIPE
    return await asyncio.create_subprocess_exec(
        *command, stdin=pipe, stdout=pipe, stderr=pipe, env=environment, cwd=cwd, limit=1 << 24
    )


@asynccontextmanager
async def open_editor(
    kind: Kind,
    home: Path,
    *,
    url: str | None = None,
    options: dict[str, Any] | None = None,
    configuration: Any = None,
    environment: dict[str, str] | None = None,
    answer: dict[str, Any] | None = None,
    folder: Path | None = None,
    capabilities: dict[str, Any] | None = None,
) -> AsyncIterator[Editor]:
    """An editor with its server; `url` is the instant tier's, the editor's settings are `options` and `configuration`.

    `answer` is what the editor says in place of its configuration, `capabilities` what it says that it can do.
    Where a `folder` is opened, it is indexed.
    """
    variables = {"INSTANT_LSP_ENDPOINT_INSTANT_URL": url} if url else {}
    if folder is not None:
        variables["INSTANT_LSP_CONTEXT_ENABLED"] = "true"
    process = await start(SERVE, own_environment(home, **{**variables, **(environment or {})}), home)
    editor = Editor(process, kind, configuration, folder.as_uri() if folder else "file:///work")
    editor.capabilities = capabilities or editor.capabilities
    editor.answer = answer
    try:
        await editor.initialize(options)
        yield editor
        if not editor.has_left:
            assert await editor.leave() == 0
        editor.check_nothing_overlooked()
    finally:
        await editor.kill()
