"""Code that attrs and dataclasses compiled once is used again: the same classes, whatever lies in the file."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
START = """
import attr._make, contextlib, dataclasses, sys
from pathlib import Path
from lsp_server import quick_start
compiled = []
def counting(*arguments, **named):
    compiled.append(arguments)
    return compile(*arguments, **named)
quick_start.compile = counting
with quick_start.kept_code(Path(sys.argv[1])) if len(sys.argv) > 1 else contextlib.nullcontext():
    from lsprotocol import types
    from context.document import Snapshot
    @dataclasses.dataclass
    class Place:
        line: int
assert "compile" not in vars(attr._make) and "exec" not in vars(dataclasses)
assert not compiled or "<string>" in {arguments[1] for arguments in compiled}  # by which dataclasses go
one, same, other = (Snapshot("file:///a", "a", "python", 1, text) for text in ("x", "x", "y"))
assert one == same != other and hash(one) == hash(same) and "file:///a" in repr(one)
here = types.Range(types.Position(1, 2), types.Position(3, 4))
assert here == types.Range(types.Position(1, 2), types.Position(3, 4)) and here.start < here.end
assert repr(types.Location("file:///a", here)) == "file:///a:1:2-3:4"
print(types.Range.__init__.__annotations__, Snapshot.__init__.__annotations__, Snapshot.__doc__, Place.__doc__)
print(len(compiled))
"""


def started(*arguments: str) -> list[str]:
    """What a start prints: what is told of some classes, then how many pieces of code were compiled."""
    command = [sys.executable, "-P", "-c", START, *arguments]
    ran = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=True
    )
    return ran.stdout.splitlines()


@cache
def usual() -> list[str]:
    """What is told of the classes where nothing is kept."""
    return started()[:-1]


def check_start(path: Path) -> int:
    """Makes classes, which must be as they always are; returns how many pieces of code were compiled."""
    *told, n_compiled = started(str(path))
    assert told == usual()
    return int(n_compiled)


def test_nothing_is_compiled_twice(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "compiled.code"
    assert check_start(path) > 100
    assert path.stat().st_mode & 0o777 == 0o600
    written = path.stat().st_mtime_ns
    assert check_start(path) == 0
    assert path.stat().st_mtime_ns == written


@pytest.mark.parametrize("broken", [b"", b"x" * 100, None], ids=["empty", "strange", "cut"])
def test_a_broken_file_is_not_believed(tmp_path: Path, broken: bytes | None) -> None:
    path = tmp_path / "compiled.code"
    n_compiled = check_start(path)
    path.write_bytes(path.read_bytes()[:-1] if broken is None else broken)
    assert check_start(path) == n_compiled
    assert check_start(path) == 0


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="permissions of POSIX")
def test_a_file_that_others_may_write_is_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "compiled.code"
    n_compiled = check_start(path)
    path.chmod(0o666)
    assert check_start(path) == n_compiled


def test_a_folder_that_cannot_be_written_costs_nothing_but_time(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert check_start(tmp_path / "cache" / "compiled.code") > 100
