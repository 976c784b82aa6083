"""A store that keeps step with its folder, whatever happens in between."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from context.codegraph import extract as extraction
from context.codegraph import parsing
from context.codegraph.indexer import Indexer, Progress, Update
from context.codegraph.reader import Reader
from context.codegraph.store_file import StoreError

ENTRY = (sys.executable, "-P", "-m", "lsp_server", "index")


ENDING = """
import os, signal, sys
sys.path[:] = sys.argv[1:]
from context.codegraph import extract, parsing
real = extract.extract
extract.extract = lambda path, *rest: {} if "fatal" in path else real(path, *rest)
parsing.main()
"""


class Project:
    """A folder of Python files, each with a function of its own, and its index."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.root.mkdir()
        self.path = folder / "cache" / "index.sqlite3"
        self.indexer = Indexer(self.root, self.path, n_processes=1)
        self.reader = Reader(self.root, self.path)

    def write(self, path: str, function: str, n_comments: int = 0) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        rest = f"    # {'-' * 90}\n" * n_comments
        file.write_text(f'def {function}():\n    """Says {function}."""\n    value = 1\n{rest}')

    def fill(self, n_files: int) -> None:
        """So much that processes are started for it, 60 files or more."""
        for n in range(n_files):
            self.write(f"package{n % 7}/module{n}.py", f"function_{n}", n_comments=80)

    def update(self, **options: Any) -> Update:
        return self.indexer.update(**options)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def check_in_step(project: Project) -> None:
    """Every file that there is, and no other, is found by its functions, its words and its text."""
    files = {path.relative_to(project.root).as_posix(): path.read_bytes() for path in project.root.rglob("*.py")}
    assert project.reader.paths() == sorted(files)
    for path, source in files.items():
        functions = re.findall(r"^def (\w+)", source.decode("utf-8", "replace"), re.MULTILINE)
        assert [symbol.name for symbol in project.reader.symbols_of(path)] == functions
        for function in functions:
            assert path in [located.path for located in project.reader.symbols_named(function)]
            assert project.reader.rows("SELECT 1 FROM lexicon WHERE lexicon MATCH ?", function) == [(1,)]
        text = project.reader.text(path, 0, 1)
        assert text is not None
        assert source.startswith(text.encode())
    names = {function for (function,) in project.reader.rows("SELECT name FROM symbols")}
    assert names == {name for source in files.values() for name in re.findall(r"^def (\w+)", source.decode(), re.M)}


def check_failure(update: Callable[[], object], kind: str) -> None:
    with pytest.raises(StoreError) as raised:
        update()
    assert raised.value.kind == kind


def run(project: Project, *, code: str = "", **options: Any) -> subprocess.Popen[str]:
    """An update in a process of its own, which prints how far it is, and how it ended."""
    start = f"""
import pathlib, sys
from context.codegraph.indexer import Indexer
from context.codegraph.store_file import StoreError
{code}
try:
    indexer = Indexer(sys.argv[1], pathlib.Path(sys.argv[2]))
    print(indexer.update(on_progress=lambda progress: print(*progress, flush=True)).n_parsed)
except StoreError as error:
    print(error.kind)
"""
    command = [sys.executable, "-c", start, str(project.root), str(project.path)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **options)


def unstored(project: Project) -> list[str]:
    """Files that are not in the store yet, though they may have been read already."""
    files = {path.relative_to(project.root).as_posix() for path in project.root.rglob("*.py")}
    return sorted(files - set(project.reader.paths()))


def children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def test_a_folder_is_indexed_and_only_what_changes_is_parsed_again(project: Project) -> None:
    project.fill(60)
    first = project.update()
    assert (first.n_parsed, first.n_removed, first.is_complete) == (60, 0, True)
    assert (first.counts.n_files, first.counts.n_symbols) == (60, 60)
    assert first.counts.n_lines == 60 * 83
    check_in_step(project)
    assert project.update().n_parsed == 0
    project.write("package1/module1.py", "changed")
    project.write("new/module.py", "added")
    (project.root / "package2/module2.py").unlink()
    second = project.update()
    assert (second.n_parsed, second.n_removed) == (2, 1)
    check_in_step(project)


