"""What the model is shown for one completion: owns ContextWindow and how the token budget is spent.

Pure: the same snapshot, offset and budget give the same window. The window is laid out so that the
next keystroke's prompt begins like this one's, which is what an endpoint with a prefix cache pays
least for: its start is snapped to a multiple of lines and moves only when that many have been typed.
"""

from __future__ import annotations

from dataclasses import dataclass

from context.document import Snapshot
from context.outline import Outline, Span

BYTES_PER_TOKEN = 3.5
"""Estimate for source code; exact counting costs milliseconds and belongs off the hot path."""

SNAP_LINES = 64
_CHARS_PER_LINE = 40
_SUFFIX_SHARE = 0.25
_HEAD_SHARE = 0.15
_BLANK_CHARS = 400


@dataclass(frozen=True, slots=True)
class Snippet:
    """A piece of another place that helps: `path` is where it stands, relative to the workspace."""

    path: str
    text: str


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """The text around the cursor that fits the budget, ready for any fill-in-the-middle layout.

    Line breaks are \\n whatever the file has. `prefix` ends where the model has to go on. One blank
    right before the cursor is kept back in `held_back`, since models trained on whole tokens answer
    junk after it; the answer must begin with it.
    """

    path: str
    language: str
    prefix: str
    suffix: str
    held_back: str = ""
    snippets: tuple[Snippet, ...] = ()


@dataclass(frozen=True, slots=True)
class Budget:
    """How many tokens the window may cost; `suffix_tokens` None gives the suffix its usual share.

    A prefix-first model reads the suffix anew at every keystroke, so an endpoint whose prompts are
    slow wants a short one.
    """

    tokens: int
    suffix_tokens: int | None = None


def n_tokens(text: str) -> int:
    """Estimated number of tokens of `text`."""
    return int(len(text.encode("utf-8", "replace")) / BYTES_PER_TOKEN) + 1


def build_window(
    snapshot: Snapshot,
    offset: int,
    budget: Budget,
    *,
    outline: Outline | None = None,
    snippets: tuple[Snippet, ...] = (),
) -> ContextWindow:
    """The window around `offset`: the suffix's share first, all the rest for the prefix.

    Where the prefix does not reach the file's beginning, the imports and the headers of the scopes
    around the cursor, as far as `outline` knows them, stand in for what is left out.
    """
    n_suffix = budget.suffix_tokens if budget.suffix_tokens is not None else int(budget.tokens * _SUFFIX_SHARE)
    suffix = snapshot.text[offset : _suffix_end(snapshot.text, offset, n_suffix)]
    n_prefix = max(16, budget.tokens - n_tokens(suffix))
    head = ""
    if outline is not None and _first_fitting(snapshot.text, offset, n_prefix):
        start = _snapped_start(snapshot, offset, int(n_prefix * (1 - _HEAD_SHARE)))
        head = _head(snapshot.text, outline, start, offset, int(n_prefix * _HEAD_SHARE))
    else:
        start = _snapped_start(snapshot, offset, n_prefix)
    prefix = _with_lf(head + snapshot.text[start:offset])
    held_back = prefix[-1] if prefix[-1:] in (" ", "\t") else ""
    return ContextWindow(
        path=snapshot.path,
        language=snapshot.language,
        prefix=prefix.removesuffix(held_back),
        suffix=_with_lf(suffix),
        held_back=held_back,
        snippets=snippets,
    )


def _head(text: str, outline: Outline, start: int, offset: int, budget_tokens: int) -> str:
    """Whole lines from before `start`: imports, then the headers of the scopes that hold `offset`."""
    spans = [*outline.imports, *_headers(text, outline, offset)]
    left = int(budget_tokens * BYTES_PER_TOKEN)
    lines: list[str] = []
    for begin, end in spans:
        piece = text[text.rfind("\n", 0, begin) + 1 : text.find("\n", end) + 1]
        left -= len(piece)
        if left < 0:
            break
        if end <= start:
            lines.append(piece)
    return "".join(lines)


def _headers(text: str, outline: Outline, offset: int) -> list[Span]:
    """The headers of the scopes around `offset`; a scope also holds the deeper blank line under its last statement."""
    before = text[max(0, offset - _BLANK_CHARS) : offset]
    last = offset - len(before) + len(before.rstrip())
    indent = _indent(text, offset)
    return [
        Span(scope.start, scope.header_end) for scope in outline.enclosing(last) if _indent(text, scope.start) < indent
    ]


def _indent(text: str, offset: int) -> int:
    """Blank characters at the beginning of the line of `offset`."""
    start = text.rfind("\n", 0, offset) + 1
    line = text[start : start + _BLANK_CHARS].split("\n", 1)[0]
    return len(line) - len(line.lstrip())


def _suffix_end(text: str, offset: int, budget_tokens: int) -> int:
    """Where the suffix ends: after its last whole line, or in the cursor's line when that alone is too long."""
    n_bytes = int(budget_tokens * BYTES_PER_TOKEN)
    piece = text[offset : offset + n_bytes].encode("utf-8", "replace")[:n_bytes].decode("utf-8", "ignore")
    end = offset + len(piece)
    if end == len(text):
        return end
    return text.rfind("\n", offset, end) + 1 or end


def _first_fitting(text: str, offset: int, budget_tokens: int) -> int:
    """The earliest place from which the text up to `offset` fits the budget."""
    n_bytes = int(budget_tokens * BYTES_PER_TOKEN)
    piece = text[max(0, offset - n_bytes) : offset].encode("utf-8", "replace")[-n_bytes:]
    return max(0, offset - len(piece.decode("utf-8", "ignore")))


def _snapped_start(snapshot: Snapshot, offset: int, budget_tokens: int) -> int:
    """Where the prefix starts: the first line that fits and whose number is a multiple of the step."""
    n_bytes = int(budget_tokens * BYTES_PER_TOKEN)
    earliest = start = _first_fitting(snapshot.text, offset, budget_tokens)
    if start == 0:
        return 0
    cursor_line = snapshot.line_start(offset)
    step = _step(n_bytes)
    n_lines = snapshot.text.count("\n", 0, start)
    for _ in range(step - n_lines % step):
        following = snapshot.text.find("\n", start, cursor_line) + 1
        if not following:
            break
        start = following
    else:
        return start
    return cursor_line if cursor_line >= earliest else _in_long_line(offset, n_bytes)


def _step(n_bytes: int) -> int:
    """Lines between two places where a window may start: at most half of what a window holds."""
    step = SNAP_LINES
    while step > 1 and step * _CHARS_PER_LINE > n_bytes // 2:
        step //= 2
    return step


def _in_long_line(offset: int, n_bytes: int) -> int:
    """A start within a line that is longer than the budget, snapped so that it stays for a while."""
    step = max(1, n_bytes // 4)
    return max(0, -(-(offset - n_bytes) // step) * step)


def _with_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
