from __future__ import annotations

import re
from dataclasses import dataclass

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from context.document import Edit
from lsp_server.text_buffer import Encoding, TextBuffer

ENCODINGS: tuple[Encoding, ...] = ("utf-8", "utf-16", "utf-32")
HIGH, LOW, EMOJI = "\ud83d", "\ude00", "\U0001f600"


@dataclass
class Typed:
    """One edit as a client sends it."""

    start: tuple[int, int]
    end: tuple[int, int]
    text: str


def check_edits(text: str, edits: list[Typed], encoding: Encoding) -> TextBuffer:
    """Apply the edits to a TextBuffer and to a plain str, and find both alike after each of them."""
    buffer, model = TextBuffer(text), joined(text)
    assert_alike(buffer, model, encoding)
    for edit in edits:
        before = model
        start, end = sorted((model_offset(model, *edit.start, encoding), model_offset(model, *edit.end, encoding)))
        model = joined(model[:start] + edit.text + model[end:])
        change = buffer.apply(edit.start, edit.end, edit.text, encoding)
        assert_alike(buffer, model, encoding)
        assert_replays(change, before, model)
        if not re.search("[\ud800-\udfff]", before + edit.text):
            assert change.edit == Edit(start, end, edit.text)
    return buffer


def assert_alike(buffer: TextBuffer, model: str, encoding: Encoding) -> None:
    lines = model_lines(model)
    assert buffer.text() == model
    assert (buffer.n_lines, buffer.n_chars) == (len(lines), len(model))
    for row in range(len(lines) + 2):
        for column in range(n_units(lines[min(row, len(lines) - 1)], encoding) + 3):
            assert buffer.offset_at(row, column, encoding) == model_offset(model, row, column, encoding)
    for offset in range(-1, len(model) + 2):
        assert buffer.position_at(offset, encoding) == model_position(model, offset, encoding)


def assert_replays(change, before: str, after: str) -> None:
    """The change tells a follower all it needs, in characters and in bytes."""
    edit = change.edit
    assert before[: edit.start] + edit.text + before[edit.end :] == after
    old, new = utf8(before), utf8(after)
    assert old[: change.start_byte] + utf8(edit.text) + old[change.old_end_byte :] == new
    assert change.new_end_byte == change.start_byte + len(utf8(edit.text))
    assert change.start_point == model_point(before, edit.start)
    assert change.old_end_point == model_point(before, edit.end)
    assert change.new_end_point == model_point(after, edit.start + len(edit.text))


def model_lines(text: str) -> list[str]:
    """Each line with its break, by walking; the last one has none and may be empty."""
    lines, line = [], ""
    for index, char in enumerate(text):
        line += char
        if char == "\n" or (char == "\r" and text[index + 1 : index + 2] != "\n"):
            lines.append(line)
            line = ""
    return [*lines, line]


def model_offset(text: str, row: int, column: int, encoding: Encoding) -> int:
    lines = model_lines(text)
    if row >= len(lines):
        return len(text)
    offset = sum(map(len, lines[:row]))
    for char in lines[row].rstrip("\r\n"):
        column -= n_units(char, encoding)
        if column < 0:
            break
        offset += 1
    return offset


def model_position(text: str, offset: int, encoding: Encoding) -> tuple[int, int]:
    offset = min(max(offset, 0), len(text))
    row, column = model_row_and_column(text, offset)
    return row, n_units(model_lines(text)[row].rstrip("\r\n")[:column], encoding)


def model_point(text: str, offset: int) -> tuple[int, int]:
    row, column = model_row_and_column(text, offset)
    return row, len(utf8(model_lines(text)[row][:column]))


def model_row_and_column(text: str, offset: int) -> tuple[int, int]:
    lines = model_lines(text)
    row = 0
    while row + 1 < len(lines) and offset >= len(lines[row]):
        offset -= len(lines[row])
        row += 1
    return row, offset


def n_units(text: str, encoding: Encoding) -> int:
    if encoding == "utf-8":
        return len(utf8(text))
    return sum(2 if ord(char) > 0xFFFF and encoding == "utf-16" else 1 for char in text)


def joined(text: str) -> str:
    def join(pair: re.Match[str]) -> str:
        high, low = pair.group()
        return chr(0x10000 + (ord(high) - 0xD800) * 0x400 + ord(low) - 0xDC00)

    return re.sub("[\ud800-\udbff][\udc00-\udfff]", join, text)


