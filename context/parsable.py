"""Which texts a grammar may be given: owns what is known to end the process instead of the parse; parses nothing.

Some grammars keep how deep a block is indented in a state that the parser copies into 1,024 bytes. The one of YAML
writes past their end from some 250 levels on, which is a crash at best. No file that people write is so deep.
"""

from __future__ import annotations

import re

_MAX_LEVELS = 200
_LONG_LINE = re.compile(rb"[^\r\n]{%d,}" % _MAX_LEVELS)
_MARK = re.compile(rb"[-?:](?:[ \t]|$)")


def is_parsable(language: str, source: bytes) -> bool:
    """Whether a text may be parsed with the grammar of the language's row."""
    return language != "yaml" or not any(_levels(line.group()) > _MAX_LEVELS for line in _LONG_LINE.finditer(source))


def _levels(line: bytes) -> int:
    """How deep the line can be at most: each level above it took a column, each one in it takes a mark."""
    return len(line) - len(line.lstrip(b" \t")) + len(_MARK.findall(line))
