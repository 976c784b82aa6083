"""What build files say of where modules lie: owns the reading of their texts; reads no disk and follows no import.

Known are package.json, tsconfig.json and jsconfig.json, go.mod, Cargo.toml and composer.json. All of them come from
the opened repository, so any shape is taken and what makes no sense is left out.
"""

from __future__ import annotations

import posixpath
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import orjson

from context.codegraph.paths import ancestors, joined

_NAMES = frozenset(("package.json", "go.mod", "Cargo.toml", "composer.json"))
_TYPESCRIPT = re.compile(r"(ts|js)config(\..+)?\.json")
_JSON_NOISE = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/|,(?=\s*[}\]])', re.DOTALL)
_GO_MODULE = re.compile(r"^module\s+\"?([^\s\"]+)", re.MULTILINE)
_GO_REPLACE = re.compile(r"^(?:replace\s+|\t)\s*(\S+)(?:\s+v\S+)?\s+=>\s+(\.{1,2}/\S*)", re.MULTILINE)
_MAX_EXTENDS = 8
_MAX_DEPTH = 6
_ENTRIES = ("source", "types", "typings", "module", "main")


def is_build_file(path: str) -> bool:
    """Whether the file at `path` is one that Projects reads."""
    name = posixpath.basename(path)
    return name in _NAMES or _TYPESCRIPT.fullmatch(name) is not None


class NodePackage(NamedTuple):
    """A package.json: `exports` and `imports` map what is written to files, both with `*` for any text."""

    folder: str
    entries: tuple[str, ...]
    exports: tuple[tuple[str, tuple[str, ...]], ...]
    imports: tuple[tuple[str, tuple[str, ...]], ...]


class PathAliases(NamedTuple):
    """A tsconfig's `paths`, whose targets are relative to the workspace; `base` is its baseUrl, None without one."""

    base: str | None
    aliases: tuple[tuple[str, tuple[str, ...]], ...]


class GoModule(NamedTuple):
    """A module's import path and where it lies."""

    name: str
    folder: str


@dataclass(frozen=True, slots=True)
class Projects:
    """All of a workspace's build files. Folders are relative to it, "" for itself, without a slash at their end."""

    node_packages: Mapping[str, NodePackage] = field(default_factory=dict)
    node_folders: Mapping[str, NodePackage] = field(default_factory=dict)
    aliases: Mapping[str, PathAliases] = field(default_factory=dict)
    go_modules: tuple[GoModule, ...] = ()
    crates: Mapping[str, str] = field(default_factory=dict)
    crate_folders: frozenset[str] = frozenset()
    php_prefixes: tuple[tuple[str, str], ...] = ()

    def nearest_aliases(self, path: str) -> PathAliases | None:
        """Those of the first folder above `path` that has a tsconfig."""
        return next((found for folder in ancestors(path) if (found := self.aliases.get(folder))), None)

    def nearest_package(self, path: str) -> NodePackage | None:
        """The package that `path` belongs to."""
        return next((found for folder in ancestors(path) if (found := self.node_folders.get(folder))), None)


def read_projects(texts: Mapping[str, str]) -> Projects:
    """What `texts`, build files by their path, say together."""
    folders = {path: posixpath.dirname(path) for path in texts}
    named = {path: posixpath.basename(path) for path in texts}
    packages = [
        named_package
        for path in sorted(texts)
        if named[path] == "package.json"
        for named_package in _node_package(folders[path], _json(texts[path]))
    ]
    cargo = {folders[path]: _toml(texts[path]) for path in texts if named[path] == "Cargo.toml"}
    return Projects(
        node_packages=dict(packages),
        node_folders={package.folder: package for _, package in packages},
        aliases={
            folders[path]: found
            for path in sorted(texts, reverse=True)
            if named[path] in ("tsconfig.json", "jsconfig.json") and (found := _aliases(path, texts))
        },
        go_modules=_go_modules({folders[path]: texts[path] for path in texts if named[path] == "go.mod"}),
        crates={name: folder for folder, content in sorted(cargo.items()) for name in _crate_names(content)},
        crate_folders=frozenset(cargo),
        php_prefixes=_php_prefixes(
            {folders[path]: _json(texts[path]) for path in texts if named[path] == "composer.json"}
        ),
    )


