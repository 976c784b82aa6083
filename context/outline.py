"""The whole file's scopes and imports: owns the incremental tree and the Outline it leaves; knows no editor or cursor.

A whole-file parse takes up to a tenth of a second for 10,000 lines and holds the interpreter's lock all the while, so
IncrementalTree belongs into a process of its own; an Outline is cheap, frozen and picklable.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache
from itertools import accumulate
from typing import NamedTuple

import tree_sitter

from context.document import Edit
from context.languages import Language, ScopeKind
from context.parsing import parse

_CONTINUATION_BYTES = bytes(range(0x80, 0xC0))
_MAX_DECLARATOR_DEPTH = 6
# The nodes that bind a function value to a name, and the fields that hold it.
_BINDINGS = ("variable_declarator", "pair", "assignment_expression", "field_definition", "public_field_definition")
_BOUND_FIELDS = ("name", "key", "left", "property")


class Span(NamedTuple):
    """A stretch of text, as offsets."""

    start: int
    end: int


class Scope(NamedTuple):
    """A class, function or module with a body: offsets of the whole, and where its header ends, before the body."""

    kind: ScopeKind
    name: str
    start: int
    end: int
    header_end: int


@dataclass(frozen=True, slots=True)
class Outline:
    """What a file is made of; scopes and imports in document order, an outer scope before those inside it."""

    scopes: tuple[Scope, ...] = ()
    imports: tuple[Span, ...] = ()
    n_errors: int = 0

    def enclosing(self, offset: int) -> tuple[Scope, ...]:
        """The scopes around `offset`, outermost first; a scope's own ends count as inside."""
        return tuple(scope for scope in self.scopes if scope.start <= offset <= scope.end)

    def around(self, offset: int) -> Outline:
        """The part that belongs to one place: the imports and the scopes around it."""
        return Outline(self.enclosing(offset), self.imports, self.n_errors)

    def shifted(self, edit: Edit) -> Outline:
        """The same outline after `edit`: places behind it move, what it deleted closes up, nothing new is found."""
        start, end, moved = edit.start, edit.end, len(edit.text) - (edit.end - edit.start)

        def at(offset: int) -> int:
            if offset < start:
                return offset
            return offset + moved if offset >= end else start

        def moved_scope(scope: Scope) -> Scope:
            kind, name, begin, until, header_end = scope
            if begin >= end:  # by far the most
                return Scope(kind, name, begin + moved, until + moved, header_end + moved)
            return Scope(kind, name, at(begin), at(until), at(header_end))

        scopes = tuple([scope if scope.end < start else moved_scope(scope) for scope in self.scopes])
        imports = tuple([span if span.end < start else Span(at(span.start), at(span.end)) for span in self.imports])
        return Outline(scopes, imports, self.n_errors)


class IncrementalTree:
    """One file's bytes (UTF-8) and its tree, which is parsed anew only where the bytes have changed."""

    def __init__(self, language: Language, text: bytes) -> None:
        self._language = language
        self._text = text.replace(b"\0", b" ")  # some grammars stop at NUL for long
        self._tree: tree_sitter.Tree | None = None

    @property
    def text(self) -> bytes:
        """The bytes as they are now, NUL as a blank."""
        return self._text

    @property
    def tree(self) -> tree_sitter.Tree | None:
        """The last tree, moved along with the edits since; None before the first outline or after a late one."""
        return self._tree

    def edit(self, start_byte: int, old_end_byte: int, new_bytes: bytes) -> None:
        """Replaces bytes, without a parse. Rows are counted here: for the parser only `\\n` ends one."""
        before, new_bytes = self._text, new_bytes.replace(b"\0", b" ")
        after = before[:start_byte] + new_bytes + before[old_end_byte:]
        new_end_byte = start_byte + len(new_bytes)
        if self._tree:
            self._tree.edit(
                start_byte,
                old_end_byte,
                new_end_byte,
                _point(before, start_byte),
                _point(before, old_end_byte),
                _point(after, new_end_byte),
            )
        self._text = after

    def outline(self, deadline_ms: float = 2_000.0) -> Outline | None:
        """The outline of the text as it is now, or None if it cannot be parsed by the deadline."""
        stop_at = time.perf_counter() + deadline_ms / 1000
        self._tree = parse(
            self._language, self._text, lambda _byte, _has_error: time.perf_counter() > stop_at, before=self._tree
        )
        return _outline(self._tree, self._language, self._text) if self._tree is not None else None


