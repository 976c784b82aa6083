"""How much of a prompt comes behind the cursor: owns the choice by what the endpoint was measured to read."""

from __future__ import annotations

SLOW_TOKENS_PER_S = 600
"""Below this a prompt is read so slowly that only what is needed now may be asked for."""

SHORT_SUFFIX_TOKENS = 64
"""On slow endpoints; benchmarks/README.md says what that costs in right answers."""

MIN_SUFFIX_TOKENS = 128
SUFFIX_S = 0.05
"""What reading the suffix may take at each request, since a prefix cache does not help it."""


def is_slow(tokens_per_s: float | None) -> bool:
    """Whether an endpoint reads prompts slowly, as far as it has been measured."""
    return tokens_per_s is not None and tokens_per_s < SLOW_TOKENS_PER_S


def suffix_tokens(tokens_per_s: float | None, budget_tokens: int, *, is_suffix_first: bool) -> int | None:
    """The most a suffix may have; None for its usual share of the budget.

    A model that was trained to read the suffix first finds it in the prefix cache at every key but the first. Any
    other reads it anew each time, since what was typed comes before it.
    """
    if tokens_per_s is None or is_suffix_first:
        return None
    if is_slow(tokens_per_s):
        return min(SHORT_SUFFIX_TOKENS, budget_tokens // 4)
    quickly_read = max(MIN_SUFFIX_TOKENS, int(tokens_per_s * SUFFIX_S))
    return quickly_read if quickly_read < budget_tokens // 4 else None
