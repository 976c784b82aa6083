"""Which words are no use of a name: owns keywords, literals and primitive types; knows no text."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable
from typing import NamedTuple

from context.languages import Language


class Words(NamedTuple):
    """What is no use of a name: words that stand bare, and those before an opening parenthesis."""

    names: frozenset[bytes]
    calls: frozenset[bytes]

    def without(self, names: Iterable[str]) -> Words:
        """All but `names`."""
        out = {name.encode() for name in names}
        return Words(self.names - out, self.calls - out)


def words_of(language: Language) -> Words:
    """What the grammar spells out, literals, primitive types; before a parenthesis only what is never a name."""
    grammar = language.grammar()
    kinds = (
        grammar.node_kind_for_id(at) or ""
        for at in range(grammar.node_kind_count)
        if not grammar.node_kind_is_named(at)
    )
    built_in = frozenset(name.encode() for name in dir(builtins)) if language.name == "python" else frozenset()
    spelt = frozenset(kind.lstrip("#").encode() for kind in kinds if re.fullmatch(r"#?\w+", kind))
    return Words(spelt | _NO_NAMES | _PRIMITIVE | _COMMON | built_in, _NO_NAMES | _PRIMITIVE | built_in)


def _set(words: str) -> frozenset[bytes]:
    return frozenset(words.encode().split())


_NO_NAMES = _set(
    "if else elif elsif elseif unless for foreach while until do switch match case when return yield await async throw"
    " catch except finally try new delete typeof instanceof sizeof alignof decltype function fn func fun def lambda"
    " not and or is in as where with using lock go defer assert static_assert super this self Self crate"
    " import export package type base mut macro_rules struct enum class interface impl pub var let val const static"
    " public private protected"
)
_PRIMITIVE = _set(
    "void bool boolean char byte rune short int uint long float double signed unsigned auto size_t usize isize"
    " u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 int8 int16 int32 int64 uint8 uint16 uint32 uint64"
    " int8_t int16_t int32_t int64_t uint8_t uint16_t uint32_t uint64_t"
)
_COMMON = _set(
    "true false null nil none None True False undefined nullptr iota NULL module str string bytes error"
    " any object String"
)
