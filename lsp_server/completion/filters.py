"""What is taken off an answer, one small filter at a time: each is a function of the answer and of what stands around.

Must not know where an answer ends (that is `cut`), nor in what order filters are asked (that is `postprocess`).
"""

from __future__ import annotations

import re

from context.blocks import columns, mask, open_string, opens_block
from context.brackets import CLOSERS, left_open
from lsp_server.completion.cut import Around, is_same_line

_MIN_REPEATED_CHARS = 8
_MIN_BEGUN_CHARS = 6
_MAX_COMMENT_LINES = 3
# What ends an answer or stands between its parts in one of the common formats, where an endpoint lets it through.
SPECIAL_TOKEN = re.compile(
    r"<\|(?:fim_\w+|end\w*|file_sep\w*|file_separator|repo_name|im_start|im_end|cursor|eot_id|begin_of_text)\|>"
    r"|<｜[^｜\n]{1,40}｜>|<(?:fim_(?:prefix|middle|suffix|pad)|file_sep|repo_name|reponame|EOT|PRE|SUF|MID)>"
    r"|<\[(?:fim-\w+|end▁of▁sentence)\]>|\[(?:SUFFIX|PREFIX|MIDDLE)\]"
)
_OPENING_FENCE = re.compile(r"\A\s*```[\w+#-]*\n")
_CLOSING_FENCE = re.compile(r"^```\s*$", re.MULTILINE)
_WAITS = re.compile(r"[.,(\[=+*/%&|<>:?-]\s*$")
_WHOLE_TERM = re.compile(r"[\w)\]}'\"`]$")


# What no answer should begin with.


def without_special_tokens(text: str, place: Around) -> str:
    """Without the first mark of a prompt format and all behind it."""
    return SPECIAL_TOKEN.split(text, maxsplit=1)[0]


def without_fence(text: str, place: Around) -> str:
    """What stands between code fences, where the answer begins with one."""
    fence = _OPENING_FENCE.match(text)
    return _CLOSING_FENCE.split(text[fence.end() :], maxsplit=1)[0] if fence else text


def with_document_indentation(text: str, place: Around) -> str:
    """Tabs for blanks or blanks for tabs, where the model indents in the other way than the document."""
    if "\n" not in text or not place.indent_unit:
        return text
    first, *lines = text.split("\n")
    if place.indent_unit != "\t":
        return "\n".join([first, *(_indent(line).replace("\t", place.indent_unit) + line.lstrip() for line in lines)])
    steps = [len(_indent(line)) for line in lines if line.startswith("  ") and "\t" not in _indent(line)]
    step = next((step for step in (4, 2) if steps and all(n % step == 0 for n in steps)), 0)
    if not step:
        return text
    return "\n".join([first, *(_indent(line).replace(" " * step, "\t") + line.lstrip() for line in lines)])


def without_indent_said_again(text: str, place: Around) -> str:
    """From the cursor's column on: many models say the blanks before it again, or begin a line of their own."""
    if place.before.strip():
        return text.lstrip(" \t") if place.before.endswith((" ", "\t")) else text
    stripped = text.lstrip("\n")
    needs_more = columns(place.before) <= columns(place.line_above) and opens_block(place.line_above, place.language)
    if stripped == text and needs_more:
        return text
    return stripped.removeprefix(place.before)


def without_leap(text: str, place: Around) -> str:
    """Nothing, where the answer leaves an unfinished line for one that is no part of its statement."""
    first, _, below = text.partition("\n")
    unfinished = place.owed or _WAITS.search(place.before)
    if first.strip() or not place.before.strip() or not unfinished:
        return text
    line = next((line for line in below.split("\n") if line.strip()), "")
    leaps = line and columns(line) <= columns(place.before) and not line.lstrip().startswith(tuple(CLOSERS.values()))
    return "" if leaps else text


# What comes off the end.


def without_what_follows(text: str, place: Around) -> str:
    """Without what stands right behind the cursor already, at the end of the answer."""
    following = place.rest.strip()
    if not following:
        return text
    string = open_string(place.before, place.language)
    if string and following.startswith(string[1]):
        return _up_to_quote(text, string[1], following)
    unmatched = _first_unmatched_closer(text)
    if unmatched is not None and following[0] in CLOSERS.values():
        tail = text[unmatched:].rstrip()
        if following.startswith(tail) or tail.startswith(following):
            return text[:unmatched]
    cut_off = text.rstrip().removesuffix(following)
    # Where it is said twice, which one is meant cannot be told.
    return text if following[0] in CLOSERS.values() or cut_off.rstrip().endswith(following) else cut_off


