"""What the lines around the cursor say about blocks, by their text alone: openers, empty bodies, the enclosing header.

Half-typed code seldom parses, and a block whose body is not there yet never does; lines and indentation still tell.
Must not know grammars, snapshots or windows: it sees one stretch of text and an offset into it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

from context.languages import BlockStyle, Language, ScopeKind

BlockKind = Literal["function", "class", "module", "loop", "branch", "literal"]

_MAX_HEADER_LINES = 40
_TAB_WIDTH = 4
_NOT_BREAKS = re.compile(r"[^\r\n]+")
_CODE = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class EmptyBody:
    """A block that was opened and holds nothing yet but comments, docstrings and the cursor.

    `indent` is the blank beginning of the line its header starts on. `on_header_line`: the cursor still stands
    on the line of the opener, at its end or between the two brackets. `closed`: its closing bracket is there.
    `n_beside`: how many lines of code the branch holds that ends just above this one; 0 where there is none.
    """

    kind: BlockKind
    indent: str
    on_header_line: bool
    closed: bool
    n_beside: int = 0


@dataclass(frozen=True, slots=True)
class Masked:
    """A text of the same length with blanks for comments, docstrings and what strings hold; line breaks stay."""

    code: str
    in_comment: bool
    in_string: bool


def mask(text: str, offset: int, language: Language | None) -> Masked:
    """Blanks all that is no code, and says whether `offset` stands in a comment or a string."""
    comments = _comment_marks(language)
    pieces: list[str] = []
    end = 0
    in_comment = in_string = False
    for token in _lexer(language).finditer(text):
        start, end_before = token.start(), end
        end = token.end()
        is_comment = token.group().startswith(comments)
        pieces += (text[end_before:start], _blanked(token, is_whole=is_comment or _is_docstring(token, language)))
        if start < offset and (offset < end or (offset == end and _is_open(token.group(), is_comment=is_comment))):
            in_comment, in_string = is_comment, not is_comment
    pieces.append(text[end:])
    return Masked("".join(pieces), in_comment, in_string)


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
    n_beside = _n_lines_above(code, header_start, style) if kind == "branch" else 0
    return EmptyBody(kind, indent, on_header_line, closed, n_beside)


def opens_block(line: str, language: Language | None) -> bool:
    """Whether a masked line ends with what opens a block or a bracket."""
    return _opens(line.rstrip(), language.blocks if language else "braces")


def columns(line: str) -> int:
    """Columns of indentation, a tab being four."""
    return len(_indent(line).expandtabs(_TAB_WIDTH))


def scope_kind(code: str, offset: int, language: Language | None, *, is_cut: bool) -> ScopeKind | None:
    """The innermost scope whose header stands above, by indentation; None if that is lost where `code` was cut off."""
    style = language.blocks if language else "braces"
    start, _ = _line_bounds(code, offset)
    width = _effective_width(code, offset)
    while width > 0:
        line = _previous_code_line(code, start)
        if line is None:
            return None if is_cut else "module"
        start = line
        text = code[line : _line_bounds(code, line)[1]].rstrip()
        if columns(text) >= width or _NO_HEADER.match(text):
            continue
        width = columns(text)
        if _opens(text, style) and (kind := _as_scope(_kind(code[_header_start(code, line) : line + len(text)]))):
            return kind
    return "module"


def _as_scope(kind: BlockKind) -> ScopeKind | None:
    return kind if kind in ("function", "class", "module") else None


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
    alternatives += map(_string, language.quotes if language else ('"', "'", "`"))
    return re.compile("|".join(alternatives) or r"(?!)")


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
    r"|(?P<branch>if|else|elif|elsif|elseif|unless|switch|match|case|when|default|then|try|catch|except|finally"
    r"|rescue|ensure|begin|with|using|lock|synchronized|select|unsafe))\b",
)
# A closure: `=> {`, `-> {`, `|x| {`, `{ |x|`, `each do`, `function (x) {`, `func(x int) {`, `[&](int x) {`.
_CALLBACK = re.compile(
    r"(?:=>|->|\|[^|]*\|)\s*\{?$|\{\s*\|[^|]*\|$|^(?!(?:for|while|until|select)\b).*\S\s+do$"
    r"|\bfunction\s*\([^()]*\)\s*\{?$|\bfunc\([^{]*\{$|\]\s*\([^()]*\)[^={}]*\{$"
)
_LIKE_A_METHOD = re.compile(r"^[^=]*\)[^=()]*\{$")
_VALUE = re.compile(r"(?:[=:(,\[?]|\breturn)\s*\{$|[(\[]$")
# Lines that stand further left than what they hold without opening it.
_NO_HEADER = re.compile(r"\s*(?:#|[})\]]+[;,)]*\s*$|(?:public|private|protected|signals|case\b.*)\s*:$|end\b|\w+:$)")


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


# The branch above a branch.

_BRACKETS_ONLY = re.compile(r"\s*[{})\]]+;?\s*$")


def _n_lines_above(code: str, header_start: int, style: BlockStyle) -> int:
    """How many lines of code the branch holds that ends just above a header; 0 where there is none."""
    width = columns(code[header_start:])
    n_lines = 0
    line = _previous_code_line(code, header_start)
    for _ in range(_MAX_HEADER_LINES):
        if line is None:
            return 0
        text = code[line : _line_bounds(code, line)[1]].rstrip()
        if columns(text) > width:
            n_lines += 1
        elif not _BRACKETS_ONLY.match(text):
            opens_branch = _opens(text, style) or code[_line_bounds(code, line)[1] :].lstrip().startswith("{")
            return n_lines if columns(text) == width and opens_branch and _kind(text) == "branch" else 0
        line = _previous_code_line(code, line)
    return 0


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


def _effective_width(code: str, offset: int) -> int:
    """How deep the cursor's line stands; an unindented blank line is as deep as both its neighbours are."""
    start, end = _line_bounds(code, offset)
    line = code[start:end]
    if line.strip():
        return columns(line)
    above = _previous_code_line(code, start)
    previous = code[above:] if above is not None else ""
    return max(columns(code[start:offset]), min(columns(previous), columns(_next_code_line(code, end))))


def _goes_on(below: str, left: str, indent: str, *, is_bracket: bool) -> bool:
    """Whether the line below belongs to the body: it stands deeper than the opener, or all stand at one depth."""
    if not below.strip():
        return False
    width = columns(below)
    flat = is_bracket and not left.strip() and width == columns(left) == columns(indent)
    return flat or width > columns(indent)


def _indent(text: str) -> str:
    return text[: len(text) - len(text.lstrip(" \t"))]
