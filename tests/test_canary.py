"""A workspace sown with unique words, and a long session over every feature, talkative: none of them is told or kept.

What is told is stderr, the editor's log, messages, statuses and errors. What is kept is every file that the server
leaves in its user's home and among temporary files. The index alone may hold names that code defines.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Reply, Request, ScriptedEndpoint
from test_workspace import children_of
from wire import CAPABILITIES, SERVE, Document, Editor, own_environment, start

IN_CODE = "kanarie_defined"
IN_COMMENT, IN_STRING, UNSAVED = "kanarie_comment", "kanarie_string", "kanarie_unsaved"
IN_GUIDELINES, IN_KNOWLEDGE = "kanarie_rule", "kanarie_known"
IN_NAME, IN_MESSAGE, IN_BRANCH, IN_AUTHOR = "kanarie_filename", "kanarie_commit", "kanarie_branch", "kanarie_author"
IN_REFUSED, IN_IGNORED, IN_KEY = "kanarie_refused", "kanarie_ignored", "kanarie_key"
FROM_MODEL, FROM_EDITOR, IN_DIAGNOSTIC = "kanarie_model", "kanarie_editor", "kanarie_finding"
TOKEN = "ghp_" + "k4n4r1eK4N4R1Ek4n4r1eK4N4R1Ek4n4r1eX"
NEVER_SENT = (IN_REFUSED, IN_IGNORED, IN_KEY, TOKEN, IN_MESSAGE, IN_BRANCH, IN_AUTHOR)
CONTENT = (
    *(IN_CODE, IN_COMMENT, IN_STRING, UNSAVED, IN_GUIDELINES, IN_KNOWLEDGE, FROM_MODEL, FROM_EDITOR, IN_DIAGNOSTIC),
    *NEVER_SENT,
)

CODE = f'''"""A module about {IN_COMMENT}."""

import os

GITHUB_TOKEN = "{TOKEN}"
password = "{IN_KEY}-S3cr3t!9x"


def {IN_CODE}(amount):
    # {IN_COMMENT}
    text = "{IN_STRING}"
    return text * amont


class Basket:
    def total(self):
        return {IN_CODE}(2)
'''
TALKATIVE = {
    "INSTANT_LSP_LOG_LEVEL": "debug",
    "PYTHONASYNCIODEBUG": "1",
    "PYTHONFAULTHANDLER": "1",
    "OPENAI_LOG": "debug",
    "HTTPX_LOG_LEVEL": "trace",
    "MCP_LOG_LEVEL": "DEBUG",
}
KNOWLEDGE = f"""
from mcp.server import MCPServer
server = MCPServer("company")
@server.tool()
async def search(query: str) -> str:
    return "{IN_KNOWLEDGE} about " + query
