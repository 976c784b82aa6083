"""Generated tests on the wire: owns how they are offered, made and applied in the protocol's terms; asks no model.

`instant.generateTests` takes one object: `uri`, `range`, and where wanted `what` ("function", "class" or "file", else
what the range is in), `version`, `tier` ("thinking" for this once) and `workDoneToken`. It has the client apply the
edit, and gives the new file's `uri` and `text`, a sentence for the user. A code action carries the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from lsprotocol import types
from pygls import uris
from pygls.exceptions import JsonRpcInvalidParams

from context import Snapshot
from context.languages import find
from context.outline import Outline, Scope
from context.soundness import outline_of
from lsp_server.assist import frameworks, prompts
from lsp_server.assist.placement import NoTestsError
from lsp_server.documents import NotOpenError
from lsp_server.endpoint.status import EndpointError
from lsp_server.features import explanations, progress
from lsp_server.features.code_actions import ContentModifiedError, RequestFailedError, follow_up
from lsp_server.features.explanations import NOT_OFFERED, REFUSED, outline_near
from lsp_server.features.folders import folder_of

if TYPE_CHECKING:
    from lsp_server.assist.generate import Generated, Wish
    from lsp_server.assist.tier import Tier
    from lsp_server.server import InstantServer

GENERATE = "instant.generateTests"
KIND = "instant.tests"
"""The kind of code actions that generate tests: they change another file than the one they are asked for in."""

_MODIFIED = "The document has changed since the tests were asked for."
_CANNOT_CREATE = "This editor creates no files, and there is no file of tests for this code yet."
_UNTRUSTED = "They were not run: the workspace is not trusted."
What = Literal["function", "class", "file"]


def actions(ls: InstantServer, params: types.CodeActionParams) -> Iterator[types.CodeAction | types.Command]:
    """Tests for the function, the class and the file at the range, for who asks for actions; no model is asked."""
    snapshot = ls.documents.snapshot(params.text_document.uri)
    only = params.context.only
    is_asked = params.context.trigger_kind is not types.CodeActionTriggerKind.Automatic
    if not is_asked or (only and not any(kind == KIND or KIND.startswith(f"{kind}.") for kind in only)):
        return
    if _reason_against(ls, snapshot):
        return
    _, start, _ = ls.documents.stretch(snapshot.uri, params.range)
    outline = outline_near(ls, snapshot, start)
    for what, scope in _around(outline, start):
        yield _action(ls, snapshot, params.range, what, f"{prompts.inline(scope.name, 60)}")
    yield _action(ls, snapshot, params.range, "file", "this file")


def is_ours(action: types.CodeAction) -> bool:
    """Whether an action is to be resolved here."""
    return action.kind == KIND


async def resolve(ls: InstantServer, action: types.CodeAction) -> types.CodeAction:
    """The action with its edit; raises RequestFailedError with the reason where there is none."""
    asked = _asked(ls, action.data)
    made = await _made(ls, asked)
    action.edit = made.edit
    if made.is_special or not _annotates(ls):
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, made.text))
    else:
        ls.tell(types.MessageType.Info, made.text)
    able = ls.client_capabilities.text_document and ls.client_capabilities.text_document.code_action
    if able and able.resolve_support and "command" in able.resolve_support.properties:
        follow_up(ls, action, partial(_show, ls, made))
    return action


async def generate(ls: InstantServer, *arguments: Any) -> dict[str, str]:
    """Makes tests and has the client apply and show them."""
    made = await _made(ls, _asked(ls, arguments[0] if len(arguments) == 1 else None))
    answer = await ls.workspace_apply_edit_async(types.ApplyWorkspaceEditParams(made.edit, label=made.text))
    if not answer.applied:
        raise RequestFailedError("The editor did not apply the tests: the file of tests has changed in the meantime.")
    ls.tell(types.MessageType.Info, made.text)
    await _show(ls, made)
    return {"uri": made.uri, "text": made.text}


# What is asked for.


@dataclass(frozen=True, slots=True)
class _Asked:
    """What an action carries, as far as it is right."""

    uri: str
    range: types.Range
    what: What | None = None
    version: int | None = None
    tier: Tier | None = None
    token: progress.Token | None = None


def _asked(ls: InstantServer, carried: Any) -> _Asked:
    """Reads it; raises JsonRpcInvalidParams."""
    converter = ls.protocol._converter
    given = converter.unstructure(carried)
    try:
        what, tier, token = given.get("what"), given.get("tier"), given.get("workDoneToken")
        return _Asked(
            str(given["uri"]),
            converter.structure(given["range"], types.Range),
            what if what in ("function", "class", "file") else None,
            int(given["version"]) if given.get("version") is not None else None,
            tier if tier in ("instant", "thinking") else None,
            token if isinstance(token, str | int) else None,
        )
    except Exception:  # noqa: BLE001  whatever cattrs makes of wrong parameters
        raise JsonRpcInvalidParams("the argument of instant.generateTests is not as it should be") from None


def _action(
    ls: InstantServer, snapshot: Snapshot, range_: types.Range, what: What, name: str
) -> types.CodeAction | types.Command:
    """The action as the client can take it: to be resolved, with a command, or a bare command."""
    tier = ls.session.tiers.wanted if ls.session is not None else "instant"
    title = f"Generate tests for {name} with {tier} model"
    range_ = ls.protocol._converter.unstructure(range_)
    carried = {"uri": snapshot.uri, "version": snapshot.version, "range": range_, "what": what}
    command = types.Command(title, GENERATE, arguments=[carried])
    able = ls.client_capabilities.text_document and ls.client_capabilities.text_document.code_action
    if not able or able.code_action_literal_support is None:
        return command
    resolving = able.resolve_support
    if resolving is None or "edit" not in resolving.properties or not able.data_support:
        return types.CodeAction(title, KIND, command=command)
    return types.CodeAction(title, KIND, data=carried)


def _reason_against(ls: InstantServer, snapshot: Snapshot) -> str:
    """Why there can be no tests for a document; "" where there can."""
    scheme = urlsplit(snapshot.uri).scheme
    if ls.is_refused(snapshot, "tests"):
        return REFUSED if "tests" in ls.features else NOT_OFFERED
    if "notebook" in scheme:
        return "What is in a notebook's cell cannot be imported by a test."
    if scheme != "file" or not snapshot.path:
        return "The file has to be saved first: tests are put beside it and import it."
    language = find(snapshot.language)
    if language is None or not frameworks.of(language):
        return "No test framework is known for this language."
    if frameworks.is_test_file(language, snapshot.path.rsplit("/", 1)[-1]):
        return "This is a file of tests itself."
    return ""


def _around(outline: Outline | None, offset: int) -> Iterator[tuple[What, Scope]]:
    """The function and the class at a place that a test can reach: those that stand in no other function."""
    scopes = [scope for scope in (outline.enclosing(offset) if outline else ()) if scope.name]
    function = next((n for n, scope in enumerate(scopes) if scope.kind == "function"), len(scopes))
    if function < len(scopes):
        yield "function", scopes[function]
    classes = [scope for scope in scopes[:function] if scope.kind == "class"]
    if classes:
        yield "class", classes[-1]


def _wish(ls: InstantServer, snapshot: Snapshot, asked: _Asked) -> Wish:
    """The code that tests are asked for; raises NoTestsError."""
    from lsp_server.assist.generate import Wish  # noqa: PLC0415  brings the model client

    folder = folder_of(snapshot.uri, snapshot.path)
    if not folder:
        raise NoTestsError("The file lies in no folder in which tests could be put.")
    start, end = ls.documents.offsets_of(snapshot, asked.range)
    outline = ls.syntax.outline(snapshot.uri) or outline_of(snapshot.text, snapshot.language)
    buffers = {path: one.text for path, one in _open(ls, folder).items()}
    around = [one for one in _around(outline, start) if asked.what in (one[0], None) and end <= one[1].end]
    if around:
        what, scope = around[0]
        holding = [one.name for one in (outline.enclosing(scope.start) if outline else ()) if one.kind == "class"]
        title, names = _named(what, scope, [name for name in holding if name and name != scope.name])
        return Wish(snapshot, folder, scope.start, scope.end, title, names, buffers)
    if asked.what in ("function", "class"):
        raise NoTestsError("There is no function or class here.")
    names = tuple(dict.fromkeys(one.name for one in outline.scopes if one.name)) if outline else ()
    if not names:
        raise NoTestsError("There is no function or class in this file.")
    return Wish(snapshot, folder, 0, len(snapshot.text), "what this file defines", names, buffers)


def _named(what: What, scope: Scope, classes: list[str]) -> tuple[str, tuple[str, ...]]:
    """A phrase for the code, and the names of which tests have to use one."""
    shown = prompts.inline(scope.name, 80)
    if what == "class":
        return f"the class `{shown}`", (scope.name,)
    if not classes:
        return f"the function `{shown}`", (scope.name,)
    is_constructor = scope.name in ("__init__", "constructor", "new") or scope.name in classes
    names = (classes[-1],) if is_constructor or scope.name.startswith("__") else (scope.name,)
    return f"the method `{shown}` of `{prompts.inline(classes[-1], 80)}`", names


def _open(ls: InstantServer, folder: str) -> dict[str, Snapshot]:
    """The open files of a folder, by path."""
    snapshots = [ls.documents.snapshot(uri) for uri in list(ls.documents.text_documents)]
    files = [one for one in snapshots if urlsplit(one.uri).scheme == "file"]
    return {one.path: one for one in files if folder_of(one.uri, one.path) == folder}


# Making them.


@dataclass(frozen=True, slots=True)
class _Made:
    """The edit, the file that it is for, and what the user is told; special where not all is as was asked."""

    edit: types.WorkspaceEdit
    uri: str
    text: str
    is_special: bool
    request_id: str
    n_chars: int


async def _show(ls: InstantServer, made: _Made) -> None:
    """The tests are put in: the trail is told, and their file is shown where the editor can."""
    ls.judged(made.request_id, made.n_chars, is_whole=True)
    able = ls.client_capabilities.window.show_document if ls.client_capabilities.window else None
    if able and able.support:
        await ls.window_show_document_async(types.ShowDocumentParams(made.uri, take_focus=True))


async def _made(ls: InstantServer, asked: _Asked) -> _Made:
    """The tests as the client takes them; what they were made for is still the same."""
    snapshot = _unchanged(ls, asked.uri, asked.version)
    if reason := _reason_against(ls, snapshot):
        raise RequestFailedError(reason)
    session = await ls.ready_session()
    try:
        wish = _wish(ls, snapshot, asked)
        may_run = ls.settings.tests.run and is_trusted(ls, wish.folder)
        async with progress.shown(ls, "Generating tests", asked.token) as say:
            used = partial(explanations.used, ls)
            with ls.measuring.answering("tests", snapshot.language) as answer:
                made = await session.generator.generate(
                    wish, ls.syntax, used=used, may_run=may_run, tier=asked.tier, say=say
                )
                answer.tier, answer.model = made.tier, made.model
                answer.shown_chars = made.n_chars
    except (NoTestsError, EndpointError) as error:
        raise RequestFailedError(str(error)) from None
    if ls.settings.tests.run and not may_run:
        made = replace(made, notice=f"{made.notice} {_UNTRUSTED}".strip())
    _unchanged(ls, asked.uri, snapshot.version)
    text = " ".join(filter(None, (f"Tests by {made.model or 'the model'} ({made.tier} tier).", made.notice)))
    edit, uri = _edit(ls, wish, made, text)
    ls.measuring.applied(answer)
    return _Made(edit, uri, text, bool(made.notice), made.request_id, made.n_chars)


def is_trusted(ls: InstantServer, folder: str) -> bool:
    """Whether the editor says so of its workspace; where it says nothing, the user's own file does of folders."""
    if ls.is_trusted is not None:
        return ls.is_trusted
    whole = os.path.realpath(folder)
    trusted = (os.path.realpath(os.path.expanduser(one)) for one in ls.settings.tests.trusted_folders)
    return any(whole == one or whole.startswith(one.rstrip(os.sep) + os.sep) for one in trusted)


