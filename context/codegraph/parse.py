"""From bytes to a tree, under a deadline: owns the parser's quirks; keeps nothing."""

from __future__ import annotations

import re
import time

import tree_sitter

from context.languages import Language

# A macro between `class` and the name, which the grammar takes for the name.
_CLASS_MACRO = re.compile(rb"\b((?:class|struct)\s+)([A-Z][A-Z0-9_]+)(?=\s+\w+\s*(?:final\s*)?[:{])")


def parse(language: Language, source: bytes, stop_at: float) -> tree_sitter.Tree | None:
    """The tree, or None once the thread's CPU time is `stop_at`, which is only looked at as the source is a callback.

    The parser is a new one each time (1 us): after a stop, one that is used again would go on with the old text.
    """
    parser = tree_sitter.Parser(language.grammar())
    if language.name == "cpp":
        source = _CLASS_MACRO.sub(lambda match: match[1] + b" " * len(match[2]), source)

    def piece(byte: int, _: object) -> bytes:
        return source[byte : byte + 65_536]

    def is_late(_: int, has_error: bool) -> bool:
        return time.thread_time() > stop_at

    try:
        return parser.parse(piece, progress_callback=is_late)
    except ValueError:
        return None
