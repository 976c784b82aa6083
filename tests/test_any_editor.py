"""Editors that have no client of ours, by protocol: each one's capabilities, and what a real server gives it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from marks import inserted
from scripted_endpoint import Reply, ScriptedEndpoint
from wire import CAPABILITIES, Document, Editor, ResponseError, in_time, open_editor

CLIENTS: dict[str, dict[str, Any]] = json.loads(Path(__file__).with_name("editors.json").read_text(encoding="utf-8"))
"""What each client says of itself in `initialize`, reduced to what bears on us; `editors.json` says whence."""

ALL: dict[str, dict[str, Any]] = {**CLIENTS, **CAPABILITIES}
NAMES = [name for name in CLIENTS if not name.startswith("_")]

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Running:
    """A server for one of the editors, with the endpoint that it asks."""

    def __init__(self, name: str, editor: Editor, endpoint: ScriptedEndpoint) -> None:
        self.client = ALL[name]
        self.editor = editor
        self.endpoint = endpoint

    def says(self, *pieces: str, **how: Any) -> None:
        self.endpoint.reply = Reply(pieces, **how)


@asynccontextmanager
async def opened(name: str, home: Path, as_items: str | None = None) -> AsyncIterator[Running]:
    """The settings are in the environment, as some of these editors' users will have them."""
    variables = {"INSTANT_LSP_COMPLETION_AS_ITEMS": as_items} if as_items else {}
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor("neovim", home, url=endpoint.url, capabilities=ALL[name], environment=variables) as editor,
    ):
        await editor.status("ready")
        yield Running(name, editor, endpoint)


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=NAMES)
async def any_editor(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Running]:
    """One server for all tests of an editor."""
    async with opened(request.param, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def helix(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with opened("helix", tmp_path_factory.mktemp("home")) as running:
        yield running


async def check_item(running: Running, shown: str, said: str | None = None) -> dict[str, Any]:
    """`before├new┤after`: accepted as an item, `new` stands there, and nothing twice; the endpoint says `said`."""
    marked, new = inserted(shown)
    running.says(new if said is None else said)
    document = running.editor.open(marked)
    answer = await items(document)
    assert answer["isIncomplete"] is True
    (item,) = answer["items"]
    assert accepted(document, item) == re.sub("[├┤]", "", shown)
    return item  # type: ignore[no-any-return]


async def items(document: Document, *, kind: int = 1) -> dict[str, Any]:
    """What the menu gets at the cursor; `kind` 2 is a trigger character."""
    params = {**_place(document), "context": {"triggerKind": kind}}
    answer: dict[str, Any] = await document.editor.request("textDocument/completion", params)
    return answer


def accepted(document: Document, item: dict[str, Any]) -> str:
    """The text after an editor has put the item's edit in, which has to lie around the cursor in its line."""
    span, new = item["textEdit"]["range"], item["textEdit"]["newText"]
    start, end = document.offset(span["start"]), document.offset(span["end"])
    assert start <= document.cursor <= end
    assert span["start"]["line"] == span["end"]["line"] == document.position(document.cursor)["line"]
    # Every menu filters by what stands from there to the cursor.
    assert item["filterText"].startswith(document.text[start : document.cursor])
    return document.text[:start] + new + document.text[end:]


async def test_columns_are_counted_as_the_editor_counts_them(any_editor: Running) -> None:
    offered = any_editor.editor.server["capabilities"]
    assert offered["positionEncoding"] in any_editor.client.get("general", {}).get("positionEncodings", ["utf-16"])


async def test_completions_are_items_of_the_menu(any_editor: Running) -> None:
    offered = any_editor.editor.server["capabilities"]
    assert "\n" not in offered["completionProvider"]["triggerCharacters"]
    assert " " not in offered["completionProvider"]["triggerCharacters"]
    await check_item(any_editor, "名 = '🎉'; x =├ a + b┤\n")


async def test_explanations_and_tests_are_code_actions(any_editor: Running) -> None:
    document = any_editor.editor.open("def add(a, b):\n    return a + b<|>\n")
    here = document.position(document.cursor)
    place = {"textDocument": {"uri": document.uri}, "range": {"start": here, "end": here}}
    actions = await any_editor.editor.request("textDocument/codeAction", {**place, "context": {"diagnostics": []}})
    titles = " ".join(action["title"] for action in actions)
    assert "Explain" in titles
    assert "tests" in titles
    commands = any_editor.editor.server["capabilities"]["executeCommandProvider"]["commands"]
    assert {"instant.status", "instant.explain", "instant.toggleThinking", "instant.showContext"} <= set(commands)


TEXTS = {
    "a word half typed": ("x = pri├nt(x)┤\n", None, "print(x)"),
    "after a blank": ("def f(a, b):\n    return ├a + b┤\n", " a + b", "a + b"),
    "in an empty body": ("def f(a, b):\n    ├c = a\n    return c┤\n", " c = a\n    return c", "c = a↵return c"),
    "CJK and emoji before": ("f('名🎉', 合├計(左))┤\n", None, "合計(左))"),
    "a name of CJK": ("合計 = 左 + 右\nx = 合├計┤\n", None, "合計"),
    "behind an emoji": ("x = '🎉├ party'┤\n", None, "party'"),
    "a dollar": ("x = ├'$1 ${2}'┤\n", " '$1 ${2}'", "'$1 ${2}'"),
}


@pytest.mark.parametrize("case", TEXTS)
async def test_an_item_stands_where_it_belongs(case: str, any_editor: Running) -> None:
    """In each of the editors' encodings."""
    shown, said, label = TEXTS[case]
    item = await check_item(any_editor, shown, said)
    assert item["label"] == label
    assert item["insertTextFormat"] == 1  # plain text: a $ in it is a $


async def test_line_ends_of_the_file_are_kept(any_editor: Running) -> None:
    document = any_editor.editor.open("# 二つ 🎉\r\ndef f(a, b):\r\n    <|>\r\n")
    any_editor.says(" c = a\n    return c")
    (item,) = (await items(document))["items"]
    assert accepted(document, item) == "# 二つ 🎉\r\ndef f(a, b):\r\n    c = a\r\n    return c\r\n"


async def test_a_closing_bracket_is_not_doubled(helix: Running) -> None:
    helix.says("a, b)")
    document = helix.editor.open("f(a, b)\nprint(<|>)\n")
    (item,) = (await items(document))["items"]
    assert accepted(document, item) == "f(a, b)\nprint(a, b)\n"


async def test_an_item_pushes_nothing_away_and_is_counted_when_it_is_accepted(helix: Running) -> None:
    item = await check_item(helix, "x = pri├nt(x)┤\n")
    assert item["kind"] == 1  # text
    assert item["sortText"] > "zzzz"
    assert not item.get("preselect")
    await helix.editor.request("workspace/executeCommand", item["command"])
    status = await helix.editor.request("workspace/executeCommand", {"command": "instant.status", "arguments": []})
    assert status["counts"]["accepted"] == 1


async def test_what_is_typed_on_is_answered_without_asking_again(helix: Running) -> None:
    helix.says("nt(x)")
    document = helix.editor.open("y = pri<|>\n")
    await items(document)
    n_asked = len(helix.endpoint.of("/v1/completions"))
    document.type("nt")
    (item,) = (await items(document))["items"]
    assert accepted(document, item) == "y = print(x)\n"
    assert len(helix.endpoint.of("/v1/completions")) == n_asked


async def test_an_overtaken_request_is_no_last_word(helix: Running) -> None:
    """An editor takes a complete list for the last word, and asks no more while one types on."""
    helix.says(" a", fault="hang in the middle")
    document = helix.editor.open("z =<|>\n")
    first = helix.editor.ask("textDocument/completion", _place(document))
    document.type(" b")
    second = helix.editor.ask("textDocument/completion", _place(document))
    assert await in_time(first) == {"isIncomplete": True, "items": []}
    helix.editor.cancel(second)
    with pytest.raises(ResponseError, match="-32800"):
        await in_time(second)


async def test_nothing_of_a_refused_file_is_offered_or_sent(helix: Running) -> None:
    document = helix.editor.open("KEY_OF_THE_HOUSE=<|>\n", name=".env")
    assert await items(document) == {"isIncomplete": True, "items": []}
    assert "Nothing of .env is sent" in (await helix.editor.status("off"))["message"]
    assert not any("KEY_OF_THE_HOUSE" in str(request.body) for request in helix.endpoint.of("/v1/completions"))


CHOICES = [("helix", "off", False), ("neovim", "auto", False), ("neovim", "on", True)]


@pytest.mark.parametrize(("name", "as_items", "are_items"), CHOICES)
async def test_items_are_offered_as_the_user_wants(name: str, as_items: str, are_items: bool, tmp_path: Path) -> None:
    """Who has ghost text gets no second offer in the menu, unless he wants it."""
    async with opened(name, tmp_path, as_items) as running:
        assert ("completionProvider" in running.editor.server["capabilities"]) is are_items


def _place(document: Document) -> dict[str, Any]:
    return {"textDocument": {"uri": document.uri}, "position": document.position(document.cursor)}
