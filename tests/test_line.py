"""The straight line from a keystroke to ghost text: who waits for which answer, and which is asked for anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from marks import CURSOR, at_cursor
from scripted_endpoint import Reply, Request, ScriptedEndpoint

from context import Budget, Snapshot
from lsp_server.completion import Superseded
from lsp_server.completion.line import Completer, Completion, Limits
from lsp_server.endpoint.address import fixed
from lsp_server.endpoint.client import Endpoint
from lsp_server.endpoint.guard import open_client
from lsp_server.settings import EndpointSettings, TierSettings

ADD = "def add(a, b):\n    return<|>\n"
HANGING = Reply((" a",), fault="hang in the middle")


@dataclass
class Typist:
    """Asks for completions at the cursor of documents, and knows what the endpoint was asked."""

    completer: Completer
    endpoint: ScriptedEndpoint
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def shown(self, marked: str, *, is_invoked: bool = False, uri: str = "") -> str | None:
        """The text of the completion at the cursor, which is where it goes."""
        snapshot, offset = at_cursor(marked)
        completion = await self.complete(replace(snapshot, uri=uri or snapshot.uri), offset, is_invoked=is_invoked)
        if completion is None:
            return None
        assert completion.start == completion.end == offset
        return completion.text

    async def complete(self, snapshot: Snapshot, offset: int, *, is_invoked: bool = False) -> Completion | None:
        async with asyncio.timeout(20):
            return await self.completer.complete(snapshot, offset, is_invoked=is_invoked)

    async def asking(self, marked: str) -> asyncio.Task[str | None]:
        """A request that waits for the endpoint, which has it."""
        self.asked.clear()
        task = asyncio.create_task(self.shown(marked))
        await asyncio.wait_for(self.asked.wait(), 20)
        return task

    @property
    def n_asked(self) -> int:
        return len(self.endpoint.requests)

    @property
    def prompts(self) -> list[str]:
        return [str(request.body["prompt"]) for request in self.endpoint.requests]


@asynccontextmanager
async def typing(*said: str | Reply, max_lines: int = 12) -> AsyncIterator[Typist]:
    """A completer on an endpoint that answers with `said`, one after the other, the last one for good."""
    replies = [Reply((text,)) if isinstance(text, str) else text for text in said]
    async with ScriptedEndpoint() as scripted:
        tier = TierSettings(url=scripted.url, first_token_ms=20_000, total_ms=30_000)
        endpoint = Endpoint("instant", tier, fixed(tier), open_client(EndpointSettings()))
        await endpoint.prepare()
        completer = Completer(endpoint, lambda: Limits(max_lines, 256, Budget(500)), lambda uri, offset: None)
        typist = Typist(completer, scripted)

        def answer(request: Request) -> Reply:
            typist.asked.set()
            return replies.pop(0) if len(replies) > 1 else replies[0]

        scripted.answering = answer
        try:
            yield typist
        finally:
            completer.close()
            await endpoint.aclose()


async def check_typed_through(said: str, *steps: tuple[str, str | None]) -> None:
    """Each step's document shows its text, and all of them cost the endpoint one request."""
    async with typing(said, "asked anew") as typist:
        for marked, shown in steps:
            assert await typist.shown(marked) == shown, marked
        assert typist.n_asked == 1


async def test_the_model_completes_the_line() -> None:
    async with typing(" a + b\nprint()") as typist:
        assert await typist.shown(ADD) == " a + b"
        assert "    return<|fim_suffix|>" in typist.prompts[0]
        assert typist.completer.last_times is not None
        assert typist.completer.last_times.own_ms > 0


async def test_a_block_may_have_many_lines_within_its_limit() -> None:
    body = " total = 0\n    for n in items:\n        total += n\n    return total\n"
    for max_lines, shown in ((12, body.strip()), (2, "total = 0\n    for n in items:")):
        async with typing(body, max_lines=max_lines) as typist:
            assert await typist.shown("def add(items):\n    <|>\n") == shown


async def test_a_blank_before_the_cursor_is_held_back() -> None:
    async with typing(" a + b") as typist:
        assert await typist.shown(ADD.replace(CURSOR, f" {CURSOR}")) == "a + b"
        assert "    return<|fim_suffix|>" in typist.prompts[0]


async def test_typing_on_asks_no_more() -> None:
    await check_typed_through(
        " a + b",
        ("x =<|>\n", " a + b"),
        ("x = <|>\n", "a + b"),
        ("x = a<|>\n", " + b"),
        ("x = a + <|>\n", "b"),
    )


async def test_backspace_and_typing_again_are_answered_from_memory() -> None:
    await check_typed_through(
        " a + b",
        ("x =<|>\n", " a + b"),
        ("x = a +<|>\n", " b"),
        ("x = a<|>\n", " + b"),
        ("x =<|>\n", " a + b"),
        ("x = a + <|>\n", "b"),
    )


async def test_brackets_that_the_editor_closes_are_no_disagreement() -> None:
    await check_typed_through(
        "(a, [b])",
        ("print<|>\n", "(a, [b])"),
        ("print(<|>)\n", "a, [b]"),
        ("print(a, [<|>])\n", "b"),
    )


