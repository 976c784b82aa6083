"""The trees of whole files, under a deadline: owns what grammars do not know of real code; keeps nothing."""

from __future__ import annotations

import re
import time

import tree_sitter

from context.languages import Language
from context.parsing import parse

# Macros that say how a name is exported or called: grammars take them for a type or for the name.
_CLASS_MACRO = re.compile(rb"\b((?:class|struct)\s+)([A-Z][A-Z0-9_]+)(?=\s+\w+\s*(?:final\s*)?[:{])")
_CALL_MACRO = re.compile(
    rb"((?<!define )(?<!ifdef )(?<!ifndef ))\b([A-Z][A-Z0-9_]*(?:API|CALL|CDECL|EXPORT|INLINE|NORETURN))(?=\s+[\w*])"
)


def parse_file(language: Language, source: bytes, stop_at: float) -> tree_sitter.Tree | None:
    """The tree of a file, or None once the thread's CPU time is `stop_at`."""
    if language.name in ("c", "cpp"):
        for macro in (_CLASS_MACRO, _CALL_MACRO):
            source = macro.sub(lambda match: match[1] + b" " * len(match[2]), source)
    return parse(language, source, lambda _byte, _has_error: time.thread_time() > stop_at)
