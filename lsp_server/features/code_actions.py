"""Code actions on the wire: owns how fixes are listed, resolved and applied in the protocol's terms; asks no model.

Listing looks at the document and the diagnostics alone. An action carries all that resolving needs; one that cannot
be resolved is an error with a sentence for the user, who has asked for it.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcException, JsonRpcInvalidParams

from context import Edit, Snapshot
from context.outline import Scope
from context.secrets import is_refused
from lsp_server.assist.reports import MAX_REPORTS, FixRefusedError, Related, Report
from lsp_server.assist.stretch import function_around
from lsp_server.documents import NotOpenError
from lsp_server.endpoint.status import EndpointError
from lsp_server.features import explanations, progress
from lsp_server.features.explanations import NOT_OFFERED, REFUSED, outline_near

if TYPE_CHECKING:
    from lsp_server.assist.fix import Fix
    from lsp_server.server import InstantServer

FIX = "instant.fix"
"""The command of clients that cannot resolve an action; its argument is what an action carries."""

APPLIED = "instant.applied"
"""Command that an editor runs after it has put a fix in, with the fix's request and length."""

DIAGNOSTICS = "instant/diagnostics"
"""Request to an editor that says `experimental.instantDiagnostics`: all tools' diagnostics in a range of a document.

An editor passes on with a code action only what it thinks is ours (Neovim), or what is at the cursor (VS Code).
"""

_DIAGNOSTICS_DEADLINE_S = 2.0
_MAX_ACTIONS = 8
_MAX_TITLE_CHARS = 70
_ANNOTATION_WITHIN, _ANNOTATION_OUTSIDE = "instant.fix", "instant.fix.imports"


class RequestFailedError(JsonRpcException):
    """What the user asked for cannot be done; the message says why."""

    CODE = types.LSPErrorCodes.RequestFailed.value
    MESSAGE = "Request failed"


class ContentModifiedError(JsonRpcException):
    """The document is another one than that the request was made for."""

    CODE = types.LSPErrorCodes.ContentModified.value
    MESSAGE = "Content modified"


async def code_action(ls: InstantServer, params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
    """A fix for each diagnostic at the range, and one for all in the function; no model is asked."""
    snapshot = ls.documents.snapshot(params.text_document.uri)
    start, end = ls.documents.offsets_of(snapshot, params.range)
    only = params.context.only
    if "fix" not in ls.features or (only and not any(_is_within(types.CodeActionKind.QuickFix, kind) for kind in only)):
        return []
    function = _function(ls, snapshot, start, end)
    here, all_there = await _diagnostics(ls, snapshot, params, function)
    offered = [(one.message, [one]) for one in here[:_MAX_ACTIONS]]
    actions = [_action(ls, snapshot, f"Fix with {_tier(ls)} model: {_short(title)}", them) for title, them in offered]
    if function is not None and len(all_there) > 1:
        title = f"Fix all {len(all_there)} problems in {_short(function.name)} with {_tier(ls)} model"
        actions.append(_action(ls, snapshot, title, all_there[:MAX_REPORTS]))
    return [shown for action in actions if (shown := _shown(ls, snapshot, action)) is not None]


async def resolve_code_action(ls: InstantServer, action: types.CodeAction) -> types.CodeAction:
    """The action with its edit, made by the model; raises RequestFailedError with the reason where there is none."""
    snapshot, fix = await _fix(ls, action.data)
    action.edit = _workspace_edit(ls, snapshot, fix)
    if _resolves(ls, "command"):
        follow_up(ls, action, partial(_taken, ls, fix))
    return action


def follow_up(ls: InstantServer, action: types.CodeAction, then: Callable[[], Awaitable[None]]) -> None:
    """Has `then` run once the editor has put in what was resolved, the last of which it is.

    The command carries nothing: VS Code has forgotten its arguments where the edit has led to a new list of actions.
    """
    ls.then = then
    action.command = types.Command("Applied", APPLIED)


async def fix(ls: InstantServer, *arguments: Any) -> None:
    """Makes the fix and has the client apply it, for one that cannot resolve actions."""
    snapshot, made = await _fix(ls, arguments[0] if arguments else None)
    edit = _workspace_edit(ls, snapshot, made)
    answer = await ls.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(edit, label=_label(made)))
    if not answer.applied:
        raise RequestFailedError("The editor did not apply the fix: the document has changed in the meantime.")
    ls.judged(made.request_id, _n_chars(made), is_whole=True)


