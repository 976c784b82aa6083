"""Where an answer ends: owns which of its lines belong to the completion; must not know how they are tidied."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from cachetools import LRUCache, cached

from context import Snapshot, blocks
from context.blocks import columns
from context.brackets import left_open
from context.languages import Language, find
from context.syntax import is_among_elements, owed_brackets
from lsp_server.completion.trigger import Trigger

CLOSING_LINE = re.compile(r"^\s*(?:[)\]}]+[;,)]*|end|done|fi|esac)\s*$")

_MAX_EQUAL_LINES = 3
_MAX_REPEATED_LINES = 6
_MIN_REPEATED_CHARS = 24
_MIN_JUDGED_CHARS = 8
_LONG_QUOTES = ("'''", '"""', "`")

_LINE_BY_LINE = ("html", "yaml", "toml", "prose", "sql")
_ENDS_OPEN = re.compile(r"(?:[=*%&|^?.,]|(?<!\+)\+|(?<!-)-|=>|->|\)\s*:|\\)$")
# Where every statement ends in a mark, one that ends in a word goes on: a type on a line of its own, `else`.
_ENDS_IN_MARK = ("c", "cpp", "csharp", "java", "php")
_ENDS_IN_WORD = re.compile(r"^(?!\s*#).*\w$")
_ANNOTATION = re.compile(r"^\s*(?:@[\w.]+(?:\(.*\))?|#?\[\[?[\w(][^\]]*\]\]?|template\s*<.*>)$")
_LEAVES = re.compile(r"^\s*(?:return|raise|throw|break|continue|goto)\b")
_ENDS_UNFINISHED = re.compile(r"[(\[{,\\=+*/|&?:.-]\s*$")
_TRIES = re.compile(r"^\s*try\b")
_HEADER_WITHOUT_BRACE = re.compile(r"^\s*\}?\s*(?:(?:else\s+)?(?:if|for|foreach|while)\b.*\)|else|do)$")
_BRANCH_ON_ITS_LINE = re.compile(r"^\s*(?:else\s+)?if\b")
_GOES_ON_WORDS = ("instanceof", "extends", "implements", "throws", "where")
_BRANCH_WORDS = ("else", "elif", "elsif", "elseif", "catch", "except", "finally", "rescue", "ensure", "when")
_GOES_ON = re.compile(
    r"^\s*(?:\{(?!.*\{\s*$)|\.(?!\.)|\?\.|&&|\|\||=>|->|<<|>>|[?:+*|]\s|(?:" + "|".join(_GOES_ON_WORDS) + r")\b)"
)
_NEXT_BRANCH = re.compile(rf"^\s*\}}?\s*(?:{'|'.join(_BRANCH_WORDS)})\b")


@dataclass(frozen=True, slots=True)
class Around:
    """The text that a completion has to fit: the cursor's line and the nearest lines that are not blank.

    `owed`: the brackets, innermost first, that the statement has opened before the cursor and that are never closed;
    `owed_around`: those of the blocks around it.
    `indent_unit`: one step of indentation as the lines around have it, "" where none is indented.
    """

    before: str
    rest: str
    line_above: str
    below: tuple[str, ...]
    owed: str
    owed_around: str
    indent_unit: str
    language: Language | None
    snapshot: Snapshot = field(repr=False, compare=False)  # held, so that no other one gets its id while this is kept
    offset: int = field(repr=False, compare=False)

    @property
    def line_below(self) -> str:
        """The nearest line below, "" at the end."""
        return self.below[0] if self.below else ""

    def is_among_elements(self) -> bool:
        """Whether what is written here is one element of a list, which ends with its comma."""
        beside = (self.line_above, self.line_below)
        if any(line.rstrip().endswith(",") and columns(line) == columns(self.before) for line in beside):
            return True
        return is_among_elements(self.snapshot, self.offset)

    @property
    def is_line_by_line(self) -> bool:
        """Whether no statement of this language reaches beyond its line."""
        return self.language is not None and self.language.blocks in _LINE_BY_LINE


