"""What of a repository says how it is tested: owns reading it from disk, within bounds; chooses nothing."""

from __future__ import annotations

import os
import posixpath
import stat
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from context.codegraph.files import read_regular
from context.codegraph.paths import ancestors
from context.languages import Language
from context.secrets import is_refused
from lsp_server.assist import frameworks
from lsp_server.assist.placement import PROJECTS

_MAX_CONFIG_BYTES = 256 * 1024
_MAX_CONFIGS = 40


def configs(folder: str, subject: str, language: Language) -> dict[str, str]:
    """The texts of the build and configuration files in the folders around a file, by path, the nearest first."""
    wanted = {name for row in frameworks.of(language) for name, _ in row.configured}
    found: dict[str, str] = {}
    for around in ancestors(subject):
        for name in _names(os.path.join(folder, around)):
            if not PROJECTS.fullmatch(name) and not any(fnmatchcase(name, pattern) for pattern in wanted):
                continue
            read = read_regular(os.path.join(folder, around, name), _MAX_CONFIG_BYTES)
            if read and len(found) < _MAX_CONFIGS:
                found[posixpath.join(around, name)] = read[0].decode("utf-8", "replace")
    return found


def texts(
    folder: str, paths: Iterable[str], buffers: Mapping[str, str], refused: tuple[str, ...]
) -> Iterator[tuple[str, str]]:
    """Paths and texts of files that may be shown to a model, open buffers as they are in the editor."""
    for path in paths:
        text = buffers.get(path) if not is_refused(path, os.path.join(folder, path), refused) else ""
        text = text_at(folder, path) if text is None else text
        if text:
            yield path, text


def text_at(folder: str, path: str) -> str | None:
    """A file's text as an editor would show it; None for what is no readable UTF-8 or is reached by a link."""
    if not is_within(folder, path):
        return None
    read = read_regular(os.path.join(folder, path))
    try:
        return read[0].decode("utf-8").removeprefix("\ufeff") if read else None
    except UnicodeDecodeError:
        return None


def is_within(folder: str, path: str) -> bool:
    """Whether no link leads from the path out of the folder."""
    return os.path.realpath(os.path.join(folder, path)).startswith(os.path.realpath(folder).rstrip(os.sep) + os.sep)


def is_there(folder: str, path: str) -> bool:
    """Whether something of that name is there, whatever it is."""
    return os.path.lexists(os.path.join(folder, path))


def is_writable(path: str) -> bool:
    """Whether anybody may write the file; one that was never saved can be changed."""
    try:
        return bool(os.stat(path).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))
    except (OSError, ValueError):
        return True


def module_of(folder: str, subject: str, language: Language, test: str) -> str:
    """How the file of tests `test` names the code's file when it imports it; "" where that cannot be said."""
    stem = posixpath.splitext(subject)[0]
    if language.name == "python":
        return _python_module(folder, stem)
    if language.name not in ("javascript", "typescript", "typescriptreact"):
        return ""
    inner = posixpath.relpath(subject, posixpath.dirname(test) or ".")
    inner = inner if inner.startswith(".") else f"./{inner}"
    return posixpath.splitext(inner)[0] if language.name != "javascript" else inner


def _python_module(folder: str, stem: str) -> str:
    """Names from the outermost package on; without one, from the folder of sources."""
    parts = stem.split("/")
    n = len(parts) - 1
    while n > 0 and os.path.isfile(os.path.join(folder, *parts[:n], "__init__.py")):
        n -= 1
    if n == len(parts) - 1:
        n = parts.index("src") + 1 if "src" in parts[:-1] else 0
    named = parts[n:-1] if parts[-1] == "__init__" else parts[n:]
    return ".".join(named) if all(part.isidentifier() for part in named) else ""


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
