"""Which files of a folder are indexed, with git and without."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from context.codegraph import files
from context.codegraph.files import MAX_BYTES, is_ignored, is_left_out, listing, read_regular, refusal


def git(root: Path, *command: str) -> None:
    settings = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "protocol.file.allow=always")
    subprocess.run(["git", *settings, *command], cwd=root, check=True, capture_output=True)


def make(root: Path, paths: Sequence[str]) -> None:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x = 1\n")


@pytest.fixture(params=["git", "walk"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder that git lists, or one where it does not."""
    folder = tmp_path / "root"
    folder.mkdir()
    if request.param == "git":
        git(folder, "init", "-q")
    return folder


def check_listed(root: Path, expected: Sequence[str], only: Sequence[str] | None = None) -> None:
    listed = listing(root, only)
    assert [entry.path for entry in listed] == list(expected)
    for entry in listed:
        state = (root / entry.path).stat()
        assert (entry.size, entry.mtime_ns) == (state.st_size, state.st_mtime_ns)


def check_ignored(root: Path, paths: Sequence[str], *, expected: bool) -> None:
    assert {path: is_ignored(root, path) for path in paths} == dict.fromkeys(paths, expected)


def check_refused(source: bytes, reason: str) -> None:
    assert refusal(source) == reason


def test_code_is_listed_in_order(root: Path) -> None:
    make(root, ["b.py", "a/c.ts", "a/b/d.go", "Makefile", "README.md", "style.css", "photo.png", "empty.py"])
    (root / "empty.py").write_text("")
    check_listed(root, ["a/b/d.go", "a/c.ts", "b.py"])


def test_what_gitignore_leaves_out_is_left_out(root: Path) -> None:
    make(root, ["a.py", "gen/b.py", "gen/keep.py", "sub/local.py", "sub/c.py", "sub/deep/local.py", "x_test.py"])
    (root / ".gitignore").write_text("gen/*\n!gen/keep.py\n*_test.py\n")
    (root / "sub/.gitignore").write_text("/local.py\n")
    check_listed(root, ["a.py", "gen/keep.py", "sub/c.py", "sub/deep/local.py"])
    check_ignored(root, ["a.py", "gen/keep.py", "sub/c.py", "never_saved_test.py"], expected=False)
    check_ignored(root, ["gen/b.py", "sub/local.py", "x_test.py"], expected=True)


def test_a_folder_that_is_ignored_stays_so_whatever_it_holds(root: Path) -> None:
    make(root, ["a.py", "gen/b.py", "gen/deep/c.py"])
    (root / ".gitignore").write_text("gen/\n!gen/b.py\n")
    check_listed(root, ["a.py"])
    check_listed(root, ["a.py"], only=["a.py", "gen/b.py", "gen/deep/c.py"])


def test_asking_for_some_gives_those_that_belong(root: Path) -> None:
    make(root, ["a.py", "b.py", "sub/c.py", "ignored.py", "node_modules/d.js"])
    (root / ".gitignore").write_text("ignored.py\n")
    check_listed(root, ["b.py", "sub/c.py"], only=["sub/c.py", "b.py", "ignored.py", "node_modules/d.js", "gone.py"])
    check_listed(root, [], only=["gone.py", "../a.py", "/etc/passwd.py", "", "sub", "a.py/b.py", "\udcff.py", "*.py"])


def test_links_pipes_and_folders_are_no_files(root: Path, tmp_path: Path) -> None:
    make(root, ["a.py", "real/b.py"])
    make(tmp_path, ["outside/c.py"])
    (root / "out.py").symlink_to(tmp_path / "outside/c.py")
    (root / "out").symlink_to(tmp_path / "outside")
    (root / "within.py").symlink_to(root / "a.py")
    (root / "loop").symlink_to(root)
    (root / "dangling.py").symlink_to(root / "gone.py")
    (root / "folder.py").mkdir()
    os.mkfifo(root / "pipe.py")
    check_listed(root, ["a.py", "real/b.py"])
    check_listed(root, [], only=["out/c.py", "loop/a.py", "pipe.py", "within.py"])


def test_a_folder_that_became_a_link_leads_nowhere(root: Path, tmp_path: Path) -> None:
    make(root, ["a.py", "sub/b.py"])
    if (root / ".git").exists():
        git(root, "add", ".")
    make(tmp_path, ["outside/b.py"])
    shutil.rmtree(root / "sub")
    (root / "sub").symlink_to(tmp_path / "outside")
    check_listed(root, ["a.py"])


def test_a_name_in_no_encoding_is_left_out(root: Path) -> None:
    make(root, ["名前.py", "ä b\n.py"])
    os.close(os.open(os.fsencode(root) + b"/\xff\xfe.py", os.O_CREAT | os.O_WRONLY))
    with open(os.fsencode(root) + b"/\xff\xfe.py", "w") as file:
        file.write("x = 1\n")
    check_listed(root, ["ä b\n.py", "名前.py"])


