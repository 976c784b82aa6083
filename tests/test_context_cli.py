"""`instant-lsp context` as somebody calls it: a process of its own, a folder of its own, a scripted endpoint."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import ScriptedEndpoint, in_thread
from wire import own_environment

KEY = "AKIA" + "Q3EGRJ5OXP7LTZ4M"
SHOP = "class Basket:\n    def total_in_euros(self, discount: float) -> float:\n        return 1.0\n"
USES = f'from shop import Basket\n\nKEY = "{KEY}"\n\ndef pay(basket: Basket) -> float:\n    return basket.\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "shop.py").write_text(SHOP)
    (tmp_path / "pay.py").write_text(USES)
    (tmp_path / ".env").write_text("TOKEN=1\n")
    return tmp_path


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with in_thread(ScriptedEndpoint()) as endpoint:
        yield endpoint


def check_context(folder: Path, place: str, *options: str, url: str = "") -> subprocess.CompletedProcess[str]:
    """What the command does at a place of the folder."""
    variables = {"INSTANT_LSP_ENDPOINT_INSTANT_URL": url} if url else {}
    environment = own_environment(folder.parent, INSTANT_LSP_CONTEXT_ENABLED="true", COLUMNS="160", **variables)
    command = [sys.executable, "-P", "-m", "lsp_server", "context", place, *options]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def test_the_prompt_and_its_parts(folder: Path, endpoint: ScriptedEndpoint) -> None:
    ran = check_context(folder, "pay.py:6:19", "--json", url=endpoint.url)
    assert (ran.returncode, ran.stderr) == (0, "")
    shown: dict[str, Any] = json.loads(ran.stdout)
    assert "<|file_sep|>shop.py\nclass Basket:" in shown["prompt"]
    assert "    return basket.<|fim_suffix|>" in shown["prompt"]
    assert KEY not in ran.stdout
    by_kind = {part["kind"]: part for part in shown["parts"]}
    assert by_kind["snippet"]["path"] == "shop.py"
    assert (by_kind["prefix"]["first_line"], by_kind["prefix"]["last_line"]) == (1, 6)
    assert shown["n_tokens"] == sum(part["n_tokens"] for part in shown["parts"]) <= shown["budget_tokens"]
    assert endpoint.requests == [], "nothing is completed"


def test_the_table_says_why(folder: Path, endpoint: ScriptedEndpoint) -> None:
    ran = check_context(folder, str(folder / "pay.py") + ":6:19", url=endpoint.url)
    assert ran.returncode == 0
    assert "shop.py:" in ran.stdout
    assert "the text before the cursor" in ran.stdout
    assert "scripted at" in ran.stdout


@pytest.mark.parametrize(
    ("place", "code", "says"),
    [
        (".env:1:1", 1, "Nothing of .env is sent"),
        ("pay.py", 2, "is not FILE:LINE:COL"),
        ("gone.py:1:1", 2, "cannot be read"),
        ("pay.py:99:1", 2, "lines"),
    ],
)
def test_places_that_have_no_prompt(folder: Path, place: str, code: int, says: str) -> None:
    ran = check_context(folder, place)
    assert ran.returncode == code
    assert says in ran.stderr


def test_without_an_endpoint_the_parts_are_shown_all_the_same(folder: Path) -> None:
    ran = check_context(folder, "pay.py:6:19")
    assert ran.returncode == 1
    assert "No endpoint is set" in ran.stdout
    assert "shop.py:" in ran.stdout
