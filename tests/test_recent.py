"""Where somebody worked lately."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from context.document import Edit
from context.recent import MAX_REGIONS, Recent

TEXT = "".join(f"line {n}\n" for n in range(100))


def check_recent(*edits: tuple[str, int, str]) -> list[str]:
    """Regions as "path:line-end" after inserting these texts at the beginning of these lines, one after the other."""
    texts: dict[str, str] = {}
    recent = Recent()
    for path, line, text in edits:
        before = texts.get(path, TEXT)
        start = sum(len(one) + 1 for one in before.split("\n")[:line])
        recent.edited(path, before, Edit(start, start, text))
        texts[path] = before[:start] + text + before[start:]
    return [f"{region.path}:{region.line}-{region.end_line}" for region in recent.regions()]


def test_the_newest_is_first() -> None:
    assert check_recent(("a.py", 3, "x"), ("b.py", 7, "y")) == ["b.py:7-8", "a.py:3-4"]


def test_typing_on_is_one_region() -> None:
    assert check_recent(*[("a.py", 3, letter) for letter in "return"]) == ["a.py:3-4"]
    assert check_recent(("a.py", 3, "x"), ("a.py", 6, "y\nz\n")) == ["a.py:3-9"]


def test_a_region_moves_with_what_is_inserted_above() -> None:
    assert check_recent(("a.py", 50, "x"), ("a.py", 3, "one\ntwo\n")) == ["a.py:3-6", "a.py:52-53"]


def test_a_region_moves_up_with_what_is_deleted_above() -> None:
    recent = Recent()
    recent.edited("a.py", TEXT, Edit(TEXT.index("line 50"), TEXT.index("line 50"), "x"))
    recent.edited("a.py", TEXT, Edit(TEXT.index("line 3\n"), TEXT.index("line 13\n"), ""))
    assert [region.line for region in recent.regions()] == [3, 40]


def test_visits_are_files_once_each() -> None:
    recent = Recent()
    for path in ("a.py", "b.py", "a.py"):
        recent.visited(path)
    assert recent.visits() == ("a.py", "b.py")


def test_a_forgotten_file_is_gone() -> None:
    recent = Recent()
    recent.edited("a.py", TEXT, Edit(0, 0, "x"))
    recent.visited("b.py")
    recent.forget("a.py")
    assert (recent.regions(), recent.visits()) == ((), ("b.py",))


@given(
    st.lists(
        st.tuples(st.integers(0, 700), st.integers(0, 40), st.text(alphabet="a\n", max_size=12)),
        min_size=1,
        max_size=40,
    )
)
def test_any_edits_leave_few_regions_that_hold_the_last_one(edits: list[tuple[int, int, str]]) -> None:
    recent, text = Recent(), TEXT
    for wanted, length, new in edits:
        start = min(wanted, len(text))
        edit = Edit(start, min(len(text), start + length), new)
        line = text.count("\n", 0, start)
        recent.edited("a.py", text, edit)
        text = text[: edit.start] + new + text[edit.end :]
        regions = recent.regions()
        assert len(regions) <= MAX_REGIONS
        assert all(0 <= region.line < region.end_line for region in regions)
        assert regions[0].line <= line < regions[0].end_line