@cached(LRUCache(4), key=lambda snapshot, offset: (id(snapshot), offset))  # asked for each piece of a stream
def around(snapshot: Snapshot, offset: int) -> Around:
    """What stands around `offset`."""
    text, end = snapshot.text, snapshot.line_end(offset)
    start = snapshot.line_start(offset)
    above = [line for line in text[max(0, start - 2_000) : start].splitlines() if line.strip()]
    below = [line for line in text[end : end + 1_000].splitlines() if line.strip()]
    owed, owed_around = owed_brackets(snapshot, offset)
    return Around(
        before=text[start:offset],
        rest=text[offset:end],
        line_above=above[-1] if above else "",
        below=tuple(below),
        owed=owed,
        owed_around=owed_around,
        indent_unit=_indent_unit([*above[1:], text[start:offset] + ".", *below]),
        language=find(snapshot.language),
        snapshot=snapshot,
        offset=offset,
    )


def cut(text: str, place: Around, trigger: Trigger, *, is_last_line_whole: bool) -> tuple[str, bool]:
    """The lines that belong to the completion, and whether it is certain that nothing after them does."""
    lines = text.split("\n")
    n_judged = len(lines) if is_last_line_whole else len(lines) - 1
    if trigger.shape == "block":
        n_kept, is_certain = _block(lines, n_judged, place, trigger)
    elif trigger.shape == "line" or place.rest.strip() or place.is_line_by_line:
        n_kept, is_certain = 1, len(lines) > 1
    else:
        n_kept, is_certain = _statement(lines, n_judged, place, trigger)
        if place.owed_around:
            n_to_end = _n_to_blocks_end(lines[: trigger.max_lines], place)
            n_kept = max(n_kept, n_to_end or 0)
            is_certain = is_certain and (n_to_end is not None or len(lines) > trigger.max_lines)
    return "\n".join(lines[:n_kept]), is_certain


def finished(text: str, place: Around) -> str:
    """The whole lines of an answer that is still arriving, up to the first statement that they leave unfinished."""
    lines = text.split("\n")[:-1]
    code = _code(lines, place)
    joined = "\n".join(code)
    opened = left_open(joined, 0, len(joined))
    n = joined.count("\n", 0, opened[0]) if opened else len(lines)
    code[:1] = [place.before + line for line in code[:1]]
    n = next((i for i in range(n) if _TRIES.match(code[i]) and not _has_branch(code[i:n])), n)
    while n and _is_begun(code[n - 1], place.language):
        n -= 1
    return "\n".join(lines[:n])


def shorter(text: str, place: Around) -> list[str]:
    """The beginnings of `text` that can stand alone, the longest first, for where the whole does not fit."""
    code = blocks.mask(text, 0, place.language).code
    first_line = text.split("\n", 1)[0]
    body = columns(place.before if place.before.strip() else place.before + first_line)
    found = {first_line}
    depth, left_open = 0, []
    for at, char in enumerate(code):
        if char in "([{":
            left_open.append(at)
        elif char in ")]}" and left_open:
            left_open.pop()
        elif char in ")]}":
            depth -= 1
            if -depth > len(place.owed + place.owed_around):
                found.add(text[:at])
                break
        elif char == "\n" and not left_open:
            line = code[at + 1 :].split("\n", 1)[0]
            if line.strip() and columns(line) <= body:
                found.add(text[:at])
    if left_open and code[left_open[0]] != "{" and "\n" not in text[: left_open[0]]:
        found.add(text[: left_open[0]])
    return sorted(found - {text}, key=len, reverse=True)


def is_same_line(line: str, other: str) -> bool:
    """Whether the document goes on with this line; a lone closing mark must also stand at the same depth."""
    if line.strip() != other.strip():
        return False
    return columns(line) == columns(other) or not CLOSING_LINE.match(line)


def _indent_unit(lines: list[str]) -> str:
    """A tab, or as many blanks as the shallowest of the indented lines has; "" where some have this and some that."""
    blanks = [line[: len(line) - len(line.lstrip())] for line in lines]
    indented = [blank for blank in blanks if len(blank) > 1 or blank == "\t"]
    if all(blank.startswith("\t") for blank in indented):
        return "\t" if indented else ""
    return "" if any("\t" in blank for blank in indented) else min(indented, key=len)


