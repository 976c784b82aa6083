"""From bytes to a tree, under a deadline: owns the parser's quirks; keeps nothing."""

from __future__ import annotations

import re
import time

import tree_sitter

from context.languages import Language
from context.parsable import is_parsable

# Macros that say how a name is exported or called: grammars take them for a type or for the name.
_CLASS_MACRO = re.compile(rb"\b((?:class|struct)\s+)([A-Z][A-Z0-9_]+)(?=\s+\w+\s*(?:final\s*)?[:{])")
_CALL_MACRO = re.compile(
    rb"((?<!define )(?<!ifdef )(?<!ifndef ))\b([A-Z][A-Z0-9_]*(?:API|CALL|CDECL|EXPORT|INLINE|NORETURN))(?=\s+[\w*])"
)


def parse(language: Language, source: bytes, stop_at: float) -> tree_sitter.Tree | None:
    """The tree, or None once the thread's CPU time is `stop_at`, which is only looked at as the source is a callback.

    The parser is a new one each time (1 us): after a stop, one that is used again would go on with the old text.
    """
    if not is_parsable(language.name, source):
        return None
    parser = tree_sitter.Parser(language.grammar())
    if language.name in ("c", "cpp"):
        for macro in (_CLASS_MACRO, _CALL_MACRO):
            source = macro.sub(lambda match: match[1] + b" " * len(match[2]), source)

    def piece(byte: int, _: object) -> bytes:
        return source[byte : byte + 65_536]

    def is_late(_: int, has_error: bool) -> bool:
        return time.thread_time() > stop_at

    try:
        return parser.parse(piece, progress_callback=is_late)
    except ValueError:
        return None
