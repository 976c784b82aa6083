"""What one file says of symbols: owns the shapes that extraction, store and retrieval share; reads no disk.

Lines are 0-based and count `\\n` alone. Tuples rather than classes, since an index of a large workspace moves
millions of them between processes.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

SymbolKind = Literal[
    "module",
    "class",
    "interface",
    "enum",
    "type",
    "function",
    "method",
    "field",
    "constant",
    "variable",
    "macro",
    "extension",
    "operation",
    "message",
    "service",
    "table",
]

EdgeKind = Literal["calls", "inherits", "references"]


class Symbol(NamedTuple):
    """A definition. `container` is the index of the symbol around it in the same file, or -1.

    `signature` is the definition as it stands in the file without its body: decorators, parameters, types,
    whole lines with their indentation, whatever number of lines it takes. `doc` is the first line of its
    documentation without the comment marks. `type` is the bare name of the declared type, or of what a call
    returns, "" where the syntax does not show it.

    An "extension" gives members to a type that is defined elsewhere, whose name it has: a Rust `impl`, a Go receiver, a
    C++ `Cart::` outside its class. Where the file itself defines the type before, the members have that as container
    instead, and there is none. Its signature is "" where no line of the file stands for it.

    A "module" is a namespace, or what the file says its package is. An "operation" of OpenAPI is there twice, as
    `GET /orders/{id}` and in that under its operationId; what it takes and answers is written out as its signature.
    """

    name: str
    kind: SymbolKind
    container: int
    line: int
    end_line: int
    signature: str
    doc: str = ""
    type: str = ""
    is_public: bool = True


class Import(NamedTuple):
    """One imported name. `module` is as written ("..models", "./cart", "crate::net", "orders.v1", "<stdio.h>").

    `name` is what is taken of the module: "" for the module itself, "*" for everything. `alias` is the local
    name it gets, "" where it keeps its own.
    """

    module: str
    name: str
    alias: str
    line: int


class Edge(NamedTuple):
    """A use of a name. `symbol` is the index of the innermost symbol around it, or -1; each name once per symbol.

    `receiver` is what stands before the name ("self.store", "std", "crate.net"), with a dot for whatever mark the
    language puts there, "" where nothing does, and "?" where it is no chain of names (`orders[0].total`).
    """

    kind: EdgeKind
    symbol: int
    name: str
    receiver: str
    line: int


class Chunk(NamedTuple):
    """A stretch of whole lines cut at syntax boundaries, for lexical search; `end_line` is not in it."""

    line: int
    end_line: int


class FileFacts(NamedTuple):
    """All of one file: `path` is POSIX style and relative to its root."""

    path: str
    language: str
    n_lines: int
    symbols: tuple[Symbol, ...] = ()
    imports: tuple[Import, ...] = ()
    edges: tuple[Edge, ...] = ()
    chunks: tuple[Chunk, ...] = ()
