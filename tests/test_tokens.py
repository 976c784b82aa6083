"""Tokens: where they are read, when they are read again, and that nobody but the endpoint is told one."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import keyring
import keyring.backend
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted_endpoint import ScriptedEndpoint
from wire import open_editor

from context.window import ContextWindow
from lsp_server.endpoint import EndpointError, Status, tokens
from lsp_server.endpoint.backoff import Backoff
from lsp_server.endpoint.client import Endpoint
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.places import Places
from lsp_server.endpoint.tokens import TokenSource, claims, source
from lsp_server.options import EndpointSettings, TierSettings

WINDOW = ContextWindow("a.py", "python", "def f(a, b):\n    return", "\n")
SECRET = "eyJ-never-told"


async def check_read(**tier: Any) -> str | None:
    """The token that a tier with these options sends; raises EndpointError."""
    return (await source(TierSettings(**tier)).get()).value


def jwt(**told: Any) -> str:
    """A token as gateways take it, signed by nobody."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "typ": "JWT"}, told)]
    return ".".join([*(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts), "c2lnbmF0dXJl"])


def printing(text: str, code: int = 0) -> tuple[str, ...]:
    return (sys.executable, "-c", f"import sys; sys.stdout.write({text!r}); sys.exit({code})")


async def test_each_source_gives_its_token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, store: Store) -> None:
    (tmp_path / "token").write_text(f"{SECRET}\n")
    monkeypatch.setenv("GPU_TOKEN", SECRET)
    monkeypatch.setenv("HOME", str(tmp_path))
    store.set_password("instant-lsp/dev", "me", SECRET)
    for options in (
        {"token_env": "GPU_TOKEN"},
        {"token_file": str(tmp_path / "token")},
        {"token_file": "~/token"},
        {"token_keyring": "instant-lsp/dev/me"},
        {"token_command": printing(f"\n{SECRET}\r\n")},
    ):
        assert await check_read(**options) == SECRET
    assert await check_read() is None


async def test_of_several_sources_the_first_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_TOKEN", "of-the-environment")
    options = {"token_env": "GPU_TOKEN", "token_file": "/nowhere", "token_command": ("false",)}
    assert await check_read(**options) == "of-the-environment"


@pytest.mark.parametrize(
    ("options", "todo"),
    [
        ({"token_env": "NO_SUCH_VARIABLE"}, "no token in the environment variable NO_SUCH_VARIABLE: put one there"),
        ({"token_file": "/no/such/file"}, "/no/such/file cannot be read: No such file"),
        ({"token_file": "/"}, "cannot be read: Is a directory"),
        ({"token_file": "/dev/null"}, "no token in the file /dev/null"),
        ({"token_keyring": "service/nobody"}, "no token in the key store's entry service/nobody"),
        ({"token_keyring": "locked/me"}, r"gives no token \(LockedError\): unlock it"),
        ({"token_command": ("/no/such/command", SECRET)}, "command cannot be run: No such file"),
        ({"token_command": ("a\0b",)}, "cannot be run: its name cannot be used"),
        ({"token_command": printing(SECRET, code=3)}, r"has failed \(3\): run it in a terminal"),
        ({"token_command": printing("")}, "There is no token in what python"),
        ({"token_command": printing(f"Your token is\n{SECRET}")}, "holds characters that no token has"),
        ({"token_command": printing(f"{SECRET}é")}, "holds characters that no token has"),
    ],
)
@pytest.mark.usefixtures("store")
async def test_a_source_without_a_token_is_told_plainly(options: dict[str, Any], todo: str) -> None:
    with pytest.raises(EndpointError, match=todo) as caught:
        await check_read(**options)
    assert caught.value.kind == "auth"
    assert SECRET not in str(caught.value)
    assert str(caught.value).endswith(".")


async def test_a_command_is_run_without_a_shell(tmp_path: Path) -> None:
    aside = tmp_path / "aside"
    assert await check_read(token_command=("echo", f"$(touch${{IFS}}{aside});x")) == f"$(touch${{IFS}}{aside});x"
    assert not aside.exists()


