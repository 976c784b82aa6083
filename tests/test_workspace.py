"""The workspace in the prompt: a real server over a real folder, what it indexes, and how it follows changes."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from scripted_endpoint import Reply, ScriptedEndpoint
from wire import CAPABILITIES, Document, Editor, Kind, in_time, open_editor

from context.codegraph.extract import extract
from context.codegraph.store_file import store_path
from lsp_server.workspace.index import Index
from lsp_server.workspace.messages import Scope

SHOP = '''"""What is sold."""


class Basket:
    def total_in_euros(self, discount: float) -> float:
        return 1.0
'''
USES = "from shop import Basket\n\n\ndef pay(basket: Basket) -> float:\n    return basket.<|>\n"
SHOW = "instant.showContext"
USAGE = b'data: {"choices":[],"usage":{"prompt_tokens":8000,"completion_tokens":1}}\n\n'
BOTH: tuple[Kind, ...] = ("neovim", "vscode")
SIGNATURE = "def total_in_euros(self, discount: float) -> float:"

WATCHING = {
    **CAPABILITIES["vscode"],
    "workspace": {**CAPABILITIES["vscode"]["workspace"], "didChangeWatchedFiles": {"dynamicRegistration": True}},
}


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
    document.type("q")  # what was answered before does not agree with it
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


async def test_an_unsaved_buffer_is_seen_in_other_documents(folder: Path, endpoint: ScriptedEndpoint) -> None:
    async with opened(folder, endpoint) as editor:
        shop = editor.open(SHOP, name="shop.py")
        document = editor.open(USES)
        await check_prompt(document, endpoint, (SIGNATURE,))
        at = SHOP.index("total_in_euros")
        shop.replace(at, at + len("total_in_euros"), "sum_of_all")
        move(document)
        await check_prompt(document, endpoint, ("def sum_of_all(self",), (SIGNATURE,))
        shop.close()
        await check_prompt(document, endpoint, (SIGNATURE,), ("sum_of_all",))


async def test_a_saved_file_and_a_changed_one_are_seen(folder: Path, endpoint: ScriptedEndpoint) -> None:
    async with opened(folder, endpoint, capabilities=WATCHING) as editor:
        document = editor.open(USES)
        await check_prompt(document, endpoint, (SIGNATURE,))
        (registered,) = editor.registered
        assert registered["method"] == "workspace/didChangeWatchedFiles"
        (folder / "shop.py").write_text(SHOP.replace("total_in_euros", "saved_by_another"))
        editor.notify("textDocument/didSave", {"textDocument": {"uri": (folder / "shop.py").as_uri()}})
        await check_prompt(document, endpoint, ("def saved_by_another",), (SIGNATURE,))
        (folder / "shop.py").rename(folder / "store.py")
        change_files(editor, folder, {"shop.py": 3, "store.py": 1})
        document.replace(0, len("from shop"), "from store")
        document.cursor += 1
        await check_prompt(document, endpoint, ("store.py", "def saved_by_another"), ("shop.py",))


async def test_a_switched_branch_is_seen(folder: Path, endpoint: ScriptedEndpoint) -> None:
    async with opened(folder, endpoint, capabilities=WATCHING) as editor:
        document = editor.open(USES)
        await check_prompt(document, endpoint, (SIGNATURE,))
        changes = {"shop.py": 2}
        (folder / "shop.py").write_text(SHOP.replace("total_in_euros", "on_the_branch"))
        for number in range(60):
            (folder / f"other_{number}.py").write_text(f"def other_{number}(): ...\n")
            changes[f"other_{number}.py"] = 1
        change_files(editor, folder, changes)
        await check_prompt(document, endpoint, ("def on_the_branch",), (SIGNATURE,))
        await editor.progress("begin")
        await editor.progress("end")


async def test_what_nobody_tells_of_is_found_while_somebody_works(folder: Path, endpoint: ScriptedEndpoint) -> None:
    """Without watched files: a checkout changes git's index, which is looked at."""
    async with opened(folder, endpoint) as editor:
        document = editor.open(USES)
        await check_prompt(document, endpoint, (SIGNATURE,))
        assert editor.registered == []
        (folder / "shop.py").write_text(SHOP.replace("total_in_euros", "checked_out"))
        await (await asyncio.create_subprocess_exec("git", "-C", folder, "add", "shop.py")).wait()
        document.type("\n    ")
        move(document)
        await check_prompt(document, endpoint, ("def checked_out",), (SIGNATURE,))


@pytest.mark.parametrize("is_shown", [True, False])
async def test_progress_where_the_editor_shows_it(folder: Path, endpoint: ScriptedEndpoint, is_shown: bool) -> None:
    for number in range(20):
        (folder / f"module_{number}.py").write_text(f"def function_{number}(): ...\n")
    able = {**CAPABILITIES["neovim"], "window": {"workDoneProgress": is_shown}}
    async with opened(folder, endpoint, capabilities=able) as editor:
        if is_shown:
            assert (await editor.progress("begin"))["title"] == "Indexing project"
            assert "21 files" in (await editor.progress("end"))["message"]
        await check_prompt(editor.open(USES), endpoint, (SIGNATURE,))
        editor.check_no_progress()


