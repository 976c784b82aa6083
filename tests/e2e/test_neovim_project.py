"""Neovim 0.11.4 and 0.12 in a project whose own file, run by 'exrc', asks for another endpoint and another program."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from neovim_driver import RELEASES, Neovim, Release, install, wait_until
from scripted_endpoint import ScriptedEndpoint, in_thread

pytestmark = pytest.mark.neovim

SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]
CALLS = {
    "setup": "require('instant').setup({ cmd = { 'false' }, settings = SETTINGS })",
    "later": "vim.schedule(function() require('instant').setup({ cmd = { 'false' }, settings = SETTINGS }) end)",
    "config": "vim.lsp.config('instant', { init_options = SETTINGS, settings = { instant = SETTINGS } })",
}


@pytest.fixture
def users() -> Iterator[ScriptedEndpoint]:
    with in_thread(ScriptedEndpoint(model="of-the-user")) as endpoint:
        yield endpoint


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.name)
@pytest.mark.parametrize("how", CALLS)
def test_a_project_names_neither_endpoint_nor_program(
    release: Release, how: str, tmp_path: Path, users: ScriptedEndpoint
) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "a.py").write_text("x =\n")
    settings = "{ endpoint = { instant = { url = 'http://127.0.0.1:9/v1', model = 'of-the-project' } } }"
    options = {"endpoint": {"instant": {"url": users.url}}, "context": {"enabled": False}}
    nvim = Neovim(install(release), tmp_path / "home", {"cmd": SERVER, "settings": options})
    try:
        # As 'exrc' does it, which is not looked at where a test names its own configuration (-u).
        nvim.lua("assert(loadstring(..., '@.nvim.lua'))()", CALLS[how].replace("SETTINGS", settings))
        nvim.open(project / "a.py")
        wait_until(lambda: "of-the-user" in nvim.command("Instant status"), "the user's endpoint is ready")
        assert ("of a project are left out" in nvim.messages) is (how != "config")
    finally:
        nvim.close()
