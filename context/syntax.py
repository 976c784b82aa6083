"""What stands at the cursor, by a parse of the few lines around it under a deadline; keeps nothing but the last views.

Must not know the whole file's tree (that is `context.outline`) or what is done with the answer. A place is an int
offset into the text; bytes appear only in here.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import tree_sitter
from cachetools import LRUCache, cached

from context import blocks, brackets
from context.blocks import EmptyBody
from context.document import Snapshot
from context.languages import Language, ScopeKind, find

_N_LINES = 20
_MAX_CHARS_PER_SIDE = 4_000
_MAX_LITERAL_DEPTH = 6
_LINE_BREAK = re.compile(r"\r\n?")  # grammars do not take a lone \r for one


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at one offset; where `parsed` is False, the text alone had to tell.

    `has_error_at_cursor`: a parse error begins on the cursor's line. `empty_body`: a block stands open here and
    waits for its body. `scope`: the kind of the innermost scope around; None if its header is too far up to be seen.
    """

    parsed: bool
    in_comment: bool
    in_string: bool
    has_error_at_cursor: bool
    is_line_blank: bool
    empty_body: EmptyBody | None
    scope: ScopeKind | None


def look(snapshot: Snapshot, offset: int, *, deadline_ms: float = 10.0) -> Place:
    """What stands at `offset`, from the lines around it."""
    view = _view(snapshot, offset)
    language, text, at = view.language, view.text, len(view.before)
    in_comment, in_string = view.masked.in_comment, view.masked.in_string
    tree = view.tree(deadline_ms)
    has_error = False
    if tree and language:
        cursor = len(_encode(view.before))
        cursor_row = view.before.count("\n")
        has_error = any(node.start_point.row == cursor_row for node in _errors(tree.root_node))
        in_comment, in_string = _literal_at(tree, cursor, language, in_comment=in_comment, in_string=in_string)
    is_code = not in_comment and not in_string
    line = text[text.rfind("\n", 0, at) + 1 :].split("\n", 1)[0]
    return Place(
        parsed=tree is not None,
        in_comment=in_comment,
        in_string=in_string,
        has_error_at_cursor=has_error,
        is_line_blank=not line.strip(),
        empty_body=blocks.empty_body(view.masked.code, at, language) if is_code else None,
        scope=blocks.scope_kind(view.masked.code, at, language, is_cut=view.is_cut),
    )


def owed_brackets(snapshot: Snapshot, offset: int) -> tuple[str, str]:
    """The open brackets that the document does not close: those of the statement at `offset`, and those around it.

    The innermost come first; see `brackets.owed`.
    """
    view = _view(snapshot, offset)
    return brackets.owed(view.masked.code, len(view.before), view.language)


def first_that_fits(snapshot: Snapshot, offset: int, candidates: Iterable[str], deadline_ms: float) -> str | None:
    """The first of `candidates` that adds no parse error where it is put in; None if all do.

    Where it also mends none of those that are there, a later one that does is better. Judged by the lines around
    `offset`, the first one by many more of them before another is preferred: where a few lines are cut off from their
    class, some grammars take the right text for the wrong one. Without a grammar, or past the deadline of one
    parse, it cannot be told, and the candidate is taken.
    """
    near = _view(snapshot, offset)
    left = iter(candidates)
    first = next(left, None)
    fit = near.judge(first, deadline_ms) if first is not None else "worse"
    if fit == "better" or first is None:
        return first
    others = list(left)
    if fit == "worse" or others:
        fit = _View(snapshot, offset, 6 * _N_LINES, 2 * _MAX_CHARS_PER_SIDE).judge(first, deadline_ms)
    if fit == "better" or (fit == "same" and not others):
        return first
    fits = [(near.judge(other, deadline_ms), other) for other in others]
    better = next((other for fit, other in fits if fit == "better"), None)
    same = first if fit == "same" else next((other for fit, other in fits if fit == "same"), None)
    return better or same