def test_large_files_are_left_out(root: Path) -> None:
    make(root, ["a.py"])
    (root / "large.py").write_bytes(b"#" * (MAX_BYTES + 1))
    (root / "just.py").write_bytes(b"#" * MAX_BYTES)
    check_listed(root, ["a.py", "just.py"])


@pytest.mark.skipif(os.geteuid() == 0, reason="the system's administrator may read everything")
def test_a_folder_that_cannot_be_read_hides_only_itself(root: Path) -> None:
    make(root, ["a.py", "closed/b.py"])
    (root / "closed").chmod(0)
    check_listed(root, ["a.py"])


def test_a_pipe_for_a_gitignore_keeps_nobody_waiting(tmp_path: Path) -> None:
    make(tmp_path, ["a.py"])
    os.mkfifo(tmp_path / ".gitignore")
    check_listed(tmp_path, ["a.py"])


@pytest.mark.parametrize(
    "path",
    [
        "node_modules/left-pad/index.js", "vendor/github.com/acme/a.go", "third_party/zlib/a.c", ".venv/lib/a.py",
        "lib/site-packages/a.py", "dist/a.js", "build/a.py", "web/dist/a.js", "target/a.rs", "src/vendor/a.php",
        "bazel-out/a.cc", "cmake-build-debug/a.c", "jquery.min.js", "app.bundle.js", "package-lock.json", "Cargo.lock",
        "pnpm-lock.yaml", "api/orders_pb2.py", "api/orders_pb2_grpc.py", "api/orders.pb.go", "Form1.Designer.cs",
        ".git/hooks/a.py", "__pycache__/a.py", "npm-shrinkwrap.json", "model.g.cs", "types.generated.ts",
    ],
)  # fmt: skip
def test_other_peoples_and_generated_code_is_known_by_its_name(path: str) -> None:
    assert is_left_out(path)


@pytest.mark.parametrize(
    "path",
    [
        "src/build/compile.py", "app/src/main/java/com/acme/build/Build.java", "builder.py", "distance.py", "minify.js",
        "vendors.py", "lock.py", "src/out/a.py", "admin.js", "map.ts", "generated.py",
    ],
)  # fmt: skip
def test_names_that_only_look_like_it_are_kept(path: str) -> None:
    assert not is_left_out(path)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (b"\x7fELF\0\0\0", "binary"),
        (b"x = 1\n" * 20 + b"\0", "binary"),
        (b"// Code generated by protoc-gen-go. DO NOT EDIT.\npackage a\n", "generated"),
        (b"# -*- coding: utf-8 -*-\n# Generated by the protocol buffer compiler.  DO NOT EDIT!\n", "generated"),
        (b"/* @generated by relay */\n", "generated"),
        (b"// <auto-generated>\n", "generated"),
        (b"// This file was automatically generated from a.g4\n", "generated"),
        (b"var a=1;" * 500, "minified"),
        (b"x = 1\n" * 5_000 + b"y='" + b"a" * 30_000 + b"'\n", "minified"),
        (b"x = 1\n", ""),
        (b"", ""),
        (b"# " + b"a" * 1_500 + b"\n", ""),
        (b'"""Writes files with a header: Code generated, as others do."""\n', ""),
        (b"x = 1\n" * 500 + b"HEADER = '@generated'\n", ""),
        ("# 名前は\nx = 'données'\n".encode(), ""),
        (b"\xff\xfe latin-1 \xe9\n", ""),
    ],
)
def test_content_that_is_not_written_by_hand_is_refused(source: bytes, reason: str) -> None:
    check_refused(source, reason)


def test_only_a_regular_file_is_read(tmp_path: Path) -> None:
    make(tmp_path, ["a.py"])
    (tmp_path / "link.py").symlink_to(tmp_path / "a.py")
    os.mkfifo(tmp_path / "pipe.py")
    read = read_regular(str(tmp_path / "a.py"))
    assert read is not None
    assert read[0] == b"x = 1\n"
    for name in ("link.py", "pipe.py", ".", "gone.py"):
        assert read_regular(str(tmp_path / name)) is None
    assert read_regular(str(tmp_path / "a.py"), max_bytes=5) is None


# Git.


