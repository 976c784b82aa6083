"""Rust's paths: owns how modules lie in files, and crates in a workspace.

A module is known here by the folder that its submodules lie in: `src` for a crate, `src/net` for `crate::net`,
whether its own text stands in `src/net.rs` or in `src/net/mod.rs`.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from context.codegraph.paths import Paths, Target, ancestors, joined
from context.codegraph.projects import Projects

_ROOTS = ("lib.rs", "main.rs")
_HERE = ("self", "super")


def rust(paths: Paths, projects: Projects, path: str, module: str, name: str) -> Iterator[Target]:
    """As deep as there are files; what is left of the path is looked for in the last one."""
    parts = [part for part in (*module.split("::"), name) if part not in ("", "*")]
    for start, rest, is_certain in _starts(paths, projects, path, parts):
        at, left = start, rest
        while left and _file(paths, joined(at, left[0])):
            at, left = joined(at, left[0]), left[1:]
        found = _file(paths, at)
        if found and (is_certain or left != rest):
            yield Target(found, left[-1] if left else name if name == "*" else "")
            return


def _starts(paths: Paths, projects: Projects, path: str, parts: list[str]) -> Iterator[tuple[str, list[str], bool]]:
    """Modules that the path may begin in, the rest of it, and whether it cannot begin elsewhere."""
    if not parts:
        return
    is_module_folder = posixpath.basename(path) in (*_ROOTS, "mod.rs")
    here = posixpath.dirname(path) if is_module_folder else path.removesuffix(".rs")
    if parts[0] == "crate":
        yield _crate(paths, projects, path), parts[1:], True
    elif parts[0] in _HERE:
        n_here = next((n for n, part in enumerate(parts) if part not in _HERE), len(parts))
        yield joined(here, *[".."] * parts[:n_here].count("super")), parts[n_here:], True
    else:
        yield here, parts, False
        known = projects.crates.get(parts[0])
        folders = [known] if known is not None else paths.folders_ending(parts[0].replace("_", "-"), path)
        yield from ((joined(folder, "src"), parts[1:], True) for folder in folders)


def _crate(paths: Paths, projects: Projects, path: str) -> str:
    for folder in ancestors(path):
        if folder in projects.crate_folders:
            return joined(folder, "src")
        if paths.first(*(joined(folder, root) for root in _ROOTS)):
            return folder
    return posixpath.dirname(path)


def _file(paths: Paths, module: str) -> str | None:
    return paths.first(f"{module}.rs", *(joined(module, name) for name in ("mod.rs", *_ROOTS)))
