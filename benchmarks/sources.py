"""Real code to type in: 10,000 lines of CPython's library and of an npm package, and what is typed in the middle."""

from __future__ import annotations

import re
import subprocess
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

N_LINES = 10_000
TYPESCRIPT_PACKAGE = "rxjs@7.8.2"
TEN_MODULES = (
    *("argparse", "ast", "calendar", "configparser", "dataclasses"),
    *("difflib", "doctest", "inspect", "pathlib", "typing"),
)


@dataclass(frozen=True)
class Source:
    """A document, the place where a statement is typed, and the statements, of which no two are the same."""

    language: str
    uri: str
    text: str
    row: int
    indent: str
    statement: str

    @property
    def cursor(self) -> tuple[int, int]:
        """The end of the line above."""
        return self.row, len(self.text.split("\n")[self.row])

    def keys(self) -> Iterator[str]:
        """What is typed, key by key, without end; Enter brings the indentation with it, as in editors."""
        n = 100
        while True:
            n += 1
            yield "\n" + self.indent
            yield from self.statement.format(n=n)


def python() -> Source:
    library = Path(sysconfig.get_path("stdlib"))
    paths = sorted(library.glob("[a-z]*.py"))
    # A plain assignment inside a method.
    return _source("python", "py", paths, r"^( {8})\w+ = [\w.]+$", "total_{n}=compute(items[{n}],limit,scale={n})")


def typescript(cache: Path) -> Source:
    root = cache / TYPESCRIPT_PACKAGE
    if not root.exists():
        root.mkdir(parents=True)
        pack = ["npm", "pack", TYPESCRIPT_PACKAGE, "--silent", "--pack-destination", str(root)]
        subprocess.run(pack, check=True, stdout=subprocess.DEVNULL)
        with tarfile.open(next(root.glob("*.tgz"))) as archive:
            archive.extractall(root, filter="data")
    paths = sorted((root / "package/src").rglob("*.ts"))
    statement = "total_{n}=compute(items[{n}],limit,{n});"
    return _source("typescript", "ts", paths, r"^( {2,})(?:const|let) \w+ = [\w.() ]+;$", statement)


def ten_files() -> list[Source]:
    library = Path(sysconfig.get_path("stdlib"))
    paths = [library / f"{name}.py" for name in TEN_MODULES]
    return [Source("python", path.as_uri(), path.read_text(), 0, "", "") for path in paths]


def _source(language: str, extension: str, paths: Iterable[Path], place: str, statement: str) -> Source:
    lines: list[str] = []
    for path in paths:
        if len(lines) < N_LINES:
            lines += path.read_text().split("\n")
    lines = lines[:N_LINES]
    row = next(row for row in range(N_LINES // 2, N_LINES) if re.match(place, lines[row]))
    indent = lines[row][: len(lines[row]) - len(lines[row].lstrip())]
    return Source(language, f"file:///bench/large.{extension}", "\n".join(lines), row, indent, statement)