def test_a_file_that_was_only_touched_is_not_parsed(project: Project) -> None:
    project.write("a.py", "first")
    project.update()
    os.utime(project.root / "a.py", ns=(1, 1))
    assert project.reader.text("a.py", 0, 1) is not None
    assert project.update().n_parsed == 0
    check_in_step(project)


def test_progress_goes_from_nothing_to_all(project: Project) -> None:
    project.fill(60)
    seen: list[Progress] = []
    project.update(on_progress=seen.append)
    assert seen[0] == (0, 60)
    assert seen[-1] == (60, 60)
    assert [progress.n_done for progress in seen] == sorted({progress.n_done for progress in seen})


def test_saved_new_and_deleted_files_are_taken_over_one_by_one(project: Project) -> None:
    project.write("a.py", "first")
    project.write("old/b.py", "second")
    project.write("old/deep/c.py", "third")
    project.write("older.py", "fourth")
    project.update()
    project.write("a.py", "changed")
    project.write("new/d.py", "added")
    assert project.indexer.update_files(["a.py", "new/d.py"]) == 2
    check_in_step(project)
    for path in ("old/b.py", "old/deep/c.py"):
        (project.root / path).unlink()
    assert project.indexer.update_files(["old", "never.py"]) == 0
    check_in_step(project)
    assert project.indexer.update_files(["a.py"]) == 0


def test_saved_files_are_taken_over_before_the_first_whole_update(project: Project) -> None:
    project.write("a.py", "first")
    assert project.indexer.update_files(["a.py"]) == 1
    check_in_step(project)


def test_what_is_not_listed_is_not_taken_over(project: Project) -> None:
    project.write("a.py", "first")
    project.write("ignored.py", "hidden")
    (project.root / ".gitignore").write_text("ignored.py\n")
    project.indexer.update_files(["a.py", "ignored.py", "../index.sqlite3"])
    assert project.reader.paths() == ["a.py"]


def test_a_branch_is_switched(project: Project) -> None:
    def git(*command: str) -> None:
        settings = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com")
        subprocess.run(["git", *settings, *command], cwd=project.root, check=True, capture_output=True)

    project.fill(70)
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "a")
    project.update()
    git("checkout", "-q", "-b", "other")
    changed = [f"package{n % 7}/module{n}.py" for n in range(60)]
    for n, path in enumerate(changed):
        project.write(path, f"other_{n}")
    git("commit", "-q", "-a", "-m", "b")
    assert project.indexer.update_files(changed) == 60
    check_in_step(project)
    git("checkout", "-q", "main")
    assert project.indexer.update_files(changed) == 60
    check_in_step(project)


def test_many_files_at_once_are_taken_over(project: Project) -> None:
    project.fill(60)
    paths = sorted(path.relative_to(project.root).as_posix() for path in project.root.rglob("*.py"))
    assert project.indexer.update_files(paths) == 60
    check_in_step(project)


# What is left out.


def test_what_was_refused_is_looked_at_once(project: Project) -> None:
    project.write("a.py", "first")
    (project.root / "binary.py").write_bytes(b"\0" * 100)
    (project.root / "credentials.py").write_text("KEY = 'hidden'\n")
    first = project.update()
    assert (first.counts.n_files, first.n_refused) == (1, {"binary": 1, "secret": 1})
    assert project.update().n_parsed == 0
    assert project.reader.paths() == ["a.py"]
    assert project.reader.rows("SELECT path, refused, length(digest) FROM files WHERE refused != ''") == [
        ("binary.py", "binary", 16),
        ("credentials.py", "secret", 0),
    ]
    project.write("binary.py", "no_longer")
    assert project.update().n_parsed == 1
    assert project.reader.paths() == ["a.py", "binary.py"]


def test_patterns_that_refuse_more_take_it_out_again(project: Project) -> None:
    project.write("a.py", "first")
    project.write("legal/contract.py", "second")
    project.update()
    Indexer(project.root, project.path, refused=("legal/",)).update()
    assert project.reader.paths() == ["a.py"]
    assert project.reader.symbols_named("second") == []
    project.update()
    check_in_step(project)


