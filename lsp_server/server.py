"""The server: owns the one table of LSP methods and all state that changes; how a completion is made it does not know.

Every handler opens the same way: it takes its snapshot in its first statement, before any await, and
hands it on. What is expected to fail (an endpoint that is down, a file that is refused) is an empty
answer and a status; an LSP error is a bug of ours.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, get_args
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.lsp.server import LanguageServer

from context.document import Snapshot
from context.secrets import is_refused
from lsp_server import __version__
from lsp_server.completion.counts import Counts
from lsp_server.completion.outcome import Outcomes
from lsp_server.documents import Documents
from lsp_server.endpoint.status import Status
from lsp_server.features import (
    code_actions,
    completions,
    doctor,
    explanations,
    folders,
    generated_tests,
    report,
    status_line,
)
from lsp_server.features.folders import Folders, folder_of
from lsp_server.features.status_line import StatusLine
from lsp_server.ledger.trail import Trail
from lsp_server.measuring import Measuring
from lsp_server.options import Offered, Settings
from lsp_server.policy import Policy, read_policy
from lsp_server.settings import Problem, load_with_origins
from lsp_server.text_buffer import Change
from lsp_server.transport import Protocol
from lsp_server.whence import where
from lsp_server.workspace.workspace import Room, Workspace

if TYPE_CHECKING:
    from lsp_server.session import Session

USERS_SETTINGS = "instantUserSettings"
"""The experimental capability of an editor whose settings for us no opened folder can set."""

CONFIGURATION_DEADLINE_S = 5.0
"""An editor that answers later is served with the settings known by then."""

log = logging.getLogger(__name__)


class InstantServer(LanguageServer):
    """The language server of one editor."""

    def __init__(self, read_policy: Callable[[], Policy] = read_policy) -> None:
        super().__init__("instant-lsp", __version__, protocol_cls=Protocol)
        self._read_policy = read_policy
        self.policy = Policy()
        self.settings = Settings()
        self.problems: list[Problem] = []
        self.origins: dict[str, str] = {}
        self.status = StatusLine(self)
        self.session: Session | None = None
        self.folders = Folders(self)
        self.syntax = Workspace(self.folders.take, self._room)
        self.last_place: tuple[Snapshot, int] | None = None
        self.then: Callable[[], Awaitable[None]] | None = None
        """What follows once the editor has put in the edit that was resolved last."""
        self.counts = Counts()
        self.measuring = Measuring()
        self.outcomes = Outcomes(self.counts, self.measuring.accepted, self.measuring.kept, self.judged)
        self.is_trusted: bool | None = None
        self._from_editor: dict[str, Any] = {}
        self._section: dict[str, Any] = {}
        self.trail = Trail(self._trail_changed)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._is_ready = asyncio.Event()
        for method, options, handler in METHODS:
            self.feature(method, options)(handler)
        for command, run in COMMANDS:
            self.command(command)(_taking_anything(run))

    @property
    def documents(self) -> Documents:
        """The open documents."""
        workspace = self.workspace
        assert isinstance(workspace, Documents)
        return workspace

    def begin(self, params: types.InitializeParams) -> None:
        """Takes over what the client says of itself."""
        self.protocol._workspace = Documents.from_workspace(self.workspace)
        self.documents.on_open = self._opened
        self.documents.on_change = self._changed
        self.documents.on_close = self._closed
        given = params.initialization_options
        self._from_editor = dict(given) if isinstance(given, dict) else {}
        # Said here alone: what the editor tells later may come from the opened folder itself.
        trusted = self._from_editor.pop("trusted", None)
        self.is_trusted = trusted if isinstance(trusted, bool) else None
        self.configure({})
        if self.settings.hover != "off":
            self.feature(types.TEXT_DOCUMENT_HOVER)(explanations.hover)
        if completions.are_items(self.client_capabilities, self.settings.completion.as_items):
            self.feature(types.TEXT_DOCUMENT_COMPLETION, completions.ITEMS)(completions.as_items)

    def configure(self, editor: dict[str, Any]) -> None:
        """Settings from all sources; wrong ones are told once and left out."""
        self.policy = self._read_policy()
        self.settings, self.problems, self.origins = load_with_origins(
            editor,
            start=self._from_editor,
            is_users_alone=self._sends_users_settings,
            folders=self.folders.paths(),
            policy=self.policy,
        )
        logging.getLogger("lsp_server").setLevel(self.settings.log.level.upper())
        self.measuring.configure(self.settings.metrics)
        for problem in self.problems:
            log.warning("%s", problem)

    @property
    def _sends_users_settings(self) -> bool:
        """Whether the client says that no opened folder has a part in the settings it sends."""
        return self.can(USERS_SETTINGS)

    def can(self, capability: str) -> bool:
        """Whether the client says that it has an experimental capability."""
        able = self.protocol._converter.unstructure(self.client_capabilities.experimental)
        return isinstance(able, dict) and able.get(capability) is True

    async def start(self) -> None:
        """Makes the session for the settings as they are now, in place of the one before."""
        from lsp_server.checkpoint import Checkpoint  # noqa: PLC0415
        from lsp_server.session import Session  # noqa: PLC0415  brings the HTTP client, after `initialize`

        syntax = self.syntax
        syntax.configure(self.folders.scope())
        await self.trail.configure(self.settings.audit)
        session = Session(
            self.settings,
            syntax.near,
            self.status.take,
            self.counts,
            syntax.snippets,
            on_ended=self.measuring.ended,
            on_more=partial(completions.refresh, self),
            checkpoint=Checkpoint(
                self.settings, self.policy, self.trail.audit, self.documents.path_of, self.status.again
            ),
        )
        before, self.session = self.session, session
        self.status.take(Status("starting", "The settings have changed." if before else "The server is starting."))
        self._is_ready.set()
        if before is not None:
            if before.tiers.is_thinking:
                session.think(is_on=True)
            await before.aclose()
        for problem in self.problems:
            self.tell(types.MessageType.Warning, str(problem))
        gc.freeze()  # a full collection over what start-up made would stall a keystroke for tens of milliseconds
        await self.session.prepare()

    async def ready_session(self) -> Session:
        """The session; waits for it in the first moments after `initialized`."""
        await self._is_ready.wait()
        assert self.session is not None
        return self.session

    async def pull_settings(self) -> None:
        """Reads all settings, with those that the client tells when it is asked."""
        self._section = await self._asked_section()
        self.configure(self._section)

    async def reconfigure(self) -> None:
        """Reads all settings anew; the session is made anew only if anything in them changed."""
        before = self.settings, self.problems, self.policy
        await self.pull_settings()
        if (self.settings, self.problems, self.policy) != before:
            await self.start()

    async def _asked_section(self) -> dict[str, Any]:
        """What the client has under `instant`; what it had before where it does not tell."""
        capabilities = self.client_capabilities.workspace
        if capabilities is None or not capabilities.configuration:
            return self._section
        item = types.ConfigurationItem(section="instant")
        asked = self.workspace_configuration_async(types.ConfigurationParams(items=[item]))
        try:
            answer = await asyncio.wait_for(asked, CONFIGURATION_DEADLINE_S)
        except (JsonRpcException, TimeoutError) as error:
            log.warning("the editor did not tell its settings: %s", type(error).__name__)
            return self._section
        section = answer[0] if answer else None
        return section if isinstance(section, dict) else {}

    @property
    def features(self) -> tuple[str, ...]:
        """What the developer is offered: nothing that the settings switch off or the token's role lacks."""
        if self.session is not None:
            return self.session.checkpoint.features
        if self.policy.access is not None:
            return ()
        return tuple(one for one in get_args(Offered) if one not in self.settings.features.disabled)

    def _trail_changed(self) -> None:
        """The audit trail works again, or does not any more; where it is required the endpoints are asked anew."""
        if self.settings.audit.required and not self.trail.trouble:
            self.spawn(self._resume())
        else:
            self.status.again()

    async def _resume(self) -> None:
        """What was held up for want of a trail is asked for now."""
        if self.session is not None:
            await self.session.prepare()
        self.status.again()

    def tell(self, kind: types.MessageType, message: str) -> None:
        """Writes a line into the editor's log of this server; nothing pops up."""
        self.window_log_message(types.LogMessageParams(type=kind, message=message))

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Runs `work` beside everything else; a failure is logged, not lost."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def judged(self, request_id: str, n_chars: int, is_whole: bool) -> None:
        """The developer has taken so much of what a request has brought."""
        if self.session is not None:
            self.session.checkpoint.judged(request_id, n_chars, is_whole=is_whole)

    def is_refused(self, snapshot: Snapshot, feature: Offered | None = None) -> bool:
        """Whether nothing of the document may be sent, or no such feature is offered.

        The status says so of a document until the next one that may be sent.
        """
        if feature is not None and feature not in self.features:
            return True
        whole_path = unquote(urlsplit(snapshot.uri).path)
        name = snapshot.path.rsplit("/", 1)[-1]
        if not snapshot.text and self.documents.is_too_large(snapshot.uri):
            self.status.show(Status("off", f"Nothing of {name} is read: it is too large."))
            return True
        if not is_refused(snapshot.path, whole_path, self.settings.secrets.refused):
            self.status.again()
            return False
        self.status.show(Status("off", f"Nothing of {name} is sent: its name says that it holds secrets."))
        if feature is not None and self.session is not None:
            self.session.checkpoint.refused_file(feature, snapshot.uri)
        return True

    def _opened(self, uri: str) -> None:
        snapshot = self.documents.snapshot(uri)
        self.syntax.open(snapshot, folder_of(uri, snapshot.path))
        self.spawn(self._prepare(snapshot))

    async def _prepare(self, snapshot: Snapshot) -> None:
        session = await self.ready_session()
        await session.prepare(None if self.is_refused(snapshot, "completion") else snapshot)

    def _changed(self, uri: str, change: Change) -> None:
        self.syntax.edit(uri, change)
        self.outcomes.edited(uri, change.edit)
        if self.session is not None:
            self.session.completer.typed(uri, change.edit)

    def _room(self) -> Room:
        """How much the snippets of a prompt may be."""
        if self.session is None:
            return Room()
        limits = self.session.limits()
        return Room(limits.budget, limits.is_slow)

    def at_cursor(self, snapshot: Snapshot, offset: int) -> None:
        """The developer is at this place: what belongs to it is looked for."""
        self.last_place = snapshot, offset
        self.syntax.look(snapshot, offset)
        if self.session is not None:
            self.session.knowledge.look(snapshot, offset)

    def _closed(self, uri: str) -> None:
        self.syntax.close(uri)
        self.outcomes.forget(uri)
        if self.session is not None:
            self.session.completer.forget(uri)
            self.session.knowledge.forget(uri)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("background work failed: %s", where(error))


