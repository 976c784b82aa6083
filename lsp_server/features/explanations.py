"""Explanations on the wire: owns hovers, the command that explains and the one that toggles thinking; asks no model.

`instant.explain` takes one object: `uri`, `range`, and where wanted `diagnostic`, `tier` ("thinking" for this once),
`workDoneToken`, `partialResultToken` and `document`: the address of a virtual document of the editor's own, which it
is asked to show before anything has arrived. Parts and result are objects whose `text` is the whole Markdown to show,
and whose `places` are the addresses that links in it may lead to: whatever else it says, a model cannot name one.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from context import Snapshot
from context.defined import Defined
from context.outline import Outline
from context.soundness import outline_of
from lsp_server.assist import prompts, subject
from lsp_server.assist.definitions import cited, in_document, place_of, word_at
from lsp_server.assist.markdown import harmless
from lsp_server.documents import NotOpenError
from lsp_server.endpoint.status import EndpointError
from lsp_server.features import progress

if TYPE_CHECKING:
    from lsp_server.assist.subject import Subject
    from lsp_server.assist.tier import Tier
    from lsp_server.server import InstantServer
    from lsp_server.session import Session

EXPLAIN = "instant.explain"
TOGGLE_THINKING = "instant.toggleThinking"
KIND = "instant.explain"
"""The kind of code actions that explain: no fix, and no refactoring either."""

PART_S = 0.1
"""Parts of an explanation are whole texts, so they are not sent more often than one reads."""

DEFINITION_S = 0.15
"""How long a hover waits for the graph: with the rest of its work it is to answer within 300 ms."""

USED_S = 1.0
"""How long somebody waits for the graph who waits for the model anyway."""

REFUSED = "Nothing of this file is sent: its name says that it holds secrets."
NOT_OFFERED = "This is switched off, or not included in your token's role."
NO_CODE = "There is no code here to explain."
_MAX_ACTIONS = 4
_MAX_PARSED_CHARS = 20_000


async def hover(ls: InstantServer, params: types.HoverParams) -> types.Hover | None:
    """What is known by now of the name under the cursor; never waits for the model."""
    snapshot, offset = ls.documents.at(params)
    if ls.settings.hover == "off" or ls.is_refused(snapshot, "explain"):
        return None
    outline = outline_near(ls, snapshot, offset)
    session = await ls.ready_session()
    hovered = await session.explainer.hover(
        snapshot,
        offset,
        outline,
        partial(definitions, ls),
        is_always=ls.settings.hover == "always",
        guidelines=lambda: session.guidelines(snapshot),
        known=partial(session.known, "explain"),
    )
    if hovered is None:
        return None
    return types.Hover(
        contents=types.MarkupContent(types.MarkupKind.Markdown, hovered.text),
        range=ls.documents.range_of(snapshot, hovered.start, hovered.end),
    )


async def definitions(ls: InstantServer, snapshot: Snapshot, offset: int) -> Sequence[Defined]:
    """Where the name at an offset is defined, by the workspace's graph if it is quick, else by the document itself."""
    word = word_at(snapshot, offset)
    found = await ls.syntax.defined(snapshot, *word, DEFINITION_S) if word else ()
    if found and found[0].uri != snapshot.uri:
        return found
    outline: Outline | None = ls.syntax.outline(snapshot.uri)
    return in_document(snapshot, offset, outline or _parsed(snapshot)) or found


async def used(ls: InstantServer, snapshot: Snapshot, start: int, end: int) -> Sequence[Defined]:
    """What a stretch uses of other files, as far as the workspace's graph tells soon."""
    return await ls.syntax.used(snapshot, start, end, USED_S)


async def explain(ls: InstantServer, *arguments: Any) -> dict[str, Any]:
    """Explains a selection, a function or a diagnostic, streamed to who gave a token for it."""
    asked = _asked(ls, *arguments)
    try:
        snapshot = ls.documents.snapshot(asked.uri)
    except NotOpenError:
        raise JsonRpcInvalidParams("the document is not open") from None
    _open_view(ls, asked)
    if ls.is_refused(snapshot, "explain"):
        reason = REFUSED if "explain" in ls.features else NOT_OFFERED
        return await _shown(ls, asked, {"title": "", "text": f"*{reason}*"})
    _, start, end = ls.documents.stretch(asked.uri, asked.range)
    outline = outline_near(ls, snapshot, start)
    session = await ls.ready_session()
    about = await _subject(ls, session, asked, subject.Place(snapshot, start, end, outline))
    if about is None:
        return await _shown(ls, asked, {"title": "", "text": f"*{NO_CODE}*"})
    return await _shown(ls, asked, await _explained(ls, session, snapshot, asked, about))


