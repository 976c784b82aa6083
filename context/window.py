"""What the model is shown for one completion: owns ContextWindow and how the token budget is spent.

Pure: the same snapshot, offset, budget and snippets give the same window. The window is laid out so that the
next keystroke's prompt begins like this one's, which is what an endpoint with a prefix cache pays least for: its
start is snapped to a multiple of lines and moves only when that many have been typed, and snippets stand in the
order they are given in, which `steady` keeps.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple

from context.document import Snapshot
from context.outline import Outline, Span
from context.tokens import MARGIN, UNKNOWN_RATE, n_line_tokens, n_lines_tokens, n_tokens

__all__ = ["Budget", "ContextWindow", "Snippet", "build_window", "n_tokens"]

SNAP_LINES = 64
_SUFFIX_SNAP_LINES = 16
_TOKENS_PER_SNAP = 24
_SUFFIX_SHARE = 0.25
_SNIPPET_STEPS = 4
_HEAD_SHARE = 0.15
SNIPPET_SHARE = 0.55
"""Of a prompt's tokens, where the document alone would fill it."""

_PATH_TOKENS = 3
_MAX_BYTES_PER_TOKEN = 8
_BLANK_CHARS = 400


@dataclass(frozen=True, slots=True)
class Snippet:
    """Whole lines of another place that help: `path` is where they stand, relative to the workspace.

    `line` is the first one's number, from 0 on. `origin` says in a word or two why they are shown.
    """

    path: str
    text: str
    line: int = 0
    origin: str = ""


@dataclass(frozen=True, slots=True)
class ContextWindow:
    """The text around the cursor that fits the budget, ready for any fill-in-the-middle layout.

    Line breaks are \\n whatever the file has. `prefix` ends where the model has to go on. One blank
    right before the cursor is kept back in `held_back`, since models trained on whole tokens answer
    junk after it; the answer must begin with it. Neighbouring snippets of one path are one. The first `n_head`
    characters of `prefix` stand in for what was left out before the rest.
    """

    path: str
    language: str
    prefix: str
    suffix: str
    held_back: str = ""
    snippets: tuple[Snippet, ...] = ()
    n_head: int = 0


@dataclass(frozen=True, slots=True)
class Budget:
    """How many tokens the window may cost; `suffix_tokens` None gives the suffix its usual share.

    A prefix-first model reads the suffix anew at every keystroke, so an endpoint whose prompts are
    slow wants a short one. `rate` is the model's own tokens per estimated one, as a TokenRate learns it.
    """

    tokens: int
    suffix_tokens: int | None = None
    rate: float = UNKNOWN_RATE

    @classmethod
    def of_estimated(cls, tokens: float, rate: float) -> Budget:
        """The budget that has so many estimated tokens."""
        return cls(int(tokens * rate * MARGIN), rate=rate)

    @property
    def estimated(self) -> float:
        """The same in estimated tokens, with a margin for what an estimate does not know."""
        return self.tokens / (self.rate * MARGIN)


def build_window(
    snapshot: Snapshot,
    offset: int,
    budget: Budget,
    *,
    outline: Outline | None = None,
    snippets: Sequence[Snippet] = (),
) -> ContextWindow:
    """The window around `offset`, and as many of `snippets`, the best first, as their share of the budget holds.

    Snippets of the snapshot's own path are lines of it, which are shown where the window does not hold them
    anyway. Where the prefix does not reach the file's beginning, they, the imports and the headers of the scopes
    around the cursor, as far as `outline` knows them, stand in for what is left out.
    """
    text = snapshot.text
    frame = _frame(
        snapshot, offset, budget, _spent_on(snippets, budget.estimated * SNIPPET_SHARE), has_head=outline is not None
    )
    own, others = _chosen(snapshot, frame, snippets)
    head = _head(text, outline, frame, offset) if outline and frame.start else []
    tail = [span for span in own if span.start >= frame.end] if budget.suffix_tokens is None else []
    above = _with_lf(_lines(text, [*head, *(span for span in own if span.end <= frame.start)]))
    prefix = above + _with_lf(text[frame.start : offset])
    held_back = prefix[-1] if prefix[-1:] in (" ", "\t") else ""
    return ContextWindow(
        path=snapshot.path,
        language=snapshot.language,
        prefix=prefix.removesuffix(held_back),
        suffix=_with_lf(text[offset : frame.end] + _lines(text, tail)),
        held_back=held_back,
        snippets=others,
        n_head=len(above),
    )


def shown_lines(snapshot: Snapshot, offset: int, budget: Budget) -> range:
    """The lines that a window with snippets shows, so that nobody looks for snippets among them."""
    frame = _frame(snapshot, offset, budget, room_for_snippets(snapshot.text, budget), has_head=True)
    first = snapshot.text.count("\n", 0, frame.start)
    return range(first, first + snapshot.text.count("\n", frame.start, frame.end) + 1)


