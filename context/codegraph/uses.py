"""Which names the code uses: owns the reading of names in what a grammar left as code; knows no language's syntax.

Names are told by one regular expression over the bytes that are neither comment nor string nor the name of a
definition: to capture each of them by a query instead finds the same and takes longer than the rest together.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterator

from context.codegraph.definitions import Definitions
from context.codegraph.facts import Edge, EdgeKind
from context.codegraph.source import Source

_NAME = rb"[A-Za-z_$\x80-\xff][\w$\x80-\xff]*+"
_DOTS = rb"\?\.|::|!!\.|&\.|\."
_CALL = rb"(?=(!?(?:::)?(?:<[\w$\s,.:<>&\[\]|]{0,80}>)?[ \t]*+\()?)"
_WITH_ARROWS = ("c", "cpp", "php")
_WITH_DOLLARS = ("javascript", "typescript", "typescriptreact", "java")
_MIN_NAME_CHARS = 2


def _patterns(dots: bytes) -> tuple[re.Pattern[bytes], re.Pattern[bytes]]:
    """Of a chain of names with what tells a call behind it, and of what stands between its names."""
    dot = rb"(?:\s*+(?:" + dots + rb")\s*+#?)"
    chain = rb"(?<![\w$\x80-\xff])(" + _NAME + rb"(?:" + dot + _NAME + rb")*+)" + _CALL
    return re.compile(chain), re.compile(dot)


_PLAIN = _patterns(_DOTS)
_ARROWS = _patterns(_DOTS + rb"|\?->|->|\\")


def uses(source: Source, language: str, definitions: Definitions, keywords: Container[str]) -> Iterator[Edge]:
    """Every call and reference once per symbol, at its first row; without keywords, local names and single letters."""
    chains, dots = _ARROWS if language in _WITH_ARROWS else _PLAIN
    strip = b"" if language in _WITH_DOLLARS else b"$"
    seen: set[tuple[int, bytes, bool]] = set()
    known: set[tuple[EdgeKind, int, str, str]] = set()
    for start, end, region in definitions.stretches():
        for match in chains.finditer(source.code, start, end):
            chain, call = match.groups()
            spelt = (id(region), chain, call is not None)
            if spelt in seen:
                continue
            seen.add(spelt)
            follows = _follows_dot(source.code, match.start())
            for kind, name, receiver in _names(chain.lstrip(strip), call is not None, follows, dots):
                if len(name) < _MIN_NAME_CHARS or (not receiver and (name in keywords or region.binds(name))):
                    continue
                use = (kind, region.symbol, name, receiver)
                if use not in known:
                    known.add(use)
                    yield Edge(*use, source.row(match.start()))


def _names(
    chain: bytes, is_call: bool, follows_dot: bool, dots: re.Pattern[bytes]
) -> Iterator[tuple[EdgeKind, str, str]]:
    """Kind, name and receiver of each name of a chain; what comes last may be a call."""
    text = chain.decode("utf-8", "replace")
    if text.isidentifier():
        yield "calls" if is_call else "references", text, "?" if follows_dot else ""
        return
    at = 0
    receiver = "?" if follows_dot else ""
    for dot in dots.finditer(chain):
        yield "references", chain[at : dot.start()].decode("utf-8", "replace"), receiver
        at = dot.end()
        receiver = b"".join(chain[: dot.start()].split()).decode("utf-8", "replace")
    yield "calls" if is_call else "references", chain[at:].decode("utf-8", "replace"), receiver


def _follows_dot(code: bytearray, start: int) -> bool:
    """Whether the name at `start` is a member of something that is no name; ranges and spreads do not count."""
    before = code[max(0, start - 3) : start]
    return before.endswith((b".", b"->")) and not before.endswith(b"..")
