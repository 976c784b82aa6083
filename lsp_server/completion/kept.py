"""What still stands of the completions that were accepted: owns their places, edit by edit; holds no text and no clock.

A character is kept as long as no edit has taken it away. One that is deleted and typed again is not: the model's has
gone. Copilot compares texts some time after an acceptance; here nothing has to be remembered but offsets.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

from cachetools import LRUCache

from context import Edit

KEPT_AFTER_S = 30.0
"""How long after its acceptance a completion is looked at again, unless its document is closed before."""

_MAX_FOLLOWED = 64
_Span = tuple[int, int]


class _Accepted:
    """One accepted completion: the spans of it that are left, and how long it was."""

    def __init__(self) -> None:
        self.spans: list[_Span] = []
        self.n_inserted = 0

    @property
    def share(self) -> float:
        """How much of it is left."""
        return sum(end - start for start, end in self.spans) / self.n_inserted if self.n_inserted else 0.0


class Kept:
    """The accepted completions of all open documents; `on_kept` hears each one's key and the share that was kept."""

    def __init__(self, on_kept: Callable[[str, float], None] = lambda key, share: None) -> None:
        self._on_kept = on_kept
        self._documents: defaultdict[str, LRUCache[str, _Accepted]] = defaultdict(lambda: LRUCache(_MAX_FOLLOWED))

    def accept(self, uri: str, key: str, start: int, n_chars: int) -> None:
        """A completion, or the next part of it, stands at `start` now."""
        accepted = self._documents[uri].setdefault(key, _Accepted())
        accepted.spans.append((start, start + n_chars))
        accepted.n_inserted += n_chars

    def edited(self, uri: str, edit: Edit) -> None:
        """One change of a document."""
        for accepted in self._documents[uri].values() if uri in self._documents else ():
            accepted.spans = [left for span in accepted.spans for left in _left_of(span, edit)]

    def settle(self, key: str) -> None:
        """Tells what is left of one completion, and forgets it."""
        for among in self._documents.values():
            if (accepted := among.pop(key, None)) is not None:
                self._on_kept(key, accepted.share)

    def close(self, uri: str) -> None:
        """Tells what is left of a document's completions: nobody will look at them again."""
        for key, accepted in self._documents.pop(uri, {}).items():
            self._on_kept(key, accepted.share)

    def close_all(self) -> None:
        """Tells what is left in every document."""
        for uri in list(self._documents):
            self.close(uri)


def _left_of(span: _Span, edit: Edit) -> list[_Span]:
    """What an edit leaves of a span, where it stands after the edit."""
    start, end = span
    shift = len(edit.text) - (edit.end - edit.start)
    pieces = (start, min(end, edit.start)), (max(start, edit.end) + shift, end + shift)
    return [(first, last) for first, last in pieces if first < last]
