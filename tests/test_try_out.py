"""`instant-lsp try`: one place of a file, completed and explained in the terminal by the real server."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from scripted_endpoint import Reply, Request, ScriptedEndpoint, in_thread
from wire import own_environment

from lsp_server.__main__ import main
from lsp_server.endpoint.address import Address

ADD = "import math\n\n\ndef add(a, b):\n    return\n\n\nprint(add(1, 2))\n"


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    def answer(request: Request) -> Reply:
        return Reply(("It adds [two] :one: numbers.",)) if "messages" in request.body else Reply((" a + b",))

    scripted = ScriptedEndpoint()
    scripted.answering = answer
    with in_thread(scripted):
        yield scripted


def check_try(folder: Path, *arguments: str, code: int = 0, **variables: str) -> str:
    """What the command prints, as one line; it has to end with `code` and to write nothing else."""
    ran = subprocess.run(
        [sys.executable, "-P", "-m", "lsp_server", "try", *arguments],
        env=own_environment(folder, COLUMNS="120", **variables),
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (code, ""), ran.stdout + ran.stderr
    return " ".join(ran.stdout.split())


def test_a_place_is_completed_and_explained(tmp_path: Path, endpoint: ScriptedEndpoint) -> None:
    (tmp_path / "add.py").write_text(ADD, encoding="utf-8")
    shown = check_try(tmp_path, "add.py:5:11", INSTANT_LSP_ENDPOINT_INSTANT_URL=endpoint.url)
    assert "return a + b" in shown
    assert "It adds [two] :one: numbers." in shown
    assert "own share before the request" in shown
    assert "endpoint, to the first token" in shown


def test_a_file_of_another_kind_is_counted_as_editors_do(tmp_path: Path, endpoint: ScriptedEndpoint) -> None:
    (tmp_path / "[red].py").write_bytes("# 数学 😀\x0c\r\nx = '😀'; y = forgotten\r\nz = 2\r\n".encode())
    shown = check_try(tmp_path, "--cut", "[red].py:2:13", INSTANT_LSP_ENDPOINT_INSTANT_URL=endpoint.url)
    assert "[red].py, ghost text marked" in shown
    assert "y = a + b" in shown
    prompt = endpoint.of("/v1/completions")[0].body["prompt"]
    assert "; y =<|fim_suffix|>\nz = 2" in prompt


def test_a_line_of_this_project_is_tried_when_none_is_named(tmp_path: Path, endpoint: ScriptedEndpoint) -> None:
    rest = " sum(invoice.amount for invoice in invoices)"
    endpoint.answering = lambda request: Reply((rest,))
    shown = check_try(tmp_path, INSTANT_LSP_ENDPOINT_INSTANT_URL=endpoint.url)
    assert f"return{rest}" in shown


def test_nothing_to_add_is_said(tmp_path: Path, endpoint: ScriptedEndpoint) -> None:
    endpoint.answering = lambda request: Reply(())
    (tmp_path / "add.py").write_text(ADD, encoding="utf-8")
    shown = check_try(tmp_path, "add.py:5:11", code=1, INSTANT_LSP_ENDPOINT_INSTANT_URL=endpoint.url)
    assert "The model had nothing to add here." in shown


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("add.py", "add.py is not FILE:LINE:COL"),
        ("add.py:5", "add.py:5 is not FILE:LINE:COL"),
        ("add.py:five:1", "add.py:five:1 is not FILE:LINE:COL"),
        ("add.py:900:1", "add.py has 9 lines"),
        ("add.py:0:1", "add.py has 9 lines"),
        ("missing.py:1:1", "missing.py cannot be read"),
        ("binary.py:1:1", "binary.py cannot be read"),
        (".:1:1", ". cannot be read"),
    ],
)
def test_a_wrong_place_is_said_plainly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], place: str, message: str
) -> None:
    (tmp_path / "add.py").write_text(ADD, encoding="utf-8")
    (tmp_path / "binary.py").write_bytes(b"\xff\xfe")
    monkeypatch.chdir(tmp_path)
    assert main(["try", place]) == 1
    assert message in capsys.readouterr().out


def test_what_is_missing_is_said_plainly(tmp_path: Path) -> None:
    (tmp_path / "add.py").write_text(ADD, encoding="utf-8")
    assert "set endpoint.instant.url" in check_try(tmp_path, "add.py:5:11", code=1)


@pytest.mark.engine
def test_the_real_model_completes(tmp_path: Path, engine: Address) -> None:
    (tmp_path / "add.py").write_text("def add(a, b):\n    return\n", encoding="utf-8")
    tier = {"URL": engine.url, "TOKEN_ENV": "KEY", "FIRST_TOKEN_MS": "60000", "TOTAL_MS": "90000"}
    variables = {f"INSTANT_LSP_ENDPOINT_INSTANT_{name}": value for name, value in tier.items()}
    assert "return a + b" in check_try(tmp_path, "add.py:2:11", KEY=engine.token or "", **variables)
