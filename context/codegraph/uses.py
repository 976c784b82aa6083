"""Which names the code uses: owns the reading of names in what a grammar left as code; knows no language's syntax.

Names are told by one regular expression over the bytes that are neither comment nor string nor the name of a
definition: to capture each of them by a query instead finds the same and takes longer than the rest together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from context.codegraph.definitions import Definitions, Region
from context.codegraph.facts import Edge, EdgeKind
from context.codegraph.source import Source
from context.languages import Language

_MIN_NAME_CHARS = 2
_MAX_TRIES = 20
_Hidden = frozenset[bytes] | set[bytes]
_Named = tuple[EdgeKind, str, str]


def uses(
    source: Source, language: Language, definitions: Definitions, keywords: frozenset[bytes], inherits: Iterable[Edge]
) -> Iterator[Edge]:
    """Every call and reference once per symbol, at its first row; without keywords, local names and single letters.

    Nor is a base that `inherits` tells of told again.
    """
    for mark in language.member_marks:
        source.code = source.code.replace(mark.encode(), b" " * (len(mark) - 1) + b".")
    chains = _chains(language.name_chars)
    known: set[tuple[EdgeKind, int, str, str]] = {("references", *edge[1:4]) for edge in inherits}
    hidden: dict[Region, _Hidden] = {}
    for start, end, region in definitions.stretches():
        out = hidden[region] if region in hidden else _hide(region, hidden, keywords)
        names: list[tuple[bytes, bytes]] = chains.findall(source.code, start, end)
        for chain, call in dict.fromkeys(names):
            if chain in out:
                continue
            row = -1
            for kind, name, receiver in _names(chain, bool(call)):
                if not receiver and name.encode() in out:
                    continue
                use = (kind, region.symbol, name, receiver)
                if use not in known:
                    known.add(use)
                    row = row if row >= 0 else source.row(_position(source.code, chain, start))
                    yield Edge(*use, row)


@cache
def _chains(name_chars: str) -> re.Pattern[bytes]:
    """A chain of names joined by dots, with the dot it may follow, and what tells a call behind it."""
    name = rb"[\w.\x80-\xff" + re.escape(name_chars).encode() + rb"]++"
    call = rb"(?=(!?\(|[ \t]++\(|[ .]{0,2}<[\w$\s,.:<>&\[\]|]{0,80}>[ \t]*+\()?)"
    return re.compile(rb"(" + name + rb"(?:\s++\." + name + rb")*+)" + call)


def _hide(region: Region, hidden: dict[Region, _Hidden], keywords: frozenset[bytes]) -> _Hidden:
    """The names that are no use of anything here; shared where a region adds none of its own."""
    around: _Hidden = keywords
    if region.parent:
        around = hidden.get(region.parent) or _hide(region.parent, hidden, keywords)
    hidden[region] = around | region.local_names if region.local_names else around
    return hidden[region]


@lru_cache(maxsize=16_384)
def _names(chain: bytes, is_call: bool) -> tuple[_Named, ...]:
    """Kind, name and receiver of each name of a chain; what comes last may be called."""
    parts = b"".join(chain.split()).decode("utf-8", "replace").split(".")
    receiver = ""
    names: list[_Named] = []
    for at, part in enumerate(parts):
        if not part or part[0].isdigit():
            # What follows one dot, or a number and a dot, is a member; two dots are a range or spread what follows.
            receiver = "?" if part or not at else ""
            continue
        if len(part) >= _MIN_NAME_CHARS:
            names.append(("calls" if is_call and at == len(parts) - 1 else "references", part, receiver))
        if receiver != "?":
            receiver = f"{receiver}.{part}" if receiver else part
    return tuple(names)


def _position(code: bytearray, chain: bytes, start: int) -> int:
    """Where the chain itself begins from `start` on, not a longer one that holds it; nearly, if that takes long."""
    at = code.find(chain, start)
    for _ in range(_MAX_TRIES):
        if at < 0 or not (_is_word(code, at - 1) or _is_word(code, at + len(chain))):
            break
        at = code.find(chain, at + 1)
    return max(at, start)


def _is_word(code: bytearray, at: int) -> bool:
    return 0 <= at < len(code) and (code[at] > 127 or chr(code[at]).isalnum() or code[at] in b"_.")
