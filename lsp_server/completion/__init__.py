"""The straight line from a keystroke to ghost text."""

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Completion:
    """`text` goes in place of what stands from `start` to `end`, offsets into the snapshot it was made for.

    `request_id` is the name that the request which brought it goes by in the audit trail, and `n_before` how many
    characters of the answer come before it.
    """

    text: str
    start: int
    end: int
    request_id: str = ""
    n_before: int = 0


@dataclass(slots=True)
class Served:
    """How one request is answered, filled meanwhile: from memory, by an answer that ran already, or by one asked for.

    `waited_s` is the time that was not ours: for the typing to rest and for the endpoint. `shown_chars` are those of
    texts that were not shown before; `grown`, by answer, of those that now follow its first lines. `answers` are the
    numbers of the model's answers, one for each completion: what is left of one while it is typed through, or taken by
    parts, has its number still.
    """

    source: Literal["", "memory", "running", "asked"] = ""
    waited_s: float = 0.0
    shown_chars: int = 0
    grown: dict[int, int] = field(default_factory=dict)
    answers: tuple[int, ...] = ()


class Superseded(Exception):
    """A newer request for the same document has taken this one's place."""
