"""How much of a prompt comes behind the cursor, by what the endpoint was measured to read."""

from __future__ import annotations

import pytest

from lsp_server.completion.layout import is_slow, suffix_tokens


@pytest.mark.parametrize(
    ("tokens_per_s", "budget", "is_suffix_first", "expected"),
    [
        (None, 2_048, False, None),
        (50, 400, False, 64),
        (50, 100, False, 25),
        (599, 2_048, False, 64),
        (2_000, 2_048, False, 128),
        (4_000, 2_048, False, 200),
        (9_000, 2_048, False, 450),
        (20_000, 2_048, False, None),
        (4_000, 400, False, None),
        (50, 2_048, True, None),
        (4_000, 2_048, True, None),
    ],
)
def test_the_suffix_is_as_long_as_it_is_read_quickly(
    tokens_per_s: float | None, budget: int, is_suffix_first: bool, expected: int | None
) -> None:
    assert suffix_tokens(tokens_per_s, budget, is_suffix_first=is_suffix_first) == expected


def test_only_a_measured_endpoint_is_slow() -> None:
    assert [is_slow(speed) for speed in (None, 599, 600)] == [False, True, False]
