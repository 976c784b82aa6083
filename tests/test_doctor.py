"""The doctor: it finds what is wrong, says what to do, tells nobody's secrets, and is content with what is well."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Reply, ScriptedEndpoint
from test_tls import NOW, Authority, server_tls
from test_tokens import jwt
from wire import open_editor, own_environment

from context.codegraph.indexer import Indexer
from lsp_server import __version__
from lsp_server.doctor import Finding, Patient, Plugin, is_well, page
from lsp_server.doctor.examination import examine
from lsp_server.doctor.finding import split
from lsp_server.endpoint import Address
from lsp_server.options import Settings
from lsp_server.policy import Policy
from lsp_server.settings import Problem

SECRET = "never-told-token"
ANSWER = Reply(("total", " = ", "0", "\n"))


class Found(dict[str, Finding]):
    """What was found, by area and check."""

    @property
    def failed(self) -> list[str]:
        return [name for name, finding in self.items() if finding.state == "failed"]


async def check_patient(patient: Patient) -> Found:
    """All findings of one examination; each is told in whole sentences."""
    found = Found()
    async for finding in examine(patient):
        assert finding.found.endswith(".")
        assert not finding.todo or finding.todo.endswith(".")
        assert SECRET not in f"{finding}"
        found[f"{finding.area}: {finding.check}"] = finding
    assert is_well(found.values()) is (found.failed == [])
    return found


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user of our own."""
    for name, value in own_environment(tmp_path).items():
        monkeypatch.setenv(name, value)
    return tmp_path


@pytest.fixture
def scripted() -> ScriptedEndpoint:
    endpoint = ScriptedEndpoint()
    endpoint.reply = ANSWER
    endpoint.cached_tokens = lambda request: len(str(request.body.get("prompt"))) // 2
    return endpoint


def patient(url: str | None, *, tier: Mapping[str, Any] | None = None, **sections: Any) -> Patient:
    instant = {"url": url, **(tier or {})}
    endpoint = {"instant": instant, **sections.pop("endpoint", {})}
    return Patient(Settings.model_validate({"endpoint": endpoint, "embedded": {"enabled": False}, **sections}))


async def test_what_is_well_is_found_well(scripted: ScriptedEndpoint, home: Path) -> None:
    (home / "project").mkdir()
    (home / "project" / "a.py").write_text("def f():\n    return 1\n")
    Indexer(home / "project").update()
    async with scripted:
        told = replace(patient(scripted.url), folders=(home / "project",), plugin=Plugin("Neovim", __version__))
        found = await check_patient(told)
    found.pop("instant: speed", None)  # this machine's own
    assert [finding for finding in found.values() if finding.state != "ok"] == []
    assert len(found) >= 14
    assert "1 files, 1 symbols" in found["workspace: index of project"].found
    assert "scripted is asked (llama.cpp, 4096 tokens of context)" in found["instant: models"].found
    assert "fills holes, with qwen's tokens" in found["instant: fill in the middle"].found
    ahead, typed = (str(request.body["prompt"]) for request in scripted.of("/v1/completions"))
    assert ahead.count("def area_") > 5
    assert typed.startswith(ahead[: ahead.rindex("def area_")]), "the second prompt shares its beginning"
    assert len({request.headers["x-instant-feature"] for request in scripted.of("/health")}) == 1


async def test_what_is_sent_stands_in_the_audit_trail(scripted: ScriptedEndpoint, home: Path) -> None:
    async with scripted:
        found = await check_patient(patient(scripted.url, audit={"folder": str(home / "trail")}))
    assert "lines are whole" in found["audit trail: chain"].found
    lines = [json.loads(line) for path in (home / "trail").glob("*.jsonl") for line in path.read_text().splitlines()]
    assert [line["feature"] for line in lines if line.get("kind") == "sent"] == ["probe", "warm_up", "probe"]


@pytest.mark.parametrize(
    ("url", "name", "todo"),
    [
        ("http://127.0.0.1:9/v1", "instant: connection", "Check that the endpoint runs and that its url is right."),
        ("https://no-such-host.invalid/v1", "instant: name", "Check the url and the network."),
        ("https://93.184.216.34/v1", "instant: address", "add its network to endpoint.allowed_networks"),
        ("http://10.1.2.3/v1", "instant: address", "https://"),
        ("http://010.1.1.1/v1", "instant: name", "Check the endpoint's url."),
        ("http://me:never-told-token@127.0.0.1/v1", "instant: address", "Use token_env instead."),
        (None, "instant: local engine", "Set endpoint.instant.url."),
    ],
)
async def test_a_way_that_leads_nowhere(url: str | None, name: str, todo: str) -> None:
    found = await check_patient(patient(url))
    assert name in found.failed
    assert todo in found[name].todo + found[name].found
    assert "instant: models" in found.failed
    assert "instant: health" not in found


async def test_every_place_is_looked_at(scripted: ScriptedEndpoint) -> None:
    thinking = {"thinking": {"url": "http://127.0.0.1:9/v1"}}
    async with scripted:
        found = await check_patient(patient(scripted.url, tier={"fallback_urls": [scripted.url]}, endpoint=thinking))
    assert found.failed == ["thinking: connection", "thinking: models"]