server.run("stdio")
"""


class Heard(Editor):
    """An editor that answers whatever it is asked, and goes on whatever it is told."""

    def _take(self, message: dict[str, Any]) -> None:
        n_strange = len(self._strange)
        super()._take(message)
        for strange in self._strange[n_strange:]:
            if "id" in strange and "method" in strange:
                self.send({"id": strange["id"], "result": None})

    def told(self) -> str:
        """All that is told rather than shown to who asked for it, as an explanation is in a message."""
        rest, told = self.spoken, []
        while found := re.search(rb"Content-Length: (\d+)\r\n\r\n", rest):
            told.append(rest[: found.start()])
            end = found.end() + int(found[1])
            message = json.loads(rest[found.end() : end])
            is_shown = message.get("method") == "window/showMessage" and message["params"]["type"] > 2
            if "error" in message or (message.get("method") in _TELLING and not is_shown):
                told.append(json.dumps(message).encode())
            rest = rest[end:]
        return b"\n".join([*told, rest]).decode()


_TELLING = ("window/logMessage", "window/showMessage", "instant/status", "telemetry/event", "$/logTrace")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository in which every kind of place has a word of its own."""
    folder = tmp_path / "work"
    files = {
        "shop.py": CODE,
        f"{IN_NAME}.py": f"from shop import {IN_CODE}\n\n\ndef use():\n    return {IN_CODE}(1)\n",
        "test_shop.py": f"from shop import {IN_CODE}\n\n\ndef test_it():\n    assert {IN_CODE}\n",
        "pyproject.toml": "[tool.pytest.ini_options]\n",
        "AGENTS.md": f"# Rules\n\nMind {IN_GUIDELINES}.\n",
        ".env": f"PASSWORD={IN_REFUSED}\n",
        "deploy/id_rsa": f"-----BEGIN RSA PRIVATE KEY-----\n{IN_REFUSED}\n-----END RSA PRIVATE KEY-----\n",
        "credentials.py": f"def {IN_REFUSED}(): ...\n",
        ".gitignore": "private.py\n",
        "private.py": f"def {IN_IGNORED}(): ...\n",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    git = ["git", "-C", str(folder), "-c", f"user.name={IN_AUTHOR}", "-c", f"user.email={IN_AUTHOR}@example.com"]
    for command in (["init", "-q", "-b", IN_BRANCH], ["add", "-A"], ["commit", "-q", "-m", IN_MESSAGE]):
        subprocess.run([*git, *command], check=True)
    return folder


def answered(request: Request) -> Reply:
    """A model that says a word of its own, in code, in prose, and in whatever form it is asked for."""
    if request.path.endswith("/chat/completions"):
        code = f"def {IN_CODE}(amount):\n    return '{FROM_MODEL}' * amount\n"
        return Reply((f"It is {FROM_MODEL}.\n\n", f"```python\n{code}```\n"))
    return Reply((f" {FROM_MODEL}",))


def faults() -> Iterator[Reply]:
    """An endpoint that quotes what it was sent, in every way that there is."""
    quoted = f'{{"error":{{"message":"cannot do {IN_CODE} {UNSAVED}"}}}}'.encode()
    yield from (Reply(status=status, body=quoted) for status in (400, 401, 403, 404, 413, 422, 500))
    yield Reply(raw=(b"data: %b\n\n" % quoted,))
    yield Reply(raw=(b"data: {" + UNSAVED.encode() + b"\n\n",))
    yield Reply(raw=(UNSAVED.encode() + b"\xff\n\n",))
    yield Reply((f" {FROM_MODEL}",), fault="reset in the middle")


async def heed(answer: Awaitable[Any]) -> Any:
    """What an answer is, if there is one: refusals are told, and read later."""
    with contextlib.suppress(Exception):
        async with asyncio.timeout(60):
            return await answer


async def run_commands(document: Document) -> list[str]:
    """Every command that the server offers, with nothing, with nonsense, and with all that any of them takes."""
    editor = document.editor
    offered: list[str] = editor.server["capabilities"]["executeCommandProvider"]["commands"]
    whole = {"start": document.position(0), "end": document.position(len(document.text))}
    here = {"start": document.position(document.cursor), "end": document.position(document.cursor)}
    one = {
        "uri": document.uri,
        "range": here,
        "position": here["start"],
        "workDoneToken": "w",
        "version": document.version,
    }
    for command in offered:
        for arguments in (
            [],
            [FROM_EDITOR],
            [{"uri": FROM_EDITOR, "range": FROM_EDITOR}],
            [document.uri, here["start"]],
            [one],
            [{**one, "range": whole, "diagnostic": finding(document)}],
        ):
            await heed(editor.ask("workspace/executeCommand", {"command": command, "arguments": arguments}))
    return offered


def finding(document: Document) -> dict[str, Any]:
    at = max(document.text.find("amont"), 0)
    place = {"start": document.position(at), "end": document.position(at + 5)}
    return {"range": place, "severity": 1, "source": "made up", "message": f"{IN_DIAGNOSTIC}: amont is not defined"}


async def use_actions(document: Document) -> int:
    """Every code action that is offered, resolved and run; how many there were."""
    found = finding(document)
    n_actions = 0
    for place in (found["range"], {"start": document.position(0), "end": document.position(len(document.text))}):
        context = {"diagnostics": [found], "triggerKind": 1}
        asked = {"textDocument": {"uri": document.uri}, "range": place, "context": context}
        for action in await heed(document.editor.ask("textDocument/codeAction", asked)) or []:
            n_actions += 1
            resolved = await heed(document.editor.ask("codeAction/resolve", action)) if "data" in action else action
            if isinstance(command := (resolved or action).get("command"), dict):
                await heed(document.editor.ask("workspace/executeCommand", command))
    return n_actions


async def use_everything(editor: Heard, endpoint: ScriptedEndpoint) -> None:
    """A long session: typing, completions, hovers, actions, commands, faults, refused files, a child that crashes."""
    shop = editor.open(CODE, name="shop.py")
    shop.cursor = CODE.index("text * amont")
    for piece in (UNSAVED, " = ", "1\n    "):
        shop.type(piece)
        await heed(shop.complete())
    await heed(shop.complete(is_invoked=True))
    for _ in range(3):
        await heed(shop.hover())
    assert await use_actions(shop) > 2
    assert len(await run_commands(shop)) > 4
    editor.notify("textDocument/didSave", {"textDocument": {"uri": shop.uri}})
    for name in (".env", "credentials.py", "deploy/id_rsa", "private.py"):
        refused = editor.open(f"X = '{IN_REFUSED}'\ny = <|>", name=name)
        if name != "private.py":
            await heed(refused.complete())
            await heed(refused.hover())
            await use_actions(refused)
        refused.close()
    for reply in faults():
        endpoint.answering = lambda request, reply=reply: reply
        shop.type(f" {UNSAVED}")
        await heed(shop.complete(is_invoked=True))
        await heed(shop.hover())
        await heed(editor.ask("workspace/executeCommand", {"command": "instant.explain", "arguments": [_asking(shop)]}))
    endpoint.answering = answered
    for method in ("textDocument/inlineCompletion", "textDocument/hover", "textDocument/codeAction", "test/unknown"):
        await heed(editor.ask(method, {"textDocument": FROM_EDITOR, "position": FROM_EDITOR}))
    wrong = {"textDocument": {"uri": shop.uri, "version": FROM_EDITOR}, "contentChanges": [{"range": FROM_EDITOR}]}
    editor.notify("textDocument/didChange", wrong)
    for pid in children_of(editor.process.pid)[:1]:
        os.kill(pid, signal.SIGABRT)
    shop.type(" ")
    await heed(shop.complete(is_invoked=True))
    await editor.lives()


def _asking(document: Document) -> dict[str, Any]:
    here = document.position(document.cursor)
    return {"uri": document.uri, "range": {"start": here, "end": here}}


def check_kept(home: Path, temporary: Path) -> None:
    """No file holds a word of the content; the index holds no more than names, for its user's eyes alone."""
    databases = list(home.rglob("index/*"))
    assert databases, "there is an index"
    for path in [path for place in (home, temporary) for path in place.rglob("*") if path.is_file()]:
        kept = path.read_bytes().lower()
        allowed = (IN_CODE, IN_NAME) if path in databases else ()
        found = [word for word in (*CONTENT, IN_NAME) if word.lower().encode() in kept and word not in allowed]
        assert not found, f"{path} holds {found}"
        if os.name == "posix":
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, f"{path} can be read by others"


async def test_no_word_of_the_content_is_told_or_kept(folder: Path, tmp_path: Path) -> None:
    home, temporary = tmp_path / "home", tmp_path / "temporary"
    home.mkdir()
    temporary.mkdir()
    (tmp_path / "knowledge.py").write_text(KNOWLEDGE)
    provider = {
        "name": "handbook",
        "tool": "search",
        "command": sys.executable,
        "args": [str(tmp_path / "knowledge.py")],
    }
    async with ScriptedEndpoint() as endpoint:
        endpoint.answering = answered
        variables = {
            **TALKATIVE,
            "TMPDIR": str(temporary),
            "INSTANT_LSP_ENDPOINT_INSTANT_URL": endpoint.url,
            "INSTANT_LSP_ENDPOINT_THINKING_URL": endpoint.url,
            "INSTANT_LSP_CONTEXT_ENABLED": "true",
            "INSTANT_LSP_CONTEXT_PROVIDERS": json.dumps([provider]),
        }
        process = await start(SERVE, own_environment(home, **variables), home)
        editor = Heard(process, "vscode", None, folder.as_uri())
        editor.capabilities = CAPABILITIES["vscode"]
        try:
            await editor.initialize({"hover": "always"})
            await use_everything(editor, endpoint)
            assert await editor.leave() == 0
        finally:
            await editor.kill()
        told, sent = editor.told(), json.dumps([request.body for request in endpoint.requests])
    assert UNSAVED in sent, "the session has asked for something"
    assert IN_GUIDELINES in sent
    assert IN_KNOWLEDGE in sent
    for word in CONTENT:
        assert word not in told, told[max(0, told.find(word) - 600) :][:1_200]
    for word in NEVER_SENT:
        assert word not in sent, sent[max(0, sent.find(word) - 600) :][:1_200]
    check_kept(home, temporary)
