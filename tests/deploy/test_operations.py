"""The pages for the platform team: their commands exist and do what is said, their table is as it was computed."""
# ruff: noqa: ASYNC221, ASYNC240  while a test waits, its loop has nothing else to do

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import gateways
import pytest
from programs import DEPLOY, ROOT, program, run
from scripted_endpoint import ScriptedEndpoint
from tools import tool
from wire import open_editor, own_environment

PAGES = ("docs/operations.md", "deploy/monitoring/README.md", "deploy/gateway/README.md", "deploy/pod/README.md")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
INSTANT_LSP = (sys.executable, "-P", "-m", "lsp_server")
NOT_HERE = {"locust", "socat", "sudo"}
"""Programs of a site that the tests' machine need not have; locust's options are checked by itself."""


def blocks(page: str) -> list[str]:
    """The page's blocks of shell."""
    return re.findall(r"^```sh\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands(page: str) -> list[list[str]]:
    """The words of each command, wherever it stands in its line."""
    text = "\n".join(blocks(page)).replace("\\\n", " ")
    lines = [re.sub(r"\s#\s.*$", "", line) for line in text.splitlines()]
    parts = [part for line in lines for part in re.split(r"\s(?:&&|\|)\s", line)]
    return [part.split() for part in parts if part.strip()]


@pytest.mark.parametrize("page", PAGES)
def test_commands_are_of_programs_that_exist(page: str) -> None:
    found = commands(page)
    assert found
    for block in blocks(page):
        subprocess.run(["bash", "-n"], input=block, text=True, check=True, timeout=60)
    for name in {words[0] for words in found} - NOT_HERE - {"instant-lsp"}:
        assert name == "printf" or program(name)


@pytest.mark.parametrize("page", PAGES)
def test_files_and_units_that_are_named_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"(?:tests/)?deploy/[\w./@-]*\w", text):
        assert (ROOT / name).exists(), name
    units = {path.name for path in (DEPLOY / "pod").iterdir()}
    for start, end in re.findall(r"\b(instant-[a-z-]+@?)\w*(\.service|\.timer)\b", text):
        assert start + end in units
    for link in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link


@pytest.mark.parametrize("page", PAGES)
def test_options_that_are_named_exist(page: str) -> None:
    for words in commands(page):
        if words[0] == "instant-lsp":
            names = [word for word in words[1:3] if word.isalpha() and word != "audit-backup"]
            names = names if words[1] == "audit" else names[:1]
            described = run(*INSTANT_LSP, *names, "--help")
        elif words[0] == "locust":
            described = run(tool("locust"), "--help", timeout_s=120) + (DEPLOY / "load" / "locustfile.py").read_text()
        else:
            continue
        options = [word for word in words if word.startswith("--")]
        assert [option for option in options if option not in described] == []


@pytest.mark.parametrize("page", ["docs/operations.md", "deploy/gateway/README.md"])
def test_the_gateways_check_knows_what_its_unit_knows(page: str, tmp_path: Path) -> None:
    """The page's own command: addresses and keys are in the unit's environment file, and not in the configuration."""
    gateway = gateways.Gateway(tmp_path)
    gateways.lay_out(gateway)
    environment = tmp_path / "haproxy.env"
    environment.write_text("".join(f"{name}={value}\n" for name, value in gateways.environ_of(gateway).items()))
    checks = set(re.findall(r"^.*haproxy -c[^&\n]*", "".join(blocks(page)), re.MULTILINE))
    assert checks
    for check in checks:
        said = run("bash", "-euc", check.replace("/etc/default/haproxy", str(environment)), env={})
        assert "Configuration file is valid" in said


async def test_a_backup_of_the_trail_is_proved(tmp_path: Path) -> None:
    """The page's own commands, on the trail of a real server."""
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("neovim", tmp_path, url=endpoint.url) as editor,
    ):
        await editor.status("ready")
        await editor.open("def add(a, b):\n    return<|>\n").complete()
    back_up, prove = (block for block in blocks("docs/operations.md") if "audit" in block)
    program_file = tmp_path / "bin" / "instant-lsp"
    program_file.parent.mkdir()
    program_file.write_text(f'#!/bin/sh\nexec {" ".join(INSTANT_LSP)} "$@"\n')
    program_file.chmod(0o755)
    home = own_environment(tmp_path)
    home["PATH"] = f"{program_file.parent}:{home['PATH']}"
    state = "~/.local/state/instant-lsp"
    assert state in back_up
    back_up = back_up.replace(state, str(next(tmp_path.rglob("audit")).parent))

    said = shell(back_up, home, tmp_path)
    head = re.findall(r"head (\S+)", said)[-1]
    copy = tmp_path / "elsewhere"
    copy.mkdir()
    (tmp_path / "audit-backup.tar.gz").rename(copy / "audit-backup.tar.gz")
    assert "whole" in shell(prove, {**home, "HEAD": head}, copy)
    assert "completion" in (copy / "audit.csv").read_text()

    (file,) = (copy / "audit").glob("*.jsonl")
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    broken = subprocess.run(
        [*INSTANT_LSP, "audit", "verify", "--folder", copy / "audit", "--expect", head],
        env=home,
        check=False,
        timeout=60,
    )
    assert broken.returncode == 1


def shell(script: str, environ: dict[str, str], folder: Path) -> str:
    """What a block of the page says when it is run."""
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        env=environ,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


# Billions of parameters, layers, heads of the cache, size of a head: from the models' own configurations.
MODELS = {
    "Qwen2.5-Coder-0.5B": (0.494, 24, 2, 64),
    "Qwen2.5-Coder-1.5B": (1.544, 28, 2, 128),
    "Qwen2.5-Coder-3B": (3.086, 36, 2, 128),
    "Qwen2.5-Coder-7B": (7.616, 28, 4, 128),
    "Qwen2.5-Coder-14B": (14.770, 48, 8, 128),
    "Qwen3-Coder-30B-A3B": (30.532, 48, 4, 128),
}


@pytest.mark.parametrize("model", MODELS)
def test_the_sizing_table_is_its_arithmetic(model: str) -> None:
    billions, layers, heads, size = MODELS[model]
    cache_b = 2 * layers * heads * size * 2
    weights = [billions * bits / 8 for bits in (4.85, 8, 16)]
    wholes = [(weight + cache_b * 65_536 / 1e9) * 1.1 for weight in weights[:2]]
    cells = [f"{weight:.1f} GB" for weight in weights]
    cells += [f"{cache_b * 1_000 / 1e6:.0f} MB", *(f"{whole:.1f} GB" for whole in wholes)]
    assert f"| {model} | {' | '.join(cells)} |" in OPERATIONS
