"""Several places for one tier, what each request says of itself, and what becomes of each refusal."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Reply, ScriptedEndpoint
from wire import open_editor

from context.tokens import n_tokens
from context.window import ContextWindow
from lsp_server.endpoint import Address, EndpointError, Status, wire
from lsp_server.endpoint.backoff import Backoff
from lsp_server.endpoint.client import Endpoint
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.places import CHECK_S, MAX_LATE, Places
from lsp_server.endpoint.purpose import Feature, Purpose
from lsp_server.options import EndpointSettings, TierSettings

WINDOW = ContextWindow("a.py", "python", "def f(a, b):\n    return", "\n")
BUSY = Reply(status=503)


@dataclass
class Tier:
    """A tier at several places; `now_s` is the clock of the choice between them and of the back-off."""

    places: tuple[ScriptedEndpoint, ...]
    endpoint: Endpoint
    now_s: list[float]
    statuses: list[Status] = field(default_factory=list)

    async def fails(self, feature: Feature = "completion") -> EndpointError:
        """What a completion fails with; it must."""
        with pytest.raises(EndpointError) as caught:
            await self.ask(feature)
        return caught.value

    async def ask(self, feature: Feature = "completion") -> str:
        async with self.endpoint.complete(WINDOW, max_tokens=8, purpose=Purpose(feature)) as answer:
            return await answer.text()

    async def asked(self, n: int) -> list[int]:
        """At which place each of so many completions was answered."""
        return [await self._where() for _ in range(n)]

    async def look_again(self) -> None:
        """Time goes by, and a request lets the choice be looked at, beside it."""
        self.now_s[0] += CHECK_S + 1
        await self.ask()
        preparing = self.endpoint._link._preparing
        if preparing is not None:
            await asyncio.wait([preparing])

    async def _where(self) -> int:
        before = [n_answered(place) for place in self.places]
        assert await self.ask() == " a + b"
        grown = [n for n, place in enumerate(self.places) if n_answered(place) > before[n]]
        assert len(grown) == 1, "one place answers"
        return grown[0]


def n_answered(place: ScriptedEndpoint) -> int:
    return len(place.of("/v1/completions"))


@asynccontextmanager
async def tier_at(*places: ScriptedEndpoint, **options: Any) -> AsyncIterator[Tier]:
    """A tier that the settings say is served at these places, best first."""
    urls = [place.url for place in places]
    settings = TierSettings(url=urls[0], fallback_urls=tuple(urls[1:]), **options)
    client = open_client(EndpointSettings())
    now_s, statuses = [1_000.0], []
    clock = lambda: now_s[0]  # noqa: E731
    chosen = Places(settings, partial(wire.is_healthy, client), clock=clock)
    backoff = Backoff(clock, jitter=lambda: 0.5)
    endpoint = Endpoint(
        *("instant", settings, chosen.address, client, statuses.append), lost=chosen.lost, backoff=backoff
    )
    try:
        yield Tier(places, endpoint, now_s, statuses)
    finally:
        await endpoint.aclose()


# Several places


async def test_all_is_asked_at_one_place_as_long_as_it_answers() -> None:
    """A prefix cache is worth most where the whole conversation is."""
    async with ScriptedEndpoint() as best, ScriptedEndpoint() as second, tier_at(best, second) as tier:
        assert await tier.asked(5) == [0] * 5
        assert second.n_connections == 0


@pytest.mark.parametrize("fault", ["gone", "busy", "busy from the beginning"])
async def test_a_place_that_fails_costs_nobody_an_answer(fault: str) -> None:
    async with ScriptedEndpoint() as best, ScriptedEndpoint() as second, tier_at(best, second) as tier:
        if fault != "busy from the beginning":
            assert await tier.asked(1) == [0]
        if fault == "gone":
            await best.stop()
        best.reply = BUSY
        assert await tier.ask() == " a + b"
        assert await tier.asked(3) == [1] * 3
        assert "down" not in [status.state for status in tier.statuses]


async def test_a_place_that_is_healthy_again_is_taken_again() -> None:
    """Not at the first sign of life, and while nobody waits for it."""
    async with ScriptedEndpoint() as best, ScriptedEndpoint() as second, tier_at(best, second) as tier:
        assert await tier.asked(1) == [0]
        await best.stop()
        assert await tier.asked(2) == [1] * 2
        await tier.look_again()
        assert await tier.asked(1) == [1]
        async with best:
            assert await tier.asked(3) == [1] * 3
            await tier.look_again()
            assert await tier.asked(1) == [1]
            await tier.look_again()
            assert await tier.asked(3) == [0] * 3


async def test_a_place_that_answers_but_is_not_healthy_is_left_alone() -> None:
    async with ScriptedEndpoint() as best, ScriptedEndpoint() as second, tier_at(best, second) as tier:
        best.reply, best.is_healthy = BUSY, False
        await tier.ask()
        for _ in range(4):
            await tier.look_again()
        assert await tier.asked(2) == [1] * 2
        assert n_answered(best) == 1


async def test_the_second_place_fails_in_turn() -> None:
    third = ScriptedEndpoint()
    async with ScriptedEndpoint() as best, ScriptedEndpoint() as second, third, tier_at(best, second, third) as tier:
        best.reply = second.reply = BUSY
        assert await tier.ask() == " a + b"
        assert await tier.asked(2) == [2] * 2


async def test_where_every_place_fails_it_is_told_once_and_each_is_tried_once() -> None:
    async with ScriptedEndpoint() as best, ScriptedEndpoint() as second, tier_at(best, second) as tier:
        best.reply = second.reply = BUSY
        assert (await tier.fails()).kind == "overloaded"
        for _ in range(3):
            await tier.fails()
        assert [n_answered(best), n_answered(second)] == [1, 1]
        assert [status.state for status in tier.statuses][-1] == "down"
        second.reply = best.reply = Reply()
        tier.now_s[0] += 3600
        assert await tier.ask() == " a + b"
        assert tier.statuses[-1].state == "ready"


@pytest.mark.parametrize("status", [400, 401, 403, 413, 429])
async def test_what_another_place_would_say_too_is_not_asked_there(status: int) -> None:
    """A rate limit above all is not dodged."""
    async with ScriptedEndpoint() as best, ScriptedEndpoint() as second, tier_at(best, second) as tier:
        best.replies = [Reply(status=status)]
        await tier.fails()
        assert second.n_connections == 0


async def test_a_place_that_hangs_is_left_after_a_while() -> None:
    """Some first tokens that come too late within a minute are no accident; one now and then is."""
    now_s = [0.0]
    settings = TierSettings(url="http://best/v1", fallback_urls=("http://second/v1",))
    places, late = Places(settings, clock=lambda: now_s[0]), EndpointError("timeout", "Too late.")
    for pause_s, expected in ((61, False), (20, True)):
        asked = []
        now_s[0] += 61
        for _ in range(MAX_LATE):
            now_s[0] += pause_s
            asked.append(places.lost(await places.address(), late))
        assert asked == [False] * (MAX_LATE - 1) + [expected]
    assert (await places.address()).url == "http://second/v1"


async def test_a_place_that_breaks_in_the_middle_is_left_for_the_next_request() -> None:
    async with ScriptedEndpoint() as best, ScriptedEndpoint() as second, tier_at(best, second) as tier:
        await tier.endpoint.prepare()
        best.reply = Reply(("half",), fault="reset in the middle")
        assert (await tier.fails()).kind == "unreachable"
        tier.now_s[0] += 1
        assert await tier.asked(2) == [1] * 2


async def test_two_who_look_for_a_better_place_at_once_both_find_it() -> None:
    """The one waits for the first place while the other finds the second one well."""
    now_s, first_asked, answer = [0.0], asyncio.Event(), asyncio.Event()

    async def is_healthy(address: Address) -> bool:
        if "first" in address.url and now_s[0] > 2 * CHECK_S:
            first_asked.set()
            await answer.wait()
        return "second" in address.url

    settings = TierSettings(url="http://first/v1", fallback_urls=("http://second/v1", "http://third/v1"))
    places = Places(settings, is_healthy, clock=lambda: now_s[0])
    for _ in range(2):
        places.lost(await places.address(), EndpointError("unreachable", "Gone."))
    now_s[0] = 1.5 * CHECK_S
    assert (await places.address()).url == "http://third/v1"
    now_s[0] = 3 * CHECK_S
    one = asyncio.create_task(places.address())
    await first_asked.wait()
    assert (await places.address()).url == "http://second/v1"
    answer.set()
    assert (await one).url == "http://second/v1"


async def test_many_requests_at_once_move_to_one_place_together() -> None:
    third = ScriptedEndpoint()
    async with ScriptedEndpoint() as best, ScriptedEndpoint() as second, third, tier_at(best, second, third) as tier:
        await tier.endpoint.prepare()
        await best.stop()
        assert await asyncio.gather(*(tier.ask() for _ in range(8))) == [" a + b"] * 8
        assert [n_answered(second), n_answered(third)] == [8, 0]


# What each request says of itself


async def test_each_request_names_its_session_its_feature_and_itself() -> None:
    features: tuple[Feature, ...] = ("completion", "explain", "fix", "tests")
    async with ScriptedEndpoint() as scripted, tier_at(scripted) as tier:
        for feature in features:
            await tier.ask(feature)
        async with tier.endpoint.chat(
            [{"role": "user", "content": "Why?"}],
            max_tokens=8,
            purpose=Purpose("explain", "file:///home/ada/secret.py"),
        ) as answer:
            await answer.text()
        await tier.endpoint.warm(WINDOW, "file:///home/ada/secret.py")
        sent = [request.headers for request in scripted.requests]
    assert [one["x-instant-feature"] for one in sent] == [*features, "explain", "completion"]
    assert len({one["x-request-id"] for one in sent}) == len(sent)
    assert len({one["x-session-affinity"] for one in sent}) == 1
    for one in sent:
        assert re.fullmatch(r"[0-9a-f]{16}", one["x-request-id"])
        assert re.fullmatch(r"[0-9a-f]{32}", one["x-session-affinity"])
        assert not re.search(r"secret\.py|ada", " ".join(one.values()))


async def test_questions_about_the_endpoint_are_probes() -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted) as tier:
        await tier.endpoint.prepare()
        await wire.is_healthy(open_client(EndpointSettings()), await tier.endpoint._link._resolve())
        assert [one.headers["x-instant-feature"] for one in scripted.of("/health")] == ["probe"]


async def test_two_editors_have_two_affinities(tmp_path: Path) -> None:
    async with ScriptedEndpoint() as scripted:
        for _ in range(2):
            async with open_editor("neovim", tmp_path, url=scripted.url) as editor:
                await editor.status("ready")
                document = editor.open("def add(a, b):\n    return<|>\n")
                assert await document.ghost() == " a + b"
        affinities = [request.headers["x-session-affinity"] for request in scripted.requests]
    assert len(set(affinities)) == 2


# What becomes of a refusal


async def test_a_feature_that_the_role_lacks_leaves_the_others() -> None:
    """It is asked for once, and the status says so while everything else works."""
    async with ScriptedEndpoint() as scripted, tier_at(scripted) as tier:
        await tier.ask()
        scripted.replies = [Reply(status=403)]
        for _ in range(3):
            assert (await tier.fails("explain")).kind == "forbidden"
        assert len(scripted.requests) == 2
        assert await tier.ask() == " a + b"
        assert tier.statuses[-1].state == "ready"
        assert "role may not" in tier.statuses[-1].message
        tier.now_s[0] += 3600
        assert await tier.ask("explain") == " a + b"
        assert "role may not" not in tier.statuses[-1].message


async def test_completions_that_the_role_lacks_are_told_and_not_asked_for_again() -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted) as tier:
        await tier.endpoint.prepare()
        scripted.reply = Reply(status=403)
        for _ in range(3):
            await tier.fails()
        assert len(scripted.requests) == 1
        assert [status.state for status in tier.statuses] == ["starting", "ready", "down"]
        assert "ask who runs it" in tier.statuses[-1].message


async def test_a_prompt_that_is_too_large_is_followed_by_half_of_it(tmp_path: Path) -> None:
    text = "".join(f"total_{n} = price_{n} * amount_{n}\n" for n in range(400))
    async with ScriptedEndpoint() as scripted, open_editor("neovim", tmp_path, url=scripted.url) as editor:
        await editor.status("ready")
        document = editor.open(f"{text}last =<|>\n")
        assert await document.ghost() == " a + b"
        most = 0.6 * n_tokens(scripted.of("/v1/completions")[-1].body["prompt"])
        scripted.answering = lambda request: Reply(status=413 if n_tokens(request.body["prompt"]) > most else 200)
        for _ in range(3):  # the endpoint's count is learned from the first answer, so the next prompt is longer
            document.type(" price_1\nmore =")
            shown = await document.ghost()
        assert shown == " a + b"
        first, *others = [n_tokens(request.body["prompt"]) for request in scripted.of("/v1/completions")[1:]]
        assert [after <= 0.55 * before for before, after in pairwise([first, *others])] == [True, True]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_retry_after_is_waited_for(status: int) -> None:
    async with ScriptedEndpoint() as scripted, tier_at(scripted) as tier:
        scripted.replies = [Reply(status=status, headers={"Retry-After": "20"})]
        await tier.fails()
        tier.now_s[0] += 19
        await tier.fails()
        assert len(scripted.requests) == 1
        assert tier.statuses[-1].state == "down"
        tier.now_s[0] += 1.1
        assert await tier.ask() == " a + b"


@pytest.mark.parametrize("status", [401, 403, 429, 503])
async def test_nothing_pops_up(tmp_path: Path, status: int) -> None:
    """A refusal is the status item's to show; the editor block fails on any message to the user."""
    async with ScriptedEndpoint() as scripted, open_editor("vscode", tmp_path, url=scripted.url) as editor:
        await editor.status("ready")
        document = editor.open("def add(a, b):\n    return<|>\n")
        scripted.reply = Reply(status=status)
        assert await document.ghost() is None
        told = await editor.status("down")
        assert str(status) in told["message"]
        await editor.logged(str(status))
