"""Neovim: generated tests are in a file, are shown, and are collected by the real test tool."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from neovim_driver import RELEASES, Neovim, install, wait_until
from scripted_endpoint import Reply, ScriptedEndpoint, in_thread

pytestmark = pytest.mark.neovim

SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]
SHOP = '''\
def total(prices):
    """合計 🎉"""
    return sum(prices)
'''
EXISTING = "from shop import total\n\n\ndef test_nothing():\n    assert total([]) == 0  # 空 🎉\n"
NEW = "def test_total():\n    assert total([1, 2]) == 3  # 合計 🎉\n"
ACT = """
vim.lsp.buf.code_action({
  apply = true,
  filter = function(action) return action.title == 'Generate tests for total with instant model' end,
})
"""


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with in_thread(ScriptedEndpoint(model="quick")) as endpoint:
        endpoint.reply = Reply((f"```python\nfrom shop import total\n\n\n{NEW}```\n",))
        yield endpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository of pytest's, on whose root Neovim agrees."""
    folder = tmp_path / "repository"
    (folder / ".git").mkdir(parents=True)
    (folder / "tests").mkdir()
    (folder / "shop.py").write_text(SHOP)
    (folder / "pyproject.toml").write_text('[tool.pytest.ini_options]\npythonpath = ["."]\n')
    return folder


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def nvim(request: pytest.FixtureRequest, endpoint: ScriptedEndpoint, tmp_path: Path) -> Iterator[Neovim]:
    settings = {"endpoint": {"instant": {"url": endpoint.url}}, "completion": {"enabled": False}}
    nvim = Neovim(install(request.param), tmp_path / "home", {"cmd": SERVER, "settings": settings})
    yield nvim
    nvim.close()


def check_generated(nvim: Neovim, folder: Path, ask: Callable[[], object], text: str, names: list[str]) -> None:
    """Neovim comes to show the file of tests with this text; once it is written, the real tool runs these tests."""
    file = folder / "tests" / "test_shop.py"
    nvim.open(folder / "shop.py")
    ask()
    wait_until(lambda: nvim.lua("return vim.fs.basename(vim.api.nvim_buf_get_name(0))") == file.name, "it is shown")
    wait_until(lambda: nvim.lines == text.rstrip("\n").split("\n"), f"the tests in {nvim.lines}")
    wait_until(lambda: "Tests by quick (instant tier)." in nvim.messages, f"who made them in {nvim.messages}")
    nvim.keys(":write<CR>")
    wait_until(lambda: file.read_text() == text, "the file on the disk")
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", str(file)]
    ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    passed = [line.split("::")[1].split()[0] for line in ran.stdout.splitlines() if " PASSED" in line]
    assert passed == names


@pytest.mark.parametrize("command", ["Instant tests", "InstantTests"])
def test_a_new_file_by_the_command(nvim: Neovim, folder: Path, command: str) -> None:
    text = f"from shop import total\n\n\n{NEW}"
    check_generated(nvim, folder, lambda: nvim.command(command), text, ["test_total"])


def test_an_existing_file_by_a_code_action(nvim: Neovim, folder: Path) -> None:
    (folder / "tests" / "test_shop.py").write_text(EXISTING)
    check_generated(nvim, folder, lambda: nvim.lua(ACT), f"{EXISTING}\n\n{NEW}", ["test_nothing", "test_total"])


def test_why_there_are_no_tests_is_said(nvim: Neovim, folder: Path) -> None:
    (folder / "notes.txt").write_text("Notes.\n")
    nvim.open(folder / "notes.txt")
    nvim.command("Instant tests")
    wait_until(lambda: "No test framework is known for this language." in nvim.messages, "the reason")
