"""A language server whose answers a test writes down: for what an editor must do with each kind of answer.

Its first argument is a JSON file, read anew for each request, that maps the text before the cursor to the result: a
list of items, null, or "never" (answered only by being cancelled); other text is answered with an empty list. Text
that ends in "<invoked>" is for the requests of a user who asks for more. Ranges in items count characters from the
cursor: `{"text": "a)", "before": 2, "after": 1}`. Its second argument is the file to which what arrives is written, one
JSON object a line.
"""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from lsprotocol import types
from pygls.lsp.server import LanguageServer

ANSWERS, LOG = Path(sys.argv[1]), Path(sys.argv[2])
STATUS = {"state": "ready", "message": "The endpoint answers.", "tier": "instant", "model": "scripted"}

server = LanguageServer("scripted", "1.2.3")


@server.feature(types.INITIALIZED)
def initialized(ls: LanguageServer, _: types.InitializedParams) -> None:
    ls.protocol.notify("instant/status", STATUS)


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
async def inline_completion(ls: LanguageServer, params: types.InlineCompletionParams) -> Any:
    position = params.position
    document = ls.workspace.get_text_document(params.text_document.uri)
    line = document.lines[position.line] if position.line < len(document.lines) else ""
    encoding = ls.workspace.position_encoding
    before = _decode(_encode(line, encoding)[: position.character * _unit(encoding)], encoding)
    _log(request=before)
    is_invoked = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
    answer = _answer(before + "<invoked>" if is_invoked else before)
    if answer == "never":
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            _log(cancelled=before)
            raise
    return answer and [_item(item, position, before, line, encoding) for item in answer]


@server.feature("instant/didMoveCursor")
def did_move_cursor(_: LanguageServer, params: Any) -> None:
    _log(moved=[params.position.line, params.position.character])


@server.command("instant.accepted")
def accepted(_: LanguageServer, *arguments: Any) -> None:
    _log(accepted=list(arguments))


@server.command("instant.showContext")
def show_context(_: LanguageServer, *arguments: Any) -> dict[str, str]:
    uri, position = arguments
    return {"markdown": f"# Sent\n\n{uri.rpartition('/')[2]} line {position['line']}"}


@server.command("instant.status")
def status(_: LanguageServer) -> dict[str, str]:
    return STATUS


def _answer(before: str) -> Any:
    return json.loads(ANSWERS.read_text(encoding="utf-8")).get(before, [])


def _item(
    item: dict[str, Any], position: types.Position, before: str, line: str, encoding: str
) -> types.InlineCompletionItem:
    def width(text: str) -> int:
        return len(_encode(text, encoding)) // _unit(encoding)

    left = before[len(before) - item.get("before", 0) :]
    right = line[len(before) :][: item.get("after", 0)]
    return types.InlineCompletionItem(
        insert_text=item["text"],
        range=types.Range(
            types.Position(position.line, position.character - width(left)),
            types.Position(position.line, position.character + width(right)),
        ),
        command=types.Command(title="accepted", command="instant.accepted", arguments=["id-1"]),
    )


def _unit(encoding: str) -> int:
    return {"utf-8": 1, "utf-16": 2, "utf-32": 4}[encoding]


def _encode(text: str, encoding: str) -> bytes:
    return text.encode({"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding])


def _decode(encoded: bytes, encoding: str) -> str:
    return encoded.decode({"utf-8": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}[encoding])


def _log(**entry: Any) -> None:
    with LOG.open("a", encoding="utf-8") as log:
        log.write(json.dumps(entry) + "\n")


if __name__ == "__main__":
    server.start_io()
