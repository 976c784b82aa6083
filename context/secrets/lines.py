"""One line of text: owns where its secrets are, whole or still being typed; remembers nothing.

What a line means also depends on the lines above it, of which one word is left: its state.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from context.secrets.named import NamedValue, Strength, is_placeholder, named_values, strength_of
from context.secrets.rules import begun_forms, known_forms

Span = tuple[int, int]
State = str
START, PLAIN, KEY_HEAD, KEY_BODY = "start", "plain", "key head", "key body"
"""At a text's beginning; nowhere special; before and in a private key."""

AFTER_NAME: dict[State, Strength] = {"after a strong name": "strong", "after a weak name": "weak"}
"""Below `name: DB_PASSWORD`."""

_AFTER = {strength: state for state, strength in AFTER_NAME.items()}

_MIN_CHARS = 12
_MIN_SAYING_CHARS = 7
"""A shorter line neither has a secret nor says that one follows."""

_LONG_LINE_CHARS = 400
_MAX_BEGUN_CHARS = 512

_BEGIN = re.compile(r"----[- ]BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY(?: BLOCK)? ?----|^Private-Lines: \d")
_KEY_LINE = re.compile(r"^[\s>#*|\"'`+.]{0,40}([A-Za-z0-9+/=]{1,200})(?:\\+[nr]|[\"'`+\\,.;)\s])*$")
_KEY_HEADER = re.compile(r"^[\s\"'>#*]{0,40}(?:[A-Z][\w-]{1,30}: .{0,200})?(?:\\+[nr]|[\"'+\s]){0,20}$")
_MIN_KEY_LINE_CHARS = 24
_CUT_KEY_LINE = re.compile(r"^(?=\D{0,80}\d)(?=[^a-z]{0,80}[a-z])(?=[^A-Z]{0,80}[A-Z])([A-Za-z0-9+/]{60,80}={0,2})\s?$")
_CUT_TOKEN = re.compile(r"^(?=\D{0,80}\d)[\w+/=.~!@#$%^&*-]{8,512}")

_NAME_ALONE = re.compile(r"^[\s-]{0,60}[\"']?[Nn]ame[\"']?\s?[:=]\s?[\"']?([\w.-]{2,80})[\"']?,?\s{0,20}$")
_VALUE_ALONE = re.compile(r"^[\s-]{0,60}[\"']?[Vv]alue[\"']?\s?[:=]\s?([\"']?)([^\"'\n]{6,512})\1,?\s{0,20}$")
_ALL_THE_SAME = re.compile(r"(.)\1{7}|x{4}|X{4}|(?i:EXAMPLE|REDACTED|your[_-])|\*\*\*|\.\.\.|…")


def read(state: State, line: str) -> tuple[list[Span], State]:
    """The secrets of a line that stands where `state` says, in any order, and the state it leaves."""
    if state in (KEY_HEAD, KEY_BODY):
        block = _in_key(state, line)
        if block is not None:
            return block
    if len(line) < _MIN_SAYING_CHARS or line.isspace():
        return [], PLAIN
    if state == START and (cut := _cut(line)):
        return cut
    spans = [*_forms(line), *_named(line)]
    if state in AFTER_NAME:
        spans += _value_alone(line, AFTER_NAME[state])
    if "- BEGIN" in line or "-BEGIN" in line or line.startswith("Private-Lines"):
        return spans, _after_begin(line)
    name = _NAME_ALONE.match(line)
    return spans, _AFTER.get(strength_of(name[1]), PLAIN) if name else PLAIN


def open_at(line: str, at: int) -> Span | None:
    """The secret that is being typed at `at`, as far as it goes; empty where its value has only been opened."""
    first = max(0, at - _MAX_BEGUN_CHARS)
    near = line[first : at + _MAX_BEGUN_CHARS]
    at -= first
    for value in named_values(near):
        if value.start <= at <= value.end and value.may_become_secret:
            return first + value.start, first + value.end
    begun = begun_forms().search(near[:at])
    if begun is None or not _is_typed_token(near[max(0, begun.start() - 1) : begun.start()], begun.group()):
        return None
    while at < len(near) and (near[at].isalnum() or near[at] in "-_+/=.~"):
        at += 1
    return first + begun.start(), first + at


def _forms(line: str) -> Iterator[Span]:
    """Secrets that are known by their own form."""
    if len(line) < _MIN_CHARS:
        return
    for match in known_forms().finditer(line):
        start, end = match.span(match.lastindex or 0)
        if _is_secret(match.group().lower(), line[start:end], has_lead=match.lastindex is not None):
            yield start, end


def _is_typed_token(before: str, typed: str) -> bool:
    """Whether it may be more than a name that begins like a token: `hf_hub` is one, `"hf_` need not be."""
    return before in ("'", '"', "`") or (len(typed) >= 10 and any(char.isdigit() for char in typed[5:]))


def _is_secret(matched: str, value: str, *, has_lead: bool) -> bool:
    """Whether what has a secret's form is one, neither a placeholder nor a word."""
    if _ALL_THE_SAME.search(value) or len(set(value)) < 5:
        return False
    if matched.startswith(("://", "curl")):
        return _is_password(value)
    if matched.startswith(("bearer", "basic", "token")):
        return len(value) >= 16 and any(char.isdigit() for char in value)
    return any(char.isdigit() for char in value) or not (has_lead or "." in value)


def _is_password(value: str) -> bool:
    """Whether the password of an address is one: `user:password@host` is how addresses are explained."""
    value_of_url = NamedValue(value, 0, len(value), "strong", "password", is_quoted=True)
    return not is_placeholder(value) and value_of_url.is_secret


def _named(line: str) -> Iterator[Span]:
    """Secrets that are known by the names they are given."""
    for value in named_values(line):
        if value.is_secret:
            yield value.start, value.end


def _in_key(state: State, line: str) -> tuple[list[Span], State] | None:
    """A line within a private key's block; None where the block is over."""
    body = _KEY_LINE.match(line)
    if body and (state == KEY_BODY or len(body[1]) >= _MIN_KEY_LINE_CHARS):
        return [body.span(1)], KEY_BODY
    if state == KEY_HEAD and _KEY_HEADER.match(line):
        return [], KEY_HEAD
    return None


def _cut(line: str) -> tuple[list[Span], State] | None:
    """A first line that a text was cut off in or within the block of: the end of a secret may be all that is left."""
    if key := _CUT_KEY_LINE.match(line):
        return [key.span(1)], KEY_BODY
    if len(line) > _LONG_LINE_CHARS and (token := _CUT_TOKEN.match(line)):
        return [token.span(), *_forms(line), *_named(line)], PLAIN
    return None


def _after_begin(line: str) -> State:
    """Whether a key goes on after its first line."""
    begins = [match.end() for match in _BEGIN.finditer(line)]
    if not begins or "-END" in line[begins[-1] :]:
        return PLAIN
    return KEY_HEAD


def _value_alone(line: str, strength: Strength) -> Iterator[Span]:
    """The value of the name in the line above."""
    match = _VALUE_ALONE.match(line)
    if match:
        value = NamedValue(match[2], *match.span(2), strength, "", is_quoted=bool(match[1]))
        if value.is_secret:
            yield value.start, value.end
