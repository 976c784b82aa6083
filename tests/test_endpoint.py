"""The endpoint client: what it finds out, what it asks, and what becomes of every way to fail."""

from __future__ import annotations

import asyncio
import itertools
import logging
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_endpoint import QWEN, Fault, Reply, ScriptedEndpoint

from context.window import ContextWindow, Snippet
from lsp_server.endpoint import Address, EndpointError, Status, sse
from lsp_server.endpoint.backoff import MAX_DELAY_S, Backoff
from lsp_server.endpoint.chat import Unfenced
from lsp_server.endpoint.client import Answer, Capabilities, Endpoint
from lsp_server.endpoint.guard import open_client
from lsp_server.options import EndpointSettings, TierSettings

SECRET = "zebra_crossing"
WINDOW = ContextWindow("a.py", "python", f"def {SECRET}(a, b):\n    return", "\n")
STARCODER = ("<fim_prefix>", "<fim_suffix>", "<fim_middle>", "<file_sep>")


@dataclass
class Clock:
    """A clock that stands still until it is told the time."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


@dataclass
class Tier:
    """An Endpoint under test with what it told."""

    endpoint: Endpoint
    clock: Clock
    statuses: list[Status] = field(default_factory=list)

    def complete(self, **options: Any) -> AbstractAsyncContextManager[Answer]:
        return self.endpoint.complete(WINDOW, **{"max_tokens": 32, **options})

    def chat(self, **options: Any) -> AbstractAsyncContextManager[Answer]:
        return self.endpoint.chat([{"role": "user", "content": SECRET}], **{"max_tokens": 32, **options})


@asynccontextmanager
async def tier_at(where: str | Callable[[], str], *, model: str | None = None, **options: Any) -> AsyncIterator[Tier]:
    """A tier whose endpoint is at the url; other options are those of the settings."""
    token = options.pop("token", None)

    async def resolve() -> Address:
        return Address(where if isinstance(where, str) else where(), model, token)

    clock, statuses = Clock(), []
    settings = TierSettings(**options)
    client = open_client(EndpointSettings())
    endpoint = Endpoint(
        "instant", settings, resolve, client, statuses.append, backoff=Backoff(clock, jitter=lambda: 0.5)
    )
    try:
        yield Tier(endpoint, clock, statuses)
    finally:
        await endpoint.aclose()


async def check_found(scripted: ScriptedEndpoint, **options: Any) -> Capabilities:
    """What the probe finds at a scripted endpoint; it must find something."""
    async with scripted, tier_at(scripted.url, **options) as tier:
        await tier.endpoint.prepare()
        assert tier.endpoint.capabilities is not None, tier.endpoint.status
        return tier.endpoint.capabilities


async def check_answer(scripted: ScriptedEndpoint, reply: Reply, **options: Any) -> tuple[str, Answer]:
    """The text and the answer of one completion."""
    scripted.reply = reply
    async with scripted, tier_at(scripted.url, **options) as tier, tier.complete() as answer:
        return await answer.text(), answer


async def check_fails(scripted: ScriptedEndpoint, reply: Reply, *, ask: str = "complete", **options: Any) -> str:
    """One failing question: its kind. No message may hold the file's text, and the next answer must come."""
    async with scripted, tier_at(scripted.url, **options) as tier:
        await tier.endpoint.prepare()
        scripted.replies = [reply]
        with pytest.raises(EndpointError) as caught:
            async with getattr(tier, ask)() as answer:
                await answer.text()
        assert SECRET not in str(caught.value)
        assert str(caught.value).endswith(".")
        tier.clock.now_s += 3600
        async with getattr(tier, ask)() as answer:
            assert await answer.text() == " a + b"
        assert tier.endpoint.status.state == "ready"
        return caught.value.kind


# What it finds out


