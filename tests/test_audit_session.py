"""The audit trail of a real session: what left and what did not, what was taken of it, and what a broken one does."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Reply, ScriptedEndpoint
from wire import Document, Editor, in_time, open_editor

from lsp_server.__main__ import main
from lsp_server.ledger import verify
from lsp_server.ledger.trail import user

CANARY = "zebra_marzipan"
DIAGNOSTIC = {"severity": 1, "source": "checker", "code": "F821", "message": "undefined name 'b'"}


def check_trail(folder: Path, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """The rows that `instant-lsp audit export` tells of a whole trail, without probes and warming up."""
    capsys.readouterr()
    assert main(["audit", "verify", "--folder", str(folder)]) == 0, capsys.readouterr().out
    capsys.readouterr()
    assert main(["audit", "export", "--json", "--folder", str(folder)]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [row for row in rows if row["feature"] not in ("probe", "warm_up")]


def provider(log: Path) -> dict[str, str]:
    """The environment with a knowledge provider that notes what it is asked."""
    server = str(Path(__file__).with_name("mcp_server.py"))
    given = {"name": "handbook", "tool": "search", "deadline_ms": 20_000, "command": sys.executable}
    return {"INSTANT_LSP_CONTEXT_PROVIDERS": json.dumps([{**given, "args": [server, "--log", str(log)]}])}


async def explained(editor: Editor, document: Document) -> None:
    whole = {"start": document.position(0), "end": document.position(len(document.text))}
    asked = {"uri": document.uri, "range": whole, "partialResultToken": "p"}
    await editor.request("workspace/executeCommand", {"command": "instant.explain", "arguments": [asked]})


def trail_of(home: Path) -> Path:
    return home / "instant-lsp" / "audit"


async def accept(editor: Editor, document: Document) -> None:
    (item,) = (await in_time(document.complete()))["items"]
    document.type(item["insertText"])
    await editor.request("workspace/executeCommand", item["command"])


async def fixed(editor: Editor, document: Document) -> None:
    """The first fix is chosen, put in and told of, as an editor does."""
    here = {"start": document.position(0), "end": document.position(len(document.text))}
    params = {"textDocument": {"uri": document.uri}, "range": here}
    context = {"diagnostics": [{**DIAGNOSTIC, "range": here}], "triggerKind": 1}
    actions = await editor.request("textDocument/codeAction", {**params, "context": context})
    action = next(one for one in actions if one["title"].startswith("Fix"))
    resolved = await editor.request("codeAction/resolve", action)
    assert resolved["edit"]
    await editor.request("workspace/executeCommand", resolved["command"])
    assert "Fix by" in await editor.message()


async def test_all_that_leaves_and_what_does_not_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = {"INSTANT_LSP_AUDIT_PATHS": "plain"}
    async with (
        ScriptedEndpoint(model="qwen") as endpoint,
        open_editor("neovim", tmp_path, url=endpoint.url, environment=environment) as editor,
    ):
        await editor.status("ready")
        await accept(editor, editor.open(f"{CANARY} = 1\nx =", name="src/taken.py"))
        assert await editor.open("y =", name="src/left.py").ghost() == " a + b"
        endpoint.reply = Reply(("```python\n", "def f(a, b):\n    return a + b\n", "```"))
        await fixed(editor, editor.open("def f(a):\n    return a + b\n", name="src/wrong.py"))
        endpoint.reply = Reply((f"It names {CANARY}.",))
        told = editor.open("def f(a):\n    return a\n", name="src/told.py")
        await explained(editor, told)
        endpoint.replies.append(Reply(status=400))
        assert await editor.open("z =", name="src/failed.py").ghost() is None
        await editor.status("down")
        await editor.logged("did not accept")
        secret = editor.open("TOKEN=", name="deploy/.env", language="shellscript")
        assert await in_time(secret.complete()) == {"items": []}
        assert await in_time(secret.complete()) == {"items": []}
        await editor.status("off")
        sent = [request.headers["x-request-id"] for request in endpoint.requests]
    rows = check_trail(trail_of(tmp_path), capsys)
    shown = [(row["feature"], row["path"], row["outcome"], row.get("acceptance")) for row in rows]
    assert shown == [
        ("completion", "src/taken.py", "answered", "accepted"),
        ("completion", "src/left.py", "answered", None),
        ("fix", "src/wrong.py", "cut", "accepted"),
        ("explain", "src/told.py", "answered", None),
        ("completion", "src/failed.py", "failed", None),
        ("completion", "deploy/.env", "refused", None),
    ]
    assert {row["request_id"] for row in rows if "request_id" in row} <= set(sent)
    first = rows[0]
    assert (first["user"], first["tier"], first["model"]) == (user(), "instant", "qwen")
    assert first["endpoint"] == endpoint.url.removesuffix("/v1")
    assert first["prompt_chars"] > 0
    assert first["prompt_tokens"] > 0
    assert rows[4]["reason"] == "bad_answer"
    assert rows[5]["reason"] == "secrets"
    assert len({row["prompt"] for row in rows if "prompt" in row}) == 5
    written = b"".join(path.read_bytes() for path in trail_of(tmp_path).iterdir())
    assert CANARY.encode() not in written


async def test_what_a_knowledge_provider_is_asked_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    environment = provider(tmp_path / "log") | {"INSTANT_LSP_AUDIT_PATHS": "plain"}
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("neovim", tmp_path, url=endpoint.url, environment=environment) as editor,
    ):
        await editor.status("ready")
        await explained(editor, editor.open(f"{CANARY} = 1\n", name="src/told.py"))
    rows = [row for row in check_trail(trail_of(tmp_path), capsys) if row["feature"] == "explain"]
    assert [(row["tier"], row["model"], row["outcome"]) for row in rows] == [
        ("provider", "handbook", "answered"),
        ("instant", endpoint.model, "answered"),
    ]
    assert (rows[0]["endpoint"], rows[0]["path"], rows[0]["prompt_chars"]) == ("process", "src/told.py", len(CANARY))
    assert rows[0]["answer_chars"] > 0
    assert CANARY in (tmp_path / "log").read_text(encoding="utf-8")
    assert CANARY.encode() not in b"".join(path.read_bytes() for path in trail_of(tmp_path).iterdir())


async def test_what_the_guard_refuses_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with open_editor("vscode", tmp_path, url="http://8.8.8.8/v1") as editor:
        await editor.status("down")
        await editor.logged("8.8.8.8")
        assert await editor.open("x =").ghost() is None
    folder = trail_of(tmp_path)
    check_trail(folder, capsys)
    (node,) = verify.nodes(folder)
    refused = [line.fields for line in verify.lines(folder, node) if line.fields["kind"] == "refused"]
    assert {(one["feature"], one["reason"]) for one in refused} == {("probe", "egress")}


async def test_without_a_required_trail_nothing_leaves_until_there_is_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    in_the_way = tmp_path / "trail"
    in_the_way.write_text("no folder", encoding="utf-8")
    environment = {"INSTANT_LSP_AUDIT_REQUIRED": "true", "INSTANT_LSP_AUDIT_FOLDER": str(in_the_way)}
    environment |= provider(tmp_path / "log")
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("vscode", tmp_path, url=endpoint.url, environment=environment) as editor,
    ):
        status = await editor.status("down")
        assert "Nothing is sent, since the audit trail is required." in status["message"]
        await editor.logged("the audit trail is required")
        assert await editor.open("x =").ghost() is None
        told = editor.open("ledger_entry = 1\n")
        await explained(editor, told)
        assert endpoint.requests == []
        assert not (tmp_path / "log").exists()
        await asyncio.to_thread(in_the_way.unlink)
        await editor.status("ready")
        assert await editor.open("y =").ghost() == " a + b"
        await explained(editor, told)
        assert "ledger_entry" in (tmp_path / "log").read_text(encoding="utf-8")
        editor.check_nothing_overlooked()
    rows = [(row["feature"], row["tier"], row["outcome"]) for row in check_trail(in_the_way, capsys)]
    assert rows[0] == ("completion", "instant", "answered")
    assert {("explain", "provider", "answered"), ("explain", "instant", "answered")} <= set(rows)


async def test_a_trail_that_is_not_required_warns(tmp_path: Path) -> None:
    in_the_way = tmp_path / "trail"
    in_the_way.write_text("no folder", encoding="utf-8")
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor(
            "neovim", tmp_path, url=endpoint.url, environment={"INSTANT_LSP_AUDIT_FOLDER": str(in_the_way)}
        ) as editor,
    ):
        while "The audit trail does not work" not in (await editor.status("ready"))["message"]:
            pass
        assert await editor.open("x =").ghost() == " a + b"


async def test_a_trail_that_is_not_wanted_is_not_kept(tmp_path: Path) -> None:
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("vscode", tmp_path, url=endpoint.url, environment={"INSTANT_LSP_AUDIT_ENABLED": "false"}) as editor,
    ):
        await editor.status("ready")
        assert await editor.open("x =").ghost() == " a + b"
    assert not trail_of(tmp_path).exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such record of accounts")
def test_who_runs_the_server_is_the_systems_word(monkeypatch: pytest.MonkeyPatch) -> None:
    before = user()
    for name in ("USER", "LOGNAME", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "somebody-else")
    assert user() == before != "somebody-else"