def _outline(tree: tree_sitter.Tree, language: Language, text: bytes) -> Outline:
    captures = tree_sitter.QueryCursor(_query(language)).captures(tree.root_node)
    errors = [*captures.pop("error", ()), *captures.pop("missing", ())]
    imports = captures.pop("import", [])
    captures.pop("_name", None)
    # One-line callbacks without a name are no landmarks; `class` and `module` are also bare keywords.
    nodes = [
        (node, kind)
        for kind in ("module", "class", "function")
        for node in captures.get(kind, ())
        if node.is_named and (_name(node, text) or node.start_point.row != node.end_point.row)
    ]
    nodes.sort(key=lambda pair: (pair[0].start_byte, -pair[0].end_byte))
    places = _Places(text)
    scopes = tuple(
        Scope(
            kind,  # type: ignore[arg-type]  # the captures are named after the kinds
            _name(node, text),
            places.offset(node.start_byte),
            places.offset(node.end_byte),
            places.offset(_header_end(node)),
        )
        for node, kind in nodes
    )
    imports.sort(key=lambda node: node.start_byte)
    spans = tuple(Span(places.offset(node.start_byte), places.offset(node.end_byte)) for node in imports)
    return Outline(scopes, spans, len(errors))


@cache
def _query(language: Language) -> tree_sitter.Query:
    scopes = " ".join(f"({pattern}) @{kind}" for pattern, kind in language.scopes.items())
    return tree_sitter.Query(language.grammar(), f"{scopes} {language.imports} (ERROR) @error (MISSING) @missing")


def _name(node: tree_sitter.Node, text: bytes) -> str:
    """The declared name; a function value has the name it is bound to."""
    named = node
    for _ in range(_MAX_DECLARATOR_DEPTH):
        name = named.child_by_field_name("name")
        deeper = name or named.child_by_field_name("declarator") or named.child_by_field_name("type")
        if deeper is None:
            break
        if name or deeper.named_child_count == 0:
            return _slice(deeper, text)
        named = deeper
    parent = node.parent
    if parent is None or parent.type not in _BINDINGS:
        return ""
    bound = next((child for field in _BOUND_FIELDS if (child := parent.child_by_field_name(field))), None)
    return _slice(bound, text) if bound else ""


def _slice(node: tree_sitter.Node, text: bytes) -> str:
    """The node's text; a tree parsed through a callback does not hold it itself."""
    return text[node.start_byte : node.end_byte].decode("utf-8", "replace")


def _header_end(node: tree_sitter.Node) -> int:
    """Where the last token before the body ends; a scope without a body is all header."""
    body = node.child_by_field_name("body") or next(
        (child for child in reversed(node.named_children) if child.type.endswith(("body", "block"))), None
    )
    before = body.prev_sibling if body else None
    while before and before.type.endswith("comment"):
        before = before.prev_sibling
    return before.end_byte if before else node.end_byte


def _point(text: bytes, byte: int) -> tree_sitter.Point:
    return tree_sitter.Point(text.count(b"\n", 0, byte), byte - (text.rfind(b"\n", 0, byte) + 1))


class _Places:
    """Turns byte offsets into str offsets, by the number of characters before each block of bytes."""

    _BLOCK = 1024

    def __init__(self, text: bytes) -> None:
        self._text = text
        self._is_ascii = text.isascii()
        blocks = () if self._is_ascii else range(0, len(text), self._BLOCK)
        self._before = [0, *accumulate(_n_chars(text[at : at + self._BLOCK]) for at in blocks)]

    def offset(self, byte: int) -> int:
        if self._is_ascii:
            return byte
        block = byte // self._BLOCK
        return self._before[block] + _n_chars(self._text[block * self._BLOCK : byte])


def _n_chars(text: bytes) -> int:
    """Characters begin with every byte that continues none; holds for surrogates and for bytes cut at any place."""
    return len(text.translate(None, _CONTINUATION_BYTES))
