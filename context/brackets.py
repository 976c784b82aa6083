"""Which brackets stand open at a place, by a masked text alone; must not know grammars, snapshots or windows."""

from __future__ import annotations

import re

from context.languages import Language

CLOSERS = {"(": ")", "[": "]", "{": "}"}
_BRACKET = re.compile(r"[()\[\]{}]")
_INDENT = re.compile(r"[ \t]*")


def owed(code: str, offset: int, language: Language | None, *, is_cut: bool = False) -> tuple[str, str]:
    """The brackets opened before `offset`, innermost first, that a masked `code` does not close after it.

    First those of the statement at `offset`, then, from the first brace that was opened on an earlier line and can
    be a block, those around it. A closing bracket that begins its line further left than the line of an opening
    one does not close that. Where `code` `is_cut` off below, one that all its rest stands deeper than is closed there.
    """
    opened = left_open(code, 0, offset)
    closer = _first_unmatched_closer(code, offset)
    shallowest = _shallowest_below(code, offset) if is_cut and closer is None else -1
    line_start, _ = _line(code, offset)
    has_braces = not language or language.blocks != "colon"
    still_open = ""
    n_in_statement: int | None = None
    for at in reversed(opened):
        if closer is not None and _closes(code, closer, at):
            break
        if shallowest > _line(code, at)[1]:
            break
        if code[at] == "{" and at < line_start and has_braces and n_in_statement is None:
            n_in_statement = len(still_open)
        still_open += code[at]
    return still_open[:n_in_statement], "" if n_in_statement is None else still_open[n_in_statement:]


def closing(code: str, offset: int, n_owed: int) -> str:
    """What closes the brackets that are open at the end of a masked `code`, not the innermost `n_owed` at `offset`."""
    opened = left_open(code, 0, offset)
    kept = opened[: len(opened) - n_owed]
    start = _after_stray_closer(code, offset, kept)
    return "".join(CLOSERS[code[at]] for at in reversed(left_open(code, start, len(code), kept)))


def first_left_open(code: str, start: int) -> int:
    """Where the first round or square bracket is opened from `start` on that a masked `code` never closes, or -1."""
    return next((at for at in left_open(code, start, len(code)) if code[at] != "{"), -1)


def left_open(code: str, start: int, end: int, opened: list[int] | None = None) -> list[int]:
    """Where the brackets are that stand open at `end`, outermost first; `opened` are those that do at `start`.

    A closing one closes all that was opened within its pair, and one without a partner is passed over.
    """
    opened = list(opened or ())
    for found in _BRACKET.finditer(code, start, end):
        if found.group() in CLOSERS:
            opened.append(found.start())
        elif opened and CLOSERS[code[opened[-1]]] == found.group():
            opened.pop()
        else:
            pairs = [i for i, at in enumerate(opened) if CLOSERS[code[at]] == found.group()]
            del opened[pairs[-1] if pairs else len(opened) :]
    return opened


def _first_unmatched_closer(code: str, offset: int) -> int | None:
    depth = 0
    for found in _BRACKET.finditer(code, offset):
        depth += 1 if found.group() in CLOSERS else -1
        if depth < 0:
            return found.start()
    return None


def _after_stray_closer(code: str, offset: int, opened: list[int]) -> int:
    """`offset`, or the place behind a } on its line whose { has yet to be written, since the block around goes on."""
    line_end = code.find("\n", offset)
    closer = _first_unmatched_closer(code[: max(line_end, offset)], offset)
    if closer is None or not opened or code[closer] != "}" or code[opened[-1]] != "{":
        return offset
    below = next((line for line in code[line_end + 1 :].split("\n") if line.strip()), "")
    return closer + 1 if _width(below, 0) > _line(code, opened[-1])[1] else offset


def _shallowest_below(code: str, offset: int) -> int:
    """How deep the shallowest line below the one of `offset` stands, in columns; -1 where there is none."""
    below = code[offset:].split("\n")[1:]
    return min((_width(line, 0) for line in below if line.strip()), default=-1)


def _closes(code: str, closer: int, opener: int) -> bool:
    """Whether the closing bracket at `closer` can be that of the opening one at `opener`."""
    if CLOSERS[code[opener]] != code[closer]:
        return False
    closer_line, closer_width = _line(code, closer)
    begins_its_line = not code[closer_line:closer].strip()
    return not begins_its_line or closer_width >= _line(code, opener)[1]


def _line(code: str, offset: int) -> tuple[int, int]:
    """Where the line of `offset` begins, and how deep it stands, in columns."""
    start = max(code.rfind("\n", 0, offset), code.rfind("\r", 0, offset)) + 1
    return start, _width(code, start)


def _width(code: str, line_start: int) -> int:
    indent = _INDENT.match(code, line_start)
    return len(indent.group().expandtabs(4)) if indent else 0