def room_for_snippets(text: str, budget: Budget) -> float:
    """How many estimated tokens snippets may cost beside a document: their share, or all that it leaves."""
    total = budget.estimated
    n_own = n_tokens(text) if len(text) < total * _MAX_BYTES_PER_TOKEN else total
    return max(total * SNIPPET_SHARE, total - n_own)


class _Frame(NamedTuple):
    """From where to where the text around the cursor is shown, and the tokens that its head and snippets may have."""

    start: int
    end: int
    n_head: float
    n_snippets: float


def _frame(snapshot: Snapshot, offset: int, budget: Budget, n_snippets: float, *, has_head: bool) -> _Frame:
    text, total = snapshot.text, budget.estimated
    core = total - min(n_snippets, total * SNIPPET_SHARE)
    n_suffix = core * _SUFFIX_SHARE
    if budget.suffix_tokens is not None:
        n_suffix = min(core, budget.suffix_tokens * total / budget.tokens)
    end, after = _last_fitting(text, offset, n_suffix)
    start, before = _first_fitting(text, offset, core - after)
    if start:
        n_head = (core - after) * _HEAD_SHARE if has_head else 0.0
        return _Frame(_snapped_start(snapshot, offset, core - after - n_head), end, n_head, total - core)
    if budget.suffix_tokens is None:
        end, after = _last_fitting(text, offset, core - before)
        end = _snapped_end(text, offset, end)
    return _Frame(start, end, 0.0, total - before - after)


def n_path_tokens(path: str) -> float:
    """What it costs to say where snippets come from; one path's own that stand side by side say it once."""
    return n_line_tokens(path) + _PATH_TOKENS


def _spent_on(snippets: Sequence[Snippet], most: float) -> float:
    """Room for all snippets together, `most` at most: in large steps, so that one more does not move the window."""
    step = most / _SNIPPET_STEPS
    spent = 0.0
    for snippet in snippets:
        spent += n_lines_tokens(snippet.text)
        if spent >= most:
            return most
    return min(most, math.ceil(spent / step) * step) if step else 0.0


def _chosen(snapshot: Snapshot, frame: _Frame, snippets: Sequence[Snippet]) -> tuple[list[Span], tuple[Snippet, ...]]:
    """The snippets that fit: those of the snapshot itself as spans of its text, the others joined."""
    own: list[Span] = []
    others: list[Snippet] = []
    left, spans = frame.n_snippets, _own_spans(snapshot, snippets)
    for snippet in snippets:
        cost = n_lines_tokens(snippet.text)
        if snippet.path == snapshot.path:
            span = spans.get((snippet.line, snippet.text))
            if span is not None and cost <= left and (span.end <= frame.start or span.start >= frame.end):
                own.append(span)
                left -= cost
            continue
        if not others or others[-1].path != snippet.path:
            cost += n_path_tokens(snippet.path)
        if cost <= left:
            others.append(snippet)
            left -= cost
    return own, _joined(others)


def _own_spans(snapshot: Snapshot, snippets: Iterable[Snippet]) -> dict[tuple[int, str], Span]:
    """Where those snippets that are lines of the snapshot stand in it, by line and text.

    They are looked for by what they say, each behind the one before it: numbering every line would cost more than
    all the rest.
    """
    text, at = snapshot.text, 0
    own = sorted({(one.line, one.text) for one in snippets if one.path == snapshot.path})
    is_crlf = bool(own) and "\r\n" in text[: 4 * _BLANK_CHARS]
    spans = {}
    for key in own:
        lines = key[1].replace("\n", "\r\n") if is_crlf else key[1]
        if text.startswith(lines):
            spans[key] = Span(0, len(lines))
            continue
        found = text.find(f"\n{lines}", max(0, at - 1)) + 1 or text.find(f"\n{lines}") + 1
        if found:
            at = found + len(lines)
            spans[key] = Span(found, at)
    return spans


def _joined(snippets: Iterable[Snippet]) -> tuple[Snippet, ...]:
    """Neighbours of one path as one, in the order they were given: who gives them knows which were shown before."""
    groups = (list(group) for _, group in groupby(snippets, lambda snippet: snippet.path))
    return tuple(
        Snippet(found[0].path, "".join(one.text for one in found), found[0].line, ", ".join(_origins(found)))
        for found in (sorted(group, key=lambda snippet: snippet.line) for group in groups)
    )


def _origins(snippets: Iterable[Snippet]) -> Iterable[str]:
    return dict.fromkeys(snippet.origin for snippet in snippets if snippet.origin)