async def test_nothing_of_a_refused_file_is_shown(folder: Path, endpoint: ScriptedEndpoint) -> None:
    (folder / "credentials.py").write_text("def total_secret(basket): ...\n")
    (folder / "settings_prod.py").write_text("def total_of_ours(basket): ...\n")
    refused = {"INSTANT_LSP_SECRETS_REFUSED": "settings_prod.py,credentials.py"}
    async with opened(folder, endpoint, environment=refused) as editor:
        editor.open("def total_typed(basket): ...\n", name="settings_prod.py")
        await editor.status("off")
        document = editor.open(f"from credentials import *\nfrom settings_prod import *\n{USES}")
        prompt = await check_prompt(document, endpoint, (SIGNATURE,))
        assert not {"total_secret", "total_of_ours", "total_typed"} & set(prompt.replace("(", " ").split())


async def test_nothing_of_an_ignored_file_is_shown_though_it_is_open(folder: Path, endpoint: ScriptedEndpoint) -> None:
    (folder / ".gitignore").write_text("local.py\n")
    for name in ("local.py", "tracked.py"):
        (folder / name).write_text("")
    async with opened(folder, endpoint) as editor:
        editor.open("def total_ignored(basket): ...\n", name="local.py")
        editor.open("def total_typed(basket): ...\n", name="tracked.py")
        uses = USES.replace("return ", "return total_ignored(basket) or total_typed(basket) or ")
        document = editor.open(f"from local import total_ignored\nfrom tracked import total_typed\n{uses}")
        await check_prompt(document, endpoint, (SIGNATURE, "def total_typed"), ("def total_ignored",))


async def test_a_file_that_is_ignored_from_now_on_is_not_shown_any_more(
    folder: Path, endpoint: ScriptedEndpoint
) -> None:
    async with opened(folder, endpoint, capabilities=WATCHING) as editor:
        document = editor.open(USES)
        await check_prompt(document, endpoint, (SIGNATURE,))
        (folder / ".gitignore").write_text("shop.py\n")
        change_files(editor, folder, {".gitignore": 1})
        await check_prompt(document, endpoint, hides=(SIGNATURE,))


def test_an_open_document_that_is_ignored_from_now_on_is_not_shown_any_more(folder: Path) -> None:
    index, facts = Index(Scope((str(folder),))), extract("shop.py", "python", SHOP.encode())
    for ignored, shown in (("", {"shop.py"}), ("shop.py\n", set())):
        (folder / ".gitignore").write_text(ignored)
        resolver = index.resolver(str(folder))
        assert resolver is not None
        index.renew(str(folder), resolver)
        index.show(str(folder), facts, SHOP)
        seen = index.resolver(str(folder))
        assert seen is not None
        assert set(seen.paths.files) == shown


async def test_a_further_root_is_read_too(folder: Path, endpoint: ScriptedEndpoint) -> None:
    library = folder.parent / "library"
    (library / "prices").mkdir(parents=True)
    (library / "prices" / "__init__.py").write_text("class PriceList:\n    def price_of(self, item: str) -> int: ...\n")
    roots = {"INSTANT_LSP_CONTEXT_ROOTS": str(library)}
    async with opened(folder, endpoint, environment=roots) as editor:
        document = editor.open("from prices import PriceList\n\n\ndef f(prices: PriceList):\n    return prices.<|>\n")
        await check_prompt(document, endpoint, ("library/prices/__init__.py", "def price_of(self, item: str)"))


async def test_a_further_root_is_followed_when_it_is_pulled(folder: Path, endpoint: ScriptedEndpoint) -> None:
    library = folder.parent / "library"
    library.mkdir()
    await (await asyncio.create_subprocess_exec("git", "init", "-q", library)).wait()
    (library / "prices.py").write_text("class PriceList:\n    def price_of(self, item: str) -> int: ...\n")
    roots = {"INSTANT_LSP_CONTEXT_ROOTS": str(library)}
    async with opened(folder, endpoint, capabilities=WATCHING, environment=roots) as editor:
        document = editor.open("from prices import PriceList\n\n\ndef f(prices: PriceList):\n    return prices.<|>\n")
        await check_prompt(document, endpoint, ("def price_of(self, item: str)",))
        (library / "prices.py").write_text("class PriceList:\n    def reduced(self, item: str) -> int: ...\n")
        await (await asyncio.create_subprocess_exec("git", "-C", library, "add", "prices.py")).wait()
        document.type("\n    ")
        move(document)
        await check_prompt(document, endpoint, ("def reduced(self, item: str)",), ("def price_of",))


async def test_a_folder_that_is_added_is_indexed(folder: Path, endpoint: ScriptedEndpoint) -> None:
    other = folder.parent / "other"
    other.mkdir()
    (other / "tax.py").write_text("def tax_of_basket(basket, percent): ...\n")
    async with opened(folder, endpoint) as editor:
        added = {"added": [{"uri": other.as_uri(), "name": "other"}], "removed": []}
        editor.notify("workspace/didChangeWorkspaceFolders", {"event": added})
        document = editor.open("from tax import tax_of_basket\n\nprint(<|>)\n")
        await check_prompt(document, endpoint, ("other/tax.py", "def tax_of_basket(basket, percent)"))


