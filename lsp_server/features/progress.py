"""Work that takes a while, as the editor shows it: owns its tokens and how it is cancelled; knows no feature.

    async with progress.shown(ls, "Explaining", token) as say:
        say("the model is asked")

The editor's own token is used where it gave one; else one is made where the editor shows progress at all. Cancelling
it in the editor cancels the task that runs the block.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from lsprotocol import types
from pygls.exceptions import JsonRpcException

if TYPE_CHECKING:
    from lsp_server.server import InstantServer

TICK_S = 1.0
"""How often a message tells how long it has taken."""

Token = str | int


@asynccontextmanager
async def shown(ls: InstantServer, title: str, token: Token | None = None) -> AsyncIterator[Callable[[str], None]]:
    """Shows progress within the block; what it gives takes a message, followed by the seconds it has stood."""
    token = token if token is not None else await _created(ls)
    if token is None:
        yield lambda message: None
        return
    ls.work_done_progress.begin(token, types.WorkDoneProgressBegin(title, cancellable=True))
    _cancels(ls, token)
    said = _Said(ls, token)
    ticking = asyncio.create_task(said.tick())
    try:
        yield said.say
    finally:
        ticking.cancel()
        ls.work_done_progress.tokens.pop(token, None)
        ls.work_done_progress.end(token, types.WorkDoneProgressEnd())


def partly(ls: InstantServer, token: Token, value: Any) -> None:
    """A part of a request's result, ahead of its answer."""
    ls.protocol.notify(types.PROGRESS, types.ProgressParams(token, value))


async def _created(ls: InstantServer) -> Token | None:
    able = ls.client_capabilities.window
    if able is None or not able.work_done_progress:
        return None
    token = f"instant-{uuid4()}"
    try:
        await ls.work_done_progress.create_async(token)
    except JsonRpcException:
        return None
    return token


def _cancels(ls: InstantServer, token: Token) -> None:
    """Lets the editor's cancelling end the task that asks for it."""
    task = asyncio.current_task()
    assert task is not None

    def ended(future: Any) -> None:
        if future.cancelled():
            task.cancel()

    ls.work_done_progress.tokens[token].add_done_callback(ended)


class _Said:
    """The message that stands, and for how long."""

    def __init__(self, ls: InstantServer, token: Token) -> None:
        self._ls, self._token = ls, token
        self._message = ""
        self._n_seconds = 0

    def say(self, message: str) -> None:
        """A new message; the same one again changes nothing."""
        if message != self._message:
            self._message, self._n_seconds = message, 0
            self._report(message)

    async def tick(self) -> None:
        """Counts the seconds, so that a slow start is seen to be one."""
        with contextlib.suppress(asyncio.CancelledError):
            while True:
                await asyncio.sleep(TICK_S)
                self._n_seconds += 1
                if self._message:
                    self._report(f"{self._message} ({self._n_seconds} s)")

    def _report(self, message: str) -> None:
        self._ls.work_done_progress.report(self._token, types.WorkDoneProgressReport(message=message))
