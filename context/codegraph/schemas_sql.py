"""SQL's tables: owns the reading of what is created, in every dialect alike; knows no query.

Read by words and brackets: the grammar to install takes six times as long as that of a programming language and
gives up at what one dialect alone has.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from context.codegraph.facts import Symbol, SymbolKind
from context.codegraph.schemas_draft import Draft, blanked, closing
from context.codegraph.source import Source

_BLANK = re.compile(rb"--[^\n]*|/\*.*?(?:\*/|\Z)|'(?:''|\\'|[^'])*'|(\$\w*\$).*?\1", re.DOTALL)
_QUOTED = rb'(?:"[^"\n]+"|`[^`\n]+`|\[[^\]\n]+\]|[\w$#\x80-\xff]+)'
_NAME = rb"((?:" + _QUOTED + rb"\s*\.\s*)*" + _QUOTED + rb")"
_CREATE = re.compile(
    rb"\bcreate\s+(?:or\s+(?:replace|alter)\s+)?"
    rb"(?:(?:global|local|temp|temporary|unlogged|external|foreign|virtual|transient|materialized)\s+)*"
    rb"(table|view|type|domain|function|procedure)\s+(?:if\s+not\s+exists\s+)?" + _NAME,
    re.IGNORECASE,
)
_ALTER = re.compile(
    rb"\balter\s+table\s+(?:if\s+exists\s+)?(?:only\s+)?" + _NAME + rb"\s+add\s+(?:column\s+)?(?:if\s+not\s+exists\s+)?"
    rb"(?!(?:constraint|primary|foreign|unique|check|index|key)\b)" + _NAME + rb"\s+(\w+)",
    re.IGNORECASE,
)
_COLUMN = re.compile(rb"\s*" + _NAME + rb"\s+([\w.]+|\[\w+\])")
_NO_COLUMN = re.compile(
    rb"\s*(?:constraint|primary\s+key|foreign\s+key|unique|check|key|index|exclude|like|period|fulltext|spatial)\b",
    re.IGNORECASE,
)
_REFERENCES = re.compile(rb"\breferences\s+" + _NAME, re.IGNORECASE)
_KINDS: dict[bytes, SymbolKind] = {
    **dict.fromkeys((b"table", b"view"), "table"),
    **dict.fromkeys((b"type", b"domain"), "type"),
    **dict.fromkeys((b"function", b"procedure"), "function"),
}


def read(source: Source, _language: str, _stop_at: float) -> Draft:
    """Tables with their columns, views, types, functions, and columns that are added to a table later."""
    draft = Draft(source)
    if not _CREATE.search(source.bytes) and not _ALTER.search(source.bytes):
        return draft  # what only moves rows is no contract
    code = blanked(source.bytes, _BLANK)
    for match in _CREATE.finditer(code):
        kind = _KINDS[match.group(1).lower()]
        opening = re.compile(rb"\s*\(").match(code, match.end())
        end = closing(code, opening.end() - 1, b"()") if opening else match.end()
        header = match.end() if kind == "table" else end
        symbol = draft.add(kind, _bare(match.group(2)), -1, match.start(), header)
        draft.close(symbol, end - 1)
        if kind == "table" and opening:
            _columns(draft, code, opening.end(), end - 1, symbol)
    for match in _ALTER.finditer(code):
        _added(draft, source, match)
    return draft


def _columns(draft: Draft, code: bytes, start: int, end: int, table: int) -> None:
    for begin, stop in _items(code, start, end):
        item = code[begin:stop]
        column = table
        match = _COLUMN.match(item)
        if match and not _NO_COLUMN.match(item):
            at = begin + match.start(1)
            type_ = _bare(match.group(2)).lower()
            column = draft.add("field", _bare(match.group(1)), table, at, begin + match.end(2), type_=type_)
        for name in _REFERENCES.findall(item):
            draft.uses("references", column, _bare(name), draft.symbols[column].line)


def _items(code: bytes, start: int, end: int) -> Iterator[tuple[int, int]]:
    """The stretches that commas part outside of parentheses."""
    depth, begin = 0, start
    for match in re.compile(rb"[(),]").finditer(code, start, end):
        depth += {b"(": 1, b")": -1, b",": 0}[match.group()]
        if match.group() == b"," and depth == 0:
            yield begin, match.start()
            begin = match.end()
    yield begin, end


def _added(draft: Draft, source: Source, match: re.Match[bytes]) -> None:
    table, row = _bare(match.group(1)), source.row(match.start())
    known = (at for at, symbol in enumerate(draft.symbols) if symbol.name == table and symbol.kind != "field")
    container = next(known, -1)
    if container < 0:
        container = draft.put(Symbol(table, "extension", -1, row, row, ""))
    type_ = match.group(3).decode("utf-8", "replace").lower()
    draft.add("field", _bare(match.group(2)), container, match.start(), match.end(), type_=type_)


def _bare(name: bytes) -> str:
    """The last part of a name, without its quotes."""
    parts = re.findall(_QUOTED, name)
    return parts[-1].strip(b'"`[]').decode("utf-8", "replace") if parts else ""
