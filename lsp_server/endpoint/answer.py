"""One streamed answer: owns its deadlines, its cut and its timings; knows events as dicts, not how they arrive."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from context.secrets import Restoring
from lsp_server.endpoint import faults
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.status import EndpointError

MAX_FOLLOWED = 8
"""Answers of one request that are followed; an endpoint that says it gives more is not believed."""

MAX_TOOL_CALLS = 8
"""Calls of tools in one answer; further ones are left out."""


_MOST = 1 << 31
"""Tokens or milliseconds; what says that it took more is not believed."""


@dataclass(slots=True)
class Timings:
    """What one answer took, growing while it is read. None where the endpoint does not say.

    `prompt_ms` is the endpoint's own measure of reading `prompt_tokens - cached_tokens`.
    """

    first_token_ms: float | None = None
    total_ms: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Deadlines:
    """Loop times: when the request was sent, and until when its first token and its end are waited for."""

    sent_s: float
    first_token_s: float
    total_s: float

    @classmethod
    def starting_now(cls, first_token_ms: int, total_ms: int) -> Deadlines:
        """Deadlines of a request that is sent now."""
        now_s = asyncio.get_running_loop().time()
        return cls(now_s, now_s + min(first_token_ms, total_ms) / 1000, now_s + total_ms / 1000)


@dataclass(slots=True)
class ToolCall:
    """A tool that the model wants called, growing while it is read; `arguments` is JSON as the model wrote it."""

    id: str = ""
    name: str = ""
    arguments: str = ""


class Cut(Protocol):
    """Ends or trims the text on its way; see fim.SpecialCut."""

    @property
    def is_done(self) -> bool:
        """Whether nothing more will be shown."""

    def feed(self, text: str) -> str:
        """What may be shown now."""

    def close(self) -> str:
        """What was held back."""


class Answer:
    """Async iterator of the answer's pieces, none of them empty; raises EndpointError.

    `cut` says why it ended before the model did: `deadline` (what arrived is usable) or `special` (the
    model went on into something that is no code of this place).
    """

    def __init__(
        self, address: Address, events: AsyncIterator[dict[str, Any]], deadlines: Deadlines, cut: Cut | None
    ) -> None:
        self.timings = Timings()
        self.cut: Literal["deadline", "special"] | None = None
        self.finish_reason: str | None = None
        self.tool_calls: list[ToolCall] = []
        self.error: EndpointError | None = None
        self.request_id = ""
        self.given: list[str] = []
        """What was read of it: its pieces, or of several answers the whole texts."""
        self._address = address
        self._events = events
        self._deadlines = deadlines
        self._cut = cut
        self._is_over = False
        self.is_whole = False
        """Whether the model has said all it wanted to."""

    def __aiter__(self) -> Answer:
        return self

    async def __anext__(self) -> str:
        while not self._is_over:
            event = await self._next_event()
            piece = self._closing() if event is None else self._take(event)
            if piece:
                self.given.append(piece)
                return piece
        raise StopAsyncIteration

    async def candidates(self) -> AsyncIterator[list[str]]:
        """All that was said so far, after each event, of the several answers that were asked for; in place of pieces.

        An endpoint that gives only one leaves the list at one.
        """
        unused, parts = copy.deepcopy(self._cut), [_Part(self._cut)]
        while not self._is_over and (event := await self._next_event()) is not None:
            _count(self.timings, event)
            for choice in _choices(event):
                index = choice.get("index")
                while isinstance(index, int) and len(parts) <= index < MAX_FOLLOWED:
                    parts.append(_Part(copy.deepcopy(unused)))
                if isinstance(index, int) and 0 <= index < len(parts):
                    parts[index].take(_text_of(choice))
                self._note_first_token(choice, _text_of(choice))
            self.given = [part.text for part in parts]
            yield list(self.given)
        self.conclude()
        self.given = [part.whole() for part in parts]
        yield list(self.given)

    async def text(self) -> str:
        """The whole answer."""
        return "".join([piece async for piece in self])

    @property
    def has_begun(self) -> bool:
        """Whether the endpoint has shown that it answers."""
        return self.timings.first_token_ms is not None or self._is_over

    async def _next_event(self) -> dict[str, Any] | None:
        """The next event; None at the end or at the total deadline."""
        limit_s = self._deadlines.total_s if self.has_begun else self._deadlines.first_token_s
        try:
            async with asyncio.timeout_at(limit_s):
                event = await anext(self._events, None)
        except TimeoutError:
            if not self.has_begun:
                self.error = _too_late(self._address, self._deadlines)
                raise self.error from None
            self.cut = "deadline"
            return None
        except EndpointError as error:
            self.error = error
            raise
        self.is_whole = event is None
        if event is not None and (fault := faults.of_event(self._address, event)) is not None:
            self.error = fault
            raise fault
        return event

    def _take(self, event: Mapping[str, Any]) -> str:
        _count(self.timings, event)
        choice = next(iter(_choices(event)), {})
        text = _text_of(choice)
        self.finish_reason = choice.get("finish_reason") or self.finish_reason
        self._note_first_token(choice, text)
        _join_calls(self.tool_calls, _fields(choice.get("delta")))
        if self._cut is None:
            return text
        shown = self._cut.feed(text) if text else ""
        if self._cut.is_done:
            self.cut = "special"
            self.conclude()
        return shown

    def _note_first_token(self, choice: Mapping[str, Any], text: str) -> None:
        """A model that thinks aloud first is at work, so its thoughts count as the first token."""
        delta = _fields(choice.get("delta"))
        if self.timings.first_token_ms is None and (
            text
            or any(delta.get(key) for key in ("reasoning_content", "reasoning", "tool_calls"))
            or choice.get("finish_reason")
        ):
            self.timings.first_token_ms = self._elapsed_ms()

    def _closing(self) -> str:
        self.conclude()
        return self._cut.close() if self._cut is not None else ""

    def conclude(self) -> None:
        """No more pieces: the answer ended, was cut or was left."""
        self._is_over = True
        if self.timings.total_ms is None:
            self.timings.total_ms = self._elapsed_ms()

    def _elapsed_ms(self) -> float:
        return (asyncio.get_running_loop().time() - self._deadlines.sent_s) * 1000


@asynccontextmanager
async def answering(
    source: AbstractAsyncContextManager[AsyncIterator[dict[str, Any]]],
    address: Address,
    deadlines: Deadlines,
    cut: Cut | None,
) -> AsyncIterator[Answer]:
    """The answer that the events of `source` make; opening the source counts towards the first token."""
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout_at(deadlines.first_token_s):
                events = await stack.enter_async_context(source)
        except TimeoutError:
            raise _too_late(address, deadlines) from None
        answer = Answer(address, events, deadlines, cut)
        try:
            yield answer
        finally:
            answer.conclude()


def _too_late(address: Address, deadlines: Deadlines) -> EndpointError:
    """The first token missed its deadline."""
    waited_ms = round((deadlines.first_token_s - deadlines.sent_s) * 1000)
    return EndpointError(
        "timeout",
        f"{address.url} gave no token within {waited_ms} ms: it is busy or slow; first_token_ms sets how long to wait.",
    )


def _count(timings: Timings, event: Mapping[str, Any]) -> None:
    """Takes the usage of OpenAI's contract and the timings of llama.cpp, which are there from the first token on."""
    if usage := _fields(event.get("usage")):
        timings.prompt_tokens = _whole(usage.get("prompt_tokens"), timings.prompt_tokens)
        timings.completion_tokens = _whole(usage.get("completion_tokens"), timings.completion_tokens)
        details = _fields(usage.get("prompt_tokens_details"))
        timings.cached_tokens = _whole(details.get("cached_tokens"), timings.cached_tokens)
    if own := _fields(event.get("timings")):
        timings.cached_tokens = _whole(own.get("cache_n"), timings.cached_tokens)
        timings.prompt_tokens = (_whole(own.get("prompt_n"), 0) or 0) + (timings.cached_tokens or 0)
        timings.completion_tokens = _whole(own.get("predicted_n"), timings.completion_tokens)
        timings.prompt_ms = _number(own.get("prompt_ms"), timings.prompt_ms)


