"""From an import to the files it means: owns each language's rules; knows no symbols and reads no disk.

What lies outside the workspace resolves to nothing. Where a rule needs what no file says (include folders, the
roots of a Python path), the nearest file whose path ends as the import is written is taken.
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache

from context.codegraph.facts import Import
from context.codegraph.paths import Paths, Target, ancestors, joined
from context.codegraph.projects import Projects
from context.codegraph.resolve_javascript import javascript
from context.codegraph.resolve_rust import rust

_SOURCE_FOLDERS = ("", "src", "lib", "python")
_JVM_ENDINGS = (".java", ".kt", ".scala", ".kts")
_MAX_TARGETS = 8
_CACHED = 20_000


class Resolver:
    """Resolves the imports of one root's files, as they lie and as its build files say. Remembers its answers."""

    def __init__(self, files: Iterable[str], projects: Projects | None = None) -> None:
        self.paths = Paths(files)
        self._projects = projects or Projects()
        self._cached = lru_cache(maxsize=_CACHED)(self._resolve)

    def resolve(self, path: str, language: str, imported: Import) -> tuple[Target, ...]:
        """What `imported`, written in the file at `path`, may mean, the likeliest first; () for what lies outside."""
        return self._cached(path, language, imported.module, imported.name)

    def _resolve(self, path: str, language: str, module: str, name: str) -> tuple[Target, ...]:
        rule = _RULES.get(language)
        if rule is None or not module.strip():
            return ()
        found = dict.fromkeys(rule(self.paths, self._projects, path, module, name))
        return tuple(target for target in found if target.path != path)[:_MAX_TARGETS]


def _python(paths: Paths, _projects: Projects, path: str, module: str, name: str) -> Iterator[Target]:
    n_dots = len(module) - len(module.lstrip("."))
    parts = [part for part in module.split(".") if part]
    if n_dots:
        folders: Iterable[str] = [joined(posixpath.dirname(path), *[".."] * (n_dots - 1))]
    else:
        folders = _python_roots(paths, path, parts)
    for folder in folders:
        whole = joined(folder, *parts)
        inner = joined(whole, name)
        if name not in ("", "*") and (found := paths.first(f"{inner}.py", f"{inner}.pyi", f"{inner}/__init__.py")):
            yield Target(found, "")
        # Python takes a package before a module of the same name.
        if found := paths.first(joined(whole, "__init__.py"), f"{whole}.py", f"{whole}.pyi"):
            yield Target(found, name)
            return
        if whole in paths.folders and (parts or n_dots):
            yield Target(f"{whole}/", name)
            return


def _python_roots(paths: Paths, path: str, parts: list[str]) -> Iterator[str]:
    """The folders that may be on Python's path: around the file first, then wherever such a package lies."""
    for folder in ancestors(path):
        if joined(folder, "__init__.py") not in paths.files:  # what lies in a package is not imported by its bare name
            yield from (joined(folder, source) for source in _SOURCE_FOLDERS)
    if parts[0] in sys.stdlib_module_names:
        return
    for end in filter(None, ("/".join(parts), "/".join(parts[:-1]))):
        yield from (found[: -len(end)].rstrip("/") for found in paths.folders_ending(end, path))


def _go(paths: Paths, projects: Projects, path: str, module: str, name: str) -> Iterator[Target]:
    for known, folder in projects.go_modules:
        if module == known or module.startswith(known + "/"):
            inner = joined(folder, module[len(known) + 1 :])
            if inner in paths.folders:
                yield Target(f"{inner}/", name)
            return
    if "." in module.split("/", maxsplit=1)[0]:  # what has no host is Go's own
        end = "/".join(module.split("/")[-2:])
        yield from (Target(f"{folder}/", name) for folder in paths.folders_ending(end, path)[:1])


def _jvm(paths: Paths, _projects: Projects, path: str, module: str, name: str) -> Iterator[Target]:
    """A class is a file of its name, or stands in a file of any name in its package's folder."""
    parts = [part for part in (*module.split("."), name) if part not in ("", "*", "_")]
    endings = sorted(_JVM_ENDINGS, key=lambda ending: not path.endswith(ending))
    for n in range(len(parts), 1, -1):
        whole = "/".join(parts[:n])
        found = next((found for ending in endings if (found := paths.ending(whole + ending, path))), [])
        if found:
            yield Target(found[0], "*" if name == "*" else parts[-1])
            return
        if folders := paths.folders_ending(whole, path):
            yield from (Target(f"{folder}/", parts[-1] if n < len(parts) else "*") for folder in folders)
            return


def _include(paths: Paths, _projects: Projects, path: str, module: str, name: str) -> Iterator[Target]:
    written = module.strip('<>"')
    beside = joined(posixpath.dirname(path), written)
    found = [beside] if beside in paths.files else paths.ending(written.lstrip("./"), path)
    yield from (Target(one, name or "*") for one in found[:1])


def _csharp(paths: Paths, _projects: Projects, path: str, module: str, name: str) -> Iterator[Target]:
    """A namespace lies in a folder by custom: its last parts, as folders or with dots in one folder's name."""
    parts = module.split(".")
    ends = [
        "/".join(filter(None, (".".join(parts[first:dotted]), *parts[dotted:])))
        for first in range(len(parts))
        for dotted in range(len(parts), first, -1)
    ]
    for end in ends:
        if folders := paths.folders_ending(end, path):
            yield from (Target(f"{folder}/", name or "*") for folder in folders)
            return


def _php(paths: Paths, projects: Projects, path: str, module: str, name: str) -> Iterator[Target]:
    if module.endswith(".php"):
        yield from _include(paths, projects, path, module.lstrip("/"), name)
        return
    parts = [part for part in (*module.split("\\"), name) if part not in ("", "*")]
    whole = "\\".join(parts)
    for prefix, folder in projects.php_prefixes:
        file = joined(folder, whole[len(prefix) :].strip("\\").replace("\\", "/") + ".php")
        if (whole.startswith(prefix + "\\") or not prefix) and file in paths.files:
            yield Target(file, parts[-1])
            return
    for n in range(len(parts) - 1):
        if found := paths.ending("/".join(parts[n:]) + ".php", path):
            yield Target(found[0], parts[-1])
            return


def _ruby(paths: Paths, _projects: Projects, path: str, module: str, _name: str) -> Iterator[Target]:
    written = module.removesuffix(".rb")
    beside = joined(posixpath.dirname(path), written) + ".rb"
    if written.startswith(".") and beside in paths.files:
        yield Target(beside, "*")
        return
    found = paths.ending(f"lib/{written}.rb", path) or paths.ending(f"{written.lstrip('./')}.rb", path)
    yield from (Target(one, "*") for one in found[:1])


_Rule = Callable[[Paths, Projects, str, str, str], Iterator[Target]]
_RULES: dict[str, _Rule] = {
    "python": _python,
    **dict.fromkeys(("javascript", "typescript", "typescriptreact", "javascriptreact"), javascript),
    "go": _go,
    "rust": rust,
    **dict.fromkeys(("java", "kotlin", "scala"), _jvm),
    **dict.fromkeys(("c", "cpp", "proto"), _include),
    "csharp": _csharp,
    "php": _php,
    "ruby": _ruby,
}