async def test_health_and_model(scripted: ScriptedEndpoint) -> None:
    async with scripted:
        scripted.is_healthy = False
        found = await check_patient(patient(scripted.url, tier={"model": "missing"}))
    assert found.failed == ["instant: health", "instant: models"]
    assert "503" in found["instant: health"].found
    assert "it serves scripted" in found["instant: models"].found


async def test_a_model_that_fills_no_holes_is_a_warning() -> None:
    async with ScriptedEndpoint(fills_holes=False) as scripted:
        scripted.reply = ANSWER
        found = await check_patient(patient(scripted.url))
    assert found["instant: fill in the middle"].state == "warning"
    assert "Qwen2.5-Coder" in found["instant: fill in the middle"].todo


async def test_a_prefix_cache_that_is_off_is_a_warning(scripted: ScriptedEndpoint) -> None:
    scripted.cached_tokens = lambda request: 0
    async with scripted:
        found = await check_patient(patient(scripted.url))
    assert found["instant: prefix cache"].state == "warning"
    assert "--enable-prefix-caching" in found["instant: prefix cache"].todo


async def test_completions_that_are_not_offered_are_not_asked_for(scripted: ScriptedEndpoint) -> None:
    async with scripted:
        found = await check_patient(patient(scripted.url, features={"disabled": ["completion"]}))
    assert found["instant: completion"].state == "skipped"
    assert found["instant: fill in the middle"].state == "ok"
    assert scripted.of("/v1/completions") == []


async def test_an_endpoint_that_is_too_slow_fails(scripted: ScriptedEndpoint) -> None:
    scripted.reply = Reply((), fault="hang")
    async with scripted:
        found = await check_patient(patient(scripted.url, tier={"first_token_ms": 100, "total_ms": 200}))
    assert found.failed == ["instant: completion"]


@pytest.mark.parametrize(
    ("token", "state", "told"),
    [
        (SECRET, "ok", "it is no JWT"),
        (jwt(exp=time.time() + 86_400, roles=["developer"]), "ok", "role developer; it ends on"),
        (jwt(sub="ada"), "ok", "it names no role; it does not say when it ends"),
        (jwt(exp=time.time() - 60, roles=["developer"]), "failed", "it ended on"),
        ("", "failed", "There is no token in the environment variable GPU_TOKEN"),
    ],
)
async def test_tokens(
    scripted: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch, token: str, state: str, told: str
) -> None:
    monkeypatch.setenv("GPU_TOKEN", token)
    async with scripted:
        found = await check_patient(patient(scripted.url, tier={"token_env": "GPU_TOKEN"}))
    assert found["instant: token"].state == state
    assert told in found["instant: token"].found
    assert "GPU_TOKEN" in found["instant: token"].found
    assert not token or token not in str(found)