def _block(lines: list[str], n_judged: int, place: Around, trigger: Trigger) -> tuple[int, bool]:
    """How many of `lines` are the body of the block, and whether something after them is not."""
    body = columns(place.before if place.before.strip() else place.before + lines[0])
    stripped = [line.strip() for line in lines]
    left = _Left(body)
    left.read(place.before + lines[0])
    for i in range(1, n_judged):
        line = lines[i]
        if i >= trigger.max_lines:
            return i, True
        n_said = _n_before_repetition(stripped, i)
        if n_said is not None:
            return n_said, True
        if not stripped[i]:
            continue
        if is_same_line(line, place.line_below) or left.is_before(line):
            return i, True
        left.read(line)
        if columns(line) <= trigger.block_indent:
            ends_block = bool(CLOSING_LINE.match(line)) and columns(line) == trigger.block_indent
            return i + ends_block, True
    return len(lines), False


class _Left:
    """Whether a body has been left for good, by a statement of its own depth after which nothing of it is ever run."""

    def __init__(self, body: int) -> None:
        self._body = body
        self._leaves = False
        self._is_complete = True

    def read(self, line: str) -> None:
        """Takes the next line."""
        if columns(line) == self._body and not (self._leaves and self._belongs(line)):
            self._leaves = bool(_LEAVES.match(line))
        self._is_complete = not _ENDS_UNFINISHED.search(line)

    def is_before(self, line: str) -> bool:
        """Whether `line` stands where nobody comes."""
        return self._leaves and self._is_complete and columns(line) == self._body and not self._belongs(line)

    @staticmethod
    def _belongs(line: str) -> bool:
        return bool(CLOSING_LINE.match(line) or _GOES_ON.match(line))


def _statement(lines: list[str], n_judged: int, place: Around, trigger: Trigger) -> tuple[int, bool]:
    """How many of `lines` are the statement at the cursor, and whether it is certain that no more are."""
    code, stripped = _code(lines, place), [line.strip() for line in lines]
    first = next((i for i, line in enumerate(stripped) if line), 0)
    statement = _Statement(place, lines[first] if first else place.before + lines[0])
    for i, line in enumerate(lines):
        is_whole = i < n_judged
        if i > first:
            if i >= trigger.max_lines:
                return i, True
            n_said = _n_before_repetition(stripped, i) if is_whole else None
            if n_said is not None:
                return n_said, True
            belongs = _is_in_string(lines[:i], place) or statement.goes_on(line, code[i], is_whole=is_whole)
            if not belongs:
                return i, belongs is False
        statement.read(code[i].rstrip(), on_line_of=place.before if i == 0 else "")
        if statement.is_header and columns(place.line_below) > statement.indent:
            # The document has the body of this header already.
            return i + 1, i + 1 < len(lines)
    return len(lines), False


def _has_branch(code: list[str]) -> bool:
    return any(_NEXT_BRANCH.match(line) and columns(line) == columns(code[0]) for line in code[1:])


def _is_begun(code: str, language: Language | None) -> bool:
    """Whether a last line says nothing without the next one."""
    is_header = blocks.opens_block(code, language) or bool(_ANNOTATION.match(code))
    return is_header or not code.strip() or bool(_ENDS_UNFINISHED.search(code))


def _code(lines: list[str], place: Around) -> list[str]:
    """`lines` with blanks for comments and strings."""
    before = place.before
    code = blocks.mask(before + "\n".join(lines), 0, place.language, keeps_docstrings=True).code
    return code[len(before) :].split("\n")


def _is_in_string(lines: list[str], place: Around) -> bool:
    """Whether what comes below `lines` is still in a string that they have opened."""
    text = place.before + "\n".join(lines) + "\n"
    may_be = any(quote in text for quote in _LONG_QUOTES)
    return may_be and blocks.mask(text, len(text), place.language).in_string


def _n_to_blocks_end(lines: list[str], place: Around) -> int | None:
    """How many of `lines` finish the blocks around the cursor, which the document leaves open; 0 if they never do.

    None where that is to be seen. Such a block waits for its rest as an empty one waits for its body.
    """
    depth = len(place.owed + place.owed_around)
    for i, code in enumerate(_code(lines, place)):
        if i and code.strip() and columns(code) == 0 and not CLOSING_LINE.match(code):
            return 0
        depth += sum((c in "([{") - (c in ")]}") for c in code)
        if depth <= 0:
            return i + 1 if depth == 0 else 0
    return None


