"""What other files define is in hovers, explanations and fixes: a real server over a real folder with its index."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Reply, ScriptedEndpoint
from test_workspace import children_of
from wire import Document, Editor, Kind, in_time, open_editor

SHOP = '''class Basket:
    """What somebody buys."""

    owner: str

    def total_in_euros(self, discount: float) -> float:
        """What is to be paid. 割引"""
        return 1.0
'''
USES = "from shop import Basket\n\n\ndef pay(basket: Basket) -> float:\n    '🎉'; return basket.totl()\n"
RIGHT = USES.replace("totl()", "total_in_euros(0)")
BOTH: tuple[Kind, ...] = ("neovim", "vscode")


@pytest.fixture
async def endpoint() -> AsyncIterator[ScriptedEndpoint]:
    async with ScriptedEndpoint() as endpoint:
        endpoint.reply = Reply(("It says so.",))
        yield endpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "shop.py").write_text(SHOP)
    return folder


@pytest.fixture(params=BOTH)
async def editor(request: pytest.FixtureRequest, folder: Path, endpoint: ScriptedEndpoint) -> AsyncIterator[Editor]:
    home = folder.parent / "home"
    home.mkdir()
    async with open_editor(request.param, home, url=endpoint.url, folder=folder) as editor:
        await editor.status("ready")
        yield editor


async def check_hover(document: Document, name: str, *shown: str) -> None:
    """A hover at the last place of the name comes to show all of this."""
    document.cursor = document.text.rindex(name)
    text = ""
    async with asyncio.timeout(30):
        while not all(part in text for part in shown):
            answer = await document.hover()
            text = answer["contents"]["value"] if answer else ""


async def check_asked(endpoint: ScriptedEndpoint, *shown: str) -> None:
    """The last question to the model has all of this."""
    question = endpoint.of("/v1/chat/completions")[-1].body["messages"][1]["content"]
    for part in shown:
        assert part in question


async def explained(document: Document, start: int, end: int, **more: Any) -> str:
    range_ = {"start": document.position(start), "end": document.position(end)}
    argument = {"uri": document.uri, "range": range_, "partialResultToken": "p", **more}
    asked = {"command": "instant.explain", "arguments": [argument]}
    result = await in_time(document.editor.ask("workspace/executeCommand", asked))
    await document.editor.part("p")
    return str(result["text"])


async def test_a_hover_shows_what_another_file_defines(
    editor: Editor, folder: Path, endpoint: ScriptedEndpoint
) -> None:
    document = editor.open(RIGHT, name="pay.py")
    await check_hover(document, "Basket", "shop.py:1")
    link = f"[shop.py:6]({(folder / 'shop.py').as_uri()}#L6)"
    signature = "```python\ndef total_in_euros(self, discount: float) -> float:\n```\n\nWhat is to be paid. 割引"
    await check_hover(document, "total_in_euros", signature, link)
    await check_hover(document, "total_in_euros", "It says so.", "(instant)", link)
    await check_asked(endpoint, "It is defined in `shop.py`:", "def total_in_euros(self", "What is to be paid. 割引")


async def test_a_buffer_that_was_not_saved_counts(editor: Editor, endpoint: ScriptedEndpoint) -> None:
    endpoint.reply = Reply(fault="hang")  # an explanation would take the place of what is known without a model
    document = editor.open(RIGHT, name="pay.py")
    shop = editor.open(SHOP, name="shop.py")
    shop.replace(0, 0, "# One line more.\r\n")
    shop.replace(shop.text.index("discount: float"), shop.text.index("discount: float") + 15, "rebate: 'é🎉'")
    await check_hover(document, "total_in_euros", "rebate: 'é🎉'", "shop.py:7")


async def test_an_explanation_is_given_the_definitions_and_cites_them(
    editor: Editor, folder: Path, endpoint: ScriptedEndpoint
) -> None:
    document = editor.open(RIGHT, name="pay.py")
    await check_hover(document, "total_in_euros", "shop.py:6")
    await check_hover(document, "Basket", "shop.py:1")
    text = await explained(document, document.text.index("pay"), document.text.index("pay"))
    assert f"[pay.py:4]({(folder / 'pay.py').as_uri()}#L4)" in text
    assert f"[shop.py:1]({(folder / 'shop.py').as_uri()}#L1)" in text
    await check_asked(endpoint, "which `shop.py` defines", "class Basket:", "    owner: str", "def total_in_euros(self")


async def test_a_selected_name_and_a_diagnostic_are_given_it_too(editor: Editor, endpoint: ScriptedEndpoint) -> None:
    document = editor.open(USES, name="pay.py")
    await check_hover(document, "Basket", "shop.py:1")
    start = document.text.rindex("Basket")
    assert "shop.py:1" in await explained(document, start, start + len("Basket"))
    await check_asked(endpoint, "Explain `Basket` in this line", "class Basket:")
    start = document.text.index("totl")
    range_ = {"start": document.position(start), "end": document.position(start + 4)}
    await explained(document, start, start + 4, diagnostic={"range": range_, "message": "no totl"})
    await check_asked(endpoint, "no totl", "def total_in_euros(self")


async def test_a_fix_is_given_what_the_function_uses(editor: Editor, endpoint: ScriptedEndpoint) -> None:
    document = editor.open(USES, name="pay.py")
    await check_hover(document, "Basket", "shop.py:1")
    endpoint.reply = Reply((f"```python\n{RIGHT[RIGHT.index('def') :]}```\n",))
    start = document.text.index("totl")
    range_ = {"start": document.position(start), "end": document.position(start + 4)}
    wrong = {"range": range_, "message": "Cannot access attribute", "source": "Pyright"}
    asked = {"textDocument": {"uri": document.uri}, "range": range_, "context": {"diagnostics": [wrong]}}
    action = (await in_time(editor.ask("textDocument/codeAction", asked)))[0]
    resolved = await in_time(editor.ask("codeAction/resolve", action))
    await editor.told("Fix by")
    assert "_in_euros" in str(resolved["edit"])
    await check_asked(endpoint, "which `shop.py` defines", "class Basket:", "def total_in_euros(self, discount: float)")


@pytest.mark.skipif(sys.platform == "win32", reason="the test halts a process by a POSIX signal")
async def test_a_child_that_does_not_answer_is_not_waited_for(editor: Editor) -> None:
    document = editor.open("def own():\n    '''Of this file.'''\n\n\nown()\n", name="own.py")
    await check_hover(document, "own", "own.py:1")
    (child, *_) = children_of(editor.process.pid)
    os.kill(child, signal.SIGSTOP)
    try:
        await check_hover(document, "own", "Of this file.", "own.py:1")
        assert "Read together" not in await explained(document, 0, 0)
    finally:
        os.kill(child, signal.SIGCONT)
