"""The workspace's definitions as one file sees them: owns what a name there means; ranks nothing.

A union over the workspace and further roots, in this order. Everything that is read is remembered until a store or
an overlay changes.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple

from context.codegraph.current import follow
from context.codegraph.extract import extract
from context.codegraph.facts import Edge, FileFacts, Import, Symbol
from context.codegraph.paths import Target
from context.codegraph.roots import Root
from context.document import Snapshot

_MAX_HOPS = 2
_MAX_FILES = 600
_MAX_BASES = 6
_MAX_NAMES = 20_000
_MAX_NAMESAKES = 6
_MAX_PER_FOLDER = 24
_MAX_LINKED = 48
_MAX_PASSES = 3
_MANY_USES = 50
_N_USES = (
    "SELECT value, (SELECT count(*) FROM (SELECT 1 FROM symbols WHERE name = value LIMIT ?1)),"
    " (SELECT count(*) FROM (SELECT 1 FROM edges WHERE name = value LIMIT ?1)) FROM json_each(?2)"
)

_FAMILIES = {
    **dict.fromkeys(("javascript", "javascriptreact", "typescript", "typescriptreact"), "javascript"),
    **dict.fromkeys(("c", "cpp"), "c"),
    **dict.fromkeys(("java", "kotlin", "scala"), "jvm"),
}
# In these languages the files of a folder see each other's names without an import.
_ONE_PACKAGE = frozenset(("go", "java", "kotlin", "scala", "csharp"))
_SEPARATORS = {"rust": "::", "c": "::", "php": "\\"}
TYPES = frozenset(("class", "interface", "enum", "type", "message", "table", "service"))


class Definition(NamedTuple):
    """A symbol of a file, by its index there."""

    file: GraphFile
    at: int

    @property
    def symbol(self) -> Symbol:
        """The symbol itself."""
        return self.file.symbols[self.at]


class GraphFile:
    """One file's facts, as far as they are asked for. Compared by identity."""

    def __init__(self, root: Root, path: str, facts: FileFacts | None = None) -> None:
        self.root = root
        self.path = path
        self._facts = facts

    @cached_property
    def language(self) -> str:
        """Its name in the table of languages; "" for a file that is not indexed."""
        return self._facts.language if self._facts else self.root.reader.language(self.path) or ""

    @cached_property
    def symbols(self) -> Sequence[Symbol]:
        """Its definitions, in the order of the file."""
        return self._facts.symbols if self._facts else self.root.reader.symbols_of(self.path)

    @cached_property
    def imports(self) -> Sequence[Import]:
        """What it imports."""
        return self._facts.imports if self._facts else self.root.reader.imports_of(self.path)

    @cached_property
    def edges(self) -> Sequence[Edge]:
        """What its symbols use."""
        return self._facts.edges if self._facts else self.root.reader.edges_of(self.path)

    @cached_property
    def named(self) -> dict[str, list[int]]:
        """The symbols of each name."""
        named: dict[str, list[int]] = defaultdict(list)
        for index, symbol in enumerate(self.symbols):
            named[symbol.name].append(index)
        return named

    @cached_property
    def members(self) -> dict[int, list[int]]:
        """The symbols within each symbol."""
        members: dict[int, list[int]] = defaultdict(list)
        for index, symbol in enumerate(self.symbols):
            members[symbol.container].append(index)
        return members

    @cached_property
    def n_uses(self) -> dict[str, tuple[int, int]]:
        """How often each of the file's names is defined and used in its root, up to a bound."""
        rows = self.root.reader.rows(_N_USES, _MANY_USES, json.dumps(list(self.named)))
        return {name: (n_defined, n_used) for name, n_defined, n_used in rows}

    def top(self, name: str) -> list[int]:
        """The symbols of this name that stand in no other, or else all of this name."""
        found = self.named.get(name, [])
        return [index for index in found if self.symbols[index].container < 0] or found


