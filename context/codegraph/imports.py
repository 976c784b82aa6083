"""What an import statement brings in: owns how each language writes it; resolves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import tree_sitter

from context.codegraph.facts import Import
from context.codegraph.source import Source

Taken = Iterator[tuple[str, str, str]]
"""Module, name and alias of each imported name."""


def imports(source: Source, language: str, node: tree_sitter.Node) -> Iterator[Import]:
    """One Import per name that the statement `node` brings in."""
    read = _READERS.get(language)
    if read is None:
        return
    row = source.row(node.start_byte)
    for module, name, alias in read(source, node):
        if module or name:
            yield Import(module, name, alias, row)


def _python(source: Source, node: tree_sitter.Node) -> Taken:
    start = node.child_by_field_name("module_name")
    module = source.text(start) if start else ""
    for child in node.named_children:
        if child.type == "wildcard_import":
            yield module, "*", ""
        elif child != start and child.type in ("dotted_name", "aliased_import"):
            name, alias = child.child_by_field_name("name"), child.child_by_field_name("alias")
            taken, local = source.text(name or child), source.text(alias) if alias else ""
            yield (module, taken, local) if start else (taken, "", local)


_READERS: dict[str, Callable[[Source, tree_sitter.Node], Taken]] = {"python": _python}
