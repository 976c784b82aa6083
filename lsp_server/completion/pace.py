"""When to ask: owns the typing rhythm, the endpoint's pace and the wait that follows from both; asks nobody.

With nothing known, or an endpoint that is quick and idle, there is no wait: a request that is already on
its way is kept while the typing agrees with it, so an early one is seldom lost. A slow first token makes
a lost request dearer, so the wait is a share of it; a loaded endpoint (first tokens late by its own
measure, requests refused) is asked only where the typing rests.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from statistics import median

from context import Edit
from lsp_server.endpoint.status import EndpointError

MAX_DELAY_S = 0.15
COMPOSED_DELAY_S = 0.4
"""After an input method has put a word in place: it may be about to replace it by the next candidate."""

_MIN_DELAY_S = 0.005
_FIRST_TOKEN_SHARE = 0.1
_PAUSE_S = 1.0
_SMOOTHING = 0.2
_NOISE = 2.0
_QUICK_MS = 50.0
_MAX_LOAD = 16.0
_MAX_COMPOSED_CHARS = 40


class Pace:
    """What is known of both sides: keys arrive by `typed`, first tokens by `answered`, refusals by `failed`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._typed_at_s = float("-inf")
        self._rhythm_s = 0.0
        self._last_edit: tuple[str, Edit] | None = None
        self._composed = ""
        self._first_tokens_ms: deque[float] = deque(maxlen=50)
        self._refusals = 1.0

    def typed(self, uri: str, edit: Edit) -> None:
        """One change of a document, in the order of the changes."""
        now_s = self._clock()
        gap_s, self._typed_at_s = now_s - self._typed_at_s, now_s
        if gap_s < _PAUSE_S:
            self._rhythm_s += _SMOOTHING * (gap_s - self._rhythm_s) if self._rhythm_s else gap_s
        before, self._last_edit = self._last_edit, (uri, edit)
        is_composed = before is not None and before[0] == uri and _replaces(edit, before[1])
        self._composed = edit.text if is_composed else ""

    def answered(self, first_token_ms: float | None) -> None:
        """The endpoint has begun an answer."""
        self._refusals = max(1.0, self._refusals / 2)
        if first_token_ms is not None:
            self._first_tokens_ms.append(first_token_ms)

    def failed(self, error: EndpointError) -> None:
        """The endpoint has refused a request, or let it wait too long."""
        if error.kind in ("limited", "overloaded", "timeout"):
            self._refusals = min(_MAX_LOAD, self._refusals * 2)

    @property
    def is_composing(self) -> bool:
        """Whether an input method is at work on letters that are not yet what the developer means."""
        return self._composed.isascii() and bool(self._composed)

    @property
    def is_typing(self) -> bool:
        """Whether a key came so lately that a moving cursor is the typing's own."""
        return self._clock() - self._typed_at_s < _PAUSE_S

    @property
    def load(self) -> float:
        """1 on an idle endpoint; twice that where first tokens take twice as long as they can, or one was refused."""
        if not self._first_tokens_ms:
            return self._refusals
        # The middle of the last five: one cold prompt among them is no queue.
        recent_ms = median(list(self._first_tokens_ms)[-5:])
        queue = recent_ms / max(_NOISE * min(self._first_tokens_ms), _QUICK_MS)
        return min(_MAX_LOAD, self._refusals * max(1.0, queue))

    def delay_s(self) -> float:
        """How long a request waits for the next key before it is sent."""
        if self._composed:
            return COMPOSED_DELAY_S
        first_token_s = median(list(self._first_tokens_ms)[-5:]) / 1000 if self._first_tokens_ms else 0.0
        delay_s = _FIRST_TOKEN_SHARE * first_token_s + (1 - 1 / self.load) * self._rhythm_s
        return min(delay_s, MAX_DELAY_S) if delay_s > _MIN_DELAY_S else 0.0


def _replaces(edit: Edit, before: Edit) -> bool:
    """Whether `edit` puts something in the place of just what `before` put there, as input methods do."""
    end = before.start + len(before.text)
    if not (edit.text and edit.start == before.start < edit.end == end):
        return False
    if len(edit.text) > _MAX_COMPOSED_CHARS or "\n" in edit.text:
        return False
    # Letters in the place of letters: an input method adds or takes one, a completion menu puts in a word.
    is_step = abs(len(edit.text) - len(before.text)) <= 2
    is_same_word = edit.text.startswith(before.text) or before.text.startswith(edit.text)
    return not edit.text.isascii() or (is_step and is_same_word)
