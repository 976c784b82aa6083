"""Secrets in text: owns what stands in their place and how it is put back; knows neither files nor who asks.

A text is read line by line; what a line means depends on the line alone and on a small state that the
lines above leave (inside a key block, after a name whose value follows). So a line that was read
before costs a look into a table, and the same text always becomes the same redacted text, which is
what an endpoint's prefix cache needs.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from context.secrets.lines import START, Span, State, open_at, read

if TYPE_CHECKING:
    from context.window import ContextWindow

MARK = "REDACTED_"
_N_LETTERS = 10
_PLACEHOLDER = re.compile(rf"{MARK}[a-p]{{{_N_LETTERS}}}")
_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")

_TABLE_CHARS = 1 << 18
_LOOK_BACK_CHARS = 8_000


@dataclass(frozen=True, slots=True)
class Redacted:
    """A text without its secrets, and what each placeholder in it stands for."""

    text: str
    values: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RedactedWindow:
    """A context window without secrets, its snippets too, and what each placeholder stands for."""

    window: ContextWindow
    values: Mapping[str, str]


class Redactor:
    """Redacts texts. A value has the same placeholder in all of them, which without `key` says nothing of it."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._lines = _Lines()

    def redact(self, text: str) -> Redacted:
        """The text with a placeholder for each secret in it."""
        values: dict[str, str] = {}
        return Redacted(self._replaced(text, self._find(text), values), values)

    def redact_window(self, window: ContextWindow) -> RedactedWindow:
        """The window with a placeholder for each secret; one that the cursor cuts in two is gone from both sides."""
        values: dict[str, str] = {}
        before = window.prefix + window.held_back
        text = before + window.suffix
        spans = self._find(text, len(before))
        snippets = tuple(
            replace(snippet, text=self._replaced(snippet.text, self._find(snippet.text), values))
            for snippet in window.snippets
        )
        if spans:
            prefix = self._replaced(text, spans, values, 0, len(before)).removesuffix(window.held_back)
            window = replace(window, prefix=prefix, suffix=self._replaced(text, spans, values, len(before)))
        return RedactedWindow(replace(window, snippets=snippets) if snippets else window, values)

    def is_inside(self, text: str, offset: int) -> bool:
        """Whether the cursor at `offset` stands in a secret, or where one is being typed."""
        start = max(0, offset - _LOOK_BACK_CHARS)
        if start:
            start = text.find("\n", start, offset) + 1 or start
        end = text.find("\n", offset, offset + _LOOK_BACK_CHARS)
        piece = text[start : end if end >= 0 else offset + _LOOK_BACK_CHARS]
        at = offset - start
        if any(begin <= at <= end for begin, end in self._find(piece, at)):
            return True
        line_start = piece.rfind("\n", 0, at) + 1
        return open_at(piece[line_start:], at - line_start) is not None

    def _find(self, text: str, cursor: int | None = None) -> list[Span]:
        """Where the secrets are, in order; a secret that is not yet whole counts at the cursor and the text's end."""
        spans = self._lines.find(text)
        for at in (len(text),) if cursor is None else (cursor, len(text)):
            start = text.rfind("\n", 0, at) + 1
            end = text.find("\n", at)
            begun = open_at(text[start : end if end >= 0 else len(text)], at - start)
            if begun is not None and begun[0] < begun[1]:
                spans = _merged([*spans, (begun[0] + start, begun[1] + start)])
        return spans

    def _replaced(
        self, text: str, spans: Iterable[Span], values: dict[str, str], start: int = 0, end: int | None = None
    ) -> str:
        """`text[start:end]` with its secrets replaced; of one that began before `start` nothing is left."""
        end = len(text) if end is None else end
        pieces: list[str] = []
        for begin, stop in spans:
            if stop <= start or begin >= end:
                continue
            if begin >= start:
                pieces += (text[start:begin], self._placeholder(text[begin:stop], values))
            start = min(stop, end)
        return "".join([*pieces, text[start:end]])

    def _placeholder(self, value: str, values: dict[str, str]) -> str:
        """The value's own placeholder, noted in `values`. Letters alone, since it may stand in any syntax."""
        for n in range(1, 256):
            digest = hmac.digest(self._key, bytes((n,)) + value.encode("utf-8", "surrogatepass"), "sha256")
            placeholder = MARK + digest.hex()[:_N_LETTERS].translate(_LETTERS)
            if values.setdefault(placeholder, value) == value:
                return placeholder
        raise AssertionError("as many collisions do not happen")


def blanked(source: bytes) -> bytes:
    """A file without its secrets, byte for byte as long and line for line as it was, for what is kept of files."""
    state, is_changed = START, False
    pieces: list[str] = []
    for line in source.decode("utf-8", "surrogateescape").split("\n"):
        found, state = read(state, line)
        end = 0
        for start, stop in _merged(found):
            pieces += (line[end:start], "x" * len(_encoded(line[start:stop])))
            end, is_changed = stop, True
        pieces += (line[end:], "\n")
    return _encoded("".join(pieces[:-1])) if is_changed else source


def restore(text: str, values: Mapping[str, str]) -> str:
    """The text with the secrets back in it where the model copied their placeholders."""
    return _PLACEHOLDER.sub(lambda match: values.get(match.group(), match.group()), text) if values else text


class Restoring:
    """Puts secrets back into an answer on its way, holding back what may be the beginning of a placeholder."""

    is_done = False

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = values
        self._held = ""

    def feed(self, text: str) -> str:
        """What may be passed on now."""
        if not self._values:
            return text
        whole = restore(self._held + text, self._values)
        n = _n_begun(whole)
        self._held = whole[len(whole) - n :]
        return whole[: len(whole) - n]

    def close(self) -> str:
        """What was held back."""
        held, self._held = self._held, ""
        return held


class _Lines:
    """What was read, line by line; the lines that were used least lately are forgotten, in halves."""

    def __init__(self) -> None:
        self._young: dict[tuple[State, str], tuple[tuple[Span, ...], State]] = {}
        self._old: dict[tuple[State, str], tuple[tuple[Span, ...], State]] = {}
        self._n_chars = 0

    def find(self, text: str) -> list[Span]:
        """Where the whole secrets of a text are, in order and apart from each other."""
        spans: list[Span] = []
        young = self._young
        state, position = START, 0
        for line in text.split("\n"):
            found, state = young.get((state, line)) or self._read(state, line)
            for start, end in found:
                spans.append((position + start, position + end))
            position += len(line) + 1
        return spans

    def _read(self, state: State, line: str) -> tuple[tuple[Span, ...], State]:
        key = state, line
        result = self._old.get(key)
        if result is None:
            found, following = read(state, line)
            result = tuple(_merged(found)), following
        self._n_chars += len(line) + 64
        if self._n_chars > _TABLE_CHARS:
            self._old = dict(self._young)
            self._young.clear()
            self._n_chars = len(line)
        self._young[key] = result
        return result


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The spans in order, those that overlap made one."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = merged[-1][0], max(end, merged[-1][1])
        else:
            merged.append((start, end))
    return merged


def _n_begun(text: str) -> int:
    """Length of the end of `text` that may become a placeholder."""
    for n in range(min(len(text), len(MARK) + _N_LETTERS - 1), 0, -1):
        tail = text[-n:]
        if MARK.startswith(tail[: len(MARK)]) and all("a" <= char <= "p" for char in tail[len(MARK) :]):
            return n
    return 0
