"""The tests' own tools from PyPI (tools.lock): owns the environment that they live in, apart from the product's."""

from __future__ import annotations

import shutil
import sys
import venv
from pathlib import Path

from programs import ROOT, run

_LOCK = Path(__file__).with_name("tools.lock")
_FOLDER = ROOT / ".cache" / "deploy-tools"


def tool(name: str) -> Path:
    """Where a tool is (`python`, `locust`); all are installed first if need be, which takes a minute."""
    done = _FOLDER / "installed.lock"
    if not done.exists() or done.read_bytes() != _LOCK.read_bytes():
        shutil.rmtree(_FOLDER, ignore_errors=True)
        venv.create(_FOLDER, with_pip=True, symlinks=True)
        pip = (_FOLDER / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "install", "--quiet")
        run(*pip, "--require-hashes", "--only-binary", ":all:", "-r", _LOCK, timeout_s=600)
        shutil.copy(_LOCK, done)
    return _FOLDER / "bin" / name


if __name__ == "__main__":
    sys.stdout.write(f"{tool(sys.argv[1])}\n")
