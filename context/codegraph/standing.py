"""Whether what a text imports is there: owns the answer for a file that need not exist yet; reads, and writes nothing.

The folder's files are listed anew, since an index may still be at work or not be wanted; open buffers stand in place
of their files.
"""

from __future__ import annotations

import os
import posixpath
import re
import sys
from collections.abc import Iterator, Mapping, Sequence

from context.codegraph.extract import extract
from context.codegraph.facts import FileFacts, Import
from context.codegraph.files import language_of, listing, read_regular
from context.codegraph.graph import family_of
from context.codegraph.paths import Paths, Target, ancestors, n_shared
from context.codegraph.projects import read_projects
from context.codegraph.resolve import Resolver
from context.codegraph.roots import build_files
from context.proposal import Proposal, Standing

_MANIFEST = re.compile(
    r"pyproject\.toml|(?:.*[-_])?requirements.*\.(?:txt|in)|setup\.(?:py|cfg)|Pipfile|environment\.ya?ml|tox\.ini"
    r"|package\.json|go\.mod|Cargo\.toml"
)
_MAX_MANIFEST_BYTES = 256 * 1024
_CHECKED = frozenset(("python", "javascript", "go", "rust", "jvm"))
_BINDING = frozenset(("python", "javascript"))
_RUST_OWN = frozenset(("std", "core", "alloc", "crate", "self", "super", "test", "proc_macro"))
_NODE_OWN = frozenset(
    (
        *("assert", "async_hooks", "buffer", "bun", "child_process", "cluster", "console", "crypto", "dgram", "dns"),
        *("domain", "events", "fs", "http", "http2", "https", "inspector", "module", "net", "os", "path", "perf_hooks"),
        *("process", "querystring", "readline", "repl", "stream", "string_decoder", "test", "timers", "tls", "tty"),
        *("url", "util", "v8", "vm", "worker_threads", "zlib"),
    )
)


