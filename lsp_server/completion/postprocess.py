"""What of a raw answer is shown: owns the filters and the last check; pure, so it can be asked at every piece.

First comes off what no answer should have begun with, then the answer is cut where it ends (`cut`), then what the
document says already is taken off its end. What is left must not add a parse error; only past the deadline of that
parse, which ordinary lines stay far below, is it shown unchecked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from context import Snapshot
from context.blocks import columns, opens_block
from context.syntax import first_that_fits
from lsp_server.completion.cut import Around, around, cut, is_same_line, shorter
from lsp_server.completion.trigger import Trigger

_MAX_TRIED = 3
_MIN_REPEATED_CHARS = 8
_MIN_SAID_AGAIN_CHARS = 4
_MIN_BEGUN_CHARS = 6
_MAX_COMMENT_LINES = 3
_PAIRS = {")": "(", "]": "[", "}": "{"}
# What ends an answer or stands between its parts in one of the common formats, where an endpoint lets it through.
_SPECIAL_TOKEN = re.compile(
    r"<\|(?:fim_\w+|end\w*|file_sep\w*|file_separator|repo_name|im_start|im_end|cursor|eot_id|begin_of_text)\|>"
    r"|<｜[^｜\n]{1,40}｜>|<(?:fim_(?:prefix|middle|suffix|pad)|file_sep|repo_name|reponame|EOT|PRE|SUF|MID)>"
    r"|<\[(?:fim-\w+|end▁of▁sentence)\]>|\[(?:SUFFIX|PREFIX|MIDDLE)\]"
)
_OPENING_FENCE = re.compile(r"\A\s*```[\w+#-]*\n")
_CLOSING_FENCE = re.compile(r"^```\s*$", re.MULTILINE)


def release(raw: str, held_back: str, line: str = "") -> str:
    """The answer from the cursor on, where `line` is what stands before the cursor on its line.

    `held_back` stands there already, so it must come first in `raw`; some models say the whole line again.
    """
    text = raw.replace("\r\n", "\n")
    said_again = line.strip()
    if len(said_again) >= _MIN_SAID_AGAIN_CHARS and text.lstrip().startswith(said_again):
        return text.lstrip()[len(said_again) :].removeprefix(held_back)
    if not held_back or text.startswith("\n"):
        return text
    return text[1:] if text[0:1] == held_back else ""


def is_whole(text: str, snapshot: Snapshot, offset: int, trigger: Trigger) -> bool:
    """Whether nothing that is still to come would be shown, so that the stream can be closed."""
    if _SPECIAL_TOKEN.search(text):
        return True
    if "\n" not in text:
        return False
    place = around(snapshot, offset)
    return cut(_begun(text, place), place, trigger, is_last_line_whole=False)[1]


def refine(text: str, snapshot: Snapshot, offset: int, trigger: Trigger) -> str | None:
    """The text to insert at `offset`, its line breaks \\n as editors want it; None where nothing is worth showing."""
    candidates = _candidates(text, around(snapshot, offset), trigger)
    return first_that_fits(snapshot, offset, candidates)


def _candidates(text: str, place: Around, trigger: Trigger) -> Iterator[str]:
    """What could be shown, the longest first."""
    whole = _settled(text, place, trigger)
    if not whole or _is_there_already(whole, place):
        return
    yield whole
    tried = {whole}
    for beginning in shorter(whole, place):
        less = _settled(beginning, place, trigger)
        if less and less not in tried and not _is_there_already(less, place):
            tried.add(less)
            yield less
        if len(tried) == _MAX_TRIED:
            return


def _settled(text: str, place: Around, trigger: Trigger) -> str:
    """`text` as the filters leave it; asked again, since what one of them takes off can uncover work for another."""
    while True:
        kept, _ = cut(_begun(text, place), place, trigger, is_last_line_whole=True)
        kept = _without_what_follows(kept, place.rest)
        kept = _without_begun_line(kept, place)
        kept = _without_runaway(kept)
        kept = _without_babble(kept, place)
        kept = "\n".join(line.rstrip() for line in kept.split("\n")).rstrip()
        if kept == text:
            return kept
        text = kept


# What no answer should begin with.


def _begun(text: str, place: Around) -> str:
    """The answer without what is no code, from the cursor's column on, indented as the document is."""
    text = _SPECIAL_TOKEN.split(text, maxsplit=1)[0]
    text = _without_fence(text)
    text = _indented_alike(text, place)
    if place.before.strip():
        return text
    return _without_indent_said_again(text.lstrip("\n"), text, place)


def _without_fence(text: str) -> str:
    fence = _OPENING_FENCE.match(text)
    return _CLOSING_FENCE.split(text[fence.end() :], maxsplit=1)[0] if fence else text


def _without_indent_said_again(stripped: str, text: str, place: Around) -> str:
    """Many models go on with a fresh line although the cursor is on one, or say its indentation again."""
    needs_more = columns(place.before) <= columns(place.line_above) and opens_block(place.line_above, place.language)
    if stripped == text and needs_more:
        return text
    return stripped.removeprefix(place.before)


def _indented_alike(text: str, place: Around) -> str:
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


def _indent(line: str) -> str:
    return line[: len(line) - len(line.lstrip(" \t"))]


# What comes off the end.


def _without_what_follows(text: str, rest: str) -> str:
    """Takes off the end of `text` what stands right behind the cursor already."""
    following = rest.strip()
    if not following:
        return text
    unmatched = _first_unmatched_closer(text)
    if unmatched is not None and following[0] in _PAIRS:
        tail = text[unmatched:].rstrip()
        if following.startswith(tail) or tail.startswith(following):
            return text[:unmatched]
    cut_off = text.rstrip().removesuffix(following)
    # Where it is said twice, which one is meant cannot be told.
    return text if following[0] in _PAIRS or cut_off.rstrip().endswith(following) else cut_off


def _first_unmatched_closer(text: str) -> int | None:
    """Where the first bracket closes that `text` itself did not open; brackets in string literals do not count."""
    opened: list[str] = []
    quote = ""
    for i, char in enumerate(text):
        if quote:
            quote = "" if char == quote and text[i - 1] != "\\" else quote
        elif char in "\"'`":
            quote = char
        elif char in _PAIRS.values():
            opened.append(char)
        elif char in _PAIRS:
            if not opened:
                return i
            opened.pop()
    return None


def _without_begun_line(text: str, place: Around) -> str:
    """Without a last line that the model broke off and the document has whole."""
    above, _, last = text.rpartition("\n")
    is_begun = len(last.strip()) >= _MIN_BEGUN_CHARS and place.line_below.strip().startswith(last.strip())
    return above if above and is_begun else text


def _without_runaway(text: str) -> str:
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


def _without_babble(text: str, place: Around) -> str:
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


def _is_remark(line: str, mark: str) -> bool:
    """Whether a line is a comment and no doc comment such as /// or ---."""
    return line.lstrip().startswith(mark) and not line.lstrip().startswith((mark + mark[-1], mark + "!"))


def _is_there_already(text: str, place: Around) -> bool:
    """Whether the completion only says again what the next lines, or the line above, say."""
    first, *others = (line for line in (place.before + text).split("\n") if line.strip())
    n_lines = 1 + len(others)
    if len(place.below) >= n_lines and all(map(is_same_line, (first, *others), place.below)):
        return True
    said = first.strip()
    return len(said) >= _MIN_REPEATED_CHARS and not place.before.strip() and said == place.line_above.strip()
