"""The requests in the air: owns their streams from the question to the answer in memory; decides nothing.

A document has at most two: one for the place the developer is at, and one ahead of it, for the place that
follows if what is shown is accepted. A stream that nobody waits for is closed, so the model stops too.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

from cachetools import LRUCache

from context import Budget, ContextWindow, Snapshot, Snippet, build_window
from context.outline import Outline
from context.window import n_tokens
from lsp_server.completion import postprocess
from lsp_server.completion.cache import Memory, Said
from lsp_server.completion.counts import Counts
from lsp_server.completion.pace import Pace
from lsp_server.completion.trigger import Trigger
from lsp_server.endpoint.client import MAX_CANDIDATES, Answer, Endpoint, Timings
from lsp_server.endpoint.purpose import Purpose
from lsp_server.endpoint.status import EndpointError

GRACE_S = 0.25
"""How long a running answer nobody waits for is kept, since the next keystroke may agree with it."""

_TELL_MORE_S = 0.05
_MAX_WINDOWS = 64
_TOKENS_PER_LINE = 24
_MIN_TOKENS = 72


@dataclass(frozen=True, slots=True)
class Limits:
    """What one completion may cost: `max_lines` and `max_tokens` of answer, and the prompt's `budget`.

    A `is_slow` endpoint reads prompts so slowly that whatever is not needed now delays what will be. After
    `first_lines_s` the lines that have arrived are shown, and the others when they are there.
    """

    max_lines: int
    max_tokens: int
    budget: Budget
    is_slow: bool = False
    first_lines_s: float = 0.3


@dataclass(frozen=True, slots=True)
class Sources:
    """What a prompt is made of besides the document, each known at once: nobody waits for an index here."""

    limits: Callable[[], Limits]
    outline: Callable[[str, int], Outline | None]
    snippets: Callable[[str], tuple[Snippet, ...]] = lambda uri: ()
    learn: Callable[[float, int], None] = lambda estimated, counted: None
    """Is told how many tokens a prompt was estimated to have, and how many the endpoint counted."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of the model, as it was when the request arrived; `started` is its time."""

    snapshot: Snapshot
    offset: int
    trigger: Trigger
    limits: Limits
    outline: Outline | None
    started: float

    @property
    def is_blank_line(self) -> bool:
        """Whether nothing but white space stands before the cursor on its line."""
        return not self.snapshot.text[self.snapshot.line_start(self.offset) : self.offset].strip()


@dataclass(frozen=True, slots=True)
class Times:
    """Where the time of one answer went: our own work up to the request, and the endpoint's share."""

    own_ms: float
    endpoint: Timings


