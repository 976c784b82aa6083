"""The workspace's process, the real one: outlines follow the typing, and nothing a user does stops it for good."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from context.document import Snapshot
from lsp_server.text_buffer import TextBuffer
from lsp_server.workspace.outlines import MAX_BYTES
from lsp_server.workspace.workspace import Workspace

ROOT = str(Path(__file__).resolve().parents[1])
URI = "file:///project/shop.py"
SHOP = "import os\n\nclass Shop:\n    def sell(self, n):\n        return n\n"


@pytest.fixture
async def worker() -> AsyncIterator[Workspace]:
    worker = Workspace()
    yield worker
    await worker.aclose()


async def check_names(worker: Workspace, expected: list[str], uri: str = URI) -> None:
    """The scopes' names come to be `expected`, and none of them has its name elsewhere."""
    await until(lambda: (outline := worker.outline(uri)) is not None and [s.name for s in outline.scopes] == expected)


def open_in(worker: Workspace, uri: str, language: str, text: str) -> None:
    worker.open(Snapshot(uri, uri.rpartition("/")[2], language, 1, text), "")


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110  # another process decides, no event of ours
            await asyncio.sleep(0.01)


def type_into(worker: Workspace, buffer: TextBuffer, at: tuple[int, int], text: str, uri: str = URI) -> None:
    for column, character in enumerate(text, at[1]):
        worker.edit(uri, buffer.apply((at[0], column), (at[0], column), character, "utf-32"))


async def test_outline_of_an_opened_document(worker: Workspace) -> None:
    open_in(worker, URI, "python", SHOP)
    await check_names(worker, ["Shop", "sell"])


async def test_typing_moves_the_old_outline_at_once_and_brings_a_new_one(worker: Workspace) -> None:
    buffer = TextBuffer(SHOP)
    open_in(worker, URI, "python", SHOP)
    await check_names(worker, ["Shop", "sell"])
    type_into(worker, buffer, (0, 0), "é = '🎉 日本'; ")
    moved = worker.outline(URI)
    assert moved is not None
    assert [buffer.text()[scope.start : scope.header_end] for scope in moved.scopes] == [
        "class Shop:",
        "def sell(self, n):",
    ]
    worker.edit(URI, buffer.apply((2, 6), (2, 10), "Café", "utf-32"))
    await check_names(worker, ["Café", "sell"])
    found = worker.outline(URI)
    assert found is not None
    assert [buffer.text()[scope.start : scope.header_end] for scope in found.scopes] == [
        "class Café:",
        "def sell(self, n):",
    ]


async def test_what_is_near_a_place_is_what_the_whole_outline_says(worker: Workspace) -> None:
    buffer = TextBuffer(SHOP)
    open_in(worker, URI, "python", SHOP)
    await check_names(worker, ["Shop", "sell"])
    for at, text in (((0, 0), "é = 1; "), ((3, 0), "    🎉 = "), ((1, 0), "# ")):
        type_into(worker, buffer, at, text)
        whole = worker.outline(URI)
        assert whole is not None
        for offset in range(len(buffer.text()) + 1):
            near = worker.near(URI, offset)
            assert near is not None
            assert (near.scopes, near.imports) == (whole.enclosing(offset), whole.imports)


@pytest.mark.skipif(sys.platform == "win32", reason="the test kills by a POSIX signal")
async def test_a_child_that_dies_comes_back_with_all_documents(worker: Workspace) -> None:
    other = "file:///project/other.py"
    open_in(worker, URI, "python", SHOP)
    open_in(worker, other, "python", "def first(): ...\n")
    await check_names(worker, ["Shop", "sell"])
    await check_names(worker, ["first"], other)
    pid = worker.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    await until(lambda: worker.pid not in (None, pid))
    assert worker.outline(URI) is not None, "the last known outline outlives the child"
    buffer = TextBuffer("def first(): ...\n")
    worker.edit(other, buffer.apply((0, 4), (0, 9), "second", "utf-32"))
    await check_names(worker, ["second"], other)


async def test_documents_that_are_not_followed(worker: Workspace) -> None:
    large, unknown, closed = "file:///large.py", "file:///a.cobol", "file:///closed.py"
    buffer = TextBuffer("x")
    open_in(worker, large, "python", "x = 1\n" * (MAX_BYTES // 6 + 1))
    open_in(worker, unknown, "cobol", "x")
    open_in(worker, closed, "python", SHOP)
    worker.close(closed)
    worker.edit(closed, buffer.apply((0, 0), (0, 0), "y", "utf-32"))
    open_in(worker, URI, "python", SHOP)
    await check_names(worker, ["Shop", "sell"])
    assert [worker.outline(uri) for uri in (large, unknown, closed)] == [None, None, None]


async def test_lone_surrogates_and_nul_do_not_stop_it(worker: Workspace) -> None:
    open_in(worker, URI, "python", "s = '\ud83d'\0\ndef f():\n    pass\n")
    await check_names(worker, ["f"])


async def test_reopened_document_has_no_outline_of_its_former_self(worker: Workspace) -> None:
    open_in(worker, URI, "python", SHOP)
    await check_names(worker, ["Shop", "sell"])
    open_in(worker, URI, "python", "def other(): ...\n")
    assert worker.outline(URI) is None
    await check_names(worker, ["other"])


SERVER = textwrap.dedent(
    """
    import asyncio, sys
    from context.document import Snapshot
    from lsp_server.workspace.workspace import Workspace
    async def main():
        worker = Workspace()
        worker.open(Snapshot("file:///a.py", "a.py", "python", 1, "def f(): ...\\n"), "")
        while worker.outline("file:///a.py") is None:
            await asyncio.sleep(0.01)
        print(worker.pid, flush=True)
        await asyncio.Event().wait()
    asyncio.run(main())
    """
)


@pytest.mark.skipif(sys.platform == "win32", reason="the test kills by a POSIX signal")
def test_a_users_own_modules_do_not_shadow_ours_and_the_child_goes_with_a_killed_server(tmp_path: Path) -> None:
    for name in ("context", "lsp_server", "pickle", "tree_sitter"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('shadowed')")
    environment = {**os.environ, "PYTHONPATH": ROOT}
    command = [sys.executable, "-P", "-c", SERVER]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        child = int(server.stdout.readline())
        server.kill()
        # The child holds no pipe of the server's but its own, so this one ends although the child may still run.
        assert server.stdout.read() == ""
    assert _ends(child)


def _ends(pid: int) -> bool:
    """Waits for the end of a process that is not our child; pytest's own time limit is the deadline."""
    poll = subprocess.run(
        [
            "timeout",
            "20",
            "sh",
            "-c",
            f"while kill -0 {pid} 2>/dev/null && ! grep -q '^State:.Z' /proc/{pid}/status; do sleep 0.05; done",
        ],
        check=False,
    )
    return poll.returncode == 0
