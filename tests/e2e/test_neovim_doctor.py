"""The doctor in Neovim 0.11.4 and 0.12, on the real server: its page, and what `:checkhealth` makes of it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from neovim_driver import RELEASES, Neovim, Release, install, wait_until
from scripted_endpoint import Reply, ScriptedEndpoint, in_thread

from lsp_server import __version__

pytestmark = pytest.mark.neovim

SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]


@pytest.fixture
def instant() -> Iterator[ScriptedEndpoint]:
    with in_thread(ScriptedEndpoint(model="quick")) as endpoint:
        endpoint.reply = Reply(("total", " = ", "0", "\n"))
        yield endpoint


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def nvim(request: pytest.FixtureRequest, tmp_path: Path, instant: ScriptedEndpoint) -> Iterator[Neovim]:
    release: Release = request.param
    settings = {"endpoint": {"instant": {"url": instant.url}}, "context": {"enabled": False}}
    nvim = Neovim(install(release), tmp_path / "home", {"cmd": SERVER, "settings": settings})
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    nvim.open(path)
    yield nvim
    nvim.close()


def test_the_doctor_shows_a_page(nvim: Neovim) -> None:
    nvim.command("Instant doctor")
    wait_until(lambda: nvim.lines[0] == "# Instant: Doctor", "the page")
    page = "\n".join(nvim.lines)
    assert "quick is asked (llama.cpp" in page
    assert f"**Neovim**: Version {__version__}; the server's is {__version__}." in page


def test_checkhealth_says_what_the_doctor_has_found(nvim: Neovim, instant: ScriptedEndpoint) -> None:
    instant.is_healthy = False
    health = nvim.checkhealth()
    assert "instant-lsp: instant" in health
    assert "ERROR health: /health answers 503." in health
    assert "Wait until the model is loaded" in health