class Asking:
    """What is being asked, by document.

    `last_times` are those of the last answer that was waited for, `last_window` what was last shown of a document.
    `on_more` hears of a document's answer that is whole now, where no more than its first lines were shown.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sources: Sources,
        memory: Memory,
        pace: Pace,
        *,
        counts: Counts,
        on_more: Callable[[str, Said], None],
    ) -> None:
        self._endpoint = endpoint
        self._sources = sources
        self._memory = memory
        self._pace = pace
        self.counts = counts
        self._on_more = on_more
        self._running: dict[str, Said] = {}
        self._ahead: dict[str, Said] = {}
        self._ending: set[asyncio.Task[None]] = set()
        self.last_times: Times | None = None
        self.last_window: LRUCache[str, ContextWindow] = LRUCache(_MAX_WINDOWS)

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being asked for any document."""
        return not self._running and not self._ahead

    def ask(self, question: Question) -> Said:
        """A new answer; what still runs for this document disagrees with its text by now and is closed."""
        uri = question.snapshot.uri
        self.close(uri)
        said = Said.at(question.snapshot, question.offset, question.trigger)
        self._running[uri] = said
        said.task = asyncio.create_task(self._listen(said, question))
        return said

    def ask_ahead(self, question: Question) -> None:
        """An answer for a place the developer may reach next, in place of an older such one."""
        uri = question.snapshot.uri
        self._stop(self._ahead, uri)
        said = Said.at(question.snapshot, question.offset, question.trigger, is_ahead=True)
        self._ahead[uri] = said
        said.task = asyncio.create_task(self._listen(said, question))

    def reach(self, uri: str, said: Said) -> None:
        """The developer is at the place of `said` now; one that was asked for ahead is an answer like any other."""
        if self._ahead.get(uri) is said:
            self._stop(self._running, uri)
            self._running[uri] = self._ahead.pop(uri)
        self.counts.prefetches_reached += said.is_ahead
        said.is_ahead = False

    async def wait(self, uri: str, said: Said, at_most_s: float | None = None) -> None:
        """Waits until more was said, at most so long. When the wait is cancelled the answer runs on for a moment."""
        said.n_waiting += 1
        try:
            async with asyncio.timeout(at_most_s):
                await said.more()
        except TimeoutError:
            return
        except asyncio.CancelledError:
            asyncio.get_running_loop().call_later(GRACE_S, self._close_unless_awaited, uri, said)
            raise
        finally:
            said.n_waiting -= 1

    def close(self, uri: str) -> None:
        """Stops the document's answers; their connections close, so the model stops too."""
        self._stop(self._running, uri)
        self._stop(self._ahead, uri)

    def forget(self, uri: str) -> None:
        """A document was closed: nothing of it is kept."""
        self.close(uri)
        self.last_window.pop(uri, None)

    def close_all(self) -> None:
        """Stops every answer."""
        for uri in {*self._running, *self._ahead}:
            self.close(uri)

    def window(self, snapshot: Snapshot, offset: int, limits: Limits, outline: Outline | None) -> ContextWindow:
        """What the model is shown of a place."""
        snippets = self._sources.snippets(snapshot.uri)
        window = build_window(snapshot, offset, limits.budget, outline=outline, snippets=snippets)
        self.last_window[snapshot.uri] = window
        return window

    async def _listen(self, said: Said, question: Question) -> None:
        """Fills `said` with what the model says, until it ends or nothing more of it would be shown."""
        uri = question.snapshot.uri
        began_s = time.perf_counter()
        try:
            window = self.window(question.snapshot, question.offset, question.limits, question.outline)
            built_s = time.perf_counter()
            said.built_s = built_s - began_s
            own_ms = (built_s - question.started) * 1_000
            if not question.trigger.is_invoked and (delay_s := self._pace.delay_s()):
                await asyncio.sleep(delay_s)
            self._memory.put(uri, said)
            timings = await self._said(said, question, window)
            if not said.is_ahead:
                self.last_times = Times(own_ms, timings)
            said.update(said.text, is_done=True)
            if said.shown_to and _n_shown(said, question) > said.shown_to:
                # After the answer with the first lines, which may be on its way to the editor.
                asyncio.get_running_loop().call_later(_TELL_MORE_S, self._on_more, uri, said)
            await asyncio.sleep(0)  # the answer first
            if timings.prompt_tokens:
                self._sources.learn(_n_tokens(window), timings.prompt_tokens)
        except EndpointError as error:
            self._pace.failed(error)  # the endpoint has told its state
        except Exception as error:  # noqa: BLE001  raised again where somebody waits for the answer
            said.failure = error
        finally:
            if not said.is_done:
                said.give_up()
            for among in (self._running, self._ahead):
                if among.get(uri) is said:
                    del among[uri]

    async def _said(self, said: Said, question: Question, window: ContextWindow) -> Timings:
        """Asks the endpoint for one answer, or for several where the developer has asked."""
        trigger, limits = question.trigger, question.limits
        max_tokens = min(limits.max_tokens, max(_TOKENS_PER_LINE * trigger.max_lines, _MIN_TOKENS))
        # On a blank line a model may begin with a line break, which must not end its answer.
        stop = ("\n",) if trigger.shape == "line" and not question.is_blank_line else ()
        n = MAX_CANDIDATES if trigger.is_invoked and not limits.is_slow else 1
        self.counts.requests += 1
        self.counts.prefetches += said.is_ahead
        async with self._endpoint.complete(
            window, max_tokens=max_tokens, stop=stop, n=n, purpose=Purpose("completion", question.snapshot.uri)
        ) as answer:
            said.model, said.request_id = self._endpoint.status.model, answer.request_id
            try:
                if n == 1:
                    await self._follow(said, question, window, answer)
                else:
                    await self._gather(said, question, window, answer)
            finally:
                if answer.has_begun:
                    self._pace.answered(answer.timings.first_token_ms)
        return answer.timings

    async def _follow(self, said: Said, question: Question, window: ContextWindow, answer: Answer) -> None:
        """Takes the pieces as they come, and leaves as soon as nothing more of them would be shown."""
        raw = ""
        async for piece in answer:
            raw += piece
            self.counts.tokens += 1
            said.piece_chars.append(len(piece))
            said.update(postprocess.release(raw, window.held_back, said.line))
            if postprocess.is_whole(said.text, question.snapshot, question.offset, question.trigger):
                return
        if answer.cut == "deadline":
            said.update(postprocess.at_deadline(said.text))

    async def _gather(self, said: Said, question: Question, window: ContextWindow, answer: Answer) -> None:
        """Takes several answers side by side; the first is `said`, the others are remembered beside it."""
        texts: list[str] = []
        async for raws in answer.candidates():
            texts = [postprocess.release(raw, window.held_back, said.line) for raw in raws]
            if all(postprocess.is_whole(t, question.snapshot, question.offset, question.trigger) for t in texts):
                break
        if answer.cut == "deadline":
            texts = [postprocess.at_deadline(text) for text in texts]
        first, *others = texts or [""]
        for text in dict.fromkeys(others):
            if text != first:
                self._memory.put(question.snapshot.uri, said.another(text))
        said.update(first)

    def _close_unless_awaited(self, uri: str, said: Said) -> None:
        is_wanted = said.n_waiting or said.shown_to
        if not is_wanted and self._running.get(uri) is said:
            self._stop(self._running, uri)

    def _stop(self, among: dict[str, Said], uri: str) -> None:
        said = among.pop(uri, None)
        if said is not None and said.task is not None:
            task, said.task = said.task, None  # a cancelled task keeps its frames, and they the answer
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            task.cancel()
            if not said.is_done:  # a task that has not begun yet never does
                said.give_up()


def _n_shown(said: Said, question: Question) -> int:
    """How many characters of a whole answer are shown where it was asked for."""
    return len(postprocess.refine(said.text, question.snapshot, question.offset, question.trigger) or "")


def _n_tokens(window: ContextWindow) -> float:
    """The estimated tokens of what is sent, without the marks of its form."""
    pieces = [window.prefix, window.suffix]
    for snippet in window.snippets:
        pieces += [snippet.path, snippet.text]
    return sum(map(n_tokens, pieces))
