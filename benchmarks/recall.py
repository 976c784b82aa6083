"""What the prompt holds of what the next line needs, by how the budget is divided; see README.md.

    python benchmarks/recall.py FOLDER... [--tokens 2048 4096] [--shares 0.35 0.45 0.55 0.65] [--places 200]

In each folder, a package or a repository, lines of code are cut where a name stands that another file defines, or the
same file far away. Counted are the names of the hidden rest whose defining line stands in the prompt. Needs no model.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from context import Budget, Snapshot, build_window, window
from context.codegraph.current import outline_around
from context.codegraph.extract import extract
from context.codegraph.graph import Definition, Graph
from context.codegraph.indexer import Indexer
from context.codegraph.roots import Root
from context.retrieval import Place, Retrieval
from context.steady import steady

FAR_LINES = 40
FOUND_ROOM = 1.5
MIN_NAME = 4
NAME = re.compile(r"[^\W\d]\w+")


@dataclass(frozen=True)
class Case:
    """A document without the rest of a line, and the lines that define what is hidden, in other files or far away."""

    snapshot: Snapshot
    offset: int
    elsewhere: tuple[str, ...]
    far: tuple[str, ...]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--tokens", type=int, nargs="+", default=[2_048])
    parser.add_argument("--shares", type=float, nargs="+", default=[0.35, 0.45, 0.55, 0.65])
    parser.add_argument("--places", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        graphs = [indexed(folder, Path(scratch) / f"{n}.sqlite3") for n, folder in enumerate(arguments.folders)]
        cases = [list(sampled(graph, arguments.places)) for graph in graphs]
        print(
            f"{sum(map(len, cases))} places; of their names' definitions, % in the prompt: other files / same file, far"
        )
        for tokens in arguments.tokens:
            for share in arguments.shares:
                window.SNIPPET_SHARE = share
                found = [
                    held(Retrieval(graph), case, tokens)
                    for graph, some in zip(graphs, cases, strict=True)
                    for case in some
                ]
                print(f"{tokens:6} tokens, {share:.2f} for snippets: {mean(found, 0):5.1f} / {mean(found, 1):5.1f}")


def indexed(folder: Path, store: Path) -> Graph:
    """The graph of a folder, indexed anew."""
    Indexer(folder, store).update()
    return Graph([Root(folder, store)])


def sampled(graph: Graph, n_places: int) -> Iterator[Case]:
    """Places of a graph's files, the same in every run."""
    random_ = random.Random(1)
    paths = graph.roots[0].reader.paths()
    for path in random_.choices(paths, k=4 * n_places) if paths else ():
        if n_places and (case := cut(graph, path, random_)):
            n_places -= 1
            yield case


def cut(graph: Graph, path: str, random_: random.Random) -> Case | None:
    """One place of a file, None where the line that was drawn names nothing that is defined elsewhere."""
    root = graph.roots[0]
    text = (Path(root.reader.root) / path).read_text(encoding="utf-8", errors="replace")
    lines = text.split("\n")
    row = random_.randrange(len(lines))
    language = root.reader.language(path) or ""
    view = graph.seen_from(extract(path, language, text.encode()), text)
    needed = [(name, view.definitions(name[0])) for name in NAME.finditer(lines[row]) if len(name[0]) >= MIN_NAME]
    needed = [(name, found) for name, found in needed if 0 < len(found) <= 2]
    if not needed or any(one.line == row for one in (*view.file.imports, *view.file.symbols)):
        return None
    begin = sum(len(line) + 1 for line in lines[:row])
    offset, end = begin + needed[0][0].start(), begin + len(lines[row])
    found = [one for _, all_found in needed for one in all_found]
    elsewhere = tuple(dict.fromkeys(defining(one) for one in found if one.file is not view.file))
    far = [one for one in found if one.file is view.file and abs(one.symbol.line - row) >= FAR_LINES]
    snapshot = Snapshot(path, path, language, 0, text[:offset] + text[end:])
    return Case(snapshot, offset, elsewhere, tuple(map(defining, far)))


def defining(definition: Definition) -> str:
    """The line of a signature that has the name, without blanks."""
    lines = definition.symbol.signature.split("\n")
    return squeezed(next((line for line in lines if definition.symbol.name in line), lines[0]))


def held(retrieval: Retrieval, case: Case, tokens: int) -> tuple[float | None, float | None]:
    """The share of defining lines in the prompt, of other files and of far away in the same one; None without any."""
    snapshot, offset, budget = case.snapshot, case.offset, Budget(tokens)
    facts = extract(snapshot.path, snapshot.language, snapshot.text.encode())
    room = window.room_for_snippets(snapshot.text, budget)
    place = Place(snapshot, offset, facts, room * FOUND_ROOM, shown=window.shown_lines(snapshot, offset, budget))
    snippets = steady((), retrieval.find(place), room)
    outline = outline_around(facts, snapshot.text, offset)
    shown = build_window(snapshot, offset, budget, outline=outline, snippets=snippets)
    prompt = squeezed("".join((*(one.text for one in shown.snippets), shown.prefix, shown.suffix)))
    shares = [
        sum(line in prompt for line in lines) / len(lines) if lines else None for lines in (case.elsewhere, case.far)
    ]
    return shares[0], shares[1]


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def mean(found: list[tuple[float | None, float | None]], at: int) -> float:
    shares = [share for pair in found if (share := pair[at]) is not None]
    return 100 * sum(shares) / max(1, len(shares))


if __name__ == "__main__":
    main()
