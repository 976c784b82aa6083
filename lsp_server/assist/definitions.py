"""Where a name is defined, as the assistance needs it: owns the stand-in that knows one document alone."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence

from context import Snapshot
from context.defined import Defined
from context.outline import Outline, Scope
from lsp_server.assist.markdown import address, link

_DOCSTRING = re.compile(r"[:{]?\s*(?:'''|\"\"\"|'|\")\s*([^\n\"']+)")
_COMMENT = re.compile(r"\s*(?:#|//+!?|--|;+|/\*+|\*)\s?(.*?)\s*(?:\*/)?\s*$")
_WORD = re.compile(r"\w+")
_MAX_NAME_CHARS = 200
_MAX_SIGNATURE_CHARS = 800
_MAX_DOC_LINES = 8


Definitions = Callable[[Snapshot, int], Awaitable[Sequence[Defined]]]
"""The definitions of the name at an offset, the likeliest first; none where it is not known."""


def word_at(snapshot: Snapshot, offset: int) -> tuple[int, int] | None:
    """The name that `offset` stands in or at the end of."""
    start = snapshot.line_start(offset)
    line = snapshot.text[start : snapshot.line_end(offset)]
    column = offset - start
    # A name is no longer than this, so that one line of a megabyte costs no more than others.
    first = max(0, column - _MAX_NAME_CHARS)
    for match in _WORD.finditer(line, first, column + _MAX_NAME_CHARS):
        if match.start() <= column <= match.end() and not match.group().isdigit():
            return start + match.start(), start + match.end()
    return None


def in_document(snapshot: Snapshot, offset: int, outline: Outline | None) -> list[Defined]:
    """What the document's own outline says: scopes of that name, the nearest before the place first."""
    word = word_at(snapshot, offset)
    if word is None or outline is None:
        return []
    name = snapshot.text[slice(*word)]
    scopes = [scope for scope in outline.scopes if scope.name == name]
    scopes.sort(key=lambda scope: (scope.start > offset, abs(offset - scope.start)))
    return [_defined(snapshot, scope) for scope in scopes]


def cited(defined: Defined) -> str:
    """The link to a definition's file and line; no more than their names where it is in no file."""
    label = f"{defined.path or defined.name}:{defined.line + 1}"
    return link(label, _place(defined)) if defined.uri.startswith("file:") else f"`{label}`"


def place_of(defined: Defined) -> str:
    """A definition's file and line, as it stands in a link."""
    return address(_place(defined))


def _place(defined: Defined) -> str:
    return f"{defined.uri}#L{defined.line + 1}"


def _defined(snapshot: Snapshot, scope: Scope) -> Defined:
    text = snapshot.text
    start = snapshot.line_start(scope.start)
    return Defined(
        name=scope.name,
        signature=text[start : scope.header_end][:_MAX_SIGNATURE_CHARS].rstrip(),
        uri=snapshot.uri,
        path=snapshot.path,
        line=text.count("\n", 0, scope.start),
        language=snapshot.language,
        doc=_doc(text, start, scope),
    )


def _doc(text: str, start: int, scope: Scope) -> str:
    """The docstring's first line, or the comment that stands right above."""
    if docstring := _DOCSTRING.match(text, scope.header_end, min(scope.end, scope.header_end + 400)):
        return docstring[1].strip()
    lines: list[str] = []
    for line in reversed(text[max(0, start - 2_000) : start].splitlines()):
        comment = _COMMENT.match(line)
        if comment is None or len(lines) == _MAX_DOC_LINES:
            break
        lines.append(comment[1])
    return "\n".join(reversed(lines)).strip()