@pytest.mark.parametrize(
    ("scripted", "expected"),
    [
        (ScriptedEndpoint, ("llama.cpp", "qwen", 4096)),
        (lambda: ScriptedEndpoint("vllm"), ("vllm", "qwen", 8192)),
        (lambda: ScriptedEndpoint("vllm", tokens=STARCODER), ("vllm", "starcoder", 8192)),
        (lambda: ScriptedEndpoint(tokens=QWEN[:3]), ("llama.cpp", "granite", 4096)),
        (lambda: ScriptedEndpoint(tokens=(*QWEN[:3], "<|file_separator|>")), ("llama.cpp", "codegemma", 4096)),
        (lambda: ScriptedEndpoint(tokens=()), ("llama.cpp", None, 4096)),
        (lambda: ScriptedEndpoint(tokens=(), model="qwen-coder"), ("llama.cpp", None, 4096)),
        (lambda: ScriptedEndpoint(tokens=QWEN[1:]), ("llama.cpp", None, 4096)),
        (lambda: ScriptedEndpoint(fills_holes=False), ("llama.cpp", None, 4096)),
        (lambda: ScriptedEndpoint(without=("/v1/completions",)), ("llama.cpp", None, 4096)),
        (lambda: ScriptedEndpoint("other", model="Qwen2.5-Coder-7B"), ("other", "qwen", None)),
        (lambda: ScriptedEndpoint("other", model="Qwen2.5-Coder-7B", tokens=STARCODER), ("other", None, None)),
        (lambda: ScriptedEndpoint("other", model="fast"), ("other", None, None)),
        (lambda: ScriptedEndpoint("vllm", model="starcoder2", tokens=STARCODER, without=("/tokenize",)),
         ("vllm", "starcoder", 8192)),
    ],
)  # fmt: skip
async def test_what_is_found(scripted: Callable[[], ScriptedEndpoint], expected: tuple[str, str | None, int]) -> None:
    found = await check_found(scripted())
    name = found.fim_format.name if found.fim_format is not None else None
    assert (found.flavour, name, found.n_context) == expected
    assert found.mode == ("chat" if name is None else "fim")


async def test_settings_win_over_what_would_be_found() -> None:
    assert (await check_found(ScriptedEndpoint(), mode="chat")).mode == "chat"
    found = await check_found(ScriptedEndpoint(), fim_format="starcoder")
    assert found.fim_format is not None
    assert found.fim_format.name == "starcoder"


async def test_speed_of_reading_is_what_the_endpoint_says() -> None:
    found = await check_found(ScriptedEndpoint())
    assert found.prefill_tokens_per_s == 2000  # the script's own: half a millisecond for each token


async def test_speed_of_reading_is_learned_from_real_prompts() -> None:
    window = ContextWindow("a.py", "python", "long_enough = 1\n" * 40, "")
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url, fim_format="qwen") as tier:
        async with tier.endpoint.complete(window, max_tokens=8) as answer:
            await answer.text()
        assert tier.endpoint.capabilities is not None
        assert tier.endpoint.capabilities.prefill_tokens_per_s == pytest.approx(2000)


@pytest.mark.parametrize(
    ("options", "kind", "says"),
    [
        ({"model": "gpt-x"}, "no_model", "serves scripted"),
        ({"mode": "fim", "tokens": ()}, "bad_answer", "set fim_format"),
        ({"without": ("/v1/models",)}, "bad_answer", "not an OpenAI-compatible endpoint"),
        ({"needs": "right"}, "auth", "token_env"),
        ({"needs": "right", "token": "wrong"}, "auth", "token_env"),
        ({"needs": "right", "token": "new\nline"}, "auth", "token_env"),
        ({"path": "/"}, "bad_answer", "usually ends in /v1"),
        ({"url": "http://010.1.1.1/v1"}, "refused", "not a valid url"),
        ({"url": "http://8.8.8.8/v1"}, "refused", "allowed_networks"),
        ({"url": "http://127.0.0.1:9/v1"}, "unreachable", "check that the endpoint runs"),
    ],
)
async def test_what_is_told_of_a_wrong_setting(options: dict[str, Any], kind: str, says: str) -> None:
    scripted = ScriptedEndpoint(
        tokens=options.pop("tokens", QWEN), without=options.pop("without", ()), token=options.pop("needs", None)
    )
    async with scripted:
        url = options.pop("url", None) or scripted.url.replace("/v1", options.pop("path", "/v1"))
        async with tier_at(url, **options) as tier:
            await tier.endpoint.prepare()
            with pytest.raises(EndpointError, match=says) as caught:
                async with tier.complete():
                    pass
            assert caught.value.kind == kind
            assert [status.state for status in tier.statuses] == ["starting", "down"]
            assert tier.statuses[-1].message == str(caught.value)


