"""Protobuf: owns the reading of messages and services by words and brackets, as no grammar comes as a wheel for all."""

from __future__ import annotations

import re

from context.codegraph.facts import Import, SymbolKind
from context.codegraph.schemas_draft import Draft, blanked
from context.codegraph.source import Source

_BLANK = re.compile(rb'//[^\n]*|/\*.*?(?:\*/|\Z)|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
_BLOCK = re.compile(rb"(message|enum|service|extend|oneof)\s+([\w.]+)\s*$")
_CALL = re.compile(rb"rpc\s+(\w+)\s*\(\s*(?:stream\s+)?([\w.]+)\s*\)\s*returns\s*\(\s*(?:stream\s+)?([\w.]+)")
_FIELD = re.compile(
    rb"(?:(?:repeated|optional|required)\s+)?(?:map\s*<\s*[\w.]+\s*,\s*([\w.]+)\s*>|([\w.]+))\s+(\w+)\s*=\s*\w+"
)
_VALUE = re.compile(rb"(\w+)\s*=\s*[-\w]+")
_KINDS: dict[bytes, SymbolKind] = {
    b"message": "message",
    b"enum": "enum",
    b"service": "service",
    b"extend": "extension",
}
_NO_FIELDS = (b"option ", b"option(", b"reserved ", b"extensions ")


def read(source: Source, _language: str, _stop_at: float) -> Draft:
    """Messages with their fields, enums with their values, services with their calls."""
    return _Reading(source).draft


class _Reading:
    """Goes from bracket to semicolon; `around` holds the symbol and the word of each block that is open."""

    def __init__(self, source: Source) -> None:
        self.draft = Draft(source)
        self._source = source
        self._around: list[tuple[int, bytes]] = []
        code = blanked(source.bytes, _BLANK)
        start = 0
        for match in re.finditer(rb"[{};]", code):
            head = code[start : match.start()].lstrip()
            start = match.start() - len(head)
            if match.group() == b"}":
                self._close(match.start())
            elif match.group() == b"{":
                self._open(head.rstrip(), start)
            elif head:
                self._state(head.rstrip(), start, match.start())
            start = match.end()

    def _open(self, head: bytes, start: int) -> None:
        container, word = self._around[-1] if self._around else (-1, b"")
        match = _BLOCK.match(head)
        if match is None:
            if head.startswith(b"rpc"):
                self._call(head, start, container)
            word = b""  # the options of a call, or the value of one: nothing in it is defined
        elif match.group(1) != b"oneof":
            word = match.group(1)
            container = self.draft.add(_KINDS[word], _last(match.group(2)), container, start, start + len(head))
        self._around.append((container, word))

    def _close(self, end: int) -> None:
        container, word = self._around.pop() if self._around else (-1, b"")
        if word:
            self.draft.close(container, end)

    def _state(self, head: bytes, start: int, end: int) -> None:
        container, word = self._around[-1] if self._around else (-1, b"")
        if container < 0:
            self._state_of_file(head, start, end)
        elif word == b"service" and head.startswith(b"rpc"):
            self._call(head, start, container)
        elif word == b"enum" and not head.startswith(_NO_FIELDS) and (match := _VALUE.match(head)):
            self.draft.add("constant", match.group(1).decode(), container, start, end)
        elif word in (b"message", b"extend") and not head.startswith(_NO_FIELDS) and (match := _FIELD.match(head)):
            type_ = _last(match.group(1) or match.group(2))
            field = self.draft.add("field", match.group(3).decode(), container, start, end, type_=type_)
            if not type_.islower():
                self.draft.uses("references", field, type_, self._source.row(start))

    def _state_of_file(self, head: bytes, start: int, end: int) -> None:
        if head.startswith(b"import"):
            path = re.search(rb"""["']([^"'\n]+)["']""", self._source.bytes[start:end])
            if path:
                self.draft.imports.append(
                    Import(path.group(1).decode("utf-8", "replace"), "*", "", self._source.row(start))
                )
        elif head.startswith(b"package "):
            self.draft.add("module", head.split()[-1].decode("utf-8", "replace"), -1, start, end)

    def _call(self, head: bytes, start: int, container: int) -> None:
        if match := _CALL.match(head):
            name, request, answer = (_last(part) for part in match.groups())
            call = self.draft.add("operation", name, container, start, start + len(head), type_=answer)
            for type_ in (request, answer):
                self.draft.uses("references", call, type_, self._source.row(start))


def _last(name: bytes) -> str:
    return name.rpartition(b".")[2].decode("utf-8", "replace")