async def test_a_command_that_hangs_is_stopped_with_what_it_started(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(tokens, "COMMAND_TIMEOUT_S", 1.0)
    held = tmp_path / "held"
    os.mkfifo(held)
    released = asyncio.create_task(asyncio.to_thread(held.read_bytes))
    with pytest.raises(EndpointError, match="has not ended within 1 seconds"):
        await check_read(token_command=("sh", "-c", f"sleep 600 > {held} & wait"))
    async with asyncio.timeout(10):
        await released


@dataclass
class Source:
    """A source whose token and clock a test sets."""

    token: str = "first"
    now_s: float = 1_000_000.0
    n_readings: int = 0
    failure: EndpointError | None = None

    async def read(self) -> str:
        self.n_readings += 1
        if self.failure is not None:
            raise self.failure
        return self.token

    def opened(self, pause_s: float = 0.0) -> TokenSource:
        return TokenSource("a test", self.read, pause_s=pause_s, clock=lambda: self.now_s)


async def test_a_token_is_read_again_before_it_expires() -> None:
    """A minute before its end, or in the last fifth of a short life; until then it is not read at all."""
    for life_s, lead_s in ((3600, 60), (100, 20)):
        given = Source(now_s=0)
        given.token = jwt(iat=0, exp=life_s, sub="first")
        opened = given.opened()
        for now_s in (0, 1, life_s - lead_s - 1):
            given.now_s = now_s
            assert (await opened.get()).value == given.token
        assert given.n_readings == 1
        given.now_s, given.token = life_s - lead_s, jwt(iat=life_s, exp=2 * life_s, sub="second")
        assert (await opened.get()).value == given.token


async def test_a_renewal_that_fails_leaves_the_token_until_its_end() -> None:
    given = Source(jwt(iat=1_000_000, exp=1_000_600))
    opened = given.opened()
    first = await opened.get()
    given.failure, given.now_s = EndpointError("auth", "The vault is closed."), 1_000_590.0
    assert await opened.get() is first
    given.now_s = 1_000_600.0
    with pytest.raises(EndpointError, match="The vault is closed"):
        await opened.get()
    given.failure, given.token = None, "second"
    assert (await opened.get()).value == "second"


async def test_a_refused_token_is_read_once_more_and_then_kept_back() -> None:
    given = Source()
    opened = given.opened()
    assert opened.refuse((await opened.get()).value)
    with pytest.raises(EndpointError, match=r"does not take the token \(401\): put a valid one into a test"):
        await opened.get()
    given.token = "second"
    assert (await opened.get()).value == "second"
    assert opened.refuse("first"), "what was sent before the new one was read"
    assert (await opened.get()).value == "second"


async def test_a_refused_token_is_tried_again_after_a_while() -> None:
    given = Source()
    opened = given.opened()
    opened.refuse((await opened.get()).value)
    given.now_s += tokens.REFUSED_S
    assert (await opened.get()).value == "first"


async def test_a_source_that_runs_something_is_left_alone_for_a_while() -> None:
    given = Source(failure=EndpointError("auth", "The vault is closed."))
    opened = given.opened(pause_s=30)
    for _ in range(3):
        with pytest.raises(EndpointError, match="vault"):
            await opened.get()
    assert given.n_readings == 1
    given.now_s, given.failure = given.now_s + 30, None
    assert (await opened.get()).value == "first"


@given(st.one_of(st.none(), st.text(), st.lists(st.text(), max_size=4).map(".".join), st.binary().map(repr)))
def test_claims_of_anything_are_a_mapping(token: str | None) -> None:
    assert isinstance(dict(claims(token)), dict)


@pytest.mark.parametrize("expires", ["soon", None, True, 1e308, 10**18, -5, [1]])
async def test_a_strange_expiry_is_survived(expires: Any) -> None:
    given = Source(jwt(exp=expires, roles=["dev"]))
    opened = given.opened()
    assert (await opened.get()).value == given.token
    assert claims(given.token)["roles"] == ["dev"]


@dataclass
class Tier:
    """An Endpoint with its statuses; the token lies in a file."""

    endpoint: Endpoint
    scripted: ScriptedEndpoint
    file: Path
    told: asyncio.Queue[Status]
    states: list[str] = field(default_factory=list)

    async def ask(self) -> str:
        async with self.endpoint.complete(WINDOW, max_tokens=8) as answer:
            return await answer.text()

    async def until(self, state: str) -> Status:
        async with asyncio.timeout(10):
            while True:
                status = await self.told.get()
                self.states.append(status.state)
                if status.state == state:
                    return status


async def tier_with(scripted: ScriptedEndpoint, tmp_path: Path, token: str) -> Tier:
    file = tmp_path / "token"
    file.write_text(token)
    settings = TierSettings(url=scripted.url, token_file=str(file))
    places = Places(settings)
    told: asyncio.Queue[Status] = asyncio.Queue()
    client = open_client(EndpointSettings())
    endpoint = Endpoint(
        *("instant", settings, places.address, client, told.put_nowait),
        lost=places.lost,
        backoff=Backoff(lambda: 0.0),
        recovery_s=0.01,
    )
    return Tier(endpoint, scripted, file, told)


async def test_a_rotated_token_costs_nobody_an_answer(tmp_path: Path) -> None:
    async with ScriptedEndpoint(token="old") as scripted:
        tier = await tier_with(scripted, tmp_path, "old")
        assert await tier.ask() == " a + b"
        scripted.token = "new"
        tier.file.write_text("new")
        assert await tier.ask() == " a + b"
        await tier.until("ready")
        assert tier.told.empty()
        await tier.endpoint.aclose()


async def test_a_refused_token_is_not_sent_again_until_it_changes(tmp_path: Path) -> None:
    """One status says what to do; once the file holds another token, all works without a keystroke."""
    async with ScriptedEndpoint(token="valid") as scripted:
        tier = await tier_with(scripted, tmp_path, SECRET)
        with pytest.raises(EndpointError) as caught:
            await tier.ask()
        assert caught.value.kind == "auth"
        n_connections = scripted.n_connections
        for _ in range(5):
            with pytest.raises(EndpointError, match="401"):
                await tier.ask()
        assert (scripted.n_connections, scripted.requests) == (n_connections, [])
        status = await tier.until("down")
        assert "put a valid one into the file" in status.message
        assert SECRET not in status.message
        tier.file.write_text("valid")
        await tier.until("ready")
        assert tier.states == ["starting", "down", "ready"]
        assert await tier.ask() == " a + b"
        await tier.endpoint.aclose()


async def test_a_token_is_renewed_while_requests_go_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The next token is read beside them, before the last one ends, and the endpoint is not probed again for it."""
    monkeypatch.setattr(tokens, "LEAST_S", 0.0)
    old, new = (jwt(iat=int(time.time()) - 3600, exp=int(time.time()) + life_s) for life_s in (50, 3600))
    async with ScriptedEndpoint() as scripted:
        tier = await tier_with(scripted, tmp_path, old)
        await tier.endpoint.prepare()
        scripted.without = ("/v1/models",)
        tier.file.write_text(new)
        async with asyncio.timeout(10):
            while not scripted.requests or scripted.requests[-1].headers["authorization"] != f"Bearer {new}":
                assert await tier.ask() == " a + b"
        assert scripted.requests[0].headers["authorization"] == f"Bearer {old}"
        await tier.endpoint.aclose()


def arguments_of(pid: int) -> bytes:
    """What everybody on this machine can see of a process."""
    arguments = Path(f"/proc/{pid}/cmdline")
    return arguments.read_bytes() if arguments.exists() else b""


async def test_no_token_is_told_to_anybody(tmp_path: Path) -> None:
    """Neither the log nor the editor nor the process's own arguments hold it, whatever is wrong with it."""
    (tmp_path / "token").write_text(SECRET)
    environment = {"INSTANT_LSP_ENDPOINT_INSTANT_TOKEN_FILE": str(tmp_path / "token")}
    async with ScriptedEndpoint(token="another") as scripted:
        options = {"log": {"level": "debug"}}
        async with open_editor(
            "neovim", tmp_path, url=scripted.url, environment=environment, options=options
        ) as editor:
            status = await editor.status("down")
            assert "401" in status["message"]
            assert SECRET.encode() not in arguments_of(editor.process.pid)
            await editor.logged("401")
            assert SECRET.encode() not in editor.spoken


class Store(keyring.backend.KeyringBackend):
    """A key store of the kind that `keyring` finds on a system."""

    priority = 1  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.entries: dict[tuple[str, str], str] = {}

    def get_password(self, service: str, username: str) -> str | None:
        if service == "locked":
            raise LockedError(SECRET)
        return self.entries.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        self.entries[service, username] = password


class LockedError(Exception):
    pass


@pytest.fixture
def store() -> Iterator[Store]:
    before = keyring.get_keyring()
    ours = Store()
    keyring.set_keyring(ours)
    yield ours
    keyring.set_keyring(before)


def test_nothing_of_a_token_is_in_what_is_printed_of_it() -> None:
    assert SECRET not in repr(tokens.Token(SECRET))
