"""What became of what was shown, whoever tells it: the editor's command, its notifications, or its edits alone."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marks import CURSOR, inserted

from context import Edit
from lsp_server.completion import Completion
from lsp_server.completion.counts import Counts
from lsp_server.completion.outcome import Outcomes

URI = "file:///work/a.py"


class Counted(NamedTuple):
    """Acceptances, those of a part, and characters kept."""

    accepted: int
    partly: int
    chars: int


def check_edits(shown: str, edits: tuple[tuple[int, int, str], ...], expected: Counted, *, n_over: int = 0) -> Outcomes:
    """`before├completion┤after` is on screen; edits are (from the completion's start, characters replaced, text)."""
    marked, text = inserted(shown)
    start = marked.index(CURSOR)
    counts = Counts()
    outcomes = Outcomes(counts)
    outcomes.show(URI, marked.replace(CURSOR, ""), [Completion(text, start, start + n_over)])
    for place, n_replaced, typed in edits:
        outcomes.edited(URI, Edit(start + place, start + place + n_replaced, typed))
    assert Counted(counts.accepted, counts.partly_accepted, counts.chars_accepted) == expected
    return outcomes


def test_first_lines_and_what_follows_them_are_accepted_once() -> None:
    counts = Counts()
    judged: list[tuple[str, int, bool]] = []
    outcomes = Outcomes(counts, on_judged=lambda *one: judged.append(one))
    outcomes.show(URI, "f:", [Completion("\n a", 2, 2, "r")])
    outcomes.edited(URI, Edit(2, 2, "\n a"))
    outcomes.show(URI, "f:\n a", [Completion("\n b", 5, 5, "r", 3)])
    outcomes.edited(URI, Edit(5, 5, "\n b"))
    outcomes.edited(URI, Edit(5, 8, ""))
    outcomes.show(URI, "f:\n a", [Completion("\n b", 5, 5, "r", 3)])
    outcomes.edited(URI, Edit(5, 5, "\n b"))
    assert Counted(counts.accepted, counts.partly_accepted, counts.chars_accepted) == Counted(1, 0, 9)
    assert judged == [("r", 3, True), ("r", 6, True), ("r", 6, True)], "what is undone and taken again is one thing"


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        (((0, 0, "a + b"),), Counted(1, 0, 5)),
        (((0, 0, "a +"), (3, 0, " b")), Counted(1, 1, 5)),
        (((0, 0, "a "), (2, 0, "+ ")), Counted(0, 1, 2)),
        (((0, 0, "a"), (1, 0, " "), (2, 0, "+"), (3, 0, " "), (4, 0, "b")), Counted(1, 0, 1)),
        (((0, 0, "c"),), Counted(0, 0, 0)),
        (((0, 0, "c"), (0, 0, "a + b")), Counted(0, 0, 0)),
        (((3, 0, "a + b"),), Counted(0, 0, 0)),
        (((0, 2, "a + b"),), Counted(0, 0, 0)),
        (((0, 0, ""),), Counted(0, 0, 0)),
    ],
    ids=["whole", "by parts", "a word", "typed to its end", "dismissed", "gone", "elsewhere", "over the rest", "none"],
)
def test_an_acceptance_is_seen_in_the_edits(edits: tuple[tuple[int, int, str], ...], expected: Counted) -> None:
    check_edits("x = ├a + b┤ # 漢字 😀\n", edits, expected)


def test_lines_are_accepted_in_a_document_with_crlf() -> None:
    check_edits("├if a:\n    b┤\r\n", ((0, 0, "if a:\r\n    b"),), Counted(1, 0, 11))
    check_edits("├if a:\n    b┤\r\n", ((0, 0, "if a:\r\n"), (7, 0, "    b")), Counted(1, 1, 11))


def test_closed_brackets_may_be_replaced_or_left() -> None:
    check_edits("print(├a)┤)\n", ((0, 1, "a)"),), Counted(1, 0, 2), n_over=1)
    check_edits("print(├a)┤)\n", ((0, 0, "a"),), Counted(1, 0, 2), n_over=1)


def test_what_two_tell_counts_once() -> None:
    outcomes = check_edits("x = ├a + b┤\n", ((0, 0, "a + b"),), Counted(1, 0, 5))
    outcomes.accept("1", 5, is_whole=True)
    outcomes.accept("1", 3, is_whole=False)
    assert (outcomes._counts.accepted, outcomes._counts.chars_accepted) == (1, 5)


def test_one_of_several_is_accepted() -> None:
    counts = Counts()
    outcomes = Outcomes(counts)
    first, second = outcomes.show(URI, "x =", [Completion(" a", 3, 3), Completion(" b + c", 3, 3)])
    assert first != second
    outcomes.edited(URI, Edit(3, 3, " b + c"))
    outcomes.accept(second, 6, is_whole=True)
    assert (counts.accepted, counts.chars_accepted) == (1, 6)


@given(st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.text("ab +)\n", max_size=6)), max_size=6))
def test_no_more_is_counted_than_was_shown(edits: list[tuple[int, int, str]]) -> None:
    counts = Counts()
    outcomes = Outcomes(counts)
    outcomes.show(URI, "x = )", [Completion("a + b)", 4, 5)])
    for start, n_replaced, text in edits:
        outcomes.edited(URI, Edit(start, start + n_replaced, text))
    assert counts.accepted <= 1
    assert counts.chars_accepted <= len("a + b)")
