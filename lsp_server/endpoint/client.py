"""One tier's endpoint as the rest of the server sees it: owns what is asked of it and how, not how it is reached.

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
from typing import Any, NamedTuple

from context.secrets import Redactor
from context.tokens import n_tokens
from context.window import ContextWindow
from lsp_server.endpoint import fim, wire
from lsp_server.endpoint.address import Resolve
from lsp_server.endpoint.answer import Answer, Cut, Deadlines, Timings, answering, restoring
from lsp_server.endpoint.backoff import Backoff
from lsp_server.endpoint.chat import Chat, Message, Unfenced, completion_messages, neutral
from lsp_server.endpoint.ended import Ended
from lsp_server.endpoint.gate import Gate, Leaving, OpenGate
from lsp_server.endpoint.guard import GuardedClient
from lsp_server.endpoint.link import RECOVERY_S, Link, Lost, Served
from lsp_server.endpoint.probe import Capabilities, completion_body, prefill_tokens_per_s, usage_options
from lsp_server.endpoint.purpose import Purpose, Sending
from lsp_server.endpoint.status import EndpointError, Status
from lsp_server.options import TierSettings

__all__ = ["Answer", "Capabilities", "Endpoint", "Message", "Timings"]

MAX_CANDIDATES = 3
"""Answers of one request; what the developer can leaf through."""

SEVERAL_TEMPERATURE = 0.6
"""At 0 several answers would be the same one, and vLLM refuses to give them."""

MIN_PROMPT_TOKENS = 64
"""Shorter ones are not made, whatever an endpoint refuses."""

_MIN_MEASURED_TOKENS = 64
"""Shorter prompts say more about the network than about how fast the endpoint reads."""

_MAX_RETRIES = 4
"""Of one request, each at another place or with another token."""

_COMPLETION = Purpose()
_Events = AbstractAsyncContextManager[AsyncIterator[dict[str, Any]]]


class _Asked(NamedTuple):
    """A request that has not left yet: what will come of it, how that is cut, and what the model would be shown."""

    events: _Events
    cut: Cut | None
    prompt: str


_Ask = Callable[[Served, Sending], Awaitable[_Asked]]


class Endpoint:
    """A tier's endpoint; closes the client it was given.

    `on_status` is called once per change: ready, starting, off (nothing is set) or down, and down for
    another reason; `on_ended` once per request, whatever came of it.
    """

    def __init__(
        self,
        tier_name: str,
        tier: TierSettings,
        resolve: Resolve,
        client: GuardedClient,
        on_status: Callable[[Status], None] = lambda status: None,
        *,
        lost: Lost = lambda address, error: False,
        backoff: Backoff | None = None,
        recovery_s: float = RECOVERY_S,
        on_ended: Callable[[Ended], None] = lambda ended: None,
        gate: Gate | None = None,
    ) -> None:
        self._tier = tier
        self._gate = gate or OpenGate()
        self._on_ended = on_ended
        self._client = client
        self._chat = Chat(client)
        self._link = Link(
            tier_name,
            tier,
            resolve,
            client=client,
            chat=self._chat,
            on_status=on_status,
            gate=self._gate,
            lost=lost,
            backoff=backoff or Backoff(),
            recovery_s=recovery_s,
        )
        self._has_cached = False
        self._n_most = MAX_CANDIDATES
        self.most_tokens: int | None = None
        """Estimated tokens that a prompt may have, once the endpoint has refused a longer one."""
        self._redactor = Redactor(os.urandom(16))

    @property
    def status(self) -> Status:
        """What was told last."""
        return self._link.status

    @property
    def capabilities(self) -> Capabilities | None:
        """What the endpoint was found to do; None before it was asked and after it was lost."""
        return self._link.served[1] if self._link.served is not None else None

    async def prepare(self) -> None:
        """Resolves, connects and probes, so that the first completion need not. Never raises; sets `status`."""
        try:
            if self._link.served is None:
                self._link.enter("probe")
            await self._link.prepared()
        except EndpointError:
            return

    def announce(self, status: Status) -> None:
        """Publishes what is done to reach the endpoint, such as starting it; whatever comes next is told again."""
        self._link.announce(status)

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
        self,
        window: ContextWindow,
        *,
        max_tokens: int,
        stop: tuple[str, ...] = (),
        n: int = 1,
        purpose: Purpose = _COMPLETION,
    ) -> AbstractAsyncContextManager[Answer]:
        """The text at the window's cursor, by fill-in-the-middle or by chat; raises EndpointError.

        At most four stop strings reach the endpoint, the caller's first. Several answers, to be read by
        `candidates`, differ by chance; an endpoint that refuses so many is asked for fewer.
        """

        async def ask(served: Served, sending: Sending) -> _Asked:
            return await self._completion(served, sending, window, max_tokens, stop=stop, n=min(n, self._n_most))

        if n == 1:
            return self._asked(ask, purpose, self._tier.first_token_ms)
        return self._asked_for_several(ask, purpose)

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
        purpose: Purpose = _COMPLETION,
    ) -> AbstractAsyncContextManager[Answer]:
        """The model's reply to a conversation; raises EndpointError. Special tokens in it lose their meaning.

        The deadlines are the tier's, or those given where they are longer.
        """
        redacted = [self._redactor.redact(message["content"]) for message in messages]
        values = {placeholder: value for one in redacted for placeholder, value in one.values.items()}
        safe: list[Message] = [
            {**message, "content": one.text} for message, one in zip(messages, redacted, strict=True)
        ]

        async def ask(served: Served, sending: Sending) -> _Asked:
            reply = self._reply(
                served, sending, neutral(safe), max_tokens=max_tokens, temperature=temperature, top_p=top_p, tools=tools
            )
            return _Asked(await reply, restoring(None, values), _text(safe))

        return self._asked(ask, purpose, max(first_token_ms, self._tier.first_token_ms), total_ms=total_ms)

    async def warm(self, window: ContextWindow, uri: str = "") -> None:
        """Lets the endpoint read the window's prompt into its prefix cache; cancel it when the user types.

        Waits up to the total deadline, since a first prompt may take a slow machine long; never raises.
        """

        async def ask(served: Served, sending: Sending) -> _Asked:
            return await self._completion(served, sending, window, 1)

        try:
            async with self._asked(ask, Purpose("warm_up", uri), self._tier.total_ms) as answer:
                await answer.text()
        except EndpointError:
            return

    async def aclose(self) -> None:
        """Stops probing and waiting for recovery, and closes all connections."""
        self._link.close()
        await self._client.aclose()

    @asynccontextmanager
    async def _asked_for_several(self, ask: _Ask, purpose: Purpose) -> AsyncIterator[Answer]:
        """As many answers as the endpoint gives: llama.cpp refuses more than it has slots, others any but one."""
        async with AsyncExitStack() as stack:
            while True:
                may_refuse = self._n_most > 1
                asked = self._asked(ask, purpose, self._tier.first_token_ms, may_refuse=may_refuse)
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
        self, ask: _Ask, purpose: Purpose, first_token_ms: int, *, total_ms: int = 0, may_refuse: bool = False
    ) -> AsyncIterator[Answer]:
        is_trial = self._link.enter(purpose.feature)
        limits_ms = first_token_ms, max(total_ms, self._tier.total_ms)
        async with AsyncExitStack() as stack:
            try:
                served, sending, answer = await self._opened(stack, ask, purpose, limits_ms)
            except EndpointError as error:
                if not (error.kind == "denied" or (may_refuse and error.kind == "bad_answer")):
                    self._link.failed(error, purpose.feature)
                elif is_trial:
                    self._link.backoff.given_up()
                self._on_ended(Ended.unanswered(purpose, self.status.tier, self.status.model, error))
                raise
            except asyncio.CancelledError:
                if is_trial:
                    self._link.backoff.given_up()
                self._on_ended(Ended.unanswered(purpose, self.status.tier, self.status.model, None))
                raise
            is_cancelled = False
            try:
                yield answer
            except asyncio.CancelledError:
                is_cancelled = True
                raise
            finally:
                self._conclude(served, answer, purpose, is_trial)
                answer.conclude()
                ended = Ended.of(purpose, self.status.tier, served[1].model, answer, is_cancelled=is_cancelled)
                self._on_ended(ended)
                self._gate.over(sending, ended, "".join(answer.given))

    async def _opened(
        self, stack: AsyncExitStack, ask: _Ask, purpose: Purpose, limits_ms: tuple[int, int]
    ) -> tuple[Served, Sending, Answer]:
        """The begun answer. What was lost since the last time is looked for again, where it is now."""
        was_served = self._link.served is not None
        for n_retries in range(_MAX_RETRIES + 1):
            served, sending = await self._link.prepared(), Sending.of(purpose)
            try:
                return served, sending, await self._opened_once(stack, ask, sending, served, limits_ms)
            except EndpointError as error:
                # A connection that was kept may be closed by now; one that was just made has said what there is.
                is_stale = error.kind == "unreachable" and was_served and n_retries == 0
                if not (self._link.lose(served, error) or is_stale) or n_retries == _MAX_RETRIES:
                    raise
        raise AssertionError("the last try has answered or failed")

    async def _opened_once(
        self, stack: AsyncExitStack, ask: _Ask, sending: Sending, served: Served, limits_ms: tuple[int, int]
    ) -> Answer:
        (address, able), name = served, self.status.tier
        events, cut, prompt = await ask(served, sending)
        self._gate.leave(Leaving(sending, name, address, able.model, prompt))
        deadlines = Deadlines.starting_now(*limits_ms)
        try:
            answer = await stack.enter_async_context(answering(events, address, deadlines, cut))
        except (EndpointError, asyncio.CancelledError) as error:
            failure = error if isinstance(error, EndpointError) else None
            if failure is not None and failure.kind == "too_large":
                self.most_tokens = max(MIN_PROMPT_TOKENS, int(n_tokens(prompt)) // 2)
            self._gate.over(sending, Ended.unanswered(sending.purpose, name, able.model, failure), "")
            if failure is not None and failure.kind == "refused":
                self._gate.refused(sending.purpose, name, failure)
            raise
        answer.request_id = sending.request_id
        return answer

    def _conclude(self, served: Served, answer: Answer, purpose: Purpose, is_trial: bool) -> None:
        """Learns from an answer that was read, in part or whole."""
        if answer.error is not None:
            self._link.lose(served, answer.error)
            self._link.failed(answer.error, purpose.feature)
        elif answer.has_begun:
            self._link.succeeded(purpose.feature)
            self._has_cached = self._has_cached or bool(answer.timings.cached_tokens)
            self._learn_speed(answer.timings)
        elif is_trial:
            self._link.backoff.given_up()

    def _learn_speed(self, timings: Timings) -> None:
        served = self._link.served
        if served is None or (timings.prompt_tokens or 0) - (timings.cached_tokens or 0) < _MIN_MEASURED_TOKENS:
            return
        speed = prefill_tokens_per_s(timings) or 0.0
        address, able = served
        if timings.prompt_ms is None:
            # Measured from here it is a lower bound: the network and other users' requests are in it.
            speed = max(speed, able.prefill_tokens_per_s or 0.0)
        self._link.served = (address, replace(able, prefill_tokens_per_s=speed or None))

    async def _completion(
        self,
        served: Served,
        sending: Sending,
        window: ContextWindow,
        max_tokens: int,
        *,
        stop: tuple[str, ...] = (),
        n: int = 1,
    ) -> _Asked:
        address, able = served
        temperature = 0.0 if n == 1 else SEVERAL_TEMPERATURE
        redacted = self._redactor.redact_window(window)
        window = redacted.window
        if able.fim_format is None:
            messages = completion_messages(window)
            reply = self._reply(
                served, sending, messages, max_tokens=max_tokens, temperature=temperature, stop=stop, n=n
            )
            return _Asked(await reply, restoring(Unfenced(), redacted.values), _text(messages))
        body = completion_body(able, able.fim_format, window, max_tokens=max_tokens, stop=stop)
        if n > 1:
            body |= {"n": n, "temperature": temperature}
        cut = restoring(fim.SpecialCut(able.fim_format.special), redacted.values)
        return _Asked(wire.completion_events(self._client, address, body, sending), cut, body["prompt"])

    async def _reply(
        self,
        served: Served,
        sending: Sending,
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
            sending,
            max_tokens=max_tokens,
            temperature=temperature,
            top_p=top_p,
            stop=stop,
            tools=tools,
            extra=usage_options(able.flavour) | ({"n": n} if n > 1 else {}),
        )


def _text(messages: Sequence[Message]) -> str:
    """All that is said in a conversation."""
    return "\n".join(str(message["content"]) for message in messages)
