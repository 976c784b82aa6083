"""What stands around a cursor, read off the text alone: owns Nearby; knows no grammar and no other file.

Patterns rather than a parse: they take a fraction of a millisecond, hold while a statement is half typed, and what
they misread finds no definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BEFORE_LINES = 40
_AFTER_LINES = 15
_MAX_LINE_CHARS = 300
_TYPED_CHARS = 10_000
_MAX_MENTIONS = 24
_HALF_LINES = 10.0

_WORD = re.compile(r"[^\W\d]\w{2,}")
_BEGUN = re.compile(r"[^\W\d][\w$]*$")
_ACCESS = r"(?:\([^()\n]*\)|\[[^\[\]\n]*\])?(?:\.|::|->|\?\.|!\.)"
_CHAIN = re.compile(rf"((?:@?[\w$]+{_ACCESS})+)([\w$]*)$")
_LINK = re.compile(rf"(@?[\w$]+){_ACCESS}")
_TYPE = r"((?:[\w$]+(?:\.|::))*[\w$]+)"
_WRAPPERS = r"(?:[&*'\"?]|mut |const |Optional\[|Option<|Arc<|Box<|Rc<|list\[|List\[|Vec<)*"
# What follows a variable where its type shows: `name: Type`, `name = Type(...)` and Go's `name Type`.
_ANNOTATED = re.compile(rf"\??[ \t]*:[ \t]*{_WRAPPERS}{_TYPE}")
_MADE = re.compile(rf"(?:[ \t]*,[ \t]*\w+)*[ \t]*:?=[ \t]*(?:await |new |&|\*)*{_TYPE}[ \t]*[({{<]")
_GO_DECLARED = re.compile(rf"[ \t]+(?:\*|\[\])*{_TYPE}[ \t]*[,){{=\n]")
# What stands before it: `Type name`, `Type<T> *name`.
_DECLARED = re.compile(rf"{_TYPE}(?:<[^;=(){{}}\n]*>)?(?:[ \t]*[*&]+[ \t]*|[ \t]+)$")
_TYPE_FIRST = frozenset(("c", "cpp", "csharp", "java", "php"))
_NO_TYPES = frozenset(
    re.findall(
        r"\w+",
        "return else new in of is as not and or await yield throw raise import from use let const var val mut"
        " if for while case delete goto auto",
    )
)


@dataclass(frozen=True, slots=True)
class Nearby:
    """`words` are identifiers with their closeness, 1 on the cursor's line and falling with the lines between.

    `receiver` is the chain before the cursor (`self.store.` is "self", "store"), and `begun` the identifier that is
    half typed there.
    """

    words: dict[str, float]
    receiver: tuple[str, ...]
    begun: str


def look_nearby(text: str, offset: int) -> Nearby:
    """What stands around `offset`."""
    line_start = text.rfind("\n", 0, offset) + 1
    line = text[max(line_start, offset - _MAX_LINE_CHARS) : offset]
    chain = _CHAIN.search(line)
    receiver = tuple(_LINK.findall(chain[1])) if chain else ()
    begun = chain[2] if chain else found[0] if (found := _BEGUN.search(line)) else ""
    words: dict[str, float] = {}
    for closeness, near in _lines_around(text, line_start, offset):
        for word in _WORD.findall(near):
            if words.get(word, 0.0) < closeness:
                words[word] = closeness
    if begun and words.get(begun) == 1.0 and line.count(begun) == 1:
        del words[begun]
    return Nearby(words, receiver, begun)


def type_of(variable: str, text: str, offset: int, language: str) -> str | None:
    """The bare name of the variable's type, or of the function whose result it holds, by its nearest mention before."""
    if not re.fullmatch(r"[\w$]+", variable):
        return None
    end = offset
    for _ in range(_MAX_MENTIONS):
        end = text.rfind(variable, max(0, offset - _TYPED_CHARS), end)
        if end < 0:
            return None
        found = _declared_at(text, end, end + len(variable), language)
        if found and found not in _NO_TYPES:
            return re.split(r"\.|::", found)[-1]
    return None


def _declared_at(text: str, start: int, end: int, language: str) -> str | None:
    if re.match(r"[\w$]", text[end : end + 1]) or re.match(r"[\w$.]", text[max(0, start - 1) : start]):
        return None
    if language in _TYPE_FIRST:
        before = _DECLARED.search(text[max(0, start - 80) : start])
        if before and before[1] not in _NO_TYPES:
            return before[1]
        made = _MADE.match(text, end)
        return _constructed(made[1]) if made else None
    patterns = (_MADE, _GO_DECLARED if language == "go" else _ANNOTATED)
    found = next((found for pattern in patterns if (found := pattern.match(text, end))), None)
    return _constructed(found[1]) if found else None


def _constructed(written: str) -> str:
    """`Type::new` and `Type.of` make a Type, by the custom that types have capitals."""
    parts = re.split(r"\.|::", written)
    owner = parts[-2] if len(parts) > 1 else ""
    return owner if owner[:1].isupper() and not parts[-1][:1].isupper() else parts[-1]


def _lines_around(text: str, line_start: int, offset: int) -> Iterator[tuple[float, str]]:
    yield 1.0, text[max(line_start, offset - _MAX_LINE_CHARS) : offset]
    end = line_start - 1
    for n in range(1, _BEFORE_LINES + 1):
        if end < 0:
            break
        start = text.rfind("\n", 0, end) + 1
        yield 1 / (1 + n / _HALF_LINES), text[start : min(end, start + _MAX_LINE_CHARS)]
        end = start - 1
    start = offset
    for n in range(_AFTER_LINES):
        if start >= len(text):
            break
        end = text.find("\n", start) % (len(text) + 1)
        yield 1 / (1.5 + n / _HALF_LINES), text[start : min(end, start + _MAX_LINE_CHARS)]
        start = end + 1