def test_tracked_and_new_files_are_listed_once(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q", "-b", "main")
    make(tmp_path, ["tracked.py", "deleted.py", "conflict.py"])
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-q", "-m", "a")
    git(tmp_path, "checkout", "-q", "-b", "other")
    (tmp_path / "conflict.py").write_text("x = 2\n")
    git(tmp_path, "commit", "-q", "-a", "-m", "b")
    git(tmp_path, "checkout", "-q", "main")
    (tmp_path / "conflict.py").write_text("x = 3\n")
    git(tmp_path, "commit", "-q", "-a", "-m", "c")
    with pytest.raises(subprocess.CalledProcessError):
        git(tmp_path, "merge", "-q", "other")
    (tmp_path / "deleted.py").unlink()
    make(tmp_path, ["new.py"])
    check_listed(tmp_path, ["conflict.py", "new.py", "tracked.py"])


def test_repositories_inside_are_part_of_it(tmp_path: Path) -> None:
    outer, library = tmp_path / "outer", tmp_path / "library"
    for folder in (outer, library):
        folder.mkdir()
        git(folder, "init", "-q")
    make(library, ["lib.py", "ignored.py"])
    (library / ".gitignore").write_text("ignored.py\n")
    git(library, "add", ".")
    git(library, "commit", "-q", "-m", "a")
    make(outer, ["a.py"])
    git(outer, "submodule", "add", "-q", str(library), "sub")
    shutil.copytree(library, outer / "nested")
    check_listed(outer, ["a.py", "nested/lib.py", "sub/lib.py"])
    shutil.copytree(library, outer / "vendor")
    paths = ["sub/lib.py", "nested/lib.py", "nested/ignored.py", "vendor/lib.py"]
    check_listed(outer, ["nested/lib.py", "sub/lib.py"], only=paths)
    check_ignored(outer, ["sub/lib.py", "nested/lib.py"], expected=False)
    check_ignored(outer, ["nested/ignored.py"], expected=True)


def test_a_folder_of_a_repository_is_listed_by_itself(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    make(tmp_path, ["a.py", "web/b.ts", "web/ignored.ts"])
    (tmp_path / ".gitignore").write_text("ignored.ts\n")
    check_listed(tmp_path / "web", ["b.ts"])


def test_a_folder_that_a_repository_around_it_ignores_is_a_project_all_the_same(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    (tmp_path / ".gitignore").write_text("*\n")
    make(tmp_path, ["work/a.py", "work/b.py"])
    check_listed(tmp_path / "work", ["a.py", "b.py"])
    check_listed(tmp_path / "work", ["a.py"], only=["a.py"])


def test_where_git_refuses_the_folder_is_walked(tmp_path: Path) -> None:
    git(tmp_path, "init", "-q")
    make(tmp_path, ["a.py", "ignored.py"])
    (tmp_path / ".gitignore").write_text("ignored.py\n")
    (tmp_path / ".git/config").write_text("[broken")
    check_listed(tmp_path, ["a.py"])


def test_nothing_of_a_repositorys_settings_runs(tmp_path: Path) -> None:
    root, ran = tmp_path / "root", tmp_path / "ran"
    root.mkdir()
    git(root, "init", "-q")
    make(root, ["a.py"])
    script = root / "script"
    script.write_text(f"#!/bin/sh\ntouch {ran}\n")
    script.chmod(0o755)
    git(root, "add", ".")
    for hook in ("post-index-change", "fsmonitor-watchman"):
        shutil.copy(script, root / ".git/hooks" / hook)
    for name in (
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "filter.x.clean",
        "diff.x.textconv",
        "alias.ls-files",
    ):
        git(root, "config", name, str(script))
    (root / ".gitattributes").write_text("* filter=x diff=x\n")
    check_listed(root, ["a.py"])
    assert not ran.exists()
    subprocess.run(["git", "ls-files", "-o"], cwd=root, check=True, capture_output=True)
    assert ran.exists(), "the trap is no trap"


def test_a_git_program_that_the_repository_brings_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path, ["a.py"])
    program = tmp_path / "git"
    program.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    check_listed(tmp_path, ["a.py"])
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", ".")
    check_listed(tmp_path, ["a.py"])
    assert not (tmp_path / "ran").exists()


def test_the_environment_of_another_repository_does_not_matter(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(root, ["a.py"])
    monkeypatch.setenv("GIT_DIR", "/nowhere")
    monkeypatch.setenv("GIT_INDEX_FILE", "/nowhere/index")
    check_listed(root, ["a.py"])


@pytest.mark.parametrize("place", [lambda home: home, lambda home: home.parent])
def test_nobodys_home_is_a_workspace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: Callable[[Path], Path]
) -> None:
    make(tmp_path, ["home/project/a.py"])
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    check_listed(place(tmp_path / "home"), [])
    check_listed(tmp_path / "home/project", ["a.py"])


def test_a_whole_disk_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "MAX_FILES", 3)
    make(tmp_path, [f"{n}.py" for n in range(9)])
    assert len(listing(tmp_path)) == 3
