"""What is found in the workspace for a place in a document: owns the graphs of its folders and the buffers over them.

For one thread. Paths of files are relative to the innermost folder that holds them; those of other folders and of
further roots begin with the folder's name.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from pathlib import Path

from context.codegraph.current import follow
from context.codegraph.facts import FileFacts
from context.codegraph.files import is_home, is_ignored
from context.codegraph.graph import Graph, View
from context.codegraph.projects import is_build_file
from context.codegraph.reader import Overlay
from context.codegraph.resolve import Resolver
from context.codegraph.roots import Root
from context.codegraph.store_file import store_path
from context.defined import Defined
from context.document import Edit, Snapshot
from context.meaning import defined_at, used_in
from context.outline import Span
from context.recent import Recent
from context.retrieval import Place, Retrieval
from context.secrets import is_refused
from context.steady import steady
from context.window import Budget, Snippet, room_for_snippets, shown_lines
from lsp_server.workspace.messages import Scope

# More is found than is shown, so that what is shown need not go as soon as it is among the best no more.
_FOUND_ROOM = 2.0
_MAX_USED = 16
_NOWHERE = Path(os.devnull) / "no index"


class Index:
    """The folders of one scope, with the documents that are open in them."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        folders = [folder for folder in dict.fromkeys(scope.folders) if not is_home(folder)]
        others = [folder for folder in dict.fromkeys(scope.roots) if folder not in folders and not is_home(folder)]
        self.folders: tuple[str, ...] = (*folders, *others)
        self._roots = {folder: Root(folder, store_path(folder)) for folder in self.folders}
        self._named: dict[str, list[Root]] = {folder: [root] for folder, root in self._roots.items()}
        self._is_shown: dict[tuple[str, str], bool] = {}
        self._views = {folder: _View([self._roots[folder], *self._others(folder)]) for folder in folders}

    def folder_of(self, path: str) -> tuple[str, str] | None:
        """The innermost folder that holds an absolute path, and the rest of the path in POSIX style."""
        holding = [one for one in self.folders if path.startswith(one.rstrip(os.sep) + os.sep)]
        if not holding:
            return None
        folder = max(holding, key=len)
        return folder, path[len(folder.rstrip(os.sep)) + 1 :].replace(os.sep, "/")

    def find(
        self, folder: str, snapshot: Snapshot, offset: int, facts: FileFacts | None, budget: Budget
    ) -> tuple[Snippet, ...]:
        """Snippets for a place, whose document had those `facts` some edits ago, or as stored if None is given."""
        view = self._views.get(folder) or self._outside()
        view.recent.visited(snapshot.path)
        facts = view.facts(snapshot, facts)
        visits = tuple(path for path in view.recent.visits() if path != snapshot.path)
        room, shown = room_for_snippets(snapshot.text, budget), shown_lines(snapshot, offset, budget)
        place = Place(snapshot, offset, facts, room * _FOUND_ROOM, view.recent.regions(), visits, shown)
        found = steady(view.last.get(snapshot.path, ()), view.retrieval.find(place), room)
        view.last = {snapshot.path: found}
        return tuple(_with_lf(snippet) for snippet in found)

    def defined(self, folder: str, snapshot: Snapshot, facts: FileFacts | None, span: Span) -> list[Defined]:
        """What the name in a span means; `facts` are as in `find`."""
        seen = (self._views.get(folder) or self._outside()).seen(snapshot, facts)
        return defined_at(seen, snapshot, span.start, span.end)

    def used(self, folder: str, snapshot: Snapshot, facts: FileFacts | None, span: Span) -> list[Defined]:
        """What a span uses of other files; `facts` are as in `find`."""
        seen = (self._views.get(folder) or self._outside()).seen(snapshot, facts)
        return used_in(seen, snapshot, span.start, span.end, _MAX_USED)

    def edited(self, folder: str, path: str, before: str, edit: Edit) -> None:
        """Notes an edit of the text `before`."""
        if folder in self._views:
            self._views[folder].recent.edited(path, before, edit)

    def show(self, folder: str, facts: FileFacts, text: str) -> None:
        """Puts an open document in place of what is stored of its file, unless nothing of it may be shown elsewhere."""
        root = self._roots.get(folder)
        if root is None:
            return
        if self._may_be_shown(folder, facts.path):
            root.reader.overlay.put(facts, text)
        else:
            root.reader.overlay.drop(facts.path)  # it may have been shown before it was ignored

    def hide(self, folder: str, path: str) -> None:
        """The document is closed: what is stored of its file stands for it again."""
        if root := self._roots.get(folder):
            root.reader.overlay.drop(path)

    def forget(self, paths: Sequence[str] = ()) -> None:
        """A store has changed, or what is open over it: that of some paths in their folder, or all."""
        for view in self._views.values():
            view.graph.forget(paths or None)
            view.last = {of: shown for of, shown in view.last.items() if not _is_changed(of, shown, paths)}

    def renamed(self, path: str) -> None:
        """A document was opened or has other names than before: beside others all is chosen anew."""
        self.forget([path])
        for view in self._views.values():
            view.last = {of: shown for of, shown in view.last.items() if of == path}

    def renew(self, folder: str, resolver: Resolver) -> None:
        """Other files are there, or other build files: how imports are resolved is made anew elsewhere."""
        self._is_shown.clear()
        for root in self._named.get(folder, ()):
            root.resolver = resolver
        self.forget()

    def is_listing_changed(self, folder: str, paths: Sequence[str]) -> bool:
        """Whether files that were read again have come or gone, or say how others are built. From any thread."""
        root = self._roots.get(folder)
        if root is None:
            return False
        known = root.resolver.paths
        is_there = [os.path.isfile(os.path.join(folder, path)) for path in paths]
        return any(
            is_build_file(path) or path in known.folders or (path in known.files) != there
            for path, there in zip(paths, is_there, strict=True)
        )

    def resolver(self, folder: str) -> Resolver | None:
        """How imports resolve by the files that there are now. From any thread: it reads by a connection of its own."""
        root = self._roots.get(folder)
        if root is None:
            return None
        overlay = Overlay()
        overlay.files = dict(root.reader.overlay.files)
        fresh = Root(folder, store_path(folder), overlay=overlay)
        fresh.reader.close()
        return fresh.resolver

    def _may_be_shown(self, folder: str, path: str) -> bool:
        """Whether other files may see an open document. Git is asked once, until the folder's files change."""
        place = folder, path
        if place not in self._is_shown:
            is_left_out = is_refused(path, os.path.join(folder, path), self.scope.refused) or is_ignored(folder, path)
            self._is_shown[place] = not is_left_out
        return self._is_shown[place]

    def _outside(self) -> _View:
        """What a document sees that lies in no folder of the workspace."""
        if "" not in self._views:
            self._views[""] = _View([Root(os.devnull, _NOWHERE), *self._others("")])
        return self._views[""]

    def _others(self, folder: str) -> list[Root]:
        """All folders but one, under their names."""
        roots = []
        for other, root in self._roots.items():
            if other != folder:
                named = copy.copy(root)
                named.name = os.path.basename(other.rstrip(os.sep))
                self._named[other].append(named)
                roots.append(named)
        return roots


