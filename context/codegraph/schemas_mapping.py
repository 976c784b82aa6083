"""YAML and JSON as one kind of value: owns the two grammars' node types; knows no schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cached_property

import tree_sitter

from context.codegraph.source import Source

_WRAPPERS = ("stream", "document", "block_node", "flow_node", "plain_scalar", "block_sequence_item")
_PAIRS = ("pair", "block_mapping_pair", "flow_pair")
_MAPPINGS = ("object", "block_mapping", "flow_mapping")
_SEQUENCES = ("array", "block_sequence", "flow_sequence")
_BESIDE = ("comment", "anchor", "tag", "ERROR")
_REFERENCE = re.compile(rb"""\$ref["']?\s*:\s*["']?[^"'\s,}]*/([\w.-]+)""")


class Value:
    """What stands at a place of a document; what is not there is a value without contents."""

    def __init__(self, source: Source, node: tree_sitter.Node | None) -> None:
        self._source = source
        self._node = _unwrapped(node)

    @property
    def exists(self) -> bool:
        """Whether anything stands there."""
        return self._node is not None

    @property
    def end_line(self) -> int:
        """The last row."""
        node = self._node
        if node is None:
            return 0
        text = self._source.bytes[node.start_byte : node.end_byte].rstrip()
        return self._source.row(node.start_byte + max(0, len(text) - 1))

    def items(self) -> Iterator[tuple[str, int, Value]]:
        """Key, its row, and value of each pair of a mapping."""
        for key, (line, value) in self._pairs.items():
            yield key, line, value

    def get(self, key: str) -> Value:
        """The value of a key."""
        found = self._pairs.get(key)
        return found[1] if found else Value(self._source, None)

    def elements(self) -> Iterator[Value]:
        """What a sequence holds."""
        if self._node is not None and self._node.type in _SEQUENCES:
            for child in self._node.named_children:
                if child.type not in _BESIDE:
                    yield Value(self._source, child)

    def text(self) -> str:
        """A scalar without its quotes, a block with its first line first; "" for all else."""
        node = self._node
        if node is None or node.type in (*_MAPPINGS, *_SEQUENCES):
            return ""
        text = self._source.text(node)
        if node.type == "block_scalar":
            return "\n".join(line.strip() for line in text.split("\n")[1:])
        return text.strip("\"'")

    def references(self) -> list[str]:
        """The names at the ends of all `$ref` inside, each once."""
        if self._node is None:
            return []
        found = _REFERENCE.findall(self._source.bytes, self._node.start_byte, self._node.end_byte)
        return list(dict.fromkeys(name.decode() for name in found))

    @cached_property
    def _pairs(self) -> dict[str, tuple[int, Value]]:
        pairs: dict[str, tuple[int, Value]] = {}
        if self._node is None or self._node.type not in _MAPPINGS:
            return pairs
        for child in self._node.named_children:
            key, value = child.child_by_field_name("key"), child.child_by_field_name("value")
            if child.type in _PAIRS and key is not None:
                name = self._source.text(key).strip("\"'")
                pairs.setdefault(name, (self._source.row(key.start_byte), Value(self._source, value)))
        return pairs


def document(source: Source, root: tree_sitter.Node) -> Value:
    """The first document of a file."""
    return Value(source, root)


def _unwrapped(node: tree_sitter.Node | None) -> tree_sitter.Node | None:
    """The mapping, sequence or scalar that stands in a node."""
    while node is not None and node.type in _WRAPPERS:
        inner = [child for child in node.named_children if child.type not in _BESIDE]
        if not inner:
            return None
        node = inner[0]
    return node