class Site:
    """One folder as it is now. Paths are POSIX style and relative to it; `buffers` are texts of open documents."""

    def __init__(self, folder: str, buffers: Mapping[str, str] | None = None) -> None:
        self._folder = folder
        self._buffers = buffers or {}
        paths = {entry.path for entry in listing(folder)}
        texts = dict(build_files(os.path.realpath(folder), Paths(paths).folders))
        self._resolver = Resolver(paths.union(self._buffers), read_projects(texts))
        self._facts: dict[str, FileFacts | None] = {}

    def matching(self, pattern: str, near: str, limit: int) -> tuple[str, ...]:
        """The files whose whole name matches, those that share most folders with the path `near` first."""
        name = re.compile(pattern)
        found = [path for path in self._resolver.paths.files if name.fullmatch(posixpath.basename(path))]
        found.sort(key=lambda path: (-n_shared(path, near), path.count("/"), path))
        return tuple(found[:limit])

    def leading_to(self, subject: str, paths: Sequence[str]) -> tuple[str, ...]:
        """Those of `paths` whose imports lead to the file `subject`, or to a file that passes its names on."""
        return tuple(path for path in paths if subject in self._reached(path, self.facts(path)))

    def standing(self, proposal: Proposal) -> Standing:
        """How a text would stand; nothing is said of languages whose imports are not resolved."""
        path, language, text, names, near, modules = proposal
        facts = extract(path, language, text.encode("utf-8", "replace"))
        family = family_of(facts.language)
        if family not in _CHECKED or not self._resolver.paths.files:
            return Standing()
        known = {_top(one.module, family) for other in near for one in self._imports(other)}.union(modules)
        missing = [one for one in facts.imports if not self._is_there(path, facts.language, one, known)]
        return Standing(
            tuple(dict.fromkeys(f"{one.module} {one.name}".strip() for one in missing)),
            tuple(self._reached(path, facts)),
            tuple(name for name in names if _is_unbound(name, facts)) if family in _BINDING else (),
        )

    def facts(self, path: str) -> FileFacts | None:
        """What a file holds; None for one that cannot be read."""
        if path not in self._facts:
            self._facts[path] = self._extracted(path)
        return self._facts[path]

    def _extracted(self, path: str) -> FileFacts | None:
        language = language_of(path)
        if language is None:
            return None
        text = self._buffers.get(path)
        if text is not None:
            return extract(path, language, text.encode("utf-8", "replace"))
        read = read_regular(os.path.join(self._folder, path))
        return extract(path, language, read[0]) if read else None

    def _imports(self, path: str) -> Sequence[Import]:
        facts = self.facts(path)
        return facts.imports if facts else ()

    def _reached(self, path: str, facts: FileFacts | None) -> Iterator[str]:
        """The files that the imports lead to, and those whose names come with an index file."""
        for one in facts.imports if facts else ():
            for target in self._resolver.resolve(path, facts.language if facts else "", one):
                yield target.path
                yield from self._passed_on(target)

    def _passed_on(self, target: Target) -> Iterator[str]:
        if posixpath.basename(target.path).split(".")[0] not in ("index", "__init__"):
            return
        for one in self._imports(target.path):
            if target.name in ("", "*", one.name, one.alias) or one.name == "*":
                language = language_of(target.path) or ""
                yield from (inner.path for inner in self._resolver.resolve(target.path, language, one))

    def _is_there(self, path: str, language: str, one: Import, known: set[str]) -> bool:
        targets = self._resolver.resolve(path, language, one)
        if targets:
            return any(self._has(target) for target in targets)
        family = family_of(language)
        top = _top(one.module, family)
        if self._is_own(path, language, family, one, top):
            return False
        return top in known or _comes_along(family, top) or self._is_declared(path, family, top)

    def _has(self, target: Target) -> bool:
        """Whether a file defines a name or passes it on; of a folder it is enough that it is there."""
        if target.path.endswith("/"):
            return target.name in ("", "*") or not self._is_python(target.path)
        if target.name in ("", "*", "default"):
            return True
        facts = self.facts(target.path)
        if facts is None or not (facts.symbols or facts.imports):
            return language_of(target.path) != "python"
        if any(symbol.name == target.name for symbol in facts.symbols):
            return True
        return any(
            one.name == "*" or target.name in (one.alias or one.name or one.module.split(".")[0])
            for one in facts.imports
        )

    def _is_python(self, folder: str) -> bool:
        return any(path.endswith(".py") for path in self._resolver.paths.in_folder(folder.rstrip("/")))

    def _is_own(self, path: str, language: str, family: str, one: Import, top: str) -> bool:
        """Whether an import means something of this folder, so that it should have been found."""
        if family in ("python", "javascript") and one.module.startswith("."):
            return True
        if family == "python":
            return bool(self._resolver.resolve(path, language, Import(top, "", "", 0)))
        if family == "go":
            modules = re.findall(r"^module\s+\"?([^\s\"]+)", self._manifests(path), re.MULTILINE)
            return any(one.module == module or one.module.startswith(f"{module}/") for module in modules)
        if family == "jvm":
            parts = one.module.split(".")
            return len(parts) > 2 and bool(self._resolver.paths.folders_ending("/".join(parts[:3]), path))
        return False

    def _is_declared(self, path: str, family: str, top: str) -> bool:
        """Whether the build files name what lies outside; where none is there nothing can be said against it."""
        if family == "jvm":
            return True
        manifests = self._manifests(path)
        return not manifests or _plain(top) in _plain(manifests)

    def _manifests(self, path: str) -> str:
        """All that the build files of the folders around a path say."""
        return "\n".join(text for folder in ancestors(path) for text in self._manifest_texts(folder))

    def _manifest_texts(self, folder: str) -> Iterator[str]:
        whole = os.path.join(self._folder, folder)
        for name in os.listdir(whole) if os.path.isdir(whole) else ():
            if _MANIFEST.fullmatch(name) and (read := read_regular(os.path.join(whole, name), _MAX_MANIFEST_BYTES)):
                yield read[0].decode("utf-8", "replace")


def _top(module: str, family: str) -> str:
    """What of a module's name stands for the package that has to be installed."""
    if family == "javascript":
        module = module.removeprefix("node:")
        return "/".join(module.split("/")[: 2 if module.startswith("@") else 1])
    if family == "rust":
        return module.split("::")[0]
    return module if family == "go" else module.split(".")[0]


def _comes_along(family: str, top: str) -> bool:
    """Whether the language brings it."""
    if family == "python":
        return top in sys.stdlib_module_names
    if family == "javascript":
        return top in _NODE_OWN
    if family == "rust":
        return top in _RUST_OWN
    return family != "go" or "." not in top.split("/", 1)[0]


def _plain(text: str) -> str:
    return text.lower().replace("_", "-")


def _is_unbound(name: str, facts: FileFacts) -> bool:
    is_used = any(edge.name == name and not edge.receiver for edge in facts.edges)
    bound = {one.alias or one.name or one.module.split(".")[0] for one in facts.imports}
    return is_used and not bound.intersection((name, "*")) and all(one.name != name for one in facts.symbols)
