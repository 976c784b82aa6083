"""Which names the code uses: owns the reading of names in what a grammar left as code; knows no language's syntax.

Names are told by one regular expression over the bytes that are neither comment nor string nor the name of a
definition: to capture each of them by a query instead finds the same and takes longer than the rest together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache

from context.codegraph.definitions import Definitions
from context.codegraph.facts import Edge, EdgeKind
from context.codegraph.source import Source
from context.codegraph.words import Words
from context.languages import Language

_MIN_NAME_CHARS = 2
_MAX_TRIES = 20
# Where variables are marked, what is not marked is no variable, and a marked one is only good as a receiver.
_VARIABLE_MARKS = {"php": "$"}
_Named = tuple[EdgeKind, str, str]


def uses(
    source: Source, language: Language, definitions: Definitions, words: Words, inherits: Iterable[Edge]
) -> Iterator[Edge]:
    """Every call and reference once per symbol, at its first row; without `words`, local names and single letters.

    Nor is a base that `inherits` tells of told again.
    """
    _mark_members(source, language)
    chains, variable_mark = _chains(language.name_chars), _VARIABLE_MARKS.get(language.name, "")
    rows = _Rows(source, language.name_chars)
    known: set[tuple[EdgeKind, int, str, str]] = {("references", *edge[1:4]) for edge in inherits}
    for start, end, region in definitions.stretches():
        symbol, hidden = region.symbol, region.hidden()
        names: list[tuple[bytes, bytes]] = chains.findall(rows.code, start, end)
        rows.at = start
        for chain, call in dict.fromkeys(names):
            if chain in (words.calls if call else words.names) or chain in hidden:
                continue
            row = -1
            for kind, name, receiver in _names(chain, call != b"", variable_mark):
                use = (kind, symbol, name, receiver)
                if use in known:
                    continue
                if not receiver and kind == "references" and (name.encode() in words.names or name.encode() in hidden):
                    continue
                known.add(use)
                row = row if row >= 0 else rows.find(chain)
                yield Edge(*use, row)


class _Rows:
    """Finds the rows of chains that come in the order in which they first occur."""

    def __init__(self, source: Source, name_chars: str) -> None:
        self.code = bytes(source.code) + b" "
        self.at = 0
        self._source = source
        self._in_name = [byte > 127 or chr(byte).isalnum() or chr(byte) in f"_.{name_chars}" for byte in range(256)]

    def find(self, chain: bytes) -> int:
        """The row of the next place where the chain itself stands, not a longer one that holds it."""
        code, in_name, n_bytes = self.code, self._in_name, len(chain)
        at = code.find(chain, self.at)
        while at >= 0 and (in_name[code[at - 1]] or in_name[code[at + n_bytes]]):
            at = code.find(chain, at + 1)
        if at >= 0:
            self.at = at
        return self._source.row(self.at)


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
    call = rb"(?=(!?\(|[ \t]++\(|[ .]{0,2}<[\w$\s,.:<>&\[\]|]{0,80}>[ \t]*+\()?)"
    return re.compile(rb"(" + name + rb"(?:\s++\." + name + rb")*+)" + call)


@lru_cache(maxsize=16_384)
def _names(chain: bytes, is_call: bool, variable_mark: str) -> tuple[_Named, ...]:
    """Kind, name and receiver of each name of a chain; what comes last may be called, what is marked is a variable."""
    parts = b"".join(chain.split()).decode("utf-8", "replace").split(".")
    receiver = ""
    names: list[_Named] = []
    for at, part in enumerate(parts):
        if not part or part[0].isdigit():
            # What follows one dot, or a number and a dot, is a member; two dots are a range or spread what follows.
            receiver = "?" if part or not at else ""
            continue
        name = part.removeprefix(variable_mark)
        if (not variable_mark or name == part) and len(name) >= _MIN_NAME_CHARS:
            names.append(("calls" if is_call and at == len(parts) - 1 else "references", name, receiver))
        if receiver != "?":
            receiver = f"{receiver}.{name}" if receiver else name
    return tuple(names)
