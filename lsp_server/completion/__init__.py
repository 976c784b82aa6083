"""The straight line from a keystroke to ghost text."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Completion:
    """`text` goes in place of what stands from `start` to `end`, offsets into the snapshot it was made for."""

    text: str
    start: int
    end: int


class Superseded(Exception):
    """A newer request for the same document has taken this one's place."""