def _unchanged(ls: InstantServer, uri: str, version: int | None) -> Snapshot:
    try:
        snapshot = ls.documents.snapshot(uri)
    except NotOpenError:
        raise ContentModifiedError("The document was closed.") from None
    if version is not None and snapshot.version != version:
        raise ContentModifiedError(_MODIFIED)
    return snapshot


def _annotates(ls: InstantServer) -> bool:
    able = ls.client_capabilities.workspace and ls.client_capabilities.workspace.workspace_edit
    return bool(able and able.change_annotation_support)


def _edit(ls: InstantServer, wish: Wish, made: Generated, label: str) -> tuple[types.WorkspaceEdit, str]:
    """The edit and its file's URI: of an open file by its version, of another one as it is on disk still."""
    from lsp_server.assist import repository  # noqa: PLC0415  when there is something to read

    found = _open(ls, wish.folder).get(made.path)
    whole = os.path.join(wish.folder, made.path)
    uri = found.uri if found else str(uris.from_fs_path(whole))
    now = found.text if found else repository.text_at(wish.folder, made.path)
    if now != made.before:
        raise ContentModifiedError("The file of tests has changed since the tests were asked for.")
    # Neovim takes an empty file for one empty line, which would be left at the end if it were not replaced.
    snapshot = found or Snapshot(uri, made.path, wish.snapshot.language, 0, "\n" if now is None else now)
    edits = [
        types.TextEdit(ls.documents.range_of(snapshot, one.start, one.end if now is not None else 1), one.text)
        for one in made.edits
    ]
    able = ls.client_capabilities.workspace and ls.client_capabilities.workspace.workspace_edit
    if not able or not able.document_changes:
        if made.before is None:
            raise RequestFailedError(_CANNOT_CREATE)
        return types.WorkspaceEdit(changes={uri: edits}), uri
    if made.before is None and types.ResourceOperationKind.Create not in (able.resource_operations or ()):
        raise RequestFailedError(_CANNOT_CREATE)
    document = types.OptionalVersionedTextDocumentIdentifier(uri, found.version if found else None)
    changes: list[Any] = [types.TextDocumentEdit(document, edits)]
    if made.before is None:
        options = types.CreateFileOptions(overwrite=False, ignore_if_exists=False)
        changes.insert(0, types.CreateFile(uri, options=options))
    if not _annotates(ls):
        return types.WorkspaceEdit(document_changes=changes), uri
    for one in changes:
        if isinstance(one, types.CreateFile):
            one.annotation_id = KIND
        else:
            one.edits = [types.AnnotatedTextEdit(KIND, edit.range, edit.new_text) for edit in edits]
    annotation = types.ChangeAnnotation(label, needs_confirmation=False)
    return types.WorkspaceEdit(document_changes=changes, change_annotations={KIND: annotation}), uri