async def test_right_token_is_sent() -> None:
    async with (
        ScriptedEndpoint(token="s3cret") as scripted,
        tier_at(scripted.url, token="s3cret") as tier,
        tier.complete() as answer,
        tier.chat() as reply,
    ):
        assert (await answer.text(), await reply.text()) == (" a + b", " a + b")


async def test_no_endpoint_set_is_off_not_down() -> None:
    async def resolve() -> Address:
        raise EndpointError("unset", "No endpoint is set: set endpoint.instant.url.")

    async with open_client(EndpointSettings()) as client:
        endpoint = Endpoint("instant", TierSettings(), resolve, client)
        await endpoint.prepare()
    assert (endpoint.status.state, endpoint.status.message[:22]) == ("off", "No endpoint is set: se")


async def test_all_who_wait_share_one_probe_and_one_who_leaves_stops_it_for_none() -> None:
    n_asked = 0
    release = asyncio.Event()

    async with ScriptedEndpoint() as scripted:

        async def resolve() -> Address:
            nonlocal n_asked
            n_asked += 1
            await release.wait()
            return Address(scripted.url)

        async with open_client(EndpointSettings()) as client:
            endpoint = Endpoint("instant", TierSettings(), resolve, client)
            waiting = [asyncio.create_task(endpoint.prepare()) for _ in range(3)]
            await asyncio.wait(waiting, timeout=0)
            waiting[0].cancel()
            release.set()
            await asyncio.gather(*waiting, return_exceptions=True)
            assert (n_asked, endpoint.status.state) == (1, "ready")


# What it asks and gives back


async def test_answer_comes_in_pieces_with_its_timings() -> None:
    text, answer = await check_answer(ScriptedEndpoint(), Reply((" a", " +", " b")))
    timings = answer.timings
    assert (text, answer.finish_reason, answer.cut) == (" a + b", "stop", None)
    assert (timings.cached_tokens, timings.completion_tokens) == (3, 3)
    assert timings.first_token_ms is not None
    assert timings.total_ms is not None
    assert timings.first_token_ms <= timings.total_ms


async def test_timings_of_llama_cpp_are_known_when_left_early() -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url) as tier:
        async with tier.complete() as answer:
            assert await anext(answer) == " a + b"
        assert answer.timings.prompt_tokens is not None


@pytest.mark.parametrize("flavour", ["llama.cpp", "vllm", "other"])
async def test_request_is_one_that_the_endpoint_takes(flavour: Any) -> None:
    scripted = ScriptedEndpoint(flavour, model="qwen-coder")
    stop = ("\n\n", "a", "b", "c", "d")
    async with scripted, tier_at(scripted.url) as tier, tier.complete(stop=stop, max_tokens=7) as answer:
        assert await answer.text() == " a + b"
    body = scripted.requests[0].body
    assert body["prompt"] == f"<|fim_prefix|>{WINDOW.prefix}<|fim_suffix|>\n<|fim_middle|>"
    assert (body["max_tokens"], body["temperature"], body["stop"]) == (7, 0, ["\n\n", "a", "b", "c"])


async def test_answer_is_cut_at_a_special_token_split_over_pieces() -> None:
    text, answer = await check_answer(ScriptedEndpoint("vllm"), Reply((" a", " + b<|file", "_sep|>other.py", " junk")))
    assert (text, answer.cut) == (" a + b", "special")


async def test_chat_model_is_asked_for_the_code_at_the_cursor() -> None:
    scripted = ScriptedEndpoint(tokens=())
    text, _ = await check_answer(scripted, Reply(("```py", "thon\n a + ", "b\n", "```\nDone!")))
    assert text == " a + b"
    asked = scripted.requests[0].body["messages"][-1]["content"]
    assert f"{WINDOW.prefix}<|cursor|>{WINDOW.suffix}" in asked


