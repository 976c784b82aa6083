"""What one file holds: owns the way from bytes to FileFacts, under a deadline; reads no disk and knows no other file.

No bytes make it raise. What is broken yields what its parser could still tell; what takes too long, chunks alone.
"""

from __future__ import annotations

import re
import time

import tree_sitter

from context.codegraph import wording
from context.codegraph.chunks import chunks
from context.codegraph.declarators import declared
from context.codegraph.definitions import Definitions, Found
from context.codegraph.facts import Edge, FileFacts, Import
from context.codegraph.grammar_query import Captures, GrammarQuery, grammar_query
from context.codegraph.imports import imports
from context.codegraph.schemas import schema
from context.codegraph.source import Source
from context.codegraph.trees import parse_file
from context.codegraph.uses import uses
from context.languages import Language, find

_DEADLINE_S = 1.0
# What a C header does not hold.
_CPP = re.compile(rb"^\s*(?:namespace\b|template\s*<|class\s+\w|using\s|public:|private:)", re.MULTILINE)
_CONTROL = ("if", "else", "for", "while", "switch", "return", "do", "sizeof", "catch", "defined")
_NAMELESS = ("scope", "access", "decorator")


def extract(path: str, language: str, source: bytes, *, tree: tree_sitter.Tree | None = None) -> FileFacts:
    """All facts of the file `path` (POSIX, relative to its root), whose text is `source`; `tree` saves the parse.

    `language` is a languageId; what is told of the file has the name of its row.

    The parse takes a second of CPU time at most, of the thread it runs in, and the rest about twice what it took.
    """
    text, row = Source(source), find(language)
    stop_at = time.thread_time() + _DEADLINE_S
    name = row.name if row else language
    if name == "c" and path.endswith(".h") and _CPP.search(text.bytes):
        name, row = "cpp", find("cpp")
    contract = schema(path, name, text, stop_at)
    if contract is not None:
        return contract
    query = grammar_query(name)
    if row is not None and query is not None:
        if tree is None or tree.language != row.grammar() or tree.root_node.end_byte > len(text.bytes):
            tree = parse_file(row, text.bytes, stop_at)
        if tree is not None:
            return _facts(path, row, text, query, tree)
    return FileFacts(path, name, text.n_lines, chunks=tuple(chunks(text, ())))


def _facts(path: str, language: Language, source: Source, query: GrammarQuery, tree: tree_sitter.Tree) -> FileFacts:
    reading = _Reading(source, language.name)
    reading.read(query, tree.root_node)
    definitions = Definitions(source, language.name, reading.found, frozenset(reading.exported))
    imported = {one.alias or one.name for one in reading.imports}
    for start, name in reading.locals:
        if name not in imported:
            definitions.add_local(start, name)
    # What the file itself defines or imports under a common word is meant where the word stands.
    named = imported.union(symbol.name for symbol in definitions.symbols if symbol.container < 0)
    inherits = reading.inherits(definitions)
    return FileFacts(
        path,
        language.name,
        source.n_lines,
        tuple(definitions.symbols),
        tuple(reading.imports),
        (*inherits, *uses(source, language, definitions, query.words.without(named), inherits)),
        tuple(chunks(source, definitions.symbols)),
    )


class _Reading:
    """What the matches of a query say of a file."""

    def __init__(self, source: Source, language: str) -> None:
        self.found: list[Found] = []
        self.imports: list[Import] = []
        self.exported: set[str] = set()
        self.locals: list[tuple[int, str]] = []
        self._bases: list[tuple[int, str]] = []
        self._source = source
        self._language = language

    def read(self, query: GrammarQuery, root: tree_sitter.Node) -> None:
        """Takes in every match."""
        source = self._source
        for role, captures in query.matches(root):
            node = captures[role][0]
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
                    self.locals.append((node.start_byte, source.text(node)))
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
        one = Found(role, node.start_byte, node.end_byte, captures)
        if "declarator" in captures:
            name, is_function = declared(captures)
            if is_function and role in ("variable", "field"):
                one.role = "prototype"
        else:
            name = captures["name"][0] if "name" in captures else None
        if name is not None:
            one.name, one.name_start = wording.name(self._source.text(name), role), name.start_byte
            if role != "attribute":
                self._source.ignore(name, b"0")
        if role not in _NAMELESS and (not one.name or ("declarator" in captures and one.name in _CONTROL)):
            # What broken code only seems to define.
            one.role = "scope"
        return one
