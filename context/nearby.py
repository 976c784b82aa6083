"""What stands around a cursor, read off the text alone: owns Nearby; knows no grammar and no other file.

Patterns rather than a parse: they take a tenth of a millisecond, hold while a statement is half typed, and what they
misread finds no definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

_BEFORE_LINES = 60
_AFTER_LINES = 20
_TYPED_CHARS = 8_000
_HALF_LINES = 10.0

_WORD = re.compile(r"[^\W\d]\w{2,}")
_RECEIVER = re.compile(r"((?:[\w$]+(?:\([^()\n]*\))?(?:\.|::|->|\?\.|!\.))+)([\w$]*)$")
_LINK = re.compile(r"([\w$]+)(?:\([^()\n]*\))?(?:\.|::|->|\?\.|!\.)")
_TYPE = r"(?:[\w$]+(?:\.|::))*[\w$]+"
# How a variable's type shows: `name: Type`, `name = Type(...)`, `Type name` and Go's `name Type`.
_TYPED = (
    re.compile(rf"\b([\w$]+)\??\s*:\s*(?:&|\*|mut |const |['\"]|Optional\[|Option<|Arc<|Box<|Rc<)*({_TYPE})"),
    re.compile(rf"\b([\w$]+)\s*:?=\s*(?:await |new |&|\*)*({_TYPE})\s*[({{<]"),
)
_DECLARED = re.compile(rf"\b({_TYPE})(?:<[^;=(){{}}\n]*>)?(?:\s*[*&]+\s*|\s+)([\w$]+)\s*(?=[=;,){{:]|$)", re.MULTILINE)
_GO_DECLARED = re.compile(rf"\b([\w$]+)\s+(?:\*|\[\])*({_TYPE})\s*(?=[,){{])")
_NO_TYPES = frozenset(
    "return else new in of is as not and or await yield throw raise import from package use let const var mut if for"
    " while case delete typeof static final public private protected def fn func class struct enum goto void".split()
)


@dataclass(frozen=True, slots=True)
class Nearby:
    """`words` are identifiers with their closeness, 1 on the cursor's line and falling with the lines between.

    `receiver` is the chain before the cursor ("self", "store" for `self.store.`), `begun` the identifier that is
    half typed there, and `types` what the text shows of variables: a type's bare name, or a function's whose result
    they hold.
    """

    words: dict[str, float]
    receiver: tuple[str, ...]
    begun: str
    types: dict[str, str]


def look_nearby(text: str, offset: int, language: str) -> Nearby:
    """What stands around `offset` in a file of `language`."""
    line_start = text.rfind("\n", 0, offset) + 1
    line = text[line_start:offset]
    chain, begun = _receiver(line)
    before = _lines_before(text, line_start, _BEFORE_LINES)
    after = _lines_after(text, offset, _AFTER_LINES)
    return Nearby(
        _words(line, before, after), chain, begun, _types(text[max(0, offset - _TYPED_CHARS) : offset], language)
    )


def _receiver(line: str) -> tuple[tuple[str, ...], str]:
    found = _RECEIVER.search(line[-200:])
    if found:
        return tuple(_LINK.findall(found[1])), found[2]
    begun = re.search(r"[^\W\d][\w$]*$", line[-100:])
    return (), begun[0] if begun else ""


def _words(line: str, before: Iterable[str], after: Iterable[str]) -> dict[str, float]:
    words: dict[str, float] = {}
    for n, text in enumerate((line, *before)):
        _take(words, text, 1 / (1 + n / _HALF_LINES))
    for n, text in enumerate(after):
        _take(words, text, 1 / (1.5 + n / _HALF_LINES))
    return words


def _take(words: dict[str, float], text: str, closeness: float) -> None:
    for word in _WORD.findall(text):
        if words.get(word, 0.0) < closeness:
            words[word] = closeness


def _lines_before(text: str, line_start: int, n_lines: int) -> Iterator[str]:
    """The lines above, the nearest first."""
    end = line_start - 1
    while end >= 0 and n_lines:
        start = text.rfind("\n", 0, end) + 1
        yield text[start:end][:400]
        end, n_lines = start - 1, n_lines - 1


def _lines_after(text: str, offset: int, n_lines: int) -> Iterator[str]:
    start = offset
    while start < len(text) and n_lines:
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end][:400]
        start, n_lines = end + 1, n_lines - 1


def _types(text: str, language: str) -> dict[str, str]:
    """The last that is said of a variable holds."""
    types: dict[str, str] = {}
    if language == "go":
        _note(types, _GO_DECLARED.findall(text))
    elif language not in ("python", "ruby", "javascript", "typescript", "typescriptreact"):
        _note(types, ((name, declared) for declared, name in _DECLARED.findall(text)))
    for pattern in _TYPED:
        _note(types, pattern.findall(text))
    return types


def _note(types: dict[str, str], found: Iterable[tuple[str, str]]) -> None:
    for name, declared in found:
        if declared not in _NO_TYPES and name not in _NO_TYPES:
            types[name] = re.split(r"\.|::", declared)[-1] if declared[-1:] != ":" else declared
