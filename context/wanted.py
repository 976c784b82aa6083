"""How likely the next lines need a definition: owns what is weighed for it and how much; reads no text of other files.

Log-odds, added up. The weights were fitted to what lines of 16 packages in seven languages use, and rounded.
"""

from __future__ import annotations

import heapq
import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from weakref import WeakKeyDictionary

from context.codegraph.graph import TYPES, Definition, GraphFile, View
from context.nearby import Nearby
from context.tokens import n_lines_tokens

_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[^\W\dA-Za-z_]+")
_SELF = frozenset(("self", "this", "cls", "Self", "super", "@"))
_MIN_PART = 3
_MIN_BEGUN = 2
_MAX_SIGNATURE_LINES = 6

# The weights, each in the unit of its own.
_ANYWHERE = -6.9
_ALIKE = 3.3  # the share of its name's words that stand near, by their closeness
_OF_NAMED = 1.45  # its container's name stands near, by its closeness
_RARE = 1.1  # by the number of namesakes
_OFTEN_USED = 0.45  # by the logarithm of the uses
_IN_LARGE_FILE = -0.45  # by the logarithm of the file's symbols
_IN_CLOSE_FILE = 0.6  # by the logarithm of its file's names near
_IMPORTED = 1.3
_OF_AROUND = 1.15  # a member of the types around the cursor, their bases included
_NAMED_LIKE_OWN = -1.1  # the current file defines something of this name itself
_BEGUN = 2.5
_NOT_BEGUN = -1.1
_OF_RECEIVER = 1.3
_NOT_OF_RECEIVER = -1.6
_OWN = -4.0
_OWN_ALIKE = 3.5
_OWN_NAMED = 2.5
_OWN_MEMBER = 2.5
_STRANGER = -6.9
_STRANGER_CLOSENESS = 0.4
_MIN_STRANGER = 3
_MAX_STRANGERS = 8
_ALONE = 0.7
_N_AMONG = 60
_LARGE_FILE = 300
_N_ALWAYS = 10
"""So many of each file's likeliest symbols are weighed wherever the cursor is."""


@dataclass(slots=True)
class _Sketch:
    """What stays the same of a file from one place to the next, for each of its symbols in order.

    `odds` are those of a place that has nothing to do with it, `dearness` what a symbol's tokens count,
    infinite where there is nothing to show, and `share` that of one word in its name.
    """

    odds: list[float]
    dearness: list[float]
    share: list[float]
    with_part: dict[str, list[int]]
    always: list[int]
    rarity: dict[str, float]


class Ranker:
    """Weighs what files define for a place. Remembers sketches of files as long as these live."""

    def __init__(self) -> None:
        self._sketches: WeakKeyDictionary[GraphFile, _Sketch] = WeakKeyDictionary()

    def warm(self, file: GraphFile) -> None:
        """Makes a file's sketch ahead of the first question."""
        self._sketch(file)

    def best(self, scene: Scene, files: Iterable[GraphFile], limit: int) -> list[Definition]:
        """The definitions that promise most for their tokens, the best first."""
        among = [file for file in files if not scene.view.is_own(file)]
        strangers = _strangers(scene, among)
        among += dict.fromkeys(one.file for one, _ in strangers if one.symbol.kind in TYPES)
        weighed: list[tuple[float, int, int]] = []
        for at, file in enumerate(among):
            sketch = self._sketch(file)
            always, dearness = sketch.odds, sketch.dearness
            base, extra = _place_odds(scene, file, sketch)
            for number, odds in extra.items():
                whole = odds + base + always[number]
                weighed.append((dearness[number] - (whole if whole < 0 else 0.0), at, number))
        for definition, odds in strangers:
            if definition.symbol.kind not in TYPES:
                among.append(definition.file)
                weighed.append((_price(odds, _dearness(definition.symbol.signature)), len(among) - 1, definition.at))
        weighed.sort()
        best = [one for one in weighed[:limit] if one[0] < math.inf]
        n_of = Counter(at for _, at, _ in best[:_N_AMONG])
        best.sort(key=lambda one: one[0] + _ALONE / max(1, n_of[one[1]]))
        return [Definition(among[at], number) for _, at, number in best]

    def _sketch(self, file: GraphFile) -> _Sketch:
        sketch = self._sketches.get(file)
        if sketch is None:
            sketch = self._sketches[file] = _sketch(file)
        return sketch

    def best_own(self, scene: Scene, shown_lines: range, limit: int) -> list[Definition]:
        """The same of the current file, but for what stands on the lines shown anyway and around the cursor."""
        file = scene.view.file
        members = scene.members.get(file, ())
        weighed = []
        words, near = scene.nearby.words, scene.parts.keys()
        is_large = len(file.symbols) > _LARGE_FILE
        for number, symbol in enumerate(file.symbols):
            parts = parts_of(symbol.name)
            if is_large and near.isdisjoint(parts) and number not in members:
                continue
            if not symbol.signature or symbol.line in shown_lines or symbol.line <= scene.line <= symbol.end_line:
                continue
            odds = _OWN + _OWN_ALIKE * sum([scene.parts.get(part, 0.0) for part in parts]) / max(1, len(parts))
            odds += _OWN_NAMED * words.get(symbol.name, 0.0) + _OWN_MEMBER * (number in members)
            weighed.append((_price(odds, _dearness(symbol.signature)), number))
        return [Definition(file, number) for _, number in heapq.nsmallest(limit, weighed)]


