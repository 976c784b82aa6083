"""What of a raw answer is shown: owns the order of the filters and the last check; pure, so it can be asked anywhere.

First comes off what no answer should have begun with, then the answer is cut where it ends (`cut`), then what the
document says already is taken off its end. What is left must not add a parse error; only where the lines around the
cursor take the parser too many steps is it shown unchecked.
"""

from __future__ import annotations

from collections.abc import Iterator

from context import Snapshot
from context.syntax import first_that_fits
from lsp_server.completion import filters
from lsp_server.completion.cut import Around, around, cut, finished, shorter
from lsp_server.completion.trigger import Trigger

_MAX_TRIED = 4
_MIN_SAID_AGAIN_CHARS = 4

_AT_THE_BEGINNING = (
    filters.without_special_tokens,
    filters.without_fence,
    filters.with_document_indentation,
    filters.without_indent_said_again,
    filters.without_leap,
)
_AT_THE_END = (
    filters.without_what_follows,
    filters.without_begun_line,
    filters.without_bodiless_header,
    filters.without_runaway,
    filters.without_babble,
    filters.without_trailing_blanks,
)


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
    if filters.SPECIAL_TOKEN.search(text):
        return True
    if "\n" not in text:
        return False
    place = around(snapshot, offset)
    if filters.without_leap(text, place) != text:
        return True
    return cut(_begun(text, place), place, trigger, is_last_line_whole=False)[1]


def at_deadline(text: str) -> str:
    """What is whole of an answer that had to be left: its lines but for the last, "" where not even one is.

    Where a line would have gone on cannot be told, so half of one is no better than none.
    """
    lines = text.rpartition("\n")[0]
    return lines if lines.strip() else ""


def first_lines(text: str, snapshot: Snapshot, offset: int, trigger: Trigger) -> str | None:
    """What is shown of an answer that is still arriving: its first lines, exactly as the model has said them.

    What they lack may be on its way, so nothing of them is mended; None where they cannot stand alone.
    """
    lines = finished(text, around(snapshot, offset))
    shown = refine(lines, snapshot, offset, trigger) if lines.strip() else None
    return shown if shown is not None and f"{lines}\n".startswith(f"{shown}\n") else None


def refine(text: str, snapshot: Snapshot, offset: int, trigger: Trigger) -> str | None:
    """The text to insert at `offset`, its line breaks \\n as editors want it; None where nothing is worth showing."""
    candidates = _candidates(text, around(snapshot, offset), trigger)
    return first_that_fits(snapshot, offset, candidates)


def _candidates(text: str, place: Around, trigger: Trigger) -> Iterator[str]:
    """What could be shown: the whole, what broke off with its end, and then the longest beginning first."""
    whole = _settled(text, place, trigger)
    if not whole or filters.is_there_already(whole, place):
        return
    seen: set[str] = set()
    for variant in _variants(whole, place):
        settled = _settled(variant, place, trigger)
        if not settled or settled in seen or filters.is_there_already(settled, place):
            continue
        seen.add(settled)
        if not filters.leaves_literal_open(settled, place):
            yield settled
        if len(seen) == _MAX_TRIED:
            return


def _variants(whole: str, place: Around) -> Iterator[str]:
    yield whole
    yield from filters.closed(whole, place)
    yield from shorter(whole, place)


def _settled(text: str, place: Around, trigger: Trigger) -> str:
    """`text` as the filters leave it; asked again, since what one of them takes off can uncover work for another."""
    while True:
        kept, _ = cut(_begun(text, place), place, trigger, is_last_line_whole=True)
        for without in _AT_THE_END:
            kept = without(kept, place)
        if kept == text:
            return kept
        text = kept


def _begun(text: str, place: Around) -> str:
    """The answer without what is no code, from the cursor's column on, indented as the document is."""
    for without in _AT_THE_BEGINNING:
        text = without(text, place)
    return text
