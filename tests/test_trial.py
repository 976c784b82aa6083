"""Running new tests: in a copy, with a time limit, without tokens, and with nothing left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import pytest

from lsp_server.assist import trial
from lsp_server.assist.frameworks import FRAMEWORKS, Framework
from lsp_server.assist.placement import Plan
from lsp_server.assist.trial import Bench, Trial

SCRIPT = Framework("a script", ("python",), ("test_{stem}.py",), "def test", run=("[python3]", "{file}", "{names}"))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a module, a secret, and links; python3 is this one."""
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "python3").symlink_to(sys.executable)
    (tmp_path / "copies").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "copies"))
    monkeypatch.setattr("tempfile.tempdir", None)
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}{os.pathsep}node_modules/.bin")
    folder = tmp_path / "shop 買い物"
    for name, text in {
        "shop.py": "PRICE = 1\n",
        "tests/test_shop.py": "",
        ".env": "KEY=secret\n",
        ".git/config": "",
        "node_modules/x/index.js": "",
        "build/made.py": "",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "outside.py").write_text("")
    (folder / "out.py").symlink_to("../outside.py")
    (folder / "in.py").symlink_to("shop.py")
    os.mkfifo(folder / "pipe")
    return folder


async def check_run(
    folder: Path,
    text: str,
    outcome: str,
    *,
    framework: Framework = SCRIPT,
    path: str = "tests/test_shop.py",
    names: tuple[str, ...] = (),
    deadline_s: float = 60,
    buffers: dict[str, str] | None = None,
    project: str = "",
) -> Trial:
    """Runs a text as the file of tests; the folder is as before, and the copy is gone."""
    before = written(folder)
    plan = Plan(framework, path, is_new=False, project=project)
    tried = await trial.run(Bench(str(folder), buffers or {}), plan, text, names, deadline_s)
    assert tried.outcome == outcome, tried
    assert written(folder) == before
    assert os.listdir(os.environ["TMPDIR"]) == []
    return tried


def written(folder: Path) -> dict[Path, int]:
    """When each file of a folder was written, and each folder."""
    return {one: one.lstat().st_mtime_ns for one in folder.rglob("*")}


async def test_it_passes_or_fails_as_the_tool_says(folder: Path) -> None:
    await check_run(folder, "print('合計 🎉')", "passed")
    tried = await check_run(folder, "raise SystemExit('合計 🎉 is wrong')", "failed")
    assert tried.output == "合計 🎉 is wrong"


async def test_the_copy_has_what_tests_need_and_no_more(folder: Path) -> None:
    text = "import os\nfor root, folders, names in os.walk('.'):\n    print(*folders, *names, sep='\\n')\n"
    tried = await check_run(folder, text, "passed")
    seen = set(tried.output.split("\n"))
    assert {"shop.py", "test_shop.py", "node_modules", "in.py"} <= seen
    assert seen.isdisjoint({".env", ".git", "build", "out.py", "pipe"})


async def test_the_copy_has_unsaved_text_but_no_secrets(folder: Path) -> None:
    text = "import os, sys; sys.path.insert(0, '.'); import shop; print(shop.PRICE, os.path.exists('.env'))"
    tried = await check_run(folder, text, "passed", buffers={"shop.py": "PRICE = 2\n", ".env": "KEY=new\n"})
    assert tried.output == "2 False"


async def test_what_is_installed_is_not_written_to(folder: Path) -> None:
    text = "print(open('node_modules/x/index.js').read() == '')"
    tried = await check_run(folder, text, "passed", buffers={"node_modules/x/index.js": "unsaved"})
    assert tried.output == "True"
    tried = await check_run(folder, text, "not run", path="node_modules/x/test_index.js")
    assert "installed" in tried.reason


async def test_the_environment_has_no_tokens(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("INSTANT_LSP_ENDPOINT_INSTANT_TOKEN_ENV", "COMPANY_TOKEN", "AWS_SECRET_ACCESS_KEY", "LD_PRELOAD_X"):
        monkeypatch.setenv(name, "sesame")
    tried = await check_run(folder, "import os; print(*os.environ.items(), sep='\\n')", "passed")
    assert "sesame" not in tried.output
    assert "'PATH'" in tried.output
    assert "node_modules/.bin" not in tried.output


async def test_what_takes_too_long_is_ended_with_all_it_has_started(folder: Path, tmp_path: Path) -> None:
    started = tmp_path / "pid"
    text = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(started)!r}, 'w').write(str(child.pid))\n"
        "child.wait()\n"
    )
    tried = await check_run(folder, text, "not run", deadline_s=8)
    assert tried.reason == "The tests did not end within 8 s."
    await check_gone(int(started.read_text()))


