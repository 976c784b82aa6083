"""Whether to complete at a place, and one line or many: pure, over what stands at the cursor."""

from __future__ import annotations

import re
from dataclasses import dataclass

from context import Snapshot
from context.syntax import Place

_TAB_WIDTH = 4
_ONLY_CLOSING = re.compile(r"[\s)\]}>\"'`;,:]*\Z")


@dataclass(frozen=True, slots=True)
class Trigger:
    """What is asked for. `block_indent` is in columns: a line of the completion at that depth or less ends it."""

    is_invoked: bool
    max_lines: int
    block_indent: int


def decide(snapshot: Snapshot, offset: int, place: Place, max_lines: int, *, is_invoked: bool) -> Trigger | None:
    """The trigger at `offset`; None where a completion would be in the way.

    Many lines are right only where a block was opened and has no body yet: anywhere else they run
    over what the developer meant to write next.
    """
    line = snapshot.text[snapshot.line_start(offset) : offset]
    rest = snapshot.text[offset : snapshot.line_end(offset)]
    if not is_invoked and _is_inside_word(line, rest):
        return None
    body = place.empty_body
    is_many = body is not None and not body.on_header_line and not line.strip() and bool(_ONLY_CLOSING.match(rest))
    if body is None or not is_many or place.in_comment or place.in_string:
        return Trigger(is_invoked, 1, _columns(line) - 1)
    return Trigger(is_invoked, max_lines, _columns(body.indent))


def _is_inside_word(line: str, rest: str) -> bool:
    """Whether the cursor is in the middle of a word: the developer is editing it, not going on."""
    return rest[:1].isalnum() or rest[:1] == "_"


def _columns(line: str) -> int:
    """Columns of the blank beginning of `line`."""
    blank = line[: len(line) - len(line.lstrip())]
    return len(blank.expandtabs(_TAB_WIDTH))
