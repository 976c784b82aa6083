"""Where the name lies in a C declarator: owns the descent through pointers, arrays and functions; builds no symbol."""

from __future__ import annotations

import tree_sitter

from context.codegraph.grammar_query import Captures

_QUALIFIED = ("qualified_identifier", "template_function", "template_method")


def declared(captures: Captures) -> tuple[tree_sitter.Node | None, bool]:
    """The node of the name, and whether it is a function's; a scope before it (`Cart::total`) becomes the owner."""
    node: tree_sitter.Node | None = captures["declarator"][0]
    is_function = False
    while node is not None:
        inner = _inner(node)
        if node.type == "function_declarator":
            # A pointer to a function stands in parentheses.
            is_function = inner is not None and inner.type != "parenthesized_declarator"
        if node.type in _QUALIFIED and (scope := node.child_by_field_name("scope")):
            captures["owner"] = [scope]
        if inner is None:
            break
        node = inner
    is_name = node is not None and node.type.endswith(("identifier", "_name"))
    return (node if is_name else None), is_function


def _inner(node: tree_sitter.Node) -> tree_sitter.Node | None:
    if node.type in _QUALIFIED:
        return node.child_by_field_name("name")
    if not node.type.endswith("declarator"):
        return None
    around = (child for child in node.named_children if child.type.endswith(("identifier", "declarator")))
    return node.child_by_field_name("declarator") or next(around, None)
