"""Snippets from one prompt to the next: owns which stay and where, so that prompts go on beginning alike; pure.

Snippets stand at a prompt's beginning, so one that comes, goes or moves makes the endpoint read all behind it anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from context.tokens import n_lines_tokens
from context.window import Snippet

_NEEDED_SHARE = 0.5


def steady(shown: Sequence[Snippet], found: Sequence[Snippet], room_tokens: float) -> tuple[Snippet, ...]:
    """What is shown next, of what was shown and what was found now, the best first.

    What was shown stays, in its order, while it is found at all. Of what is new, only that is taken in, behind it,
    which is among the best: half the room's worth. For it the last of those that are not must go.
    """
    needed = _fitting(found, room_tokens * _NEEDED_SHARE)
    still = {_key(one): one for one in found}
    kept = [still[_key(one)] for one in shown if _key(one) in still]
    missing = [one for one in needed if _key(one) not in {_key(other) for other in kept}]
    needed_keys = {_key(one) for one in needed}
    excess = _cost([*kept, *missing]) - room_tokens
    for n in range(len(kept) - 1, -1, -1):
        if excess <= 0:
            break
        if _key(kept[n]) not in needed_keys:
            excess -= _cost([kept.pop(n)])
    return (*kept, *missing) if kept else _by_path(_fitting(found, room_tokens))


def _fitting(found: Sequence[Snippet], room_tokens: float) -> list[Snippet]:
    """The best of them, as far as the room goes."""
    fitting = []
    for one in found:
        room_tokens -= _cost([one])
        if room_tokens < 0:
            break
        fitting.append(one)
    return fitting


def _by_path(snippets: Sequence[Snippet]) -> tuple[Snippet, ...]:
    """Those of one path side by side, the path of the best first."""
    ranks = {path: n for n, path in enumerate(dict.fromkeys(one.path for one in snippets))}
    return tuple(sorted(snippets, key=lambda one: (ranks[one.path], one.line)))


def _key(snippet: Snippet) -> tuple[str, str]:
    """What a snippet is, wherever edits have moved it."""
    return snippet.path, snippet.text


def _cost(snippets: Sequence[Snippet]) -> float:
    return sum(n_lines_tokens(one.text) for one in snippets)