async def test_special_tokens_in_a_chat_are_text() -> None:
    async with ScriptedEndpoint(tokens=()) as scripted, tier_at(scripted.url) as tier:
        window = ContextWindow(
            "a.py", "python", "<|im_end|>", "<|cursor|>", snippets=(Snippet("b.py", "<|im_start|>"),)
        )
        async with tier.endpoint.complete(window, max_tokens=4) as answer:
            await answer.text()
        async with tier.endpoint.chat([{"role": "user", "content": "<|im_end|>[INST]\ud800"}], max_tokens=4) as answer:
            await answer.text()
    completion, chat = (request.body["messages"][-1]["content"] for request in scripted.requests)
    assert "< |im_end|><|cursor|>< |cursor|>" in completion
    assert "< |im_start|>" in completion
    assert chat == "< |im_end|>[ INST]?"


@pytest.mark.parametrize("ask", ["complete", "chat"])
async def test_connection_serves_the_next_answer_too(ask: str) -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url) as tier:
        for _ in range(3):
            async with getattr(tier, ask)() as answer:
                await answer.text()
        assert scripted.n_connections == 1


async def test_warming_asks_for_one_token_of_the_same_prompt() -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url) as tier:
        await tier.endpoint.warm(WINDOW)
        async with tier.complete() as answer:
            await answer.text()
    warm, real = (request.body for request in scripted.requests)
    assert (warm["max_tokens"], warm["prompt"]) == (1, real["prompt"])


async def test_environment_of_openai_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID", "OPENAI_ADMIN_KEY"):
        monkeypatch.setenv(name, "leaked")
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url) as tier, tier.chat() as answer:
        await answer.text()
    assert "leaked" not in str(scripted.requests[-1].headers)
    assert "authorization" not in scripted.requests[-1].headers


DELTA = b'data: {"choices":[{"text":"%s"}]}'


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ([DELTA % "é😀".encode()[:3], "é😀".encode()[3:] + b'"}]}\n\n'], None),
        ([*(bytes([b]) for b in (DELTA % "日本 é😀".encode()) + b"\n\n")], "日本 é😀"),
        ([DELTA % b"a" + b"\r\n\r\n", DELTA % b"b" + b"\r", b"\n\r\ndata: [DONE]\r\n\r\n"], "ab"),
        ([b": comment\n\nevent: x\nid: 1\nretry: 5\n" + DELTA % b"a" + b"\n\n:\n\n"], "a"),
        ([DELTA % b"a" + b"\n\n" + DELTA % b"b" + b"\n\ndata: [DONE]\n\n" + DELTA % b"late" + b"\n\n"], "ab"),
        ([DELTA % b"a" + b"\n\n" + DELTA % b"no line break at the end"], "ano line break at the end"),
        ([b"data:" + DELTA[6:] % b"a" + b"\n\n"], "a"),
        ([DELTA % b"bad \xff byte" + b"\n\n"], None),
        ([b'data: {"choices":[]}\n\n', b'data: {"choices":[{"text":null}]}\n\n', DELTA % b"a" + b"\n\n"], "a"),
        ([b'data: {"usage":null,"choices":[{"text":"a","finish_reason":null}]}\n\n'], "a"),
    ],
)
async def test_streams_as_they_come(raw: list[bytes], expected: str | None) -> None:
    if expected is None:
        raw, expected = [(DELTA % "é😀".encode())[:28], (DELTA % "é😀".encode())[28:] + b"\n\n"], "é😀"
    text, _ = await check_answer(ScriptedEndpoint(), Reply(raw=tuple(raw)))
    assert text == expected


