"""Neovim: what a real checker marks is fixed by a code action, and the mark is gone."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from neovim_driver import RELEASES, Neovim, install, wait_until
from scripted_endpoint import Reply, ScriptedEndpoint, in_thread

pytestmark = pytest.mark.neovim

SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]
RUFF = shutil.which("ruff", path=str(Path(sys.executable).parent)) or "ruff"
CHECKER = f"""
vim.lsp.config('ruff', {{ cmd = {{ {json.dumps(RUFF)}, 'server', '--isolated' }}, filetypes = {{ 'python' }} }})
vim.lsp.enable('ruff')
"""
WRONG = """\
def total(prices, discount):
    # A discount is a share. 割引 🎉
    print("割引"); return sum(prices) * (1 - discont)


def other():
    return 1
"""
RIGHT = WRONG.replace("discont)", "discount)")
ANSWER = "\n".join(RIGHT.split("\n")[:3])
ACT = """
local title = ...
vim.lsp.buf.code_action({
  apply = true,
  filter = function(action) return vim.startswith(action.title, title) end,
})
"""


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with in_thread(ScriptedEndpoint()) as endpoint:
        endpoint.reply = Reply((f"```python\n{ANSWER}\n```\n",))
        yield endpoint


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def nvim(request: pytest.FixtureRequest, endpoint: ScriptedEndpoint, tmp_path: Path) -> Iterator[Neovim]:
    settings = {"endpoint": {"instant": {"url": endpoint.url}}, "completion": {"enabled": False}}
    nvim = Neovim(install(request.param), tmp_path / "home", {"cmd": SERVER, "settings": settings}, config=CHECKER)
    yield nvim
    nvim.close()


def check_marked(nvim: Neovim, path: Path, text: str, newline: str = "\n") -> None:
    """The checker marks the unknown name; the cursor stands in its line."""
    path.write_text(text, encoding="utf-8", newline=newline)
    nvim.open(path)
    wait_until(lambda: marks(nvim) == ["F821"], f"a mark, not {marks(nvim)}")
    nvim.keys("jj")
    wait_until(lambda: nvim.cursor[0] == 3, "the cursor is there")


def marks(nvim: Neovim) -> list[str]:
    codes: list[str] = nvim.lua("return vim.tbl_map(function(d) return d.code or d.message end, vim.diagnostic.get(0))")
    return codes


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_what_a_checker_marks_is_fixed_and_the_mark_is_gone(nvim: Neovim, tmp_path: Path, newline: str) -> None:
    path = tmp_path / "total.py"
    check_marked(nvim, path, WRONG, newline)
    nvim.lua(ACT, "Fix with instant model: Undefined name")
    wait_until(lambda: nvim.lines == RIGHT.rstrip("\n").split("\n"), "the name is corrected")
    wait_until(lambda: marks(nvim) == [], "the mark is gone")
    wait_until(lambda: "Fix by scripted (instant tier)" in nvim.messages, "who made it")
    nvim.keys(":write<CR>")
    wait_until(lambda: path.read_bytes() == RIGHT.replace("\n", newline).encode(), "the file on the disk")


def test_a_fix_that_is_refused_is_said_once_and_changes_nothing(
    nvim: Neovim, endpoint: ScriptedEndpoint, tmp_path: Path
) -> None:
    endpoint.reply = Reply(("```python\nnothing of use\n```",))
    check_marked(nvim, tmp_path / "total.py", WRONG)
    nvim.lua(ACT, "Fix with instant model")
    wait_until(lambda: "refused twice" in nvim.messages, "the reason")
    assert nvim.messages.count("refused twice") == 1
    assert nvim.lines == WRONG.rstrip("\n").split("\n")


def test_the_command_takes_the_one_fix_of_the_line(nvim: Neovim, tmp_path: Path) -> None:
    """Ruff offers actions of its own there, which are left alone."""
    path = tmp_path / "total.py"
    check_marked(nvim, path, WRONG)
    nvim.command("Instant fix")
    wait_until(lambda: nvim.lines == RIGHT.rstrip("\n").split("\n"), "the name is corrected")
    wait_until(lambda: "Fix by scripted (instant tier)" in nvim.messages, "who made it")