async def applied(ls: InstantServer, *_: Any) -> None:
    """What was resolved last is put in."""
    then, ls.then = ls.then, None
    if then is not None:
        await then()


async def _taken(ls: InstantServer, made: Fix) -> None:
    ls.judged(made.request_id, _n_chars(made), is_whole=True)


# Listing.


async def _diagnostics(
    ls: InstantServer, snapshot: Snapshot, params: types.CodeActionParams, function: Scope | None
) -> tuple[list[types.Diagnostic], list[types.Diagnostic]]:
    """Those at the range, and those in the function around it, each once and in document order."""
    given = list(params.context.diagnostics)
    whole = ls.documents.range_of(snapshot, function.start, function.end) if function is not None else params.range
    if ls.can("instantDiagnostics"):
        given += await _all_tools(ls, snapshot, whole)
    distinct = list({_key(one): one for one in given if one.message.strip()}.values())
    distinct.sort(key=lambda one: (one.range.start.line, one.range.start.character))
    here = [one for one in distinct if one in params.context.diagnostics or _share_lines(one.range, params.range)]
    return here, [one for one in distinct if _share_lines(one.range, whole)]


async def _all_tools(ls: InstantServer, snapshot: Snapshot, whole: types.Range) -> list[types.Diagnostic]:
    """What the editor shows there, whichever tool has said it; nothing where it does not answer at once."""
    asked = {"textDocument": {"uri": snapshot.uri}, "range": _plain(ls, whole)}
    try:
        answer = await asyncio.wait_for(ls.protocol.send_request_async(DIAGNOSTICS, asked), _DIAGNOSTICS_DEADLINE_S)
        return [_structured(ls, one) for one in answer or ()]
    except (JsonRpcException, TimeoutError):
        return []


def _function(ls: InstantServer, snapshot: Snapshot, start: int, end: int) -> Scope | None:
    return function_around(outline_near(ls, snapshot, start), start, end)


def _action(
    ls: InstantServer, snapshot: Snapshot, title: str, diagnostics: Sequence[types.Diagnostic]
) -> types.CodeAction:
    carried = {
        "uri": snapshot.uri,
        "version": snapshot.version,
        "diagnostics": [_plain(ls, one) for one in diagnostics],
    }
    return types.CodeAction(title, types.CodeActionKind.QuickFix, diagnostics=list(diagnostics), data=carried)


def _shown(ls: InstantServer, snapshot: Snapshot, action: types.CodeAction) -> types.CodeAction | types.Command | None:
    """The action as the client can take it: to be resolved, with a command, a bare command, or disabled."""
    able = ls.client_capabilities.text_document and ls.client_capabilities.text_document.code_action
    literals = able.code_action_literal_support if able else None
    if reason := _reason_against(ls, snapshot):
        if not able or not able.disabled_support or literals is None:
            return None
        action.disabled, action.data = types.CodeActionDisabled(reason), None
        return action
    command = types.Command(action.title, FIX, arguments=[action.data])
    if literals is None:
        return command
    if not _resolves(ls, "edit") or not (able and able.data_support):
        action.command, action.data = command, None
    return action


def _reason_against(ls: InstantServer, snapshot: Snapshot) -> str:
    """Why nothing can be fixed in this document; "" where it can."""
    if ls.is_refused(snapshot, "fix"):
        return REFUSED if "fix" in ls.features else NOT_OFFERED
    if _is_read_only(snapshot.uri):
        return "The file is read-only."
    return ""


