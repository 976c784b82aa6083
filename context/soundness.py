"""Whether a text is as sound after a change as it was before: counts parse errors, scopes, comments; knows no model."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

import tree_sitter

from context.languages import Language, find
from context.outline import IncrementalTree, Outline
from context.parsable import is_parsable

MAX_PARSED_CHARS = 150_000
"""A longer text would hold the interpreter for more than some 40 ms; of it nothing is said."""

_MIN_COMMENT_CHARS = 2


def outline_of(text: str, language_id: str) -> Outline | None:
    """The scopes, imports and number of errors of a whole text; None without a grammar or where it is too long."""
    language = find(language_id)
    if language is None or len(text) > MAX_PARSED_CHARS:
        return None
    return IncrementalTree(language, _encode(text)).outline(deadline_ms=500)


def comments_of(text: str, language_id: str) -> Counter[str]:
    """The lines of all comments of a stretch of text, without their marks; empty without a grammar."""
    language = find(language_id)
    if language is None or len(text) > MAX_PARSED_CHARS:
        return Counter()
    source = _encode(text)
    found: Counter[str] = Counter()
    for node in _comments(source, language):
        comment = source[node.start_byte : node.end_byte].decode("utf-8", "replace")
        words = (re.sub(r"^[\s/*#;-]+|[\s/*-]+$", "", line) for line in comment.splitlines())
        found.update(line for line in words if len(line) >= _MIN_COMMENT_CHARS)
    return found


def _comments(source: bytes, language: Language) -> Iterator[tree_sitter.Node]:
    """Every comment's node; the stack is no Python recursion."""
    if not is_parsable(language.name, source):
        return
    pending = [tree_sitter.Parser(language.grammar(fragment=True)).parse(source).root_node]
    while pending:
        node = pending.pop()
        if node.type in language.comments:
            yield node
        elif node.child_count:
            pending.extend(node.children)


def _encode(text: str) -> bytes:
    """UTF-8 as grammars take it: they stop at NUL for long, and know no carriage return that ends a line alone."""
    return re.sub(r"\r(?!\n)", "\n", text).encode("utf-8", "surrogatepass").replace(b"\0", b" ")
