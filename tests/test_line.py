"""The straight line from a keystroke to ghost text: who waits for which answer, and which is asked for anew."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest
from marks import CURSOR, at_cursor
from scripted_endpoint import Reply, Request, ScriptedEndpoint

from context import Budget, Edit, Snapshot
from lsp_server.completion import Completion, Superseded
from lsp_server.completion.asking import GRACE_S, Limits, Sources
from lsp_server.completion.line import Completer
from lsp_server.completion.prefetch import MAX_IN_VAIN
from lsp_server.endpoint.client import Endpoint
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.places import Places
from lsp_server.endpoint.probe import Flavour
from lsp_server.options import EndpointSettings, TierSettings

ADD = "def add(a, b):\n    return<|>\n"
HANGING = Reply((" a",), fault="hang in the middle")


@dataclass
class Typist:
    """Asks for completions at the cursor of documents, and knows what the endpoint was asked."""

    completer: Completer
    endpoint: ScriptedEndpoint
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    with_more: asyncio.Queue[str] = field(default_factory=asyncio.Queue)

    async def shown(self, marked: str, *, is_invoked: bool = False, uri: str = "") -> str | None:
        """The text of the completion at the cursor, which is where it goes."""
        snapshot, offset = at_cursor(marked)
        completions = await self.complete(replace(snapshot, uri=uri or snapshot.uri), offset, is_invoked=is_invoked)
        if not completions:
            return None
        assert completions[0].start == offset
        return completions[0].text + "│" * (completions[0].end - offset)

    async def complete(self, snapshot: Snapshot, offset: int, *, is_invoked: bool = False) -> list[Completion]:
        async with asyncio.timeout(20):
            return await self.completer.complete(snapshot, offset, is_invoked=is_invoked)

    async def asking(self, marked: str) -> asyncio.Task[str | None]:
        """A request that waits for the endpoint, which has it."""
        self.asked.clear()
        task = asyncio.create_task(self.shown(marked))
        await asyncio.wait_for(self.asked.wait(), 20)
        return task

    async def at_rest(self) -> None:
        """Until what was to be done at rest has been done."""
        if (pending := self.completer.prefetch.pending) is not None:
            await asyncio.wait([pending], timeout=20)

    @property
    def n_asked(self) -> int:
        return len(self.endpoint.requests)

    @property
    def prompts(self) -> list[str]:
        return [str(request.body["prompt"]) for request in self.endpoint.requests]


@asynccontextmanager
async def typing(
    *said: str | Reply,
    max_lines: int = 12,
    is_slow: bool = False,
    total_ms: int = 30_000,
    flavour: Flavour = "llama.cpp",
    first_lines_s: float = 600,
) -> AsyncIterator[Typist]:
    """A completer on an endpoint that answers with `said`, one after the other, the last one for good."""
    replies = [Reply((text,)) if isinstance(text, str) else text for text in said]
    async with ScriptedEndpoint(flavour) as scripted:
        tier = TierSettings(url=scripted.url, first_token_ms=20_000, total_ms=total_ms)
        endpoint = Endpoint("instant", tier, Places(tier).address, open_client(EndpointSettings()))
        await endpoint.prepare()
        limits = Limits(max_lines, 256, Budget(500), is_slow=is_slow, first_lines_s=first_lines_s)
        with_more: asyncio.Queue[str] = asyncio.Queue()
        sources = Sources(lambda: limits, lambda uri, offset: None)
        completer = Completer(endpoint, sources, on_more=with_more.put_nowait)
        typist = Typist(completer, scripted, with_more=with_more)

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
    for max_lines, shown in ((12, body.strip()), (2, "total = 0")):
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
        ("print(<|>)\n", "a, [b])│"),
        ("print(a, [<|>])\n", "b])││"),
    )


async def test_a_completion_goes_on_behind_brackets_that_the_editor_closed() -> None:
    await check_typed_through(
        "(a) + sum([b])",
        ("x = sum<|>\n", "(a) + sum([b])"),
        ("x = sum(<|>)\n", "a) + sum([b])│"),
        ("x = sum(a<|>)\n", ") + sum([b])│"),
        ("x = sum(a)<|>\n", " + sum([b])"),
    )
    await check_typed_through('"total")', ("print(<|>)\n", '"total")│'), ('print("<|>")\n', 'total")││'))


async def test_what_stands_behind_the_cursor_is_not_replaced() -> None:
    """Only what an editor closes by itself is: the rest of the line is the developer's."""
    await check_typed_through("a, b)", ("print(<|>, c)\n", "a, b"))
    await check_typed_through("first", ("print(<|>, 漢字)\n", "first"))