class Graph:
    """Answers what names mean. For one thread, as its readers."""

    def __init__(self, roots: Sequence[Root]) -> None:
        self.roots = roots
        self._files: dict[tuple[int, str], GraphFile] = {}
        self._defined: dict[tuple[str, str], list[Definition]] = {}
        self._views: dict[tuple[Root, str], View] = {}

    def forget(self, paths: Collection[str] | None = None) -> None:
        """Drops what was remembered, after a store or an overlay has changed: of these files, or of all."""
        if paths is None:
            self._files.clear()
        for root in self.roots:
            for path in paths or ():
                self._files.pop((id(root), path), None)
        self._defined.clear()
        self._views.clear()

    def facts(self, snapshot: Snapshot) -> FileFacts:
        """Of a document: what is stored of its file, as far as it still holds; else its text is analysed."""
        file = self.file(self.roots[0], snapshot.path)
        if not file.symbols and not file.imports:
            return extract(snapshot.path, snapshot.language, snapshot.text.encode("utf-8", "replace"))
        stored = FileFacts(snapshot.path, snapshot.language, 0, tuple(file.symbols), tuple(file.imports))
        return follow(stored, snapshot.text)

    def file(self, root: Root, path: str) -> GraphFile:
        """A file, which need not be indexed: then it is empty."""
        key = (id(root), path)
        if key not in self._files:
            if len(self._files) >= _MAX_FILES:
                del self._files[next(iter(self._files))]
            self._files[key] = GraphFile(root, path)
        return self._files[key]

    def seen_from(self, facts: FileFacts, text: str = "") -> View:
        """The graph as a file of the workspace sees it, whose facts and text may be newer than what is stored of it.

        What the file imports is looked up again only where that has changed.
        """
        root = self.roots[0]
        last = self._views.get((root, facts.path))
        view = View(self, GraphFile(root, facts.path, facts), text)
        if last is not None and tuple(last.file.imports) == tuple(facts.imports) and last.family == view.family:
            view.take_over(last)
        self._remember(root, view)
        return view

    def view(self, file: GraphFile) -> View:
        """The graph as a stored file sees it."""
        found = self._views.get((file.root, file.path))
        if found is None or found.file is not file:
            found = View(self, file)
            self._remember(file.root, found)
        return found

    def _remember(self, root: Root, view: View) -> None:
        if len(self._views) >= _MAX_FILES:
            del self._views[next(iter(self._views))]
        self._views[root, view.file.path] = view

    def defined(self, name: str, family: str) -> list[Definition]:
        """All definitions of a name in languages that can see each other, workspace first; [] if there are many."""
        key = (name, family)
        if key not in self._defined:
            if len(self._defined) >= _MAX_NAMES:
                self._defined.clear()
            self._defined[key] = self._find(name, family)
        return self._defined[key]

    def _find(self, name: str, family: str) -> list[Definition]:
        found: list[Definition] = []
        for root in self.roots:
            located = root.reader.symbols_named(name, _MAX_NAMESAKES + 1)
            found += [Definition(self.file(root, one.path), one.number) for one in located]
            if len(found) > _MAX_NAMESAKES:
                return []
        return [one for one in found if family_of(one.file.language) == family]


