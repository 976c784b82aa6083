"""What an import statement brings in: owns how each language writes it; resolves nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import tree_sitter

from context.codegraph.facts import Import
from context.codegraph.source import Source

_MAX_STATEMENT_BYTES = 20_000
Taken = Iterator[tuple[str, str, str]]
"""Module, name and alias of each imported name."""


def imports(source: Source, language: str, node: tree_sitter.Node) -> Iterator[Import]:
    """One Import per name that the statement `node` brings in."""
    row = source.row(node.start_byte)
    for module, name, alias in _READERS[language](source, node):
        if module or name:
            yield Import(module, name, alias, row)


def _python(source: Source, node: tree_sitter.Node) -> Taken:
    start = node.child_by_field_name("module_name")
    module = source.text(start) if start else ""
    for child in node.named_children:
        if child.type == "wildcard_import":
            yield module, "*", ""
        elif child != start and child.type in ("dotted_name", "aliased_import"):
            name, alias = _name_and_alias(source, child)
            yield (module, name, alias) if start else (name, "", alias)


def _ecmascript(source: Source, node: tree_sitter.Node) -> Taken:
    if node.type == "call_expression":
        yield from _required(source, node)
        return
    if node.type == "import_alias":
        yield source.text(node.named_children[-1]), "", source.text(node.named_children[0])
        return
    module, taken = "", []
    for child in _descend(node, ("import_clause", "named_imports", "export_clause", "import_require_clause")):
        if child.type == "string":
            module = _unquote(source.text(child))
        elif child.type == "identifier":
            is_require = child.parent is not None and child.parent.type == "import_require_clause"
            taken.append(("" if is_require else "default", source.text(child)))
        elif child.type in ("namespace_import", "namespace_export"):
            taken.append(("*", source.text(child.named_children[-1])))
        elif child.type in ("import_specifier", "export_specifier"):
            taken.append(_name_and_alias(source, child))
        elif child.type == "*":
            taken.append(("*", ""))
    for name, alias in taken or [("", "")]:
        yield module, name, alias


def _required(source: Source, node: tree_sitter.Node) -> Taken:
    """`require("x")` with the names that the declaration around gives to what it takes; of `import("x")` the same."""
    arguments = node.child_by_field_name("arguments")
    module = _unquote(source.text(arguments.named_children[0])) if arguments else ""
    member, around = "", node.parent
    while around and around.type in ("member_expression", "await_expression", "parenthesized_expression"):
        taken = around.child_by_field_name("property")
        member, around = source.text(taken) if taken else member, around.parent
    target = None
    if around and around.type in ("variable_declarator", "pair", "assignment_expression"):
        target = next(
            (child for field in ("name", "key", "left") if (child := around.child_by_field_name(field))), None
        )
    if target and target.type == "object_pattern" and not member:
        for child in target.named_children:
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            yield module, source.text(key or child), source.text(value) if value else ""
        return
    alias = source.text(target).rpartition(".")[2] if target and target.type != "object_pattern" else ""
    yield module, member, "" if alias in ("exports", member) else alias


def _name_and_alias(source: Source, node: tree_sitter.Node) -> tuple[str, str]:
    """The fields of `name as alias`, or the whole node as the name."""
    name, alias = node.child_by_field_name("name"), node.child_by_field_name("alias")
    return source.text(name or node), source.text(alias) if alias else ""


def _descend(node: tree_sitter.Node, through: tuple[str, ...]) -> Iterator[tree_sitter.Node]:
    """The children of a node, and theirs in place of those whose type is in `through`."""
    for child in node.children:
        if child.type in through:
            yield from _descend(child, through)
        else:
            yield child


def _unquote(text: str) -> str:
    return text.strip("'\"`")


def _go(source: Source, node: tree_sitter.Node) -> Taken:
    module, alias = node.child_by_field_name("path"), node.child_by_field_name("name")
    local = source.text(alias) if alias else ""
    yield _unquote(source.text(module)) if module else "", "*" if local == "." else "", local.strip("._")


def _rust(source: Source, node: tree_sitter.Node) -> Taken:
    text = _plain(source, node)
    text = re.sub(r"^(?:#\[[^\]]*\]\s*)*(?:pub(?:\s*\([^)]*\))?\s+)?", "", text)
    kind, _, tree = text.partition(" ")
    if kind == "mod":
        yield f"self::{tree}", "", ""
    elif kind == "extern":
        name, _, alias = tree.removeprefix("crate").partition(" as ")
        yield name.strip(), "", alias.strip()
    else:
        yield from _rust_tree("", tree.replace(" :: ", "::"))


def _rust_tree(path: str, tree: str) -> Taken:
    """What a use tree takes under `path`, as `a::{b, c::*}` nests them."""
    head, brace, inner = tree.partition("{")
    if brace:
        for part in _top_level(inner.rpartition("}")[0]):
            yield from _rust_tree(path + head, part)
        return
    name, _, alias = (path + tree).partition(" as ")
    module, _, last = name.strip().rpartition("::")
    if last == "self":
        module, _, last = module.rpartition("::")
    yield (module, last, alias.strip()) if module else (last, "", alias.strip())


def _top_level(text: str) -> Iterator[str]:
    """The parts of a list that commas part outside of braces."""
    depth, start = 0, 0
    for match in re.finditer(r"[{},]", text):
        depth += {"{": 1, "}": -1, ",": 0}[match.group()]
        if match.group() == "," and depth == 0:
            yield text[start : match.start()].strip()
            start = match.end()
    if text[start:].strip():
        yield text[start:].strip()


def _java(source: Source, node: tree_sitter.Node) -> Taken:
    text = _plain(source, node).removeprefix("import").strip()
    module, _, name = text.removeprefix("static ").replace(" ", "").rpartition(".")
    yield module, name, ""


def _c(source: Source, node: tree_sitter.Node) -> Taken:
    if node.type == "preproc_include":
        path = node.child_by_field_name("path")
        yield source.text(path).strip('"') if path else "", "", ""
        return
    text = _plain(source, node)
    if node.type == "namespace_alias_definition":
        alias, _, module = text.removeprefix("namespace").partition("=")
        yield module.strip(), "", alias.strip()
    elif text.startswith("using namespace "):
        yield text.removeprefix("using namespace "), "*", ""
    else:
        module, _, name = text.removeprefix("using ").removeprefix("typename ").rpartition("::")
        yield module, name, ""


def _csharp(source: Source, node: tree_sitter.Node) -> Taken:
    text = _plain(source, node).removeprefix("global ").removeprefix("using ")
    alias, equals, target = text.partition("=")
    if equals:
        yield target.strip(), "", alias.strip()
    else:
        # All members of a class are taken by `static`, and all types of a namespace by what has none.
        yield text.removeprefix("static ").removeprefix("global::"), "*", ""


def _ruby(source: Source, node: tree_sitter.Node) -> Taken:
    method, arguments = node.child_by_field_name("method"), node.child_by_field_name("arguments")
    if method is None or arguments is None or not arguments.named_children:
        return
    module = _unquote(source.text(arguments.named_children[-1]))
    is_relative = source.text(method) == "require_relative" and not module.startswith(".")
    yield f"./{module}" if is_relative else module, "", ""


def _php(source: Source, node: tree_sitter.Node) -> Taken:
    if node.type != "namespace_use_declaration":
        for file in re.findall(r"""['"]([^'"]+)['"]""", source.text(node)):
            # What stands before the name is a folder, mostly that of the file itself.
            yield f".{file}" if file.startswith("/") else file, "", ""
        return
    text = re.sub(r"^use\s+(?:function\s+|const\s+)?", "", _plain(source, node))
    for part in _top_level(text):
        yield from _braced(part, "\\", " as ")


def _jvm(source: Source, node: tree_sitter.Node) -> Taken:
    """Kotlin's `import a.b.C as D`, and Scala's with braces and several at once."""
    for part in _top_level(_plain(source, node).removeprefix("import ")):
        yield from _braced(re.sub(r"\s*=>\s*", " as ", part), ".", " as ")


def _braced(text: str, separator: str, as_: str) -> Taken:
    """`a.b.{c, d as e}`, or one path without braces."""
    head, brace, inner = text.partition("{")
    for part in _top_level(inner.rpartition("}")[0]) if brace else [""]:
        path, _, alias = ((head + part) if brace else text).partition(as_)
        module, _, name = path.replace(" ", "").strip(separator).rpartition(separator)
        name = "*" if name in ("_", "given") else name
        yield (module, name, alias.strip("_ ")) if module else (name, "", alias.strip())


def _plain(source: Source, node: tree_sitter.Node) -> str:
    """The text of a statement in one row, without comments and the semicolon."""
    text = re.sub(r"//[^\n]*|/\*.*?\*/", " ", source.text(node, _MAX_STATEMENT_BYTES), flags=re.DOTALL)
    return " ".join(text.split()).rstrip("; ")


_READERS: dict[str, Callable[[Source, tree_sitter.Node], Taken]] = {
    "python": _python,
    "javascript": _ecmascript,
    "typescript": _ecmascript,
    "typescriptreact": _ecmascript,
    "go": _go,
    "rust": _rust,
    "java": _java,
    "c": _c,
    "cpp": _c,
    "csharp": _csharp,
    "ruby": _ruby,
    "php": _php,
    "kotlin": _jvm,
    "scala": _jvm,
}
