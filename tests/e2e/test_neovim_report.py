"""The report in Neovim 0.11.4 and 0.12: the page that the real server writes is what the browser is given."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from neovim_driver import RELEASES, Neovim, install, wait_until
from scripted_endpoint import ScriptedEndpoint, in_thread

pytestmark = pytest.mark.neovim

SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]
NO_BROWSER = "vim.ui.open = function(path) vim.g.opened = path return {}, nil end"


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def nvim(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Neovim]:
    with in_thread(ScriptedEndpoint()) as endpoint:
        settings = {"endpoint": {"instant": {"url": endpoint.url}}, "context": {"enabled": False}}
        setup = {"cmd": SERVER, "settings": settings}
        nvim = Neovim(install(request.param), tmp_path / "home", setup, config=NO_BROWSER)
        path = tmp_path / "a.py"
        path.write_text("def add(left, right):\n    return left + right\n")
        nvim.open(path)
        yield nvim
        nvim.close()


def test_the_report_is_opened_in_the_browser(nvim: Neovim) -> None:
    """What is measured by then is in it: the document was read ahead by the endpoint."""
    ready = "return require('instant.status').statusline() == 'instant: ready'"
    wait_until(lambda: nvim.lua(ready), "the endpoint is ready")

    def opened() -> str | None:
        nvim.command("Instant report 7")
        return nvim.lua("return vim.wait(1000, function() return vim.g.opened ~= nil end) and vim.g.opened or nil")

    page = Path(wait_until(opened, "something was measured")).read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "scripted" in page
    assert "return left" not in page
