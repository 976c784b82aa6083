"""When to ask: the rhythm of the typing, the endpoint's first tokens and refusals, and input methods."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from context import Edit
from lsp_server.completion.pace import COMPOSED_DELAY_S, MAX_DELAY_S, Pace
from lsp_server.endpoint.status import EndpointError

BUSY = EndpointError("overloaded", "busy")


class Clock:
    """A time that passes when it is told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def paced(*first_tokens_ms: float, gap_s: float = 0.2, refusals: int = 0) -> Pace:
    """A pace after ten keys, some first tokens and some refusals."""
    clock = Clock()
    pace = Pace(clock)
    for n in range(10):
        clock.now_s += gap_s
        pace.typed("file:///a", Edit(n, n, "x"))
    for first_token_ms in first_tokens_ms:
        pace.answered(first_token_ms)
    for _ in range(refusals):
        pace.failed(BUSY)
    return pace


def composed(*texts: str) -> Pace:
    """A pace after an input method has put each of the texts in the place of the one before."""
    pace = Pace()
    for before, text in zip(("", *texts), texts, strict=False):
        pace.typed("file:///a", Edit(7, 7 + len(before), text))
    return pace


def test_nothing_known_and_a_quick_endpoint_mean_no_wait() -> None:
    assert paced().delay_s() == 0
    assert paced(20, 25, 22, 30, 24).delay_s() == 0


def test_one_cold_prompt_is_no_load() -> None:
    assert paced(25, 25, 25, 900, 25).load == 1


def test_the_wait_grows_with_the_time_to_the_first_token() -> None:
    delays = [paced(*(ms,) * 5).delay_s() for ms in (20, 100, 400, 900, 5_000)]
    assert delays == sorted(delays)
    assert delays[0] == 0
    assert delays[-1] == MAX_DELAY_S


def test_a_queue_makes_requests_wait_for_a_rest() -> None:
    quick = [25.0] * 5
    assert paced(*quick, *[200.0] * 5).load > 2
    assert paced(*quick, *[200.0] * 5, gap_s=0.1).delay_s() < paced(*quick, *[200.0] * 5, gap_s=0.2).delay_s()
    assert paced(*quick, *[200.0] * 5).delay_s() > paced(*[200.0] * 10).delay_s()


@pytest.mark.parametrize("kind", ["limited", "overloaded", "timeout"])
def test_refusals_make_the_wait_longer_until_answers_come(kind: str) -> None:
    pace = paced(*[30.0] * 5, gap_s=0.1)
    delays = [pace.delay_s()]
    for _ in range(3):
        pace.failed(EndpointError(kind, "busy"))  # type: ignore[arg-type]
        delays.append(pace.delay_s())
    assert delays == sorted(set(delays))
    for _ in range(5):
        pace.answered(30.0)
    assert pace.delay_s() == 0


def test_other_failures_are_no_load() -> None:
    pace = paced(*[30.0] * 5)
    pace.failed(EndpointError("forbidden", "no"))
    assert pace.load == 1


@given(st.lists(st.floats(0, 60_000)), st.floats(0.001, 5), st.integers(0, 40))
def test_no_wait_is_longer_than_the_longest(first_tokens_ms: list[float], gap_s: float, refusals: int) -> None:
    pace = paced(*first_tokens_ms, gap_s=gap_s, refusals=refusals)
    assert 0 <= pace.delay_s() <= MAX_DELAY_S
    slower = paced(*(ms * 2 for ms in first_tokens_ms), gap_s=gap_s, refusals=refusals)
    assert slower.delay_s() >= pace.delay_s() or slower.load < pace.load


@pytest.mark.parametrize(
    ("steps", "is_composing", "delay_s"),
    [
        (("n",), False, 0),
        (("n", "ni"), True, COMPOSED_DELAY_S),
        (("n", "ni", "nih"), True, COMPOSED_DELAY_S),
        (("ni", "nih", "ni"), True, COMPOSED_DELAY_S),
        (("n", "ni", "你"), False, COMPOSED_DELAY_S),
        (("に", "にほ", "日本"), False, COMPOSED_DELAY_S),
        (("p", "print"), False, 0),
        (("old", "new"), False, 0),
        (("a", ""), False, 0),
        (("x = 1\n", "x = 1\ny = 2\n"), False, 0),
    ],
    ids=["a key", "a step", "two steps", "back", "chosen", "kana", "a menu's word", "replaced", "deleted", "all anew"],
)
def test_input_methods_are_told_from_typing(steps: tuple[str, ...], is_composing: bool, delay_s: float) -> None:
    pace = composed(*steps)
    assert (pace.is_composing, pace.delay_s()) == (is_composing, delay_s)


def test_a_key_after_a_chosen_word_is_typing_again() -> None:
    pace = composed("n", "ni", "你")
    pace.typed("file:///a", Edit(8, 8, "x"))
    assert (pace.is_composing, pace.delay_s()) == (False, 0)
    pace.typed("file:///b", Edit(8, 9, "xy"))
    assert not pace.is_composing, "it is in another document"
