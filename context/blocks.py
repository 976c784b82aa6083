"""What the lines around the cursor say about blocks, by their text alone: openers, empty bodies, the enclosing header.

Half-typed code seldom parses, and a block whose body is not there yet never does; lines and indentation still tell.
Must not know grammars, snapshots or windows: it sees one stretch of text and an offset into it.
"""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass
from functools import cache
from typing import Literal

from context.languages import BlockStyle, Language

BlockKind = Literal["function", "class", "module", "loop", "branch", "catch", "literal"]

_MAX_HEADER_LINES = 40
_TAB_WIDTH = 4
_NOT_BREAKS = re.compile(r"[^\r\n]+")
_CODE = re.compile(r"\S")
_ESCAPED = re.compile(r"\\[\s\S]")


@dataclass(frozen=True, slots=True)
class EmptyBody:
    """A block that was opened and holds nothing yet but comments, docstrings and the cursor.

    `indent` is the blank beginning of the line its header starts on. `on_header_line`: the cursor still stands
    on the line of the opener, at its end or between the two brackets. `closed`: its closing bracket is there.
    `n_in_like`: how many lines the nearest finished block of its kind above holds, one at the same depth before others;
    0 where there is none, and for all but loops and branches.
    """

    kind: BlockKind
    indent: str
    on_header_line: bool
    closed: bool
    n_in_like: int = 0


@dataclass(frozen=True, slots=True)
class Masked:
    """A text of the same length with blanks for comments, docstrings and what strings hold; line breaks stay.

    `open_from`: where a long string or comment begins that does not end in this text, or -1; `open_mark` would end it.
    """

    code: str
    in_comment: bool
    in_string: bool
    open_from: int
    open_mark: str


def mask(text: str, offset: int, language: Language | None, *, keeps_docstrings: bool = False) -> Masked:
    """Blanks all that is no code, and says whether `offset` stands in a comment or a string.

    Docstrings are blanked like comments, unless `keeps_docstrings` has them treated like other strings.
    """
    comments = _comment_marks(language)
    pieces: list[str] = []
    start = end = 0
    in_comment = in_string = False
    open_mark = ""
    for token in _lexer(language).finditer(text):
        start, end_before = token.start(), end
        end = token.end()
        literal = token.group()
        is_comment = literal.startswith(comments)
        is_whole = is_comment or (not keeps_docstrings and _is_docstring(token, language))
        pieces += (text[end_before:start], _blanked(token, is_whole=is_whole))
        if start < offset and (offset < end or (offset == end and _is_open(literal, is_comment=is_comment))):
            in_comment, in_string = is_comment, not is_comment
    if end == len(text) and end:
        open_mark = _mark_still_to_come(literal, language)
    pieces.append(text[end:])
    return Masked("".join(pieces), in_comment, in_string, start if open_mark else -1, open_mark)


def open_string(text: str, language: Language | None) -> tuple[int, str] | None:
    """Where the string begins that is open at the end of `text`, and the quotes that end it; None if there is none."""
    token = next(iter(deque(_lexer(language).finditer(text), maxlen=1)), None)
    if token is None or token.end() < len(text):
        return None
    literal = token.group()
    quote = next((quote for quote in _quotes(language) if literal.startswith(quote)), None)
    if quote is None or _ESCAPED.sub("", literal[len(quote) :]).endswith(quote):
        return None
    return token.start(), quote


