"""The repository's own guidelines for code: owns which files they are and how much of them is shown to a model."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

from context import Snapshot
from context.secrets import is_refused

NAMES = ("AGENTS.md", "CONTRIBUTING.md", ".editorconfig")
MAX_FILE_CHARS = 2_400
MAX_CHARS = 4_000


def read(snapshot: Snapshot, configured: str | None = None, refused: tuple[str, ...] = ()) -> str:
    """The beginnings of the guidelines of the folder that holds a document, the configured file first.

    What leads out of the folder is left out, whoever set it; "" where there is nothing.
    """
    folder = _folder(snapshot)
    if folder is None:
        return ""
    sections: list[str] = []
    room = MAX_CHARS
    for name in dict.fromkeys(filter(None, (configured, *NAMES))):
        text = _beginning(folder, name, refused, min(room, MAX_FILE_CHARS))
        if text:
            sections.append(f"{name}:\n{text}")
            room -= len(text)
    return "\n\n".join(sections)


def _folder(snapshot: Snapshot) -> Path | None:
    """The workspace's folder; that of the file where it stands in none, and None for what is no file."""
    parts = urlsplit(snapshot.uri)
    path = unquote(parts.path)
    if parts.scheme not in ("file", "vscode-notebook-cell") or not snapshot.path:
        return None
    if path[2:3] == ":":
        path = path[1:]
    return Path(path.removesuffix(snapshot.path)) if path.endswith(f"/{snapshot.path}") else None


def _beginning(folder: Path, name: str, refused: tuple[str, ...], max_chars: int) -> str:
    try:
        path = (folder / name).resolve()
        if not path.is_relative_to(folder.resolve()) or is_refused(name, str(path), refused) or not path.is_file():
            return ""
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(max_chars).strip() if max_chars > 0 else ""
    except (OSError, ValueError):
        return ""
