"""The archive for machines without network, and the package itself: made, and installed from, for real."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import Parser
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from wire import Editor, start

ROOT = Path(__file__).parents[1]
UNSHARED = next(
    (
        command
        for command in (("unshare", "--net"), ("unshare", "--net", "--map-root-user"))
        if shutil.which("unshare")
        if subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    ),
    (),
)
"""Runs a command where there is no network at all, not even loopback."""

pytestmark = [
    pytest.mark.skipif(not UNSHARED, reason="this machine makes no network namespaces (unshare --net)"),
    pytest.mark.skipif("INSTANT_LSP_TEST_OFFLINE" in os.environ, reason="making the archive needs a package index"),
]


class Home(NamedTuple):
    """A user of a machine without network."""

    path: Path

    @property
    def environment(self) -> dict[str, str]:
        return {"HOME": str(self.path), "PATH": f"{self.path}/bin:{self.command.parent}:/usr/bin:/bin"}

    @property
    def command(self) -> Path:
        return self.path / ".local/bin/instant-lsp"

    @property
    def data(self) -> Path:
        return self.path / ".local/share"

    @property
    def plugin(self) -> Path:
        return self.data / "nvim/site/pack/instant-lsp/start/instant-lsp"

    def install(self, bundle: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Runs the installer as this user, who stands beside the Python that the wheels are for, and names it so."""
        python = Path(sys.executable)
        command = [*UNSHARED, "sh", bundle / "install.sh", "--python", f"./{python.name}", *arguments]
        return subprocess.run(
            command, cwd=python.parent, env=self.environment, capture_output=True, text=True, check=False
        )

    def run(self, *arguments: str) -> str:
        """What the installed command says."""
        command = [*UNSHARED, str(self.command), *arguments]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("bundle")
    (folder / "stand-in.vsix").write_bytes(b"the installer hands it on unread")
    options = ("--out", folder, "--vsix", folder / "stand-in.vsix")
    made = subprocess.run(
        [sys.executable, ROOT / "packaging" / "bundle.py", *options], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    return Path(made.stdout.strip())


@pytest.fixture(scope="module")
def bundle(archive: Path) -> Path:
    """The unpacked archive."""
    with tarfile.open(archive) as tar:
        tar.extractall(archive.parent, filter="data")
    return archive.parent / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def installed(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A user who has installed it all, with a VS Code that takes every extension."""
    home = Home(tmp_path_factory.mktemp("home"))
    check_installed(home, bundle)
    return home


def check_installed(home: Home, bundle: Path) -> str:
    """Installs everything, and returns what was said."""
    code = home.path / "bin" / "code"
    code.parent.mkdir(exist_ok=True)
    code.write_text('#!/bin/sh\necho "$@" >>"$HOME/code.log"\n')
    code.chmod(0o755)
    ran = home.install(bundle)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert home.run("--version") == f"instant-lsp {(bundle / 'VERSION').read_text()}"
    assert (home.plugin / "plugin" / "instant.lua").is_file()
    asked = f"--install-extension {bundle}/vscode/instant-lsp.vsix --force"
    assert (home.path / "code.log").read_text().splitlines()[-1] == asked
    return ran.stdout


async def test_the_server_works_without_network(installed: Home) -> None:
    process = await start((*UNSHARED, str(installed.command), "serve"), installed.environment, installed.path)
    editor = Editor(process, "neovim")
    try:
        await editor.initialize()
        assert editor.server["serverInfo"]["name"] == "instant-lsp"
        assert (await editor.status("off"))["message"]
        assert await editor.leave() == 0
    finally:
        await editor.kill()
        process._transport.close()  # type: ignore[attr-defined]


def test_what_the_installer_says_works(installed: Home) -> None:
    assert "| `endpoint.instant.url` |" in installed.run("settings")


@pytest.mark.neovim
def test_a_real_neovim_finds_the_plugin(installed: Home) -> None:
    sys.path.insert(0, str(ROOT / "tests" / "e2e"))
    from neovim_driver import RELEASES, install

    look = "lua io.write(vim.fn.exists(':Instant'), ' ', #vim.api.nvim_get_runtime_file('lsp/instant.lua', true))"
    command = [str(install(RELEASES[0])), "--headless", "-n", "-i", "NONE", f"+{look}", "+quit"]
    ran = subprocess.run(command, env=installed.environment, capture_output=True, text=True, check=True)
    assert ran.stdout + ran.stderr == "2 1"


def test_a_second_run_repairs_what_is_missing_and_leaves_the_rest(installed: Home, bundle: Path) -> None:
    environment = installed.command.resolve().parents[1]
    made = environment.stat().st_ino
    installed.command.unlink()
    shutil.rmtree(installed.plugin)
    assert "The server is there" in check_installed(installed, bundle)
    assert environment.stat().st_ino == made
    (environment / "bin" / "instant-lsp").unlink()
    assert "Installed the server" in check_installed(installed, bundle)


def test_nothing_is_installed_from_a_changed_archive(bundle: Path, tmp_path: Path) -> None:
    changed = tmp_path / "changed"
    shutil.copytree(bundle, changed, copy_function=os.link)
    wheel = next((changed / "wheels").glob("orjson-*.whl"))
    content = wheel.read_bytes()
    wheel.unlink()
    wheel.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    home = Home(tmp_path / "home")
    ran = home.install(changed)
    assert ran.returncode == 1
    assert "SHA256SUMS" in ran.stderr
    assert not home.path.exists()


def test_a_python_that_does_not_fit_is_refused(bundle: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    for arguments, reason in ((("--python", "/bin/false"), "which this archive is for"), (("--what",), "--help")):
        ran = home.install(bundle, *arguments)
        assert ran.returncode == 1
        assert reason in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_it_is_taken_away_again(bundle: Path, tmp_path: Path) -> None:
    home = Home(tmp_path)
    settings = tmp_path / ".config" / "instant-lsp" / "settings.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("")
    environment = home.data / "instant-lsp" / "0.0.1" / "bin"  # as an older version has left it
    environment.mkdir(parents=True)
    home.command.parent.mkdir(parents=True)
    home.command.symlink_to(environment / "instant-lsp")
    assert home.install(bundle, "--remove").returncode == 0
    assert [path for path in tmp_path.rglob("*") if path.is_file() or path.is_symlink()] == [settings]


def test_the_list_of_materials_is_whole(bundle: Path) -> None:
    materials = json.loads((bundle / "sbom" / "python.cdx.json").read_text())
    assert materials["bomFormat"] == "CycloneDX"
    assert materials["metadata"]["component"]["name"] == "instant-lsp"
    wheels = {_plain(path.name.split("-")[0]) for path in (bundle / "wheels").glob("*.whl")} - {"pip", "instant_lsp"}
    assert {_plain(one["name"]) for one in materials["components"]} == wheels
    assert all(one.get("licenses") for one in materials["components"])
    locked = dict(re.findall(r"^(\S+?)==(\S+) ", (ROOT / "requirements.lock").read_text(), re.MULTILINE))
    locked.pop("xllamacpp")
    assert {_plain(name) for name in locked} == wheels


def test_the_archive_has_its_own_hash(archive: Path) -> None:
    sums = archive.with_name(f"{archive.name}.sha256")
    subprocess.run(["sha256sum", "--check", sums.name], cwd=archive.parent, check=True, capture_output=True)


# The package.


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The source distribution, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    return sorted(folder.iterdir())


def test_the_package_is_as_an_index_wants_it(distributions: list[Path]) -> None:
    command = [sys.executable, "-m", "twine", "check", "--strict", *map(str, distributions)]
    subprocess.run(command, check=True, capture_output=True)


def test_the_wheel_has_what_it_needs_and_no_more(distributions: list[Path]) -> None:
    wheel = next(path for path in distributions if path.suffix == ".whl")
    with zipfile.ZipFile(wheel) as opened:
        names = set(opened.namelist())
        metadata = Parser().parsestr(opened.read(next(name for name in names if name.endswith("/METADATA"))).decode())
    tracked = subprocess.run(
        ["git", "ls-files", "lsp_server", "context"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(tracked.stdout.split()) <= names
    assert {name.split("/")[0] for name in names} == {
        "lsp_server",
        "context",
        wheel.name.split("-py3")[0] + ".dist-info",
    }
    assert {"lsp_server/py.typed", "context/py.typed", "lsp_server/ledger/report.html.j2"} <= names
    assert {"embedded", "mcp"} <= set(metadata.get_all("Provides-Extra") or ())
    assert metadata["License-Expression"] == "MIT"


def test_it_installs_from_an_internal_index(bundle: Path, tmp_path: Path) -> None:
    with _index(bundle / "wheels", tmp_path) as url:
        options = ("--dry-run", "--ignore-installed", "--quiet", "--report", "-", "--index-url", url, "--isolated")
        command = [sys.executable, "-m", "pip", "install", *options, "instant-lsp[mcp]"]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
    chosen = {_plain(one["metadata"]["name"]) for one in json.loads(ran.stdout)["install"]}
    assert {"instant_lsp", "mcp", "pygls", "tree_sitter_python"} <= chosen


@contextmanager
def _index(wheels: Path, folder: Path) -> Iterator[str]:
    """A package index of these wheels alone, as a company has one."""
    for wheel in wheels.glob("*.whl"):
        page = folder / "simple" / _plain(wheel.name.split("-")[0]).replace("_", "-") / "index.html"
        page.parent.mkdir(parents=True, exist_ok=True)
        os.link(wheel, page.parent / wheel.name)
        with page.open("a") as file:
            file.write(f'<a href="{wheel.name}">{wheel.name}</a>\n')
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/simple/"
    finally:
        server.shutdown()
        server.server_close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Nothing is worth a line."""


def _plain(name: str) -> str:
    """A package's name as it stands in file names."""
    return re.sub(r"[-_.]+", "_", name).lower()


def test_the_guide_names_options_that_there_are() -> None:
    guide = (ROOT / "docs" / "install.md").read_text()
    helps = {
        "install.sh": subprocess.run(["sh", ROOT / "packaging/install.sh", "--help"], capture_output=True, check=True),
        "BUNDLE=": subprocess.run(
            [sys.executable, ROOT / "packaging/bundle.py", "--help"], capture_output=True, check=True
        ),
        "instant-lsp report": subprocess.run(
            [sys.executable, "-P", "-m", "lsp_server", "report", "--help"],
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            check=True,
        ),
    }
    for command, shown in helps.items():
        options = {flag for line in guide.splitlines() if command in line for flag in re.findall(r"--[a-z-]+", line)}
        assert options
        assert options <= set(re.findall(r"--[a-z-]+", shown.stdout.decode()))
