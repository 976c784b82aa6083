"""The real VS Code with a real checker: hovers, thinking, explanations and a fix, by endpoints that are scripted."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from vscode import Heard, install, package_extension, run_asking_session

pytestmark = pytest.mark.vscode

SHOP = """\
/** What is to be paid. 合計 */
export function totalPrice(prices: number[]): number {
  return prices.reduce((sum, price) => sum + price, 0);
}
"""
PAY = """\
import { totalPrice } from "./shop";

export function pay(prices: number[]): number {
  // One price for all. 🎉
  return totalPrice(pricez);
}
"""
TESTS = """\
import assert from "node:assert";
import test from "node:test";
import { totalPrice } from "../shop.ts";

test("prices are added up 合計 🎉", () => {
  assert.equal(totalPrice([1, 2]), 3);
});
"""
FIXED = PAY.replace("pricez", "prices")
RIGHT = FIXED.partition("\n\n")[2]
SPITE = "Deep words. ![x](http://127.0.0.1:9/leak.png) [run](command:workbench.action.closeWindow) <img src=x>"


def check_session(folder: Path) -> Heard:
    """Hovers over the call, has the function explained by the thinking model, the error fixed, and tests made."""
    home = folder / "home"
    home.mkdir()
    path = f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    tools = install()
    return run_asking_session(
        tools,
        package_extension(tools),
        folder,
        texts={"pay.ts": PAY, "shop.ts": SHOP},
        scripts={
            "instant": {
                "model": "quick",
                "answers": {
                    "Write the whole code above again": f"```typescript\n{RIGHT}```\n",
                    "Explain `totalPrice`": "It adds up the prices.",
                    "Write tests for the function `totalPrice`": f"```typescript\n{TESTS}```\n",
                },
            },
            # As a large model that starts slowly, so that the progress can be seen.
            "thinking": {
                "model": "deep",
                "answers": {"": f"<think>Hm.</think>{SPITE}"},
                "first_token_ms": 3_000,
            },
        },
        places={
            "hover_at": "5:12",
            "explain_at": "5:3",
            "fix_at": "5:23",
            "link": "shop.ts:2",
            "tests_at": "3:3",
            "tests_in": "shop.test.ts",
        },
        environ={"PATH": path, "HOME": str(home), "LANG": "C.UTF-8"},
    )


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> Heard:
    return check_session(tmp_path_factory.mktemp("vscode"))


def test_hovers_come_to_explain_and_cite_the_definition(heard: Heard) -> None:
    assert "It adds up" not in heard.hovers[0], "the first hover waits for no model"
    last = heard.hovers[-1]
    assert "It adds up the prices." in last
    assert "quick (instant)" in last
    assert "shop.ts:2" in last


def test_thinking_is_seen_in_the_status_bar(heard: Heard) -> None:
    assert heard.thinking == "Instant: ready (thinking)"


def test_a_slow_start_is_progress_that_can_be_cancelled(heard: Heard) -> None:
    assert "waiting for the thinking model" in heard.progress
    assert "Cancel" in heard.progress


def test_the_explanation_says_who_gave_it_and_what_it_was_read_with(heard: Heard) -> None:
    lines = [line for line in heard.explanation.splitlines() if line.strip()]
    assert lines[:3] == ["pay", "pay.ts:3", "Read together with shop.ts:2."]
    assert lines[-1] == "deep (thinking)"
    assert "Hm." not in heard.explanation


def test_what_a_model_says_reaches_for_nothing(heard: Heard) -> None:
    assert heard.page["images"] == []
    assert all(link.startswith("#place-") for link in heard.page["links"])
    assert "Deep words. x run" in heard.page["text"]


def test_a_link_opens_the_file_at_its_line(heard: Heard) -> None:
    assert heard.cursor.startswith("Ln 2,")


def test_what_the_checker_marked_is_fixed_and_the_mark_is_gone(heard: Heard) -> None:
    assert any(title.startswith("Fix with instant model: Cannot find name 'pricez'") for title in heard.offered)
    assert heard.saved == FIXED


def test_generated_tests_are_in_a_file_that_the_real_tool_runs(heard: Heard) -> None:
    file = heard.folder / "test" / "shop.test.ts"
    assert file.read_text(encoding="utf-8") == TESTS
    command = [install().node, "--test", "--test-reporter=tap", file]
    ran = subprocess.run(command, cwd=heard.folder, capture_output=True, text=True, check=False)
    assert "ok 1 - prices are added up" in ran.stdout


def test_the_doctor_shows_a_page(heard: Heard) -> None:
    assert heard.doctor.startswith("# Instant: Doctor")
    assert "quick is asked" in heard.doctor or "## instant" in heard.doctor


def test_the_report_has_what_was_asked_before(heard: Heard) -> None:
    assert "instant-lsp report" in heard.report
    assert {"explain", "fix"} <= set(heard.report.split())


def test_nothing_is_left_popped_up(heard: Heard) -> None:
    assert not heard.notifications