def matched(pattern: str, text: str) -> str | None:
    """What the one `*` of `pattern` stands for in `text`; "" without a star; None where they differ."""
    before, star, after = pattern.partition("*")
    if not star:
        return "" if pattern == text else None
    fits = len(text) >= len(before) + len(after) and text.startswith(before) and text.endswith(after)
    return text[len(before) : len(text) - len(after)] if fits else None


def _node_package(folder: str, content: dict[str, Any]) -> Iterator[tuple[str, NodePackage]]:
    name = content.get("name")
    if not isinstance(name, str) or not name:
        return
    entries = tuple(value for key in _ENTRIES if isinstance(value := content.get(key), str))
    yield name, NodePackage(folder, entries, _export_map(content.get("exports")), _export_map(content.get("imports")))


def _export_map(content: Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """What is written and the files it may mean, of package.json's `exports` or `imports`."""
    if isinstance(content, dict) and any(str(key).startswith((".", "#")) for key in content):
        return tuple((str(key), tuple(_leaves(value))) for key, value in content.items())
    leaves = tuple(_leaves(content))
    return ((".", leaves),) if leaves else ()


def _leaves(content: Any, depth: int = 0) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, dict | list) and depth < _MAX_DEPTH:
        for value in content.values() if isinstance(content, dict) else content:
            yield from _leaves(value, depth + 1)


def _aliases(path: str, texts: Mapping[str, str]) -> PathAliases | None:
    """The tsconfig's own options, or those of the first it extends that has any."""
    base: str | None = None
    queue = [path]
    for _ in range(_MAX_EXTENDS):
        if not queue:
            break
        path = queue.pop(0)
        if path not in texts:
            continue
        content = _json(texts[path])
        options = content.get("compilerOptions")
        options = options if isinstance(options, dict) else {}
        folder = posixpath.dirname(path)
        if base is None and isinstance(options.get("baseUrl"), str):
            base = joined(folder, options["baseUrl"])
        if isinstance(options.get("paths"), dict):
            return PathAliases(base, _alias_targets(options["paths"], folder if base is None else base))
        extends = content.get("extends", [])
        for other in [extends] if isinstance(extends, str) else extends if isinstance(extends, list) else []:
            if isinstance(other, str) and other.startswith("."):
                queue.append(joined(folder, other if other.endswith(".json") else other + ".json"))
    return None if base is None else PathAliases(base, ())


def _alias_targets(paths: dict[str, Any], base: str) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return tuple(
        (pattern, tuple(joined(base, target) for target in targets if isinstance(target, str)))
        for pattern, targets in paths.items()
        if isinstance(targets, list)
    )


def _go_modules(texts: Mapping[str, str]) -> tuple[GoModule, ...]:
    """Longest name first, since a module may lie within another one."""
    modules = {found[1]: folder for folder, text in sorted(texts.items()) if (found := _GO_MODULE.search(text))}
    for folder, text in sorted(texts.items()):
        for name, target in _GO_REPLACE.findall(text):
            modules.setdefault(name, joined(folder, target))
    return tuple(GoModule(name, modules[name]) for name in sorted(modules, key=lambda name: (-len(name), name)))


def _crate_names(content: dict[str, Any]) -> Iterator[str]:
    """As `use` writes them: with underscores."""
    for table in ("package", "lib"):
        section = content.get(table)
        if isinstance(section, dict) and isinstance(section.get("name"), str):
            yield section["name"].replace("-", "_")


def _php_prefixes(contents: Mapping[str, dict[str, Any]]) -> tuple[tuple[str, str], ...]:
    """PSR-4 prefixes with their folders, the longest first."""
    found = set()
    for folder, content in contents.items():
        for section in (content.get("autoload"), content.get("autoload-dev")):
            prefixes = section.get("psr-4") if isinstance(section, dict) else None
            for prefix, targets in prefixes.items() if isinstance(prefixes, dict) else ():
                for target in [targets] if isinstance(targets, str) else targets if isinstance(targets, list) else []:
                    if isinstance(target, str):
                        found.add((prefix.strip("\\"), joined(folder, target)))
    return tuple(sorted(found, key=lambda pair: (-len(pair[0]), pair)))


def _json(text: str) -> dict[str, Any]:
    """An object, {} for anything else; comments and commas too many are left out, as tsconfig allows them."""
    try:
        content = orjson.loads(_JSON_NOISE.sub(lambda found: found[1] or "", text))
    except orjson.JSONDecodeError:
        return {}
    return content if isinstance(content, dict) else {}


def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
