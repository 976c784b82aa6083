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


def header(source: Source, start: int, one: Found) -> tuple[int, str]:
    """The first row of a definition from byte `start` on, and its rows without the body; if many, those at the name.

    Where the name stands behind the body (`typedef struct {...} Cart;`), its row too.
    """
    name_row, name_end = source.row(one.name_start), one.name_start + len(one.name.encode())
    body = one.body
    end = name_end if one.role in _ONE_ROW else one.end
    if body >= 0:
        end = start + len(source.code[start:body].rstrip())
    first, last = source.row(start), source.row(max(end, start + 1) - 1)
    if body >= 0 and one.name_start > body:
        rows = source.rows(first, min(last, first + _MAX_ROWS))
        return first, rows if name_row <= last else rows + "\n" + source.rows(name_row, name_row)
    first = max(min(first, name_row), name_row - _MAX_ROWS // 2)
    return first, source.rows(first, min(max(last, name_row), name_row + _MAX_ROWS))


# Documentation.

_DOCSTRING = re.compile(rb'[rRuU]?("""|\'\'\'|"|\')\s*([^\n]*)')
_COMMENT_MARKS = re.compile(r"^\s*(?:/\*\*?|\*/|\*|//[/!]?|#|--|<!--)?\s?(.*?)\s*(?:\*/|-->)?\s*$")
_MAX_DOC_CHARS = 160
_MAX_COMMENT_ROWS = 200


def doc(source: Source, language: str, first: int, body: int) -> str:
    """The first line of documentation: of the docstring at byte `body`, or of the comment above row `first`."""
    if language == "python":
        return _docstring(source, body) if body >= 0 else ""
    return comment_above(source, first, language)


def comment_above(source: Source, first: int, language: str = "") -> str:
    """The first line of the comment that ends above row `first`, without its marks."""
    for above in range(_comment_start(source, language, first), first):
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


def _comment_start(source: Source, language: str, first: int) -> int:
    """The first row of the comment that ends right above row `first`; `first` without one."""
    found = find(language)
    marks = (b"//", b"#", b"--") if found is None else ((found.line_comment or "//").encode(),)
    row = first
    while row > 0 and (above := source.line(row - 1).strip()):
        if above.endswith(b"*/"):
            row -= 1
            while row > 0 and b"/*" not in source.line(row) and first - row < _MAX_COMMENT_ROWS:
                row -= 1
        elif above.startswith(marks) and not above.startswith(b"#["):
            row -= 1
        else:
            break
    return row


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
_NO_NAME = re.compile(r"^\d|\[\s*\]$")
_CONSTRUCTED = re.compile(
    r"(?:await\s+)?(?:new\s+|&mut\s+|&)?(?:[a-z_]\w*(?:\.|::))*(?!New)([A-Z]\w*)(?:<[^()]*>)?"
    r"(?:(?:::|\.)(?:new|default|from\w*|create|of))?\s*[({]"
)


_PARAMETER = re.compile(r"(\w+)\??\s*:\s*([^,=)\n]+)")


def bare_type(text: str) -> str:
    """The name of a type without its package, its marks and what merely wraps it; "" for what has none."""
    text = _TYPE_NOISE.sub("", text.strip())
    if text.startswith("("):
        # Of several results the first; Go may give it a name.
        text = _TYPE_NOISE.sub("", text.strip("()").split(",")[0].split()[-1:][0] if text.strip("() ") else "")
    while match := _WRAPPED.match(text):
        text = _TYPE_NOISE.sub("", _first(match.group(1)).strip())
    name = _NAME.match(text) if not _NO_NAME.search(text) else None
    return re.split(r"\.|::|\\", name.group().strip("\"' "))[-1].strip() if name else ""


def _first(types: str) -> str:
    """The first of several types, which commas part outside of brackets."""
    depth = 0
    for at, char in enumerate(types):
        depth += (char in "<[(") - (char in ">])")
        if char == "," and depth == 0:
            return types[:at]
    return types


def name(text: str, role: str) -> str:
    """A name as others write it: without quotes, marks and what stands in angle brackets."""
    if role == "extension":
        return bare_type(text)
    text = text.strip("'\"`:@" if role != "module" else "'\"` ")
    return text if text.startswith("operator") else text.partition("<")[0].strip()


def owner(text: str) -> str:
    """The name of the type that a member is given to: `Cart` of `Cart.prototype` and of `*Cart`."""
    return bare_type(text.removesuffix(".prototype")) if text else ""


def constructed(value: str) -> str:
    """The class whose constructor a value calls, by its capital letter; "" for any other value."""
    match = _CONSTRUCTED.match(value)
    return match.group(1) if match else ""


def parameter_type(signature: str, value: str) -> str:
    """The declared type of the parameter that `value` merely names."""
    found = _PARAMETER.finditer(signature) if value.isidentifier() else ()
    return next((bare_type(match.group(2)) for match in found if match.group(1) == value), "")


# Visibility.

_MODIFIER = re.compile(rb"\b(public|private|protected|internal|static|pub|fileprivate)\b")


def is_public(name: str, header: bytearray, language: str, holder: str, access: str) -> bool:
    """Whether others may use it, by the language's convention.

    `header` is what stands before its name, `holder` the kind of its container, `access` the section it is in.
    """
    if name.startswith(("_", "#")) and not (name.endswith("__") or (language == "php" and name.startswith("__"))):
        return False
    if language == "python":
        return True
    if language == "go":
        return name[:1].isupper()
    modifiers = set(_MODIFIER.findall(header))
    if modifiers & {b"private", b"protected", b"fileprivate"} or access in ("private", "protected"):
        return bool(modifiers & {b"public"})
    if language == "rust":
        return b"pub" in modifiers or holder in ("interface", "enum") or access == "public"
    if language in ("c", "cpp"):
        return not (b"static" in modifiers and holder == "module")
    if language == "csharp":
        return bool(modifiers & {b"public", b"internal"}) or holder in ("module", "interface", "enum")
    return True


def first_access(source: Source, language: str, start: int) -> str:
    """The access that what begins at `start` begins with: C++ hides a `class`, Rust shows what implements a trait."""
    text = source.code[start : start + 400]
    if language == "cpp":
        return "private" if re.match(rb"(?:template\s*<[^{;]*?>\s*)?class\b", text) else ""
    return "public" if language == "rust" and re.match(rb"(?:unsafe\s+)?impl\b[^{]*\sfor\s", text) else ""
