"""Which snippets stay from one prompt to the next."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from context.steady import steady
from context.tokens import n_lines_tokens
from context.window import Snippet, n_path_tokens


def snippets(names: str) -> list[Snippet]:
    """One for each letter, of the same size and of a path of its own; capitals are code that is only similar."""
    origins = ("definition", "similar code")
    return [Snippet(f"{name}.py", f"def {name}(value): ...\n", 0, origins[name.isupper()]) for name in names]


ROOM = sum(n_lines_tokens(one.text) + n_path_tokens(one.path) for one in snippets("abcdefg")) + 1


def check_steady(shown: str, found: str, expected: str) -> None:
    """`shown` and `found`, the best first, make `expected` where there is room for seven; the best two are needed."""
    assert "".join(one.path[0] for one in steady(snippets(shown), snippets(found), ROOM)) == expected


def test_the_best_that_fit_are_shown_first() -> None:
    check_steady("", "abcdefghi", "abcdefg")
    check_steady("", "aBcDe", "aceBD")
    check_steady("", "", "")


def test_what_is_shown_stays_in_its_place() -> None:
    check_steady("abcdefg", "gbadcefhi", "abcdefg")
    check_steady("abcdeXY", "edcbahiXY", "abcdeXY")


def test_what_is_needed_comes_in_behind() -> None:
    check_steady("abc", "xabc", "abcx")
    check_steady("abcdefg", "xabcdefg", "abcdefx")
    check_steady("abcdefg", "xgabcdef", "abcdegx")
    check_steady("abcdeXY", "xabcdeXY", "abcdexX")


def test_what_is_not_needed_does_not_come_in() -> None:
    check_steady("abcde", "abxycde", "abcde")


def test_similar_code_is_renewed_with_the_rest_alone() -> None:
    check_steady("abcXY", "abcZ", "abcXY")
    check_steady("abcXY", "dabcY", "abcdY")


def test_what_is_not_found_any_more_goes() -> None:
    check_steady("abcd", "acd", "acd")
    check_steady("abcd", "xyz", "xyz")


def test_a_changed_definition_is_shown_as_it_is_now() -> None:
    before, after = Snippet("a.py", "def a(): ...\n", 4), Snippet("a.py", "def a(b): ...\n", 5)
    assert steady([before], [after], ROOM) == (after,)
    moved = Snippet("a.py", before.text, 9)
    assert steady([before], [moved], ROOM) == (moved,)


def test_a_file_of_many_snippets_is_shown_in_one_piece() -> None:
    found = [Snippet("a.py", "a = 1\n", 7, "definition"), Snippet("b.py", "b = 1\n"), Snippet("a.py", "c = 1\n", 2)]
    assert steady([], found, ROOM) == (found[2], found[0], found[1])


@given(st.permutations("abcdefgHI"), st.permutations("abcdefgHI"), st.integers(0, 9), st.integers(0, 9))
def test_it_fits_and_holds_what_is_needed(shown: list[str], found: list[str], n_shown: int, n_found: int) -> None:
    before = steady([], snippets("".join(shown[:n_shown])), ROOM)
    new = snippets("".join(found[:n_found]))
    after = steady(before, new, ROOM)
    assert sum(n_lines_tokens(one.text) for one in after) <= ROOM
    needed = [one for one in new if one.origin == "definition"][:2]
    assert set(needed) <= set(after)
    assert {one for one in after if one.origin == "definition"} <= set(new)
    assert steady(after, new, ROOM) == after
