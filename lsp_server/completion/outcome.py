"""What became of what was shown: owns telling an acceptance, whole or in part, from typing; knows no editor.

Some editors run the completion's command, some send the notifications that Copilot's clients know, some say
nothing: their acceptance is an edit that puts in just what was shown. Whatever comes first counts, once.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace

from cachetools import LRUCache

from context import Edit
from lsp_server.completion import Completion
from lsp_server.completion.counts import Counts
from lsp_server.completion.kept import Kept

_MAX_REMEMBERED = 256
_MAX_TAKEN = 32
_MIN_PART_CHARS = 2


@dataclass(frozen=True, slots=True)
class _Shown:
    """A completion on screen: what is left of it, and where; `over` is the text behind the cursor it replaces."""

    key: str
    start: int
    text: str
    over: str


class Outcomes:
    """The completions on screen, by document, and how much of each has been counted as accepted.

    What one request has brought counts once as accepted, though the first lines of it may be taken before the others.
    `on_accept` hears a completion's key and how many of its characters have been taken by now, `on_judged` how many of
    all that its request has brought, and whether the completion was taken whole.
    """

    def __init__(
        self,
        counts: Counts,
        on_accept: Callable[[str, int], None] = lambda key, n_chars: None,
        kept: Kept | None = None,
        on_judged: Callable[[str, int, bool], None] = lambda request_id, n_chars, is_whole: None,
    ) -> None:
        self._counts = counts
        self._on_accept = on_accept
        self._on_judged = on_judged
        self._origins: LRUCache[str, tuple[str, int]] = LRUCache(_MAX_REMEMBERED)
        self.kept = kept or Kept()
        self._keys = map(str, itertools.count(1))
        self._shown: LRUCache[str, tuple[_Shown, ...]] = LRUCache(_MAX_REMEMBERED)
        self._n_accepted: LRUCache[str, int] = LRUCache(_MAX_REMEMBERED)
        self._taken: LRUCache[str, set[int]] = LRUCache(_MAX_TAKEN)
        self._counted: LRUCache[str, bool] = LRUCache(_MAX_REMEMBERED)

    def show(self, uri: str, text: str, completions: list[Completion]) -> list[str]:
        """What a document shows from now on, where `text` is all of it; a key for each of the completions."""
        shown = tuple(_Shown(next(self._keys), one.start, one.text, text[one.start : one.end]) for one in completions)
        self._shown[uri] = shown
        self._origins.update(
            (one.key, (made.request_id, made.n_before)) for one, made in zip(shown, completions, strict=True)
        )
        return [one.key for one in shown]

    def forget(self, uri: str) -> None:
        """A document was closed."""
        self._shown.pop(uri, None)
        self.kept.close(uri)

    def edited(self, uri: str, edit: Edit) -> None:
        """One change of a document: an acceptance, typing through what is shown, or the end of it."""
        self.kept.edited(uri, edit)
        kept = []
        typed = edit.text.replace("\r\n", "\n")
        for shown in self._shown.pop(uri, ()):
            is_over = edit.end in (edit.start, edit.start + len(shown.over))
            if edit.start != shown.start or not is_over or not typed:
                continue
            if typed in (shown.text, shown.text.removesuffix(shown.over)):
                n_before = self._n_accepted.get(shown.key, 0)
                self.accept(shown.key, n_before + len(shown.text), is_whole=True)
                self.kept.accept(uri, shown.key, edit.start, len(edit.text))
                return
            if shown.text.startswith(typed):
                if len(typed) >= _MIN_PART_CHARS and any(map(str.isalnum, typed)):
                    self.accept(shown.key, self._n_accepted.get(shown.key, 0) + len(typed), is_whole=False)
                    self.kept.accept(uri, shown.key, edit.start, len(edit.text))
                kept.append(replace(shown, start=edit.start + len(edit.text), text=shown.text[len(typed) :]))
        if kept:
            self._shown[uri] = tuple(kept)

    def accept(self, key: str, n_chars: int, *, is_whole: bool) -> None:
        """The first `n_chars` of a completion were taken."""
        before = self._n_accepted.get(key, 0)
        if n_chars <= before:
            return
        request_id, start = self._origins.get(key, ("", 0))
        self._n_accepted[key] = n_chars
        taken = self._taken.setdefault(request_id or key, set())
        taken.update(range(start + before, start + n_chars))  # once, though it may be undone and taken again
        self._counts.chars_accepted += n_chars - before
        if is_whole:
            self._counts.accepted += not self._counted.get(request_id or key)
            self._counted[request_id or key] = True
        elif not before:
            self._counts.partly_accepted += 1
        self._on_accept(key, n_chars)
        self._on_judged(request_id, len(taken), is_whole)
