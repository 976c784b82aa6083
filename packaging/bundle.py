"""Makes one archive from which instant-lsp is installed on machines without network: owns what is in it.

    python packaging/bundle.py [--embedded] [--model FILE] [--python 3.12] [--vsix FILE] [--out dist]

It is made on a machine like those it is for (same system, same processor), which reaches a package index. Wheels are
the locked ones, checked against the lock's hashes; whatever is in the archive is in SHA256SUMS, and its own hash lies
beside it. Before it is packed it is installed once from itself, which makes its list of materials too.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
HERE = ROOT / "packaging"
ENGINE = ("xllamacpp",)
"""What only the local engine needs; it is left out unless it is asked for."""

DEV_LOCK = ROOT / "requirements-dev.lock"
"""It has pip too, by which all is installed."""

_REQUIREMENT = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==[^\n]+ \\\n(?:    --hash=\S+(?: \\)?\n)+", re.MULTILINE)


def main(argv: list[str] | None = None) -> int:
    """Makes the archive and prints where it is."""
    options = _options(argv)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    pythons = options.python or [f"{sys.version_info.major}.{sys.version_info.minor}"]
    name = f"instant-lsp-{project['version']}-{sysconfig.get_platform()}".replace("_", "-")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / name
        folder.mkdir()
        _wheels(folder, options, pythons)
        _editors(folder, options.vsix)
        if options.model is not None:
            (folder / "model").mkdir()
            shutil.copy(options.model, folder / "model")
        (folder / "VERSION").write_text(f"{project['version']}\n")
        (folder / "PYTHONS").write_text("".join(f"{version}\n" for version in pythons))
        for file in ("install.sh", "README.txt"):
            shutil.copy(HERE / file, folder)
        shutil.copy(ROOT / "LICENSE", folder)
        _materials(folder, Path(made))
        _sums(folder)
        archive = _packed(folder, options.out)
    sys.stdout.write(f"{archive}\n")
    return 0


def _options(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the archive (dist)")
    parser.add_argument("--lock", type=Path, default=ROOT / "requirements.lock", help="the locked requirements")
    parser.add_argument("--embedded", action="store_true", help="with the local engine")
    parser.add_argument("--model", type=Path, help="with this model for the local engine")
    parser.add_argument("--vsix", type=Path, default=ROOT / "editors/vscode/instant-lsp.vsix", help="the extension")
    parser.add_argument("--python", action="append", metavar="3.N", help="for this Python too; again for each")
    return parser.parse_args(argv)


def _wheels(folder: Path, options: argparse.Namespace, pythons: list[str]) -> None:
    """Our own wheel, all it needs, and pip, which a machine's Python may lack."""
    wheels = folder / "wheels"
    _run("-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, ROOT)
    (ours,) = wheels.iterdir()
    locked = _locked(options.lock)
    chosen = [lines for name, lines in locked.items() if options.embedded or name not in ENGINE]
    needed = folder / "requirements.txt"
    needed.write_text("".join(chosen), encoding="utf-8")
    for version in pythons:
        _download(wheels, needed, "--python-version", version)
    installer = folder.parent / "pip.txt"
    installer.write_text(_locked(DEV_LOCK)["pip"])
    _download(wheels, installer)
    version = ours.name.split("-")[1]
    needed.write_text(f"{needed.read_text()}instant-lsp=={version} --hash=sha256:{_sha256(ours)}\n", encoding="utf-8")


def _locked(lock: Path) -> dict[str, str]:
    """The lines of each locked package, with its hashes."""
    return {found["name"]: found[0] for found in _REQUIREMENT.finditer(lock.read_text(encoding="utf-8"))}


def _download(wheels: Path, requirements: Path, *options: str) -> None:
    fetch = ("download", "--quiet", "--only-binary", ":all:", "--no-deps", "--require-hashes", *options)
    _run("-m", "pip", *fetch, "--dest", wheels, "--requirement", requirements)


def _editors(folder: Path, vsix: Path) -> None:
    (folder / "vscode").mkdir()
    shutil.copy(vsix, folder / "vscode" / "instant-lsp.vsix")
    shutil.copytree(ROOT / "editors" / "nvim", folder / "nvim", ignore=shutil.ignore_patterns("tags", "stylua.toml"))


def _materials(folder: Path, scratch: Path) -> None:
    """CycloneDX lists of what is in the wheels and in the extension; the first is read off an installation."""
    python = scratch / "venv" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    _run("-m", "venv", "--without-pip", scratch / "venv")
    offline = ("--no-index", "--find-links", folder / "wheels", "--no-deps", "--require-hashes", "--no-compile")
    _run("-m", "pip", "--python", python, "install", "--quiet", *offline, "-r", folder / "requirements.txt")
    _run("-m", "pip", "--python", python, "check")
    (folder / "sbom").mkdir()
    told = ("--output-reproducible", "--pyproject", ROOT / "pyproject.toml", "--mc-type", "application")
    listed = folder / "sbom" / "python.cdx.json"
    _run("-m", "cyclonedx_py", "environment", *told, "--output-file", listed, python)
    if (npm := shutil.which("npm")) is not None:
        options = ("--sbom-format=cyclonedx", "--package-lock-only", "--sbom-type=application")
        where = ROOT / "editors" / "vscode"
        ran = subprocess.run([npm, "sbom", *options], cwd=where, capture_output=True, check=True)  # noqa: S603  npm's own
        (folder / "sbom" / "vscode.cdx.json").write_text(json.dumps(json.loads(ran.stdout), indent=1) + "\n")


def _sums(folder: Path) -> None:
    """Hashes of all files, as sha256sum reads them."""
    sums = [f"{_sha256(file)}  {file.relative_to(folder).as_posix()}\n" for file in _files(folder)]
    (folder / "SHA256SUMS").write_text("".join(sums))


def _packed(folder: Path, out: Path) -> Path:
    """The archive, which is the same for the same contents: nothing of when, where and by whom it was made is in it."""
    out.mkdir(parents=True, exist_ok=True)
    archive = out / f"{folder.name}.tar.gz"
    with (
        archive.open("wb") as raw,
        gzip.GzipFile("", "wb", 6, raw, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as tar,
    ):
        for file in _files(folder):
            entry = tarfile.TarInfo(f"{folder.name}/{file.relative_to(folder).as_posix()}")
            entry.size, entry.mode = file.stat().st_size, 0o755 if file.suffix == ".sh" else 0o644
            with file.open("rb") as content:
                tar.addfile(entry, content)
    archive.with_name(f"{archive.name}.sha256").write_text(f"{_sha256(archive)}  {archive.name}\n")
    return archive


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _run(*arguments: object) -> None:
    """A command of this Python; what it says is shown where it fails."""
    environment = {**os.environ, "SOURCE_DATE_EPOCH": "315532800", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = [sys.executable, *map(str, arguments)]
    ran = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603  ours
    if ran.returncode:
        sys.exit(f"{' '.join(command)}\n{ran.stdout}{ran.stderr}")


if __name__ == "__main__":
    sys.exit(main())
