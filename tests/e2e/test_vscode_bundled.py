"""The real VS Code without any network or server, and the extension that brings one: installed, and at work."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from vscode import ROOT, Installed, install, isolation, package_bundled, run_installing_session

pytestmark = [
    pytest.mark.vscode,
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="a session without network needs Linux"),
    pytest.mark.skipif("INSTANT_LSP_TEST_OFFLINE" in os.environ, reason="making the archive needs a package index"),
]


def check_session(bundle: Path, folder: Path) -> Installed:
    """Waits for the server that the extension installs, takes its completion, and restarts it."""
    tools = install()
    return run_installing_session(
        tools,
        package_bundled(tools, bundle, folder),
        folder,
        text="alpha = beta = 1\n",
        script={"model": "quick", "answers": {"result =": " alpha + beta"}},
        typed="result = ",
        ghost="alpha + beta",
    )


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The unpacked archive for machines without network."""
    folder = tmp_path_factory.mktemp("bundle")
    stand_in = folder / "stand-in.vsix"
    stand_in.write_bytes(b"the archive's own extension is not the one that brings the server")
    options = ("--out", folder, "--vsix", stand_in)
    made = subprocess.run(
        [sys.executable, ROOT / "packaging" / "bundle.py", *options], capture_output=True, text=True, check=False
    )
    assert made.returncode == 0, made.stderr
    archive = Path(made.stdout.strip())
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz")


@pytest.fixture(scope="module")
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    if not isolation():
        pytest.skip("this machine makes no network namespaces (unshare --net)")
    return check_session(request.getfixturevalue("bundle"), tmp_path_factory.mktemp("vscode"))


def test_the_status_bar_says_that_the_server_is_being_installed(installed: Installed) -> None:
    assert installed.installing == "Instant: installing the server"
    assert installed.starting == "Instant: starting"


def test_the_server_is_ready_once_it_is_installed(installed: Installed) -> None:
    assert installed.ready.startswith("Instant: ready. ")


def test_the_server_is_the_one_in_the_extensions_own_storage(installed: Installed) -> None:
    (place,) = installed.storage.glob("server-*")
    program = str(place / "bin" / "instant-lsp")
    assert installed.servers
    assert all(program in command for command in installed.servers)


def test_the_installed_server_completes(installed: Installed) -> None:
    assert installed.saved == "alpha = beta = 1\nresult = alpha + beta"


def test_nothing_pops_up(installed: Installed) -> None:
    assert not installed.toasts
    assert not installed.notifications
