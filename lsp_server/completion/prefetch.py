"""What is asked for before the developer wants it: owns the completion after the next, and warming a prompt.

Both wait until the typing rests, give way to whatever is really asked for, and are left out where the endpoint
is slow or busy: there they would only stand in the way.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from dataclasses import replace

from context import ContextWindow, Edit, Snapshot
from context.syntax import look
from lsp_server.completion import Completion
from lsp_server.completion.asking import Asking, Question, Sources
from lsp_server.completion.cache import Memory
from lsp_server.completion.pace import Pace
from lsp_server.completion.trigger import decide
from lsp_server.endpoint.client import Endpoint

REST_S = 0.3
"""How long a completion is looked at before what follows it is fetched."""

MAX_IN_VAIN = 4
"""Completions fetched ahead one after the other that nobody came to; then none is, until one is accepted."""

MOVED_REST_S = 0.15
_WARM_SHARE = 0.8
_BUSY = 2.0


class Prefetch:
    """Looks ahead, for one document at a time: the one the developer is in. `pending` is what it is about to do."""

    def __init__(self, asking: Asking, memory: Memory, endpoint: Endpoint, sources: Sources, pace: Pace) -> None:
        self._asking = asking
        self._counts = asking.counts
        self._memory = memory
        self._endpoint = endpoint
        self._sources = sources
        self._pace = pace
        self.pending: asyncio.Task[None] | None = None
        self._n_useful = 0
        self._n_before = 0

    def follow(self, snapshot: Snapshot, completion: Completion) -> None:
        """Fetches what follows `completion`, once it has been shown for a while."""
        if self._is_useful():
            self._start(self._follow(snapshot, completion))

    def warm(self, snapshot: Snapshot, offset: int) -> None:
        """Lets the endpoint read the prompt of a place the cursor has come to."""
        self._start(self._warm(snapshot, offset))

    def stop(self) -> None:
        """Drops what has not been asked for yet, and a warm-up: what was read of it stays in the prefix cache."""
        if self.pending is not None:
            self.pending.cancel()
            self.pending = None

    def _start(self, work: Coroutine[object, object, None]) -> None:
        self.stop()
        self.pending = asyncio.create_task(work)

    async def _follow(self, snapshot: Snapshot, completion: Completion) -> None:
        await asyncio.sleep(REST_S)
        limits = self._sources.limits()
        if limits.is_slow or not self._is_free():
            return
        edit = _as_typed(snapshot, completion)
        text = snapshot.text
        accepted = replace(snapshot, text=text[: edit.start] + edit.text + text[edit.end :])
        offset = edit.start + len(edit.text)
        if any(self._memory.at(accepted, offset, self._endpoint.status.model)):
            return
        trigger = decide(accepted, offset, look(accepted, offset), limits.max_lines, is_invoked=False)
        if trigger is None:
            return
        outline = self._sources.outline(snapshot.uri, edit.start)
        moved = outline.shifted(edit) if outline is not None else None
        self._asking.ask_ahead(Question(accepted, offset, trigger, limits, moved, time.perf_counter()))

    async def _warm(self, snapshot: Snapshot, offset: int) -> None:
        await asyncio.sleep(MOVED_REST_S)
        if not (self._endpoint.keeps_prefixes and self._is_free()):
            return
        last = self._asking.last_window.get(snapshot.uri)
        outline = self._sources.outline(snapshot.uri, offset)
        window = self._asking.window(snapshot, offset, self._sources.limits(), outline)
        if last is None or not _begins_alike(window, last):
            await self._endpoint.warm(window, snapshot.uri)

    def _is_useful(self) -> bool:
        """Whether this developer takes completions often enough for what follows them to be worth a request."""
        n_useful = self._counts.accepted + self._counts.prefetches_reached
        if n_useful != self._n_useful:
            self._n_useful, self._n_before = n_useful, self._counts.prefetches
        return self._counts.prefetches - self._n_before < MAX_IN_VAIN

    def _is_free(self) -> bool:
        is_ready = self._endpoint.status.state == "ready"
        return is_ready and self._asking.is_idle and self._pace.load < _BUSY


def _as_typed(snapshot: Snapshot, completion: Completion) -> Edit:
    """The edit that accepting makes: the editor writes line breaks as the document has them."""
    line_break = snapshot.text.find("\n")
    is_crlf = line_break > 0 and snapshot.text[line_break - 1] == "\r"
    text = completion.text.replace("\n", "\r\n") if is_crlf else completion.text
    return Edit(completion.start, completion.end, text)


def _begins_alike(window: ContextWindow, last: ContextWindow) -> bool:
    """Whether most of the prompt is what the endpoint has read for the last one."""
    n_shared = int(len(window.prefix) * _WARM_SHARE)
    return window.snippets == last.snippets and window.prefix[:n_shared] == last.prefix[:n_shared]
