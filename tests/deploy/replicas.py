"""Scripted pods, for faults, order and timing behind a real gateway; what a real pod does is tested by one."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator

from scripted_endpoint import Reply, Request, ScriptedEndpoint, in_thread


class Replica(ScriptedEndpoint):
    """A pod that answers when its gate is open, and that can go away and come back."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.reply = Reply((name,))
        self.gate = threading.Event()
        self.gate.set()
        self.steps: threading.Semaphore | None = None
        """When set, each piece of an answer waits for one release."""
        self._loop: asyncio.AbstractEventLoop | None = None

    async def __aenter__(self) -> Replica:
        self._loop = asyncio.get_running_loop()
        await super().__aenter__()
        return self

    def go_away(self) -> None:
        """Ends as a killed process does: the port is closed and what was open is cut."""
        self._in_loop(self.stop())

    def come_back(self) -> None:
        """Serves again where it did."""
        self._in_loop(super().__aenter__())

    @property
    def asked(self) -> list[Request]:
        """What was asked, but for how it is."""
        return [request for request in self.requests if request.path != "/health"]

    async def _stream(self, request: Request, reply: Reply, writer: asyncio.StreamWriter) -> None:
        await asyncio.to_thread(self.gate.wait)
        if self.steps is None:
            await super()._stream(request, reply, writer)
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for chunk in self._chunks(request, reply):
            await asyncio.to_thread(self.steps.acquire)
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _in_loop(self, doing: object) -> None:
        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(doing, self._loop).result(20)  # type: ignore[arg-type]


@contextlib.contextmanager
def replicas(*names: str) -> Iterator[dict[str, Replica]]:
    """Replicas that serve while the block runs."""
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(_serving(Replica(name))) for name in names}


@contextlib.contextmanager
def _serving(replica: Replica) -> Iterator[Replica]:
    with in_thread(replica):
        try:
            yield replica
        finally:
            replica.gate.set()
