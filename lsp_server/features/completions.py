"""Completions on the wire: owns the answer to a request and what the editor tells of it later; makes none itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from context.document import Snapshot
from lsp_server.completion import Completion, Superseded
from lsp_server.documents import NotOpenError

if TYPE_CHECKING:
    from lsp_server.server import InstantServer

MOVED = "instant/didMoveCursor"
"""Notification of the editor with `textDocument` and `position`; one that does not send it is served all the same."""

REFRESH = "instant/refreshCompletion"
"""Notification to an editor that says `experimental.instantRefresh`, with a `textDocument`: the completion that was
shown in part is there as a whole, for who asks at the same place again."""

SHOWN = "textDocument/didShowCompletion"
PARTLY_ACCEPTED = "textDocument/didPartiallyAcceptCompletion"
"""Notifications that clients of Copilot's server send."""

ACCEPTED = "instant.accepted"
"""Command of an accepted item, with its key and length."""


ITEMS = types.CompletionOptions(trigger_characters=[".", "(", "[", ",", "="])
"""Neither blanks nor what ends a line: where a menu opens on them, the Enter meant for the file accepts the item."""

N_LABEL_CHARS = 60


async def inline_completion(
    ls: InstantServer, params: types.InlineCompletionParams
) -> types.InlineCompletionList | None:
    """A newer request takes the place of this one (null); nothing to show is an empty list."""
    snapshot, offset = ls.documents.at(params)
    is_invoked = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
    made = await _made(ls, snapshot, offset, is_invoked=is_invoked)
    return None if made is None else types.InlineCompletionList([_item(ls, snapshot, *pair) for pair in made])


async def as_items(ls: InstantServer, params: types.CompletionParams) -> types.CompletionList:
    """The same for the menu of an editor without inline completion; it has to ask again at each key.

    Editors say "invoked" of a typed letter, too: who asks is told by where it is asked.
    """
    snapshot, offset = ls.documents.at(params)
    kind = params.context.trigger_kind if params.context else types.CompletionTriggerKind.Invoked
    is_typed = _is_in_word(snapshot.text[offset - 1 : offset])
    is_invoked = kind is types.CompletionTriggerKind.Invoked and not is_typed
    made = await _made(ls, snapshot, offset, is_invoked=is_invoked)
    items = [_menu_item(ls, snapshot, offset, *pair) for pair in (made or [])[:1]]
    return types.CompletionList(is_incomplete=True, items=items)


def are_items(client: types.ClientCapabilities, option: str) -> bool:
    """Whether completions are items of the completion menu for this client."""
    has_inline = client.text_document is not None and client.text_document.inline_completion is not None
    return option == "on" or (option == "auto" and not has_inline)


async def _made(
    ls: InstantServer, snapshot: Snapshot, offset: int, *, is_invoked: bool
) -> list[tuple[Completion, str]] | None:
    """The completions with their keys; None where they are overtaken by a newer request or another text."""
    if not _completes(ls, snapshot):
        return []
    session = await ls.ready_session()
    try:
        with ls.measuring.completing(snapshot.language, session.endpoint.status) as (answer, served):
            ls.at_cursor(snapshot, offset)
            completions = await session.completer.complete(snapshot, offset, is_invoked=is_invoked, served=served)
            if not _is_current(ls, snapshot):
                raise Superseded
            answer.outcome = "shown" if completions else "nothing"
    except Superseded:
        return None
    keys = ls.outcomes.show(snapshot.uri, snapshot.text, completions)
    ls.measuring.follow(keys, served, answer)
    return list(zip(completions, keys, strict=True))


def _item(ls: InstantServer, snapshot: Snapshot, completion: Completion, key: str) -> types.InlineCompletionItem:
    """`filterText` is what the text in the range has to agree with while the developer types on."""
    return types.InlineCompletionItem(
        insert_text=completion.text,
        filter_text=completion.text,
        range=ls.documents.range_of(snapshot, completion.start, completion.end),
        command=_accepted_command(completion, key),
    )