async def test_turned_off_nothing_is_shown(folder: Path, endpoint: ScriptedEndpoint) -> None:
    async with opened(folder, endpoint) as editor:
        document = editor.open(USES)
        await check_prompt(document, endpoint, (SIGNATURE,))
    off = {"INSTANT_LSP_CONTEXT_ENABLED": "false"}
    async with opened(folder, endpoint, environment=off) as editor:
        editor.open(SHOP, name="shop.py")
        await check_prompt(editor.open(USES), endpoint, (), (SIGNATURE,))


async def test_a_home_folder_is_not_indexed_and_that_is_said(tmp_path: Path, endpoint: ScriptedEndpoint) -> None:
    (tmp_path / "shop.py").write_text(SHOP)
    async with open_editor("neovim", tmp_path, url=endpoint.url, folder=tmp_path) as editor:
        await editor.logged("is not indexed: it is a home folder")
        await editor.status("ready")
        await check_prompt(editor.open(USES), endpoint, (), (SIGNATURE,))


@pytest.mark.parametrize("fault", ["corrupt", "unwritable"])
async def test_completions_go_on_without_an_index(folder: Path, endpoint: ScriptedEndpoint, fault: str) -> None:
    index = folder.parent / "home" / "instant-lsp" / "index"
    index.parent.mkdir(parents=True)
    if fault == "unwritable":
        index.write_text("no folder")
    else:
        index.mkdir()
        store_path(folder, index).write_bytes(b"no database" * 1_000)
    async with opened(folder, endpoint) as editor:
        document = editor.open(USES)
        if fault == "unwritable":
            await editor.logged("its index may not be opened or written")
            await check_prompt(document, endpoint, ("basket.",), (SIGNATURE,))
        else:
            await check_prompt(document, endpoint, (SIGNATURE,))


async def test_nothing_is_left_running(folder: Path, endpoint: ScriptedEndpoint) -> None:
    for number in range(300):
        lines = "".join(f"def function_{number}_{n}(): ...\n" for n in range(100))
        (folder / f"module_{number}.py").write_text(lines)
    async with opened(folder, endpoint) as editor:
        await editor.progress("begin")
        below = children_of(editor.process.pid)
        assert len(below) >= 2
        editor.has_left = True
        await editor.kill()
    async with asyncio.timeout(20):
        while any(map(is_running, below)):  # noqa: ASYNC110  they end when they see it
            await asyncio.sleep(0.02)


def change_files(editor: Editor, folder: Path, kinds: dict[str, int]) -> None:
    """1 made, 2 changed, 3 deleted."""
    changes = [{"uri": (folder / name).as_uri(), "type": kind} for name, kind in kinds.items()]
    editor.notify("workspace/didChangeWatchedFiles", {"changes": changes})


def move(document: Document) -> None:
    place = {"textDocument": {"uri": document.uri}, "position": document.position(document.cursor)}
    document.editor.notify("instant/didMoveCursor", place)


def children_of(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    direct = [int(one) for task in tasks.iterdir() for one in (task / "children").read_text().split()]
    return [*direct, *(below for one in direct for below in children_of(one))]


def is_running(pid: int) -> bool:
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.skipif(sys.platform == "win32", reason="the test kills by a POSIX signal")
async def test_a_child_that_is_killed_comes_back(folder: Path, endpoint: ScriptedEndpoint) -> None:
    async with opened(folder, endpoint) as editor:
        document = editor.open(USES)
        shop = editor.open(SHOP, name="shop.py")
        move(document)
        await check_prompt(document, endpoint, (SIGNATURE,))
        for pid in children_of(editor.process.pid)[:1]:
            os.kill(pid, signal.SIGKILL)
        await editor.complained("process ended")
        shop.replace(SHOP.index("total"), SHOP.index("total") + len("total"), "amount")
        document.type("u")  # what was being read when the child ended is read again once it has changed
        await check_prompt(document, endpoint, ("def amount_in_euros",), (SIGNATURE,))


async def test_two_editors_share_an_index(folder: Path, endpoint: ScriptedEndpoint) -> None:
    async with opened(folder, endpoint) as first, opened(folder, endpoint, "vscode") as second:
        for editor in (first, second):
            await check_prompt(editor.open(USES), endpoint, (SIGNATURE,))


async def test_what_the_endpoint_counts_sets_how_much_is_sent(folder: Path, endpoint: ScriptedEndpoint) -> None:
    """An endpoint whose tokens are half as long gets half as much."""
    async with opened(folder, endpoint) as editor:
        document = editor.open("value_of_it = 12345\n" * 2_000 + "y =")
        before = len(await shown_prompt(document))
        endpoint.reply = Reply(raw=(b'data: {"choices":[{"text":" 1"}]}\n\n', USAGE, b"data: [DONE]\n\n"))
        await in_time(document.complete())
        assert len(await shown_prompt(document)) < 0.8 * before
