"""How one would write it first: stock pygls documents, the whole file reparsed per change, the openai client.

It is no straw man: the tree is edited before it is reparsed, so tree-sitter reuses what it can, and the
answer is not streamed, which spares the client the work per piece.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

import tree_sitter
import tree_sitter_python
import tree_sitter_typescript
from lsprotocol import types
from openai import AsyncOpenAI
from pygls.lsp.server import LanguageServer

PREFIX_CHARS, SUFFIX_CHARS = 5_000, 1_500
GRAMMARS = {
    "python": tree_sitter.Language(tree_sitter_python.language()),
    "typescript": tree_sitter.Language(tree_sitter_typescript.language_typescript()),
}

server = LanguageServer("naive", "0")
client = AsyncOpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
trees: dict[str, tree_sitter.Tree] = {}
lines: dict[str, Sequence[str]] = {}


@server.feature(types.TEXT_DOCUMENT_DID_OPEN)
def did_open(params: types.DidOpenTextDocumentParams) -> None:
    parse(params.text_document.uri)


@server.feature(types.TEXT_DOCUMENT_DID_CHANGE)
def did_change(params: types.DidChangeTextDocumentParams) -> None:
    uri = params.text_document.uri
    for change in params.content_changes:
        if isinstance(change, types.TextDocumentContentChangePartial):
            mark_edited(uri, change)
    parse(uri)


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
async def inline_completion(params: types.InlineCompletionParams) -> types.InlineCompletionList:
    uri = params.text_document.uri
    document = server.workspace.get_text_document(uri)
    place = byte_offset(document.lines, params.position)
    node = trees[uri].root_node.descendant_for_byte_range(max(0, place - 1), place)
    if node is not None and node.type == "comment":
        return types.InlineCompletionList(items=[])
    offset = document.offset_at_position(params.position)
    prefix, suffix = document.source[:offset][-PREFIX_CHARS:], document.source[offset:][:SUFFIX_CHARS]
    answer = await client.completions.create(
        model="instant",
        prompt=f"<|fim_prefix|>{prefix}<|fim_suffix|>{suffix}<|fim_middle|>",
        max_tokens=64,
        temperature=0,
        stop=["\n"],
    )
    return types.InlineCompletionList(items=[types.InlineCompletionItem(insert_text=answer.choices[0].text)])


def parse(uri: str) -> None:
    document = server.workspace.get_text_document(uri)
    parser = tree_sitter.Parser(GRAMMARS[document.language_id or "python"])
    before = trees.get(uri)
    source = document.source.encode()
    trees[uri] = parser.parse(source, before) if before is not None else parser.parse(source)
    lines[uri] = document.lines


def mark_edited(uri: str, change: types.TextDocumentContentChangePartial) -> None:
    start, end = change.range.start, change.range.end
    start_byte, old_end_byte = byte_offset(lines[uri], start), byte_offset(lines[uri], end)
    added = change.text.encode()
    *_, last = added.split(b"\n")
    n_rows = added.count(b"\n")
    start_column = len(lines[uri][start.line][: start.character].encode())
    trees[uri].edit(
        start_byte,
        old_end_byte,
        start_byte + len(added),
        (start.line, start_column),
        (end.line, len(lines[uri][end.line][: end.character].encode())),
        (start.line + n_rows, len(last) + (0 if n_rows else start_column)),
    )


def byte_offset(text: Sequence[str], position: types.Position) -> int:
    before = sum(len(line.encode()) for line in text[: position.line])
    return before + len(text[position.line][: position.character].encode())


if __name__ == "__main__":
    server.start_io()
