"""How likely the next lines need a definition: owns what is weighed for it and how much; reads no text of other files.

Log-odds, added up. The weights were fitted to what lines of 16 packages in seven languages use, and rounded.
"""

from __future__ import annotations

import heapq
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from weakref import WeakKeyDictionary

from context.codegraph.graph import TYPES, Definition, GraphFile, View
from context.nearby import Nearby
from context.tokens import n_lines_tokens

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\dA-Za-z_]+")
_SELF = frozenset(("self", "this", "cls", "Self", "super", "@"))
_MIN_PART = 3
_MIN_BEGUN = 2
_NEAR_LINES = 20
_MAX_SIGNATURE_LINES = 6

# The weights, each in the unit of its own.
_ALWAYS = -6.9
_ALIKE = 3.3  # the share of its name's words that stand near, by their closeness
_OF_NAMED = 1.45  # its container's name stands near, by its closeness
_RARE = 1.1  # by the number of namesakes
_OFTEN_USED = 0.45  # by the logarithm of the uses
_IN_LARGE_FILE = -0.45  # by the logarithm of the file's symbols
_IN_CLOSE_FILE = 0.6  # by the logarithm of its file's names near
_IMPORTED = 1.3
_NAMED_LIKE_OWN = -1.1  # the current file defines something of this name itself
_BEGUN = 2.5
_NOT_BEGUN = -1.1
_OF_RECEIVER = 1.3
_NOT_OF_RECEIVER = -1.6
_N_ALWAYS = 10
"""So many of each file's likeliest symbols are weighed wherever the cursor is."""


class Candidate(NamedTuple):
    """A definition that may be needed, the log-odds that it is, and what its signature costs."""

    odds: float
    file: GraphFile
    number: int
    n_tokens: float


@dataclass(slots=True)
class _Sketch:
    """What stays the same of a file from one place to the next, for each of its symbols in order."""

    odds: list[float]
    costs: list[float]
    n_parts: list[int]
    with_part: dict[str, list[int]]
    always: list[int]
    rarity: dict[str, float]


class Ranker:
    """Weighs what a view offers for a place. Remembers sketches of files as long as these live."""

    def __init__(self) -> None:
        self._sketches: WeakKeyDictionary[GraphFile, _Sketch] = WeakKeyDictionary()

    def candidates(self, scene: Scene, file: GraphFile) -> Iterator[Candidate]:
        """The symbols of a file that are worth a look, in no order."""
        sketch = self._sketches.get(file)
        if sketch is None:
            sketch = self._sketches[file] = _sketch(file)
        extra = dict.fromkeys(sketch.always, 0.0)
        near = 0.0
        for name in scene.names & sketch.rarity.keys():
            closeness = scene.nearby.words[name]
            near += closeness * sketch.rarity[name]
            for owner in file.named[name]:
                for number in file.members.get(owner, ()):
                    extra[number] = extra.get(number, 0.0) + _OF_NAMED * closeness
        for part in scene.parts.keys() & sketch.with_part.keys():
            weight = _ALIKE * scene.parts[part]
            for number in sketch.with_part[part]:
                extra[number] = extra.get(number, 0.0) + weight / sketch.n_parts[number]
        for number in scene.members.get(file, ()):
            extra.setdefault(number, 0.0)
        base = _IN_CLOSE_FILE * math.log1p(near)
        for number, odds in extra.items():
            if cost := sketch.costs[number]:
                yield Candidate(base + sketch.odds[number] + odds + scene.fit(file, number), file, number, cost)


class Scene:
    """What a view and a place say together, worked out once for all files."""

    def __init__(self, view: View, nearby: Nearby, line: int, owners: list[Definition]) -> None:
        self.view = view
        self.nearby = nearby
        self.line = line
        self.names = nearby.words.keys() - view.file.named.keys()
        self.parts: dict[str, float] = {}
        for word, closeness in nearby.words.items():
            for part in parts_of(word):
                if self.parts.get(part, 0.0) < closeness:
                    self.parts[part] = closeness
        self.members: dict[GraphFile, set[int]] = {}
        for one in _receiver_members(view, nearby, owners):
            self.members.setdefault(one.file, set()).add(one.at)
        self._begun = nearby.begun if len(nearby.begun) >= _MIN_BEGUN else ""
        self._own = view.file.named.keys()
        self._imported = {one.alias or one.name for one in view.file.imports}

    def fit(self, file: GraphFile, number: int) -> float:
        """What the rest of the place says of a symbol: its imports, its own names, what stands before the cursor."""
        symbol = file.symbols[number]
        odds = 0.0
        if symbol.name in self._own:
            odds += _NAMED_LIKE_OWN
        elif symbol.container < 0 and symbol.name in self._imported:
            odds += _IMPORTED
        if self._begun:
            odds += _BEGUN if symbol.name.startswith(self._begun) else _NOT_BEGUN
        if self.members:
            odds += _OF_RECEIVER if number in self.members.get(file, ()) else _NOT_OF_RECEIVER
        return odds


