"""Edits and snapshots."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from marks import at_cursor

from context import Edit


def applied(text: str, edit: Edit) -> str:
    return text[: edit.start] + edit.text + text[edit.end :]


@st.composite
def texts_and_two_edits(draw: st.DrawFn) -> tuple[str, Edit, Edit]:
    def edit(text: str) -> Edit:
        start = draw(st.integers(0, len(text)))
        return Edit(start, draw(st.integers(start, min(len(text), start + 2))), draw(st.text("ab漢", max_size=3)))

    text = draw(st.text("xy😀", max_size=8))
    first = edit(text)
    return text, first, edit(applied(text, first))


@given(texts_and_two_edits())
def test_joined_edits_are_one_after_the_other(case: tuple[str, Edit, Edit]) -> None:
    text, first, second = case
    joined = first.joined(second)
    if joined is not None:
        assert applied(text, joined) == applied(applied(text, first), second)


def test_what_is_typed_and_taken_back_stays_one_edit() -> None:
    edit: Edit | None = Edit(3, 3, "a")
    for following in (Edit(4, 4, "b"), Edit(5, 5, "c"), Edit(5, 6, ""), Edit(5, 5, "漢字")):
        assert edit is not None
        edit = edit.joined(following)
    assert edit == Edit(3, 3, "ab漢字")
    assert edit.joined(Edit(0, 0, "elsewhere")) is None


@given(st.text("xy😀", max_size=8), st.data())
def test_a_place_behind_an_edit_has_its_origin(text: str, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(text)))
    edit = Edit(start, data.draw(st.integers(start, len(text))), data.draw(st.text("ab", max_size=3)))
    after = applied(text, edit)
    for offset in range(start + len(edit.text) + 1, len(after) + 1):
        assert text[edit.origin(offset) :] == after[offset:]
    for offset in range(start):
        assert edit.origin(offset) == offset


@pytest.mark.parametrize("text", ["a\nbc<|>d\ne", "a\r\nbc<|>d\r\ne", "a\rbc<|>d\re", "bc<|>d", "a\n\fbc<|>d\n"])
def test_a_line_ends_as_the_protocol_says(text: str) -> None:
    snapshot, offset = at_cursor(text)
    line = snapshot.text[snapshot.line_start(offset) : snapshot.line_end(offset)]
    assert line.lstrip("\f") == "bcd"
