"""Checks of this machine: owns what is looked at on its disk: audit trail, opened folders, their index, plugins."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from context.codegraph.files import is_home
from context.codegraph.store import Store
from context.codegraph.store_file import store_path
from context.sqlite_file import StoreError
from lsp_server import __version__
from lsp_server.doctor.finding import Finding, Patient
from lsp_server.ledger import verify
from lsp_server.ledger.audit import Audit, default_folder
from lsp_server.options import AuditSettings

_EXTENSIONS = (
    *(f".{name}/extensions" for name in ("vscode", "vscode-insiders", "vscode-server", "vscode-oss", "cursor")),
    ".local/share/code-server/extensions",
)
_NEOVIM = (".local/share/nvim/site/pack/*/*", ".local/share/nvim/lazy", ".config/nvim/pack/*/*")
_SAME_VERSION = f"Install the plugin that came with version {__version__}."


def audit(settings: AuditSettings, trail: Audit | None) -> Iterator[Finding]:
    """Whether the trail is written, and whether what was written is whole; reads all of it."""
    if trail is None:
        yield Finding("audit trail", "writing", "skipped", "No trail is kept: audit.enabled is off.")
        return
    folder = Path(settings.folder).expanduser() if settings.folder else default_folder()
    if not trail.flush():
        todo = "Nothing is sent until it can be." if settings.required else f"Make {folder} writable."
        yield Finding("audit trail", "writing", "failed", trail.reason, todo)
        return
    yield Finding("audit trail", "writing", "ok", f"It is written in {folder}.")
    verdicts = [verify.verify(folder, node) for node in verify.nodes(folder)]
    faults = [str(fault) for verdict in verdicts for fault in verdict.faults]
    n_lines = sum(verdict.head.n_lines for verdict in verdicts)
    if faults:
        todo = "Run instant-lsp audit verify, and tell who is responsible for the trail."
        yield Finding("audit trail", "chain", "failed", f"{len(faults)} faults, the first: {faults[0]}.", todo)
    else:
        yield Finding("audit trail", "chain", "ok", f"All {n_lines} lines are whole.")


def folders(patient: Patient) -> Iterator[Finding]:
    """What is opened and whether it is indexed."""
    for folder in patient.folders:
        yield _folder(folder)
        if patient.settings.context.enabled and folder.is_dir() and not is_home(folder):
            yield _index(folder)


def plugins(patient: Patient) -> Iterator[Finding]:
    """The editor that asks, else those plugins that are found where editors keep them."""
    if patient.plugin is not None:
        found = [(patient.plugin.editor, patient.plugin.version)]
    else:
        found = list(dict.fromkeys([*_vscode_versions(), *_neovim_versions()]))
    if not found:
        yield Finding("editors", "plugins", "skipped", "None is found where editors usually keep them.")
    for editor, version in found:
        is_same = version == __version__
        told = f"Version {version}; the server's is {__version__}."
        yield Finding("editors", editor, "ok" if is_same else "warning", told, "" if is_same else _SAME_VERSION)


def _folder(folder: Path) -> Finding:
    check = f"folder {folder.name or folder}"
    if not folder.is_dir():
        return Finding("workspace", check, "failed", "It is not there.", "Open another folder.")
    if not os.access(folder, os.R_OK | os.X_OK):
        return Finding("workspace", check, "failed", "It may not be read.", "Change its permissions.")
    if not os.access(folder, os.W_OK):
        return Finding(
            "workspace", check, "warning", "It may be read, not written.", "Fixes and tests cannot be saved."
        )
    return Finding("workspace", check, "ok", "It may be read and written.")


def _index(folder: Path) -> Finding:
    check, path = f"index of {folder.name}", store_path(folder)
    if not path.exists():
        todo = "It is made when the folder is opened; or run instant-lsp index."
        return Finding("workspace", check, "warning", "There is none yet.", todo)
    try:
        with Store(path) as store:
            counts = store.counts()
    except StoreError as error:
        return Finding("workspace", check, "failed", f"It is {error.kind}.", "Run instant-lsp index --rebuild.")
    found = f"{counts.n_files} files, {counts.n_symbols} symbols."
    if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        return Finding("workspace", check, "warning", f"{found} Others may read it.", f"Run chmod 600 {path}.")
    return Finding("workspace", check, "ok", found)


def _vscode_versions() -> Iterator[tuple[str, str]]:
    for place in _EXTENSIONS:
        for manifest in sorted((Path.home() / place).glob("instant-lsp.instant-lsp-*/package.json")):
            with suppress(OSError, ValueError, KeyError, TypeError):
                yield "VS Code", str(json.loads(manifest.read_text(encoding="utf-8"))["version"])


def _neovim_versions() -> Iterator[tuple[str, str]]:
    for place in _NEOVIM:
        for source in sorted(Path.home().glob(f"{place}/*/lua/instant/version.lua")):
            with suppress(OSError, UnicodeDecodeError):
                if match := re.search(r"'([\d.]+)'", source.read_text(encoding="utf-8")):
                    yield "Neovim", match[1]
