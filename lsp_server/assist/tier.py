"""Which endpoint answers in words: owns the choice of the tier, its sampling, the fallback and the calls of tools.

    async with tiers.ask(messages, purpose=Purpose("explain", uri)) as reply:
        async for piece in reply: ...
    reply.said, reply.tier, reply.model, reply.notice, reply.is_cut

The instant tier answers unless thinking is toggled on or asked for once; where the thinking tier is unset or fails
before it has said anything, the instant one answers and the reply's notice says so. Knows no feature and no prompt.
"""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from typing import Any, Literal

from lsp_server.assist.thoughts import Thoughts
from lsp_server.endpoint.answer import Answer, ToolCall
from lsp_server.endpoint.client import Endpoint, Message
from lsp_server.endpoint.purpose import Purpose
from lsp_server.endpoint.status import EndpointError
from lsp_server.options import ChatSettings, InstantChatSettings, ThinkingChatSettings

Tier = Literal["instant", "thinking"]
CallTool = Callable[[str, Mapping[str, Any], Purpose], Awaitable[str]]
"""Calls a tool by its name, for a purpose, on the configured MCP server; what fails is told in its text."""

MAX_TOOL_ROUNDS = 4
MAX_TOOL_CHARS = 16_000
MAX_PROMPT_CHARS = 24_000
NOT_SET = "No thinking model is set (endpoint.thinking.url), so the instant one answers."
_CHARS_PER_TOKEN = 2
"""Less than code has, so that what is counted by it fits in any language."""


class Reply:
    """One answer as it arrives: an async iterator of pieces to show, without thoughts.

    `tier` and `model` have answered; `notice` is a sentence for the user where that is not the tier that was wanted.
    """

    def __init__(self, tier: Tier, model: str, notice: str = "") -> None:
        self.tier: Tier = tier
        self.model = model
        self.notice = notice
        self.request_id = ""
        """The name of the request that brought it; of several the last one's."""
        self.is_cut = False
        """Whether it ended at a limit of tokens or of time."""
        self.pieces: AsyncIterator[str] | None = None
        self._first: str | None = None
        self._before = ""
        self._thoughts = Thoughts()

    @property
    def said(self) -> str:
        """All of the answer that has arrived; it may begin anew when speech turns out to have been a thought."""
        return self._before + self._thoughts.said

    def __aiter__(self) -> Reply:
        return self

    async def __anext__(self) -> str:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        assert self.pieces is not None
        return await anext(self.pieces)

    async def begin(self) -> None:
        """Waits for the first piece; raises EndpointError."""
        self._first = await anext(self, None)

    async def text(self) -> str:
        """The whole answer."""
        async for _ in self:
            pass
        return self.said

    def take(self, piece: str) -> str:
        """What a piece of the model's adds to the answer."""
        return self._thoughts.feed(piece)

    def conclude(self, answer: Answer) -> str:
        """The rest of one round, after which another may follow."""
        rest = self._thoughts.close()
        self._before, self._thoughts = self.said, Thoughts()
        self.is_cut = answer.cut == "deadline" or answer.finish_reason == "length"
        return rest


