"""A connection opened ahead: owns what saves the next request its handshakes; judges no address.

Leaving an answer early closes its connection, since HTTP/1.1 has no other way to stop a model. Most completions are
left early, so without this most keystrokes would pay for a new connection, and with TLS for two round trips more.
"""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Iterable
from dataclasses import dataclass

import httpcore2

MAX_AGE_S = 8.0
"""Gateways give a new connection about ten seconds to say something."""

_CONNECT_TIMEOUT_S = 5.0
_Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Tls:
    """What a connection's TLS handshake needs."""

    context: ssl.SSLContext
    server_hostname: str


class Spares(httpcore2.AsyncNetworkBackend):
    """Connects as `inner` does, or hands out the one connection that was opened ahead for a place."""

    def __init__(self, inner: httpcore2.AsyncNetworkBackend) -> None:
        self._inner = inner
        self._spares: dict[_Place, asyncio.Task[_Spare]] = {}

    def open_ahead(self, host: str, port: int, tls: Tls | None) -> None:
        """Begins to connect, unless a connection is there or on its way."""
        spare = self._spares.get((host, port))
        if spare is None or (spare.done() and not _is_usable(spare)):
            self._drop((host, port))
            spare = self._spares[host, port] = asyncio.create_task(self._open(host, port, tls))
            # One that failed is no news: whoever needs a connection opens one and is told.
            spare.add_done_callback(lambda task: task.cancelled() or task.exception())

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """The spare, also one that is on its way; else a new connection."""
        spare = self._spares.pop((host, port), None)
        if spare is not None:
            try:
                await asyncio.wait([spare], timeout=timeout)
            except asyncio.CancelledError:
                self._spares.setdefault((host, port), spare)
                raise
            if _is_usable(spare):
                return spare.result()
            await _close(spare)
        return await self._inner.connect_tcp(host, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        """As httpcore2 asks for it."""
        await self._inner.sleep(seconds)

    async def aclose(self) -> None:
        """Closes what nobody came to use."""
        for place in list(self._spares):
            await _close(self._spares.pop(place))

    async def _open(self, host: str, port: int, tls: Tls | None) -> _Spare:
        stream = await self._inner.connect_tcp(host, port, _CONNECT_TIMEOUT_S)
        if tls is not None:
            stream = await stream.start_tls(tls.context, tls.server_hostname, _CONNECT_TIMEOUT_S)
        return _Spare(stream, tls, time.monotonic())

    def _drop(self, place: _Place) -> None:
        spare = self._spares.pop(place, None)
        if spare is not None:
            closing = asyncio.create_task(_close(spare))
            closing.add_done_callback(lambda task: task.cancelled() or task.exception())


class _Spare(httpcore2.AsyncNetworkStream):
    """A connection whose handshakes are over; a TLS handshake that httpcore2 asks for has been made."""

    def __init__(self, stream: httpcore2.AsyncNetworkStream, tls: Tls | None, opened_s: float) -> None:
        self._stream = stream
        self._tls = tls
        self._opened_s = opened_s

    @property
    def is_fresh(self) -> bool:
        """Whether the other side will not have hung up.

        What a plain connection sends unasked is its good-bye; over TLS it is session tickets, so there only age tells.
        """
        is_closed = self._tls is None and bool(self._stream.get_extra_info("is_readable"))
        return not is_closed and time.monotonic() - self._opened_s < MAX_AGE_S

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109
        """As httpcore2 asks for it."""
        return await self._stream.read(max_bytes, timeout)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """As httpcore2 asks for it."""
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """As httpcore2 asks for it."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> httpcore2.AsyncNetworkStream:
        """The same connection, if it was opened for this very name and context."""
        if self._tls is not None and (ssl_context, server_hostname) == (self._tls.context, self._tls.server_hostname):
            return self
        return await self._stream.start_tls(ssl_context, server_hostname, timeout)

    def get_extra_info(self, info: str) -> object:
        """As httpcore2 asks for it."""
        return self._stream.get_extra_info(info)


def _is_usable(spare: asyncio.Task[_Spare]) -> bool:
    return spare.done() and not spare.cancelled() and spare.exception() is None and spare.result().is_fresh


async def _close(spare: asyncio.Task[_Spare]) -> None:
    """Whatever has become of it; an error of a connection that nobody needed is none."""
    spare.cancel()
    await asyncio.wait([spare])
    if not spare.cancelled() and spare.exception() is None:
        await spare.result().aclose()