def test_another_program_makes_everything_anew(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    project.write("a.py", "first")
    project.update()
    monkeypatch.setattr("context.codegraph.indexer.rules", lambda: "of another version")
    assert project.update().n_parsed == 1
    check_in_step(project)


def test_text_in_no_encoding_is_indexed(project: Project) -> None:
    (project.root / "latin.py").write_bytes(b"# caf\xe9\ndef coffee():\n    pass\n")
    project.update()
    assert [located.path for located in project.reader.symbols_named("coffee")] == ["latin.py"]


def test_a_bug_that_one_file_brings_out_costs_no_other(
    project: Project, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def extract(path: str, *rest: Any) -> Any:
        if path == "b.py":
            raise ValueError((project.root / path).read_text())
        return real(path, *rest)

    real = extraction.extract
    monkeypatch.setattr(extraction, "extract", extract)
    project.write("a.py", "first")
    project.write("b.py", "hidden_name")
    project.update()
    assert project.reader.paths() == ["a.py"]
    assert "ValueError" in caplog.text
    assert "hidden_name" not in caplog.text
    assert project.update().n_parsed == 0


@pytest.mark.parametrize("end", ["os._exit(1)", "signal.pause()"], ids=["crash", "hang"])
def test_a_file_that_no_process_survives_costs_no_other(
    project: Project, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    """As a bug in a grammar would; the processes are told to end at the name of the file."""
    project.fill(60)
    project.write("package3/fatal.py", "fatal")
    monkeypatch.setattr(parsing, "_START", ENDING.format(end))
    monkeypatch.setattr(parsing, "_BATCH_TIMEOUT_S", 4.0)
    update = project.update()
    assert (update.counts.n_files, update.n_refused) == (60, {"crashed": 1})
    (project.root / "package3/fatal.py").unlink()
    assert project.update().n_parsed == 0
    check_in_step(project)


# What may happen in between.


def test_a_file_that_goes_while_it_is_indexed_is_not_kept(project: Project) -> None:
    project.fill(120)

    def delete(progress: Progress) -> None:
        if progress.n_done:
            for path in unstored(project)[-20:]:
                (project.root / path).unlink()

    project.update(on_progress=delete)
    check_in_step(project)


def test_a_file_that_changes_while_it_is_indexed_is_kept_as_it_is_then(project: Project) -> None:
    project.fill(120)

    def change(progress: Progress) -> None:
        if progress.n_done:
            for path in unstored(project):
                project.write(path, re.sub(r"\W", "_", path))

    project.update(on_progress=change)
    assert project.reader.symbols_named("package6_module6_py")
    check_in_step(project)


def test_what_is_done_before_a_stop_is_kept(project: Project) -> None:
    project.fill(200)
    done: list[Progress] = []
    stopped = project.update(on_progress=done.append, stop=lambda: len(done) > 2)
    assert not stopped.is_complete
    assert 0 < stopped.counts.n_files < 200
    assert len(project.reader.paths()) == stopped.counts.n_files
    assert project.update().n_parsed == 200 - stopped.counts.n_files
    check_in_step(project)


def test_what_is_done_before_an_error_of_the_callers_is_kept_and_leaves_no_process(project: Project) -> None:
    project.fill(200)

    def interrupt(progress: Progress) -> None:
        if progress.n_done > 50:
            raise KeyboardInterrupt

    # What other tests have left running may end meanwhile.
    threads, processes = set(threading.enumerate()), set(children(os.getpid()))
    with pytest.raises(KeyboardInterrupt):
        project.update(on_progress=interrupt)
    assert set(threading.enumerate()) <= threads
    assert set(children(os.getpid())) <= processes
    n_kept = len(project.reader.paths())
    assert 0 < n_kept < 200
    assert project.update().n_parsed == 200 - n_kept
    check_in_step(project)


def test_what_is_done_before_a_kill_is_kept_and_leaves_no_process(project: Project) -> None:
    project.fill(300)
    running = run(project)
    assert running.stdout is not None
    assert running.stdout.readline() == "0 300\n"
    assert running.stdout.readline() != ""
    workers = [os.pidfd_open(pid) for pid in children(running.pid)]
    assert workers
    running.kill()
    assert running.wait() == -signal.SIGKILL
    running.stdout.close()
    n_kept = len(project.reader.paths())
    assert 0 < n_kept < 300
    assert project.update().n_parsed == 300 - n_kept
    check_in_step(project)
    assert all(select.select([worker], [], [], 10)[0] for worker in workers), "they end by themselves"


def test_two_processes_index_one_folder(project: Project) -> None:
    project.fill(200)
    both = [run(project), run(project)]
    parsed = [process.communicate()[0].split()[-1] for process in both]
    assert sorted(parsed) == ["0", "200"], "the second one found what the first had done"
    check_in_step(project)


def test_a_saved_file_is_taken_over_while_another_process_indexes(project: Project) -> None:
    project.fill(300)
    running = run(project)
    assert running.stdout is not None
    assert running.stdout.readline() == "0 300\n"
    project.write("package0/module0.py", "saved_now")
    project.indexer.update_files(["package0/module0.py"])
    assert project.reader.symbols_named("saved_now")
    running.communicate()
    assert running.returncode == 0
    assert project.reader.symbols_named("saved_now"), "what is older did not come in its place"
    check_in_step(project)


@pytest.mark.parametrize("spoil", [lambda size: (0, size), lambda size: (4096, size - 4096), lambda size: (100, 3000)])
def test_a_store_that_is_spoilt_is_built_anew(
    project: Project, spoil: Callable[[int], tuple[int, int]], caplog: pytest.LogCaptureFixture
) -> None:
    project.fill(20)
    project.update()
    project.reader.close()
    start, length = spoil(project.path.stat().st_size)
    with project.path.open("r+b") as file:
        file.seek(start)
        file.write(b"\xa5" * length)
    assert project.update().n_parsed == 20
    assert "built anew" in caplog.text
    check_in_step(project)
    project.reader.close()
    project.path.write_bytes(b"no database" * 1000)
    project.indexer.update_files(["package0/module0.py"])
    check_in_step(project)


def test_a_full_disk_stops_the_index_and_spoils_nothing(project: Project) -> None:
    project.fill(300)
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, 400_000))"
    running = run(project, code=limit)
    assert running.communicate()[0].split()[-1] == "disk"
    n_kept = len(project.reader.paths())
    assert 0 < n_kept < 300
    assert project.update().n_parsed == 300 - n_kept
    check_in_step(project)


def test_a_place_that_cannot_be_written_is_told(project: Project) -> None:
    project.write("a.py", "first")
    project.path.parent.touch()
    check_failure(project.update, "unreadable")
    check_failure(lambda: project.indexer.update_files(["a.py"]), "unreadable")


# The command.


def check_command(arguments: list[str], cache: Path, *, code: int) -> str:
    ran = subprocess.run(
        [*ENTRY, *arguments],
        env={**os.environ, "XDG_CACHE_HOME": str(cache)},
        check=False,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == code, ran.stderr
    return ran.stdout + ran.stderr


def test_the_command_says_what_there_is(project: Project, tmp_path: Path) -> None:
    project.write("a.py", "first")
    root = str(project.root)
    shown = check_command([root], tmp_path, code=0)
    assert "0 of 1 files" in shown
    assert "1 files, 3 lines, 1 symbols" in shown
    assert "1 files parsed, 0 removed" in shown
    outcome = json.loads(check_command([root, "--json"], tmp_path, code=0))
    assert (outcome["n_files"], outcome["n_lines"], outcome["n_symbols"], outcome["n_parsed"]) == (1, 3, 1, 0)
    assert outcome["root"] == root
    assert outcome["index"] in shown
    assert Path(outcome["index"]).stat().st_size == outcome["n_bytes"]
    assert json.loads(check_command([root, "--json", "--rebuild"], tmp_path, code=0))["n_parsed"] == 1


def test_the_command_says_why_not(project: Project, tmp_path: Path) -> None:
    assert "no folder" in check_command([str(tmp_path / "gone")], tmp_path, code=2)
    (tmp_path / "file").touch()
    assert "may not be opened" in check_command([str(project.root)], tmp_path / "file", code=1)
