"""What else the model is shown than the text around the cursor: owns the sources of snippets and how they are joined.

Runs ahead of the request, when the cursor has moved: it may take some milliseconds, reads the index and a few files.
Of the current document only its own text is shown, never what is stored of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from context.codegraph.facts import FileFacts
from context.codegraph.graph import Definition, Graph, GraphFile, View, family_of
from context.codegraph.lexical import Search
from context.document import Snapshot
from context.nearby import Nearby, look_nearby, type_of
from context.recent import Region
from context.tokens import n_lines_tokens
from context.wanted import Ranker, Scene, receiver_types, shown
from context.window import Snippet

_MAX_DEFINITIONS = 240
_MAX_OUTLINE = 40
_N_TERMS = 14
_TOKENS_PER_CHUNK = 600
_MAX_CHUNKS = 6
_CHUNK_LINES = 14
_MAX_REGIONS = 4
_MAX_VISITS = 6
_MAX_WARM = 400
_REGION_LINES = 12
# Of the tokens that snippets get, by what they are for.
_SHARES = {"definition": 0.65, "outline": 0.15, "similar": 0.15, "recent": 0.05}
_IMPLEMENTED_BY = {"h": ("c", "cc", "cpp", "cxx"), "hpp": ("cpp", "cc", "cxx"), "hh": ("cc",), "pyi": ("py",)}
_TEST_MARK = re.compile(r"^(?:test_|Test(?=[A-Z]))|(?:_test|_spec|\.test|\.spec|Tests?|Spec)$")


@dataclass(frozen=True, slots=True)
class Place:
    """A cursor and what is known of its document.

    `regions` and `visits` say where somebody worked lately, `shown` which lines of the document are shown anyway.
    """

    snapshot: Snapshot
    offset: int
    facts: FileFacts
    room_tokens: float
    regions: tuple[Region, ...] = ()
    visits: tuple[str, ...] = ()
    shown: range = range(0)


class Retrieval:
    """Finds snippets, the best first. For one thread, as the graph it asks."""

    def __init__(self, graph: Graph) -> None:
        self._graph = graph
        self._ranker = Ranker()
        self._searches = [Search(root.reader) for root in graph.roots]

    def find(self, place: Place) -> tuple[Snippet, ...]:
        """Snippets for the room, the best first."""
        snapshot, offset = place.snapshot, place.offset
        nearby = look_nearby(snapshot.text, offset)
        scene = self._scene(place, nearby)
        sources = {
            "definition": self._definitions(place, scene),
            "outline": self._outline(place, scene),
            "similar": self._similar(place, nearby),
            "recent": self._edited(place),
        }
        return tuple(_fused(sources, snapshot, place.room_tokens))

    def warm(self) -> None:
        """Reads what every place asks of the files that there are, as many as are remembered."""
        for root in self._graph.roots:
            for path in root.resolver.paths.listed(_MAX_WARM):
                file = self._graph.file(root, path)
                self._ranker.warm(file)
                self._graph.view(file).look_up()

    def _scene(self, place: Place, nearby: Nearby) -> Scene:
        text, offset = place.snapshot.text, place.offset
        view = self._graph.seen_from(place.facts, text)
        line = text.count("\n", 0, offset)
        first_type = type_of(nearby.receiver[0], text, offset, place.snapshot.language) if nearby.receiver else None
        return Scene(view, nearby, line, receiver_types(view, nearby, line, first_type))

    def _definitions(self, place: Place, scene: Scene) -> Iterator[Snippet]:
        files = dict.fromkeys((*scene.view.linked, *self._tied(place, scene.view), *scene.members, *scene.around))
        yield from _signatures(self._ranker.best(scene, files, _MAX_DEFINITIONS), "definition")

    def _outline(self, place: Place, scene: Scene) -> Iterator[Snippet]:
        """Signatures of the current file beyond what is shown of it."""
        yield from _signatures(self._ranker.best_own(scene, place.shown, _MAX_OUTLINE), "outline")

    def _tied(self, place: Place, view: View) -> list[GraphFile]:
        """Files that nothing imports here, but that go with this one: its tests or what it tests, the last visits."""
        root = self._graph.roots[0]
        paths = dict.fromkeys((*_pairs(root.resolver.paths.ending, place.snapshot.path), *place.visits[:_MAX_VISITS]))
        files = [self._graph.file(root, path) for path in paths]
        return [file for file in files if family_of(file.language) == view.family]

    def _similar(self, place: Place, nearby: Nearby) -> Iterator[Snippet]:
        words = sorted(nearby.words, key=lambda word: -nearby.words[word])
        n_chunks = min(_MAX_CHUNKS, 2 + int(place.room_tokens / _TOKENS_PER_CHUNK))
        for root, search in zip(self._graph.roots, self._searches, strict=True):
            own = (place.snapshot.path,) if root is self._graph.roots[0] else ()
            for chunk in search.find(words[:_N_TERMS], n_chunks, without=own):
                text = root.reader.text(chunk.path, chunk.line, chunk.end_line)
                if text:
                    first, best = _densest(text.splitlines(keepends=True), nearby.words, _CHUNK_LINES)
                    yield Snippet(root.shown(chunk.path), best, chunk.line + first, "similar code")

    def _edited(self, place: Place) -> Iterator[Snippet]:
        root = self._graph.roots[0]
        for path, line, end_line in place.regions[:_MAX_REGIONS]:
            if path == place.snapshot.path:
                continue
            first = max(0, line - _REGION_LINES // 3)
            text = root.reader.text(path, first, min(end_line + _REGION_LINES // 3, first + _REGION_LINES))
            if text:
                yield Snippet(path, text, first, "edited lately")


def _signatures(definitions: Iterable[Definition], origin: str) -> Iterator[Snippet]:
    """Their signatures in the same order; a member comes after the line of its container."""
    containers = set()
    for file, number in definitions:
        symbol, path = file.symbols[number], file.root.shown(file.path)
        if symbol.container >= 0 and (file, symbol.container) not in containers:
            containers.add((file, symbol.container))
            container = file.symbols[symbol.container]
            yield Snippet(path, shown(container.signature), container.line, origin)
        yield Snippet(path, shown(symbol.signature), symbol.line, origin)


def _fused(sources: dict[str, Iterator[Snippet]], snapshot: Snapshot, room: float) -> Iterator[Snippet]:
    """The next snippet is always of the source that is furthest behind its share of the tokens."""
    known = set(snapshot.text.splitlines(keepends=True))
    behind = dict.fromkeys(sources, 0.0)
    shown: set[tuple[str, int]] = set()
    live = dict(sources)
    while live and room > 0:
        name = min(live, key=behind.__getitem__)
        snippet = next(live[name], None)
        if snippet is None:
            del live[name]
            continue
        path, text = snippet.path, snippet.text
        lines = [(path, snippet.line + n) for n in range(text.count("\n"))]
        if lines and shown.isdisjoint(lines) and (path == snapshot.path or not _is_known(text, known)):
            shown.update(lines)
            cost = n_lines_tokens(text)
            behind[name] += cost / _SHARES[name]
            room -= cost
            yield snippet


def _is_known(text: str, lines: set[str]) -> bool:
    """Whether the document has all of these lines itself."""
    return text in lines or (text.count("\n") > 1 and lines.issuperset(text.splitlines(keepends=True)))


def _densest(lines: list[str], words: dict[str, float], n_lines: int) -> tuple[int, str]:
    """The stretch of at most `n_lines` that has most of these words, and its first line's number."""
    if len(lines) <= n_lines:
        return 0, "".join(lines)
    weights = [sum(words.get(word, 0.0) for word in set(re.findall(r"\w{3,}", line))) for line in lines]
    # Of equals the last, so that what comes after the words is shown rather than what comes before.
    best = max(range(len(lines) - n_lines + 1), key=lambda first: (sum(weights[first : first + n_lines]), first))
    return best, "".join(lines[best : best + n_lines])


def _pairs(ending: Callable[[str, str], list[str]], path: str) -> Iterator[str]:
    """The file's tests, or what it tests; what its header declares. `ending` finds files by the end of their path."""
    _, _, name = path.rpartition("/")
    stem, _, suffix = name.rpartition(".")
    tested = _TEST_MARK.sub("", stem)
    if tested != stem:
        names = [tested]
    else:
        names = [f"test_{stem}", f"{stem}_test", f"{stem}.test", f"{stem}.spec", f"{stem}Test"]
    ends = [f"{one}.{suffix}" for one in names] + [f"{stem}.{other}" for other in _IMPLEMENTED_BY.get(suffix, ())]
    for end in ends:
        yield from ending(end, path)[:1]