def _lines(text: str, spans: Iterable[Span]) -> str:
    """The whole lines that these spans touch, each once, in order."""
    pieces, shown = [], 0
    for span in sorted(spans):
        begin = max(shown, text.rfind("\n", 0, span.start) + 1)
        shown = max(shown, text.find("\n", max(span.start, span.end - 1)) + 1 or len(text))
        pieces.append(text[begin:shown])
    return "".join(pieces)


def _head(text: str, outline: Outline, frame: _Frame, offset: int) -> list[Span]:
    """What stands in for the text before the start: the headers of the scopes that hold `offset`, then the imports."""
    spans, left = [], frame.n_head
    for span in (*_headers(text, outline, offset), *outline.imports):
        if span.end > frame.start:
            continue
        left -= n_lines_tokens(_lines(text, [span]))
        if left < 0:
            break
        spans.append(span)
    return spans


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


def _last_fitting(text: str, offset: int, budget_tokens: float) -> tuple[int, float]:
    """Where what fits of the text from `offset` on ends, and its tokens: after a line, unless the first is too long."""
    piece = text[offset : offset + int(budget_tokens * _MAX_BYTES_PER_TOKEN) + 1]
    lines = piece.split("\n")
    if offset + len(piece) < len(text) and len(lines) > 1:
        lines.pop()
    n_fitting, spent = _n_fitting(lines, budget_tokens)
    if not n_fitting:
        return offset + _chars_fitting(lines[0], budget_tokens), budget_tokens
    return min(len(text), offset + sum(map(len, lines[:n_fitting])) + n_fitting), spent


def _first_fitting(text: str, offset: int, budget_tokens: float) -> tuple[int, float]:
    """The earliest place from which the text up to `offset` fits, and its tokens: a line's start, if the last fits."""
    earliest = max(0, offset - int(budget_tokens * _MAX_BYTES_PER_TOKEN) - 1)
    lines = text[earliest:offset].split("\n")
    if earliest and len(lines) > 1:
        lines.pop(0)
    n_fitting, spent = _n_fitting(lines[::-1], budget_tokens)
    if not n_fitting:
        return offset - _chars_fitting(lines[-1], budget_tokens), budget_tokens
    return offset - sum(map(len, lines[-n_fitting:])) - n_fitting + 1, spent


def _n_fitting(lines: Sequence[str], budget_tokens: float) -> tuple[int, float]:
    """How many of these lines fit, from the first on, and their tokens."""
    spent = 0.0
    for n, line in enumerate(lines):
        cost = n_line_tokens(line)
        if spent + cost > budget_tokens:
            return n, spent
        spent += cost
    return len(lines), spent


def _chars_fitting(line: str, budget_tokens: float) -> int:
    """About how much of a line that is too long fits."""
    return int(len(line) * budget_tokens / max(budget_tokens, n_line_tokens(line)))


def _snapped_start(snapshot: Snapshot, offset: int, budget_tokens: float) -> int:
    """Where the prefix starts: the first line that fits and whose number is a multiple of the step."""
    text = snapshot.text
    start, _ = _first_fitting(text, offset, budget_tokens)
    cursor_line = text.rfind("\n", 0, offset) + 1
    if start > cursor_line:
        return _in_long_line(offset, offset - start)
    step = _step(budget_tokens)
    n_fitting = text.count("\n", start, cursor_line)
    while step > max(1, n_fitting // 2):  # where lines are long, a step must not leave out more than half of them
        step //= 2
    n_lines = text.count("\n", 0, start)
    for _ in range(-n_lines % step):
        start = text.find("\n", start, cursor_line) + 1 or cursor_line
    return start


def _snapped_end(text: str, offset: int, end: int) -> int:
    """Where the suffix ends: what is typed above takes from its room, and must not shorten it with every line."""
    if end == len(text) or text[end - 1] != "\n":
        return end
    n_below = text.count("\n", offset, end)
    step = _SUFFIX_SNAP_LINES
    while step > max(1, n_below // 3):
        step //= 2
    for _ in range(text.count("\n", 0, end) % step):
        end = text.rfind("\n", offset, end - 1) + 1
    return end


def _step(budget_tokens: float) -> int:
    """Lines between two places where a window may start: about a third of what it holds."""
    step = SNAP_LINES
    while step > 1 and step * _TOKENS_PER_SNAP > budget_tokens:
        step //= 2
    return step


def _in_long_line(offset: int, n_chars: int) -> int:
    """A start within a line that is longer than the budget, snapped so that it stays for a while."""
    step = max(1, n_chars // 4)
    return max(0, -(-(offset - n_chars) // step) * step)


def _with_lf(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")
