"""What of a raw answer is shown: owns the cuts and the checks; pure, so it can be asked at every piece of a stream.

An answer is looked at line by line. It ends where its block ends, where it begins to repeat what
follows the cursor, or at the line budget; then what the document already has behind the cursor is
taken off its end.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from context import Snapshot
from lsp_server.completion.trigger import Trigger

_CLOSING_LINE = re.compile(r"^\s*(?:[)\]}]+[;,)]*|end|done|fi|esac)\s*$")
_PAIRS = {")": "(", "]": "[", "}": "{"}
_MIN_REPEATED_CHARS = 8
_MIN_SAID_AGAIN_CHARS = 4
_MAX_EQUAL_LINES = 3


@dataclass(frozen=True, slots=True)
class _Around:
    """The text that a completion has to fit: the cursor's line and the nearest lines that are not blank."""

    before: str
    rest: str
    line_above: str
    line_below: str

    @classmethod
    def of(cls, snapshot: Snapshot, offset: int) -> _Around:
        text, end = snapshot.text, snapshot.line_end(offset)
        start = snapshot.line_start(offset)
        above = text[max(0, start - 1_000) : start].rstrip()
        below = text[end : end + 1_000].lstrip("\r\n \t")
        below_start = len(text[end : end + 1_000]) - len(below) + end
        return cls(
            before=text[start:offset],
            rest=text[offset:end],
            line_above=re.split(r"[\r\n]", above)[-1],
            line_below=text[snapshot.line_start(below_start) : snapshot.line_end(below_start)] if below else "",
        )


def release(raw: str, held_back: str, line: str = "") -> str:
    """The answer from the cursor on, where `line` is what stands before the cursor on its line.

    `held_back` stands there already, so it must come first in `raw`; some models say the whole line again.
    """
    text = raw.replace("\r\n", "\n")
    said_again = line.strip()
    if len(said_again) >= _MIN_SAID_AGAIN_CHARS and text.lstrip().startswith(said_again):
        return text.lstrip()[len(said_again) :].removeprefix(held_back)
    if not held_back or text.startswith("\n"):
        return text
    return text[1:] if text[0:1] == held_back else ""


def is_whole(text: str, snapshot: Snapshot, offset: int, trigger: Trigger) -> bool:
    """Whether nothing that is still to come would be shown, so that the stream can be closed."""
    return _cut(text, _Around.of(snapshot, offset), trigger, is_last_line_whole=False)[1]


def refine(text: str, snapshot: Snapshot, offset: int, trigger: Trigger) -> str | None:
    """The text to insert at `offset`, its line breaks \\n as editors want it; None where nothing is worth showing."""
    around = _Around.of(snapshot, offset)
    kept, _ = _cut(text, around, trigger, is_last_line_whole=True)
    kept = _without_what_follows(kept, around.rest)
    kept = "\n".join(line.rstrip() for line in kept.split("\n")).rstrip()
    if not kept.strip() or _repeats_neighbour(kept, around):
        return None
    return kept


def _cut(text: str, around: _Around, trigger: Trigger, *, is_last_line_whole: bool) -> tuple[str, bool]:
    """The lines that belong to the completion, and whether something after them was left out."""
    if not around.before.strip():
        text = _without_leading_blank_lines(text, around.before)
    lines = text.split("\n")
    n_judged = len(lines) if is_last_line_whole else len(lines) - 1
    if trigger.max_lines == 1:
        return lines[0], n_judged > 0 and len(lines) > 1
    for i in range(1, n_judged):
        line = lines[i]
        if i >= trigger.max_lines or _is_repetition(lines, i):
            return "\n".join(lines[:i]), True
        if not line.strip():
            continue
        if _is_same_line(line, around.line_below):
            return "\n".join(lines[:i]), True
        if _width(line) <= trigger.block_indent:
            ends_block = bool(_CLOSING_LINE.match(line)) and _width(line) == trigger.block_indent
            return "\n".join(lines[: i + ends_block]), True
    return text, False


def _without_leading_blank_lines(text: str, indent: str) -> str:
    """Many models go on with a fresh line although the cursor is on one."""
    stripped = text.lstrip("\n")
    return stripped.removeprefix(indent) if stripped != text else text


def _is_repetition(lines: list[str], i: int) -> bool:
    """Whether the model has begun to say the same line over and over."""
    line = lines[i].strip()
    return (
        bool(line)
        and i >= _MAX_EQUAL_LINES
        and all(before.strip() == line for before in lines[i - _MAX_EQUAL_LINES : i])
    )


def _is_same_line(line: str, other: str) -> bool:
    """Whether the document goes on with this line; a lone closing mark must also stand at the same depth."""
    if line.strip() != other.strip():
        return False
    return _width(line) == _width(other) or not _CLOSING_LINE.match(line)


def _without_what_follows(text: str, rest: str) -> str:
    """Takes off the end of `text` what stands right behind the cursor already."""
    following = rest.strip()
    if not following:
        return text
    unmatched = _first_unmatched_closer(text)
    if unmatched is not None and following[0] in _PAIRS:
        tail = text[unmatched:].rstrip()
        if following.startswith(tail) or tail.startswith(following):
            return text[:unmatched]
    cut = text.rstrip().removesuffix(following)
    # Where it is said twice, which one is meant cannot be told.
    return text if following[0] in _PAIRS or cut.rstrip().endswith(following) else cut


def _first_unmatched_closer(text: str) -> int | None:
    """Where the first bracket closes that `text` itself did not open; brackets in string literals do not count."""
    opened: list[str] = []
    quote = ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[i - 1] != "\\" else quote
        elif char in "\"'`":
            quote = char
        elif char in _PAIRS.values():
            opened.append(char)
        elif char in _PAIRS:
            if not opened:
                return i
            opened.pop()
    return None


def _repeats_neighbour(text: str, around: _Around) -> bool:
    """Whether the completion only says again what the next line, or the line above, says."""
    whole = (around.before + text.split("\n", maxsplit=1)[0]).strip()
    if "\n" not in text and whole == around.line_below.strip():
        return True
    return len(whole) >= _MIN_REPEATED_CHARS and not around.before.strip() and whole == around.line_above.strip()


def _width(line: str) -> int:
    """Columns of indentation, a tab being four."""
    blank = line[: len(line) - len(line.lstrip())]
    return len(blank.expandtabs(4))