class _View:
    """The lines around one offset, with \\n for every line break: from `n_lines` to twice as many on either side.

    Masking and parsing are done when they are first asked for, and once.
    """

    def __init__(self, snapshot: Snapshot, offset: int, n_lines: int, max_chars: int) -> None:
        self.snapshot = snapshot  # held, so that no other one gets its id while the view is remembered
        self.language = find(snapshot.language)
        start, end = _window(snapshot.text, offset, n_lines, max_chars)
        if self.language:
            start = _outside_literals(snapshot.text, start, offset, self.language)
        self.is_cut = start > 0
        self.before = _LINE_BREAK.sub("\n", snapshot.text[start:offset])
        self.after = _LINE_BREAK.sub("\n", snapshot.text[offset:end])
        self._tree: tree_sitter.Tree | None = None
        self._is_parsed = False

    @cached_property
    def text(self) -> str:
        """Both sides as one."""
        return self.before + self.after

    @cached_property
    def masked(self) -> blocks.Masked:
        """The text without comments and what strings hold."""
        return blocks.mask(self.text, len(self.before), self.language)

    def tree(self, deadline_ms: float) -> tree_sitter.Tree | None:
        """The tree of the text; None without a grammar or past the deadline."""
        if not self._is_parsed and self.language:
            self._tree = _parse(self.language, _encode(self.text), deadline_ms, fragment=self.is_cut)
        self._is_parsed = True
        return self._tree

    def judge(self, text: str, deadline_ms: float) -> Literal["better", "same", "worse"]:
        """What `text` does to the errors when it is put in; one that leaves none, or cannot be judged, is better."""
        if self.language is None:
            return "better"
        with_text = self._parse_with(self.language, text, deadline_ms)
        n_with = _n_errors(with_text) if with_text else 0
        if not n_with:
            return "better"
        without = self.tree(deadline_ms)
        n_without = _n_errors(without) if without else None
        if n_without is None or n_with < n_without:
            return "better"
        return "same" if n_with == n_without else "worse"

    def _parse_with(self, language: Language, text: str, deadline_ms: float) -> tree_sitter.Tree | None:
        """The tree with `text` put in; where the tree without it is there, only what differs is parsed."""
        before, middle = _encode(self.before), _encode(text)
        source = before + middle + _encode(self.after)
        if self._tree is None:
            return _parse(language, source, deadline_ms, fragment=self.is_cut)
        old = self._tree.copy()
        place, end = _point(before), _point(before + middle)
        old.edit(len(before), len(before), len(before) + len(middle), place, place, end)
        return _parse(language, source, deadline_ms, fragment=self.is_cut, old=old)


@cached(LRUCache(4), key=lambda snapshot, offset: (id(snapshot), offset))
def _view(snapshot: Snapshot, offset: int) -> _View:
    """The view that all that is asked of one place shares: the trigger, the cuts and the last check."""
    return _View(snapshot, offset, _N_LINES, _MAX_CHARS_PER_SIDE)


# The window.


def _window(text: str, offset: int, n_lines: int, max_chars: int) -> tuple[int, int]:
    """From where to where to parse: cut at lines unless they are too long. `max_chars` is for one side."""
    floor, ceiling = max(0, offset - max_chars), min(len(text), offset + max_chars)
    above = text[floor:offset].splitlines(keepends=True)
    below = text[offset:ceiling].splitlines(keepends=True)
    if floor and len(above) > 1:
        above = above[1:]
    if ceiling < len(text) and len(below) > 1:
        below = below[:-1]
    n_above = _shallowest(above[::-1], n_lines)
    n_below = _shallowest(below, n_lines)
    return offset - sum(map(len, above[len(above) - n_above :])), offset + sum(map(len, below[:n_below]))


def _shallowest(lines: list[str], n_lines: int) -> int:
    """How many of `lines`, nearest first, to take: n to 2n, so that the last one stands as far left as possible.

    A cut between two functions leaves few brackets without their partner.
    """
    if len(lines) <= n_lines:
        return len(lines)
    widths = [
        (len(line) - len(line.lstrip()), n)
        for n, line in enumerate(lines[: 2 * n_lines], 1)
        if n > n_lines and line.strip()
    ]
    return min(widths)[1] if widths else n_lines