class Tiers:
    """The two tiers of one session; `thinking` is None where it is not set."""

    def __init__(
        self, instant: Endpoint, thinking: Endpoint | None, options: ChatSettings, call_tool: CallTool | None = None
    ) -> None:
        self.is_thinking = False
        """Whether the user has toggled the thinking tier on."""
        self._endpoints = {"instant": instant, "thinking": thinking}
        self._options = options
        self._call_tool = call_tool

    @property
    def wanted(self) -> Tier:
        """The tier that is asked where a request names none."""
        return "thinking" if self.is_thinking else "instant"

    def room_chars(self, tier: Tier | None = None) -> int:
        """Characters that a prompt may have, so that it and its answer fit into the model's context."""
        tier = tier or self.wanted
        n_context, endpoint = self._n_context(tier), self._endpoints[tier]
        room_chars = MAX_PROMPT_CHARS
        if n_context is not None:
            room_chars = min(room_chars, (n_context - self._max_tokens(tier)) * _CHARS_PER_TOKEN)
        if endpoint is not None and endpoint.most_tokens is not None:
            room_chars = min(room_chars, endpoint.most_tokens * _CHARS_PER_TOKEN)
        return room_chars

    @asynccontextmanager
    async def ask(
        self,
        messages: Sequence[Message],
        *,
        purpose: Purpose,
        tier: Tier | None = None,
        max_tokens: int | None = None,
        temperature: float | None = None,
    ) -> AsyncIterator[Reply]:
        """The begun answer of the wanted tier, or of the instant one in its place; raises EndpointError.

        What is given overrides the tier's sampling. Leaving the block, or cancelling it, stops the model.
        """
        async with AsyncExitStack() as stack:
            given = {"max_tokens": max_tokens, "temperature": temperature, "purpose": purpose}
            yield await self._begun(stack, messages, tier or self.wanted, given)

    async def _begun(
        self, stack: AsyncExitStack, messages: Sequence[Message], tier: Tier, given: Mapping[str, Any]
    ) -> Reply:
        notice = ""
        if tier == "thinking":
            if self._endpoints["thinking"] is None:
                notice = NOT_SET
            else:
                try:
                    return await self._begun_by(stack, messages, "thinking", given, "")
                except EndpointError as error:
                    notice = f"The thinking model did not answer, so the instant one does. {error}"
        return await self._begun_by(stack, messages, "instant", given, notice)

    async def _begun_by(
        self, stack: AsyncExitStack, messages: Sequence[Message], tier: Tier, given: Mapping[str, Any], notice: str
    ) -> Reply:
        endpoint = self._endpoints[tier]
        assert endpoint is not None
        reply = Reply(tier, "", notice)
        async with AsyncExitStack() as opening:
            reply.pieces = await opening.enter_async_context(
                aclosing(self._rounds(reply, endpoint, messages, self._sampling(tier, given)))
            )
            await reply.begin()
            stack.push_async_exit(opening.pop_all())
        return reply

    async def _rounds(
        self, reply: Reply, endpoint: Endpoint, messages: Sequence[Message], sampling: Mapping[str, Any]
    ) -> AsyncGenerator[str]:
        """The pieces of the answer; calls of tools are answered in between, so many times at the most."""
        conversation = list(messages)
        for n_left in range(MAX_TOOL_ROUNDS, -1, -1):
            tools = self._options.tools if n_left else ()
            async with endpoint.chat(conversation, tools=tools, **sampling) as answer:
                able = endpoint.capabilities
                reply.model = able.model if able else reply.model
                reply.request_id = answer.request_id
                async for piece in answer:
                    if shown := reply.take(piece):
                        yield shown
                if rest := reply.conclude(answer):
                    yield rest
            if not answer.tool_calls or not tools:
                return
            conversation += await self._tool_messages(answer.tool_calls, sampling["purpose"])

    async def _tool_messages(self, calls: Sequence[ToolCall], purpose: Purpose) -> list[Message]:
        """The calls as the model made them, and what came of each."""
        made = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in calls
        ]
        results = [await self._result(call, purpose) for call in calls]
        return [
            {"role": "assistant", "content": "", "tool_calls": made},
            *(
                {"role": "tool", "tool_call_id": call.id, "content": result}
                for call, result in zip(calls, results, strict=True)
            ),
        ]

    async def _result(self, call: ToolCall, purpose: Purpose) -> str:
        names = {tool["function"].get("name") for tool in self._options.tools}
        if call.name not in names:
            return "There is no such tool."
        if self._call_tool is None:
            return "No MCP server is configured that could answer this call; answer without it."
        try:
            arguments = json.loads(call.arguments or "{}")
        except ValueError:
            arguments = None
        if not isinstance(arguments, dict):
            return "The arguments are not a JSON object."
        return (await self._call_tool(call.name, arguments, purpose))[:MAX_TOOL_CHARS]

    def _sampling(self, tier: Tier, given: Mapping[str, Any]) -> dict[str, Any]:
        options = self._of(tier)
        chosen: dict[str, Any] = {
            "max_tokens": self._max_tokens(tier),
            "temperature": options.temperature,
            "top_p": options.top_p,
        }
        if isinstance(options, InstantChatSettings):
            chosen |= {"first_token_ms": options.first_token_ms, "total_ms": options.total_ms}
        return chosen | {name: value for name, value in given.items() if value is not None}

    def _max_tokens(self, tier: Tier) -> int:
        """Half of a small context is left to the prompt."""
        most, n_context = self._of(tier).max_tokens, self._n_context(tier)
        return min(most, n_context // 2) if n_context else most

    def _n_context(self, tier: Tier) -> int | None:
        endpoint = self._endpoints[tier] or self._endpoints["instant"]
        able = endpoint.capabilities if endpoint else None
        return able.n_context if able else None

    def _of(self, tier: Tier) -> InstantChatSettings | ThinkingChatSettings:
        return self._options.thinking if tier == "thinking" else self._options.instant
