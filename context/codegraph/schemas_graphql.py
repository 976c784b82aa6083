"""GraphQL: owns the reading of schemas and named queries by words and brackets; resolves no fragment."""

from __future__ import annotations

import re
from itertools import zip_longest

from context.codegraph.facts import SymbolKind
from context.codegraph.schemas_draft import Draft, blanked, closing
from context.codegraph.source import Source

_BLANK = re.compile(rb'#[^\n]*|""".*?(?:"""|\Z)|"(?:\\.|[^"\\\n])*"', re.DOTALL)
_DEFINITION = re.compile(
    rb"^[ \t]*(?:extend\s+)?(type|interface|input|enum|union|scalar|query|mutation|subscription|fragment)\s+(\w+)",
    re.MULTILINE,
)
_DESCRIPTION = re.compile(rb'"""\s*([^\n]*?)\s*(?:\n[^"]*)?"""\s*\Z|"([^"\n]*)"\s*\Z')
_IN_PARENTHESES = re.compile(rb"\([^()]*\)")
_DIRECTIVE = re.compile(rb"@\w+")
_FIELD = re.compile(rb"(\w+)\s*:\s*\[*\s*(\w+)[\]!\s]*")
_TYPE = re.compile(rb":\s*\[*\s*(\w+)")
_KINDS: dict[bytes, SymbolKind] = {
    **dict.fromkeys((b"type", b"input"), "message"),
    b"interface": "interface",
    b"enum": "enum",
    **dict.fromkeys((b"union", b"scalar", b"fragment"), "type"),
    **dict.fromkeys((b"query", b"mutation", b"subscription"), "operation"),
}
_HAVE_FIELDS = (b"type", b"interface", b"input")
_ROOTS = ("Query", "Mutation", "Subscription")
_BUILT_IN = (b"Int", b"Float", b"String", b"Boolean", b"ID")
_MAX_DESCRIPTION_BYTES = 2_000


def read(source: Source, _language: str, _stop_at: float) -> Draft:
    """Types, inputs and enums with what they hold; queries of the schema and of the client by name."""
    return _Reading(source).draft


class _Reading:
    """Goes from definition to definition; what lies in one's braces is none itself."""

    def __init__(self, source: Source) -> None:
        self.draft = Draft(source)
        self._source = source
        self._code = blanked(source.bytes, _BLANK)
        found = list(_DEFINITION.finditer(self._code))
        end = 0
        for match, following in zip_longest(found, found[1:]):
            if match.start() >= end:
                end = self._define(match, following.start() if following else len(self._code))

    def _define(self, match: re.Match[bytes], limit: int) -> int:
        """Adds a definition and what it holds; the byte behind it."""
        code, (word, name) = self._code, match.groups()
        start = match.end() - len(match.group().lstrip())
        body = code.find(b"{", match.end(), limit) if word not in (b"union", b"scalar") else -1
        end = closing(code, body, b"{}") if body >= 0 else limit
        header = code[start : body if body >= 0 else limit].rstrip()
        symbol = self._add(_KINDS[word], name, -1, start, start + len(header))
        self.draft.close(symbol, end - 1 if body >= 0 else start + len(header) - 1)
        self._head(_IN_PARENTHESES.sub(b"", header), symbol, word)
        self._types(start, start + len(header), symbol)
        if body >= 0 and word in _HAVE_FIELDS:
            self._fields(body + 1, end - 1, symbol)
        elif body >= 0 and word == b"enum":
            self._values(body + 1, end - 1, symbol)
        return end

    def _head(self, header: bytes, symbol: int, word: bytes) -> None:
        row = self.draft.symbols[symbol].line
        _, _, bases = header.partition(b"implements")
        for base in re.findall(rb"\w+", _DIRECTIVE.sub(b"", bases)):
            self.draft.uses("inherits", symbol, base.decode(), row)
        members = re.findall(rb"\w+", header.partition(b"=")[2]) if word == b"union" else []
        members += re.findall(rb"\son\s+(\w+)", header) if word == b"fragment" else []
        for member in members:
            self.draft.uses("references", symbol, member.decode(), row)

    def _fields(self, begin: int, end: int, symbol: int) -> None:
        kind: SymbolKind = "operation" if self.draft.symbols[symbol].name in _ROOTS else "field"
        inside = blanked(self._code[begin:end], _IN_PARENTHESES)
        for match in _FIELD.finditer(inside):
            start = begin + match.start()
            stop = start + len(match.group().rstrip())
            field = self._add(kind, match.group(1), symbol, start, stop, type_=match.group(2).decode())
            self._types(start, stop, field)

    def _values(self, begin: int, end: int, symbol: int) -> None:
        inside = blanked(blanked(self._code[begin:end], _IN_PARENTHESES), _DIRECTIVE)
        for match in re.finditer(rb"\w+", inside):
            self._add("constant", match.group(), symbol, begin + match.start(), begin + match.end())

    def _types(self, start: int, end: int, symbol: int) -> None:
        for name in _TYPE.findall(self._code, start, end):
            if name not in _BUILT_IN:
                self.draft.uses("references", symbol, name.decode(), self._source.row(start))

    def _add(self, kind: SymbolKind, name: bytes, container: int, start: int, end: int, *, type_: str = "") -> int:
        symbol = self.draft.add(kind, name.decode(), container, start, end, type_=type_)
        before = self._source.bytes[max(0, start - _MAX_DESCRIPTION_BYTES) : start]
        if before.rstrip().endswith(b'"') and (match := _DESCRIPTION.search(before)):
            words = (match.group(1) or match.group(2) or b"").decode("utf-8", "replace")
            self.draft.symbols[symbol] = self.draft.symbols[symbol]._replace(doc=words)
        return symbol
