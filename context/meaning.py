"""What names in a document mean, by the graph: owns which of several definitions is meant and what is told of it.

Where the graph does not know whose member a name is, none is better than a stranger's. For one thread, as the graph.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

from context.codegraph.facts import Symbol
from context.codegraph.graph import TYPES, Definition, View
from context.defined import Defined
from context.document import Snapshot
from context.nearby import look_nearby, type_of
from context.wanted import parts_of, receiver_types, shown, types_around

_MAX_SIGNATURE_CHARS = 800
_MAX_WHOLE_CHARS = 1_600
_MAX_MEMBERS = 24
_MAX_NAMES = 200
_MAX_LINE_CHARS = 2_000
_NAME = re.compile(r"[^\W\d]\w*")
_FOLLOWS_DOT = re.compile(r"(?:\.|::|->)[\s\\]*\Z")
_CALLED = re.compile(r"\s*[(<{]")


def defined_at(view: View, snapshot: Snapshot, start: int, end: int) -> list[Defined]:
    """What the name from `start` to `end` is defined as, the likeliest first."""
    found = _meant(view, snapshot.text, start, end, snapshot.language)
    return [_told(view, snapshot, one) for one in found if one.symbol.signature]


def used_in(view: View, snapshot: Snapshot, start: int, end: int, limit: int) -> list[Defined]:
    """What a stretch uses of other files, each once and in its order; types with what is in them."""
    text, line = snapshot.text, snapshot.text.count("\n", 0, start)
    found: dict[Definition, None] = {}
    for match in islice(_NAME.finditer(text, start, end), _MAX_NAMES):
        meant = _meant(view, text, *match.span(), snapshot.language)[:1]
        found.update(dict.fromkeys(_with_types(view, meant)))
    for owner in types_around(view, line):
        found.update(dict.fromkeys(_bases(view, owner)))
    foreign = (one for one in found if not view.is_own(one.file) and one.symbol.signature)
    return [_told(view, snapshot, one, is_whole=True) for one in islice(foreign, limit)]


def _meant(view: View, text: str, start: int, end: int, language: str) -> Sequence[Definition]:
    name, line = text[start:end], text.count("\n", 0, start)
    if own := [number for number in view.file.named.get(name, ()) if _is_header(view.file.symbols[number], line)]:
        return [Definition(view.file, own[-1])]
    before = text[max(0, start - _MAX_LINE_CHARS) : start]
    if _FOLLOWS_DOT.search(before):
        return _member(view, text, start, name, language)
    found = view.within_reach(name)
    if found or view.is_imported(name):
        return found
    # What nothing brings in may be a local variable's name; so it has to look like something that is defined.
    is_called = _CALLED.match(text, end)
    return [one for one in view.everywhere(name) if one.symbol.kind in TYPES or is_called]


def _is_header(symbol: Symbol, line: int) -> bool:
    return symbol.line <= line <= symbol.line + symbol.signature.count("\n")


def _member(view: View, text: str, start: int, name: str, language: str) -> list[Definition]:
    """A member of what stands before the dot; where that is not known, the only one there is of a telling name."""
    nearby, line = look_nearby(text, start), text.count("\n", 0, start)
    if not nearby.receiver:
        return []
    first = nearby.receiver[0]
    first_type = type_of(first, text, start, language)
    owners = receiver_types(view, nearby, line, first_type)
    found = [member for owner in owners for member in view.members(owner) if member.symbol.name == name]
    found += [Definition(file, at) for file in view.modules(nearby.receiver) for at in file.top(name)]
    is_elsewhere = bool(owners or first_type) or view.is_imported(first)
    if found or is_elsewhere or len(parts_of(name)) < 2:
        return found
    alone = [*(Definition(view.file, at) for at in view.file.named.get(name, ())), *view.everywhere(name)]
    return alone if len(alone) == 1 else []


def _with_types(view: View, meant: Iterable[Definition]) -> Iterator[Definition]:
    """Definitions, and after each the type that it has or returns."""
    for one in meant:
        yield one
        if one.symbol.type and one.symbol.kind not in TYPES:
            yield from [found for found in view.within_reach(one.symbol.type) if found.symbol.kind in TYPES][:1]


def _bases(view: View, owner: Definition) -> Iterator[Definition]:
    for edge in owner.file.edges:
        if edge.kind == "inherits" and edge.symbol == owner.at:
            yield from view.within_reach(edge.name)[:1]


def _told(view: View, snapshot: Snapshot, one: Definition, *, is_whole: bool = False) -> Defined:
    """With `is_whole` a type has its members' signatures, and a member the line of what it is in."""
    file, symbol = one.file, one.symbol
    signature = (_whole(view, one) if is_whole else symbol.signature).replace("\r", "")
    told = Defined(
        name=symbol.name,
        signature=textwrap.dedent(signature)[: _MAX_WHOLE_CHARS if is_whole else _MAX_SIGNATURE_CHARS].rstrip(),
        uri=snapshot.uri,
        path=snapshot.path,
        line=symbol.line,
        language=file.language,
        doc=symbol.doc,
    )
    if view.is_own(file):
        return told
    return replace(told, uri=Path(file.root.reader.root, file.path).as_uri(), path=file.root.shown(file.path))


def _whole(view: View, one: Definition) -> str:
    symbol = one.symbol
    if symbol.kind in TYPES:
        members = islice(view.members(one), _MAX_MEMBERS)
        return symbol.signature + "\n" + "".join(shown(member.symbol.signature) for member in members)
    if symbol.container >= 0:
        return shown(one.file.symbols[symbol.container].signature) + symbol.signature
    return symbol.signature