def initialize(ls: InstantServer, params: types.InitializeParams) -> None:
    """What the client says of itself decides what we advertise."""
    ls.begin(params)


async def initialized(ls: InstantServer, params: types.InitializedParams) -> None:
    """The client listens now: its settings are asked for and the endpoint is looked at."""
    try:
        await ls.pull_settings()
        ls.spawn(ls.folders.watch())
        await ls.start()
    except Exception as error:
        ls.status.take(Status("down", f"The server could not start: {where(error)}; its log has more."))
        raise


async def did_change_configuration(ls: InstantServer, params: types.DidChangeConfigurationParams) -> None:
    """The user has changed something."""
    await ls.reconfigure()


async def code_action(ls: InstantServer, params: types.CodeActionParams) -> list[types.CodeAction | types.Command]:
    """What is offered at a range, the fixes first; no model is asked."""
    # Listed before the editor is asked for diagnostics: the range is one of the document as it is now.
    others = [*explanations.actions(ls, params), *generated_tests.actions(ls, params)]
    return [*await code_actions.code_action(ls, params), *others]


async def resolve_code_action(ls: InstantServer, action: types.CodeAction) -> types.CodeAction:
    """The action with its edit, by the model; one that has none is an error with the reason."""
    if generated_tests.is_ours(action):
        return await generated_tests.resolve(ls, action)
    return await code_actions.resolve_code_action(ls, action)