def without_begun_line(text: str, place: Around) -> str:
    """Without a last line that the model broke off, where the document goes on with it or the line above is it."""
    above, _, last = text.rpartition("\n")
    begun = last.strip()
    if not above or len(begun) < _MIN_BEGUN_CHARS:
        return text
    said = above.rpartition("\n")[2].strip()
    is_begun = place.line_below.strip().startswith(begun) or (said.startswith(begun) and said != begun)
    return above if is_begun else text


def without_bodiless_header(text: str, place: Around) -> str:
    """Without a last line that opens a block which has no body, where only indentation would end it."""
    above, _, last = text.rpartition("\n")
    style = place.language.blocks if place.language else "braces"
    if style != "colon" or not above or columns(place.line_below) > columns(last):
        return text
    code = mask(last, 0, place.language).code.rstrip()
    return above if code.endswith(":") else text


def without_runaway(text: str, place: Around) -> str:
    """Without the copies, where the model ends in saying a few words over and over."""
    for n_chars in range(8, min(80, len(text) // 4) + 1):
        said = text[-n_chars:]
        if not text.endswith(4 * said) or len(set(said)) < 4 or "\n" in said:
            continue
        start = len(text) - 4 * n_chars
        while start >= n_chars and text[start - n_chars : start] == said:
            start -= n_chars
        return text[: start + n_chars]
    return text


def without_babble(text: str, place: Around) -> str:
    """Without comments that the answer ends in, or goes over to; code is what was asked for."""
    mark = place.language.line_comment if place.language else None
    if not mark or place.line_above.strip().startswith(mark) or place.before.strip().startswith(mark):
        return text
    lines = text.split("\n")
    are_comments = [_is_remark(line, mark) for line in lines]
    for i in range(1, len(lines) - _MAX_COMMENT_LINES):
        if all(are_comments[i : i + _MAX_COMMENT_LINES + 1]):
            lines = lines[:i]
            break
    while len(lines) > 1 and (are_comments[len(lines) - 1] or not lines[-1].strip()):
        lines.pop()
    return "\n".join(lines)


def without_trailing_blanks(text: str, place: Around) -> str:
    """Without blanks at the ends of lines and blank lines at the end."""
    return "\n".join(line.rstrip() for line in text.split("\n")).rstrip()


# What is wrong as a whole.


def is_there_already(text: str, place: Around) -> bool:
    """Whether the completion only says again what the next lines, or the line above, say."""
    first, *others = (line for line in (place.before + text).split("\n") if line.strip())
    n_lines = 1 + len(others)
    if len(place.below) >= n_lines and all(map(is_same_line, (first, *others), place.below)):
        return True
    said = first.strip()
    return len(said) >= _MIN_REPEATED_CHARS and not place.before.strip() and said == place.line_above.strip()


def leaves_literal_open(text: str, place: Around) -> bool:
    """Whether the completion begins a comment or a string over several lines and does not end it."""
    language = place.language
    open_mark = mask(place.before + text, 0, language).open_mark
    return bool(open_mark) and open_mark not in place.rest and not mask(place.before, 0, language).open_mark


def closed(text: str, place: Around) -> list[str]:
    """One line that breaks off within a string or brackets that it has opened, with what ends them, without and with ;.

    Nothing where it does not, or where it breaks off in a place at which something else has to follow.
    """
    n_before = len(place.before)
    string = open_string(place.before + text, place.language)
    if "\n" in text or (string and (string[0] < n_before or text.endswith("\\"))):
        return []
    code = mask(place.before + text, 0, place.language).code
    brackets = "".join(CLOSERS[code[at]] for at in reversed(left_open(code, n_before, len(code))))
    ends_in_term = string or _WHOLE_TERM.search(text)
    if not ends_in_term or not (string or brackets):
        return []
    whole = text + (string[1] if string else "") + brackets
    return [whole] if place.rest.strip() else [whole, f"{whole};"]


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


def _up_to_quote(text: str, quote: str, following: str) -> str:
    """What of `text` belongs to the string that is closed right behind the cursor."""
    if text.rstrip().endswith(following):
        return text.rstrip().removesuffix(following)
    end = next(
        (found.start() for found in re.finditer(rf"\\.|{re.escape(quote)}", text) if found[0] == quote), len(text)
    )
    return text[:end]


def _first_unmatched_closer(text: str) -> int | None:
    """Where the first bracket closes that `text` itself did not open; brackets in string literals do not count."""
    opened: list[str] = []
    quote = ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[i - 1] != "\\" else quote
        elif char in "\"'`":
            quote = char
        elif char in CLOSERS:
            opened.append(char)
        elif char in CLOSERS.values():
            if not opened:
                return i
            opened.pop()
    return None


def _is_remark(line: str, mark: str) -> bool:
    """Whether a line is a comment and no doc comment such as /// or ---."""
    return line.lstrip().startswith(mark) and not line.lstrip().startswith((mark + mark[-1], mark + "!"))
