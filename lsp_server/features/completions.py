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

SHOWN = "textDocument/didShowCompletion"
PARTLY_ACCEPTED = "textDocument/didPartiallyAcceptCompletion"
"""Notifications that clients of Copilot's server send."""

ACCEPTED = "instant.accepted"
"""Command of an accepted item, with its key and length."""


async def inline_completion(
    ls: InstantServer, params: types.InlineCompletionParams
) -> types.InlineCompletionList | None:
    """A newer request takes the place of this one (null); nothing to show is an empty list."""
    snapshot, offset = ls.documents.at(params)
    if not _completes(ls, snapshot):
        return types.InlineCompletionList(items=[])
    is_invoked = params.context.trigger_kind is types.InlineCompletionTriggerKind.Invoked
    session = await ls.ready_session()
    try:
        with ls.measuring.completing(snapshot.language, session.endpoint.status) as (answer, served):
            ls.at_cursor(snapshot, offset)
            completions = await session.completer.complete(snapshot, offset, is_invoked=is_invoked, served=served)
            answer.outcome = "shown" if completions else "nothing"
    except Superseded:
        return None
    if not _is_current(ls, snapshot):
        return None
    keys = ls.outcomes.show(snapshot.uri, snapshot.text, completions)
    ls.measuring.follow(keys, served.answers, answer)
    return types.InlineCompletionList([_item(ls, snapshot, *pair) for pair in zip(completions, keys, strict=True)])


def _item(ls: InstantServer, snapshot: Snapshot, completion: Completion, key: str) -> types.InlineCompletionItem:
    """`filterText` is what the text in the range has to agree with while the developer types on."""
    return types.InlineCompletionItem(
        insert_text=completion.text,
        filter_text=completion.text,
        range=ls.documents.range_of(snapshot, completion.start, completion.end),
        command=types.Command("Completion accepted", ACCEPTED, arguments=[key, len(completion.text)]),
    )


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
