"""Where the name lies in a C declarator: owns the descent through pointers, arrays and functions; builds no symbol."""

from __future__ import annotations

import tree_sitter

from context.codegraph.grammar_query import Captures

_QUALIFIED = ("qualified_identifier", "template_function", "template_method")
_NAMED = ("identifier", "declarator")


def declared(captures: Captures) -> tuple[tree_sitter.Node | None, bool]:
    """The node of the name, and whether it is a function's; a scope before it (`Cart::total`) becomes the owner."""
    node: tree_sitter.Node | None = captures["declarator"][0]
    is_function = False
    while node is not None:
        type_ = node.type
        if type_.endswith(("identifier", "_name")) and type_ != "qualified_identifier":
            return node, is_function
        inner = node.child_by_field_name("name" if type_ in _QUALIFIED else "declarator")
        if type_ == "function_declarator":
            # A pointer to a function stands in parentheses.
            is_function = inner is not None and inner.type != "parenthesized_declarator"
        elif type_ in _QUALIFIED and (scope := node.child_by_field_name("scope")):
            captures["owner"] = [scope]
        elif inner is None and type_.endswith("declarator"):
            inner = next((child for child in node.named_children if child.type.endswith(_NAMED)), None)
        node = inner
    return None, is_function