def empty_body(code: str, offset: int, language: Language | None) -> EmptyBody | None:
    """The empty body that `offset`, in a masked `code`, stands in; None where there is none, or in mid-line."""
    style = language.blocks if language else "braces"
    start, end = _line_bounds(code, offset)
    left, right = code[start:offset], code[offset:end].strip()
    on_header_line = bool(left.strip())
    top = start if on_header_line else _previous_code_line(code, start)
    if top is None:
        return None
    opener = left.rstrip() if on_header_line else code[top : _line_bounds(code, top)[1]].rstrip()
    closer = _closer(opener)
    follows = right or _next_code_line(code, end).strip()
    if not _opens(opener, style) or (right and not (closer and right.startswith(closer))):
        return None
    header_start = _header_start(code, top)
    indent = _indent(code[header_start:])
    closed = bool(closer) and follows.startswith(closer)
    if not right and not closed and _goes_on(_next_code_line(code, end), left, indent, is_bracket=bool(closer)):
        return None
    header = code[header_start : top + len(opener)]
    kind = _kind(header)
    n_in_like = _n_in_like(code, header_start, kind, style) if kind in ("loop", "branch") else 0
    return EmptyBody(kind, indent, on_header_line, closed, n_in_like)


def opens_block(line: str, language: Language | None) -> bool:
    """Whether a masked line ends with what opens a block or a bracket."""
    return _opens(line.rstrip(), language.blocks if language else "braces")


def holds_elements(code: str, bracket: int) -> bool:
    """Whether the opening bracket of a masked `code` holds values, and no block of statements or of members."""
    if code[bracket] != "{":
        return True
    header = code[_header_start(code, _line_bounds(code, bracket)[0]) : bracket + 1]
    return _kind(header) == "literal" or bool(re.search(r"\benum\b", header))


def columns(line: str) -> int:
    """Columns of indentation, a tab being four."""
    return len(_indent(line).expandtabs(_TAB_WIDTH))


# What is a comment and what is a string, line by line.


@cache
def _lexer(language: Language | None) -> re.Pattern[str]:
    """One flat alternation of a language's comments and strings.

    Each alternative begins with a plain character, so that the search skips quickly to the next one that counts.
    """
    block = language.block_comment if language else ("/*", "*/")
    line = language.line_comment if language else "//"
    alternatives = [rf"{re.escape(block[0])}[\s\S]*?(?:{re.escape(block[1])}|\Z)"] if block else []
    if line == "#":
        alternatives.append(r"\#(?<![^\s;(]\#)[^\r\n]*")
    elif line:
        alternatives.append(rf"{re.escape(line)}[^\r\n]*")
    if language and language.name == "php":
        alternatives.append(r"\#(?!\[)[^\r\n]*")
    if language and language.name == "rust":
        alternatives.append(r"'(?:\\[^'\r\n]+|[^\\'\r\n])'")
    alternatives += map(_string, _quotes(language))
    return re.compile("|".join(alternatives) or r"(?!)")


def _quotes(language: Language | None) -> tuple[str, ...]:
    return language.quotes if language else ('"', "'", "`")


def _string(quote: str) -> str:
    mark = re.escape(quote)
    if len(quote) == 3 or quote == "`":
        return rf"{mark}(?:\\[\s\S]|(?!{mark})[^\\])*(?:{mark}|\\?\Z)"
    return rf"{mark}(?:\\.|[^\\\r\n{mark}])*{mark}?"


@cache
def _comment_marks(language: Language | None) -> tuple[str, ...]:
    """What comments begin with."""
    block = language.block_comment if language else ("/*", "*/")
    line = language.line_comment if language else "//"
    marks = (block[0] if block else None, line, "#" if language and language.name == "php" else None)
    return tuple(mark for mark in marks if mark)


def _is_docstring(token: re.Match[str], language: Language | None) -> bool:
    """A long string of Python's that has its lines for itself."""
    if not language or language.blocks != "colon" or not token.group().startswith(('"""', "'''")):
        return False
    start, _ = _line_bounds(token.string, token.start())
    _, end = _line_bounds(token.string, token.end())
    return not token.string[start : token.start()].strip(" \trRuU") and not token.string[token.end() : end].strip()


def _blanked(token: re.Match[str], *, is_whole: bool) -> str:
    """Blanks in the token's place; line breaks stay, and a string's first and last character."""
    text = token.group()
    blank = _NOT_BREAKS.sub(lambda run: " " * len(run.group()), text)
    return blank if is_whole or len(text) < 2 else text[0] + blank[1:-1] + text[-1]


