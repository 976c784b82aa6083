"""One completion, as a straight line: owns who waits for which answer of the model; knows neither LSP nor HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from context import Budget, ContextWindow, Snapshot, build_window
from context.outline import Outline
from context.syntax import look
from context.window import n_tokens
from lsp_server.completion import Superseded, postprocess
from lsp_server.completion.cache import Memory, Said
from lsp_server.completion.trigger import Trigger, decide
from lsp_server.endpoint.client import Endpoint, Timings
from lsp_server.endpoint.status import EndpointError

GRACE_S = 0.25
"""How long a running answer nobody waits for is kept, since the next keystroke may agree with it."""

MAX_DELAY_S = 0.15
_DELAY_SHARE = 0.1
_MIN_DELAY_S = 0.005
_TOKENS_PER_LINE = 24
_MIN_TOKENS = 72


@dataclass(frozen=True, slots=True)
class Limits:
    """What one completion may cost: `max_lines` and `max_tokens` of answer, and the prompt's `budget`."""

    max_lines: int
    max_tokens: int
    budget: Budget


@dataclass(frozen=True, slots=True)
class Completion:
    """`text` goes in place of what stands from `start` to `end`, offsets into the snapshot it was made for."""

    text: str
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Times:
    """Where the time of one answer went: our own work up to the request, and the endpoint's share."""

    own_ms: float
    endpoint: Timings