async def test_indentation_that_was_fitted_to_the_document_is_typed_through() -> None:
    await check_typed_through(
        "\tif a:\n        return b\n    return a\n",
        ("def f(a, b):\n\tx = 1\n\t<|>\n", "if a:\n\t\treturn b"),
        ("def f(a, b):\n\tx = 1\n\tif a:\n\t\t<|>\n", "return b"),
        ("def f(a, b):\n\tx = 1\n\tif a:\n\t\tret<|>\n", "urn b"),
    )


async def test_lines_are_accepted_one_by_one_in_a_document_with_crlf() -> None:
    await check_typed_through(
        " total = 0\n    for n in items:\n        total += n\n    return total",
        ("def add(items):\r\n    <|>\r\n", "total = 0\n    for n in items:\n        total += n\n    return total"),
        ("def add(items):\r\n    total = 0<|>\r\n", "\n    for n in items:\n        total += n\n    return total"),
        (
            "def add(items):\r\n    total = 0\r\n    for n in items:\r\n        <|>\r\n",
            "total += n\n    return total",
        ),
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


async def test_a_running_answer_is_adopted_however_long_it_is_silent() -> None:
    async with typing(Reply((" a", " +", " b"), first_token_ms=2_000 * GRACE_S)) as typist:
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


async def candidates(typist: Typist, marked: str) -> list[str]:
    """All that is offered to a developer who asks."""
    snapshot, offset = at_cursor(marked)
    return [one.text for one in await typist.complete(snapshot, offset, is_invoked=True)]


async def test_who_asks_gets_several_from_one_request() -> None:
    async with typing(Reply((" a + b",), others=((" a", " - b"), (" a * b",)))) as typist:
        assert await candidates(typist, ADD) == [" a + b", " a - b", " a * b"]
        assert typist.n_asked == 1
        assert typist.endpoint.requests[0].body["n"] == 3
        assert typist.endpoint.requests[0].body["temperature"] > 0
        assert await candidates(typist, ADD) == [" a + b", " a - b", " a * b"]
        assert await typist.shown(ADD.replace(CURSOR, f" a *{CURSOR}")) == " b"
        assert typist.n_asked == 1


async def test_what_is_shown_stays_first_among_several() -> None:
    async with typing(" a + b", Reply((" b",), others=((" a - b",), (" c",)))) as typist:
        assert await typist.shown(ADD) == " a + b"
        assert await candidates(typist, ADD) == [" a + b", " b", " a - b"]
        assert typist.n_asked == 2


@pytest.mark.parametrize(("n_given", "asked"), [(1, [3, 2, 1, 1]), (2, [3, 2, 2])])
async def test_an_endpoint_is_asked_for_as_many_as_it_gives(n_given: int, asked: list[int]) -> None:
    """llama.cpp refuses more than it has slots; the refusal is no news of its state."""
    async with typing(" a") as typist:

        def answer(request: Request) -> Reply:
            is_refused = request.body.get("n", 1) > n_given
            return Reply(status=400) if is_refused else Reply((" a + b",), others=((" b",),))

        typist.endpoint.answering = answer
        texts = [" a + b", " b"][:n_given]
        assert await candidates(typist, ADD) == texts
        assert typist.completer._endpoint.status.state == "ready"
        assert await candidates(typist, "x =<|>\n") == texts
        assert [request.body.get("n", 1) for request in typist.endpoint.requests] == asked


async def test_a_slow_endpoint_is_asked_for_one() -> None:
    async with typing(" a + b", is_slow=True) as typist:
        assert await candidates(typist, ADD) == [" a + b"]
        assert "n" not in typist.endpoint.requests[0].body


async def test_what_follows_is_fetched_while_a_completion_is_shown() -> None:
    async with typing(" a + b", "\n\n\nprint(add(1, 2))") as typist:
        assert await typist.shown(ADD) == " a + b"
        typist.asked.clear()
        await asyncio.wait_for(typist.asked.wait(), 20)
        assert "    return a + b<|fim_suffix|>" in typist.prompts[1]
        assert await typist.shown(ADD.replace(CURSOR, f" a{CURSOR}")) == " + b", "it is for later"
        assert await typist.shown(ADD.replace(CURSOR, f" a + b{CURSOR}")) == "\n\n\nprint(add(1, 2))"
        assert typist.n_asked == 2
        assert typist.completer.counts.prefetches == 1


async def test_what_was_fetched_ahead_is_waited_for_when_it_is_reached() -> None:
    async with typing(" a + b", Reply(("\n\n", "\nprint()"), first_token_ms=200)) as typist:
        assert await typist.shown(ADD) == " a + b"
        typist.asked.clear()
        await asyncio.wait_for(typist.asked.wait(), 20)
        assert await typist.shown(ADD.replace(CURSOR, f" a + b{CURSOR}")) == "\n\n\nprint()"
        assert typist.n_asked == 2
        assert typist.endpoint.n_left == 0


async def test_what_was_fetched_ahead_is_dropped_when_the_typing_goes_another_way() -> None:
    async with typing(" a + b", HANGING, " * 2") as typist:
        assert await typist.shown(ADD) == " a + b"
        typist.asked.clear()
        await asyncio.wait_for(typist.asked.wait(), 20)
        assert await typist.shown(ADD.replace(CURSOR, f" a -{CURSOR}")) == " * 2"
        await typist.endpoint.left(1)


async def test_nothing_is_fetched_ahead_for_who_does_not_come_to_it() -> None:
    async with typing(" a + b") as typist:
        for n in range(MAX_IN_VAIN + 3):
            await typist.shown(f"value_{n} =<|>\n", uri=f"file:///work/{n}.py")
            await typist.at_rest()
        assert typist.completer.counts.prefetches == MAX_IN_VAIN
        typist.completer.counts.accepted += 1
        await typist.shown("last =<|>\n", uri="file:///work/last.py")
        await typist.at_rest()
        assert typist.completer.counts.prefetches == MAX_IN_VAIN + 1


async def test_a_slow_endpoint_is_not_asked_ahead() -> None:
    async with typing(" a + b", is_slow=True) as typist:
        assert await typist.shown(ADD) == " a + b"
        await typist.at_rest()
        assert typist.n_asked == 1


async def test_a_place_the_cursor_comes_to_is_read_once() -> None:
    async with typing(" a + b") as typist:
        snapshot, offset = at_cursor(ADD)
        typist.completer.moved(snapshot, offset)
        await asyncio.wait_for(typist.asked.wait(), 20)
        assert typist.endpoint.requests[0].body["max_tokens"] == 1
        assert await typist.shown(ADD) == " a + b"
        typist.completer.moved(snapshot, offset)
        await typist.at_rest()
        assert [request.body["max_tokens"] == 1 for request in typist.endpoint.requests][:3].count(True) == 1


async def test_what_is_asked_for_stops_a_warm_up() -> None:
    async with typing(HANGING, " a + b") as typist:
        typist.completer.moved(*at_cursor(ADD))
        await asyncio.wait_for(typist.asked.wait(), 20)
        assert await typist.shown(ADD) == " a + b"
        await typist.endpoint.left(1)


async def test_letters_of_an_input_method_ask_for_nothing() -> None:
    """Pinyin stands in the document while its word is chosen, each step in place of the one before."""
    async with typing(" = 1") as typist:
        uri = at_cursor("<|>")[0].uri
        typist.completer.typed(uri, Edit(0, 0, "n"))
        typist.completer.typed(uri, Edit(0, 1, "ni"))
        assert await typist.shown("ni<|>\n") is None
        assert typist.n_asked == 0
        typist.completer.typed(uri, Edit(0, 2, "你"))
        assert await typist.shown("你<|>\n") == " = 1"


@pytest.mark.parametrize("line_break", ["\n", "\r\n"])
async def test_the_first_lines_of_a_block_are_shown_while_the_rest_arrives(line_break: str) -> None:
    def place(body: str) -> str:
        return f"# 合計 🎉\ndef add(items):\n    {body}{CURSOR}\n".replace("\n", line_break)

    more = asyncio.Event()
    pieces = " total = 0  # 🎉\n    for n in", " items:\n        total += n\n    return total\n"
    async with typing(Reply(pieces, more=more), first_lines_s=0) as typist:
        assert await typist.shown(place("")) == "total = 0  # 🎉"
        assert await typist.shown(place("total")) == " = 0  # 🎉"
        accepted = asyncio.create_task(typist.shown(place("total = 0  # 🎉")))
        more.set()
        assert await accepted == "\n    for n in items:\n        total += n\n    return total"
        assert typist.with_more.empty(), "who waits for the rest has it"
        counts = typist.completer.counts
        assert (counts.requests, counts.shown, counts.tokens_shown) == (1, 1, 2)
        assert counts.chars_shown == len("".join(pieces).strip())
        assert typist.endpoint.n_left == 0


@pytest.mark.parametrize(
    ("marked", "pieces", "shown"),
    [
        (
            "def add(items):\n    <|>\n",
            (" for n in items:\n        tot", "al += n\n"),
            "for n in items:\n        total += n",
        ),
        ("x =<|>\n", (" sum(\n    a,\n", "    b,\n)\n"), " sum(\n    a,\n    b,\n)"),
        ("def add(a):\n    <|>\n", (" return", " a\n"), "return a"),
    ],
    ids=["header", "brackets", "line"],
)
async def test_first_lines_that_say_nothing_alone_wait_for_more(
    marked: str, pieces: tuple[str, str], shown: str
) -> None:
    more = asyncio.Event()
    async with typing(Reply(pieces, more=more), first_lines_s=0) as typist:
        task = await typist.asking(marked)
        more.set()
        assert await task == shown


async def test_who_looks_at_first_lines_is_told_that_the_rest_is_there() -> None:
    more = asyncio.Event()
    async with typing(Reply((" a = 0\n    b", " = 1\n"), more=more), first_lines_s=0) as typist:
        assert await typist.shown("def f():\n    <|>\n", uri="file:///work/f.py") == "a = 0"
        more.set()
        assert await asyncio.wait_for(typist.with_more.get(), 20) == "file:///work/f.py"
        assert await typist.shown("def f():\n    <|>\n", uri="file:///work/f.py") == "a = 0\n    b = 1"
        assert typist.n_asked == 1


async def test_first_lines_stay_where_the_rest_is_no_code() -> None:
    more = asyncio.Event()
    rest = " = = 2\n" + "".join(f"    d{n} = = {n}\n" for n in range(6))
    async with typing(Reply((" a = 0\n    b = 1\n    c", rest), more=more), first_lines_s=0) as typist:
        assert await typist.shown("def f():\n    <|>\n") == "a = 0\n    b = 1"
        accepted = asyncio.create_task(typist.shown("def f():\n    a = 0\n    b = 1<|>\n"))
        more.set()
        await accepted
        assert await typist.shown("def f():\n    a<|>\n") == " = 0\n    b = 1"


async def test_first_lines_stay_where_the_rest_never_comes() -> None:
    more = asyncio.Event()
    lines = Reply((" a = 0\n    b = 1\n    c",), fault="reset in the middle", more=more)
    async with typing(lines, first_lines_s=0) as typist:
        assert await typist.shown("def f():\n    <|>\n") == "a = 0\n    b = 1"
        assert await typist.shown("def f():\n    a<|>\n") == " = 0\n    b = 1"


async def test_who_asks_is_shown_another_answer_while_first_lines_are_on_screen() -> None:
    automatic, asked_for = Reply((" a = 0\n    b = 1\n", "    return b\n")), Reply((" c = 0\n", "    return c\n"))
    async with typing(automatic, asked_for, is_slow=True, first_lines_s=0) as typist:
        assert (await typist.shown("def f():\n    <|>\n") or "").startswith("a = 0")
        snapshot, offset = at_cursor("def f():\n    <|>\n")
        texts = [one.text for one in await typist.complete(snapshot, offset, is_invoked=True)]
        assert [text.split(" ")[0] for text in texts] == ["a", "c"]
        assert texts[1] == "c = 0\n    return c"


async def test_a_block_that_goes_on_is_closed_when_the_typing_leaves_its_first_lines() -> None:
    first = Reply((" total = 0\n    for n in",), fault="hang in the middle")
    async with typing(first, " yes", first_lines_s=0) as typist:
        assert await typist.shown("def add(items):\n    <|>\n") == "total = 0"
        assert typist.endpoint.n_left == 0
        await typist.shown("def add(items):\n    is_any =<|>\n")
        await typist.endpoint.left(1)
        assert typist.with_more.empty()


async def test_an_older_answer_with_nothing_to_show_is_not_taken_for_the_one_that_was_asked() -> None:
    async with typing(" y", " 1", first_lines_s=0.01) as typist:
        uri = at_cursor(CURSOR)[0].uri
        assert await typist.shown("x =<|>\nx = y\n") is None
        for edit in (Edit(0, 0, "n"), Edit(0, 1, "ni"), Edit(0, 2, "你")):  # after which it is waited before asking
            typist.completer.typed(uri, edit)
        assert await typist.shown("x = <|>\nx = y\n") == "1"


async def test_more_lines_that_are_not_shown_are_not_told_of() -> None:
    more = asyncio.Event()
    cut, whole = (" a = 0\n    return a\n", "def g():\n"), (" a = 0\n", "    return a\n")
    async with typing(Reply(cut, more=more), Reply(whole, more=more), first_lines_s=0) as typist:
        assert await typist.shown("def f():\n    <|>\n", uri="file:///cut.py") == "a = 0\n    return a"
        assert await typist.shown("def f():\n    <|>\n", uri="file:///whole.py") == "a = 0"
        more.set()
        assert await asyncio.wait_for(typist.with_more.get(), 20) == "file:///whole.py"


async def test_at_the_total_deadline_whole_lines_are_kept() -> None:
    slow = Reply((" total = 0\n", "    other = 1\n", "    tot"), fault="hang in the middle")
    async with typing(slow, total_ms=500) as typist:
        assert await typist.shown("def add(items):\n    <|>\n") == "total = 0\n    other = 1"
        await typist.endpoint.left(1)


async def test_another_model_answers_anew() -> None:
    async with typing(" a", " b", flavour="vllm") as typist:
        assert await typist.shown("x =<|>\n") == " a"
        typist.endpoint.model = "another"
        assert await typist.shown("y =<|>\n", uri="file:///work/other.py") is None, "the old one is asked for"
        assert await typist.shown("y =<|>\n", uri="file:///work/other.py") == " b"
        assert await typist.shown("x =<|>\n") == " b"


async def test_it_is_counted_what_answers_cost_and_gave() -> None:
    async with typing(Reply((" a", " + b", "\n", "print", "()", "\n")), "\n") as typist:
        assert await typist.shown(ADD) == " a + b"
        assert await typist.shown(ADD.replace(CURSOR, f" a{CURSOR}")) == " + b"
        counts = typist.completer.counts
        assert (counts.requests, counts.from_memory, counts.shown) == (1, 1, 1)
        assert counts.tokens == counts.tokens_shown + counts.tokens_beyond
        assert counts.tokens_shown == 3  # the line break that ends an answer is a part of it


async def test_a_request_for_a_document_that_is_closed_at_once_is_answered() -> None:
    async with typing(" a + b") as typist:
        snapshot, offset = at_cursor(ADD)
        request = asyncio.create_task(typist.complete(snapshot, offset))
        await asyncio.sleep(0)  # it has been taken, and nothing has been asked yet
        typist.completer.forget(snapshot.uri)
        assert await request == []
        assert typist.n_asked == 0


KEY = "AKIA" + "Q3EGRRSIUZ7YKLT5"


async def test_a_secret_is_taken_out_of_the_prompt_and_put_back_where_it_is_copied() -> None:
    async with typing(Reply(())) as typist:

        def copy(request: Request) -> Reply:
            said = str(request.body["prompt"]).split('key = "')[1].split('"')[0]
            return Reply((f' f("{said[:5]}', f'{said[5:]}")\n', "rest"))

        typist.endpoint.answering = copy
        assert await typist.shown(f'key = "{KEY}"\ncall =<|>\n') == f' f("{KEY}")'
        assert KEY not in typist.prompts[0]
        assert KEY not in str(typist.endpoint.requests[0].body)


async def test_nothing_is_asked_inside_a_secret() -> None:
    async with typing(" a") as typist:
        for at in (len(KEY), len(KEY) - 2):
            assert await typist.shown(f'key = "{KEY[:at]}<|>{KEY[at:]}"\n') is None
        assert await typist.shown(f'key = "{KEY[:-2]}<|>{KEY[-2:]}"\n', is_invoked=True) is None
        assert typist.n_asked == 0
