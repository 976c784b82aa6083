"""Endpoints that fail in every way, under a real server: no wrong text, one status, no storm, and it is well again.

What each fault is called and told is in test_endpoint; certificates and clocks in test_tls, places in test_endpoints.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
from collections.abc import AsyncIterator
from random import Random
from typing import Any

import pytest
import pytest_asyncio
from scripted_endpoint import Reply, Request, ScriptedEndpoint
from test_bad_input import at
from test_endpoint import WINDOW, tier_at
from wire import DEADLINE_S, Editor, in_time, open_editor

from lsp_server.endpoint.backoff import FIRST_DELAY_S, Backoff
from lsp_server.endpoint.status import EndpointError

in_module = pytest.mark.asyncio(loop_scope="module")
EVENT = b'data: {"choices":[{"index":0,"text":"%b"}]}\n\n'


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """One server, which outlives every endpoint."""
    async with open_editor("vscode", tmp_path_factory.mktemp("home")) as editor:
        await editor.status("off")
        yield editor


@pytest_asyncio.fixture(loop_scope="module")
async def editor(running: Editor) -> AsyncIterator[Editor]:
    """Whatever of a test's endpoint is told is taken here, but for tracebacks, of which there may be none."""
    yield running
    running.configure(None)
    async with asyncio.timeout(DEADLINE_S):
        while await status_of(running) != "off":
            pass
    running._statuses.clear()
    running._logged.clear()
    running.check_nothing_overlooked()


async def status_of(editor: Editor) -> str:
    told = await editor.request("workspace/executeCommand", {"command": "instant.status", "arguments": []})
    return str(told["state"])


async def check_survived(editor: Editor, reply: Reply, shown: str | None) -> None:
    """What is shown of an answer that goes wrong, and that the next ones are right."""
    async with ScriptedEndpoint() as endpoint:
        endpoint.reply = reply
        editor.configure(at(endpoint.url, first_token_ms=2_000, total_ms=3_000))
        await editor.status("ready")
        document = editor.open("x =")
        assert await document.ghost() == shown
        assert await status_of(editor) in ("ready", "down")
        endpoint.reply = Reply()
        await check_recovers_however(editor)


async def check_recovers_however(editor: Editor) -> None:
    """Who goes on typing gets right answers again, whether a status went down in between or not."""
    document = editor.open("x =")
    async with asyncio.timeout(30):
        while await document.ghost() != " a + b":
            document.type(" ")
            document.replace(document.cursor - 1, document.cursor, "")
            document.cursor -= 1
    editor._statuses.clear()


@in_module
@pytest.mark.parametrize(
    ("reply", "shown"),
    [
        (Reply((" a", " +", " b"), token_ms=150), " a + b"),
        (Reply(raw=(EVENT % b" a + b", b": a comment\n\n", b"event: ping\n\n", b"data: [DONE]\n\n")), " a + b"),
        (Reply((" a", "\n") + ("c\n",) * 20_000), " a"),
        (Reply(raw=(b"data: " + b"x" * 3_000_000,)), None),
        (Reply(raw=(EVENT % b" \xff\xfe\xc3",)), None),
        (Reply(raw=(b"\xff\xfe\x00\n\n", EVENT % b" a + b", b"data: [DONE]\n\n")), " a + b"),
        (Reply(raw=(b"data: 5\n\n",)), None),
        (Reply(raw=(b'data: {"choices":5}\n\n', b"data: [DONE]\n\n")), None),
        (Reply(raw=(b'data: {"choices":[5,{"text":7,"index":"x"}]}\n\n', b"data: [DONE]\n\n")), None),
        (Reply(raw=(b'data: {"usage":5,"timings":"x","choices":[{"text":[]}]}\n\n', b"data: [DONE]\n\n")), None),
        (Reply(raw=(b'data: {"usage":{"prompt_tokens":12.0},"choices":[{"text":" a + b"}]}\n\n',)), " a + b"),
        (Reply(raw=(b'data: {"usage":{"prompt_tokens":-1},"choices":[{"text":" a + b"}]}\n\n',)), " a + b"),
        (Reply(raw=(b'data: {"timings":{"predicted_n":1e300},"choices":[{"text":" a + b"}]}\n\n',)), " a + b"),
        (Reply(raw=(b'data: {"choices":[{"delta":5,"finish_reason":5}]}\n\n', b"data: [DONE]\n\n")), None),
        (Reply(raw=(b"data: " + b"[" * 100_000 + b"\n\n",)), None),
        (Reply(raw=(b"\n" * 100_000,)), None),
        (Reply(fault="hang"), None),
        (Reply((" a",), fault="reset in the middle"), None),
        (Reply((" a",), fault="end in the middle"), None),
        (Reply(status=500, body=b"<html>" * 10_000), None),
        (Reply(status=599), None),
        (Reply(status=204, body=b""), None),
        (Reply(status=418, body=b"\xff"), None),
    ],
    ids=itertools.count(),
)
async def test_a_wrong_answer_shows_nothing_wrong(editor: Editor, reply: Reply, shown: str | None) -> None:
    await check_survived(editor, reply, shown)


