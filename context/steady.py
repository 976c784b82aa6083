"""Snippets from one prompt to the next: owns which stay and where, so that prompts go on beginning alike; pure.

Snippets stand at a prompt's beginning, so one that comes, goes or moves makes the endpoint read all behind it anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from context.tokens import n_lines_tokens
from context.window import Snippet, n_path_tokens

_NEEDED_SHARE = 0.3
_PASSING = frozenset(("similar code", "edited lately"))


def steady(shown: Sequence[Snippet], found: Sequence[Snippet], room_tokens: float) -> tuple[Snippet, ...]:
    """What is shown next, of what was shown and what was found now, the best first.

    Definitions that were shown stay, in their order, while they are found at all. Of what is new, only definitions
    among the best are taken in, behind the others; the last of those that are not must go for them. Code that is
    only like the cursor's changes with every line, so it stands last and is renewed when something else is.
    """
    needed = _fitting([one for one in found if not _is_passing(one)], room_tokens * _NEEDED_SHARE)
    still = {_key(one): one for one in found}
    lasting = [one for one in shown if not _is_passing(one)]
    kept = [still[_key(one)] for one in lasting if _key(one) in still]
    kept_keys = {_key(one) for one in kept}
    missing = [one for one in needed if _key(one) not in kept_keys]
    passing = [one for one in shown if _is_passing(one)]
    if missing or len(kept) < len(lasting):
        passing = [one for one in passing if _key(one) in still]
    if not kept:
        return _by_path(_fitting(found, room_tokens))
    return tuple(_made_room([*kept, *missing], {_key(one) for one in needed}, passing, room_tokens))


def _made_room(
    lasting: list[Snippet], needed: set[tuple[str, str]], passing: list[Snippet], room_tokens: float
) -> list[Snippet]:
    """All of them, without the last of those that are not needed as far as the room asks for it."""
    everything = [*lasting, *passing]
    for n in range(len(everything) - 1, -1, -1):
        if _cost(everything) <= room_tokens:
            break
        if _key(everything[n]) not in needed:
            everything.pop(n)
    return everything


def _is_passing(snippet: Snippet) -> bool:
    return snippet.origin in _PASSING


def _fitting(found: Sequence[Snippet], room_tokens: float) -> list[Snippet]:
    """The best of them that fit: what is too large for the room that is left gives way to what is smaller."""
    fitting: list[Snippet] = []
    paths: set[str] = set()
    for one in found:
        cost = n_lines_tokens(one.text) + (0.0 if one.path in paths else n_path_tokens(one.path))
        if cost <= room_tokens:
            fitting.append(one)
            paths.add(one.path)
            room_tokens -= cost
    return fitting


def _by_path(snippets: Sequence[Snippet]) -> tuple[Snippet, ...]:
    """Those of one path side by side, the path of the best first; those that pass come last."""
    ranks = {path: n for n, path in enumerate(dict.fromkeys(one.path for one in snippets))}
    return tuple(sorted(snippets, key=lambda one: (_is_passing(one), ranks[one.path], one.line)))


def _key(snippet: Snippet) -> tuple[str, str]:
    """What a snippet is, wherever edits have moved it."""
    return snippet.path, snippet.text


def _cost(snippets: Sequence[Snippet]) -> float:
    paths = [path for path, _ in groupby(one.path for one in snippets)]
    return sum(n_lines_tokens(one.text) for one in snippets) + sum(map(n_path_tokens, paths))