class Completer:
    """Answers the completion requests of all documents from what the model said, is saying, or is asked to say."""

    def __init__(
        self, endpoint: Endpoint, limits: Callable[[], Limits], outline: Callable[[str, int], Outline | None]
    ) -> None:
        self._endpoint = endpoint
        self._limits = limits
        self._outline = outline
        self._memory = Memory()
        self._requests: dict[str, _Request] = {}
        self._running: dict[str, Said] = {}
        self._warming: asyncio.Task[None] | None = None
        self.last_times: Times | None = None

    async def complete(self, snapshot: Snapshot, offset: int, *, is_invoked: bool) -> Completion | None:
        """The completion at `offset`; None where nothing is to be shown. Raises Superseded."""
        started = time.perf_counter()
        with self._newest_wins(snapshot.uri):
            asked: Said | None = None
            while True:
                said, rest = self._memory.find(snapshot, offset) or (asked, "")
                if said is None:
                    limits = self._limits()
                    trigger = decide(snapshot, offset, look(snapshot, offset), limits.max_lines, is_invoked=is_invoked)
                    if trigger is None:
                        self._close(snapshot.uri)
                        return None
                    said = asked = self._ask(_Question(snapshot, offset, trigger, limits, started))
                if said.failure is not None:
                    raise said.failure
                if said.is_done:
                    text = _shown(said, rest, snapshot, offset)
                    return None if text is None else Completion(text, offset, offset)
                await self._wait(snapshot.uri, said)

    def warm(self, snapshot: Snapshot) -> None:
        """Lets the endpoint read a document that fits a prompt, so that its first completion need not wait for that."""
        budget = self._limits().budget
        if snapshot.text and n_tokens(snapshot.text) < budget.tokens:
            window = build_window(snapshot, len(snapshot.text), budget)
            self._cool()
            self._warming = asyncio.create_task(self._endpoint.warm(window))

    def forget(self, uri: str) -> None:
        """Drops all that is known of a closed document."""
        self._close(uri)
        self._memory.forget(uri)

    def close(self) -> None:
        """Closes every running answer."""
        self._cool()
        for uri in list(self._running):
            self._close(uri)

    @contextmanager
    def _newest_wins(self, uri: str) -> Iterator[None]:
        """Supersedes the document's older request, and is superseded by the next one."""
        request = _Request(asyncio.current_task())
        older = self._requests.get(uri)
        if older is not None:
            older.supersede()
        self._requests[uri] = request
        try:
            yield
        except asyncio.CancelledError:
            if request.is_superseded and request.task is not None:
                request.task.uncancel()
                raise Superseded from None
            raise
        finally:
            if self._requests.get(uri) is request:
                del self._requests[uri]

    def _ask(self, question: _Question) -> Said:
        """A new answer; one that still runs for this document disagrees with its text by now and is closed."""
        uri = question.snapshot.uri
        self._cool()
        self._close(uri)
        said = Said.at(question.snapshot, question.offset, question.trigger)
        self._running[uri] = said
        said.task = asyncio.create_task(self._listen(said, question))
        return said

    async def _listen(self, said: Said, question: _Question) -> None:
        """Fills `said` with what the model says, until it ends or nothing more of it would be shown."""
        snapshot = question.snapshot
        try:
            outline = self._outline(snapshot.uri, question.offset)
            window = build_window(snapshot, question.offset, question.limits.budget, outline=outline)
            own_ms = (time.perf_counter() - question.started) * 1_000
            await self._hold_off(question.trigger)
            self._memory.put(snapshot.uri, said)
            timings = await self._stream(said, question, window)
            self.last_times = Times(own_ms, timings)
            said.update(said.text, is_done=True)
        except EndpointError:
            pass  # the endpoint has told its state
        except Exception as error:  # noqa: BLE001  raised again where somebody waits for the answer
            said.failure = error
        finally:
            if not said.is_done:
                said.update("", is_done=True)  # half an answer must not be taken for a whole one
            if self._running.get(snapshot.uri) is said:
                del self._running[snapshot.uri]

    async def _stream(self, said: Said, question: _Question, window: ContextWindow) -> Timings:
        """Asks the endpoint, and leaves its answer as soon as nothing more of it would be shown."""
        trigger = question.trigger
        max_tokens = min(question.limits.max_tokens, max(_TOKENS_PER_LINE * trigger.max_lines, _MIN_TOKENS))
        # On a blank line a model may begin with a line break, which must not end its answer.
        stop = ("\n",) if trigger.shape == "line" and said.line.strip() else ()
        raw = ""
        async with self._endpoint.complete(window, max_tokens=max_tokens, stop=stop) as answer:
            async for piece in answer:
                raw += piece
                said.update(postprocess.release(raw, window.held_back, said.line))
                if postprocess.is_whole(said.text, question.snapshot, question.offset, trigger):
                    break
        return answer.timings

    async def _hold_off(self, trigger: Trigger) -> None:
        """Waits a little where asking is slow, so that the next keystroke can come first; not when the user asked."""
        first_token_ms = (self.last_times.endpoint.first_token_ms if self.last_times else None) or 0.0
        delay_s = min(MAX_DELAY_S, first_token_ms / 1_000 * _DELAY_SHARE)
        if not trigger.is_invoked and delay_s > _MIN_DELAY_S:
            await asyncio.sleep(delay_s)

    async def _wait(self, uri: str, said: Said) -> None:
        said.is_awaited = True
        try:
            await said.more()
        except asyncio.CancelledError:
            said.is_awaited = False
            asyncio.get_running_loop().call_later(GRACE_S, self._close_unless_awaited, uri, said)
            raise

    def _cool(self) -> None:
        """Stops a warm-up: what was read so far stays in the endpoint's prefix cache."""
        if self._warming is not None:
            self._warming.cancel()
            self._warming = None

    def _close_unless_awaited(self, uri: str, said: Said) -> None:
        if not said.is_awaited and self._running.get(uri) is said:
            self._close(uri)

    def _close(self, uri: str) -> None:
        """Stops the document's running answer; its connection closes, so the model stops too."""
        said = self._running.pop(uri, None)
        if said is not None and said.task is not None:
            said.task.cancel()


def _shown(said: Said, rest: str, snapshot: Snapshot, offset: int) -> str | None:
    """What is shown of `rest`. While it is being typed it stays what it was, and nothing is parsed again."""
    following = snapshot.text[offset : snapshot.line_end(offset)]
    text = said.still_shown(rest, following)
    if text is None:
        text = postprocess.refine(rest, snapshot, offset, said.trigger)
        if text is not None:
            said.keep_shown(rest, text, following)
    return text


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked of the model, as it was when the request arrived; `started` is its time."""

    snapshot: Snapshot
    offset: int
    trigger: Trigger
    limits: Limits
    started: float


@dataclass(slots=True, eq=False)
class _Request:
    """One request that waits for a completion."""

    task: asyncio.Task[object] | None
    is_superseded: bool = False

    def supersede(self) -> None:
        """Ends the wait of this request with Superseded."""
        self.is_superseded = True
        if self.task is not None:
            self.task.cancel()
