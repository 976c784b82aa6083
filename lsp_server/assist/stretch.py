"""Which lines of a document a correction may change: owns choosing them around what is wrong; knows no prompt. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from context import Snapshot
from context.outline import Outline, Scope

MAX_CHARS = 6_000
"""Some 1,800 tokens, which the model has to say again, corrected: more would not fit into an answer."""

_MAX_BLOCK_LINES = 40
_MAX_AROUND_LINES = 15


@dataclass(frozen=True, slots=True)
class Stretch:
    """Whole lines of a document, without the last one's line break; `name` is that of the scope it is, if it is one."""

    start: int
    end: int
    name: str = ""


def stretch_around(
    snapshot: Snapshot, outline: Outline | None, start: int, end: int, max_chars: int = MAX_CHARS
) -> Stretch:
    """The innermost named function around a place, else its class or its block of lines, of `max_chars` at the most.

    A function that is longer is cut down to the lines around the place.
    """
    scope = function_around(outline, start, end, max_chars) or _class_around(outline, start, end, max_chars // 2)
    if scope is not None:
        # Some grammars count the line break, or half of it, to what stands before it.
        last = max(scope.start, scope.end - 1)
        return Stretch(snapshot.line_start(scope.start), snapshot.line_end(last), scope.name)
    return _block(snapshot, outline, start, end, max_chars)


def function_around(outline: Outline | None, start: int, end: int, max_chars: int = MAX_CHARS) -> Scope | None:
    """The innermost function with a name that holds the place and is no longer than `max_chars`."""
    fitting = [
        scope
        for scope in (outline.enclosing(start) if outline is not None else ())
        if scope.kind == "function" and end <= scope.end and scope.end - scope.start <= max_chars
    ]
    return next((scope for scope in reversed(fitting) if scope.name), fitting[0] if fitting else None)


def _class_around(outline: Outline | None, start: int, end: int, max_chars: int) -> Scope | None:
    """A class that holds the place outside of its functions, or an interface, and is short."""
    enclosing = outline.enclosing(start) if outline is not None else ()
    innermost = enclosing[-1] if enclosing else None
    if innermost is None or innermost.kind != "class" or innermost.end < end:
        return None
    return innermost if innermost.end - innermost.start <= max_chars else None


def _block(snapshot: Snapshot, outline: Outline | None, start: int, end: int, max_chars: int) -> Stretch:
    """The lines around a place up to blank ones, or so many of them; a scope is not begun that the place is not in."""
    text = snapshot.text
    floor, ceiling = _bounds(snapshot, outline, start, end)
    end = min(end, ceiling, snapshot.line_start(start) + max_chars)
    first, last = snapshot.line_start(start), snapshot.line_end(max(start, end))
    in_function = outline is not None and any(scope.kind == "function" for scope in outline.enclosing(start))
    most = _MAX_AROUND_LINES if in_function else _MAX_BLOCK_LINES // 2
    for _ in range(most):
        above = snapshot.line_start(max(0, first - 1)) if first > 0 else first
        if above < floor or above == first or last - above > max_chars or _is_edge(text[above:first], in_function):
            break
        first = above
    for _ in range(most):
        following = re.compile(r"\r\n|\r|\n").match(text, last)
        if following is None:
            break
        below = snapshot.line_end(following.end())
        if below > ceiling or below - first > max_chars or _is_edge(text[following.end() : below], in_function):
            break
        last = below
    return Stretch(first, last)


def _is_edge(line: str, in_function: bool) -> bool:
    """At the margin a blank line ends a block; within a function blocks are what the limits leave."""
    return not in_function and not line.strip()


def _bounds(snapshot: Snapshot, outline: Outline | None, start: int, end: int) -> tuple[int, int]:
    """Between which offsets a block lies: within the innermost scope around it, between those beside it."""
    scopes: Sequence[Scope] = outline.scopes if outline is not None else ()
    floor, ceiling = 0, len(snapshot.text)
    for scope in scopes:
        if scope.start <= start and end <= scope.end:
            floor, ceiling = max(floor, scope.start), min(ceiling, scope.end)
        elif scope.end <= start:
            floor = max(floor, snapshot.line_end(scope.end))
        elif scope.start >= end:
            ceiling = min(ceiling, max(end, snapshot.line_start(scope.start) - 1))
    return min(floor, snapshot.line_start(start)), max(ceiling, snapshot.line_end(start))