async def toggle_thinking(ls: InstantServer) -> str:
    """Turns the thinking tier on or off; the sentence that says what holds now."""
    session = await ls.ready_session()
    return session.think(is_on=not session.tiers.is_thinking)


def actions(ls: InstantServer, params: types.CodeActionParams) -> Iterator[types.CodeAction | types.Command]:
    """What can be explained at the range; the function around the cursor only for who asks for actions."""
    snapshot = ls.documents.snapshot(params.text_document.uri)
    only = params.context.only
    if only and not any(kind == KIND or KIND.startswith(f"{kind}.") for kind in only):
        return
    if ls.is_refused(snapshot, "explain"):
        return
    _, start, end = ls.documents.stretch(snapshot.uri, params.range)
    for diagnostic in params.context.diagnostics[:_MAX_ACTIONS]:
        yield _action(ls, f"Explain: {prompts.inline(diagnostic.message, 60)}", snapshot, diagnostic.range, diagnostic)
    is_asked = params.context.trigger_kind is not types.CodeActionTriggerKind.Automatic
    if snapshot.text[start:end].strip():
        yield _action(ls, "Explain the selection", snapshot, params.range)
    elif is_asked and (outline := outline_near(ls, snapshot, start)) is not None:
        names = [scope.name for scope in outline.enclosing(start) if scope.name]
        if names:
            yield _action(ls, f"Explain {prompts.inline(names[-1], 60)}", snapshot, params.range)


def outline_near(ls: InstantServer, snapshot: Snapshot, offset: int) -> Outline | None:
    """What is known around a place; a short document that was just opened is parsed here and now."""
    outline: Outline | None = ls.syntax.near(snapshot.uri, offset)
    return outline or _parsed(snapshot)


