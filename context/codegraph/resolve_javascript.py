"""JavaScript's and TypeScript's imports: owns endings, index files, path aliases and packages' exports."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator

from context.codegraph.paths import Paths, Target, joined
from context.codegraph.projects import NodePackage, Projects, matched

_ENDINGS = (".ts", ".tsx", ".d.ts", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs", ".vue", ".json")
# TypeScript imports its sources by the names of what is built from them.
_WRITTEN = {".js": (".ts", ".tsx", ".d.ts"), ".jsx": (".tsx",), ".mjs": (".mts",), ".cjs": (".cts",)}
_BUILT_FOLDERS = ("dist", "lib", "build", "out", "es", "esm", "cjs")


def javascript(paths: Paths, projects: Projects, path: str, module: str, name: str) -> Iterator[Target]:
    """The first file that one of the import's possible meanings leads to."""
    written = module.split("?", 1)[0]
    if written.startswith("."):
        candidates: Iterable[str] = [joined(posixpath.dirname(path), written)]
    else:
        candidates = _candidates(projects, path, written)
    found = next((found for candidate in candidates if (found := _source(paths, candidate))), None)
    if found:
        yield Target(found, name)


def _candidates(projects: Projects, path: str, written: str) -> Iterator[str]:
    """What a bare name may stand for: by tsconfig first, then by the packages of the workspace."""
    if aliases := projects.nearest_aliases(path):
        yield from _substituted(aliases.aliases, written)
        if aliases.base is not None:
            yield joined(aliases.base, written)
    if written.startswith("#"):
        own = projects.nearest_package(path)
        yield from _in_package(own, own.imports, written) if own else ()
        return
    package_name = "/".join(written.split("/")[: 2 if written.startswith("@") else 1])
    if package := projects.node_packages.get(package_name):
        inner = "." + written[len(package_name) :]
        yield from _in_package(package, package.exports, inner)
        yield from (joined(package.folder, entry) for entry in package.entries if inner == ".")
        yield joined(package.folder, inner)
        yield joined(package.folder, "src", inner)


def _in_package(package: NodePackage, table: tuple[tuple[str, tuple[str, ...]], ...], written: str) -> Iterator[str]:
    return (joined(package.folder, target) for target in _substituted(table, written))


def _substituted(table: Iterable[tuple[str, tuple[str, ...]]], written: str) -> Iterator[str]:
    """The targets of all patterns that `written` matches, of the longest pattern first."""
    for pattern, targets in sorted(table, key=lambda entry: -len(entry[0])):
        if (star := matched(pattern, written)) is not None:
            yield from (target.replace("*", star) for target in targets)


def _source(paths: Paths, candidate: str) -> str | None:
    """The file that `candidate` means: as it is, with an ending, as a folder, or what it is built from."""
    for name in (candidate, *_before_build(candidate)):
        stem, ending = posixpath.splitext(name)
        found = paths.first(
            name,
            *(stem + source for source in _WRITTEN.get(ending, ())),
            *(name + source for source in _ENDINGS),
            *(joined(name, f"index{source}") for source in _ENDINGS),
        )
        if found:
            return found
    return None


def _before_build(path: str) -> Iterator[str]:
    """Where the source of a built file lies by custom."""
    parts = path.split("/")
    for n, part in enumerate(parts[:-1]):
        if part in _BUILT_FOLDERS:
            yield "/".join((*parts[:n], "src", *parts[n + 1 :]))
            yield "/".join((*parts[:n], *parts[n + 1 :]))
