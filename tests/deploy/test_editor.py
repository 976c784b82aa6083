"""An editor behind the gateway: a real language server, a real HAProxy, a real pod, and pods that die."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import get_args

import gateways
import pytest
from gateways import Gateway
from programs import shipped
from replicas import Replica, replicas
from scripted_endpoint import Reply
from wire import Editor, open_editor

from lsp_server.endpoint.purpose import Feature, Purpose, Sending


@pytest.fixture
def site(tmp_path: Path) -> Iterator[tuple[Gateway, dict[str, Replica]]]:
    """A gateway before two scripted pods."""
    with replicas("a", "b") as pods:
        for name, pod in pods.items():
            pod.reply = Reply((f" {name}_says()",))
        where = {name: f"127.0.0.1:{pod.port} maxconn 8" for name, pod in pods.items()}
        with gateways.running(tmp_path, {"instant": where}) as gateway:
            yield gateway, pods


def editor_of(gateway: Gateway, home: Path, token: str) -> AbstractAsyncContextManager[Editor]:
    """An editor whose user has one token and the company's certificate authority."""
    environment = {
        "INSTANT_LSP_ENDPOINT_CA_FILE": str(gateway.ca_file),
        "INSTANT_LSP_ENDPOINT_INSTANT_TOKEN_ENV": "TOKEN",
        "TOKEN": token,
        # This machine's cores are few, and a company's GPU is not among them.
        "INSTANT_LSP_ENDPOINT_INSTANT_FIRST_TOKEN_MS": "15000",
        "INSTANT_LSP_ENDPOINT_INSTANT_TOTAL_MS": "18000",
    }
    return open_editor("vscode", home, url=gateway.url, environment=environment)


async def test_a_developer_completes_a_line_and_is_written_down(gateway: Gateway, tmp_path: Path) -> None:
    async with editor_of(gateway, tmp_path, gateway.token("edith")) as editor:
        await editor.status("ready")
        assert await editor.open("def add(a, b):\n    return<|>\n").ghost() == " a + b"
    entries = [entry for entry in gateway.entries() if entry["user"] == "edith"]
    assert {entry["feature"] for entry in entries} == {"probe", "completion"}
    assert {entry["status"] for entry in entries} == {200}
    assert {entry["tier"] for entry in entries} == {"instant"}
    assert len({entry["id"] for entry in entries}) == len(entries)


async def test_an_editor_notices_nothing_of_a_pod_that_dies(
    site: tuple[Gateway, dict[str, Replica]], tmp_path: Path
) -> None:
    gateway, pods = site
    async with editor_of(gateway, tmp_path, gateway.token("edith")) as editor:
        await editor.status("ready")
        said = [await editor.open(f"def f{n}():\n    return<|>\n").ghost() for n in range(3)]
        assert len(set(said)) == 1, "one editor, one pod"
        (home,) = [name for name in pods if said[0] == f" {name}_says()"]
        (other,) = pods.keys() - {home}
        pods[home].go_away()
        assert await editor.open("def g():\n    return<|>\n").ghost() == f" {other}_says()"


async def test_a_token_that_has_expired_is_one_plain_status(
    site: tuple[Gateway, dict[str, Replica]], tmp_path: Path
) -> None:
    gateway, pods = site
    async with editor_of(gateway, tmp_path, gateway.token("edith", exp=1_000_000_000)) as editor:
        assert "401" in (await editor.status("down"))["message"]
        await editor.logged("401")
    assert not any(pod.asked for pod in pods.values())


@pytest.mark.parametrize("feature", get_args(Feature))
def test_the_gateway_knows_every_feature_of_the_language_server(feature: Feature) -> None:
    said = Sending.of(Purpose(feature)).headers()["x-instant-feature"]
    assert f"\n{said} {said}\n" in shipped("gateway/maps/features.map")
    assert said in shipped("gateway/maps/grants.map")
