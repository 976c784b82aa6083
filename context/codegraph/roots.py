"""One indexed folder: owns what is read of it besides its store, and when that is read anew; knows no symbols."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from context.codegraph.files import read_regular
from context.codegraph.paths import Paths
from context.codegraph.projects import is_build_file, read_projects
from context.codegraph.reader import Overlay, Reader
from context.codegraph.resolve import Resolver

_MAX_BUILD_FILE_BYTES = 256 * 1024
_MAX_BUILD_FILES = 2_000


class Root:
    """A folder whose store may be read. `name` stands before the paths of a further one; the workspace has none."""

    def __init__(
        self, folder: str | os.PathLike[str], store: Path, *, name: str = "", overlay: Overlay | None = None
    ) -> None:
        self.name = name
        self.reader = Reader(folder, store, overlay)
        self.resolver = Resolver(())
        self.renew()

    def renew(self) -> None:
        """Takes over which files there are and what build files say; to be called after files have come or gone."""
        files = self.reader.paths()
        self.resolver = Resolver(files, read_projects(dict(build_files(self.reader.root, Paths(files).folders))))

    def shown(self, path: str) -> str:
        """The path as the model sees it."""
        return f"{self.name}/{path}" if self.name else path


def build_files(root: str, folders: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Those that lie beside or above the files that are indexed."""
    n_left = _MAX_BUILD_FILES
    for folder in sorted(folders, key=lambda one: (one.count("/"), one)):
        for name in _names(os.path.join(root, folder)):
            path = f"{folder}/{name}".lstrip("/")
            if (
                is_build_file(path)
                and n_left
                and (read := read_regular(os.path.join(root, path), _MAX_BUILD_FILE_BYTES))
            ):
                n_left -= 1
                yield path, read[0].decode("utf-8", "replace")


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