@given(st.binary(max_size=60), st.lists(st.integers(0, 60)))
def test_lines_are_the_same_however_they_are_split(tail: bytes, cuts: list[int]) -> None:
    stream = b"data: 1\r\ndata:2\n: c\r\n\r\n" + tail + b"\ndata: 3\n"
    places = sorted({0, len(stream), *(min(cut, len(stream)) for cut in cuts)})
    reader, whole = sse.LineReader(), sse.LineReader()
    found = [value for a, b in itertools.pairwise(places) for value in reader.feed(stream[a:b])]
    assert found + reader.close() == whole.feed(stream) + whole.close()
    assert found[:2] == [b"1", b"2"]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("a + b", "a + b"),
        ("```python\na + b\n```", "a + b"),
        ("```\na\nb\n```\nThis adds.", "a\nb"),
        ("```python\nnever closed", "never closed"),
        ("``x`` is code", "``x`` is code"),
        ("```", ""),
        ("", ""),
    ],
)
def test_fences_are_taken_off_however_they_are_split(answer: str, expected: str) -> None:
    for size in range(1, len(answer) + 2):
        cut = Unfenced()
        pieces = [answer[i : i + size] for i in range(0, len(answer), size)]
        shown = "".join(cut.feed(piece) for piece in pieces if not cut.is_done)
        assert shown + ("" if cut.is_done else cut.close()) == expected


# Every way to fail


@pytest.mark.parametrize("ask", ["complete", "chat"])
@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (Reply(status=400, body=f'{{"error":{{"message":"{SECRET}"}}}}'.encode()), "bad_answer"),
        (Reply(status=400, body=b'{"error":{"type":"exceed_context_size_error"}}'), "too_large"),
        (Reply(status=400, body=b'{"message":"This model\'s maximum context length is 4096"}'), "too_large"),
        (Reply(status=401), "auth"),
        (Reply(status=403), "forbidden"),
        (Reply(status=404, body=b'{"message":"The model `x` does not exist."}'), "no_model"),
        (Reply(status=404, body=b"<html>Not Found</html>"), "bad_answer"),
        (Reply(status=413), "too_large"),
        (Reply(status=429, headers={"Retry-After": "7"}), "limited"),
        (Reply(status=500), "overloaded"),
        (Reply(status=503), "overloaded"),
        (Reply(status=307, headers={"location": "http://elsewhere.example/v1/completions"}), "refused"),
        (Reply(fault="hang"), "timeout"),
        (Reply(fault="malformed"), "bad_answer"),
        (Reply(fault="error event"), "overloaded"),
        (Reply(fault="reset in the middle"), "unreachable"),
        (Reply(fault="end in the middle"), "unreachable"),
    ],
)
async def test_faults(reply: Reply, kind: str, ask: str) -> None:
    options = {"first_token_ms": 300} if reply.fault == "hang" else {}
    assert await check_fails(ScriptedEndpoint(), reply, ask=ask, **options) == kind


@pytest.mark.parametrize("ask", ["complete", "chat"])
async def test_html_in_place_of_a_stream(ask: str) -> None:
    raw = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: 6\r\n\r\n<html>"

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with tier_at(f"http://127.0.0.1:{port}/v1") as tier:
            with pytest.raises(EndpointError, match="not an OpenAI-compatible endpoint"):
                async with getattr(tier, ask)():
                    pass


@pytest.mark.parametrize("fault", ["hang in the middle"])
async def test_what_came_before_the_total_deadline_is_usable(fault: Fault) -> None:
    text, answer = await check_answer(ScriptedEndpoint(), Reply((" a", " +"), fault=fault), total_ms=300)
    assert (text, answer.cut) == (" a +", "deadline")


async def test_first_token_may_not_take_longer_than_its_deadline_and_the_endpoint_sees_us_go() -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url, first_token_ms=200) as tier:
        scripted.reply = Reply(fault="hang")
        with pytest.raises(EndpointError, match="no token within 200 ms"):
            async with tier.complete():
                pass
        await scripted.left(1)


@pytest.mark.parametrize("ask", ["complete", "chat"])
async def test_leaving_early_stops_the_model(ask: str) -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url) as tier:
        scripted.reply = Reply(("a", "b"), fault="hang in the middle")
        async with getattr(tier, ask)() as answer:
            async for _ in answer:
                break
        await scripted.left(1)
        assert tier.endpoint.status.state == "ready"


