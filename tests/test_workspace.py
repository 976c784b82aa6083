"""The workspace in the prompt: a real server over a real folder, what it indexes, and how it follows changes."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import ScriptedEndpoint
from wire import Document, Editor, Kind, in_time, open_editor

SHOP = '''"""What is sold."""


class Basket:
    def total_in_euros(self, discount: float) -> float:
        return 1.0
'''
USES = "from shop import Basket\n\n\ndef pay(basket: Basket) -> float:\n    return basket.<|>\n"
SIGNATURE = "def total_in_euros(self, discount: float) -> float:"


@pytest.fixture
async def endpoint() -> AsyncIterator[ScriptedEndpoint]:
    async with ScriptedEndpoint() as endpoint:
        yield endpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A repository of git's with one module."""
    folder = tmp_path / "project"
    folder.mkdir()
    subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "shop.py").write_text(SHOP)
    return folder


@asynccontextmanager
async def opened(
    folder: Path, endpoint: ScriptedEndpoint, kind: Kind = "neovim", **further: Any
) -> AsyncIterator[Editor]:
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    async with open_editor(kind, home, url=endpoint.url, folder=folder, **further) as editor:
        await editor.status("ready")
        yield editor


async def check_prompt(
    document: Document, endpoint: ScriptedEndpoint, shows: tuple[str, ...] = (), hides: tuple[str, ...] = ()
) -> str:
    """The prompt comes to hold all of `shows` and none of `hides`, and that is what the next completion sends."""
    async with asyncio.timeout(30):
        while not _holds(prompt := await shown_prompt(document), shows, hides):  # noqa: ASYNC110  no event of ours
            await asyncio.sleep(0.02)
    await in_time(document.complete(is_invoked=True))
    sent = str(endpoint.of("/v1/completions")[-1].body["prompt"])
    assert _holds(sent, shows, hides)
    return prompt


async def shown_prompt(document: Document) -> str:
    place = [document.uri, document.position(document.cursor)]
    shown = await document.editor.request("workspace/executeCommand", {"command": SHOW, "arguments": place})
    return str(shown["prompt"])


def _holds(prompt: str, shows: tuple[str, ...], hides: tuple[str, ...]) -> bool:
    return all(one in prompt for one in shows) and not any(one in prompt for one in hides)


SHOW = "instant.showContext"
BOTH: tuple[Kind, ...] = ("neovim", "vscode")


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("line_break", ["\n", "\r\n"], ids=["lf", "crlf"])
async def test_a_definition_of_another_file_is_in_the_prompt(
    folder: Path, endpoint: ScriptedEndpoint, kind: Kind, line_break: str
) -> None:
    (folder / "shop.py").write_bytes(SHOP.replace("\n", line_break).encode())
    async with opened(folder, endpoint, kind) as editor:
        document = editor.open(f"# 😀 é\n{USES}".replace("\n", line_break))
        prompt = await check_prompt(document, endpoint, (SIGNATURE, "shop.py"))
        assert "\r" not in prompt
