"""What an audit trail may say: owns the kinds of entries; no field of any can hold text of a file.

Every field is a number, one of a few words, a digest, or a name whose characters and length are
checked, which excludes line breaks, quotes and blanks. EntryError tells which field was wrong, never
with what.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import ClassVar, Literal, NewType, get_args
from urllib.parse import urlsplit

Digest = NewType("Digest", str)
"""64 hexadecimal digits that `Audit.digest` has made of a text."""

Feature = Literal["completion", "explain", "fix", "tests", "warm_up", "probe"]
Tier = Literal["instant", "thinking", "provider"]
"""Whom a request is for; a knowledge provider's `model` is the provider's name."""

Outcome = Literal["answered", "cut", "cancelled", "deadline", "failed"]
Acceptance = Literal["accepted", "partly", "dismissed"]

_OUT_OF_PATHS = r"\x00-\x1f\x7f\"'`;{}<>\\"
_SHAPES = {
    "Digest": re.compile(r"[0-9a-f]{64}"),
    "RequestId": re.compile(r"[0-9a-f]{8,32}"),
    "Word": re.compile(r"[a-z0-9_.-]{0,40}"),
    "Name": re.compile(r"[\w.:/@+\\-]{0,200}"),
    "Path": re.compile(rf"[^{_OUT_OF_PATHS}]{{0,1024}}"),
}
"""What the strings of each declared type look like."""

Word = NewType("Word", str)
Name = NewType("Name", str)
Path = NewType("Path", str)
RequestId = NewType("RequestId", str)

_MAX_COUNT = 1 << 53


class EntryError(ValueError):
    """A field holds what its type does not allow."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the trail."""

    kind: ClassVar[str] = ""

    def __post_init__(self) -> None:
        for field, declared in _declared(self):
            if not _fits(declared, getattr(self, field)):
                raise EntryError(f"{type(self).__name__}.{field} is not of type {declared}")

    def told(self) -> dict[str, str | int | None]:
        """Its fields by name, after its kind."""
        return {"kind": self.kind, **{field: getattr(self, field) for field, _ in _declared(self)}}


@dataclass(frozen=True, slots=True)
class Sent(Entry):
    """A request that left; `prompt` is the digest of what was sent, `endpoint` its scheme, host and port."""

    kind: ClassVar[str] = "sent"

    request_id: RequestId
    feature: Feature
    tier: Tier
    role: Name
    model: Name
    endpoint: Name
    workspace: Word
    path: Path
    prompt: Digest
    prompt_chars: int


@dataclass(frozen=True, slots=True)
class Ended(Entry):
    """What came of a request; None where the endpoint does not say. `reason` is an error's kind."""

    kind: ClassVar[str] = "ended"

    request_id: RequestId
    outcome: Outcome
    reason: Word
    answer: Digest | None
    answer_chars: int
    prompt_tokens: int | None
    completion_tokens: int | None
    total_ms: int | None


@dataclass(frozen=True, slots=True)
class Judged(Entry):
    """What the developer did with the answer of a request."""

    kind: ClassVar[str] = "judged"

    request_id: RequestId
    acceptance: Acceptance
    n_chars: int


@dataclass(frozen=True, slots=True)
class Refused(Entry):
    """A request that was not sent, and the rule that forbade it."""

    kind: ClassVar[str] = "refused"

    feature: Feature
    tier: Tier
    role: Name
    workspace: Word
    path: Path
    reason: Word


@dataclass(frozen=True, slots=True)
class Started(Entry):
    """A server that began to write here."""

    kind: ClassVar[str] = "started"

    version: Name
    process: int


@dataclass(frozen=True, slots=True)
class Lost(Entry):
    """Entries that could not be written and are gone."""

    kind: ClassVar[str] = "lost"

    n_entries: int


def origin(url: str) -> Name:
    """Scheme, host and port of an address: neither credentials nor path."""
    parts = urlsplit(url)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    try:
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        port = ""
    return Name(_only(f"{parts.scheme}://{host}{port}", r"\w.:/-")[:200])


def name(text: str) -> Name:
    """A name as the trail takes it: of a model, a role, a user."""
    return Name(_only(text, r"\w.:/@+-")[:200])


def path(text: str) -> Path:
    """A path as the trail takes it."""
    whole = text.encode("utf-8", "replace").decode("utf-8")  # half a pair of surrogates cannot be written
    return Path(re.sub(f"[{_OUT_OF_PATHS}]", "_", whole)[:1024])


_DECLARED: dict[str, tuple[tuple[str, str], ...]] = {}


def _declared(entry: Entry) -> tuple[tuple[str, str], ...]:
    """Names and declared types of the fields, found out once for each kind."""
    kind = type(entry).__name__
    if kind not in _DECLARED:
        _DECLARED[kind] = tuple((field.name, str(field.type)) for field in fields(entry))
    return _DECLARED[kind]


def _only(text: str, allowed: str) -> str:
    return re.sub(f"[^{allowed}]", "_", text)


_WORDS = {
    "Feature": get_args(Feature),
    "Tier": get_args(Tier),
    "Outcome": get_args(Outcome),
    "Acceptance": get_args(Acceptance),
}


def _fits(declared: str, value: object) -> bool:
    """Whether a value is of the type that the field is declared with."""
    declared, _, optional = declared.partition(" | ")
    if value is None:
        return optional == "None"
    if declared == "int":
        return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _MAX_COUNT
    if not isinstance(value, str):
        return False
    if declared in _WORDS:
        return value in _WORDS[declared]
    return _SHAPES[declared].fullmatch(value) is not None
