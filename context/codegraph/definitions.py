"""Which definition lies in which: owns the nesting of a file's symbols and what is local only; parses nothing.

What a function binds is local and no symbol, but for classes and what they hold.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import attrgetter, itemgetter
from typing import cast

from context.codegraph import wording
from context.codegraph.facts import Symbol, SymbolKind
from context.codegraph.grammar_query import Captures
from context.codegraph.source import Source

_FUNCTIONS = ("function", "method", "scope")
_HOLDERS = ("class", "interface", "enum", "extension", "type")
_BINDINGS = ("variable", "constant", "function", "prototype")
_LOCAL = (*_BINDINGS, "property", "field")
# Here no function lies in a function; where one seems to, an error before has hidden the end of the other.
_FLAT = ("c", "cpp")
_RECEIVERS = ("", "self", "this", "cls")
_EXPORTS = ("", "exports")
_SAYS_MORE = {"variable": 0, "field": 0, "typedef": 0, "interface": 20, "enum": 20}
_TEXT_TYPE = re.compile(r":?\s*[\"'`]")
_EXPORT = re.compile(r"^\s*export\b", re.MULTILINE)
_REQUIRE = re.compile(r"(?:await\s+import|require)\s*\([^()]*\)(?:\.\w+)*")
_MAX_VALUE_BYTES = 80


@dataclass(slots=True)
class Found:
    """One match of the query that is no mere local name: its role, its bytes, its name and its other captures."""

    role: str
    start: int
    end: int
    captures: Captures
    name: str = ""
    name_start: int = 0
    order: tuple[int, int, int] = (0, 0, 0)

    def __post_init__(self) -> None:
        """Tells the order: by place; what lies around first, and of two of one place that which says more."""
        self.order = self.start, -self.end, -_SAYS_MORE.get(self.role, 10) - len(self.captures)

    @property
    def body(self) -> int:
        """The byte where the body begins, -1 without one."""
        return self.captures["body"][0].start_byte if "body" in self.captures else -1


@dataclass(slots=True, eq=False)
class Region:
    """A stretch of code that binds names of its own: a symbol, an anonymous function, or the whole file."""

    symbol: int
    kind: str
    start: int
    end: int
    parent: Region | None = None
    access: str = ""
    local_names: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)
    _hidden: frozenset[str] | None = None

    def hidden(self) -> frozenset[str]:
        """The names that are local here; asked for when all are known."""
        if self._hidden is None:
            around = self.parent.hidden() if self.parent else frozenset[str]()
            self._hidden = around | self.local_names if self.local_names else around
        return self._hidden

    def outward(self) -> Iterator[Region]:
        """The region itself and those around it."""
        region: Region | None = self
        while region is not None:
            yield region
            region = region.parent


class Definitions:
    """The symbols of a file in document order, and which byte lies in which region."""

    def __init__(self, source: Source, language: str, found: Sequence[Found], exported: frozenset[str]) -> None:
        self.symbols: list[Symbol] = []
        self._source = source
        self._language = language
        self._is_flat = language in _FLAT
        self._exported = exported
        self._owners: dict[str, int] = {}
        self._decorators: Found | None = None
        whole = Region(-1, "module", 0, len(source.bytes) + 1)
        self._cuts: list[tuple[int, Region]] = [(0, whole)]
        self._nest(found, whole)

    def stretches(self) -> Iterator[tuple[int, int, Region]]:
        """Start, end and region of each stretch of bytes that lies in no smaller region; they cover the file."""
        ends = [start for start, _ in self._cuts[1:]] + [len(self._source.bytes)]
        for (start, region), end in zip(self._cuts, ends, strict=True):
            if start < end:
                yield start, end, region

    def region_at(self, byte: int) -> Region:
        """The innermost region around a byte."""
        return self._cuts[bisect_right(self._cuts, byte, key=itemgetter(0)) - 1][1]

    def add_local(self, byte: int, name: str) -> None:
        """A parameter or variable that is no symbol: the region around binds its name, unless that is the file."""
        region = self.region_at(byte)
        if region.kind != "module":
            region.local_names.add(name)

    def _nest(self, found: Sequence[Found], inner: Region) -> None:
        named: set[int] = set()
        for one in sorted(found, key=attrgetter("order")):
            if inner.end <= one.start:
                inner = self._leave(inner, one.start)
            if one.name:
                # A decorated definition holds the plain one, which its query finds once more.
                if one.name_start in named:
                    continue
                named.add(one.name_start)
            inner = self._take(one, inner)
        self._leave(inner, len(self._source.bytes))

    def _leave(self, inner: Region, byte: int) -> Region:
        """The region that `byte` lies in."""
        while inner.end <= byte and inner.parent is not None:
            self._cuts.append((inner.end, inner.parent))
            inner = inner.parent
        return inner

    def _take(self, one: Found, inner: Region) -> Region:
        """Puts one in its place; the region that goes on from there."""
        if inner.kind in _FUNCTIONS and one.role in _LOCAL and not (one.role == "function" and self._is_flat):
            return self._bind(one, inner)
        match one.role:
            case "scope":
                return self._enter(Region(inner.symbol, "scope", one.start, one.end, inner))
            case "attribute":
                self._add_attribute(one, inner)
                return inner
            case "access":
                inner.access = self._text(one, "access").strip(" :")
                return inner
            case "decorator":
                self._decorate(one)
                return inner
            case "variable" if _REQUIRE.fullmatch(self._text(one, "value")):
                return inner
        if inner.start == one.start and inner.end == one.end and inner.parent and inner.symbol >= 0:
            # One declaration of several names: they stand side by side.
            self._define(one, inner.parent)
            return inner
        symbol = self._define(one, inner)
        if one.role == "typedef":
            # The struct that it names lies beside it, not in it.
            return inner
        return self._enter(Region(symbol, self.symbols[symbol].kind, one.start, one.end, inner))

    def _bind(self, one: Found, inner: Region) -> Region:
        """Makes a name local, unless it is that of a member; only a function binds names itself."""
        if one.role in _BINDINGS and "owner" not in one.captures:
            inner.local_names.add(one.name)
        if one.role in ("function", "property"):
            return self._enter(Region(inner.symbol, "scope", one.start, one.end, inner))
        return inner

    def _define(self, one: Found, inner: Region) -> int:
        """Adds a symbol; its index, or that of the type that it goes on with."""
        if self._is_flat and one.role == "function":
            inner = next(region for region in inner.outward() if region.kind not in _FUNCTIONS)
        if one.role == "extension" and one.name in self._owners:
            return self._owners[one.name]
        owner = wording.owner(self._text(one, "owner"))
        container = inner.symbol if owner in _EXPORTS else self._owner(owner, one)
        inner.members.add(one.name)
        symbol = self._add(one, container, inner, self._type(one))
        if self.symbols[symbol].kind in (*_HOLDERS, "function"):
            self._owners.setdefault(one.name, symbol)
        return symbol

    def _owner(self, owner: str, one: Found) -> int:
        """The symbol of the type that `one` is a member of though it lies outside of it."""
        if owner not in self._owners:
            row = self._source.row(one.start)
            self._owners[owner] = len(self.symbols)
            self.symbols.append(Symbol(owner, "extension", -1, row, row, ""))
        return self._owners[owner]

    def _add(self, one: Found, container: int, inner: Region, type_: str) -> int:
        source = self._source
        start = self._decorated_start(one)
        first, signature = wording.header(source, start, one)
        holder = self.symbols[container].kind if container >= 0 else "module"
        is_public = wording.is_public(
            one.name, source.code[start : one.name_start], self._language, holder, inner.access
        )
        if one.role == "module":
            is_public = True
        elif holder == "module" and is_public and self._exported:
            is_public = one.name in self._exported or _EXPORT.search(signature) is not None
        self.symbols.append(
            Symbol(
                one.name,
                _kind(one, holder),
                container,
                first,
                source.row(max(one.start, one.end - 1)),
                signature,
                wording.doc(source, self._language, first, one.body),
                type_,
                is_public,
            )
        )
        return len(self.symbols) - 1

    def _type(self, one: Found) -> str:
        declared = self._text(one, "result")
        if self._language.startswith("typescript") and _TEXT_TYPE.match(declared):
            return ""
        return wording.bare_type(declared) if declared else wording.constructed(self._text(one, "value"))

    def _text(self, one: Found, capture: str) -> str:
        return self._source.text(one.captures[capture][0], _MAX_VALUE_BYTES) if capture in one.captures else ""

    def _enter(self, region: Region) -> Region:
        if region.kind in _HOLDERS:
            region.access = wording.first_access(self._source, self._language, region.start)
        self._cuts.append((region.start, region))
        return region

    def _decorate(self, one: Found) -> None:
        """Remembers where a run of attributes that stand before a definition begins."""
        if self._decorators and self._is_blank(self._decorators.end, one.start):
            self._decorators.end = one.end
        else:
            self._decorators = one

    def _decorated_start(self, one: Found) -> int:
        run, self._decorators = self._decorators, None
        return run.start if run and self._is_blank(run.end, one.start) else one.start

    def _is_blank(self, start: int, end: int) -> bool:
        return not self._source.code[start:end].strip()

    def _add_attribute(self, one: Found, inner: Region) -> None:
        """`self.total = 0` as a field of the class around, at its first place there."""
        if self._text(one, "owner") not in _RECEIVERS:
            return
        around = [region for region in inner.outward() if region.symbol >= 0]
        holder = next((region for region in around if region.kind in _HOLDERS), None)
        holder = holder or next((region for region in around if region.kind == "function"), None)
        if holder is None or one.name in holder.members:
            return
        holder.members.add(one.name)
        signature = self.symbols[inner.symbol].signature
        self._add(
            one, holder.symbol, inner, self._type(one) or wording.parameter_type(signature, self._text(one, "value"))
        )


def _kind(one: Found, holder: str) -> SymbolKind:
    if one.role in ("function", "prototype", "method", "property"):
        return "function" if holder == "module" and one.role in ("function", "prototype") else "method"
    if one.role == "attribute":
        return "field"
    if one.role == "typedef":
        return "type"
    if one.role in ("variable", "field") and one.name.isupper() and len(one.name) > 1:
        return "constant"
    if one.role == "variable" and holder in _HOLDERS:
        return "field"
    return cast("SymbolKind", one.role)