async def shutdown(ls: InstantServer, _: None) -> None:
    """All that runs is given up, connections and the child process are closed before the client says exit."""
    assert isinstance(ls.protocol, Protocol)
    ls.protocol.cancel_others()
    if ls.session is not None:
        await ls.session.aclose()
    await ls.syntax.aclose()
    await ls.trail.aclose()
    await ls.measuring.aclose()


def _taking_anything(answer: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    """A command that reads its arguments itself; pygls evaluates annotations, and refuses what they do not say."""

    async def command(ls: InstantServer, *arguments: Any) -> Any:
        return await answer(ls, *arguments)

    return command


KINDS = [types.CodeActionKind.QuickFix, explanations.KIND, generated_tests.KIND]
ACTIONS = types.CodeActionOptions(KINDS, resolve_provider=True)

METHODS: tuple[tuple[str, Any, Callable[..., Any]], ...] = (
    (types.INITIALIZE, None, initialize),
    (types.INITIALIZED, None, initialized),
    (types.WORKSPACE_DID_CHANGE_CONFIGURATION, None, did_change_configuration),
    (types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions(), completions.inline_completion),
    (completions.MOVED, None, completions.did_move_cursor),
    (completions.SHOWN, None, completions.did_show_completion),
    (completions.PARTLY_ACCEPTED, None, completions.did_partially_accept_completion),
    (types.TEXT_DOCUMENT_CODE_ACTION, ACTIONS, code_action),
    (types.CODE_ACTION_RESOLVE, None, resolve_code_action),
    (types.TEXT_DOCUMENT_DID_SAVE, types.SaveOptions(include_text=True), folders.did_save),
    (types.WORKSPACE_DID_CHANGE_WATCHED_FILES, None, folders.did_change_watched_files),
    (types.WORKSPACE_DID_CHANGE_WORKSPACE_FOLDERS, None, folders.did_change_workspace_folders),
    (types.SHUTDOWN, None, shutdown),
)
"""Every method of ours with the options it is advertised with; documents are kept by pygls' own handlers."""

COMMANDS: tuple[tuple[str, Callable[..., Coroutine[Any, Any, Any]]], ...] = (
    (completions.ACCEPTED, completions.accepted),
    ("instant.status", status_line.current_status),
    (folders.SHOW_CONTEXT, folders.show_context),
    (code_actions.FIX, code_actions.fix),
    (code_actions.APPLIED, code_actions.applied),
    (explanations.EXPLAIN, explanations.explain),
    (generated_tests.GENERATE, generated_tests.generate),
    (explanations.TOGGLE_THINKING, explanations.toggle_thinking),
    (report.REPORT, report.report),
    (doctor.DOCTOR, doctor.doctor),
)
