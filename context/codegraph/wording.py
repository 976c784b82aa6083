"""How a definition reads: owns the rows of its header, its first line of documentation, its type and its visibility."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from context.codegraph.source import Source
from context.languages import find

if TYPE_CHECKING:
    from context.codegraph.definitions import Found

_MAX_ROWS = 24
_ONE_ROW = ("field", "variable", "constant", "macro", "attribute")


def header_rows(source: Source, start: int, one: Found) -> tuple[int, int]:
    """First and last row of a definition from byte `start` on without its body; where that is long, around the name."""
    name_end = one.name_start + len(one.name.encode())
    if one.body >= 0:
        end = max(start + len(source.code[start : one.body].rstrip()), name_end)
    else:
        end = name_end if one.role in _ONE_ROW else one.end
    name_row = source.row(one.name_start)
    first, last = source.row(start), source.row(end - 1)
    return max(min(first, name_row), name_row - _MAX_ROWS // 2), min(max(last, name_row), name_row + _MAX_ROWS)


# Documentation.

_DOCSTRING = re.compile(rb'[rRuU]?("""|\'\'\'|"|\')\s*([^\n]*)')
_COMMENT_MARKS = re.compile(r"^\s*(?:/\*\*?|\*/|\*|//[/!]?|#|--|<!--)?\s?(.*?)\s*(?:\*/|-->)?\s*$")
_MAX_DOC_CHARS = 160


def doc(source: Source, language: str, first: int, one: Found) -> str:
    """The first line of documentation: of the docstring, or of the comment that ends above row `first`."""
    if language == "python":
        return _docstring(source, one.body) if one.body >= 0 else ""
    row = first - 1
    while row >= 0 and _is_comment(source.line(row).strip(), language):
        row -= 1
    for above in range(row + 1, first):
        match = _COMMENT_MARKS.match(source.line(above).decode("utf-8", "replace"))
        words = match.group(1).strip() if match else ""
        if re.search(r"\w", words) and not words.startswith("@"):
            return words[:_MAX_DOC_CHARS]
    return ""


def _docstring(source: Source, body: int) -> str:
    match = _DOCSTRING.match(source.bytes, body)
    if match is None:
        return ""
    quote, words = match.group(1), match.group(2)
    return words.split(quote)[0].strip().decode("utf-8", "replace")[:_MAX_DOC_CHARS]


def _is_comment(line: bytes, language: str) -> bool:
    row = find(language)
    mark = row.line_comment if row else None
    if mark and line.startswith(mark.encode()):
        # An attribute of Rust or PHP is none, nor is a directive of C.
        return not line.startswith(b"#[")
    return line.startswith((b"/*", b"*")) or line.endswith(b"*/")


# Types.

_WRAPPERS = (
    "Optional|Option|Promise|Awaitable|Task|ValueTask|Future|Coroutine|Annotated|Final|ClassVar|Readonly|Box|Rc|Arc"
    "|RefCell|Mutex|unique_ptr|shared_ptr|Result|Required|NotRequired|Lazy"
)
_WRAPPED = re.compile(rf"^(?:[\w.:]*\b)?(?:{_WRAPPERS})\s*[<\[](.*)[>\]]$", re.DOTALL)
_TYPE_NOISE = re.compile(
    r"^(?::|->|\s|&|\*|\?|\.\.\.|'\w+\s|\"|'|\b(?:const|mut|dyn|impl|readonly|struct|enum|class|final)\b)+"
)
_NAME = re.compile(r"[\w$]+(?:\s*(?:\.|::|\\)\s*[\w$]+)*")
_CONSTRUCTED = re.compile(
    r"(?:await\s+)?(?:new\s+|&mut\s+|&)?(?:[a-z_]\w*(?:\.|::))*([A-Z]\w*)(?:<[^()]*>)?"
    r"(?:(?:::|\.)(?:new|default|from\w*|create|of))?\s*[({]"
)


def bare_type(text: str) -> str:
    """The name of a type without its package, its marks and what merely wraps it; "" for what has none."""
    text = _TYPE_NOISE.sub("", text.strip())
    while match := _WRAPPED.match(text):
        text = _TYPE_NOISE.sub("", match.group(1).strip())
    name = _NAME.match(text)
    return re.split(r"\.|::|\\", name.group().strip("\"' "))[-1].strip() if name else ""


def constructed(value: str) -> str:
    """The class whose constructor a value calls, by its capital letter; "" for any other value."""
    match = _CONSTRUCTED.match(value)
    return match.group(1) if match else ""


def parameter_type(signature: str, value: str) -> str:
    """The declared type of the parameter that `value` merely names."""
    if not value.isidentifier():
        return ""
    match = re.search(rf"\b{re.escape(value)}\??\s*:\s*([^,=)\n]+)", signature)
    return bare_type(match.group(1)) if match else ""


# Visibility.

_MODIFIER = re.compile(rb"\b(public|private|protected|internal|static|pub|fileprivate)\b")


def is_public(one: Found, header: bytearray, language: str, holder: str, access: str) -> bool:
    """Whether others may use it, by the language's convention.

    `header` is what stands before its name, `holder` the kind of its container, `access` the section it is in.
    """
    name = one.name
    if name.startswith(("_", "#")) and not name.endswith("__"):
        return False
    if language == "python":
        return True
    if language == "go":
        return name[:1].isupper()
    modifiers = set(_MODIFIER.findall(header))
    if modifiers & {b"private", b"protected", b"fileprivate"} or access in ("private", "protected"):
        return bool(modifiers & {b"public"})
    if language == "rust":
        return b"pub" in modifiers or holder in ("interface", "enum")
    if language in ("c", "cpp"):
        return not (b"static" in modifiers and holder == "module" and one.role == "function")
    if language == "csharp":
        return bool(modifiers) or holder in ("module", "interface", "enum")
    return True


def first_access(source: Source, start: int) -> str:
    """The access that a C++ class begins with: only `class` hides its members."""
    return "private" if re.match(rb"(?:template\s*<[^{;]*?>\s*)?class\b", source.code[start : start + 400]) else ""