async def test_edits_elsewhere_keep_the_answer() -> None:
    await check_typed_through(
        " a + b",
        ("import os\n\n\nx =<|>\n\n\ny = 2\n" + "z = 3\n" * 40, " a + b"),
        ("import os\n\n\nx =<|>\n\n\ny = 2\n" + "z = 3\n" * 40 + "w = 4\n", " a + b"),
    )
    above = "".join(f"value_{n} = {n}\n" for n in range(40))
    await check_typed_through(
        " a + b",
        (f"{above}x =<|>\n", " a + b"),
        (f"import os\n{above}x =<|>\n", " a + b"),
        (f"{above[12:]}x = a<|>\n", " + b"),
    )


async def test_another_place_is_asked_anew() -> None:
    async with typing(" a", " b") as typist:
        assert await typist.shown("x =<|>\ny = 1\n") == " a"
        assert await typist.shown("x = 1\ny =<|>\n") == " b"
        assert await typist.shown("x =<|>\ny = 1\n", uri="file:///work/other.py") == " b"
        assert typist.n_asked == 3


async def test_text_that_disagrees_is_asked_anew() -> None:
    async with typing(" a + b", " - b") as typist:
        assert await typist.shown(ADD) == " a + b"
        assert await typist.shown(ADD.replace(CURSOR, f" c{CURSOR}")) == " - b"
        assert typist.n_asked == 2


async def test_a_running_answer_is_adopted() -> None:
    async with typing(Reply((" a", " +", " b"), first_token_ms=100)) as typist:
        first = await typist.asking(ADD)
        assert await typist.shown(ADD.replace(CURSOR, f" a{CURSOR}")) == " + b"
        with pytest.raises(Superseded):
            await first
        assert typist.n_asked == 1
        assert typist.endpoint.n_left == 0


async def test_a_running_answer_that_disagrees_is_closed() -> None:
    async with typing(HANGING, " - 1") as typist:
        first = await typist.asking(ADD)
        assert await typist.shown(ADD.replace(CURSOR, f" c{CURSOR}")) == " - 1"
        with pytest.raises(Superseded):
            await first
        await typist.endpoint.left(1)


async def test_the_newest_of_many_wins() -> None:
    async with typing(Reply((" a + b",), first_token_ms=100)) as typist:
        first = await typist.asking(ADD)
        second, third = (asyncio.create_task(typist.shown(ADD)) for _ in range(2))
        assert await third == " a + b"
        for older in (first, second):
            with pytest.raises(Superseded):
                await older
        assert typist.n_asked == 1


async def test_documents_do_not_disturb_each_other() -> None:
    async with typing(HANGING, " b") as typist:
        first = await typist.asking("x =<|>\n")
        assert await typist.shown("y =<|>\n", uri="file:///work/other.py") == " b"
        assert not first.done()
        assert typist.endpoint.n_left == 0
        first.cancel()
        await typist.endpoint.left(1)


async def test_an_answer_nobody_waits_for_is_closed() -> None:
    async with typing(HANGING) as typist:
        first = await typist.asking(ADD)
        first.cancel()
        with pytest.raises(asyncio.CancelledError):
            await first
        await typist.endpoint.left(1)


async def test_an_answer_nobody_waits_for_can_still_be_adopted() -> None:
    async with typing(Reply((" a + b",), first_token_ms=100)) as typist:
        first = await typist.asking(ADD)
        first.cancel()
        assert await typist.shown(ADD) == " a + b"
        assert typist.n_asked == 1


async def test_where_nothing_is_wanted_the_running_answer_is_closed() -> None:
    async with typing(HANGING) as typist:
        first = await typist.asking("value =<|>\n")
        assert await typist.shown("val<|>ue =\n") is None
        with pytest.raises(Superseded):
            await first
        await typist.endpoint.left(1)
        assert typist.n_asked == 1


async def test_an_invoked_completion_is_asked_for_anywhere() -> None:
    async with typing("id", "_") as typist:
        assert await typist.shown("val<|>ue = 1\n") is None
        assert typist.n_asked == 0
        await typist.shown("val<|>ue = 1\n", is_invoked=True)
        assert typist.n_asked == 1


@pytest.mark.parametrize(
    "failure",
    [Reply(status=400), Reply((" a",), fault="reset in the middle"), Reply((" a",), fault="error event")],
    ids=["refused", "broken", "reported"],
)
async def test_an_answer_that_failed_is_not_remembered(failure: Reply) -> None:
    async with typing(failure, " a + b") as typist:
        assert await typist.shown(ADD) is None
        shown = None
        async with asyncio.timeout(20):
            while shown is None:  # it may be left alone for a moment
                shown = await typist.shown(ADD)
        assert shown == " a + b"


async def test_nothing_said_is_not_held_for_an_answer() -> None:
    async with typing("", " a + b") as typist:
        assert await typist.shown(ADD) is None
        assert await typist.shown(ADD) == " a + b"


async def test_the_stream_is_left_when_nothing_more_would_be_shown() -> None:
    async with typing(Reply((" a + b\n", "print"), fault="hang in the middle")) as typist:
        assert await typist.shown(ADD) == " a + b"
        await typist.endpoint.left(1)
        assert await typist.shown(ADD.replace(CURSOR, f" a{CURSOR}")) == " + b"


async def test_a_closed_document_is_forgotten() -> None:
    async with typing(HANGING, " a + b") as typist:
        first = await typist.asking(ADD)
        typist.completer.forget(at_cursor(ADD)[0].uri)
        assert await first is None
        await typist.endpoint.left(1)
        assert await typist.shown(ADD) == " a + b"
        typist.completer.forget(at_cursor(ADD)[0].uri)
        assert await typist.shown(ADD) == " a + b"
        assert typist.n_asked == 3
