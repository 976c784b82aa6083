"""The workspace's files by their names alone: owns how a path is found by its end; reads no disk."""

from __future__ import annotations

import heapq
import posixpath
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple


class Target(NamedTuple):
    """Where an import leads: a file, or a folder (with "/" at its end) whose files are one package.

    `name` is what to look for there: "" for the module itself, "*" for all of it.
    """

    path: str
    name: str


class Paths:
    """All files of a root, POSIX style and relative to it, and the folders that they make ("" is the root)."""

    def __init__(self, files: Iterable[str]) -> None:
        self.files = frozenset(files)
        self._named: dict[str, list[str]] = defaultdict(list)
        self._folders_named: dict[str, list[str]] = defaultdict(list)
        self._in_folder: dict[str, list[str]] = defaultdict(list)
        folders = {""}
        for path in sorted(self.files):
            self._named[posixpath.basename(path)].append(path)
            folder = posixpath.dirname(path)
            self._in_folder[folder].append(path)
            while folder not in folders:
                folders.add(folder)
                self._folders_named[posixpath.basename(folder)].append(folder)
                folder = posixpath.dirname(folder)
        self.folders = frozenset(folders)

    def listed(self, limit: int) -> list[str]:
        """The first files in order."""
        return heapq.nsmallest(limit, self.files)

    def first(self, *candidates: str) -> str | None:
        """The first of these that is a file."""
        return next((path for path in candidates if path in self.files), None)

    def in_folder(self, folder: str) -> list[str]:
        """The files that lie right in a folder, in order."""
        return self._in_folder.get(folder, [])

    def ending(self, end: str, near: str) -> list[str]:
        """The files whose path ends with these whole parts, those that lie nearest to the path `near` first."""
        return _ending(self._named.get(posixpath.basename(end), ()), end, near)

    def folders_ending(self, end: str, near: str) -> list[str]:
        """The folders whose path ends with these whole parts, the nearest first."""
        return _ending(self._folders_named.get(posixpath.basename(end), ()), end, near)


def joined(folder: str, *names: str) -> str:
    """The path of `names` seen from `folder`, "" for the root itself; one that leaves the root begins with `..`."""
    path = posixpath.normpath(posixpath.join(folder, *names))
    return "" if path == "." else path


def ancestors(path: str) -> Iterator[str]:
    """The folders around `path`, the nearest first; the last is ""."""
    folder = posixpath.dirname(path)
    while folder:
        yield folder
        folder = posixpath.dirname(folder)
    yield ""


def n_shared(path: str, other: str) -> int:
    """How many folders two paths have in common, from the root on."""
    parts, others = path.split("/")[:-1], other.split("/")[:-1]
    n_most = min(len(parts), len(others))
    return next((n for n in range(n_most) if parts[n] != others[n]), n_most)


def _ending(paths: Iterable[str], end: str, near: str) -> list[str]:
    found = [path for path in paths if path == end or path.endswith("/" + end)]
    return sorted(found, key=lambda path: (-n_shared(path, near), path.count("/"), path))