def _fields(given: Any) -> Mapping[str, Any]:
    """An object of an answer, which may be anything."""
    return given if isinstance(given, dict) else {}


def _number(given: Any, before: float | None) -> float | None:
    """A time of an answer; what was known `before` where it is none that can be."""
    is_number = isinstance(given, int | float) and not isinstance(given, bool)
    return given if is_number and 0 <= given < _MOST else before


def _whole(given: Any, before: int | None) -> int | None:
    """A count of an answer; some gateways write 12 as 12.0, which neither trail nor metrics would take."""
    number = _number(given, before)
    return None if number is None else int(number)


def _choices(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    choices = event.get("choices")
    return [choice for choice in choices if isinstance(choice, dict)] if isinstance(choices, list) else []


def _join_calls(calls: list[ToolCall], delta: Mapping[str, Any]) -> None:
    """Takes one event's part of the tool calls, which come in pieces by their index."""
    parts = delta.get("tool_calls")
    for part in map(_fields, parts if isinstance(parts, list) else ()):
        index = part.get("index", len(calls))
        if not isinstance(index, int) or not 0 <= index <= min(len(calls), MAX_TOOL_CALLS - 1):
            continue
        if index == len(calls):
            calls.append(ToolCall())
        call, function = calls[index], _fields(part.get("function"))
        call.id = call.id or str(part.get("id") or "")
        call.name += str(function.get("name") or "")
        call.arguments += str(function.get("arguments") or "")


def _text_of(choice: Mapping[str, Any]) -> str:
    delta = _fields(choice.get("delta")) or _fields(choice.get("message"))
    said = choice.get("text") or delta.get("content")
    return said if isinstance(said, str) else ""


def restoring(cut: Cut | None, values: Mapping[str, str]) -> Cut | None:
    """`cut`, behind which the secrets that were taken out of the prompt are put back into the answer."""
    if not values:
        return cut
    return _Restored(cut, Restoring(values)) if cut is not None else Restoring(values)


class _Restored:
    """A cut and what puts secrets back, one after the other."""

    def __init__(self, cut: Cut, back: Restoring) -> None:
        self._cut, self._back = cut, back

    @property
    def is_done(self) -> bool:
        return self._cut.is_done

    def feed(self, text: str) -> str:
        text = self._back.feed(self._cut.feed(text))
        return text + self._back.close() if self.is_done else text

    def close(self) -> str:
        return self._back.feed(self._cut.close()) + self._back.close()


class _Part:
    """One of several answers that arrive in turns."""

    def __init__(self, cut: Cut | None) -> None:
        self.text = ""
        self._cut = cut

    def take(self, text: str) -> None:
        if self._cut is None:
            self.text += text
        elif not self._cut.is_done:
            self.text += self._cut.feed(text)

    def whole(self) -> str:
        return self.text + (self._cut.close() if self._cut is not None and not self._cut.is_done else "")