def _is_open(text: str, *, is_comment: bool) -> bool:
    """Whether what is typed at the end of this token still belongs to it: a line comment, or one never closed."""
    if is_comment:
        return not text.endswith(("*/", "]]", "-->", "=end"))
    return len(text) < 2 or text[-1] != text[0] or text in ('"""', "'''")


def _mark_still_to_come(literal: str, language: Language | None) -> str:
    """What would end a string or comment over several lines, "" where it has ended."""
    block = language.block_comment if language else ("/*", "*/")
    long_quotes = [(quote, quote) for quote in ('"""', "'''", "`")]
    for opening, closing in [*([block] if block else []), *long_quotes]:
        if literal.startswith(opening):
            return "" if literal.endswith(closing) and len(literal) >= len(opening + closing) else closing
    return ""


# What opens a block, and which kind.

_BRACES = r"(?:[{(\[]|=>|->|^\s*(?:case\b.*|default\s*):)$"
_OPENERS: dict[BlockStyle, re.Pattern[str]] = {
    "braces": re.compile(_BRACES),
    "colon": re.compile(r"[:{(\[]$"),
    "ruby": re.compile(
        r"(?:\bdo(?:\s*\|[^|]*\|)?|[{](?:\s*\|[^|]*\|)?|[(\[])$"
        r"|^\s*(?:(?:private|protected|public)\s+)?(?:def(?!.*\)\s*=)|class|module|if|unless|while|until|case|when|in|for"
        r"|begin|else|elsif|rescue|ensure)\b(?!.*\bend$)"
        r"|=\s*(?:if|unless|case|begin|while)\b(?!.*\bend$)"
    ),
    "lua": re.compile(r"(?:\b(?:then|do|else|repeat)|\bfunction\b[^()]*\([^()]*\)|[{(])$"),
    "bash": re.compile(r"(?:\b(?:then|do|else|in)|[{(]|^\s*[^\s()]+\))$"),
    "scala": re.compile(rf"{_BRACES}|(?:[^=!<>]=|:|\b(?:then|else|do|match|yield|try|finally|with))$"),
    "sql": re.compile(r"(?:\b(?:begin|as|then|else|loop)|\()$", re.IGNORECASE),
    "html": re.compile(r"<[A-Za-z][^<>]*(?<!/)>$"),
    "yaml": re.compile(r"(?::|^\s*-)$"),
    "toml": re.compile(r"(?:^\s*\[.*\]|[{\[])$"),
    "prose": re.compile(r"(?!)"),
}
# Each kind by the words that begin its header; the first word found decides.
_KEYWORDS = re.compile(
    r"\b(?:(?P<function>def|function|func|fn|fun|sub|proc|lambda|constructor|init|procedure)"
    r"|(?P<class>class|struct|interface|trait|impl|enum|object|record|union|extension|protocol)"
    r"|(?P<module>namespace|module|mod|package)"
    r"|(?P<loop>for|foreach|while|until|repeat|loop|do)"
    r"|(?P<branch>if|else|elif|elsif|elseif|unless|switch|match|case|when|default|then|try|finally"
    r"|ensure|begin|with|using|lock|synchronized|select|unsafe)"
    r"|(?P<catch>catch|except|rescue))\b",
)
# A closure: `=> {`, `-> {`, `|x| {`, `{ |x|`, `each do`, `function (x) {`, `func(x int) {`, `[&](int x) {`.
_CALLBACK = re.compile(
    r"(?:=>|->|\|[^|]*\|)\s*\{?$|\{\s*\|[^|]*\|$|^(?!(?:for|while|until|select)\b).*\S\s+do$"
    r"|\bfunction\s*\([^()]*\)\s*\{?$|\bfunc\([^{]*\{$|\]\s*\([^()]*\)[^={}]*\{$"
)
_LIKE_A_METHOD = re.compile(r"^[^=]*\)[^=()]*\{$")
_VALUE = re.compile(r"(?:[=:(,\[?]|\breturn)\s*\{$|[(\[]$")