class View:
    """What the names in one file mean."""

    def __init__(self, graph: Graph, file: GraphFile, text: str = "") -> None:
        self.file = file
        self.family = family_of(file.language)
        self._graph = graph
        self._text = text

    def is_own(self, file: GraphFile) -> bool:
        """Whether a file is this view's own, which may be stored with other facts."""
        return file.path == self.file.path and file.root is self.file.root

    def look_up(self) -> None:
        """Looks up what the file imports ahead of the first question."""
        _ = self.linked

    def take_over(self, last: View) -> None:
        """Imports what `last` imports, which was made for an older text of the same file."""
        self.__dict__.update({name: last.__dict__[name] for name in ("_brought", "_imported") if name in last.__dict__})

    @cached_property
    def linked(self) -> tuple[GraphFile, ...]:
        """The other files whose names this one can use: what is imported first, what that brings along last."""
        imported, passed_on = self._brought
        files = dict.fromkeys((*imported, *self._package(), *passed_on))
        return tuple(file for file in files if not self.is_own(file))

    def definitions(self, name: str) -> list[Definition]:
        """What a bare name means here: an import's, else one of this file, of a linked file, or of few anywhere."""
        return self.within_reach(name) or self.everywhere(name)

    def within_reach(self, name: str) -> list[Definition]:
        """The same, but for definitions in files that nothing here brings in."""
        if name in self._imported:
            found = [one for root, target in self._imported[name] for one in self._defined_at(root, target)]
            if found:
                return found
        if own := self.file.top(name):
            return [Definition(self.file, index) for index in own]
        return [Definition(file, index) for file in self.linked for index in file.top(name)]

    def is_imported(self, name: str) -> bool:
        """Whether an import brings in the name, known or not."""
        return name in self._imported

    def everywhere(self, name: str) -> list[Definition]:
        """All definitions of a name in other files, linked or not; [] if there are many."""
        return [one for one in self._graph.defined(name, self.family) if not self.is_own(one.file)]

    def modules(self, chain: Sequence[str]) -> list[GraphFile]:
        """The files that a name stands for, where it is an imported module; or a whole path as in `crate::net::tcp`."""
        if not chain:
            return []
        if len(chain) == 1 and chain[0] in self._imported:
            targets = [found for found in self._imported[chain[0]] if found[1].name == ""]
        else:
            targets = self._resolved(Import(_SEPARATORS.get(self.family, ".").join(chain), "", "", 0))
        return [file for root, target in targets for file in self._files(root, target)]

    def members(self, owner: Definition, n_bases: int = _MAX_BASES) -> Iterator[Definition]:
        """A type's members, then those of its extensions and its bases."""
        file, index = owner
        yield from (Definition(file, member) for member in file.members.get(index, ()))
        if owner.symbol.kind == "extension" and n_bases > 0:
            for extended in self.types(owner.symbol.name)[:1]:
                yield from self.members(extended, n_bases - 1)
        view = self if file is self.file else self._graph.view(file)
        for extension in view.extensions(owner):
            yield from (Definition(extension.file, member) for member in extension.file.members.get(extension.at, ()))
        if n_bases <= 0:
            return
        for edge in file.edges:
            if edge.kind == "inherits" and edge.symbol == index:
                for base in view.definitions(edge.name)[:1]:
                    if base != owner:
                        yield from view.members(base, n_bases - 1)

    def extensions(self, owner: Definition) -> Iterator[Definition]:
        """What gives a type further members: in its file, and in those of its package."""
        for file in (owner.file, *self._package()):
            for index in file.named.get(owner.symbol.name, ()):
                if file.symbols[index].kind == "extension" and (file, index) != owner:
                    yield Definition(file, index)

    def types(self, name: str) -> list[Definition]:
        """The types that a name means, or that what it names has or returns."""
        found = self.definitions(name)
        types = [one for one in found if one.symbol.kind in TYPES]
        if types:
            return types
        named = {one.symbol.type for one in found if one.symbol.type and one.symbol.type != name}
        return [one for type_name in named for one in self.definitions(type_name) if one.symbol.kind in TYPES]

    @cached_property
    def _imported(self) -> dict[str, list[tuple[Root, Target]]]:
        """Where each name that is imported leads; what comes by "*" is under "*"."""
        found: dict[str, list[tuple[Root, Target]]] = defaultdict(list)
        for one in self.file.imports:
            local = one.alias or one.name or _last_word(one.module)
            found[local] += self._resolved(one)
        return found

    @cached_property
    def _brought(self) -> tuple[list[GraphFile], list[GraphFile]]:
        """The files that are imported, and those that these pass on."""
        targets = (target for targets in self._imported.values() for target in targets)
        imported = list(dict.fromkeys(file for root, target in targets for file in self._files(root, target)))
        known = dict.fromkeys(imported)
        newest = imported
        for _ in range(_MAX_PASSES):
            newest = [passed for file in newest for passed in self._passed_on(file) if passed not in known]
            known.update(dict.fromkeys(newest))
            if len(known) > _MAX_LINKED:
                break
        return imported, list(known)[len(imported) :]

    def _resolved(self, imported: Import) -> list[tuple[Root, Target]]:
        """In the file's own root, else in the first other one."""
        for root in (self.file.root, *self._graph.roots):
            path = self.file.path if root is self.file.root else ""
            targets = root.resolver.resolve(path, self.file.language, imported)
            if targets:
                return [(root, target) for target in targets]
        return []

    def _files(self, root: Root, target: Target) -> list[GraphFile]:
        """A file, or those of a folder that are of one language family with this one."""
        if not target.path.endswith("/"):
            return [self._graph.file(root, target.path)]
        paths = root.resolver.paths.in_folder(target.path.rstrip("/"))
        if len(paths) > _MAX_PER_FOLDER:
            # Of a large package those that are named here: a file has the name of what it defines by custom.
            paths = [path for path in paths if posixpath.basename(path).split(".")[0] in self._text]
        files = [self._graph.file(root, path) for path in paths[:_MAX_PER_FOLDER]]
        return [file for file in files if family_of(file.language) == self.family]

    def _defined_at(self, root: Root, target: Target, n_hops: int = _MAX_HOPS) -> list[Definition]:
        """The symbols that a target names; where its file only passes the name on, those of the file it comes from."""
        files = self._files(root, target)
        found = [Definition(file, index) for file in files for index in file.top(target.name)]
        if found or n_hops <= 0 or not target.name:
            return found
        for file in files:
            view = self._graph.view(file)
            for one in file.imports:
                if target.name in (one.alias or one.name, one.name) or one.name == "*":
                    name = target.name if one.name == "*" else one.name
                    for at, inner in view._resolved(one):
                        found += self._defined_at(at, inner._replace(name=name), n_hops - 1)
            if found:
                return found
        return found

    def _passed_on(self, file: GraphFile) -> Iterator[GraphFile]:
        """The files whose names come with `file`: what a header includes, what an index file exports."""
        is_index = posixpath.basename(file.path).split(".")[0] in ("index", "__init__", "mod", "lib")
        if self.family != "c" and not is_index:
            return
        view = self._graph.view(file)
        for one in file.imports:
            for root, target in view._resolved(one):
                yield from self._files(root, target)

    def _package(self) -> Iterator[GraphFile]:
        if self.file.language not in _ONE_PACKAGE:
            return
        folder = posixpath.dirname(self.file.path)
        yield from self._files(self.file.root, Target(f"{folder}/", "*"))


def family_of(language: str) -> str:
    """Languages of one family see each other's names."""
    return _FAMILIES.get(language, language)


def _last_word(module: str) -> str:
    """The local name of a module that is imported whole: "b" for "a.b", "./b.js" and "a/b"."""
    words = [word for word in re.split(r"[./:\\]+", module) if word]
    return next((word for word in reversed(words) if word not in ("js", "ts", "mjs", "h", "hpp")), "")
