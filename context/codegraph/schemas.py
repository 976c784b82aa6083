"""Contracts as symbols: owns which file is a contract and how its symbols are gathered; knows no contract's syntax."""

from __future__ import annotations

from collections.abc import Callable

from context.codegraph import schemas_graphql, schemas_openapi, schemas_proto, schemas_sql
from context.codegraph.chunks import chunks
from context.codegraph.facts import FileFacts
from context.codegraph.schemas_draft import Draft
from context.codegraph.source import Source

_READERS: dict[str, Callable[[Source, str, float], Draft]] = {
    "yaml": schemas_openapi.read,
    "json": schemas_openapi.read,
    "sql": schemas_sql.read,
    "proto": schemas_proto.read,
    "graphql": schemas_graphql.read,
}


def schema(path: str, language: str, source: Source, stop_at: float) -> FileFacts | None:
    """The facts of a contract, until the thread's CPU time is `stop_at`; None where the language has none.

    YAML and JSON that describe no interface have no symbols and no chunks.
    """
    read = _READERS.get(language)
    if read is None:
        return None
    draft = read(source, language, stop_at)
    is_other = language in ("yaml", "json") and not draft.symbols
    cut = () if is_other else tuple(chunks(source, draft.symbols))
    return FileFacts(
        path, language, source.n_lines, tuple(draft.symbols), tuple(draft.imports), tuple(draft.edges), cut
    )
