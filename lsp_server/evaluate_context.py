"""`instant-lsp eval context`: owns the indexes of the repositories that its cases name; decides nothing of a prompt."""

from __future__ import annotations

import atexit
import gc
import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from context import Budget, Snapshot, build_window
from context.codegraph.current import outline_around
from context.codegraph.graph import Graph
from context.codegraph.indexer import Indexer
from context.codegraph.roots import Root
from context.retrieval import Place, Retrieval
from context.steady import steady
from context.window import room_for_snippets, shown_lines

_FOUND_ROOM = 1.5
"""More is found than fits, since what is too large gives way to what is smaller."""


class ContextCases:
    """Answers cases one after the other. A repository is indexed when it is first named, into a folder of its own."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="instant-lsp-eval-")
        atexit.register(self._folder.cleanup)
        self._repositories: dict[str, tuple[Graph, Retrieval]] = {}

    def answer(self, case: dict[str, Any]) -> dict[str, Any]:
        """`prompt` is all that would be sent, without the marks of a fill-in-the-middle format."""
        before, path, budget = case["text_before"], case["file"], Budget(int(case["budget"]))
        snapshot, offset = Snapshot(path, path, case["language"], 0, before + case["text_after"]), len(before)
        graph, retrieval = self._repository(case["repo_dir"], path)
        facts = graph.facts(snapshot)
        room = room_for_snippets(snapshot.text, budget)
        shown = shown_lines(snapshot, offset, budget)
        visits = tuple(case.get("open_files", ()))
        place = Place(snapshot, offset, facts, room * _FOUND_ROOM, visits=visits, shown=shown)
        window = build_window(
            snapshot,
            offset,
            budget,
            outline=outline_around(facts, snapshot.text, offset),
            snippets=steady((), retrieval.find(place), room),
        )
        snippets = "".join(f"{snippet.path}\n{snippet.text}\n" for snippet in window.snippets)
        return {"prompt": f"{snippets}{window.prefix}{window.held_back}{window.suffix}"}

    def _repository(self, folder: str, path: str) -> tuple[Graph, Retrieval]:
        """The index of `folder`, empty where it does not hold the case's own file."""
        if folder not in self._repositories:
            store = Path(self._folder.name) / f"{hashlib.blake2b(os.fsencode(folder)).hexdigest()[:16]}.sqlite3"
            if os.path.isfile(os.path.join(folder, path)):
                Indexer(folder, store).update()
            graph = Graph([Root(folder, store)])
            retrieval = Retrieval(graph)
            retrieval.warm()
            gc.freeze()  # a full collection over all that is remembered would be counted as one case's time
            self._repositories[folder] = (graph, retrieval)
        return self._repositories[folder]
