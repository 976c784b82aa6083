"""One configured provider: owns its deadline, its retries and what it answered lately; knows nothing of documents.

Every question passes the gate: where that lets nothing leave, the provider is not asked. Connecting to it, and asking
what tools it has, is no question: nothing in that is of a file.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from cachetools import TTLCache

from context import Snippet
from lsp_server.assist.prompts import clipped
from lsp_server.endpoint.answer import Timings
from lsp_server.endpoint.backoff import Backoff
from lsp_server.endpoint.ended import Ended, Outcome
from lsp_server.endpoint.gate import Gate, OpenGate, Question
from lsp_server.endpoint.purpose import Purpose, Sending
from lsp_server.endpoint.status import EndpointError
from lsp_server.knowledge.connection import Connection, as_endpoint_error
from lsp_server.options import EndpointSettings
from lsp_server.provider_settings import ProviderSettings

if TYPE_CHECKING:
    from mcp import Client

KEPT_S = 600.0
"""How long an answer is taken for current."""

_MAX_KEPT = 128
_MAX_LATE = 2
_MAX_PLACE_CHARS = 80
_T = TypeVar("_T")


class Provider:
    """Asks one server; its answers and failures are remembered for a while."""

    def __init__(
        self,
        settings: ProviderSettings,
        endpoints: EndpointSettings,
        gate: Gate | None = None,
        on_trouble: Callable[[], None] = lambda: None,
    ) -> None:
        self.settings = settings
        self._gate: Gate = gate or OpenGate()
        self.trouble = ""
        """Why it gives nothing at present, as a clause; "" while it does. `on_trouble` is told of each change."""
        self._endpoints = endpoints
        self._on_trouble = on_trouble
        self._kept: TTLCache[str, tuple[Snippet, ...]] = TTLCache(_MAX_KEPT, KEPT_S)
        self._backoff = Backoff()
        self._connection: Connection | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._n_late = 0
        self._is_denied = False
        self._is_closed = False

    @property
    def is_ready(self) -> bool:
        """Whether it is connected, and has answered what it was to be asked last."""
        connection = self._connection
        is_connected = connection is not None and not connection.is_connecting
        return is_connected and not self.trouble and not self._is_denied

    async def prepare(self) -> None:
        """Connects ahead of the first question; what fails is told by `trouble`."""
        try:
            self._backoff.enter()
            await self._client()
            self._succeeded()
        except EndpointError as error:
            self._failed(error)

    async def ask(self, names: tuple[str, ...], purpose: Purpose) -> tuple[Snippet, ...]:
        """What it says of these names, bounded in size; none where it fails, is late or may not be asked."""
        query = " ".join(names) if self.settings.tool else ""
        kept = self._kept.get(query)
        if kept is not None:
            return kept
        try:
            snippets = await self._asked(query, purpose)
        except EndpointError:
            return ()
        self._kept[query] = snippets
        return snippets

    async def call(self, tool: str, arguments: Mapping[str, Any], purpose: Purpose) -> str | None:
        """The text that a tool of the server answers, None if it has no such tool; raises EndpointError."""

        async def work(client: Client, limit: asyncio.Timeout) -> str | None:
            tools = await client.list_tools()
            if all(one.name != tool for one in tools.tools):
                return None
            with self._noted(purpose, json.dumps(arguments, ensure_ascii=False), limit) as heard:
                heard.extend(_texts((await client.call_tool(tool, dict(arguments))).content))
            return "\n".join(text for _, text in heard)

        return await self._within_deadline(work, purpose)

    async def aclose(self) -> None:
        """Ends the connection and waits until the server is gone; no other one is begun."""
        self._is_closed = True
        self._drop()
        if self._closing:
            await asyncio.wait(self._closing)

    async def _asked(self, query: str, purpose: Purpose) -> tuple[Snippet, ...]:
        async def work(client: Client, limit: asyncio.Timeout) -> tuple[Snippet, ...]:
            with self._noted(purpose, query, limit) as heard:
                async for text in self._found(client, query):
                    heard.append(text)
            return tuple(_bounded(heard, self.settings))

        return await self._within_deadline(work, purpose)

    async def _found(self, client: Client, query: str) -> AsyncIterator[tuple[str, str]]:
        """Places and texts, from the search and the resources."""
        if self.settings.tool is not None and query:
            result = await client.call_tool(self.settings.tool, {self.settings.argument: query})
            if result.is_error:
                raise EndpointError("bad_answer", f"its tool {self.settings.tool} fails")
            for text in _texts(result.content):
                yield text
        for uri in self.settings.resources:
            for content in (await client.read_resource(uri)).contents:
                yield uri, getattr(content, "text", "")

    @contextmanager
    def _noted(self, purpose: Purpose, text: str, limit: asyncio.Timeout) -> Iterator[list[tuple[str, str]]]:
        """A question for the block, which puts places and texts of the answer into what it is given."""
        sending = Sending.of(purpose)
        self._gate.consult(Question(sending, self.settings.name, self.settings.url or "", text))
        heard: list[tuple[str, str]] = []
        outcome: Outcome = "failed"
        error, began_s = "", time.monotonic()
        try:
            yield heard
            outcome = "answered"
        except asyncio.CancelledError:
            outcome = "deadline" if limit.expired() else "cancelled"
            raise
        except Exception as failure:
            error = as_endpoint_error(failure, self.settings).kind
            raise
        finally:
            times = Timings(total_ms=1_000 * (time.monotonic() - began_s))
            ended = Ended(purpose, "provider", self.settings.name, outcome, error, times)
            self._gate.over(sending, ended, "\n".join(text for _, text in heard))

    async def _within_deadline(self, work: Callable[[Client, asyncio.Timeout], Awaitable[_T]], purpose: Purpose) -> _T:
        """The outcome of one question; raises EndpointError, and no sooner asks again than the back-off lets."""
        self._backoff.enter()
        try:
            async with asyncio.timeout(self.settings.deadline_ms / 1_000) as limit:
                outcome = await work(await self._client(), limit)
        except asyncio.CancelledError:
            self._backoff.given_up()
            raise
        except Exception as error:  # noqa: BLE001  whatever the SDK raises for whatever a server does
            failure = as_endpoint_error(error, self.settings)
            self._is_denied = failure.kind == "denied"
            if self._is_denied:  # by the gate, of which the provider knows nothing
                self._backoff.given_up()
            else:
                self._failed(failure)
            if failure.kind == "refused":
                self._gate.refused(purpose, "provider", failure)
            raise failure from None
        self._n_late = 0
        self._is_denied = False
        self._succeeded()
        return outcome

    async def _client(self) -> Client:
        if self._is_closed:
            raise EndpointError("unreachable", "it was closed")
        if self._connection is None or not self._connection.is_open:
            self._drop()
            self._connection = Connection(self.settings, self._endpoints)
        return await self._connection.client()

    def _succeeded(self) -> None:
        self._backoff.succeeded()
        self._turned_out("")

    def _failed(self, error: EndpointError) -> None:
        """A server that still connects is left in peace, and so is one that is late once."""
        if self._connection is not None and self._connection.is_connecting:
            self._backoff.given_up()
            return
        self._n_late += error.kind == "timeout"
        if error.kind != "timeout" or self._n_late >= _MAX_LATE:
            self._drop()
        self._backoff.failed(error)
        self._turned_out(str(error))

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        self._n_late = 0
        if connection is not None:
            connection.close()
            closing = asyncio.ensure_future(connection.closed())
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    def _turned_out(self, trouble: str) -> None:
        if trouble != self.trouble:
            self.trouble = trouble
            self._on_trouble()


def _texts(content: Any) -> Iterator[tuple[str, str]]:
    """Places ("" for none) and texts of a tool's answer; images and sounds are left out."""
    for block in content:
        resource = getattr(block, "resource", None)
        if resource is not None:
            yield str(resource.uri), getattr(resource, "text", "")
        else:
            yield "", getattr(block, "text", "")


def _bounded(found: list[tuple[str, str]], settings: ProviderSettings) -> Iterator[Snippet]:
    """Whole lines, no more characters in all than the settings allow."""
    room = settings.max_chars
    for place, text in found:
        plain = "".join(one for one in text[: 2 * room].replace("\r\n", "\n") if one.isprintable() or one in "\n\t")
        shown = clipped(plain.strip(), room - 1)
        if shown.strip():
            path = f"{settings.name}: {place[:_MAX_PLACE_CHARS]}" if place else settings.name
            yield Snippet(path, f"{shown}\n", 0, settings.name)
            room -= len(shown) + 1
        if room < 2:
            return
