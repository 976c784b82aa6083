"""One tier's endpoint as the rest of the server sees it: owns connecting, asking and telling its status.

Importing this module imports the HTTP client (0.1 s of CPU): import it after the server has answered
`initialize`.

    endpoint = Endpoint("instant", settings.endpoint.instant, resolve, open_client(settings.endpoint), on_status)
    async with endpoint.complete(window, max_tokens=64, stop=("\\n",)) as answer:
        async for piece in answer: ...

Leaving the block early, or cancelling it, closes the connection, and with that the model stops. Whatever is asked,
secrets are taken out of it here and put back into the answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from context.secrets import Redactor
from context.window import ContextWindow
from lsp_server.endpoint import fim, wire
from lsp_server.endpoint.address import Address, Resolve
from lsp_server.endpoint.answer import Answer, Cut, Deadlines, Timings, answering, restoring
from lsp_server.endpoint.backoff import Backoff
from lsp_server.endpoint.chat import Chat, Message, Unfenced, completion_messages, neutral
from lsp_server.endpoint.guard import GuardedClient
from lsp_server.endpoint.probe import Capabilities, completion_body, prefill_tokens_per_s, probe, usage_options
from lsp_server.endpoint.status import EndpointError, State, Status
from lsp_server.options import TierSettings

__all__ = ["Answer", "Capabilities", "Endpoint", "Message", "Timings"]

MAX_CANDIDATES = 3
"""Answers of one request; what the developer can leaf through."""

SEVERAL_TEMPERATURE = 0.6
"""At 0 several answers would be the same one, and vLLM refuses to give them."""

_MIN_MEASURED_TOKENS = 64
"""Shorter prompts say more about the network than about how fast the endpoint reads."""

_RECOVERY_S = 2.0
_MAX_RECOVERY_S = 30.0

_FORGET = ("no_model", "unreachable")
_WAIT = ("unreachable", "overloaded", "limited")
_Served = tuple[Address, Capabilities]
_Events = AbstractAsyncContextManager[AsyncIterator[dict[str, Any]]]
_Ask = Callable[[_Served], Awaitable[tuple[_Events, Cut | None]]]


class Endpoint:
    """A tier's endpoint; closes the client it was given.

    `on_status` is called once per change: ready, starting, off (nothing is set) or down, and down for
    another reason.
    """

    def __init__(
        self,
        tier_name: str,
        tier: TierSettings,
        resolve: Resolve,
        client: GuardedClient,
        on_status: Callable[[Status], None] = lambda status: None,
        *,
        backoff: Backoff | None = None,
        recovery_s: float = _RECOVERY_S,
    ) -> None:
        self.status = Status("starting", "The endpoint has not been asked yet.", tier_name)
        self._reason = ""
        self._last_error: EndpointError | None = None
        self._tier = tier
        self._resolve = resolve
        self._client = client
        self._on_status = on_status
        self._chat = Chat(client)
        self._backoff = backoff or Backoff()
        self._served: _Served | None = None
        self._preparing: asyncio.Task[_Served] | None = None
        self._recovery_s = recovery_s
        self._recovering: asyncio.Task[None] | None = None
        self._has_cached = False
        self._n_most = MAX_CANDIDATES
        self._redactor = Redactor(os.urandom(16))

    @property
    def capabilities(self) -> Capabilities | None:
        """What the endpoint was found to do; None before it was asked and after it was lost."""
        return self._served[1] if self._served is not None else None

    async def prepare(self) -> None:
        """Resolves, connects and probes, so that the first completion need not. Never raises; sets `status`."""
        try:
            if self._served is None:
                self._backoff.enter()
            await self._prepared()
        except EndpointError:
            return

    def is_inside_secret(self, text: str, offset: int) -> bool:
        """Whether what stands at the cursor would be redacted, so that nothing can be said of it."""
        return self._redactor.is_inside(text, offset)

    @property
    def keeps_prefixes(self) -> bool:
        """Whether the endpoint is known to have a prefix cache: it has said so, or servers of its kind do."""
        able = self.capabilities
        return self._has_cached or (able is not None and able.flavour in ("llama.cpp", "vllm"))

    def prompt(self, window: ContextWindow) -> str:
        """What `complete` would send, for people to read; "" as long as the endpoint is not known."""
        able = self.capabilities
        if able is None:
            return ""
        window = self._redactor.redact_window(window).window
        if able.fim_format is not None:
            return fim.render(able.fim_format, window)
        return "\n\n".join(f"{one['role']}:\n{one['content']}" for one in completion_messages(window))

    def complete(
        self, window: ContextWindow, *, max_tokens: int, stop: tuple[str, ...] = (), n: int = 1
    ) -> AbstractAsyncContextManager[Answer]:
        """The text at the window's cursor, by fill-in-the-middle or by chat; raises EndpointError.

        At most four stop strings reach the endpoint, the caller's first. Several answers, to be read by
        `candidates`, differ by chance; an endpoint that refuses so many is asked for fewer.
        """

        async def ask(served: _Served) -> tuple[_Events, Cut | None]:
            return await self._completion(served, window, max_tokens, stop, min(n, self._n_most))

        if n == 1:
            return self._asked(ask, self._tier.first_token_ms)
        return self._asked_for_several(ask)

    def chat(
        self,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        tools: Sequence[Mapping[str, Any]] = (),
        first_token_ms: int = 0,
        total_ms: int = 0,
    ) -> AbstractAsyncContextManager[Answer]:
        """The model's reply to a conversation; raises EndpointError. Special tokens in it lose their meaning.

        The deadlines are the tier's, or those given where they are longer.
        """
        redacted = [self._redactor.redact(message["content"]) for message in messages]
        values = {placeholder: value for one in redacted for placeholder, value in one.values.items()}
        safe: list[Message] = [
            {**message, "content": one.text} for message, one in zip(messages, redacted, strict=True)
        ]

        async def ask(served: _Served) -> tuple[_Events, Cut | None]:
            reply = self._reply(
                served, neutral(safe), max_tokens=max_tokens, temperature=temperature, top_p=top_p, tools=tools
            )
            return await reply, restoring(None, values)

        return self._asked(ask, max(first_token_ms, self._tier.first_token_ms), total_ms=total_ms)

    async def warm(self, window: ContextWindow) -> None:
        """Lets the endpoint read the window's prompt into its prefix cache; cancel it when the user types.

        Waits up to the total deadline, since a first prompt may take a slow machine long; never raises.
        """

        async def ask(served: _Served) -> tuple[_Events, Cut | None]:
            return await self._completion(served, window, 1, (), 1)

        try:
            async with self._asked(ask, self._tier.total_ms) as answer:
                await answer.text()
        except EndpointError:
            return

    async def aclose(self) -> None:
        """Stops probing and waiting for recovery, and closes all connections."""
        for task in (self._preparing, self._recovering):
            if task is not None:
                task.cancel()
        await self._client.aclose()

    @asynccontextmanager
    async def _asked_for_several(self, ask: _Ask) -> AsyncIterator[Answer]:
        """As many answers as the endpoint gives: llama.cpp refuses more than it has slots, others any but one."""
        async with AsyncExitStack() as stack:
            while True:
                may_refuse = self._n_most > 1
                asked = self._asked(ask, self._tier.first_token_ms, may_refuse=may_refuse)
                try:
                    answer = await stack.enter_async_context(asked)
                except EndpointError as error:
                    if error.kind != "bad_answer" or not may_refuse:
                        raise
                    self._n_most -= 1
                else:
                    break
            yield answer

    @asynccontextmanager
    async def _asked(
        self, ask: _Ask, first_token_ms: int, *, total_ms: int = 0, may_refuse: bool = False
    ) -> AsyncIterator[Answer]:
        is_trial = self._backoff.enter()
        limits_ms = first_token_ms, max(total_ms, self._tier.total_ms)
        async with AsyncExitStack() as stack:
            try:
                answer = await self._opened(stack, ask, limits_ms)
            except EndpointError as error:
                if not (may_refuse and error.kind == "bad_answer"):
                    self._fail(error)
                elif is_trial:
                    self._backoff.given_up()
                raise
            except asyncio.CancelledError:
                if is_trial:
                    self._backoff.given_up()
                raise
            try:
                yield answer
            finally:
                self._conclude(answer, is_trial)

    async def _opened(self, stack: AsyncExitStack, ask: _Ask, limits_ms: tuple[int, int]) -> Answer:
        """The begun answer. A connection lost since the last time is looked for once more, where it is now."""
        was_served = self._served is not None
        try:
            return await self._opened_once(stack, ask, limits_ms)
        except EndpointError as error:
            if error.kind != "unreachable" or not was_served:
                raise
            self._served = None
            return await self._opened_once(stack, ask, limits_ms)

    async def _opened_once(self, stack: AsyncExitStack, ask: _Ask, limits_ms: tuple[int, int]) -> Answer:
        served = await self._prepared()
        events, cut = await ask(served)
        deadlines = Deadlines.starting_now(*limits_ms)
        return await stack.enter_async_context(answering(events, served[0], deadlines, cut))

    async def _prepared(self) -> _Served:
        """Address and capabilities, found out once for all who wait; cancelling one of them stops it for none."""
        if self._served is not None:
            return self._served
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.create_task(self._find())
            # Should all who wait be cancelled, its error has still been dealt with.
            self._preparing.add_done_callback(lambda task: task.cancelled() or task.exception())
        return await asyncio.shield(self._preparing)

    async def _find(self) -> _Served:
        if self._reason == "":
            self._tell("starting", "starting", "The endpoint is being connected.")
        try:
            address = await self._resolve()
            able = await probe(self._client, address, self._tier)
            if able.mode == "chat":
                await self._chat.prepare(address)
        except EndpointError as error:
            self._fail(error)
            raise
        self._served = (address, able)
        self._succeed()
        return self._served

    def _await_recovery(self) -> None:
        if self._recovering is None or self._recovering.done():
            self._recovering = asyncio.create_task(self._recover())

    async def _recover(self) -> None:
        """Asks for the endpoint's health, ever more rarely, until it serves: the status then needs no keystroke."""
        pause_s = self._recovery_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _MAX_RECOVERY_S)
            if self.status.state != "down":
                return
            try:
                address = await self._resolve()
                if await wire.is_healthy(self._client, address):
                    self._served = None
                    await self._prepared()
                    return
            except EndpointError:
                continue

    def _conclude(self, answer: Answer, is_trial: bool) -> None:
        """Learns from an answer that was read, in part or whole."""
        if answer.error is not None:
            self._fail(answer.error)
        elif answer.has_begun:
            self._succeed()
            self._has_cached = self._has_cached or bool(answer.timings.cached_tokens)
            self._learn_speed(answer.timings)
        elif is_trial:
            self._backoff.given_up()

    def _learn_speed(self, timings: Timings) -> None:
        if self._served is None or (timings.prompt_tokens or 0) - (timings.cached_tokens or 0) < _MIN_MEASURED_TOKENS:
            return
        speed = prefill_tokens_per_s(timings) or 0.0
        address, able = self._served
        if timings.prompt_ms is None:
            # Measured from here it is a lower bound: the network and other users' requests are in it.
            speed = max(speed, able.prefill_tokens_per_s or 0.0)
        self._served = (address, replace(able, prefill_tokens_per_s=speed or None))

    def _succeed(self) -> None:
        self._backoff.succeeded()
        self._last_error = None
        if self._served is not None:
            address, able = self._served
            how = f"fill-in-the-middle, {able.fim_format.name}" if able.fim_format is not None else "chat"
            self._tell("ready", "ready", f"{able.model} at {address.url} is ready ({how}).", able.model)

    def _fail(self, error: EndpointError) -> None:
        if error is self._last_error:
            return
        self._last_error = error
        if error.kind in _FORGET:
            self._served = None
        if error.kind in _WAIT:
            self._backoff.failed(error)
            self._await_recovery()
        if error.kind == "unset":
            self._tell("off", error.kind, str(error))
        elif error.kind != "too_large":
            # One prompt too many says nothing about the endpoint.
            self._tell("down", error.kind, str(error))

    def announce(self, status: Status) -> None:
        """Publishes what is done to reach the endpoint, such as starting it; whatever comes next is told again."""
        self._reason = status.message
        self.status = status
        self._on_status(status)

    def _tell(self, state: State, reason: str, message: str, model: str = "") -> None:
        """Publishes a status whose state, or the reason for it, has changed."""
        is_new = (state, reason, model) != (self.status.state, self._reason, self.status.model)
        if is_new:
            self._reason = reason
            self.status = Status(state, message, self.status.tier, model)
            self._on_status(self.status)

    async def _completion(
        self, served: _Served, window: ContextWindow, max_tokens: int, stop: tuple[str, ...], n: int
    ) -> tuple[_Events, Cut | None]:
        address, able = served
        temperature = 0.0 if n == 1 else SEVERAL_TEMPERATURE
        redacted = self._redactor.redact_window(window)
        window = redacted.window
        if able.fim_format is None:
            messages = completion_messages(window)
            reply = self._reply(served, messages, max_tokens=max_tokens, temperature=temperature, stop=stop, n=n)
            return await reply, restoring(Unfenced(), redacted.values)
        body = completion_body(able, able.fim_format, window, max_tokens=max_tokens, stop=stop)
        if n > 1:
            body |= {"n": n, "temperature": temperature}
        cut = restoring(fim.SpecialCut(able.fim_format.special), redacted.values)
        return wire.completion_events(self._client, address, body), cut

    async def _reply(
        self,
        served: _Served,
        messages: Sequence[Message],
        *,
        max_tokens: int,
        temperature: float = 0.0,
        top_p: float = 1.0,
        stop: tuple[str, ...] = (),
        tools: Sequence[Mapping[str, Any]] = (),
        n: int = 1,
    ) -> _Events:
        address, able = served
        await self._chat.prepare(address)
        return self._chat.events(
            address,
            able.model,
            messages,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            stop=stop,
            tools=tools,
            extra=usage_options(able.flavour) | ({"n": n} if n > 1 else {}),
        )
