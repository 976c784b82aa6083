"""The real VS Code with the packaged extension, the real server and the real model, by keys alone."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from vscode import Seen, install, package_extension, run_session

from lsp_server.endpoint.models import ModelFile

pytestmark = [pytest.mark.vscode, pytest.mark.engine]

UNFINISHED = "def add(a, b):\n    return\n"


def check_session(folder: Path, environ: Mapping[str, str]) -> Seen:
    """Opens UNFINISHED, types a space behind `return`, accepts the ghost text by Tab, saves."""
    tools = install()
    keys = ["Control+End", "ArrowUp", "End"]
    return run_session(tools, package_extension(tools), folder, text=UNFINISHED, keys=keys, typed=" ", environ=environ)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory, engine_model: ModelFile) -> Seen:
    folder = tmp_path_factory.mktemp("vscode")
    return check_session(folder, _environ(folder / "home", engine_model))


def _environ(home: Path, model: ModelFile) -> dict[str, str]:
    """A user who has the server on the PATH, a fetched model, and no settings."""
    cache = home / ".cache" / "instant-lsp"
    cache.parent.mkdir(parents=True)
    cache.symlink_to(model.path.parents[1])
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    return {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8"}


def test_a_missing_server_is_said_in_the_status_bar_with_what_to_do(seen: Seen) -> None:
    assert seen.missing.startswith("Instant: down. The setting instant.server.path names ")


def test_the_server_is_found_on_the_path_once_the_setting_is_gone(seen: Seen) -> None:
    assert seen.ready.startswith("Instant: ready. ")


def test_tab_puts_the_ghost_text_into_the_file(seen: Seen) -> None:
    assert seen.ghost
    assert seen.saved == UNFINISHED.replace("return", f"return {seen.ghost}")


def test_the_models_completion_is_right(seen: Seen) -> None:
    names: dict[str, object] = {}
    exec(seen.saved, names)
    add = names["add"]
    assert callable(add)
    assert add(2, 3) == 5


def test_the_function_is_explained_in_a_view_with_progress_that_can_be_cancelled(seen: Seen) -> None:
    title, place, text, *_ = [line for line in seen.explanation.splitlines() if line.strip()]
    assert title == "add"
    assert place == "a.py:1"
    assert text
    assert "Cancel" in seen.progress


def test_the_status_bar_item_opens_a_menu(seen: Seen) -> None:
    assert seen.menu == [
        "Snooze for 5 Minutes",
        "Snooze for 15 Minutes",
        "Snooze for 60 Minutes",
        "Turn Off for python",
        "Turn Off in This Folder",
        "Turn Thinking On",
        "Show What Is Sent",
        "Show Report",
        "Doctor",
        "Restart Server",
        "Show Log",
        "Open Settings",
    ]


def test_a_server_that_crashed_is_started_again(seen: Seen) -> None:
    assert seen.crashed == "Instant: starting. The server stopped and is being restarted."


def test_nothing_ever_pops_up(seen: Seen) -> None:
    assert not seen.notifications
