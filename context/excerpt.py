"""The lines around one place, cut out and framed so that a grammar can take them for a whole file.

Must not know grammars, trees or what is asked of the place. Its cost depends on these lines and on a bounded stretch
above them, never on the length of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cached_property, lru_cache

from context import blocks, brackets
from context.languages import Language, find

_N_LINES = 20
_MAX_CHARS_PER_SIDE = 2_000
_LOOK_BACK_CHARS = 20_000
_MAX_HEADERS = 12
_LINE_BREAK = re.compile(r"\r\n?")  # grammars do not take a lone \r for one
_GOES_ON_BELOW = re.compile(r"^[^#@\[]*[\w*&]$")
_GOES_ON_ABOVE = re.compile(r"^\s*(?:$|\{\s*$|[)\].?&|]|where\b)")
_FURTHER_BRANCH = re.compile(
    r"^(?P<indent>[ \t]*)(?:\}.*(?P<brace>\{)|(?:\}\s*)?(?:else|catch\b.*|finally)\s*\n\s*(?P<own_brace>\{)"
    r"|(?:else|elif\b.*|except\b.*|finally)\s*:)\s*(?:$|#.*|//.*)"
)
_WAITS_FOR_MORE = re.compile(r"^\s*(?:@|#\[|template\s*<)")
_BEFORE_STRING = re.compile(r"(?:[=(,\[{:+%]|\b(?:return|yield|in|and|or|not|else))\s*$")
_DOCUMENTED = re.compile(r"\s*(?:(?:async\s+)?def\b|class\b|\)).*:\s*$")
_BEHIND_STRING = re.compile(r"[.,)\]};%+]|(?:if|for|in|and|or|not)\b")


class Excerpt:
    """The lines on both sides of `offset`, with \\n for every line break: from 20 to twice as many on either side.

    What is not asked for is not worked out.
    """

    def __init__(self, text: str, offset: int, language: Language | None) -> None:
        start, end = _window(text, offset)
        start, opening = _outside_literal(text, start, offset, language) if language else (start, "")
        self.language = language
        self.is_cut_above = start > 0
        self.is_cut_below = end < len(text)
        self.before = opening + _LINE_BREAK.sub("\n", text[start:offset])
        self.after = _LINE_BREAK.sub("\n", text[offset:end])
        self._above = text, start

    @cached_property
    def masked(self) -> blocks.Masked:
        """Both sides as one, without comments and what strings hold."""
        masked = blocks.mask(self.before + self.after, len(self.before), self.language)
        if not masked.in_string or not self._leaves_string_open():
            return masked
        rest, line_break, below = self.after.partition("\n")
        above = blocks.mask(self.before + rest, len(self.before), self.language)
        under = blocks.mask(line_break + below, 0, self.language)
        open_from = under.open_from + len(above.code) if under.open_mark else -1
        return replace(above, code=above.code + under.code, open_from=open_from, open_mark=under.open_mark)

    def _leaves_string_open(self) -> bool:
        """Whether the long string that begins on the place's line has no end yet: the next quotes are another's."""
        line = self.before[self.before.rfind("\n") + 1 :]
        mark = blocks.mask(line, 0, self.language).open_mark
        following = self.after.find(mark)
        return bool(mark) and (following < 0 or _does_open(self.after, following, mark) is True)

    @cached_property
    def owed(self) -> tuple[str, str]:
        """The brackets that stand open at the place and are never closed; see `brackets.owed`."""
        return brackets.owed(self.masked.code, len(self.before), self.language, is_cut=self.is_cut_below)

    @cached_property
    def is_among_elements(self) -> bool:
        """Whether the place is in a list that was opened on a line above and is closed below."""
        code, n_before = self.masked.code, len(self.before)
        opened = brackets.left_open(code, 0, n_before)
        closed = opened[: len(opened) - sum(map(len, self.owed))]
        line = code.rfind("\n", 0, n_before) + 1
        return bool(closed) and closed[-1] < line and blocks.holds_elements(code, closed[-1])

    def framed(self, text: str) -> str:
        """The excerpt with `text` put in, below the headers of the blocks around it, and with their ends."""
        head, n_after, tail = self._frame
        return f"{head}{self.before}{text}{self.after[:n_after]}{tail}"

    @cached_property
    def framed_before(self) -> str:
        """What stands before the place in `framed`."""
        return self._frame[0] + self.before

    @cached_property
    def _frame(self) -> tuple[str, int, str]:
        """The headers, how much of `after` to take, and what closes all that is open then."""
        if self.language is None:
            return "", len(self.after), ""
        head = _headers(*self._above, self.before + self.after, self.language) if self.is_cut_above else ""
        if not self.is_cut_below:
            return head, len(self.after), ""
        n_before, masked = len(self.before), self.masked
        quote = ""
        if 0 <= masked.open_from < n_before:
            quote = masked.open_mark
            n_after = len(self.after)
        else:
            n_after = _n_complete(masked, n_before, self.language)
        code = blocks.mask(head, 0, self.language).code + masked.code[: n_before + n_after]
        closing = brackets.closing(code, len(head) + n_before, sum(map(len, self.owed)))
        return head, n_after, f"{quote}\n{closing}\n"


# From where to where.


def _window(text: str, offset: int) -> tuple[int, int]:
    """From where to where to read: cut at lines unless they are too long."""
    floor, ceiling = max(0, offset - _MAX_CHARS_PER_SIDE), min(len(text), offset + _MAX_CHARS_PER_SIDE)
    above = text[floor:offset].splitlines(keepends=True)
    below = text[offset:ceiling].splitlines(keepends=True)
    if floor and len(above) > 1:
        above = above[1:]
    if ceiling < len(text) and len(below) > 1:
        below = below[:-1]
    n_above = _shallowest(above[::-1], is_above=True)
    n_below = _shallowest(below, is_above=False)
    return offset - sum(map(len, above[len(above) - n_above :])), offset + sum(map(len, below[:n_below]))


def _shallowest(lines: list[str], *, is_above: bool) -> int:
    """How many of `lines`, nearest first, to take: n to 2n, cut where they stand furthest left.

    A cut between two functions leaves few brackets without their partner. So the first line above is none that closes
    something, and the last one below none that begins something.
    """
    if len(lines) <= _N_LINES:
        return len(lines)
    widths = [
        (len(line) - len(line.lstrip()), n, line.lstrip().startswith((")", "]", "}")))
        for n, line in enumerate(lines[: 2 * _N_LINES], 1)
        if n > _N_LINES and line.strip() not in ("", "{")
    ]
    if is_above:
        widths = [width for width in widths if not width[2]]
    if not widths:
        return _N_LINES
    _, n, closes = min(widths)
    return n if is_above or closes else n - 1


# Long strings and comments that begin above.


def _outside_literal(text: str, start: int, offset: int, language: Language) -> tuple[int, str]:
    """Where to start reading so as not to begin within a long string or comment, and what to put in front if one must.

    Begun in there, all that is code would be read as string and the other way round.
    """
    inside = _comment_around(text, start, language) or _string_around(text, start, language)
    if inside is None:
        return start, ""
    opening, closing = inside
    end = text.find(closing, start, offset)
    return (start, opening) if end < 0 else (end + len(closing), "")


def _comment_around(text: str, start: int, language: Language) -> tuple[str, str] | None:
    """The marks of the block comment that `start` is in; one is believed if it stands first on its line."""
    if not language.block_comment:
        return None
    opening, closing = language.block_comment
    begin = text.rfind(opening, max(0, start - _LOOK_BACK_CHARS), start)
    if begin < 0 or text[text.rfind("\n", 0, begin) + 1 : begin].strip():
        return None
    is_open = text.find(closing, begin + len(opening), start) < 0
    return (opening, closing) if is_open else None


def _string_around(text: str, start: int, language: Language) -> tuple[str, str] | None:
    """The long quotes that `start` is between.

    Read from the nearest quotes above of which it can be told by their line whether they open or close a string, or
    from the beginning of the file where that is near.
    """
    floor = max(0, start - _LOOK_BACK_CHARS)
    opened: str | None = None
    undecided: list[str] = []
    for at, quote in _long_quotes_above(text, floor, start, language):
        does_open = _does_open(text, at, quote)
        if does_open is not None:
            opened = quote if does_open else None
            break
        undecided.append(quote)
    for quote in reversed(undecided):
        if opened is None:
            opened = quote
        elif opened == quote:
            opened = None
    return (opened, opened) if opened else None


def _long_quotes_above(text: str, floor: int, start: int, language: Language) -> Iterator[tuple[int, str]]:
    """The long quotes between `floor` and `start` and where they are, the nearest first."""
    nearest = {quote: text.rfind(quote, floor, start) for quote in language.quotes if len(quote) == 3}
    while nearest and (at := max(nearest.values())) >= 0:
        quote = next(quote for quote, begin in nearest.items() if begin == at)
        if not _is_quoted(text, at, language):
            yield at, quote
        nearest[quote] = text.rfind(quote, floor, at)


def _is_quoted(text: str, at: int, language: Language) -> bool:
    """Whether these quotes are themselves in a string or a comment of their line: '\"\"\"'."""
    line = text[text.rfind("\n", 0, at) + 1 : at].lstrip()
    if language.line_comment and line.startswith(language.line_comment):
        return True
    return text[at - 1 : at] in ("'", '"') and text[at - 1] != text[at] and text[at + 3 : at + 4] == text[at - 1]


def _does_open(text: str, at: int, quote: str) -> bool | None:
    """Whether long quotes open a string, by what stands around them; None where that tells nothing."""
    start = text.rfind("\n", 0, at) + 1
    end = text.find("\n", at)
    written = text[start:at].strip()
    left = written.rstrip("rRbBfFuU")
    right = text[at + len(quote) : end if end >= 0 else len(text)].strip()
    if quote in left:
        return None if left.count(quote) > 1 or not left.startswith(quote) else False
    goes_on_behind = bool(_BEHIND_STRING.match(right))
    if left:
        begins = bool(_BEFORE_STRING.search(left))
        return None if quote in right or (begins and goes_on_behind) else begins
    if right or written:
        return bool(written) or not goes_on_behind
    above = text[text.rfind("\n", 0, max(0, start - 1)) + 1 : start]
    return True if _DOCUMENTED.match(above) else None


# The blocks around the window.


def _headers(text: str, start: int, window: str, language: Language) -> str:
    """The lines above `start` that open the blocks it is in, outermost first."""
    first = next((line for line in window.split("\n") if line.strip()), "")
    return _headers_of(text[max(0, start - _LOOK_BACK_CHARS) : start], blocks.columns(first), language.name)


@lru_cache(maxsize=32)
def _headers_of(above: str, width: int, language_name: str) -> str:
    """The same for code of a width in columns; remembered, since it stays what it was while one types on a line."""
    language = find(language_name)
    assert language is not None
    lines = above.splitlines()
    found: list[str] = []
    i, below = len(lines) - 1, len(lines)
    while i >= 0 and width > 0 and len(found) < _MAX_HEADERS:
        if lines[i][:width].strip() and blocks.columns(lines[i]) < width:
            code = blocks.mask(lines[i], 0, language).code
            if blocks.opens_block(code, language) and not _are_closed(lines[i + 1 : below], language):
                width = blocks.columns(code)
                below = _header_begin(lines, i, language)
                found.append(_FURTHER_BRANCH.sub(_plain_block, "\n".join(lines[below : i + 1])) + "\n")
                i = below
        i -= 1
    return "".join(reversed(found))


def _are_closed(lines: list[str], language: Language) -> bool:
    """Whether these lines, the first ones of a block, end it as well."""
    body = "\n".join(lines)
    return language.blocks == "braces" and body.count("}") > body.count("{")


def _plain_block(branch: re.Match[str]) -> str:
    """A block of its own, for a branch that cannot stand without the one before it."""
    return branch["indent"] + ("{" if branch["brace"] or branch["own_brace"] else "if 1:")


def _header_begin(lines: list[str], last: int, language: Language) -> int:
    """The first line of the header that ends on line `last`."""
    if _FURTHER_BRANCH.match(lines[last]):
        return last
    width = blocks.columns(lines[last])
    begin = last
    while begin > 0 and (_GOES_ON_ABOVE.match(lines[begin]) or blocks.columns(lines[begin]) > width):
        begin -= 1
    if language.blocks == "braces" and begin > 0:
        above = lines[begin - 1]
        if blocks.columns(above) == width and _GOES_ON_BELOW.match(above):
            begin -= 1  # the type of what is declared, on a line of its own
    return begin


def _n_complete(masked: blocks.Masked, offset: int, language: Language) -> int:
    """How much after `offset` to take of a masked text that is cut off below: without what only begins there."""
    code = masked.code
    first_break = code.find("\n", offset)
    if first_break < 0:
        return len(code) - offset
    begun = [at for at in (brackets.first_left_open(code, first_break), masked.open_from) if at >= 0]
    end = code.rfind("\n", 0, min(begun)) + 1 if begun else len(code)
    while end > first_break + 1:
        above = code.rfind("\n", 0, end - 1) + 1
        line = code[above:end].rstrip()
        only_begins = language.blocks == "colon" and blocks.opens_block(line, language)
        if line and not only_begins and not _WAITS_FOR_MORE.match(line):
            break
        end = above
    return max(end, first_break + 1) - offset