@in_module
@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n[]",
        b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 4\r\n\r\n\x89PNG",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 50_000,
        b"HTTP/1.1 302 Found\r\nlocation: http://10.0.0.1/\r\ncontent-length: 0\r\n\r\n",
        b"\xff" * 70_000,
    ],
    ids=itertools.count(),
)
async def test_what_is_no_endpoint_at_all_is_told_and_left_alone(editor: Editor, raw: bytes) -> None:
    n_asked = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal n_asked
        n_asked += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        editor.configure(at(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"))
        assert (await editor.status("down"))["message"].endswith(".")
        document = editor.open("x =")
        for _ in range(10):
            document.type("y")
            assert await document.ghost() is None
    assert n_asked < 20, "it is not asked at every key, twice"


@in_module
@pytest.mark.skipif(sys.platform == "win32", reason="a machine's sleep is made by POSIX signals")
async def test_a_laptop_that_slept_is_well_when_it_wakes(editor: Editor) -> None:
    """Its answer never came, its connections are gone, and the endpoint was restarted meanwhile."""
    async with ScriptedEndpoint() as endpoint:
        editor.configure(at(endpoint.url))
        await editor.status("ready")
        assert await editor.open("x =").ghost() == " a + b"
        endpoint.replies = [Reply((" a",), fault="hang in the middle")]
        answer = editor.open("y =").complete()
        async with asyncio.timeout(20):
            while len(endpoint.requests) < 2:
                await editor.lives()
        os.kill(editor.process.pid, signal.SIGSTOP)
        await endpoint.stop()
        await endpoint.__aenter__()
        os.kill(editor.process.pid, signal.SIGCONT)
        assert await in_time(answer) in ({"items": []}, None)
        await check_recovers_however(editor)


async def test_an_endpoint_that_comes_back_is_asked_once_and_then_by_all() -> None:
    """Twenty ask while it is down, and while the one trial that is let through is under way."""
    asked: list[Request] = []
    scripted = ScriptedEndpoint()

    def answering(request: Request) -> Reply:
        asked.append(request)
        return Reply(first_token_ms=50)

    async def ask(tier: Any) -> str:
        try:
            async with tier.endpoint.complete(WINDOW, max_tokens=8) as answer:
                return str(await answer.text())
        except EndpointError as error:
            return error.kind

    async with scripted, tier_at(scripted.url) as tier:
        await tier.endpoint.prepare()
        scripted.replies = [Reply(status=503)]
        assert await ask(tier) == "overloaded"
        scripted.answering = answering
        assert set(await asyncio.gather(*(ask(tier) for _ in range(20)))) == {"overloaded"}
        assert asked == []
        tier.clock.now_s += 3_600
        told = await asyncio.gather(*(ask(tier) for _ in range(20)))
        assert sorted(told) == [" a + b", *["overloaded"] * 19]
        assert len(asked) == 1
        assert await asyncio.gather(*(ask(tier) for _ in range(3))) == [" a + b"] * 3


async def test_an_endpoint_that_is_silent_is_not_asked_at_every_key() -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted.url, first_token_ms=100) as tier:
        await tier.endpoint.prepare()
        scripted.reply = Reply(fault="hang")
        for _ in range(5):
            with pytest.raises(EndpointError) as caught:
                async with tier.complete():
                    pass
            assert caught.value.kind == "timeout"
        assert len(scripted.requests) == 1
        tier.clock.now_s += 3_600
        scripted.reply = Reply()
        async with tier.complete() as answer:
            assert await answer.text() == " a + b"
        assert tier.endpoint.status.state == "ready"


def test_waits_are_spread_so_that_editors_do_not_come_back_together() -> None:
    def first_wait_s(seed: int) -> float:
        now = [0.0]
        backoff = Backoff(lambda: now[0], Random(seed).random)
        backoff.failed(EndpointError("unreachable", "gone"))
        for hundredths in range(1_000):
            now[0] = hundredths / 100
            try:
                backoff.enter()
                return now[0]
            except EndpointError:
                pass
        raise AssertionError("it is never asked again")

    waits = [first_wait_s(seed) for seed in range(200)]
    assert all(0.75 * FIRST_DELAY_S <= wait <= 1.25 * FIRST_DELAY_S + 0.01 for wait in waits)
    assert len(set(waits)) > 15