def _menu_item(
    ls: InstantServer, snapshot: Snapshot, offset: int, completion: Completion, key: str
) -> types.CompletionItem:
    """It begins with the word before the cursor, by which menus filter, and sorts behind what other servers offer.

    Its lines end as the file's do: not every editor sees to that itself.
    """
    start = min(completion.start, _word_start(snapshot.text, offset))
    text = snapshot.text[start : completion.start] + completion.text
    if "\r\n" in snapshot.text:
        text = text.replace("\r\n", "\n").replace("\n", "\r\n")
    n_lines = len(text.splitlines())
    return types.CompletionItem(
        label=_label(text),
        kind=types.CompletionItemKind.Text,
        detail="instant-lsp" if n_lines < 2 else f"instant-lsp, {n_lines} lines",
        documentation=text,
        filter_text=text,
        sort_text="~",
        preselect=False,
        insert_text_format=types.InsertTextFormat.PlainText,
        insert_text_mode=types.InsertTextMode.AsIs,
        text_edit=types.TextEdit(ls.documents.range_of(snapshot, start, completion.end), text),
        command=_accepted_command(completion, key),
    )


def _label(text: str) -> str:
    """All of it in one line, as far as a menu has room."""
    line = "↵".join(stripped for line in text.splitlines() if (stripped := line.strip()))
    return line if len(line) <= N_LABEL_CHARS else f"{line[:N_LABEL_CHARS]}…"


def _word_start(text: str, offset: int) -> int:
    while offset and _is_in_word(text[offset - 1]):
        offset -= 1
    return offset


def _is_in_word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _accepted_command(completion: Completion, key: str) -> types.Command:
    return types.Command("Completion accepted", ACCEPTED, arguments=[key, len(completion.text)])


async def did_move_cursor(ls: InstantServer, params: Any) -> None:
    """The cursor has come to rest at another place, without typing."""
    try:
        snapshot, offset = ls.documents.at(_place(params))
    except NotOpenError:
        return  # it was closed while the editor waited for the cursor to rest
    if _completes(ls, snapshot):
        ls.at_cursor(snapshot, offset)
        session = await ls.ready_session()
        session.completer.moved(snapshot, offset)


def refresh(ls: InstantServer, uri: str) -> None:
    """Has an editor that can do so ask once more for what it shows of a document."""
    if ls.can("instantRefresh"):
        ls.protocol.notify(REFRESH, {"textDocument": {"uri": uri}})


def did_show_completion(ls: InstantServer, params: Any) -> None:
    """The editor has drawn a completion."""
    if _key(params) is not None:
        ls.counts.displayed += 1


def did_partially_accept_completion(ls: InstantServer, params: Any) -> None:
    """The first `acceptedLength` characters were taken."""
    key, n_chars = _key(params), getattr(params, "acceptedLength", None)
    if key is not None and isinstance(n_chars, int):
        ls.outcomes.accept(key, n_chars, is_whole=False)


async def accepted(ls: InstantServer, key: Any = None, n_chars: Any = None, *_: Any) -> None:
    """The follow-up of an accepted completion, which carries all that is needed."""
    if isinstance(key, str) and isinstance(n_chars, int):
        ls.outcomes.accept(key, n_chars, is_whole=True)


def _key(params: Any) -> str | None:
    """The key of the completion that a client's own notification is about; None where it has not kept it."""
    command = getattr(getattr(params, "item", None), "command", None)
    arguments = getattr(command, "arguments", None)
    return str(arguments[0]) if isinstance(arguments, list) and arguments else None


def _place(params: Any) -> types.TextDocumentPositionParams:
    """The place in a notification of our own, whose parameters no schema has checked."""
    try:
        return types.TextDocumentPositionParams(
            types.TextDocumentIdentifier(str(params.textDocument.uri)),
            types.Position(int(params.position.line), int(params.position.character)),
        )
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise JsonRpcInvalidParams("the place is not as it should be") from None


def _completes(ls: InstantServer, snapshot: Snapshot) -> bool:
    options = ls.settings.completion
    is_on = options.enabled and snapshot.language not in options.disabled_languages
    return is_on and not ls.is_refused(snapshot, "completion")


def _is_current(ls: InstantServer, snapshot: Snapshot) -> bool:
    """Whether the document is still open and as it was."""
    try:
        return ls.documents.snapshot(snapshot.uri) is snapshot
    except NotOpenError:
        return False
