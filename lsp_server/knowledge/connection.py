"""One connection to an MCP server: owns how it is opened, used and closed; knows no queries and no editor.

Everything of the SDK is imported here, when the first provider connects: it costs seconds and is an extra. A command
is started without a shell, in the user's home, with the environment that the SDK thinks harmless and the variables
that the user names; what it writes on stderr goes nowhere. A url is reached by the guarded client alone.

What fails leaves as EndpointError, whose message quotes nothing that was asked or answered.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import logging
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lsp_server import __version__
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.status import EndpointError
from lsp_server.options import EndpointSettings
from lsp_server.provider_settings import ProviderSettings

if TYPE_CHECKING:
    from mcp import Client

CONNECT_S = 30.0
"""A server may read an index before it answers; nobody waits for it meanwhile."""

_CLOSED = "it was closed"
NOT_INSTALLED = "the MCP SDK is not installed: install instant-lsp[mcp]"

# The SDK's messages quote what is sent and received.
logging.getLogger("mcp").setLevel(logging.CRITICAL + 1)


class Connection:
    """A server that is being connected to, or is connected; one task owns it from beginning to end."""

    def __init__(self, provider: ProviderSettings, endpoints: EndpointSettings) -> None:
        self._provider = provider
        self._endpoints = endpoints
        self._is_closing = asyncio.Event()
        self._client: asyncio.Future[Client] = asyncio.get_running_loop().create_future()
        self._client.add_done_callback(_looked_at)
        self._task = asyncio.create_task(self._run())

    @property
    def is_open(self) -> bool:
        """Whether it may still be used."""
        return not self._task.done() and not self._is_closing.is_set()

    @property
    def is_connecting(self) -> bool:
        """Whether nobody knows yet if it will be."""
        return not self._client.done()

    async def client(self) -> Client:
        """The connected client; raises EndpointError. Who stops waiting does not stop the connecting."""
        return await asyncio.shield(self._client)

    def close(self) -> None:
        """Ends it in its own time; `closed` waits for that."""
        self._is_closing.set()
        if not self._client.done():
            self._task.cancel()
            self._fail(EndpointError("unreachable", _CLOSED))  # a task that has not begun never does so itself

    async def closed(self) -> None:
        """Waits until the server's process or connection is gone."""
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        try:
            async with asyncio.timeout(CONNECT_S) as patience, _opened(self._provider, self._endpoints) as client:
                patience.reschedule(None)
                self._client.set_result(client)
                await self._is_closing.wait()
        except asyncio.CancelledError:
            self._fail(EndpointError("unreachable", _CLOSED))
        except BaseException as error:  # noqa: BLE001  whatever the SDK and its groups of tasks raise
            self._fail(as_endpoint_error(error, self._provider))

    def _fail(self, error: EndpointError) -> None:
        if not self._client.done():
            self._client.set_exception(error)


def as_endpoint_error(error: BaseException, provider: ProviderSettings) -> EndpointError:
    """What is told of a failure: the guard's own words, or the kind of what happened."""
    found = next((one for one in _causes(error) if isinstance(one, EndpointError)), None)
    if found is not None:
        return found
    if isinstance(error, TimeoutError):
        return EndpointError("timeout", "it does not answer in time, or does not speak MCP")
    if isinstance(error, FileNotFoundError | PermissionError | NotADirectoryError):
        return EndpointError("unreachable", f"its command {provider.command} cannot be started")
    kind = next(iter([type(one).__name__ for one in _causes(error) if not isinstance(one, BaseExceptionGroup)]), "")
    return EndpointError("bad_answer", f"it fails or does not speak MCP ({kind})")


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, what it is a group of, and what it came of."""
    yield error
    if isinstance(error, BaseExceptionGroup):
        for one in error.exceptions:
            yield from _causes(one)
    if error.__cause__ is not None:
        yield from _causes(error.__cause__)


@asynccontextmanager
async def _opened(provider: ProviderSettings, endpoints: EndpointSettings) -> AsyncIterator[Client]:
    if importlib.util.find_spec("mcp") is None:
        raise EndpointError("unset", NOT_INSTALLED)
    # On a thread, since the import takes seconds in which nobody's keystroke is to wait.
    sdk = await asyncio.to_thread(importlib.import_module, "mcp")
    about = sdk.Implementation(name="instant-lsp", version=__version__)
    async with (
        _transport(sdk, provider, endpoints) as transport,
        sdk.Client(transport, client_info=about, cache=None) as client,
    ):
        yield client


@asynccontextmanager
async def _transport(sdk: Any, provider: ProviderSettings, endpoints: EndpointSettings) -> AsyncIterator[Any]:
    if provider.command is not None:
        with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: ASYNC230  it does not block
            yield sdk.stdio_client(_process(sdk, provider), errlog=nowhere)
        return
    http = await asyncio.to_thread(importlib.import_module, "mcp.client.streamable_http")
    async with open_client(endpoints) as client:
        token = os.environ.get(provider.token_env) if provider.token_env else None
        if token:
            client.headers["authorization"] = f"Bearer {token}"
        yield http.streamable_http_client(provider.url, http_client=client)


def _process(sdk: Any, provider: ProviderSettings) -> Any:
    assert provider.command is not None
    return sdk.StdioServerParameters(
        command=os.path.expanduser(provider.command),
        args=list(provider.args),
        env={name: os.environ[name] for name in provider.env if name in os.environ},
        cwd=Path.home(),
    )


def _looked_at(future: asyncio.Future[Any]) -> None:
    """Nobody may ever ask for a failed connection's client, which is no news then."""
    with suppress(asyncio.CancelledError):
        future.exception()
