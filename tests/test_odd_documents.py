"""Documents that are not as one thinks of them: each is hovered over, explained, and fixed where it can be."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from scripted_endpoint import Reply, Request, ScriptedEndpoint
from wire import Document, Editor, in_time, open_editor

from lsp_server.assist.tier import MAX_PROMPT_CHARS

SAID = "It gives back its number."
FIX_MARK = "Write the whole code above again"
LINES = "".join(f"value_{n} = {n}\n" for n in range(20_000))
FUNCTION = "def given(number):\n    # As it is.\n    return nunber\n"
NUMBERS = itertools.count()


@dataclass(frozen=True)
class Odd:
    """A document, the stretch that holds what is wrong in it, the wrong name and the right one.

    `reason` is why it is not fixed. `is_empty` where both the selection and the report have no length.
    """

    text: str
    stretch: str = FUNCTION
    wrong: str = "nunber"
    right: str = "number"
    language: str = "python"
    uri: str = ""
    message: str = "undefined name"
    reason: str = ""
    is_empty: bool = False


ODD = {
    "long file": Odd(f"{LINES}\n\n{FUNCTION}\n\n{LINES}"),
    "long line": Odd(f"x = '{'é' * 100_000}'\n\n\n{FUNCTION}"),
    "huge diagnostic": Odd(FUNCTION, message="type mismatch in tuple\n" * 20_000),
    "no grammar": Odd("given\n\nmuch nunber\n\nHo'\n", stretch="much nunber\n", language="klingon"),
    "empty selection": Odd(FUNCTION, is_empty=True),
    "read-only file": Odd(FUNCTION, reason="The file is read-only."),
    "crlf": Odd(FUNCTION.replace("\n", "\r\n"), stretch=FUNCTION.replace("\n", "\r\n")),
    "old macintosh": Odd(FUNCTION.replace("\n", "\r"), stretch=FUNCTION.replace("\n", "\r")),
    "cjk and emoji": Odd(
        "def given数(番号):\n    '🎉'; return 蕃号  # 元の数\n",
        stretch="def given数(番号):\n    '🎉'; return 蕃号  # 元の数\n",
        wrong="蕃号",
        right="番号",
    ),
    "notebook cell": Odd(FUNCTION, uri="vscode-notebook-cell:/work/book.ipynb#W1"),
    "never saved": Odd(FUNCTION, uri="untitled:Untitled-1"),
}
odd = pytest.mark.parametrize("case", ODD)
wire = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def endpoint() -> AsyncIterator[ScriptedEndpoint]:
    async with ScriptedEndpoint() as endpoint:
        yield endpoint


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["neovim", "vscode"])
async def editor(
    request: pytest.FixtureRequest, endpoint: ScriptedEndpoint, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Editor]:
    """One server for all documents."""
    async with open_editor(request.param, tmp_path_factory.mktemp("home"), url=endpoint.url) as editor:
        await editor.status("ready")
        yield editor


def one_of_a_kind(case: str) -> Odd:
    """The case with a name in it that no other document has: what is known of one is no news of another."""
    given, name = ODD[case], f"given{next(NUMBERS)}"
    return replace(given, text=given.text.replace("given", name), stretch=given.stretch.replace("given", name))


def opened(editor: Editor, endpoint: ScriptedEndpoint, given: Odd, folder: Path) -> Document:
    """The document; the endpoint answers what is asked about it."""
    right = given.stretch.replace(given.wrong, given.right).replace("\r\n", "\n").replace("\r", "\n")

    def answering(request: Request) -> Reply:
        is_fix = FIX_MARK in str(request.body.get("messages"))
        return Reply((f"```\n{right}```\n",)) if is_fix else Reply((SAID,))

    endpoint.answering = answering
    uri = given.uri or f"file:///work/odd_{next(NUMBERS)}.py"
    if given.reason:
        path = folder / "odd.py"
        path.write_text(given.text)
        path.chmod(0o444)
        uri = path.as_uri()
    document = Document(editor, uri, given.text, given.text.index(given.stretch), 1)
    item = {"uri": uri, "languageId": given.language, "version": 1, "text": given.text}
    editor.notify("textDocument/didOpen", {"textDocument": item})
    return document


def span(document: Document, given: Odd, *, is_empty: bool) -> dict[str, Any]:
    """The range of what is wrong."""
    start = document.text.index(given.wrong, document.cursor)
    end = start if is_empty else start + len(given.wrong)
    return {"start": document.position(start), "end": document.position(end)}


def last_prompt(endpoint: ScriptedEndpoint) -> str:
    prompt = str(endpoint.of("/v1/chat/completions")[-1].body["messages"][1]["content"])
    assert len(prompt) <= MAX_PROMPT_CHARS
    assert "\r" not in prompt
    return prompt


async def check_hovered(document: Document, endpoint: ScriptedEndpoint, given: Odd) -> None:
    """The hover comes to explain the wrong name, and marks exactly that."""
    document.cursor = document.text.index(given.wrong, document.cursor) + 1
    text = ""
    async with asyncio.timeout(30):
        while SAID not in text:
            answer = await document.hover()
            text = answer["contents"]["value"] if answer else ""
    start = document.cursor - 1
    assert answer["range"] == {"start": document.position(start), "end": document.position(start + len(given.wrong))}
    assert given.wrong in last_prompt(endpoint)


async def check_explained(document: Document, endpoint: ScriptedEndpoint, given: Odd, **more: Any) -> None:
    """The command explains, and the model has seen the line."""
    argument = {"uri": document.uri, "partialResultToken": "p", **more}
    asked = {"command": "instant.explain", "arguments": [argument]}
    result = await in_time(document.editor.ask("workspace/executeCommand", asked))
    await document.editor.part("p")
    assert SAID in result["text"]
    assert given.wrong in last_prompt(endpoint)


async def check_fixed(document: Document, endpoint: ScriptedEndpoint, given: Odd) -> None:
    """The offered fix, applied, puts the right name into the place of the wrong one and changes nothing else."""
    editor = document.editor
    place = span(document, given, is_empty=given.is_empty)
    wrong = {"range": place, "message": given.message, "source": "checker"}
    params = {"textDocument": {"uri": document.uri}, "range": place, "context": {"diagnostics": [wrong]}}
    offered = await in_time(editor.ask("textDocument/codeAction", params))
    action = next(one for one in offered if one["title"].startswith("Fix"))
    assert len(action["title"]) < 130
    if given.reason:
        assert action["disabled"]["reason"] == given.reason
        return
    edit = (await in_time(editor.ask("codeAction/resolve", action)))["edit"]
    await editor.told("Fix by scripted")
    changes = edit["documentChanges"][0]["edits"] if "documentChanges" in edit else edit["changes"][document.uri]
    text = document.text
    for one in sorted(changes, key=lambda one: document.offset(one["range"]["start"]), reverse=True):
        start, end = document.offset(one["range"]["start"]), document.offset(one["range"]["end"])
        text = text[:start] + one["newText"] + text[end:]
    assert text == given.text.replace(given.wrong, given.right)
    assert given.wrong in last_prompt(endpoint)


@odd
@wire
async def test_hover(editor: Editor, endpoint: ScriptedEndpoint, case: str, tmp_path: Path) -> None:
    given = one_of_a_kind(case)
    document = opened(editor, endpoint, given, tmp_path)
    await check_hovered(document, endpoint, given)
    document.close()


@odd
@wire
async def test_explain(editor: Editor, endpoint: ScriptedEndpoint, case: str, tmp_path: Path) -> None:
    given = one_of_a_kind(case)
    document = opened(editor, endpoint, given, tmp_path)
    place = span(document, given, is_empty=True)
    await check_explained(document, endpoint, given, range=place)
    if not given.is_empty:
        place = span(document, given, is_empty=False)
        await check_explained(document, endpoint, given, range=place)
    diagnostic = {"range": place, "message": given.message, "source": "checker"}
    await check_explained(document, endpoint, given, range=place, diagnostic=diagnostic)
    document.close()


@odd
@wire
async def test_fix(editor: Editor, endpoint: ScriptedEndpoint, case: str, tmp_path: Path) -> None:
    given = one_of_a_kind(case)
    document = opened(editor, endpoint, given, tmp_path)
    await check_fixed(document, endpoint, given)
    document.close()