def _outside_literals(text: str, start: int, offset: int, language: Language) -> int:
    """`start`, or where to start instead if that is within a long string or a block comment.

    Begun in there, all that is code would be read as string and the other way round. Long quotes are counted, and
    a block comment is believed if it stands first on its line: quick, and seldom wrong.
    """
    for opening, closing in _long_literals(language):
        begin = text.rfind(opening, 0, start)
        if begin < 0:
            continue
        if opening == closing:
            is_inside = text.count(opening, 0, start) % 2 == 1
        else:
            stands_first = not text[text.rfind("\n", 0, begin) + 1 : begin].strip()
            is_inside = stands_first and text.find(closing, begin + len(opening), start) < 0
        if not is_inside:
            continue
        end = text.find(closing, start, offset)
        if end >= 0:
            return end + len(closing)
        return begin if offset - begin <= 2 * _MAX_CHARS_PER_SIDE else start
    return start


def _long_literals(language: Language) -> list[tuple[str, str]]:
    block = [language.block_comment] if language.block_comment else []
    return [*block, *((quote, quote) for quote in language.quotes if len(quote) == 3)]


# The tree.


def _parse(
    language: Language, source: bytes, deadline_ms: float, *, fragment: bool, old: tree_sitter.Tree | None = None
) -> tree_sitter.Tree | None:
    """The tree of `source`, or None past the deadline.

    The deadline is only looked at when the source is a callback. The parser is a new one each time (1 us): after a
    stop, one that is used again would go on with the old text.
    """
    stop_at = time.perf_counter() + deadline_ms / 1000
    parser = tree_sitter.Parser(language.grammar(fragment=fragment))

    def piece(byte: int, _: object) -> bytes:
        return source[byte : byte + 4096]

    def is_late(_: int, has_error: bool) -> bool:
        return time.perf_counter() > stop_at

    try:
        if old is not None:
            return parser.parse(piece, old, progress_callback=is_late)
        return parser.parse(piece, progress_callback=is_late)
    except ValueError:
        return None


def _point(before: bytes) -> tuple[int, int]:
    """Row and byte column of the end of `before`, as the parser counts them."""
    return before.count(b"\n"), len(before) - before.rfind(b"\n") - 1


def _n_errors(tree: tree_sitter.Tree) -> int:
    return sum(1 for _ in _errors(tree.root_node))


def _encode(text: str) -> bytes:
    """UTF-8 with lone surrogates; NUL, which some grammars stop at for long, becomes a blank."""
    return text.encode("utf-8", "surrogatepass").replace(b"\0", b" ")


def _errors(root: tree_sitter.Node) -> Iterator[tree_sitter.Node]:
    """Every ERROR and MISSING node; only the broken branches are visited, and the stack is no Python recursion."""
    pending = [root]
    while pending:
        node = pending.pop()
        if node.is_error or node.is_missing:
            yield node
        if node.has_error:
            pending.extend(child for child in node.children if child.has_error)


def _literal_at(
    tree: tree_sitter.Tree, cursor: int, language: Language, *, in_comment: bool, in_string: bool
) -> tuple[bool, bool]:
    """Whether byte `cursor` is in a comment or a string by the tree, or by the text (as given) where that is broken."""
    node = tree.root_node.descendant_for_byte_range(cursor - 1, cursor) if cursor else None
    for _ in range(_MAX_LITERAL_DEPTH):
        if node is None or node.is_error:
            break
        if node.type in language.interpolations:
            return False, False
        if node.type in language.comments:
            return cursor < node.end_byte or in_comment, False
        if node.type in language.strings:
            return False, cursor < node.end_byte or in_string
        node = node.parent
    if tree.root_node.has_error:
        return in_comment, in_string
    return False, in_string and not language.strings
