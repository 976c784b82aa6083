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


def test_what_is_shown_stays_as_it_is() -> None:
    check_steady("abcdefg", "gbadcefhi", "abcdefg")
    check_steady("abcdeXY", "edcbahiXY", "abcdeXY")
    check_steady("abcdefg", "abyzxw", "abcdefg")


def test_all_is_chosen_anew_once_much_of_what_is_needed_is_missing() -> None:
    check_steady("abcdefg", "axbcdefg", "axbcdef")
    check_steady("abcdeXY", "zwabcdeXY", "zwabcde")


def test_similar_code_changes_with_the_rest_alone() -> None:
    check_steady("abcdXY", "abcdZ", "abcdXY")
    check_steady("abcdXY", "efghZ", "efghZ")


def test_much_more_that_is_known_comes_in() -> None:
    check_steady("ab", "abcdefg", "abcdefg")
    check_steady("abcde", "abcdefg", "abcde")


def test_less_room_is_kept_to() -> None:
    shown = steady([], snippets("abcdefg"), ROOM)
    assert sum(n_lines_tokens(one.text) for one in steady(shown, snippets("abcdefg"), ROOM / 2)) <= ROOM / 2


def test_a_file_of_many_snippets_is_shown_in_one_piece() -> None:
    found = [Snippet("a.py", "a = 1\n", 7, "definition"), Snippet("b.py", "b = 1\n"), Snippet("a.py", "c = 1\n", 2)]
    assert steady([], found, ROOM) == (found[2], found[0], found[1])


@given(st.permutations("abcdefgHI"), st.permutations("abcdefgHI"), st.integers(0, 9), st.integers(0, 9))
def test_it_fits_and_stays(shown: list[str], found: list[str], n_shown: int, n_found: int) -> None:
    before = steady([], snippets("".join(shown[:n_shown])), ROOM)
    new = snippets("".join(found[:n_found]))
    after = steady(before, new, ROOM)
    assert sum(n_lines_tokens(one.text) for one in after) <= ROOM
    assert after in {before, steady([], new, ROOM)}
    assert steady(after, new, ROOM) == after
