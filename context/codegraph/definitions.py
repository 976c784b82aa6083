"""Which definition lies in which: owns the nesting of a file's symbols and what is local only; parses nothing.

What a function binds is local and no symbol, but for classes. What the query found comes in, `Symbol`s go out.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from operator import itemgetter
from typing import cast

from context.codegraph import wording
from context.codegraph.facts import Symbol, SymbolKind
from context.codegraph.source import Source

_HOLDERS = ("class", "interface", "enum", "extension")
_BINDINGS = ("variable", "constant", "field", "function")
_RECEIVERS = ("self", "this", "cls")
_EXPORTS = ("exports", "module.exports")


@dataclass(slots=True)
class Found:
    """What one match of the query is about; `body` is the byte where the body begins, -1 without one."""

    role: str
    start: int
    end: int
    name: str = ""
    name_start: int = 0
    body: int = -1
    type: str = ""
    value: str = ""
    owner: str = ""


@dataclass(slots=True, eq=False)
class Region:
    """A stretch of code that binds names of its own: a symbol, an anonymous function, or the whole file."""

    symbol: int
    kind: str
    start: int
    end: int
    parent: Region | None = None
    access: str = ""
    local_names: set[bytes] = field(default_factory=set)
    members: set[str] = field(default_factory=set)

    @property
    def is_function(self) -> bool:
        """Whether what is bound here is local."""
        return self.kind in ("function", "method", "scope")

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

    def add_local(self, byte: int, name: bytes) -> None:
        """A parameter or variable that is no symbol; binds its name in the region around."""
        self.region_at(byte).local_names.add(name)

    def _nest(self, found: Sequence[Found], inner: Region) -> None:
        named: set[int] = set()
        for one in sorted(found, key=lambda one: (one.start, -one.end)):
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
        match one.role:
            case "access":
                inner.access = one.value
                return inner
            case "decorator":
                self._decorate(one)
                return inner
            case "attribute":
                self._add_attribute(one, inner)
                return inner
            case "scope":
                return self._enter(Region(inner.symbol, "scope", one.start, one.end, inner))
        return self._define(one, inner)

    def _define(self, one: Found, inner: Region) -> Region:
        if inner.start == one.start and inner.end == one.end and inner.parent and inner.symbol >= 0:
            # One declaration of several names: they stand side by side.
            self._define_in(one, inner.parent)
            return inner
        symbol = self._define_in(one, inner)
        kind = self.symbols[symbol].kind if symbol != inner.symbol else "scope"
        return self._enter(Region(symbol, kind, one.start, one.end, inner))

    def _define_in(self, one: Found, inner: Region) -> int:
        """Adds the symbol, unless it is a local one; the index of the symbol that the code belongs to."""
        if inner.is_function and one.role in _BINDINGS and not one.owner:
            inner.local_names.add(one.name.encode())
            return inner.symbol
        if one.role == "extension" and one.name in self._owners:
            return self._owners[one.name]
        container = inner.symbol
        if one.owner and one.owner not in _EXPORTS:
            container = self._owner(one)
        inner.members.add(one.name)
        symbol = self._add(one, container, inner)
        if self.symbols[symbol].kind in _HOLDERS or one.role in ("function", "type"):
            self._owners.setdefault(one.name, symbol)
        return symbol

    def _owner(self, one: Found) -> int:
        """The symbol of the type that `one` is a member of though it lies outside of it."""
        if one.owner not in self._owners:
            row = self._source.row(one.start)
            self._owners[one.owner] = len(self.symbols)
            self.symbols.append(Symbol(one.owner, "extension", -1, row, row, ""))
        return self._owners[one.owner]

    def _add(self, one: Found, container: int, inner: Region) -> int:
        source = self._source
        start = self._decorated_start(one)
        first, last = wording.header_rows(source, start, one)
        holder = self.symbols[container].kind if container >= 0 else "module"
        signature = source.rows(first, last)
        public = wording.is_public(one, source.code[start : one.name_start], self._language, holder, inner.access)
        if holder == "module" and public and self._exported:
            public = one.name in self._exported or signature.lstrip().startswith("export")
        self.symbols.append(
            Symbol(
                one.name,
                _kind(one, holder),
                container,
                first,
                source.row(max(one.start, one.end - 1)),
                signature,
                wording.doc(source, self._language, first, one),
                one.type or wording.constructed(one.value),
                public,
            )
        )
        return len(self.symbols) - 1

    def _enter(self, region: Region) -> Region:
        if region.kind == "class" and self._language == "cpp":
            region.access = wording.first_access(self._source, region.start)
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
        if one.owner not in _RECEIVERS:
            return
        around = [region for region in inner.outward() if region.symbol >= 0]
        holder = next((region for region in around if region.kind in _HOLDERS), None)
        holder = holder or next((region for region in around if region.kind == "function"), None)
        if holder is None or one.name in holder.members:
            return
        holder.members.add(one.name)
        if not one.type:
            one.type = wording.parameter_type(self.symbols[inner.symbol].signature, one.value)
        one.role = "field"
        self._add(one, holder.symbol, inner)


def _kind(one: Found, holder: str) -> SymbolKind:
    if one.role == "function":
        return "method" if holder in _HOLDERS or one.owner not in ("", *_EXPORTS) else "function"
    if one.role in ("variable", "constant") and one.name.isupper():
        return "constant"
    if one.role == "variable" and holder in _HOLDERS:
        return "field"
    return cast("SymbolKind", one.role)