@pytest.mark.parametrize("ask", ["complete", "chat"])
@pytest.mark.parametrize("fault", ["hang", "hang in the middle"])
async def test_cancelling_stops_the_model(fault: Fault, ask: str) -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url) as tier:
        asked = asyncio.Event()

        def reply(request: object) -> Reply:
            asked.set()
            return Reply(fault=fault)

        async def read() -> None:
            async with getattr(tier, ask)() as answer:
                await answer.text()

        scripted.answering = reply
        task = asyncio.create_task(read())
        await asyncio.wait_for(asked.wait(), 10)
        task.cancel()
        await scripted.left(1)
        with pytest.raises(asyncio.CancelledError):
            await task
        assert [status.state for status in tier.statuses] == ["starting", "ready"]


async def test_down_is_told_once_asked_rarely_and_over_when_an_answer_comes() -> None:
    scripted = ScriptedEndpoint()
    async with scripted, tier_at(lambda: scripted.url) as tier:
        await tier.endpoint.prepare()
        await scripted.stop()
        for _ in range(5):
            with pytest.raises(EndpointError, match="There is no connection"):
                async with tier.complete():
                    pass
        await scripted.__aenter__()
        with pytest.raises(EndpointError):
            async with tier.complete():
                pass
        tier.clock.now_s += 0.6
        async with tier.complete() as answer:
            assert await answer.text() == " a + b"
        assert [status.state for status in tier.statuses] == ["starting", "ready", "down", "ready"]


@pytest.mark.parametrize("without", [(), ("/health",)])
async def test_endpoint_that_comes_back_is_seen_without_a_request(without: tuple[str, ...]) -> None:
    scripted, states = ScriptedEndpoint(without=without), asyncio.Queue[str]()

    async def resolve() -> Address:
        return Address(scripted.url)

    async with scripted:
        await scripted.stop()
        client = open_client(EndpointSettings())
        endpoint = Endpoint(
            "instant", TierSettings(), resolve, client, lambda status: states.put_nowait(status.state), recovery_s=0.01
        )
        await endpoint.prepare()
        assert [await states.get(), await states.get()] == ["starting", "down"]
        await scripted.__aenter__()
        assert await asyncio.wait_for(states.get(), 10) == "ready"
        assert {request.path for request in scripted.requests} <= {"/health"}
        await endpoint.aclose()


async def test_endpoint_that_moved_is_found_without_a_failure() -> None:
    """The embedded engine, restarted by asking where it is, has another port."""
    first, second = ScriptedEndpoint(), ScriptedEndpoint()
    places = iter((first, second))
    async with first, second, tier_at(lambda: next(places).url) as tier:
        await tier.endpoint.prepare()
        await first.stop()
        async with tier.complete() as answer:
            assert await answer.text() == " a + b"
        assert [status.state for status in tier.statuses] == ["starting", "ready"]


async def test_ready_is_told_again_after_what_was_done_to_reach_the_endpoint() -> None:
    """The embedded engine dies and is started again: its start must not be the last thing that is heard."""
    scripted, statuses = ScriptedEndpoint(), list[Status]()

    async def resolve() -> Address:
        endpoint.announce(Status("starting", "Starting the local engine."))
        return Address(scripted.url)

    client = open_client(EndpointSettings())
    endpoint = Endpoint("instant", TierSettings(), resolve, client, statuses.append)
    async with scripted:
        await endpoint.prepare()
        await scripted.stop()
        await scripted.__aenter__()
        async with endpoint.complete(WINDOW, max_tokens=8) as answer:
            assert await answer.text() == " a + b"
        await endpoint.aclose()
    assert [status.state for status in statuses][-1] == "ready"
    assert endpoint.status.state == "ready"


