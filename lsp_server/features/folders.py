"""The workspace on the wire: owns what the editor says of folders and files, and what it is told of their index.

Indexing is shown as progress where the editor can show that, and nowhere else; what keeps a folder from being indexed
is said once, in the editor's log.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pygls.uris import to_fs_path

from lsp_server.documents import NotOpenError
from lsp_server.settings import REPOSITORY_FILE
from lsp_server.workspace.messages import Event, Progress, Scope

if TYPE_CHECKING:
    from context.document import Snapshot
    from lsp_server.server import InstantServer

SHOW_CONTEXT = "instant.showContext"
"""Command: the prompt that a completion at [uri, position], or at the last place, would send; see shown_context."""

MIN_SHOWN_FILES = 10
"""Fewer are read before anybody could look."""

_REASONS = {
    "home": "it is a home folder, or holds one; open a project's folder to have it indexed",
    "busy": "another process keeps writing to its index",
    "disk": "the disk is full, or fails",
    "corrupt": "its index is damaged and cannot be made anew",
    "unreadable": "its index may not be opened or written",
}

log = logging.getLogger(__name__)


class Folders:
    """What the editor has told of its folders, and is being told of their indexing."""

    def __init__(self, ls: InstantServer) -> None:
        self._ls = ls
        self._shown: dict[str, asyncio.Task[bool]] = {}
        self.troubles: dict[str, str] = {}
        """Why folders are not indexed, by their path."""

    def scope(self) -> Scope:
        """What is to be indexed by the editor's folders and the settings."""
        settings = self._ls.settings
        roots = [os.path.abspath(os.path.expanduser(root)) for root in settings.context.roots]
        return Scope(
            folders=tuple(map(str, self.paths())),
            roots=tuple(roots),
            refused=settings.secrets.refused,
            is_watched=self._can_watch,
            is_enabled=settings.context.enabled,
        )

    def paths(self) -> list[Path]:
        """The opened folders."""
        uris = [folder.uri for folder in self._ls.workspace.folders.values()]
        if not uris and self._ls.workspace.root_uri:
            uris = [self._ls.workspace.root_uri]
        return [Path(path) for uri in uris if (path := to_fs_path(uri))]

    async def watch(self) -> None:
        """Asks to be told of changed files; they are looked for elsewhere where the editor cannot tell."""
        if not self._can_watch:
            return
        watcher = types.FileSystemWatcher("**/*")
        options = types.DidChangeWatchedFilesRegistrationOptions([watcher])
        method = types.WORKSPACE_DID_CHANGE_WATCHED_FILES
        registration = types.Registration("instant-files", method, options)
        try:
            await self._ls.client_register_capability_async(types.RegistrationParams([registration]))
        except JsonRpcException as error:
            log.warning("the editor does not tell of changed files: %s", type(error).__name__)

    def take(self, event: Event) -> None:
        """News of the indexing."""
        if isinstance(event, Progress):
            if event.n_files >= MIN_SHOWN_FILES and self._can_show_progress:
                self._ls.spawn(self._show(event))
            return
        folder, reason = event
        if not folder:
            log.warning("what belongs to the cursor could not be found: %s", reason)
            return
        self.troubles[folder] = _REASONS.get(reason, f"its index failed ({reason})")
        self._ls.tell(types.MessageType.Warning, f"{folder} is not indexed: {self.troubles[folder]}.")

    async def _show(self, progress: Progress) -> None:
        folder, n_done, n_files = progress
        token = f"instant-index-{folder}"
        name = os.path.basename(folder.rstrip(os.sep))
        if folder not in self._shown:
            self._shown[folder] = asyncio.ensure_future(self._begin(token, f"Indexing {name}"))
        if not await asyncio.shield(self._shown[folder]):
            return
        if n_done < n_files:
            report = types.WorkDoneProgressReport(
                message=f"{n_done:,} of {n_files:,} files", percentage=100 * n_done // n_files
            )
            self._ls.work_done_progress.report(token, report)
        elif self._shown.pop(folder, None):
            self._ls.work_done_progress.end(token, types.WorkDoneProgressEnd(message=f"{n_files:,} files"))
            self._ls.work_done_progress.tokens.pop(token, None)

    async def _begin(self, token: str, title: str) -> bool:
        """Whether the editor shows it."""
        try:
            await self._ls.work_done_progress.create_async(token)
        except JsonRpcException:
            return False
        self._ls.work_done_progress.begin(token, types.WorkDoneProgressBegin(title, percentage=0, cancellable=False))
        return True

    @property
    def _can_watch(self) -> bool:
        workspace = self._ls.client_capabilities.workspace
        watched = workspace.did_change_watched_files if workspace else None
        return bool(watched and watched.dynamic_registration)

    @property
    def _can_show_progress(self) -> bool:
        window = self._ls.client_capabilities.window
        return bool(window and window.work_done_progress)


@lru_cache(maxsize=1024)
def folder_of(uri: str, path: str) -> str:
    """The workspace's folder of a document whose path in it is `path`, "" if no folder holds it."""
    whole = to_fs_path(uri)
    if not whole or not path or "/" not in unquote(urlsplit(uri).path).removesuffix(path):
        return ""
    return whole[: len(whole) - len(path) - 1]


def did_save(ls: InstantServer, params: types.DidSaveTextDocumentParams) -> None:
    """A saved file is read again; the editor may tell of it as a watched file too, which then has no new content.

    The text that comes with it mends a document that had got out of step, for whatever reason.
    """
    if params.text is not None:
        with suppress(NotOpenError):
            ls.documents.resynchronise(params.text_document.uri, params.text)
    if path := to_fs_path(params.text_document.uri):
        _changed(ls, [path])


def did_change_watched_files(ls: InstantServer, params: types.DidChangeWatchedFilesParams) -> None:
    """Files were made, changed or deleted, by whomever."""
    _changed(ls, [path for change in params.changes if (path := to_fs_path(change.uri))])


def _changed(ls: InstantServer, paths: list[str]) -> None:
    ls.syntax.changed(paths)
    if any(os.path.basename(path) == REPOSITORY_FILE for path in paths):
        ls.spawn(ls.reconfigure())


def did_change_workspace_folders(ls: InstantServer, params: types.DidChangeWorkspaceFoldersParams) -> None:
    """The folders are indexed anew as they are now; those that were there before have nothing new to read."""
    ls.syntax.configure(ls.folders.scope())
    ls.spawn(ls.reconfigure())


async def show_context(ls: InstantServer, uri: Any = None, position: Any = None, *_: Any) -> Any:
    """The prompt and its parts as JSON, with the same as Markdown; None where there is no such place."""
    from lsp_server.shown_context import show  # noqa: PLC0415  only when somebody asks

    place = _place(ls, uri, position)
    if place is None:
        return None
    snapshot, offset = place
    if ls.is_refused(snapshot):
        return None
    session = await ls.ready_session()
    outline, snippets = ls.syntax.near(snapshot.uri, offset), session.snippets(snapshot.uri)
    shown = show(session, snapshot, offset, outline, snippets)
    return {**asdict(shown), "markdown": shown.markdown()}


def _place(ls: InstantServer, uri: Any, position: Any) -> tuple[Snapshot, int] | None:
    if uri is None or position is None:
        return ls.last_place
    read: Callable[[str], Any] = position.__getitem__ if isinstance(position, dict) else partial(getattr, position)
    try:
        return ls.documents.place(str(uri), int(read("line")), int(read("character")))
    except NotOpenError:
        return None