class _Statement:
    """A statement that is read line by line, with comments and strings blanked.

    `is_header`: the line read last opens a block.
    """

    def __init__(self, place: Around, first_line: str) -> None:
        style = place.language.blocks if place.language else "braces"
        self.indent = columns(first_line)
        self.is_header = False
        self._language = place.language
        self._line_below = place.line_below
        self._has_braces = style == "braces"
        self._is_python = style == "colon"
        self._counts_brackets = style != "bash"
        self._ends_in_mark = place.language is not None and place.language.name in _ENDS_IN_MARK
        self._is_among_elements = place.is_among_elements
        self._depth = len(place.owed)
        self._last = ""
        self._has_body = False

    def read(self, code: str, on_line_of: str) -> None:
        """Takes the next line, of which `on_line_of` stands in the document already."""
        if not code.strip():
            return
        self._last = on_line_of + code
        opens_block = blocks.opens_block(self._last, self._language)
        self.is_header = opens_block and not self._last.endswith(("(", "["))
        if self._counts_brackets:
            self._depth = max(0, self._depth + sum((c in "([{") - (c in ")]}") for c in code))
        is_header = opens_block or bool(self._has_braces and _HEADER_WITHOUT_BRACE.match(self._last))
        self._has_body |= is_header and (self._has_braces or self._depth == 0)

    def goes_on(self, line: str, code: str, *, is_whole: bool) -> bool | None:
        """Whether `line`, with its `code`, belongs to the statement; None where too little of it is known yet."""
        is_blank = not line.strip()
        is_at_depth = self._depth == 0 or columns(line) == columns(self._line_below)
        if not is_blank and is_whole and is_at_depth and is_same_line(line, self._line_below):
            return False
        if self._depth > 0 or not self._last.strip() or self._ends_open():
            return True
        if self._has_body and not self._has_braces:
            return self._goes_on_with_body(line, code, is_blank=is_blank)
        if self._is_python:
            return False
        if self._last.endswith(";"):
            has_branch = self._has_body or bool(_BRANCH_ON_ITS_LINE.match(self._last))
            return has_branch and columns(line) == self.indent and bool(_NEXT_BRANCH.match(code))
        if not is_whole and _may_yet_go_on(line.strip()):
            return None
        if is_blank or columns(line) < self.indent:
            return False
        if _HEADER_WITHOUT_BRACE.match(self._last) and columns(line) > self.indent:
            return True
        return bool(_GOES_ON.match(code)) or (self._has_body and bool(_NEXT_BRANCH.match(code)))

    def _ends_open(self) -> bool:
        if _ANNOTATION.match(self._last):
            return True
        if self._is_python:
            return self._last.endswith("\\")
        if self._last.endswith(",") and self._is_among_elements():
            return False
        return bool(_ENDS_OPEN.search(self._last)) or (self._ends_in_mark and bool(_ENDS_IN_WORD.match(self._last)))

    def _goes_on_with_body(self, line: str, code: str, *, is_blank: bool) -> bool:
        """Whether `line` belongs to a block that ends by indentation or by a word, not by a bracket."""
        if is_blank or columns(line) > self.indent or _NEXT_BRANCH.match(code):
            return is_blank or columns(line) >= self.indent
        self._has_body = False
        self._last = code
        return columns(line) == self.indent and bool(CLOSING_LINE.match(code))


def _may_yet_go_on(begun: str) -> bool:
    """Whether a line of which no more than this has been said may turn out to go on with the statement above it."""
    if begun[:1].isalnum():
        return any(word.startswith(begun) for word in (*_GOES_ON_WORDS, *_BRANCH_WORDS))
    return len(begun) < _MIN_JUDGED_CHARS


def _n_before_repetition(stripped: list[str], i: int) -> int | None:
    """How many lines come before the one at which the model begins to say the same again; None where it does not.

    One line may stand several times in a row, several lines may not: `i` is the last line that is looked at.
    """
    line = stripped[i]
    if not line:
        return None
    if i >= _MAX_EQUAL_LINES and stripped[i - _MAX_EQUAL_LINES : i].count(line) == _MAX_EQUAL_LINES:
        return i
    for n in range(2, min(_MAX_REPEATED_LINES, (i + 1) // 2) + 1):
        again = stripped[i - n + 1 : i + 1]
        if line != stripped[i - n] or again != stripped[i - 2 * n + 1 : i - n + 1]:
            continue
        if len(set(again)) > 1 and len("".join(again)) >= _MIN_REPEATED_CHARS:
            return i - n + 1
    return None