async def test_limited_endpoint_is_left_alone_as_long_as_it_says() -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url) as tier:
        scripted.replies = [Reply(status=429, headers={"Retry-After": "30"})]
        for seconds in (0, 29):
            tier.clock.now_s += seconds
            with pytest.raises(EndpointError) as caught:
                async with tier.complete():
                    pass
            assert (caught.value.kind, caught.value.retry_after_s) == ("limited", 30)
        assert len(scripted.requests) == 1
        tier.clock.now_s += 1.1
        async with tier.complete() as answer:
            assert await answer.text() == " a + b"


@pytest.mark.parametrize("fault", ["hang", "hang in the middle"])
@pytest.mark.parametrize("ask", ["complete", "chat"])
async def test_closing_is_told_to_who_waits_and_nothing_goes_on_behind_it(fault: Fault, ask: str) -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url) as tier:
        await tier.endpoint.prepare()
        scripted.reply = Reply((" a",), fault=fault)

        async def asking() -> str:
            async with getattr(tier, ask)() as answer:
                return str(await answer.text())

        waiting = asyncio.create_task(asking())
        async with asyncio.timeout(30):
            while not scripted.requests:
                await asyncio.wait([waiting], timeout=0.01)
        await tier.endpoint.aclose()
        for asked in (waiting, asyncio.create_task(asking())):
            with pytest.raises(EndpointError):
                await asked
        assert tier.endpoint._link._recovering is None
        assert len(scripted.requests) == 1


async def test_one_prompt_too_large_says_nothing_about_the_endpoint() -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url) as tier:
        scripted.replies = [Reply(status=413)]
        with pytest.raises(EndpointError, match="the next one is half as long"):
            async with tier.complete():
                pass
        assert tier.endpoint.status.state == "ready"


def test_backoff_doubles_lets_one_trial_through_and_closes() -> None:
    clock = Clock(0)
    backoff = Backoff(clock, jitter=lambda: 0.5)
    error = EndpointError("unreachable", "gone")
    delays = []
    for _ in range(8):
        backoff.failed(error)
        failed_at = clock.now_s
        while True:
            clock.now_s += 0.25
            try:
                assert backoff.enter()
                break
            except EndpointError:
                continue
        delays.append(clock.now_s - failed_at)
        with pytest.raises(EndpointError, match="gone"):
            backoff.enter()
    assert delays == [0.5, 1, 2, 4, 8, MAX_DELAY_S, MAX_DELAY_S, MAX_DELAY_S]
    backoff.given_up()
    assert backoff.enter()
    backoff.succeeded()
    assert not backoff.enter()


@pytest.mark.parametrize("ask", ["complete", "chat"])
async def test_no_log_holds_the_files_text(ask: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    await check_fails(ScriptedEndpoint(), Reply(status=400, body=SECRET.encode()), ask=ask)
    assert SECRET not in caplog.text


def test_package_is_light_and_openai_waits_for_the_first_chat() -> None:
    code = """
import sys
import lsp_server.endpoint
assert not {"httpx2", "openai", "anyio"} & set(sys.modules), "the package is not light"
import lsp_server.endpoint.client
assert "openai" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


# The real engine


@pytest.mark.engine
async def test_real_engine_completes_explains_and_says_what_its_cache_did(engine: Address) -> None:
    limits = {"first_token_ms": 120_000, "total_ms": 240_000}
    window = ContextWindow("add.py", "python", "def add(a, b):\n    return", "\n")
    async with tier_at(engine.url, token=engine.token, **limits) as tier:
        await tier.endpoint.prepare()
        found = tier.endpoint.capabilities
        assert found is not None, tier.endpoint.status
        assert found.fim_format is not None, "the engine's model knows fill-in-the-middle"
        assert (found.flavour, found.fim_format.name) == ("llama.cpp", "qwen")
        assert found.prefill_tokens_per_s is not None
        await tier.endpoint.warm(window)
        async with tier.endpoint.complete(window, max_tokens=16, stop=("\n",)) as answer:
            assert await answer.text() == " a + b"
        assert answer.timings.cached_tokens is not None
        assert answer.timings.cached_tokens > 5
        question = [{"role": "user", "content": "Say the word: yes"}]
        async with tier.endpoint.chat(question, max_tokens=8) as answer:
            assert "yes" in (await answer.text()).lower()
