"""Which tier answers, how it is asked, what of its answer is said, and what a tool's call comes to."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_endpoint import Fault, Reply, Request, ScriptedEndpoint

from lsp_server.assist.prompts import conversation
from lsp_server.assist.thoughts import Thoughts
from lsp_server.assist.tier import MAX_PROMPT_CHARS, MAX_TOOL_ROUNDS, NOT_SET, CallTool, Tier, Tiers
from lsp_server.endpoint.client import Endpoint
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.places import Places
from lsp_server.endpoint.purpose import Purpose
from lsp_server.endpoint.status import EndpointError
from lsp_server.options import ChatSettings, EndpointSettings, TierSettings

MESSAGES = conversation("Explain.", "add")
PURPOSE = Purpose("explain", "file:///work/add.py")
TOOL = {"type": "function", "function": {"name": "search", "parameters": {"type": "object"}}}
TOOLS = ChatSettings.model_validate({"tools": [TOOL]})


def endpoint_at(name: str, scripted: ScriptedEndpoint, **options: Any) -> Endpoint:
    tier = TierSettings(url=scripted.url, mode="chat", **options)
    return Endpoint(name, tier, Places(tier).address, open_client(EndpointSettings()))


@asynccontextmanager
async def tiers_at(
    instant: ScriptedEndpoint,
    thinking: ScriptedEndpoint | None = None,
    options: ChatSettings = ChatSettings(),  # noqa: B008  it is frozen
    call_tool: CallTool | None = None,
    **deadlines: int,
) -> AsyncIterator[Tiers]:
    """Both tiers, at their scripted endpoints."""
    quick = endpoint_at("instant", instant)
    slow = endpoint_at("thinking", thinking, **deadlines) if thinking else None
    try:
        yield Tiers(quick, slow, options, call_tool)
    finally:
        await quick.aclose()
        if slow is not None:
            await slow.aclose()


async def check_answered(tiers: Tiers, by: Tier, said: str, notice: str = "", **asked: Any) -> None:
    """The tier answers with these words, and tells so; the notice has to begin as given."""
    async with tiers.ask(MESSAGES, purpose=PURPOSE, **asked) as reply:
        assert "".join([piece async for piece in reply]) == said
    assert (reply.tier, reply.said) == (by, said)
    assert reply.model == f"{by}-model"
    assert reply.notice.startswith(notice)
    assert bool(reply.notice) == bool(notice)


@pytest.fixture
async def instant() -> AsyncIterator[ScriptedEndpoint]:
    async with ScriptedEndpoint(model="instant-model") as endpoint:
        endpoint.reply = Reply(("Quick", " words."))
        yield endpoint


@pytest.fixture
async def thinking() -> AsyncIterator[ScriptedEndpoint]:
    async with ScriptedEndpoint("vllm", model="thinking-model") as endpoint:
        endpoint.reply = Reply(("<think>Hm", "m.</think>\n", "\nDeep words."))
        yield endpoint


def asked(endpoint: ScriptedEndpoint, n: int = -1) -> dict[str, Any]:
    return endpoint.of("/v1/chat/completions")[n].body


async def test_instant_answers_unless_thinking_is_toggled(
    instant: ScriptedEndpoint, thinking: ScriptedEndpoint
) -> None:
    async with tiers_at(instant, thinking) as tiers:
        await check_answered(tiers, "instant", "Quick words.")
        assert thinking.requests == []
        tiers.is_thinking = True
        await check_answered(tiers, "thinking", "Deep words.")
        tiers.is_thinking = False
        await check_answered(tiers, "instant", "Quick words.")


async def test_thinking_can_be_asked_for_once(instant: ScriptedEndpoint, thinking: ScriptedEndpoint) -> None:
    async with tiers_at(instant, thinking) as tiers:
        await check_answered(tiers, "thinking", "Deep words.", tier="thinking")
        await check_answered(tiers, "instant", "Quick words.")


async def test_each_tier_has_its_own_sampling(instant: ScriptedEndpoint, thinking: ScriptedEndpoint) -> None:
    async with tiers_at(instant, thinking) as tiers:
        await check_answered(tiers, "instant", "Quick words.", temperature=0.1)
        await check_answered(tiers, "thinking", "Deep words.", tier="thinking")
    names = ("max_tokens", "temperature", "top_p", "stream")
    assert [asked(instant)[name] for name in names] == [2048, 0.1, 0.9, True]
    # The scripted model's context is 8192 tokens, half of which is just what an answer may have.
    assert [asked(thinking)[name] for name in names] == [4096, 0.5, 0.9, True]


@pytest.mark.parametrize("fault", ["hang", "reset", "malformed", "error event"])
async def test_thinking_that_fails_is_replaced_with_a_notice(
    instant: ScriptedEndpoint, thinking: ScriptedEndpoint, fault: Fault
) -> None:
    thinking.reply = Reply((), fault=fault)
    async with tiers_at(instant, thinking, first_token_ms=400) as tiers:
        tiers.is_thinking = True
        await check_answered(tiers, "instant", "Quick words.", "The thinking model did not answer")


async def test_thinking_that_is_down_is_replaced_with_a_notice(
    instant: ScriptedEndpoint, thinking: ScriptedEndpoint
) -> None:
    async with tiers_at(instant, thinking) as tiers:
        await thinking.stop()
        await check_answered(tiers, "instant", "Quick words.", "The thinking model did not", tier="thinking")


async def test_thinking_that_is_not_set_is_replaced_with_a_notice(instant: ScriptedEndpoint) -> None:
    async with tiers_at(instant) as tiers:
        tiers.is_thinking = True
        await check_answered(tiers, "instant", "Quick words.", NOT_SET)


async def test_what_was_begun_is_not_begun_anew(instant: ScriptedEndpoint, thinking: ScriptedEndpoint) -> None:
    thinking.reply = Reply(("Deep",), fault="reset in the middle")
    async with tiers_at(instant, thinking) as tiers:
        with pytest.raises(EndpointError):
            async with tiers.ask(MESSAGES, purpose=PURPOSE, tier="thinking") as reply:
                await reply.text()
        assert reply.said == "Deep"
        assert instant.requests == []


async def test_leaving_stops_the_model(instant: ScriptedEndpoint) -> None:
    instant.reply = Reply(("Quick",), fault="hang in the middle")
    async with tiers_at(instant) as tiers:
        async with tiers.ask(MESSAGES, purpose=PURPOSE) as reply:
            assert await anext(reply) == "Quick"
        await instant.left(1)


async def test_cancelling_while_the_model_thinks_stops_it(
    instant: ScriptedEndpoint, thinking: ScriptedEndpoint
) -> None:
    begun = asyncio.Event()

    def answering(_: Request) -> Reply:
        begun.set()
        return Reply(("<think>Hm",), fault="hang in the middle")

    thinking.answering = answering
    async with tiers_at(instant, thinking) as tiers:

        async def ask() -> None:
            async with tiers.ask(MESSAGES, purpose=PURPOSE, tier="thinking"):
                pytest.fail("it has begun to speak")

        asking = asyncio.create_task(ask())
        await begun.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await thinking.left(1)
    assert instant.requests == []


async def test_an_answer_cut_at_its_limit_says_so(instant: ScriptedEndpoint) -> None:
    last = {"id": "s", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    events = [{"index": 0, "delta": {"content": "It"}}, {"index": 0, "delta": {}, "finish_reason": "length"}]
    instant.reply = Reply(raw=tuple(sse({**last, "choices": [event]}) for event in events))
    async with tiers_at(instant) as tiers, tiers.ask(MESSAGES, purpose=PURPOSE) as reply:
        assert await reply.text() == "It"
        assert reply.is_cut


async def test_room_for_a_prompt(instant: ScriptedEndpoint, thinking: ScriptedEndpoint) -> None:
    async with tiers_at(instant, thinking) as tiers:
        assert tiers.room_chars() == MAX_PROMPT_CHARS
        await check_answered(tiers, "instant", "Quick words.")
        assert tiers.room_chars() == 2 * (4096 - 2048)


# Tools.


def sse(event: Mapping[str, Any]) -> bytes:
    return b"data: %b\n\n" % json.dumps(event).encode()


def calling(name: str, arguments: str) -> Reply:
    """An answer that calls a tool, its arguments in two pieces."""
    half = len(arguments) // 2
    parts: list[dict[str, Any]] = [
        {"index": 0, "id": "c1", "type": "function", "function": {"name": name, "arguments": arguments[:half]}},
        {"index": 0, "function": {"arguments": arguments[half:]}},
    ]
    choices = [{"index": 0, "delta": {"tool_calls": [part]}} for part in parts]
    choices.append({"index": 0, "delta": {}, "finish_reason": "tool_calls"})
    frame = {"id": "s", "object": "chat.completion.chunk", "created": 0, "model": "m"}
    return Reply(raw=(*(sse({**frame, "choices": [choice]}) for choice in choices), b"data: [DONE]\n\n"))


async def check_tool(instant: ScriptedEndpoint, called: Reply, result: str, call_tool: CallTool | None) -> None:
    """The call is answered with `result`, by which the model goes on."""
    instant.replies = [called]
    async with tiers_at(instant, options=TOOLS, call_tool=call_tool) as tiers:
        await check_answered(tiers, "instant", "Quick words.")
    assert asked(instant, 0)["tools"] == [TOOL]
    *_, call, answer = asked(instant)["messages"]
    assert call["tool_calls"][0]["id"] == answer["tool_call_id"] == "c1"
    assert answer["role"] == "tool"
    assert answer["content"] == result


async def found(name: str, arguments: Mapping[str, Any], purpose: Purpose) -> str:
    return f"{name} {arguments['q']}"


@pytest.mark.parametrize(
    ("called", "result", "call_tool"),
    [
        (calling("search", '{"q": "漢"}'), "search 漢", found),
        (calling("rm", "{}"), "There is no such tool.", found),
        (calling("search", "{q"), "The arguments are not a JSON object.", found),
        (calling("search", "[]"), "The arguments are not a JSON object.", found),
        (
            calling("search", "{}"),
            "No MCP server is configured that could answer this call; answer without it.",
            None,
        ),
    ],
    ids=["answered", "unknown", "no json", "no object", "no server"],
)
async def test_a_tools_call_is_answered(
    instant: ScriptedEndpoint, called: Reply, result: str, call_tool: CallTool | None
) -> None:
    await check_tool(instant, called, result, call_tool)


async def test_a_model_that_calls_for_ever_is_given_no_more_tools(instant: ScriptedEndpoint) -> None:
    def answering(request: Request) -> Reply:
        return calling("search", '{"q": 1}') if "tools" in request.body else Reply(("Enough.",))

    instant.answering = answering
    async with tiers_at(instant, options=TOOLS, call_tool=found) as tiers:
        await check_answered(tiers, "instant", "Enough.")
    assert len(instant.requests) == MAX_TOOL_ROUNDS + 1


async def test_without_configured_tools_none_is_sent(instant: ScriptedEndpoint) -> None:
    async with tiers_at(instant) as tiers:
        await check_answered(tiers, "instant", "Quick words.")
    assert "tools" not in asked(instant)


# Thoughts.

SPOKEN = {
    "<think>Hm.\nSo.</think>\n\nIt adds.": "It adds.",
    "  <thinking>Hm.</thinking>It adds.": "It adds.",
    "It adds.\n<think>Sure?</think>\nYes.": "It adds.\n\nYes.",
    "Hm, it adds.\n</think>\n\nIt adds.": "It adds.",
    "<think>I never come to an end": "",
    "`<think>` opens a thought, `</think>` ends it.": "`<think>` opens a thought, `</think>` ends it.",
    "a < b and </b>": "a < b and </b>",
    "if x <thin": "if x <thin",
    "<thicket> is a tag": "<thicket> is a tag",
    "": "",
}


def split(text: str, cuts: list[int]) -> list[str]:
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[start:end] for start, end in itertools.pairwise(edges)]


def check_said(pieces: list[str], said: str) -> None:
    thoughts = Thoughts()
    for piece in pieces:
        thoughts.feed(piece)
        assert "<think" not in thoughts.said or "<think" in said, "a thought was shown"
    thoughts.close()
    assert thoughts.said == said


@pytest.mark.parametrize("raw", SPOKEN)
def test_thoughts_are_not_said(raw: str) -> None:
    check_said([raw], SPOKEN[raw])
    check_said(list(raw), SPOKEN[raw])


@given(raw=st.sampled_from(sorted(SPOKEN)), cuts=st.lists(st.integers(0, 200), max_size=8))
def test_thoughts_are_not_said_however_they_are_cut(raw: str, cuts: list[int]) -> None:
    check_said(split(raw, cuts), SPOKEN[raw])


@given(st.lists(st.text(alphabet="<>/think \nab", max_size=8), max_size=20))
def test_pieces_together_are_what_is_said(pieces: list[str]) -> None:
    thoughts = Thoughts()
    shown = ""
    steps: list[Callable[[], str]] = [*(lambda piece=piece: thoughts.feed(piece) for piece in pieces), thoughts.close]
    for step in steps:
        before = thoughts.said
        added = step()
        shown = shown + added if thoughts.said.startswith(before) else thoughts.said
    assert shown == thoughts.said
