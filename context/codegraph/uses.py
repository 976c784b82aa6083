"""Which names the code uses: owns the reading of names in what a grammar left as code; knows no language's syntax.

Names are told by one regular expression over the bytes that are neither comment nor string nor the name of a
definition: to capture each of them by a query instead finds the same and takes longer than the rest together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from functools import cache

from context.codegraph.definitions import Definitions
from context.codegraph.facts import Edge, EdgeKind
from context.codegraph.source import Source
from context.codegraph.words import Words
from context.languages import Language

_MIN_NAME_CHARS = 2
# Where variables are marked, what is not marked is no variable, and a marked one is only good as a receiver.
_VARIABLE_MARKS = {"php": "$"}
_IN_CHAIN = [byte > 127 or chr(byte).isalnum() or chr(byte) in "_." for byte in range(256)]
_CALL: EdgeKind = "calls"
_REFERENCE: EdgeKind = "references"
_Named = tuple[EdgeKind, str, str]


def uses(
    source: Source, language: Language, definitions: Definitions, words: Words, inherits: Iterable[Edge]
) -> list[Edge]:
    """Every call and reference once per symbol, at its first row; without `words`, local names and single letters.

    Nor is a base that `inherits` tells of told again. Half of the time that is not the parser's goes by in here,
    so it is one loop.
    """
    _mark_members(source, language)
    code, findall = bytes(source.code) + b" ", _chains(language.name_chars).findall
    variable_mark, edges = _VARIABLE_MARKS.get(language.name, ""), list[Edge]()
    known: dict[int, set[_Named]] = {}
    for edge in inherits:
        known.setdefault(edge.symbol, set()).add(("references", edge.name, edge.receiver))
    for start, end, region in definitions.stretches():
        symbol, hidden, at = region.symbol, region.hidden(), start
        seen = known.setdefault(symbol, set())
        for chain, call in dict.fromkeys(findall(code, start, end)):
            if chain in (words.calls if call else words.names):
                continue
            row = -1
            for named in _names(chain, call != b"", variable_mark):
                kind, name, receiver = named
                if named in seen or (not receiver and (name in hidden or _is_word(named, words))):
                    continue
                seen.add(named)
                if row < 0:
                    at = _position(code, chain, at)
                    row = source.row(at)
                edges.append(Edge(kind, symbol, name, receiver, row))
    return edges


def _is_word(named: _Named, words: Words) -> bool:
    """Whether what stands first in a chain is a word of the language; a whole chain is looked up before."""
    return named[0] == "references" and named[1].encode() in words.names


def _position(code: bytes, chain: bytes, start: int) -> int:
    """Where the chain itself begins from `start` on, not a longer one that holds it."""
    at, n_bytes = code.find(chain, start), len(chain)
    while at >= 0 and (_IN_CHAIN[code[at - 1]] or _IN_CHAIN[code[at + n_bytes]]):
        at = code.find(chain, at + 1)
    return max(at, start)


def _mark_members(source: Source, language: Language) -> None:
    """Makes a dot of every mark that stands before a member; what comes first in a path needs none."""
    for mark in language.member_marks:
        if mark == "\\":
            source.code = bytearray(re.sub(rb"(?<![\w\x80-\xff])\\", b" ", source.code))
        source.code = source.code.replace(mark.encode(), b" " * (len(mark) - 1) + b".")


@cache
def _chains(name_chars: str) -> re.Pattern[bytes]:
    """A chain of names joined by dots, with the dot it may follow, and what tells a call behind it."""
    within = rb"[\w.\x80-\xff" + re.escape(name_chars.replace("?!", "")).encode() + rb"]"
    name = (rb"(?:" + within + rb"|(?<=\w)[?!](?![=?\w]))++") if "?!" in name_chars else within + rb"++"
    call = rb"(?=(!?\(|![\[{]|[ \t]++\(|[ .]{0,2}<[\w$\s,.:<>&\[\]|]{0,80}>[ \t]*+\()?)"
    return re.compile(rb"(" + name + rb"(?:\s++\." + name + rb")*+)" + call)


def _names(chain: bytes, is_call: bool, variable_mark: str) -> Sequence[_Named]:
    """Kind, name and receiver of each name of a chain; what comes last may be called, what is marked is a variable."""
    text, kind = chain.decode("utf-8", "replace"), _CALL if is_call else _REFERENCE
    if "." in text:
        return _members(text, kind, variable_mark)
    if len(text) < _MIN_NAME_CHARS or text[0].isdigit() or (variable_mark and text.startswith(variable_mark)):
        return ()
    return ((kind, text, ""),)


def _members(chain: str, kind: EdgeKind, variable_mark: str) -> list[_Named]:
    parts = "".join(chain.split()).split(".")
    receiver, last = "", len(parts) - 1
    names: list[_Named] = []
    for at, part in enumerate(parts):
        if not part or part[0].isdigit():
            # What follows one dot, or a number and a dot, is a member; two dots are a range or spread what follows.
            receiver = "?" if part or not at else ""
            continue
        name = part.removeprefix(variable_mark)
        if len(name) >= _MIN_NAME_CHARS and (not variable_mark or name == part):
            names.append((kind if at == last else _REFERENCE, name, receiver))
        if receiver != "?":
            receiver = f"{receiver}.{name}" if receiver else name
    return names
