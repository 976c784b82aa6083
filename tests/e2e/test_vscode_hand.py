"""The real VS Code through a day's work: accepting in parts, quiet, switches, an endpoint that is scripted and dies."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from vscode import Worked, install, package_extension, run_working_session

pytestmark = pytest.mark.vscode

CRLF = "# 合計 🎉\r\nRATE = 2\r\n"
BODY = "subtotal = sum(prices)\n    # 税込 🎉\n    return subtotal * RATE"
NOTEBOOK = {
    "cells": [{"cell_type": "code", "execution_count": None, "metadata": {}, "outputs": [], "source": ["drawn ="]}],
    "metadata": {"language_info": {"name": "python"}},
    "nbformat": 4,
    "nbformat_minor": 5,
}
ANSWERS = {
    "drawn =": " plot(rows)",
    "def later(prices):": f" {BODY}\n",
    "loud =": " speaker",
    "silent =": " never",
    "nowhere =": " never",
    "found =": " again",
    "lost =": " never",
    "awake =": " coffee",
    "asleep =": " never",
    "patient =": " late",
    "def total(prices):": f" {BODY}",
    "delta = al": "titude",
    "delta = a": "ltitude",
    "delta =": " altitude",
    "gamma = alpha": " * 2",
    "gamma = al": "pha * 2",
    "gamma = a": "lpha * 2",
    "gamma =": " alpha * 2",
    "result =": " alpha + beta",
}
"""What is typed last goes first: a prompt holds what was typed before it too."""


def check_session(folder: Path) -> Worked:
    """A day's work in a.py, b.py (CRLF) and a notebook."""
    home = folder / "home"
    home.mkdir()
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    tools = install()
    return run_working_session(
        tools,
        package_extension(tools),
        folder,
        texts={"a.py": "alpha = beta = 1\n", "b.py": CRLF, "c.ipynb": json.dumps(NOTEBOOK), "d.py": CRLF},
        script={
            "model": "quick",
            "answers": ANSWERS,
            "slow": {"patient =": 8_000},
            "in_turn": {"def later(prices):": 3_000},
        },
        places={
            "crlf": "b.py",
            "notebook": "c.ipynb",
            "in_turn": "d.py",
            "ghost_lines": BODY,
            "first_line": "subtotal = sum(prices)",
            "last_line": "return subtotal * RATE",
        },
        environ={"PATH": path, "HOME": str(home), "LANG": "C.UTF-8"},
    )


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Worked:
    return check_session(tmp_path_factory.mktemp("vscode"))


def test_the_first_start_opens_the_walkthrough_behind_what_is_worked_on(worked: Worked) -> None:
    assert worked.front == "a.py"
    assert worked.walkthrough[0] == "Name your endpoint"


def test_a_word_is_taken_and_the_rest_stays(worked: Worked) -> None:
    assert worked.after_word == "result = alpha"


def test_what_was_typed_through_and_taken_is_undone_in_one_step(worked: Worked) -> None:
    assert worked.after_tab == "result = alpha + beta"
    assert worked.after_undo == "result = alpha +"


def test_a_list_of_words_keeps_tab_and_ghost_text_goes_on_where_its_word_ends(worked: Worked) -> None:
    assert worked.listed == ["alpha"]
    assert worked.after_list == "gamma = alpha"
    assert worked.after_both == "gamma = alpha * 2"


def test_ghost_text_is_there_again_once_the_list_is_dismissed(worked: Worked) -> None:
    assert worked.after_escape == "delta = altitude"


def test_a_line_is_taken(worked: Worked) -> None:
    assert worked.after_line == "subtotal = sum(prices)"
    saved = (worked.folder / "b.py").read_bytes().decode()
    assert saved == f"{CRLF}\r\ndef total(prices):\r\n    subtotal = sum(prices)\r\n"


def test_a_file_with_crlf_keeps_it_and_its_characters(worked: Worked) -> None:
    body = BODY.replace("\n", "\r\n")
    assert worked.saved_lines == f"{CRLF}\r\ndef total(prices):\r\n    {body}"


def test_what_follows_first_lines_is_shown_without_a_key(worked: Worked) -> None:
    body = BODY.replace("\n", "\r\n")
    assert worked.saved_turns == f"{CRLF}\r\ndef later(prices):\r\n    {body}"


def test_an_endpoint_at_work_and_a_slow_one_are_seen(worked: Worked) -> None:
    assert worked.working.startswith("Instant: working. ")
    assert worked.slow.startswith("Instant: slow. The endpoint is taking seconds to complete. ")


def test_nothing_is_asked_while_completions_snooze(worked: Worked) -> None:
    assert worked.snoozed.startswith("Instant: snoozed until ")
    assert "awake =" in worked.given
    assert "asleep =" not in worked.given


def test_a_dead_endpoint_is_said_with_its_reason_and_is_found_again(worked: Worked) -> None:
    assert worked.down.startswith("Instant: down. ")
    assert "127.0.0.1" in worked.down
    assert "found =" in worked.given


def test_what_is_sent_can_be_looked_at(worked: Worked) -> None:
    assert "a.py" in worked.sent


def test_completions_are_off_in_a_folder(worked: Worked) -> None:
    assert worked.off_here == "Instant: off here. You have turned completions off in this folder."
    assert "nowhere =" not in worked.given


def test_completions_are_off_for_a_language_by_the_users_settings(worked: Worked) -> None:
    assert worked.off_language == "Instant: off for python. The settings turn completions off for python."
    assert worked.settings["instant.completion.disabled_languages"] == ["python"]
    assert "silent =" not in worked.given


def test_changed_settings_hold_at_once(worked: Worked) -> None:
    assert "loud =" in worked.given
    assert (worked.folder / "a.py").read_text(encoding="utf-8").endswith("loud = speaker")


def test_a_cell_of_a_notebook_is_completed(worked: Worked) -> None:
    notebook = json.loads((worked.folder / "c.ipynb").read_text(encoding="utf-8"))
    assert "".join(notebook["cells"][0]["source"]) == "drawn = plot(rows)"


def test_nothing_ever_pops_up(worked: Worked) -> None:
    assert not worked.notifications
