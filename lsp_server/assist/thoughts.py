"""Takes a model's thoughts out of its answer while it arrives: owns the marks around them, knows not who asked."""

from __future__ import annotations

import re

_OPEN = re.compile(r"^[ \t]*<(think|thinking)>", re.MULTILINE)
_CLOSE = re.compile(r"</(?:think|thinking)>")
_LONE_CLOSE = re.compile(r"^[ \t]*</(?:think|thinking)>", re.MULTILINE)
_BEGUN = re.compile(r"[ \t]*(?:</?[thinkg]{0,8})?\Z")
"""The end of a text that may go on as a mark; shown with the next piece where it does not."""


class Thoughts:
    """Follows one answer; `said` is all of it that is no thought, without blanks before."""

    def __init__(self) -> None:
        self.said = ""
        self._raw = ""
        self._is_thinking = False

    def feed(self, piece: str) -> str:
        """What this piece adds to what is said; "" while the model thinks, or may be about to."""
        self._raw += piece
        if self._is_thinking and ">" not in piece:
            return ""
        self._is_thinking, said = _parted(self._raw)
        return self._grown(_BEGUN.sub("", said))

    def close(self) -> str:
        """What was held back in vain; a thought that never ended is not said."""
        return self._grown(_parted(self._raw)[1])

    def _grown(self, said: str) -> str:
        """Where speech turned out to be a thought, it is taken back, and what is said begins anew."""
        before, self.said = self.said, said
        return said[len(before) :] if said.startswith(before) else said


def _parted(raw: str) -> tuple[bool, str]:
    """Whether the text ends within a thought, and what of it is said.

    A thought opens at the beginning of a line: code that is explained may hold the mark elsewhere. Some models'
    templates open the first thought themselves, so that only its end is seen, on a line of its own.
    """
    said, at = "", 0
    first = _LONE_CLOSE.search(raw)
    if first and not _OPEN.search(raw, 0, first.start()):
        at = first.end()
    while opening := _OPEN.search(raw, at):
        said += raw[at : opening.start()]
        closing = _CLOSE.search(raw, opening.end())
        if closing is None:
            return True, said.lstrip()
        at = closing.end()
        if not said.strip():
            said = ""
    return False, (said + raw[at:]).lstrip()
