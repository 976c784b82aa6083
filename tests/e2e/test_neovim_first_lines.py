"""A completion that is shown in part until the rest is there, in Neovim 0.11.4 and 0.12, from a scripted endpoint."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from neovim_driver import RELEASES, Neovim, install, wait_until
from scripted_endpoint import Reply, ScriptedEndpoint, in_thread

pytestmark = pytest.mark.neovim

SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]


@pytest.fixture
def endpoint() -> Iterator[ScriptedEndpoint]:
    with in_thread(ScriptedEndpoint()) as endpoint:
        yield endpoint


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def nvim(request: pytest.FixtureRequest, tmp_path: Path, endpoint: ScriptedEndpoint) -> Iterator[Neovim]:
    settings = {"endpoint": {"instant": {"url": endpoint.url}}, "context": {"enabled": False}}
    nvim = Neovim(install(request.param), tmp_path / "home", {"cmd": SERVER, "settings": settings})
    yield nvim
    nvim.close()


def test_the_rest_is_shown_without_a_key(nvim: Neovim, endpoint: ScriptedEndpoint, tmp_path: Path) -> None:
    more = asyncio.Event()
    endpoint.reply = Reply((" total = 0  # 合計 🎉\n    for n", " in items:\n        total += n\n"), more=more)
    path = tmp_path / "a.py"
    path.write_text("def add(items):\n    x\n", encoding="utf-8")
    nvim.open(path)
    ready = "return require('instant.status').statusline() == 'instant: ready'"
    wait_until(lambda: nvim.lua(ready), "the endpoint is ready")
    nvim.lua("vim.api.nvim_win_set_cursor(0, { 2, 4 })")
    nvim.keys("s")
    first = ["def add(items):", "    total = 0  # 合計 🎉"]
    nvim.wait_for_screen(first, "the first line is shown")
    endpoint.soon(more.set)
    nvim.wait_for_screen([*first, "    for n in items:", "        total += n"], "the rest is shown, too")
    asked = [request for request in endpoint.of("/v1/completions") if request.body["max_tokens"] > 1]
    assert len(asked) == 1
