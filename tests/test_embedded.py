"""The local engine, each time a real one: one for all servers of a user, there again after a crash, gone when idle."""
# ruff: noqa: ASYNC220, ASYNC240  while a test waits, its loop has nothing else to do

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import io
import json
import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lsp_server.endpoint import embedded, engine_cli, engine_process
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.embedded import EmbeddedEngine
from lsp_server.endpoint.models import ModelFile
from lsp_server.endpoint.status import EndpointError, Status
from lsp_server.options import EmbeddedSettings

SECRET = "xyzzy_plugh_secret"
ASK_AND_HOLD = """
import asyncio, sys
from lsp_server.endpoint.embedded import EmbeddedEngine
from lsp_server.settings import load
print(asyncio.run(EmbeddedEngine(load()[0].embedded).address()).url, flush=True)
sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A place where no engine runs yet, and none is left running."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield engine_process.folder()
    engine_process.stop()


@pytest.fixture
def settings(engine_model: ModelFile) -> EmbeddedSettings:
    return EmbeddedSettings(model_path=str(engine_model.path))


async def check_serves(engine: EmbeddedEngine) -> int:
    """Gets the address, has it complete a line, and returns the process that did."""
    address = await engine.address()
    status, answer = await asyncio.to_thread(ask, address, prompt="def add(a, b):\n    return", max_tokens=4)
    assert status == 200
    assert answer["usage"]["completion_tokens"] == 4
    assert answer["model"] == address.model
    running = engine_process.running()
    assert running is not None
    assert running.url == address.url
    return running.pid


async def check_unset(settings: EmbeddedSettings, says: str) -> None:
    with pytest.raises(EndpointError, match=says) as caught:
        await EmbeddedEngine(settings).address()
    assert caught.value.kind == "unset"
    assert engine_process.running() is None


def ask(address: Address, **body: Any) -> tuple[int, Any]:
    return send(address, json.dumps({"temperature": 0, "ignore_eos": True} | body).encode())


def send(address: Address, body: bytes, *, path: str = "/v1/completions", key: str | None = None) -> tuple[int, Any]:
    host = address.url.removeprefix("http://").removesuffix("/v1")
    connection = http.client.HTTPConnection(host, timeout=60)
    key = address.token if key is None else key
    connection.request("POST", path, body, {"Authorization": f"Bearer {key}", "Content-Type": "application/json"})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def check_command(command: str, *, says: str, code: int = 0) -> None:
    """Runs `instant-lsp engine <command>` in this process."""
    parser = argparse.ArgumentParser()
    engine_cli.add_parser(parser.add_subparsers())
    arguments = parser.parse_args(["engine", command])
    with contextlib.redirect_stdout(io.StringIO()) as output:
        assert arguments.run(arguments) == code
    assert says in output.getvalue()


@pytest.mark.engine
async def test_engine_is_started_once_and_told(settings: EmbeddedSettings, engine_model: ModelFile) -> None:
    told: list[Status] = []
    engine = EmbeddedEngine(settings, on_status=told.append)
    first = await check_serves(engine)
    assert await check_serves(engine) == first
    assert [(status.state, status.model) for status in told] == [("starting", engine_model.path.stem)]


@pytest.mark.engine
async def test_servers_that_start_at_once_share_one_engine(settings: EmbeddedSettings) -> None:
    addresses = await asyncio.gather(*(EmbeddedEngine(settings).address() for _ in range(3)))
    assert len(set(addresses)) == 1
    serving = [line for line in engine_process.log_path().read_text().splitlines() if "serving" in line]
    assert len(serving) == 1


@pytest.mark.engine
async def test_engine_outlives_the_killed_server_that_started_it(settings: EmbeddedSettings) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", ASK_AND_HOLD],
        env=os.environ | {"INSTANT_LSP_EMBEDDED_MODEL_PATH": str(settings.model_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as server:
        assert server.stdout
        url = server.stdout.readline().strip()
        os.killpg(server.pid, signal.SIGKILL)
        assert server.stdout.read() == ""  # The engine does not hold the server's pipe open.
    engine = EmbeddedEngine(settings)
    await check_serves(engine)
    assert (await engine.address()).url == url


@pytest.mark.engine
async def test_killed_engine_is_followed_by_a_new_one(settings: EmbeddedSettings) -> None:
    engine = EmbeddedEngine(settings)
    first = await check_serves(engine)
    os.kill(first, signal.SIGKILL)
    assert await check_serves(engine) != first


@pytest.mark.engine
async def test_hung_engine_is_replaced(settings: EmbeddedSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine_process, "_HEALTH_TIMEOUT_S", 0.2)
    engine = EmbeddedEngine(settings)
    first = await check_serves(engine)
    os.kill(first, signal.SIGSTOP)
    monkeypatch.setattr(engine_process, "_GRACE_S", 0.2)
    assert await check_serves(engine) != first


@pytest.mark.engine
async def test_idle_engine_ends_and_leaves_no_key(
    settings: EmbeddedSettings, engine_model: ModelFile, state: Path
) -> None:
    with engine_process.spawn(engine_process.Options(engine_model.path, engine_model.name, 1, idle_s=0.5)) as process:
        assert process.wait(60) == 0
    assert "ended: idle" in engine_process.log_path().read_text()
    assert engine_process.running() is None
    assert not list(state.glob("*.json"))
    await check_serves(EmbeddedEngine(settings))


@pytest.mark.engine
async def test_stopped_engine_leaves_no_key(settings: EmbeddedSettings, state: Path) -> None:
    await check_serves(EmbeddedEngine(settings))
    assert engine_process.stop()
    assert engine_process.running() is None
    assert not list(state.glob("*.json"))
    assert not engine_process.stop()


@pytest.mark.engine
async def test_only_the_user_gets_at_the_engine(settings: EmbeddedSettings, state: Path) -> None:
    address = await EmbeddedEngine(settings).address()
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in state.iterdir()} == {0o600}
    assert send(address, b'{"prompt": "x"}', key="wrong")[0] == 401
    assert send(address, b"{}", path="/tokenize", key="")[0] == 401
    running = engine_process.running()
    assert running is not None
    assert address.url.startswith("http://127.0.0.1:")
    assert address.token
    assert address.token not in f"{address!r} {running!r} {engine_process.log_path().read_text()}"
    assert address.token not in Path(f"/proc/{running.pid}/cmdline").read_text()


@pytest.mark.engine
async def test_log_holds_nothing_of_what_was_asked(settings: EmbeddedSettings, state: Path) -> None:
    address = await EmbeddedEngine(settings).address()
    words = f'{{"prompt": "{SECRET}'
    for status, body in (
        (200, f'{words}", "max_tokens": 2}}'),
        (400, f"{words} is not closed"),
        (400, f'{words}{" x" * 9_000}"}}'),
        (400, f'{words}", "max_tokens": 2, "grammar": "{SECRET}"}}'),
    ):
        assert send(address, body.encode())[0] == status
    assert engine_process.stop()
    logged = b"".join(file.read_bytes() for file in state.iterdir())
    assert b"asked to stop" in logged
    assert SECRET.encode() not in logged


@pytest.mark.engine
async def test_other_model_takes_the_engines_place(settings: EmbeddedSettings, tmp_path: Path) -> None:
    first = await check_serves(EmbeddedEngine(settings))
    other = tmp_path / "other.gguf"
    other.symlink_to(str(settings.model_path))
    engine = EmbeddedEngine(EmbeddedSettings(model_path=str(other)))
    assert await check_serves(engine) != first
    assert (await engine.address()).model == "other"


@pytest.mark.engine
def test_commands(engine_model: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INSTANT_LSP_EMBEDDED_MODEL_PATH", str(engine_model.path))
    check_command("status", says="No engine is running; a language server starts it")
    check_command("start", says=f"The engine serves {engine_model.path.stem} at http://127.0.0.1:")
    check_command("run", says="An engine is running already.", code=engine_process.ALREADY_RUNNING)
    check_command("status", says=f"Model: {engine_model.path}")
    check_command("stop", says="The engine is stopped.")
    check_command("stop", says="No engine is running.")
    check_command("fetch", says=str(engine_model.path))
    monkeypatch.setenv("INSTANT_LSP_EMBEDDED_MODEL_PATH", "/nowhere/model.gguf")
    check_command("start", says="embedded.model_path: cannot read /nowhere/model.gguf", code=1)


async def test_engine_that_dies_at_once_is_told_and_not_tried_for_ever(tmp_path: Path) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF and nothing more")
    told: list[Status] = []
    engine = EmbeddedEngine(EmbeddedSettings(model_path=str(broken)), on_status=told.append)
    for _ in range(4):
        with pytest.raises(EndpointError, match=f"see {engine_process.log_path()}") as caught:
            await engine.address()
        assert caught.value.kind == "unreachable"
    assert len(told) == 2
    assert caught.value.retry_after_s
    assert "broken" in engine_process.log_path().read_text()


async def test_missing_model_says_which_command_brings_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "nothing"))
    await check_unset(EmbeddedSettings(), "run: instant-lsp engine fetch")


async def test_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "xllamacpp", None)
    await check_unset(EmbeddedSettings(), r"pip install 'instant-lsp\[embedded\]', or set endpoint.instant.url")


async def test_engine_that_is_turned_off_is_not_started(engine_model: ModelFile) -> None:
    await check_unset(EmbeddedSettings(enabled=False, model_path=str(engine_model.path)), "endpoint.instant.url")


def test_threads_leave_a_core_to_the_editor() -> None:
    model = ModelFile("any", Path("any.gguf"))
    cores = len(os.sched_getaffinity(0))
    assert embedded.options(EmbeddedSettings(), model).n_threads == max(1, cores - 1)
    assert embedded.options(EmbeddedSettings(threads=3), model).n_threads == 3
