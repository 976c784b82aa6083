"""Files that nobody should have: whatever is opened or lies about, the server goes on answering for the others.

No times are asserted: that answers come while the heavy work is still going on is seen by the order of what happens.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from scripted_endpoint import Reply, ScriptedEndpoint
from test_workspace import SHOP, SIGNATURE, USES, check_prompt, children_of, opened
from wire import Editor, in_time, open_editor

from lsp_server.documents import MAX_CHARS

pytestmark = pytest.mark.asyncio(loop_scope="module")

NESTED = "([{<"
PATIENT = {f"INSTANT_LSP_ENDPOINT_INSTANT_{name}_MS": "60000" for name in ("FIRST_TOKEN", "TOTAL")}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Editor]:
    """One server for all documents."""
    async with (
        ScriptedEndpoint() as endpoint,
        open_editor(
            "vscode",
            tmp_path_factory.mktemp("home"),
            url=endpoint.url,
            options={"hover": "always"},
            environment=PATIENT,
        ) as editor,
    ):
        await editor.status("ready")
        yield editor


@pytest_asyncio.fixture(loop_scope="module")
async def editor(running: Editor) -> AsyncIterator[Editor]:
    yield running
    running.check_nothing_overlooked()


async def check_answered(editor: Editor, text: str, language: str = "python") -> None:
    """Every feature answers in the document, and a small one beside it is served as ever."""
    document = editor.open(text, language=language)
    small = editor.open("def add(a, b):\n    return a\n\nx =")
    assert await small.ghost() == " a + b"
    for place in (0, len(text)):
        document.cursor = place
        await in_time(document.complete(is_invoked=True))
        await in_time(document.hover())
        await in_time(editor.ask("textDocument/codeAction", _actions(document)))
        document.type("q")
    document.close()
    small.type("1")
    await in_time(small.complete(is_invoked=True))
    small.close()
    await editor.lives()


def _actions(document: Any) -> dict[str, Any]:
    here = document.position(document.cursor)
    context = {"diagnostics": [], "triggerKind": 1}
    return {"textDocument": {"uri": document.uri}, "range": {"start": here, "end": here}, "context": context}


@pytest.mark.parametrize(
    ("text", "language"),
    [
        *((bracket * 10_000, language) for bracket in NESTED for language in ("python", "typescript", "json")),
        ("[\n" * 10_000, "json"),
        ("if x:\n" * 3_000, "go"),
        ("(" * 5_000 + ")" * 5_000, "c"),
        ("f(" * 200_000, "rust"),
        ("x = '" + "\0\1\2\xff" * 100_000, "python"),
        ("\0" * 10_000, "yaml"),
        ("\x1b[31m" * 10_000, "shellscript"),
        ("a" * 5_000_000, "python"),
        ("漢😀" * 100_000, "python"),
        ("x = 1", "python"),
        ("", "python"),
        ("\n" * 1_000_000, "python"),
        ("\r" * 1_000_000, "python"),
        ("\ufeff# -*- coding: x -*-\nx", "python"),
        ("'" * 100_000, "typescript"),
        ("/*" * 50_000, "c"),
        ("<a>" * 30_000, "html"),
        ("- " * 10_000, "yaml"),
        ("x", "no language at all"),
    ],
    ids=lambda given: repr(given[:6]) if isinstance(given, str) else None,
)
async def test_any_text_is_answered(editor: Editor, text: str, language: str) -> None:
    await check_answered(editor, text, language)


async def test_a_document_of_a_hundred_megabytes_is_left_alone_and_said_so(editor: Editor) -> None:
    document = editor.open("value_of_it = 12345\n" * 5_000_000, name="big.py")
    assert len(document.text) > MAX_CHARS
    small = editor.open("x =")
    assert await small.ghost() == " a + b"
    place = {"textDocument": {"uri": document.uri}, "position": {"line": 5_000_000, "character": 0}}
    answer = await editor.request("textDocument/inlineCompletion", {**place, "context": {"triggerKind": 1}})
    assert answer == {"items": []}
    assert "big.py is read: it is too large" in (await editor.status("off"))["message"]
    change = {"range": {"start": place["position"], "end": place["position"]}, "text": "x"}
    identifier = {"uri": document.uri, "version": 2}
    editor.notify("textDocument/didChange", {"textDocument": identifier, "contentChanges": [change]})
    assert await in_time(editor.ask("textDocument/hover", place)) is None
    assert memory_mb(editor.process.pid) < 400
    identifier = {"uri": document.uri, "version": 3}
    editor.notify("textDocument/didChange", {"textDocument": identifier, "contentChanges": [{"text": "y ="}]})
    document.text, document.cursor = "y =", 3
    assert await document.ghost() == " a + b", "it is followed again when it has a size again"
    editor._statuses.clear()


def memory_mb(pid: int) -> int:
    """Resident memory; 0 where the system does not tell."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith("VmRSS")), 0)


# What lies about in the workspace.