async def test_what_is_left_running_is_ended(folder: Path, tmp_path: Path) -> None:
    started = tmp_path / "pid"
    text = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(started)!r}, 'w').write(str(child.pid))\n"
    )
    await check_run(folder, text, "passed")
    await check_gone(int(started.read_text()))


async def test_what_has_left_the_group_keeps_nobody_waiting(folder: Path, tmp_path: Path) -> None:
    started = tmp_path / "pid"
    text = (
        "import subprocess, sys\n"
        "code = 'import time; time.sleep(600)'\n"
        "child = subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        f"open({str(started)!r}, 'w').write(str(child.pid))\n"
        "print('done', flush=True)\n"
    )
    try:
        async with asyncio.timeout(60):
            tried = await check_run(folder, text, "passed")
        assert tried.output == "done"
    finally:
        os.kill(int(started.read_text()), signal.SIGKILL)


async def check_gone(pid: int) -> None:
    """A process that was ended goes once its parent, or init, has seen it."""
    async with asyncio.timeout(20):
        while is_running(pid):  # noqa: ASYNC110  no event of ours
            await asyncio.sleep(0.02)


def is_running(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def test_cancelling_ends_it(folder: Path, tmp_path: Path) -> None:
    started = tmp_path / "pid"
    text = f"import os, time\nopen({str(started)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)\n"
    plan = Plan(SCRIPT, "tests/test_shop.py", is_new=False)
    running = asyncio.create_task(trial.run(Bench(str(folder)), plan, text, (), 600))
    async with asyncio.timeout(20):
        while not started.exists() or not started.read_text():  # noqa: ASYNC110  no event of ours
            await asyncio.sleep(0.02)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    await check_gone(int(started.read_text()))


async def test_no_shell_reads_the_names(folder: Path) -> None:
    tried = await check_run(folder, "import sys; print(sys.argv[1:])", "passed", names=("a; touch x", "$(b)"))
    assert tried.output == "['a; touch x|$(b)']"


async def test_only_the_end_of_what_is_said_is_kept(folder: Path) -> None:
    tried = await check_run(folder, "print('x' * 1_000_000); print('the end')", "passed")
    assert len(tried.output) <= trial.MAX_OUTPUT_CHARS
    assert tried.output.endswith("the end")


async def test_a_program_that_is_not_there(folder: Path) -> None:
    missing = Framework("no tool", ("python",), ("test_{stem}.py",), "", run=("[node_modules/.bin/none|none-such]",))
    tried = await check_run(folder, "", "not run", framework=missing)
    assert tried.reason == "The program of no tool was not found."
    nothing = Framework("no tool", ("python",), ("test_{stem}.py",), "")
    await check_run(folder, "", "not run", framework=nothing)


async def test_a_folder_that_is_too_large(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "MAX_FILES", 1)
    tried = await check_run(folder, "", "not run")
    assert "too large" in tried.reason


async def test_a_program_of_the_project_goes_before_others(folder: Path) -> None:
    program = folder / "web" / "node_modules" / ".bin" / "tool"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\necho own $1\n")
    program.chmod(0o755)
    (folder / "web" / "src").mkdir()
    tool = Framework("tool", ("javascript",), ("{stem}.test.js",), "", run=("[node_modules/.bin/tool]", "{file}"))
    tried = await check_run(folder, "", "passed", framework=tool, path="web/src/a.test.js", project="web")
    assert tried.output == "own src/a.test.js"


@pytest.mark.parametrize(
    ("framework", "text", "names", "outcome"),
    [
        (
            "pytest",
            "def test_a():\n    assert 1\n\ndef test_b():\n    assert 0\n",
            ("test_a",),
            "passed",
        ),
        ("pytest", "def test_a():\n    assert 0\n", ("test_a",), "failed"),
        ("pytest", "def test_a():\n    assert 1\n", ("test_b",), "failed"),
        (
            "unittest",
            "import unittest\nclass A(unittest.TestCase):\n    def test_a(self):\n        self.assertEqual(1, 1)\n",
            (),
            "passed",
        ),
        ("unittest", "x = 1\n", (), "failed"),
    ],
)
async def test_the_real_tools_of_python(
    folder: Path, framework: str, text: str, names: tuple[str, ...], outcome: str
) -> None:
    row = next(row for row in FRAMEWORKS if row.name == framework)
    (folder.parent / "bin" / "python3").unlink()
    (folder.parent / "bin" / "python3").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
    (folder.parent / "bin" / "python3").chmod(0o755)
    await check_run(folder, text, outcome, framework=row, names=names)
