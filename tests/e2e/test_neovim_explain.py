"""Explanations in Neovim 0.11.4 and 0.12, on the real server: the window, the tier, cancelling, hover and actions."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from neovim_driver import RELEASES, Neovim, Release, install, wait_until
from scripted_endpoint import Reply, ScriptedEndpoint, in_thread

pytestmark = pytest.mark.neovim

SERVER = [sys.executable, "-P", "-m", "lsp_server", "serve"]
SAID = Reply(("It adds ", "two numbers."))


@pytest.fixture
def instant() -> Iterator[ScriptedEndpoint]:
    with in_thread(ScriptedEndpoint(model="quick")) as endpoint:
        endpoint.reply = SAID
        yield endpoint


@pytest.fixture
def thinking() -> Iterator[ScriptedEndpoint]:
    with in_thread(ScriptedEndpoint("vllm", model="deep")) as endpoint:
        endpoint.reply = Reply(("<think>Hm.</think>", "Deep words."))
        yield endpoint


@pytest.fixture(params=RELEASES, ids=lambda release: release.name)
def nvim(
    request: pytest.FixtureRequest, tmp_path: Path, instant: ScriptedEndpoint, thinking: ScriptedEndpoint
) -> Iterator[Neovim]:
    """An editor with both tiers and a file with one function, the cursor in its body."""
    release: Release = request.param
    settings = {
        "endpoint": {"instant": {"url": instant.url}, "thinking": {"url": thinking.url}},
        "context": {"enabled": False},
    }
    nvim = Neovim(install(release), tmp_path / "home", {"cmd": SERVER, "settings": settings})
    path = tmp_path / "a.py"
    path.write_text("def add(a, b):\n    return a + b\n\n\ntotal = add(1, 2)\n")
    nvim.open(path)
    wait_until(lambda: statusline(nvim) == "instant: ready", "the endpoint is ready")
    nvim.keys("j")
    yield nvim
    nvim.close()


def check_window(nvim: Neovim, show: Callable[[], object], title: str, *shown: str) -> None:
    """A window opens that has all this in it, and the tier's model last."""
    show()
    wait_until(lambda: all(holds(nvim, part) for part in (*shown, "Explanation")), f"{shown} in {nvim.screen()}")
    lines = [line for line in nvim.lines if line]
    assert lines[0] == f"### {title}"
    assert lines[-1] == f"*{shown[-1]}*"


def holds(nvim: Neovim, part: str) -> bool:
    return any(part in row for row in nvim.screen())


def statusline(nvim: Neovim) -> str:
    return str(nvim.lua("return require('instant.status').statusline()"))


def test_the_function_is_explained_in_a_window(nvim: Neovim) -> None:
    check_window(nvim, lambda: nvim.command("Instant explain"), "`add`", "It adds two numbers.", "quick (instant)")
    nvim.keys("q")
    wait_until(lambda: nvim.lines[0] == "def add(a, b):", "the window is closed")


@pytest.mark.parametrize("command", ["5Instant! explain", "5InstantExplain!"])
def test_lines_are_explained_by_the_thinking_model_for_once(
    nvim: Neovim, instant: ScriptedEndpoint, command: str
) -> None:
    check_window(nvim, lambda: nvim.command(command), "the selection", "Deep words.", "deep (thinking)")
    assert instant.of("/v1/chat/completions") == []
    nvim.keys("q")
    assert statusline(nvim) == "instant: ready"


@pytest.mark.parametrize("command", ["Instant thinking", "InstantThinking"])
def test_thinking_is_toggled_and_seen_in_the_statusline(nvim: Neovim, command: str) -> None:
    nvim.command(command)
    wait_until(lambda: statusline(nvim) == "instant: ready (thinking)", "the statusline")
    wait_until(lambda: "The thinking model answers from now on." in nvim.messages, "it is said")
    check_window(nvim, lambda: nvim.command("Instant explain"), "`add`", "Deep words.", "deep (thinking)")
    nvim.keys("q")
    nvim.command("Instant thinking")
    wait_until(lambda: statusline(nvim) == "instant: ready", "the statusline")


def test_closing_the_window_stops_the_model(nvim: Neovim, instant: ScriptedEndpoint) -> None:
    instant.reply = Reply(("It adds",), fault="hang in the middle")
    nvim.command("Instant explain")
    wait_until(lambda: holds(nvim, "It adds"), "it has begun")
    wait_until(lambda: holds(nvim, "the model writes"), "progress in the title")
    nvim.keys("q")
    wait_until(lambda: instant.n_left == 1, "the model is left alone")
    assert nvim.messages == ""


def test_a_slow_start_is_seen_and_can_be_cancelled(nvim: Neovim, thinking: ScriptedEndpoint) -> None:
    thinking.reply = Reply(fault="hang")
    nvim.command("Instant! explain")
    wait_until(lambda: thinking.of("/v1/chat/completions"), "the model is asked")
    wait_until(lambda: holds(nvim, "waiting for the thinking model ("), "its seconds in the title")
    nvim.keys("q")
    wait_until(lambda: thinking.n_left == 1, "the model is left alone")
    assert nvim.messages == ""


def test_thinking_that_is_down_is_told_with_the_instant_answer(nvim: Neovim, thinking: ScriptedEndpoint) -> None:
    thinking.reply = Reply(status=503)
    nvim.command("Instant thinking")
    wait_until(lambda: statusline(nvim) == "instant: ready (thinking)", "the statusline")
    nvim.command("Instant explain")
    wait_until(lambda: holds(nvim, "quick (instant)"), "the answer")
    assert any("The thinking model did not answer, so the instant one does." in line for line in nvim.lines)


def test_a_place_is_opened_from_the_window(nvim: Neovim) -> None:
    nvim.keys("5G")
    check_window(
        nvim, lambda: nvim.command("2Instant explain"), "the selection", "It adds two numbers.", "quick (instant)"
    )
    nvim.keys("/a.py<CR><CR>")
    wait_until(lambda: nvim.lines[0] == "def add(a, b):", "the file")
    assert nvim.cursor == (2, 0)


def test_a_diagnostic_is_explained_by_its_code_action(nvim: Neovim, instant: ScriptedEndpoint) -> None:
    nvim.lua(
        "vim.diagnostic.set(vim.api.nvim_create_namespace('ruff'), 0,"
        " {{ lnum = 1, col = 4, message = 'no sum', source = 'ruff', user_data ="
        " { lsp = { message = 'no sum', source = 'ruff', code = 'X1',"
        "   range = { start = { line = 1, character = 4 }, ['end'] = { line = 1, character = 10 } } } } }})"
        " vim.ui.select = function(items, options, choose) choose(items[1]) end"
    )
    act = "vim.lsp.buf.code_action({ filter = function(a) return vim.startswith(a.title, 'Explain') end })"
    check_window(nvim, lambda: nvim.lua(act), "`add`", "It adds two numbers.", "quick (instant)")


def test_hover_shows_the_definition_and_then_the_explanation(nvim: Neovim) -> None:
    nvim.lua("vim.api.nvim_win_set_cursor(0, { 5, 9 })")
    nvim.keys("K")
    wait_until(lambda: holds(nvim, "a.py:1"), "the place of the definition")
    nvim.keys("hl")
    for _ in range(20):
        nvim.keys("K")
        if wait_for(nvim, "quick (instant)"):
            break
        nvim.keys("hl")
    assert holds(nvim, "It adds two numbers.")


def wait_for(nvim: Neovim, part: str) -> bool:
    try:
        return wait_until(lambda: holds(nvim, part), part, 1.0)
    except AssertionError:
        return False