@pytest_asyncio.fixture(loop_scope="module")
async def endpoint() -> AsyncIterator[ScriptedEndpoint]:
    async with ScriptedEndpoint() as endpoint:
        endpoint.reply = Reply()
        yield endpoint


@pytest.fixture(params=["git", "walk"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with one good module, which has to be found whatever else there is."""
    folder = tmp_path / "project"
    folder.mkdir()
    if request.param == "git":
        subprocess.run(["git", "init", "-q", folder], check=True)
    (folder / "shop.py").write_text(SHOP)
    return folder


def links(folder: Path) -> None:
    (folder / "loop").symlink_to(".")
    (folder / "a.py").symlink_to("b.py")
    (folder / "b.py").symlink_to("a.py")
    (folder / "gone.py").symlink_to("nowhere.py")
    (folder / "passwords.py").symlink_to("/etc/passwd")
    (folder / "up").symlink_to("/")


def pipes(folder: Path) -> None:
    os.mkfifo(folder / "pipe.py")
    os.mkfifo(folder / ".gitattributes")
    (folder / "deep").mkdir()
    os.mkfifo(folder / "deep" / "AGENTS.md")
    os.mkfifo(folder / "AGENTS.md")
    os.mkfifo(folder / ".editorconfig")


def unreadable(folder: Path) -> None:
    (folder / "mine.py").write_text("x = 1\n")
    (folder / "mine.py").chmod(0)
    (folder / "closed").mkdir(mode=0)
    (folder / os.fsdecode(b"\xff\xfe.py")).write_text("x = 1\n")
    (folder / "new\nline.py").write_text("x = 1\n")


def huge(folder: Path) -> None:
    with (folder / "huge.py").open("wb") as file:
        file.truncate(5_000_000_000)  # a hole, which costs no disk
    (folder / "long.py").write_text("x = [" + "1, " * 1_500_000)
    (folder / "nested.py").write_text("(" * 10_000)
    (folder / "nested.json").write_text('{"openapi":"3.0.0","paths":' + "[" * 10_000)
    (folder / "bomb.yaml").write_text(
        "openapi: 3.0.0\na: &a [x]\n" + "".join(f"b{n}: &b{n} [*a,*a]\n" for n in range(99))
    )
    (folder / "binary.py").write_bytes(bytes(range(256)) * 2_000)


def deep(folder: Path) -> None:
    place = folder
    for _ in range(200):
        place = place / "d"
    place.mkdir(parents=True)
    (place / "deep.py").write_text("x = 1\n")


def many(folder: Path) -> None:
    for number in range(20):
        (folder / f"m{number}").mkdir()
        for name in range(100):
            (folder / f"m{number}" / f"f{name}.py").write_text("x = 1\n")


@pytest.mark.skipif(sys.platform == "win32", reason="pipes and links that are files are POSIX's")
@pytest.mark.parametrize("make", [links, pipes, unreadable, huge, deep, many])
async def test_whatever_lies_in_a_folder_the_rest_is_found(
    make: Callable[[Path], None], folder: Path, endpoint: ScriptedEndpoint
) -> None:
    make(folder)
    async with opened(folder, endpoint, environment=PATIENT) as editor:
        document = editor.open(USES)
        await check_prompt(document, endpoint, (SIGNATURE,), ("root:x:",))
        await in_time(document.hover())
        assert all(memory_mb(pid) < 500 for pid in children_of(editor.process.pid))


async def test_completions_go_on_while_many_files_are_indexed(folder: Path, endpoint: ScriptedEndpoint) -> None:
    """The end of the indexing comes after answers that were asked for once it had begun."""
    for number in range(150):
        (folder / f"module_{number}.py").write_text("".join(f"def function_{number}_{n}(): ...\n" for n in range(100)))
    async with opened(folder, endpoint, environment=PATIENT) as editor:
        await editor.progress("begin")
        document = editor.open("x =")
        assert await document.ghost() == " a + b"
        document.type(" ")
        await in_time(document.hover())
        await editor.progress("end")


async def test_a_file_that_is_deleted_while_it_is_open_is_completed_all_the_same(
    folder: Path, endpoint: ScriptedEndpoint
) -> None:
    async with opened(folder, endpoint, environment=PATIENT) as editor:
        shop = editor.open(SHOP, name="shop.py")
        document = editor.open(USES)
        await check_prompt(document, endpoint, (SIGNATURE,))
        (folder / "shop.py").unlink()
        editor.notify(
            "workspace/didChangeWatchedFiles", {"changes": [{"uri": (folder / "shop.py").as_uri(), "type": 3}]}
        )
        editor.notify("textDocument/didSave", {"textDocument": {"uri": shop.uri}})
        shop.type("\nx =")
        await in_time(shop.complete(is_invoked=True))
        await in_time(shop.hover())
        await check_prompt(document, endpoint, (SIGNATURE,))
        shop.close()
        await check_prompt(document, endpoint, (), (SIGNATURE,))