def _opens(line: str, style: BlockStyle) -> bool:
    return bool(_OPENERS[style].search(line))


def _closer(opener: str) -> str:
    return {"{": "}", "(": ")", "[": "]"}.get(opener[-1:], "")


def _kind(header: str) -> BlockKind:
    """What kind of block a masked header opens; a bracket that holds values is a literal."""
    header = header.strip()
    if _CALLBACK.search(header):
        return "function"
    if _VALUE.search(header):
        return "literal"
    word = _KEYWORDS.search(header)
    kind = word.lastgroup if word else None
    if (
        kind == "class"
        and word
        and word.group() in ("struct", "enum", "union")
        and header.rstrip("{ \t\r\n").endswith(")")
    ):
        return "function"
    if kind:
        return kind  # type: ignore[return-value]  # the groups are named after the kinds
    return "function" if _LIKE_A_METHOD.search(header) else "literal"


def _header_start(code: str, line: int) -> int:
    """Where the header begins whose last line begins at `line`: above a lone brace, or where its `)` was opened."""
    text = code[line : _line_bounds(code, line)[1]].strip()
    if text == "{":
        above = _previous_code_line(code, line)
        if above is None or re.search(r"[;{}]$", code[above : _line_bounds(code, above)[1]].rstrip()):
            return line
        return _header_start(code, above)
    if not text.startswith(")"):
        return line
    depth = 0
    floor = max(0, line - 80 * _MAX_HEADER_LINES)
    for at in range(line + code[line:].index(")"), floor - 1, -1):
        depth += (code[at] == ")") - (code[at] == "(")
        if depth == 0:
            return _line_bounds(code, at)[0]
    return line


# Blocks of the same kind.


def _n_in_like(code: str, header_start: int, kind: BlockKind, style: BlockStyle) -> int:
    """How many lines the nearest finished block of `kind` above a header holds, one at its depth before others."""
    lines = [line.rstrip() for line in code[: _line_bounds(code, header_start)[1]].splitlines() if line.strip()]
    width = columns(lines[-1])
    nearest = 0
    for i in reversed(range(len(lines) - 1)):
        has_own_brace = lines[i + 1].strip() == "{"
        if not (has_own_brace or _opens(lines[i], style)) or _kind(lines[i]) != kind:
            continue
        n_lines = _n_deeper(lines[i + 1 + has_own_brace :], columns(lines[i]))
        if n_lines and columns(lines[i]) == width:
            return n_lines
        nearest = nearest or n_lines
    return nearest


def _n_deeper(lines: list[str], width: int) -> int:
    """How many of `lines` stand deeper than `width` before one that does not; 0 where none of them ends the block."""
    return next((n for n, line in enumerate(lines) if columns(line) <= width), 0)


# Lines and their indentation.


def _line_bounds(code: str, offset: int) -> tuple[int, int]:
    start = max(code.rfind("\n", 0, offset), code.rfind("\r", 0, offset)) + 1
    ends = [end for end in (code.find("\n", offset), code.find("\r", offset)) if end >= 0]
    return start, min(ends, default=len(code))


def _previous_code_line(code: str, line: int) -> int | None:
    """The start of the nearest line above the one that begins at `line` that holds code."""
    end = len(code[:line].rstrip())
    return _line_bounds(code, end)[0] if end else None


def _next_code_line(code: str, line_end: int) -> str:
    """The nearest line below that holds code, or an empty text at the end."""
    found = _CODE.search(code, line_end)
    if not found:
        return ""
    start, end = _line_bounds(code, found.start())
    return code[start:end]


def _goes_on(below: str, left: str, indent: str, *, is_bracket: bool) -> bool:
    """Whether the line below belongs to the body: it stands deeper than the opener, or all stand at one depth."""
    if not below.strip():
        return False
    width = columns(below)
    flat = is_bracket and not left.strip() and width == columns(left) == columns(indent)
    return flat or width > columns(indent)


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" \t"))]
