"""One language's query, compiled once: owns how the query files are read and what a pattern's role is; knows no text.

The captures are the contract with the query files, told in CONTRIBUTING.md under "Adding a language".
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from importlib import resources

import tree_sitter

from context.languages import Language, find

ROLES = (
    *("class", "interface", "enum", "type", "function", "field", "constant", "variable", "macro", "module"),
    *("extension", "attribute", "scope", "local", "base", "import", "exported", "access", "ignore"),
)
_MAX_OPEN_MATCHES = 1024
Captures = dict[str, list[tree_sitter.Node]]


class GrammarQuery:
    """The patterns of one language's query files, each with its role: the one capture of `ROLES` that it has."""

    def __init__(self, language: Language) -> None:
        text = "\n".join(_read(name) for name in language.queries).encode()
        self._query = query = tree_sitter.Query(language.grammar(), text.decode())
        self._roles = [
            _role(text[query.start_byte_for_pattern(at) : query.end_byte_for_pattern(at)])
            for at in range(query.pattern_count)
        ]
        self.keywords = _keywords(language.grammar())

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
    return GrammarQuery(language) if language and language.queries else None


def _role(pattern: bytes) -> str:
    (role,) = (role for role in ROLES if re.search(rf"@{role}\b", pattern.decode()))
    return role


def _read(name: str) -> str:
    return resources.files(__package__).joinpath("queries", f"{name}.scm").read_text(encoding="utf-8")


def _keywords(grammar: tree_sitter.Language) -> frozenset[bytes]:
    """Every word that the grammar spells out, and the literals that grammars make nodes of."""
    kinds = (
        grammar.node_kind_for_id(at) or ""
        for at in range(grammar.node_kind_count)
        if not grammar.node_kind_is_named(at)
    )
    return frozenset(kind.encode() for kind in (*kinds, *_LITERALS) if re.fullmatch(r"\w+", kind))


_LITERALS = (
    *("true", "false", "null", "nil", "none", "None", "True", "False", "undefined", "nullptr", "iota", "NULL"),
    *("this", "self", "Self", "super", "cls"),
)
