"""Which brackets stand open at a place, by a masked text alone; must not know grammars, snapshots or windows."""

from __future__ import annotations

import re

from context.languages import Language

_CLOSERS = {"(": ")", "[": "]", "{": "}"}
_BRACKET = re.compile(r"[()\[\]{}]")


def owed(code: str, offset: int, language: Language | None) -> tuple[str, str]:
    """The brackets opened before `offset`, innermost first, that a masked `code` does not close after it.

    First those of the statement at `offset`, then, from the first brace that was opened on an earlier line and can
    be a block, those around it. A closing bracket that begins its line further left than the line of an opening
    one does not close that.
    """
    opened: list[int] = []
    for found in _BRACKET.finditer(code, 0, offset):
        if found.group() in _CLOSERS:
            opened.append(found.start())
        else:
            matching = [i for i, at in enumerate(opened) if _CLOSERS[code[at]] == found.group()]
            del opened[matching[-1] if matching else len(opened) :]
    closer = _first_unmatched_closer(code, offset)
    line_start, _ = _line(code, offset)
    has_braces = not language or language.blocks != "colon"
    still_open = ""
    n_in_statement: int | None = None
    for at in reversed(opened):
        if closer is not None and _closes(code, closer, at):
            break
        if code[at] == "{" and at < line_start and has_braces and n_in_statement is None:
            n_in_statement = len(still_open)
        still_open += code[at]
    return still_open[:n_in_statement], "" if n_in_statement is None else still_open[n_in_statement:]


def _first_unmatched_closer(code: str, offset: int) -> int | None:
    depth = 0
    for found in _BRACKET.finditer(code, offset):
        depth += 1 if found.group() in _CLOSERS else -1
        if depth < 0:
            return found.start()
    return None


def _closes(code: str, closer: int, opener: int) -> bool:
    """Whether the closing bracket at `closer` can be that of the opening one at `opener`."""
    if _CLOSERS[code[opener]] != code[closer]:
        return False
    closer_line, closer_width = _line(code, closer)
    begins_its_line = not code[closer_line:closer].strip()
    return not begins_its_line or closer_width >= _line(code, opener)[1]


def _line(code: str, offset: int) -> tuple[int, int]:
    """Where the line of `offset` begins, and how deep it stands, in columns."""
    start = max(code.rfind("\n", 0, offset), code.rfind("\r", 0, offset)) + 1
    first = re.compile(r"[ \t]*").match(code, start)
    return start, len(first.group().expandtabs(4)) if first else 0
