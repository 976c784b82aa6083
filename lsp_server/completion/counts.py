"""What the completions cost and what became of them: owns plain numbers; holds no text and no place."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Counts:
    """Numbers since the server started.

    `requests` went to the endpoint, `prefetches` of them ahead of the developer, who came to `prefetches_reached`;
    `from_memory` were answered with no wait, `adopted` by an answer that ran for an earlier place. `tokens` are all
    that arrived while somebody typed, `tokens_shown` those of a text that was shown, `tokens_beyond` those that arrived
    behind the end of it. `displayed` counts only editors that tell.
    """

    requests: int = 0
    prefetches: int = 0
    prefetches_reached: int = 0
    from_memory: int = 0
    adopted: int = 0
    shown: int = 0
    displayed: int = 0
    accepted: int = 0
    partly_accepted: int = 0
    chars_shown: int = 0
    chars_accepted: int = 0
    tokens: int = 0
    tokens_shown: int = 0
    tokens_beyond: int = 0