def utf8(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


# Every character that some line rule or some encoding treats apart from the others.
CHARS = ["a", "b", "\n", "\r", "\r\n", "\t", "\f", "\v", "\x1c", "\0", "\x85", "\u2028", "\u2029"]
CHARS += ["é", "e\u0301", "漢", EMOJI, "\U00010000", HIGH, LOW, "\ud7ff", "\ue000", "\uffff"]
texts = st.lists(st.sampled_from(CHARS), max_size=12).map("".join)
positions = st.tuples(st.integers(0, 6), st.integers(0, 9))
edits = st.builds(Typed, positions, positions, texts)


@given(text=texts, edits=st.lists(edits, max_size=6), encoding=st.sampled_from(ENCODINGS))
@example(text="a\r", edits=[Typed((1, 0), (1, 0), "\n")], encoding="utf-16")
@example(text="\rx\n", edits=[Typed((1, 0), (1, 1), "")], encoding="utf-8")
@example(text="a\n", edits=[Typed((0, 1), (0, 1), "\r")], encoding="utf-32")
@example(text="a\r\nb", edits=[Typed((0, 1), (1, 0), "\r"), Typed((1, 0), (1, 0), "\n")], encoding="utf-16")
def test_any_edits_leave_what_they_leave_in_a_plain_string(text, edits, encoding):
    check_edits(text, edits, encoding)


@given(text=texts, new_text=texts, encoding=st.sampled_from(ENCODINGS))
def test_a_new_whole_text_replaces_all(text, new_text, encoding):
    buffer = TextBuffer(text)
    change = buffer.replace_all(new_text)
    assert_alike(buffer, joined(new_text), encoding)
    assert_replays(change, joined(text), joined(new_text))


@pytest.mark.parametrize(
    ("text", "n_lines"),
    [
        ("", 1),
        ("a", 1),
        ("a\n", 2),
        ("a\r\nb\rc\nd", 4),
        ("\r\r\n\n", 4),
        ("\n\r", 3),
        ("a\fb\vc\x1cd\x1de\x1ef\x85g\u2028h\u2029i", 1),
    ],
)
def test_only_newline_carriage_return_and_both_end_a_line(text, n_lines):
    assert TextBuffer(text).n_lines == n_lines


@pytest.mark.parametrize(
    ("text", "line", "column", "encoding", "offset"),
    [
        ("abc", 0, 99, "utf-16", 3),
        ("abc\ndef", 0, 99, "utf-16", 3),
        ("abc\r\ndef", 0, 4, "utf-16", 3),
        ("abc\ndef", 9, 0, "utf-16", 7),
        ("abc\n", 1, 5, "utf-8", 4),
        ("", 3, 3, "utf-32", 0),
        (f"x{EMOJI}y", 0, 2, "utf-16", 1),
        (f"x{EMOJI}y", 0, 3, "utf-16", 2),
        (f"x{EMOJI}y", 0, 4, "utf-8", 1),
        (f"x{EMOJI}y", 0, 5, "utf-8", 2),
        (f"x{EMOJI}y", 0, 2, "utf-32", 2),
        (f"x{HIGH}y", 0, 2, "utf-16", 2),
        ("漢字", 0, 5, "utf-8", 1),
    ],
)
def test_a_position_that_is_nowhere_means_the_nearest_place_before_it(text, line, column, encoding, offset):
    assert TextBuffer(text).offset_at(line, column, encoding) == offset


def test_a_change_holds_no_more_than_was_typed():
    check_edits("\ud7ff\ud7ff", [Typed((0, 1), (0, 1), "a")], "utf-16")


def test_an_emoji_sent_in_halves_becomes_one_character():
    buffer = check_edits("x", [Typed((0, 1), (0, 1), HIGH), Typed((0, 2), (0, 2), LOW)], "utf-16")
    assert buffer.text() == f"x{EMOJI}"


def test_halves_of_an_emoji_meet_when_what_parts_them_is_deleted():
    buffer = check_edits(f"{HIGH}-{LOW}", [Typed((0, 1), (0, 2), "")], "utf-16")
    assert buffer.text() == EMOJI


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("char", ["a", "漢", EMOJI])
def test_a_line_of_five_megabytes_can_be_edited(char, encoding):
    n_chars = 5_000_000 // len(utf8(char))
    width = n_units(char, encoding)
    buffer = TextBuffer(char * n_chars)
    middle = n_chars // 2
    change = buffer.apply((0, middle * width), (0, middle * width), "\nx", encoding)
    assert (buffer.n_lines, buffer.n_chars) == (2, n_chars + 2)
    assert change.edit.start == middle
    assert buffer.position_at(n_chars + 2, encoding) == (1, 1 + (n_chars - middle) * width)
    assert buffer.text() == f"{char * middle}\nx{char * (n_chars - middle)}"


def test_edits_far_apart_find_their_lines():
    lines = [f"line {n}\n" for n in range(1_000)]
    buffer = TextBuffer("".join(lines))
    for row in (900, 3, 500, 999, 0, 501):
        lines[row] = "漢" + lines[row]
        buffer.apply((row, 0), (row, 0), "漢", "utf-16")
    assert buffer.text() == "".join(lines)
    starts = [sum(map(len, lines[:row])) for row in range(1_001)]
    assert [buffer.offset_at(row, 0, "utf-16") for row in range(1_001)] == starts
    assert [buffer.position_at(start, "utf-16") for start in starts] == [(row, 0) for row in range(1_001)]