def own_candidates(scene: Scene) -> Iterator[Candidate]:
    """The symbols of the current file that stand far from the cursor."""
    file = scene.view.file
    members = scene.members.get(file, ())
    for number, symbol in enumerate(file.symbols):
        is_around = symbol.line <= scene.line <= symbol.end_line
        if not symbol.signature or is_around or abs(symbol.line - scene.line) < _NEAR_LINES:
            continue
        parts = parts_of(symbol.name)
        alike = sum([scene.parts.get(part, 0.0) for part in parts]) / max(1, len(parts))
        odds = 2.5 * scene.nearby.words.get(symbol.name, 0.0) + 3.5 * alike + 2.5 * (number in members)
        yield Candidate(odds - 4.0, file, number, n_lines_tokens(shown(symbol.signature)))


def receiver_types(view: View, nearby: Nearby, line: int, first_type: str | None) -> list[Definition]:
    """The types of what stands before the dot; `first_type` is what the text shows of the chain's first name."""
    if not nearby.receiver:
        return []
    first, *rest = nearby.receiver
    owners = _around(view, line)[-1:] if first in _SELF else view.types(first_type or first)
    for name in rest:
        types = {one.symbol.type for owner in owners[:2] for one in view.members(owner) if one.symbol.name == name}
        owners = [found for type_name in types if type_name for found in view.types(type_name)]
    return owners[:2]


@lru_cache(maxsize=20_000)
def shown(signature: str) -> str:
    """The lines of a signature that are shown, each with its line break; "" for none."""
    if not signature:
        return ""
    return "\n".join(signature.split("\n", _MAX_SIGNATURE_LINES)[:_MAX_SIGNATURE_LINES]) + "\n"


@lru_cache(maxsize=50_000)
def parts_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case."""
    return tuple({part.lower(): None for part in _PART.findall(name) if len(part) >= _MIN_PART or not part.isascii()})


def _receiver_members(view: View, nearby: Nearby, owners: list[Definition]) -> Iterator[Definition]:
    for owner in owners:
        yield from view.members(owner)
    for module in view.modules(nearby.receiver):
        yield from (Definition(module, number) for number in module.members.get(-1, ()))


def _around(view: View, line: int) -> list[Definition]:
    """The types around a line, outermost first."""
    return [
        Definition(view.file, number)
        for number, symbol in enumerate(view.file.symbols)
        if symbol.line <= line <= symbol.end_line and (symbol.kind in TYPES or symbol.kind == "extension")
    ]


def _sketch(file: GraphFile) -> _Sketch:
    uses = file.n_uses
    with_part: dict[str, list[int]] = {}
    n_parts, odds = [], []
    for number, symbol in enumerate(file.symbols):
        parts = parts_of(symbol.name)
        for part in parts:
            with_part.setdefault(part, []).append(number)
        n_parts.append(max(1, len(parts)))
        odds.append(_odds(*uses.get(symbol.name, (1, 0)), len(file.symbols)))
    return _Sketch(
        odds,
        [n_lines_tokens(shown(symbol.signature)) for symbol in file.symbols],
        n_parts,
        with_part,
        heapq.nlargest(_N_ALWAYS, range(len(odds)), key=odds.__getitem__),
        {name: 1 / max(1, uses.get(name, (1, 0))[0]) for name in file.named},
    )


def _odds(n_defined: int, n_used: int, n_symbols: int) -> float:
    return (
        _RARE / max(1, n_defined) + _OFTEN_USED * math.log1p(n_used) + _IN_LARGE_FILE * math.log1p(n_symbols) + _ALWAYS
    )