def _resolves(ls: InstantServer, name: str) -> bool:
    """Whether the client takes this property of an action when the action is chosen."""
    able = ls.client_capabilities.text_document and ls.client_capabilities.text_document.code_action
    return bool(able and able.resolve_support and name in able.resolve_support.properties)


def _n_chars(made: Fix) -> int:
    return sum(len(edit.text) for edit in made.change.edits)


def _is_read_only(uri: str) -> bool:
    """Whether nobody may write the file; one that was never saved can be changed."""
    path = uris.to_fs_path(uri) if urlsplit(uri).scheme == "file" else None
    if path is None:
        return False
    try:
        return not os.stat(path).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH)
    except (OSError, ValueError):
        return False


# Resolving.


async def _fix(ls: InstantServer, carried: Any) -> tuple[Snapshot, Fix]:
    """The document as it was offered a fix, and the fix; the document is still the same."""
    uri, version, diagnostics = _read(ls, carried)
    snapshot = _unchanged(ls, uri, version)
    if reason := _reason_against(ls, snapshot):
        raise RequestFailedError(reason)
    reports = [_report(ls, snapshot, one) for one in diagnostics]
    session = await ls.ready_session()
    try:
        async with progress.shown(ls, "Fixing") as say:
            say(f"waiting for the {session.tiers.wanted} model")
            with ls.measuring.answering("fix", snapshot.language) as answer:
                made = await session.fixer.fix(snapshot, reports, used=partial(explanations.used, ls))
                answer.tier, answer.model = made.tier, made.model
                answer.shown_chars = _n_chars(made)
    except (FixRefusedError, EndpointError) as error:
        raise RequestFailedError(str(error)) from None
    _unchanged(ls, uri, version)
    ls.measuring.applied(answer)
    _tell(ls, made)
    return snapshot, made


def _tell(ls: InstantServer, made: Fix) -> None:
    """Says who made it; where no annotation of the edit says so, or not all is as was asked, the user is shown it."""
    told = " ".join(filter(None, (f"{_label(made)}.", made.notice)))
    able = ls.client_capabilities.workspace and ls.client_capabilities.workspace.workspace_edit
    if made.notice or not able or not able.change_annotation_support:
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, told))
    else:
        ls.tell(types.MessageType.Info, told)


def _read(ls: InstantServer, carried: Any) -> tuple[str, int, list[types.Diagnostic]]:
    """What an action carries, which the client has had in its hands."""
    carried = _plain(ls, carried)
    try:
        diagnostics = [_structured(ls, one) for one in carried["diagnostics"]]
        return str(carried["uri"]), int(carried["version"]), diagnostics
    except (KeyError, TypeError, ValueError) as error:
        raise JsonRpcInvalidParams("this is no action of this server") from error


def _unchanged(ls: InstantServer, uri: str, version: int) -> Snapshot:
    try:
        snapshot = ls.documents.snapshot(uri)
    except NotOpenError:
        raise ContentModifiedError("The document was closed.") from None
    if snapshot.version != version:
        raise ContentModifiedError("The document has changed since the fix was offered.")
    return snapshot


def _report(ls: InstantServer, snapshot: Snapshot, diagnostic: types.Diagnostic) -> Report:
    start, end = ls.documents.offsets_of(snapshot, diagnostic.range)
    related = tuple(_related(ls, one) for one in (diagnostic.related_information or ())[:MAX_REPORTS])
    code = "" if diagnostic.code is None else str(diagnostic.code)
    return Report(start, end, diagnostic.message, diagnostic.source or "", code, related)


def _related(ls: InstantServer, one: types.DiagnosticRelatedInformation) -> Related:
    """A place that explains; its line is shown where the document is open and may be sent."""
    uri, line = one.location.uri, one.location.range.start.line + 1
    name = unquote(urlsplit(uri).path).rsplit("/", 1)[-1]
    try:
        there = ls.documents.snapshot(uri)
    except NotOpenError:
        return Related(name, line, one.message)
    if is_refused(there.path, unquote(urlsplit(uri).path), ls.settings.secrets.refused):
        return Related(name, line, one.message)
    start, _ = ls.documents.offsets_of(there, one.location.range)
    return Related(there.path, line, one.message, there.text[there.line_start(start) : there.line_end(start)])


