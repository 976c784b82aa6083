"""What still stands of an accepted completion, after any edits."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context import Edit
from lsp_server.completion import Completion
from lsp_server.completion.counts import Counts
from lsp_server.completion.kept import Kept
from lsp_server.completion.outcome import Outcomes

URI = "file:///work/a.py"


def check_kept(before: str, taken: str, after: str, edits: list[tuple[int, int, str]], share: float | None) -> None:
    """`taken` is put in between; then the edits happen, each (start, end, text) in the text as it is by then."""
    told: list[float] = []
    outcomes = Outcomes(Counts(), kept=Kept(lambda key, one: told.append(one)))
    at = len(before)
    outcomes.show(URI, before + after, [Completion(taken.replace("\r\n", "\n"), at, at)])
    outcomes.edited(URI, Edit(at, at, taken))
    for edit in edits:
        outcomes.edited(URI, Edit(*edit))
    outcomes.forget(URI)
    assert told == ([] if share is None else [pytest.approx(share)])


@pytest.mark.parametrize(
    ("edits", "share"),
    [
        ([], 1.0),
        ([(0, 0, "import os\n")], 1.0),
        ([(4, 9, "")], 0.0),
        ([(0, 11, "")], 0.0),
        ([(6, 7, "-")], 0.8),
        ([(5, 5, "bc"), (7, 11, "")], 0.2),
        ([(9, 9, " + d"), (9, 13, "")], 1.0),
        ([(2, 5, "")], 0.8),
        ([(4, 9, "a + b")], 0.0),
    ],
    ids=["left", "moved", "deleted", "with more", "an operator", "cut", "beside", "its beginning", "typed again"],
)
def test_what_is_taken_away_is_not_kept(edits: list[tuple[int, int, str]], share: float) -> None:
    check_kept("x = ", "a + b", "  ", edits, share)


def test_line_breaks_of_the_document_count_as_they_stand() -> None:
    check_kept("", "if a:\r\n    漢 = 😀", "\r\n", [(5, 7, "")], 14 / 16)


def test_what_was_not_accepted_is_not_told() -> None:
    kept = Kept(pytest.fail)
    kept.edited(URI, Edit(0, 0, "x"))
    kept.settle("1")
    kept.close(URI)


def test_a_completion_taken_by_parts_is_told_once() -> None:
    told: list[tuple[str, float]] = []
    outcomes = Outcomes(Counts(), kept=Kept(lambda key, share: told.append((key, share))))
    (key,) = outcomes.show(URI, "x =", [Completion(" a + b", 3, 3)])
    outcomes.edited(URI, Edit(3, 3, " a"))
    outcomes.edited(URI, Edit(5, 5, " + b"))
    outcomes.edited(URI, Edit(5, 9, ""))
    outcomes.kept.settle(key)
    outcomes.kept.close_all()
    assert told == [(key, pytest.approx(2 / 6))]


@given(
    st.text("ab\n", max_size=4),
    st.text("xyz", min_size=1, max_size=8),
    st.lists(st.tuples(st.integers(0, 14), st.integers(0, 4), st.text("ab\n", max_size=3)), max_size=8),
)
def test_spans_follow_any_edits(before: str, taken: str, edits: list[tuple[int, int, str]]) -> None:
    """The letters of what was taken are in nothing else, so what is left of it can be counted in the text."""
    text, told = before + taken, []
    kept = Kept(lambda key, share: told.append(share))
    kept.accept(URI, "1", len(before), len(taken))
    for place, n, typed in edits:
        start = min(place, len(text))
        end = min(start + n, len(text))
        text = text[:start] + typed + text[end:]
        kept.edited(URI, Edit(start, end, typed))
    kept.close(URI)
    assert told == [pytest.approx(sum(map("xyz".__contains__, text)) / len(taken))]
