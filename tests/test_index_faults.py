"""An index on a disk that is really full, and a branch of ten thousand files: what is found is right all the same."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from context.codegraph.indexer import Indexer
from context.codegraph.reader import Reader
from context.codegraph.store_file import StoreError


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of one megabyte."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "none", place], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("no small disk may be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def filled(root: Path, n_files: int, name: str) -> Path:
    for n in range(n_files):
        folder = root / f"package{n % 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"module{n}.py").write_text(f"def {name}_{n}():\n    return {n}\n")
    return root


def check_found(reader: Reader, name: str, *, is_there: bool) -> None:
    assert bool(reader.symbols_named(name)) is is_there


def test_on_a_full_disk_it_stops_and_goes_on_when_there_is_room(small_disk: Path, tmp_path: Path) -> None:
    root = filled(tmp_path / "root", 600, "wanted")
    (small_disk / "ballast").write_bytes(b"x" * 500_000)
    indexer, reader = (
        Indexer(root, small_disk / "index.sqlite3", n_processes=1),
        Reader(root, small_disk / "index.sqlite3"),
    )
    with pytest.raises(StoreError) as raised:
        indexer.update()
    assert raised.value.kind == "disk"
    subprocess.run(["mount", "-o", "remount,size=64m", small_disk], check=True)
    assert indexer.update().is_complete
    check_found(reader, "wanted_599", is_there=True)
    reader.close()


def test_a_branch_of_ten_thousand_files_is_switched(tmp_path: Path) -> None:
    def git(*command: str) -> None:
        settings = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "gc.auto=0")
        subprocess.run(["git", *settings, *command], cwd=root, check=True, capture_output=True)

    root = filled(tmp_path / "root", 10_000, "first")
    git("init", "-q", "-b", "main")
    git("add", ".")
    git("commit", "-q", "-m", "a")
    path = tmp_path / "cache" / "index.sqlite3"
    indexer, reader = Indexer(root, path), Reader(root, path)
    assert indexer.update().n_parsed == 10_000
    git("checkout", "-q", "-b", "other")
    git("rm", "-q", "-r", "package7")
    filled(root, 10_000, "second")
    git("commit", "-q", "-a", "-m", "b")
    indexer.update()
    for name, is_there in (("first_0", False), ("second_0", True), ("second_9999", True)):
        check_found(reader, name, is_there=is_there)
    git("checkout", "-q", "-f", "main")
    indexer.update()
    for name, is_there in (("first_0", True), ("first_7", True), ("second_0", False)):
        check_found(reader, name, is_there=is_there)
    assert len(reader.paths()) == 10_000
    reader.close()
