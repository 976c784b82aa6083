"""What stands at the cursor, and whether a text fits there, by a parse of the few lines around it; pure.

Must not know the whole file's tree (that is `context.outline`) or what is done with the answer. A place is an int
offset into the text; bytes appear only in here. A parse is bounded by the length of these lines and by the parser's
own steps, not by a clock: what is slow to parse is judged the same way on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import tree_sitter
from cachetools import LRUCache, cached

from context import blocks
from context.blocks import EmptyBody
from context.document import Snapshot
from context.excerpt import Excerpt
from context.languages import Language, find
from context.parsing import parse

_MAX_STEPS = 150
"""Of about 0.06 ms on code; 200 of 1,000 half-typed places need 15 or fewer, the slowest of 7,000 needed 276."""

_MAX_LITERAL_DEPTH = 6
# The languages of which the text alone tells code from literals, but for what these find before the cursor: literals
# that go on over lines or begin in ways that only the grammar knows.
_ONLY_GRAMMAR_TELLS = {
    "python": None,
    "javascript": re.compile(r"`|/[^\n]*\Z"),
    "typescript": re.compile(r"`|/[^\n]*\Z"),
    "typescriptreact": re.compile(r"`|/[^\n]*\Z"),
    "go": None,
    "java": None,
    "c": re.compile(r"#[^\n]*\Z"),
    "cpp": re.compile(r'R"|#[^\n]*\Z'),
    "csharp": re.compile(r'[@$]"|"""'),
    "kotlin": None,
}

Fit = Literal["better", "same", "worse"]


@dataclass(frozen=True, slots=True)
class Place:
    """What stands at one offset. `empty_body`: a block stands open here and waits for its body."""

    in_comment: bool
    in_string: bool
    empty_body: EmptyBody | None


def look(snapshot: Snapshot, offset: int) -> Place:
    """What stands at `offset`, from the lines around it; parsed only where their text alone cannot tell."""
    view = _view(snapshot, offset)
    masked, language = view.excerpt.masked, view.excerpt.language
    in_comment, in_string = masked.in_comment, masked.in_string
    tree = view.tree() if language and _needs_tree(view.excerpt, language) else None
    if tree and language:
        cursor = len(_encode(view.excerpt.framed_before))
        in_comment, in_string = _literal_at(tree, cursor, language, in_comment=in_comment, in_string=in_string)
    if in_comment or in_string:
        return Place(in_comment, in_string, None)
    return Place(False, False, blocks.empty_body(masked.code, len(view.excerpt.before), language))


def owed_brackets(snapshot: Snapshot, offset: int) -> tuple[str, str]:
    """The open brackets that the document does not close: those of the statement at `offset`, and those around it.

    The innermost come first; see `brackets.owed`.
    """
    return _view(snapshot, offset).excerpt.owed


def is_among_elements(snapshot: Snapshot, offset: int) -> bool:
    """Whether `offset` is in a list of elements, of several lines, that the document closes."""
    return _view(snapshot, offset).excerpt.is_among_elements


def first_that_fits(snapshot: Snapshot, offset: int, candidates: Iterable[str]) -> str | None:
    """The first of `candidates` that adds no parse error where it is put in; None if all do.

    Where it also mends none of those that are there, a later one that does is better. Without a grammar, or where a
    parse takes too many steps, it cannot be told, and the candidate is taken.
    """
    view = _view(snapshot, offset)
    same: str | None = None
    for candidate in candidates:
        fit = view.judge(candidate)
        if fit == "better":
            return candidate
        if fit == "same" and same is None:
            same = candidate
    return same


class _View:
    """An excerpt and its tree, which is parsed when it is first asked for, and once."""

    def __init__(self, snapshot: Snapshot, offset: int) -> None:
        self.snapshot = snapshot  # held, so that no other one gets its id while the view is remembered
        self.excerpt = Excerpt(snapshot.text, offset, find(snapshot.language))
        self._trees: list[tree_sitter.Tree | None] = []

    def tree(self) -> tree_sitter.Tree | None:
        """The tree of the framed excerpt; None without a grammar or after too many steps."""
        if not self._trees:
            self._trees.append(self._parse(""))
        return self._trees[0]

    def judge(self, text: str) -> Fit:
        """What `text` does to the errors when it is put in; one that leaves none, or cannot be judged, is better."""
        with_text = self._parse(text)
        if with_text is not None and not with_text.root_node.has_error:
            return "better"
        without = self.tree()
        if without is None:
            return "better"
        if with_text is None:
            return "worse"  # what is slow to parse is full of errors, and the text has brought them
        n_with, n_without = _n_errors(with_text), _n_errors(without)
        if n_with != n_without:
            return "better" if n_with < n_without else "worse"
        row = self.excerpt.framed_before.count("\n")
        touched = any(row in (node.start_point.row, node.end_point.row) for node in _errors(without.root_node))
        return "same" if touched else "better"

    def _parse(self, text: str) -> tree_sitter.Tree | None:
        language = self.excerpt.language
        if language is None:
            return None
        return _parse(language, _encode(self.excerpt.framed(text)), fragment=self.excerpt.is_cut_above)


@cached(LRUCache(4), key=lambda snapshot, offset: (id(snapshot), offset))
def _view(snapshot: Snapshot, offset: int) -> _View:
    """The view that all that is asked of one place shares: the trigger, the cuts and the last check."""
    return _View(snapshot, offset)


def _needs_tree(excerpt: Excerpt, language: Language) -> bool:
    """Whether the text alone may be wrong about what is a literal at the end of `before`."""
    if language.name not in _ONLY_GRAMMAR_TELLS or (excerpt.masked.in_string and language.interpolations):
        return True
    pattern = _ONLY_GRAMMAR_TELLS[language.name]
    return bool(pattern and pattern.search(excerpt.masked.code[: len(excerpt.before)]))


# The tree.


def _parse(language: Language, source: bytes, *, fragment: bool) -> tree_sitter.Tree | None:
    """The tree of `source`, or None after too many steps."""
    n_steps = 0

    def is_too_much(_: int, has_error: bool) -> bool:
        nonlocal n_steps
        n_steps += 4 if has_error else 1  # the steps of error recovery are the slow ones
        return n_steps > _MAX_STEPS

    return parse(language, source, is_too_much, fragment=fragment)


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
