"""What is to be explained, and the prompt for it: owns how much of a file is shown for a place in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from context import Snapshot
from context.outline import Outline
from lsp_server.assist import prompts

if TYPE_CHECKING:
    from lsp_server.endpoint.client import Message

N_LINES_AROUND = 20
"""Where no grammar tells where a function begins and ends."""

_NAME = re.compile(r"[^\W\d]\w*")
_MAX_TITLE_CHARS = 60
_MIN_CODE_CHARS = 400
_RESERVED_CHARS = 1_200
"""For the words of the prompt itself."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What stands from `start` to `end`; `notice` tells the user where not all of it is shown to the model."""

    title: str
    start: int
    end: int
    messages: Sequence[Message]
    notice: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a document, empty for the cursor alone; the outline is that of the whole file or of this place."""

    snapshot: Snapshot
    start: int
    end: int
    outline: Outline | None = None


def of_stretch(place: Place, room_chars: int, guidelines: str = "", knowledge: str = "") -> Subject | None:
    """A selection; an empty one stands for the function around it, or the lines. None where there is no code.

    A selected name is explained in its line. `knowledge` is a section of the prompt; it and the guidelines are left
    out where the code would have too little room beside them.
    """
    knowledge, guidelines = fitting(knowledge, room_chars), fitting(guidelines, room_chars)
    room_chars -= len(knowledge)
    snapshot, start, end, outline = place.snapshot, place.start, place.end, place.outline
    title = "the selection"
    if _NAME.fullmatch(snapshot.text, start, end):
        return _of_name(place, _room(room_chars, guidelines), guidelines, knowledge)
    if not snapshot.text[start:end].strip():
        start, end, title = around(snapshot, start, outline, _room(room_chars, guidelines))
    code = snapshot.text[start:end]
    if not code.strip():
        return None
    section = prompts.guidelines_section(guidelines)
    room = _room(room_chars, guidelines)
    shown, notice = _shown(code, room)
    messages = prompts.explain_selection(
        _plain_breaks(shown),
        snapshot.language,
        snapshot.path or "an unsaved file",
        surroundings=_plain_breaks(_surroundings(snapshot, start, end, outline, room - len(shown))),
        knowledge=knowledge,
        guidelines=section,
    )
    return Subject(title, start, end, messages, notice)


def of_finding(
    place: Place, finding: prompts.Finding, room_chars: int, guidelines: str = "", knowledge: str = ""
) -> Subject:
    """What a tool reports at the place's beginning, in the function around it."""
    knowledge, guidelines = fitting(knowledge, room_chars), fitting(guidelines, room_chars)
    room_chars -= len(knowledge)
    snapshot, start = place.snapshot, place.start
    room = _room(room_chars, guidelines)
    first, last, _ = around(snapshot, start, place.outline, room)
    line = snapshot.text[snapshot.line_start(start) : snapshot.line_end(start)]
    messages = prompts.explain_diagnostic(
        finding,
        line,
        _plain_breaks(_shown(snapshot.text[first:last], room)[0]),
        snapshot.language,
        knowledge=knowledge,
        guidelines=prompts.guidelines_section(guidelines),
    )
    title = prompts.inline(finding.message, _MAX_TITLE_CHARS) or finding.code or "the report"
    return Subject(title, snapshot.line_start(start), snapshot.line_end(start), messages)


def _of_name(place: Place, room_chars: int, guidelines: str, knowledge: str) -> Subject:
    snapshot, start, end = place.snapshot, place.start, place.end
    first, last, _ = around(snapshot, start, place.outline, room_chars)
    name = snapshot.text[start:end]
    messages = prompts.explain_symbol(
        name,
        snapshot.text[snapshot.line_start(start) : snapshot.line_end(start)].strip(),
        _plain_breaks(snapshot.text[first:last]),
        snapshot.language,
        knowledge=knowledge,
        guidelines=prompts.guidelines_section(guidelines),
    )
    return Subject(f"`{prompts.inline(name, _MAX_TITLE_CHARS)}`", start, end, messages)


def around(snapshot: Snapshot, offset: int, outline: Outline | None, max_chars: int) -> tuple[int, int, str]:
    """The innermost function or class at `offset` that fits, with its name; else whole lines around, bounded."""
    for scope in reversed(outline.enclosing(offset) if outline is not None else ()):
        if scope.end - scope.start <= max_chars:
            start = snapshot.line_start(scope.start)
            return start, scope.end, f"`{prompts.inline(scope.name, _MAX_TITLE_CHARS)}`" if scope.name else scope.kind
    start, end = snapshot.line_start(offset), snapshot.line_end(offset)
    for _ in range(N_LINES_AROUND):
        before = snapshot.line_start(max(0, start - 1))
        after = snapshot.line_end(min(len(snapshot.text), end + 1))
        if after - before > max_chars:
            break
        start, end = before, after
    if end - start > max_chars:  # one line longer than all there is room for
        start = max(start, offset - max_chars // 2)
        end = min(end, start + max_chars)
    return start, end, "the lines around the cursor"


def _surroundings(snapshot: Snapshot, start: int, end: int, outline: Outline | None, max_chars: int) -> str:
    """The function that the stretch is a part of, where there is room for it."""
    scopes = outline.enclosing(start) if outline is not None else ()
    for scope in reversed(scopes):
        is_more = scope.start < start and end <= scope.end
        if is_more and scope.end - scope.start <= max_chars:
            return snapshot.text[snapshot.line_start(scope.start) : scope.end]
    return ""


def _shown(code: str, max_chars: int) -> tuple[str, str]:
    """What of the code the model sees, and the notice where that is not all."""
    shown = prompts.clipped(code, max_chars)
    if shown == code:
        return code, ""
    n_shown, n_all = (len(text.splitlines()) for text in (shown, code))
    return shown, f"Only the first {n_shown - 1} of {n_all} lines fit into the model's context."


def fitting(text: str, room_chars: int) -> str:
    """What goes with the code, where it takes no more than a third of the room: else it would be what is explained."""
    return text if len(text) <= room_chars // 3 else ""


def _room(room_chars: int, guidelines: str) -> int:
    return max(_MIN_CODE_CHARS, room_chars - len(guidelines) - _RESERVED_CHARS)


def _plain_breaks(code: str) -> str:
    """Line breaks as every model has read most of them."""
    return code.replace("\r\n", "\n").replace("\r", "\n")