def _workspace_edit(ls: InstantServer, snapshot: Snapshot, made: Fix) -> types.WorkspaceEdit:
    """Versioned, so that a buffer that has changed refuses it, where the client can; imports ask to be confirmed."""
    able = ls.client_capabilities.workspace and ls.client_capabilities.workspace.workspace_edit
    if not able or not able.document_changes:
        return types.WorkspaceEdit(changes={snapshot.uri: [_text_edit(ls, snapshot, one) for one in made.change.edits]})
    document = types.OptionalVersionedTextDocumentIdentifier(snapshot.uri, snapshot.version)
    if not able.change_annotation_support:
        edits = [_text_edit(ls, snapshot, one) for one in made.change.edits]
        return types.WorkspaceEdit(document_changes=[types.TextDocumentEdit(document, edits)])
    annotated = [_annotated(ls, snapshot, one, made) for one in made.change.edits]
    return types.WorkspaceEdit(
        document_changes=[types.TextDocumentEdit(document, annotated)],
        change_annotations=dict(_annotations(made)),
    )


def _annotations(made: Fix) -> Iterator[tuple[str, types.ChangeAnnotation]]:
    if made.change.within:
        yield _ANNOTATION_WITHIN, types.ChangeAnnotation(_label(made), needs_confirmation=False)
    if made.change.outside:
        label = f"{_label(made)}: imports, outside of the code that was reported"
        yield _ANNOTATION_OUTSIDE, types.ChangeAnnotation(label, needs_confirmation=True)


def _annotated(ls: InstantServer, snapshot: Snapshot, edit: Edit, made: Fix) -> types.AnnotatedTextEdit:
    annotation = _ANNOTATION_OUTSIDE if edit in made.change.outside else _ANNOTATION_WITHIN
    return types.AnnotatedTextEdit(annotation, ls.documents.range_of(snapshot, edit.start, edit.end), edit.text)


def _text_edit(ls: InstantServer, snapshot: Snapshot, edit: Edit) -> types.TextEdit:
    return types.TextEdit(ls.documents.range_of(snapshot, edit.start, edit.end), edit.text)


# Small things.


def _label(made: Fix) -> str:
    return f"Fix by {made.model or 'the model'} ({made.tier} tier)"


def _tier(ls: InstantServer) -> str:
    """The tier that will answer, as far as it is known before it is asked."""
    return ls.session.tiers.wanted if ls.session is not None else "instant"


def _short(text: str) -> str:
    """One line of a message for a title."""
    line = " ".join(text.split())
    return line if len(line) <= _MAX_TITLE_CHARS else f"{line[: _MAX_TITLE_CHARS - 1]}…"


def _is_within(kind: str, wanted: str) -> bool:
    return not wanted or kind == wanted or kind.startswith(f"{wanted}.")


def _share_lines(one: types.Range, other: types.Range) -> bool:
    """Whether two ranges have a line in common: with the cursor anywhere in a line, its marks are meant."""
    return one.start.line <= other.end.line and other.start.line <= one.end.line


def _pair(place: Any) -> tuple[int, int]:
    return place.line, place.character


def _key(one: types.Diagnostic) -> tuple[Any, ...]:
    return (*_pair(one.range.start), *_pair(one.range.end), one.source, str(one.code), one.message)


def _plain(ls: InstantServer, value: Any) -> Any:
    """A value of the protocol as JSON has it."""
    return ls.protocol._converter.unstructure(value)


def _structured(ls: InstantServer, value: Any) -> types.Diagnostic:
    """A diagnostic that a client sent in a message of ours; raises ValueError for what is none."""
    try:
        return ls.protocol._converter.structure(_plain(ls, value), types.Diagnostic)
    except Exception as error:  # noqa: BLE001  cattrs wraps whatever a malformed value raises
        raise ValueError(type(error).__name__) from None
