"""One language's query, compiled once: owns how the query files are read and what a pattern's role is; knows no text.

The captures are the contract with the query files, told in CONTRIBUTING.md under "Adding a language".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

import tree_sitter

from context.codegraph.words import words_of
from context.languages import Language, find

ROLES = (
    *("class", "interface", "enum", "type", "function", "method", "field", "constant", "variable", "macro", "module"),
    *("extension", "typedef", "attribute", "property", "scope", "access", "decorator"),
    *("local", "base", "import", "exported", "ignore"),
)
_MAX_OPEN_MATCHES = 1024
Captures = dict[str, list[tree_sitter.Node]]


class GrammarQuery:
    """The patterns of one language's query files, each with its role: the one capture of `ROLES` that it has."""

    def __init__(self, language: Language) -> None:
        text = "\n".join(_file(name).read_text(encoding="utf-8") for name in _names(language)).encode()
        self._query = query = tree_sitter.Query(language.grammar(), text.decode())
        self._roles = [
            _role(text[query.start_byte_for_pattern(at) : query.end_byte_for_pattern(at)])
            for at in range(query.pattern_count)
        ]
        self.words = words_of(language)

    def matches(self, root: tree_sitter.Node) -> Iterator[tuple[str, Captures]]:
        """The role and the captures of each match.

        Without a deadline: a query takes less than the parse did, and its progress callback ends the whole process
        (tree-sitter 0.26.1). The limit keeps it linear where many patterns stand half open.
        """
        for index, captures in tree_sitter.QueryCursor(self._query, match_limit=_MAX_OPEN_MATCHES).matches(root):
            yield self._roles[index], captures


@cache
def grammar_query(language_id: str) -> GrammarQuery | None:
    """The query of a language, compiled at first use (milliseconds); None for one that has no query file."""
    language = find(language_id)
    return GrammarQuery(language) if language and all(_file(name).is_file() for name in _names(language)) else None


def _role(pattern: bytes) -> str:
    (role,) = (role for role in ROLES if re.search(rf"@{role}\b", pattern.decode()))
    return role


def _names(language: Language) -> tuple[str, ...]:
    return language.queries or (language.name,)


def _file(name: str) -> Traversable:
    return resources.files(__package__).joinpath("queries", f"{name}.scm")
