"""Neovim 0.11.4 and 0.12, driven by keys, on the real server and the real model."""

from __future__ import annotations

import shutil
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from neovim_driver import PLUGIN, RELEASES, Neovim, Release, install, wait_until

from lsp_server import __version__
from lsp_server.endpoint.address import Address
from lsp_server.settings_export import vimdoc

pytestmark = pytest.mark.neovim

SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]
TOKEN = "INSTANT_LSP_TEST_TOKEN"
MODEL_S = 240.0
"""Seconds in which a small model on two busy cores has answered a first prompt."""

Start = Callable[..., Neovim]


def check_completed(nvim: Neovim, path: Path, keys: str, typed: str) -> str:
    """`keys` make the cursor's row `typed`; ghost text goes on with it, and Tab makes that the buffer's; returns it."""
    nvim.open(path)
    nvim.keys(keys)
    wait_until(lambda: nvim.lines[nvim.cursor[0] - 1] == typed, f"{typed!r} is typed")
    row, before = nvim.cursor[0] - 1, nvim.lines
    wait_until(lambda: nvim.screen()[row] != typed.rstrip(), "ghost text", MODEL_S)
    shown = nvim.screen()[row]
    assert shown.startswith(typed)
    assert nvim.lines == before
    nvim.keys("<Tab>")
    wait_until(lambda: nvim.lines[row] == shown, f"{shown!r} is in the buffer")
    wait_until(lambda: _status(nvim)["counts"]["accepted"] == 1, "the server is told")
    return shown


def _status(nvim: Neovim) -> dict[str, Any]:
    status: dict[str, Any] = nvim.lua(
        "local client = vim.lsp.get_clients({ name = 'instant' })[1]"
        " return (require('instant.status').ask(client, 5000))"
    )
    return status


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def start(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Start]:
    """Starts this release with these arguments of `setup`, and ends it with the test."""
    release: Release = request.param
    started: list[Neovim] = []

    def start(settings: dict[str, Any], cmd: list[str] = SERVER) -> Neovim:
        started.append(Neovim(install(release), tmp_path / "home", {"cmd": cmd, "settings": settings}))
        return started[-1]

    yield start
    for nvim in started:
        nvim.close()


@pytest.fixture
def model_settings(engine: Address, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Settings that name the real model; its token is in the environment, where alone the server takes it from."""
    monkeypatch.setenv("INSTANT_LSP_ENDPOINT_INSTANT_TOKEN_ENV", TOKEN)
    monkeypatch.setenv(TOKEN, engine.token or "")
    slow = {"first_token_ms": 200_000, "total_ms": 240_000}
    return {"endpoint": {"instant": {"url": engine.url, "model": engine.model, **slow}}}


@pytest.mark.engine
def test_tab_puts_the_models_completion_into_the_buffer(
    start: Start, model_settings: dict[str, Any], tmp_path: Path
) -> None:
    path = tmp_path / "a.py"
    path.write_text("def add(a, b):\n    return\n")
    assert check_completed(start(model_settings), path, "jA ", "    return ") == "    return a + b"


@pytest.mark.engine
def test_cjk_before_the_cursor_and_dos_line_ends(start: Start, model_settings: dict[str, Any], tmp_path: Path) -> None:
    path = tmp_path / "合計.py"
    head = "# 二つの数の合計を返す 🎉\r\ndef 合計(左, 右):\r\n"
    path.write_bytes(f"{head}    return 左\r\n".encode())
    nvim = start(model_settings)
    check_completed(nvim, path, "jjA ", "    return 左 ")
    nvim.keys("<Esc>:write<CR>")
    wait_until(lambda: path.read_bytes() == "".join(f"{line}\r\n" for line in nvim.lines).encode(), "the file is saved")
    assert path.read_bytes().startswith(head.encode())


@pytest.mark.engine
def test_checkhealth_says_that_all_is_well(start: Start, model_settings: dict[str, Any], tmp_path: Path) -> None:
    nvim = start(model_settings)
    path = tmp_path / "a.py"
    path.write_text("x\n")
    nvim.open(path)
    wait_until(lambda: _status(nvim)["state"] == "ready", "the endpoint is ready", MODEL_S)
    health = nvim.checkhealth()
    assert f"instant-lsp {__version__} is attached to 1 buffer" in health
    assert f"The endpoint is ready: tier instant, model {model_settings['endpoint']['instant']['model']}" in health
    own, _, doctors = health.partition("instant-lsp: settings")
    assert "WARNING" not in own
    assert "ERROR" not in own
    assert "prompt tokens had been read before" in doctors


def test_an_endpoint_that_is_down_is_said_and_never_pops_up(start: Start, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
    nvim = start({"endpoint": {"instant": {"url": url}}})
    path = tmp_path / "a.py"
    path.write_text("x\n")
    nvim.open(path)
    nvim.keys("A = 1<CR>y = ")
    statusline = "return require('instant.status').statusline()"
    wait_until(lambda: nvim.lua(statusline) == "instant: down", "the statusline")
    nvim.keys("2<Esc>")
    wait_until(lambda: nvim.lines == ["x = 1", "y = 2"], "typing goes on")
    assert nvim.messages == ""
    assert f"The endpoint is down: {_status(nvim)['message']}" in nvim.checkhealth()


def test_a_wrong_setting_is_named_in_the_status(start: Start, tmp_path: Path) -> None:
    nvim = start({"completion": {"max_line": 3}, "embedded": {"enabled": False}})
    path = tmp_path / "a.py"
    path.write_text("x\n")
    nvim.open(path)
    wait_until(lambda: "completion.max_line" in nvim.command("Instant status"), "the name of the setting")
    assert "did you mean completion.max_lines?" in nvim.command("Instant status")


def test_without_the_server_typing_goes_on_and_checkhealth_says_what_to_install(start: Start, tmp_path: Path) -> None:
    nvim = start({}, ["instant-lsp-that-is-not-there", "serve"])
    path = tmp_path / "a.py"
    path.write_text("x\n")
    nvim.open_only(path)
    nvim.keys("Ay<Tab>z")
    wait_until(lambda: nvim.lines[0].endswith("z"), "typed")
    assert nvim.mode == "i"
    assert nvim.messages == ""
    nvim.keys("<Esc>")
    health = nvim.checkhealth()
    assert "instant-lsp-that-is-not-there is not found" in health
    assert "pip install instant-lsp" in health


def test_checkhealth_before_any_file_does_not_say_that_it_is_off(start: Start) -> None:
    health = start({}).checkhealth()
    assert "The server is found: " in health
    assert "No server is running" in health
    assert "not enabled" not in health


def test_the_help_file_has_every_setting_and_a_tag_for_every_function(start: Start, tmp_path: Path) -> None:
    doc = shutil.copytree(PLUGIN / "doc", tmp_path / "runtime" / "doc")
    assert vimdoc() in (doc / "instant.txt").read_text(encoding="utf-8")
    nvim = start({})
    nvim.command(f"helptags {doc}")
    nvim.command(f"set runtimepath^={doc.parent}")
    for subject in ("instant", ":Instant", "instant-completion.max_lines", "instant.setup()"):
        nvim.command(f"help {subject}")
        assert nvim.lua("return vim.fn.expand('%:t')") == "instant.txt"
    for name in nvim.lua("return vim.tbl_keys(require('instant'))"):
        if not name.startswith("_"):
            nvim.command(f"help instant.{name}()")