def _parsed(snapshot: Snapshot) -> Outline | None:
    """The outline of a short text; one that is mostly brackets, ever deeper, takes ten times as long and has none."""
    text = snapshot.text
    is_quick = len(text) <= _MAX_PARSED_CHARS and sum(map(text.count, "([{<")) <= max(200, len(text) // 4)
    return outline_of(text, snapshot.language) if is_quick else None


@dataclass(frozen=True, slots=True)
class _Asked:
    """The command's argument, as far as it is right."""

    uri: str
    range: types.Range
    diagnostic: types.Diagnostic | None
    tier: Tier | None
    work_token: progress.Token | None
    part_token: progress.Token | None
    view: str | None
    """The address of the editor's document that shows it."""


def _asked(ls: InstantServer, *arguments: Any) -> _Asked:
    """Reads the argument; raises JsonRpcInvalidParams."""
    converter = ls.protocol._converter
    given = converter.unstructure(arguments[0]) if len(arguments) == 1 else None
    if not isinstance(given, dict):
        raise JsonRpcInvalidParams("instant.explain takes one object")
    try:
        diagnostic = given.get("diagnostic")
        return _Asked(
            str(given["uri"]),
            converter.structure(given["range"], types.Range),
            converter.structure(diagnostic, types.Diagnostic) if diagnostic else None,
            "thinking" if given.get("tier") == "thinking" else "instant" if given.get("tier") == "instant" else None,
            _token(given.get("workDoneToken")),
            _token(given.get("partialResultToken")),
            document if isinstance(document := given.get("document"), str) else None,
        )
    except Exception:  # noqa: BLE001  whatever cattrs makes of wrong parameters
        raise JsonRpcInvalidParams("the argument of instant.explain is not as it should be") from None


def _token(given: Any) -> progress.Token | None:
    return given if isinstance(given, str | int) else None


async def _subject(ls: InstantServer, session: Session, asked: _Asked, place: subject.Place) -> Subject | None:
    """The prompt, with what is known elsewhere; providers that are late are left out."""
    snapshot, room_chars = place.snapshot, session.tiers.room_chars(asked.tier)
    first, last = place.start, place.end
    if asked.diagnostic is not None or not snapshot.text[first:last].strip():
        first, last, _ = subject.around(snapshot, first, place.outline, room_chars)
    question = asked.diagnostic.message if asked.diagnostic is not None else ""
    known, definitions = await asyncio.gather(
        session.known("explain", snapshot, first, last, question), used(ls, snapshot, first, last)
    )
    beside = subject.Beside(session.guidelines(snapshot), known, definitions)
    if asked.diagnostic is None:
        return subject.of_stretch(place, room_chars, beside)
    code = "" if asked.diagnostic.code is None else str(asked.diagnostic.code)
    finding = prompts.Finding(asked.diagnostic.message, asked.diagnostic.source or "", code)
    return subject.of_finding(place, finding, room_chars, beside)


async def _explained(
    ls: InstantServer, session: Session, snapshot: Snapshot, asked: _Asked, about: Subject
) -> dict[str, Any]:
    """The whole result; an endpoint that fails is told in its text."""
    line = ls.documents.position_of(snapshot, about.start).line
    here = Defined("unsaved file", "", snapshot.uri, snapshot.path, line)
    head = f"### {harmless(about.title)}\n\n{cited(here)}"
    if about.definitions:
        head += f"\n\nRead together with {', '.join(dict.fromkeys(map(cited, about.definitions)))}."
    tier = asked.tier or session.tiers.wanted
    result: dict[str, Any] = {"title": about.title, "places": [place_of(one) for one in (here, *about.definitions)]}
    parts = _Parts(ls, asked.part_token)
    async with progress.shown(ls, f"Explaining {about.title.replace('`', '')}", asked.work_token) as say:
        say(f"waiting for the {tier} model")

        def on_text(text: str) -> None:
            say("the model writes")
            parts.send({"text": f"{head}\n\n{text}", "places": result["places"]})

        try:
            with ls.measuring.answering("explain", snapshot.language) as answer:
                explanation = await session.explainer.explain(about, on_text, tier=asked.tier, uri=snapshot.uri)
                answer.tier, answer.model = explanation.tier, explanation.model
                answer.shown_chars = len(explanation.text)
        except EndpointError as error:
            return {**result, "text": f"{head}\n\n*{error}*"}
    text = f"{head}\n\n{explanation.markdown}"
    return {**result, "text": text, "tier": explanation.tier, "model": explanation.model}


def _open_view(ls: InstantServer, asked: _Asked) -> None:
    """Asks the editor to show the document that it named; nobody waits until it has."""
    able = ls.client_capabilities.window and ls.client_capabilities.window.show_document
    if asked.view is not None and able and able.support:
        ls.window_show_document(types.ShowDocumentParams(asked.view, take_focus=False))


async def _shown(ls: InstantServer, asked: _Asked, result: dict[str, Any]) -> dict[str, Any]:
    """The result; an editor that has no view of its own for it shows it as a message."""
    if asked.part_token is None:
        ls.window_show_message(types.ShowMessageParams(types.MessageType.Info, result["text"]))
    return result


def _action(
    ls: InstantServer,
    title: str,
    snapshot: Snapshot,
    range_: types.Range,
    diagnostic: types.Diagnostic | None = None,
) -> types.CodeAction | types.Command:
    plain = ls.protocol._converter.unstructure
    argument = {"uri": snapshot.uri, "range": plain(range_)}
    if diagnostic is not None:
        argument["diagnostic"] = plain(diagnostic)
    command = types.Command(title, EXPLAIN, arguments=[argument])
    able = ls.client_capabilities.text_document and ls.client_capabilities.text_document.code_action
    if not able or able.code_action_literal_support is None:
        return command
    kind = types.CodeActionKind.QuickFix if diagnostic is not None else KIND
    return types.CodeAction(title, kind, command=command)


class _Parts:
    """Sends what an explanation has grown to, now and then."""

    def __init__(self, ls: InstantServer, token: progress.Token | None) -> None:
        self._ls, self._token = ls, token
        self._next_s = 0.0

    def send(self, part: dict[str, Any]) -> None:
        """Sends what it has grown to, if the last of it was not sent just now."""
        now_s = asyncio.get_running_loop().time()
        if self._token is not None and now_s >= self._next_s:
            self._next_s = now_s + PART_S
            progress.partly(self._ls, self._token, part)