def _strangers(scene: Scene, linked: Sequence[GraphFile]) -> list[tuple[Definition, float]]:
    """What names near the cursor mean that no linked file defines, with its odds."""
    words = scene.nearby.words
    names = [name for name in scene.names if words[name] > _STRANGER_CLOSENESS and len(name) > _MIN_STRANGER]
    names.sort(key=words.__getitem__, reverse=True)
    unknown = (name for name in names if not any(name in file.named for file in linked))
    return [
        (definition, _STRANGER + _ALIKE * words[name] + _RARE / len(found))
        for name in islice(unknown, _MAX_STRANGERS)
        if (found := scene.view.everywhere(name))
        for definition in found
    ]


def _place_odds(scene: Scene, file: GraphFile, sketch: _Sketch) -> tuple[float, dict[int, float]]:
    """What a place adds to the odds of all of a file's symbols, and of each that is worth a look."""
    odds = dict.fromkeys(sketch.always, 0.0)
    close = 0.0
    for name in scene.names & sketch.rarity.keys():
        closeness = scene.nearby.words[name]
        close += closeness * sketch.rarity[name]
        for owner in file.named[name]:
            for number in file.members.get(owner, ()):
                odds[number] = odds.get(number, 0.0) + _OF_NAMED * closeness
    for part in scene.parts.keys() & sketch.with_part.keys():
        weight = _ALIKE * scene.parts[part]
        for number in sketch.with_part[part]:
            odds[number] = odds.get(number, 0.0) + weight * sketch.share[number]
    for name in scene.imported & sketch.rarity.keys():
        for number in file.top(name):
            odds[number] = odds.get(number, 0.0) + _IMPORTED
    for name in scene.own & sketch.rarity.keys():
        for number in file.named[name]:
            if number in odds:
                odds[number] += _NAMED_LIKE_OWN
    for number in scene.around.get(file, ()):
        odds[number] = odds.get(number, 0.0) + _OF_AROUND
    return _IN_CLOSE_FILE * math.log1p(close), _as_typed(scene, file, odds)


def _as_typed(scene: Scene, file: GraphFile, odds: dict[int, float]) -> dict[int, float]:
    """The odds after what stands right before the cursor: a receiver, and the beginning of a name."""
    if scene.members:
        of_receiver: Collection[int] = scene.members.get(file, ())
        odds = {number: odds.get(number, 0.0) + _NOT_OF_RECEIVER for number in {*odds, *of_receiver}}
        for number in of_receiver:
            odds[number] += _OF_RECEIVER - _NOT_OF_RECEIVER
    if scene.begun:
        for number in odds:
            odds[number] += _BEGUN if file.symbols[number].name.startswith(scene.begun) else _NOT_BEGUN
    return odds


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
        self.members = _by_file(_receiver_members(view, nearby, owners))
        self.around = _by_file(member for owner in types_around(view, line) for member in view.members(owner))
        self.begun = nearby.begun if len(nearby.begun) >= _MIN_BEGUN else ""
        self.own = view.file.named.keys()
        self.imported = {one.alias or one.name for one in view.file.imports}


def receiver_types(view: View, nearby: Nearby, line: int, first_type: str | None) -> list[Definition]:
    """The types of what stands before the dot; `first_type` is what the text shows of the chain's first name."""
    if not nearby.receiver:
        return []
    first, *rest = nearby.receiver
    owners = types_around(view, line)[-1:] if first in _SELF else view.types(first_type or first)
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


def _by_file(definitions: Iterable[Definition]) -> dict[GraphFile, set[int]]:
    numbers: dict[GraphFile, set[int]] = {}
    for file, number in definitions:
        numbers.setdefault(file, set()).add(number)
    return numbers


def _receiver_members(view: View, nearby: Nearby, owners: list[Definition]) -> Iterator[Definition]:
    for owner in owners:
        yield from view.members(owner)
    for module in view.modules(nearby.receiver):
        yield from (Definition(module, number) for number in module.members.get(-1, ()))


def types_around(view: View, line: int) -> list[Definition]:
    """The types around a line, outermost first."""
    return [
        Definition(view.file, number)
        for number, symbol in enumerate(view.file.symbols)
        if symbol.line <= line <= symbol.end_line and (symbol.kind in TYPES or symbol.kind == "extension")
    ]


def _price(odds: float, dearness: float) -> float:
    """By what definitions are ordered, the lowest first: their tokens for what they promise, nearly as logarithms."""
    return dearness - min(odds, 0.0)


def _dearness(signature: str) -> float:
    """What a definition's tokens count: one of four times as many has to be twice as likely."""
    return 0.5 * math.log(n_lines_tokens(shown(signature))) if signature else math.inf


def _sketch(file: GraphFile) -> _Sketch:
    uses = file.n_uses
    with_part: dict[str, list[int]] = {}
    odds, share = [], []
    in_large_file = _IN_LARGE_FILE * math.log1p(len(file.symbols))
    for number, symbol in enumerate(file.symbols):
        parts = parts_of(symbol.name)
        for part in parts:
            with_part.setdefault(part, []).append(number)
        n_defined, n_used = uses.get(symbol.name, (1, 0))
        odds.append(_ANYWHERE + _RARE / max(1, n_defined) + _OFTEN_USED * math.log1p(n_used) + in_large_file)
        share.append(1 / max(1, len(parts)))
    return _Sketch(
        odds,
        [_dearness(symbol.signature) for symbol in file.symbols],
        share,
        with_part,
        heapq.nlargest(_N_ALWAYS, range(len(odds)), key=odds.__getitem__),
        {name: 1 / max(1, uses.get(name, (1, 0))[0]) for name in file.named},
    )
