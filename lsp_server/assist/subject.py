"""What is to be explained, and the prompt for it: owns how much of a file is shown for a place in it. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from context import Snapshot
from context.defined import Defined
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
    """What stands from `start` to `end`; `notice` tells the user where not all of it is shown to the model.

    `definitions` are those that are shown with it.
    """

    title: str
    start: int
    end: int
    messages: Sequence[Message]
    notice: str = ""
    definitions: Sequence[Defined] = ()


@dataclass(frozen=True, slots=True)
class Place:
    """A stretch of a document, empty for the cursor alone; the outline is that of the whole file or of this place."""

    snapshot: Snapshot
    start: int
    end: int
    outline: Outline | None = None


@dataclass(frozen=True, slots=True)
class Beside:
    """What is shown besides the code: rules of the repository, a section of knowledge, and what the code uses."""

    guidelines: str = ""
    knowledge: str = ""
    definitions: Sequence[Defined] = ()

    def within(self, room_chars: int) -> Beside:
        """What leaves the code enough room: each no more than a third; of definitions the first ones."""
        definitions = tuple(self.definitions)
        while definitions and not fitting(_uses(definitions), room_chars):
            definitions = definitions[:-1]
        return Beside(fitting(self.guidelines, room_chars), fitting(self.knowledge, room_chars), definitions)

    def less(self) -> Beside:
        """The same without what helps least."""
        if self.knowledge:
            return replace(self, knowledge="")
        if self.definitions:
            return replace(self, definitions=self.definitions[:-1])
        return replace(self, guidelines="")

    @property
    def sections(self) -> str:
        """All of it, as it stands in a prompt."""
        return _uses(self.definitions) + self.knowledge + prompts.guidelines_section(self.guidelines)


def of_stretch(place: Place, room_chars: int, beside: Beside = Beside()) -> Subject | None:
    """A selection; an empty one stands for the function around it, or the lines. None where there is no code.

    A selected name is explained in its line, with what it is defined as.
    """
    beside = beside.within(room_chars)
    snapshot, start, end, outline = place.snapshot, place.start, place.end, place.outline
    room, title = _room(room_chars, beside), "the selection"
    if _NAME.fullmatch(snapshot.text, start, end):
        return _of_name(place, room, beside)
    if not snapshot.text[start:end].strip():
        start, end, title = around(snapshot, start, outline, room)
    code = snapshot.text[start:end]
    if not code.strip():
        return None
    shown, notice = _shown(code, room)
    messages = prompts.explain_selection(
        plain_breaks(shown),
        snapshot.language,
        snapshot.path or "an unsaved file",
        surroundings=plain_breaks(_surroundings(snapshot, start, end, outline, room - len(shown))),
        beside=beside.sections,
    )
    return Subject(title, start, end, messages, notice, beside.definitions)


def of_finding(place: Place, finding: prompts.Finding, room_chars: int, beside: Beside = Beside()) -> Subject:
    """What a tool reports at the place's beginning, in the function around it."""
    beside = beside.within(room_chars)
    snapshot, start = place.snapshot, place.start
    room = _room(room_chars, beside)
    first, last, _ = around(snapshot, start, place.outline, room)
    line = snapshot.text[snapshot.line_start(start) : snapshot.line_end(start)]
    messages = prompts.explain_diagnostic(
        finding,
        line,
        plain_breaks(_shown(snapshot.text[first:last], room)[0]),
        snapshot.language,
        beside=beside.sections,
    )
    title = prompts.inline(finding.message, _MAX_TITLE_CHARS) or finding.code or "the report"
    first, last = snapshot.line_start(start), snapshot.line_end(start)
    return Subject(title, first, last, messages, definitions=beside.definitions)


def _of_name(place: Place, room_chars: int, beside: Beside) -> Subject:
    snapshot, start, end = place.snapshot, place.start, place.end
    first, last, _ = around(snapshot, start, place.outline, room_chars)
    name = snapshot.text[start:end]
    messages = prompts.explain_symbol(
        name,
        snapshot.text[snapshot.line_start(start) : snapshot.line_end(start)].strip(),
        plain_breaks(snapshot.text[first:last]),
        snapshot.language,
        beside=beside.sections,
    )
    title = f"`{prompts.inline(name, _MAX_TITLE_CHARS)}`"
    return Subject(title, start, end, messages, definitions=beside.definitions)


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


def _uses(definitions: Sequence[Defined]) -> str:
    return prompts.uses([(one.path, shown_definition(one), one.language) for one in definitions])


def shown_definition(one: Defined) -> str:
    """A definition as a model reads it."""
    return f"{one.signature}\n{one.doc}" if one.doc else one.signature


def _room(room_chars: int, beside: Beside) -> int:
    return max(_MIN_CODE_CHARS, room_chars - len(beside.sections) - _RESERVED_CHARS)


def plain_breaks(code: str) -> str:
    """Line breaks as every model has read most of them."""
    return code.replace("\r\n", "\n").replace("\r", "\n")