class _View:
    """The graph as one folder of the workspace sees it."""

    def __init__(self, roots: Sequence[Root]) -> None:
        self.graph = Graph(roots)
        self.retrieval = Retrieval(self.graph)
        self.recent = Recent()
        self.last: dict[str, tuple[Snippet, ...]] = {}

    def facts(self, snapshot: Snapshot, facts: FileFacts | None) -> FileFacts:
        """Of a document that had those `facts` some edits ago, or as stored if None is given."""
        return follow(facts, snapshot.text) if facts else self.graph.facts(snapshot)

    def seen(self, snapshot: Snapshot, facts: FileFacts | None) -> View:
        """What names mean in a document."""
        return self.graph.seen_from(self.facts(snapshot, facts), snapshot.text)


def _is_changed(document: str, shown: Sequence[Snippet], paths: Sequence[str]) -> bool:
    """Whether what is shown beside a document may not stand there any more; its own lines it shows as they are."""
    others = [one.path for one in shown if one.path != document]
    return not paths or any(other.endswith(path) for path in paths for other in others)


def _with_lf(snippet: Snippet) -> Snippet:
    if "\r" not in snippet.text:
        return snippet
    return Snippet(snippet.path, snippet.text.replace("\r\n", "\n"), snippet.line, snippet.origin)
