"""What one file holds: owns the way from bytes to FileFacts, under a deadline; reads no disk and knows no other file.

No bytes make it raise. What is broken yields what its parser could still tell; what takes too long, chunks alone.
"""

from __future__ import annotations

import time

import tree_sitter

from context.codegraph import wording
from context.codegraph.chunks import chunks
from context.codegraph.definitions import Definitions, Found
from context.codegraph.facts import Edge, FileFacts, Import
from context.codegraph.grammar_query import Captures, GrammarQuery, grammar_query
from context.codegraph.imports import imports
from context.codegraph.source import Source
from context.codegraph.uses import uses
from context.languages import Language, find

_DEADLINE_S = 2.0
_MAX_VALUE_BYTES = 80


def extract(path: str, language: str, source: bytes, *, tree: tree_sitter.Tree | None = None) -> FileFacts:
    """All facts of the file `path` (POSIX, relative to its root), whose text is `source`; `tree` saves the parse.

    Takes two seconds of CPU time at most, of the thread it runs in.
    """
    text = Source(source)
    stop_at = time.thread_time() + _DEADLINE_S
    row, query = find(language), grammar_query(language)
    tree = tree or (_parse(row, text.bytes, stop_at) if row and query else None)
    if row is None or query is None or tree is None:
        return FileFacts(path, language, text.n_lines, chunks=tuple(chunks(text, ())))
    reading = _Reading(text, row.name)
    reading.read(query, tree.root_node)
    definitions = Definitions(text, row.name, reading.found, frozenset(reading.exported))
    for start, name in reading.locals:
        definitions.add_local(start, name)
    inherits = reading.inherits(definitions)
    edges = (*inherits, *uses(text, row, definitions, query.keywords, inherits))
    return FileFacts(
        path,
        language,
        text.n_lines,
        tuple(definitions.symbols),
        tuple(reading.imports),
        edges,
        tuple(chunks(text, definitions.symbols)),
    )


def _parse(language: Language, source: bytes, stop_at: float) -> tree_sitter.Tree | None:
    """The tree, or None past the deadline, which is only looked at where the source is a callback.

    The parser is a new one each time (1 us): after a stop, one that is used again would go on with the old text.
    """
    parser = tree_sitter.Parser(language.grammar())

    def piece(byte: int, _: object) -> bytes:
        return source[byte : byte + 65_536]

    def is_late(_: int, has_error: bool) -> bool:
        return time.thread_time() > stop_at

    try:
        return parser.parse(piece, progress_callback=is_late)
    except ValueError:
        return None


class _Reading:
    """What the matches of a query say of a file, as text and bytes; no node outlives it."""

    def __init__(self, source: Source, language: str) -> None:
        self.found: list[Found] = []
        self.imports: list[Import] = []
        self.exported: set[str] = set()
        self.locals: list[tuple[int, bytes]] = []
        self._bases: list[tuple[int, str]] = []
        self._source = source
        self._language = language

    def read(self, query: GrammarQuery, root: tree_sitter.Node) -> None:
        """Takes in every match."""
        source = self._source
        for role, captures in query.matches(root):
            (node, *_) = captures[role]
            match role:
                case "ignore":
                    source.ignore(node)
                case "import":
                    self.imports += imports(source, self._language, node)
                    source.ignore(node)
                case "base":
                    self._bases.append((node.start_byte, source.text(node)))
                case "exported":
                    self.exported.add(source.text(node))
                case "local":
                    start = node.start_byte
                    self.locals.append((start, source.bytes[start : node.end_byte]))
                case "access" | "decorator" | "scope":
                    text = source.text(node, _MAX_VALUE_BYTES)
                    self.found.append(Found(role, node.start_byte, node.end_byte, value=text))
                case _:
                    self.found.append(self._definition(role, node, captures))

    def inherits(self, definitions: Definitions) -> list[Edge]:
        """The edges to the bases of each class."""
        edges: dict[tuple[int, str], Edge] = {}
        for start, text in self._bases:
            symbol, name = definitions.region_at(start).symbol, wording.bare_type(text)
            if name:
                qualifier = text[: text.find(name)].rstrip(".:\\ ")
                edges.setdefault((symbol, name), Edge("inherits", symbol, name, qualifier, self._source.row(start)))
        return list(edges.values())

    def _definition(self, role: str, node: tree_sitter.Node, captures: Captures) -> Found:
        source = self._source
        one = Found(role, node.start_byte, node.end_byte)
        for capture, (at, *_) in captures.items():
            match capture:
                case "name":
                    one.name, one.name_start = source.text(at), at.start_byte
                    if role != "attribute":
                        source.ignore(at)
                case "body":
                    one.body = at.start_byte
                case "result":
                    one.type = wording.bare_type(source.text(at))
                case "value":
                    one.value = source.bytes[at.start_byte : min(at.end_byte, at.start_byte + 80)].decode(
                        "utf-8", "replace"
                    )
                case "owner":
                    one.owner = wording.bare_type(source.text(at))
        return one