async def test_a_token_that_is_refused(scripted: ScriptedEndpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GPU_TOKEN", SECRET)
    scripted.token = "another"
    async with scripted:
        found = await check_patient(patient(scripted.url, tier={"token_env": "GPU_TOKEN"}))
    assert found.failed == ["instant: models"]
    assert "put a valid one into the environment variable GPU_TOKEN" in str(found["instant: models"]).lower().replace(
        "gpu_token", "GPU_TOKEN"
    )


async def test_certificates(home: Path) -> None:
    corp = Authority.made_in(home / "corp")
    certificate = corp.issue("localhost", ends=NOW + (NOW - NOW.replace(microsecond=0)) + 5 * _DAY)
    async with ScriptedEndpoint(tls=server_tls(certificate), host="localhost") as scripted:
        scripted.reply = ANSWER
        stranger = await check_patient(patient(scripted.url))
        known = await check_patient(patient(scripted.url, endpoint={"ca_file": corp.file}))
    assert stranger.failed == ["instant: TLS", "instant: models"]
    assert "endpoint.ca_file" in stranger["instant: TLS"].todo
    assert known.failed == []
    assert known["instant: TLS"].state == "warning"
    assert "certificate by corp, good for" in known["instant: TLS"].found


_DAY = (NOW.replace(year=NOW.year + 1) - NOW) / 365


async def test_settings_and_policy() -> None:
    told = replace(
        patient("http://127.0.0.1:9/v1"),
        problems=(Problem("completion.max_line", "environment", "there is no such option"),),
        sources=(("endpoint.instant.url", "environment"), ("hover", "editor settings")),
        policy=Policy("/etc/instant-lsp/policy.toml", trouble="Nothing is sent, since the policy cannot be followed."),
    )
    found = await check_patient(told)
    assert found["settings: sources"].found == "Set by environment: endpoint.instant.url; editor settings: hover."
    assert {"settings: completion.max_line", "settings: policy"} <= set(found.failed)


@pytest.mark.skipif(os.name != "posix", reason="permissions of POSIX")
async def test_an_audit_trail_that_cannot_be_written(home: Path) -> None:
    (home / "file").touch()
    found = await check_patient(patient("http://127.0.0.1:9/v1", audit={"folder": str(home / "file")}))
    assert "audit trail: writing" in found.failed
    found = await check_patient(patient("http://127.0.0.1:9/v1", audit={"enabled": False}))
    assert found["audit trail: writing"].state == "skipped"


async def test_an_audit_trail_that_was_changed(scripted: ScriptedEndpoint, home: Path) -> None:
    trail = home / "trail"
    async with scripted:
        told = patient(scripted.url, audit={"folder": str(trail)})
        await check_patient(told)
        (file,) = trail.glob("*.jsonl")
        file.write_bytes(file.read_bytes().replace(b'"tier":"instant"', b'"tier":"thinking"', 1))
        found = await check_patient(told)
    assert found.failed == ["audit trail: chain"]
    assert "line was changed" in found["audit trail: chain"].found


async def test_folders_and_plugins(home: Path) -> None:
    extension = home / ".vscode" / "extensions" / "instant-lsp.instant-lsp-0.0.1"
    extension.mkdir(parents=True)
    (extension / "package.json").write_text('{"version": "0.0.1"}')
    plugin = home / ".local/share/nvim/site/pack/corp/start/instant/lua/instant"
    plugin.mkdir(parents=True)
    (plugin / "version.lua").write_text(f"return '{__version__}'\n")
    (home / "project").mkdir()
    told = patient("http://127.0.0.1:9/v1", context={"enabled": True})
    found = await check_patient(replace(told, folders=(home / "project", home / "gone")))
    assert found["workspace: folder project"].state == "ok"
    assert found["workspace: index of project"].state == "warning"
    assert "workspace: folder gone" in found.failed
    assert (found["editors: VS Code"].state, found["editors: Neovim"].state) == ("warning", "ok")


def test_server_and_plugins_have_one_version() -> None:
    editors = Path(__file__).parents[1] / "editors"
    assert json.loads((editors / "vscode" / "package.json").read_text(encoding="utf-8"))["version"] == __version__
    assert f"return '{__version__}'" in (editors / "nvim/lua/instant/version.lua").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ("It is broken: mend it.", ("It is broken.", "Mend it.")),
        ("A: b: mend it.", ("A: b.", "Mend it.")),
        ("All is well.", ("All is well.", "")),
    ],
)
def test_a_sentence_says_what_is_so_and_what_to_do(message: str, expected: tuple[str, str]) -> None:
    assert split(message) == expected


def test_the_page_names_each_area_once() -> None:
    findings = [
        Finding("a", "one", "ok", "Good."),
        Finding("b", "one", "ok", "Good."),
        Finding("a", "two", "failed", "Bad.", "Mend it."),
    ]
    text = page.markdown(findings)
    assert text.count("## a") == 1
    assert "- ✗ **two**: Bad. *Mend it.*" in text
    assert page.summary(findings) == "1 check has failed, with 0 warnings."


async def test_the_command_line(scripted: ScriptedEndpoint, home: Path) -> None:
    for is_well_, command in ((True, ("--json",)), (False, ())):
        async with scripted:
            scripted.is_healthy = is_well_
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-P", "-m", "lsp_server", "doctor", *command, str(home)),
                stdout=asyncio.subprocess.PIPE,
                env=own_environment(home, INSTANT_LSP_ENDPOINT_INSTANT_URL=scripted.url, COLUMNS="100"),
            )
            printed, _ = await process.communicate()
        assert process.returncode == (0 if is_well_ else 1)
        if command:
            answer = json.loads(printed)
            assert answer["well"] is is_well_
            assert {"area", "check", "state", "found", "todo"} == set(answer["findings"][0])
        else:
            assert ("/health answers 503" in printed.decode()) is not is_well_


async def test_the_command_of_the_server(scripted: ScriptedEndpoint, home: Path) -> None:
    """It examines what the editor has set, and writes in the server's own trail."""
    async with scripted, open_editor("neovim", home, url=scripted.url) as editor:
        await editor.status("ready")
        asked = {"command": "instant.doctor", "arguments": [{"editor": "Neovim", "version": "0.0.1"}]}
        answer = await editor.request("workspace/executeCommand", asked)
        assert answer["well"], answer["text"]
        assert answer["text"].startswith("# Instant: Doctor")
        assert "Version 0.0.1; the server's is" in answer["text"]
        assert "endpoint.instant.url" in answer["text"]
        strange = {"command": "instant.doctor", "arguments": ["?", 1]}
        assert (await editor.request("workspace/executeCommand", strange))["well"]


@pytest.mark.engine
async def test_the_real_engine_is_well(engine: Address, monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow as it is: the targets are warned of, and its prefix cache is seen to work."""
    monkeypatch.setenv("ENGINE_TOKEN", engine.token or "")
    slow = {"token_env": "ENGINE_TOKEN", "first_token_ms": 60_000, "total_ms": 120_000}
    found = await check_patient(patient(engine.url, tier=slow, completion={"budget_tokens": 200}))
    assert set(found.failed) <= {"instant: completion"}, "nothing but its speed"
    assert found["instant: prefix cache"].state == "ok"
    assert "fills holes, with qwen's tokens" in found["instant: fill in the middle"].found
