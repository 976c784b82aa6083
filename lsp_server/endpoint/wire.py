"""Requests to an OpenAI-compatible endpoint over the guarded client: owns paths, headers and bodies, no policy."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

import httpx2
import orjson

from lsp_server.endpoint import faults, sse
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.guard import GuardedClient
from lsp_server.endpoint.purpose import Purpose, Sending
from lsp_server.endpoint.status import EndpointError

# A question about the endpoint, not to its model; completions have the tier's deadlines instead.
_PROBE = Purpose("probe")
_QUESTION_TIMEOUT = httpx2.Timeout(10.0, connect=5.0)


def check(address: Address) -> None:
    """Raises EndpointError for a url or token that cannot be sent."""
    try:
        httpx2.URL(address.url)
    except httpx2.InvalidURL:
        shown = address.url.rpartition("@")[2]
        raise EndpointError("refused", f"{shown} is not a valid url: check the endpoint's url.") from None
    if address.token is not None and not (address.token.isascii() and address.token.isprintable()):
        raise EndpointError("auth", "The token holds characters that no token has: check the variable of token_env.")


async def is_healthy(client: httpx2.AsyncClient, address: Address) -> bool:
    """Whether whoever listens there says that it can serve; a server without `/health` is healthy when it answers."""
    try:
        status = await health(client, address)
    except EndpointError:
        return False
    return status < 500 and status != 429


async def health(client: httpx2.AsyncClient, address: Address) -> int:
    """The status that the server's health check answers with; raises EndpointError."""
    check(address)
    url = address.url.removesuffix("/v1") + "/health"
    response = await client.get(url, headers=_headers(address), timeout=_QUESTION_TIMEOUT)
    return response.status_code


async def get_json(client: httpx2.AsyncClient, address: Address, path: str) -> dict[str, Any]:
    """A JSON object from below the address; raises EndpointError."""
    response = await client.get(address.url + path, headers=_headers(address), timeout=_QUESTION_TIMEOUT)
    if response.status_code != 200:
        raise faults.of_response(address, response.status_code, response.headers, response.content)
    return _object(address, response)


async def post_json(client: httpx2.AsyncClient, address: Address, url: str, body: dict[str, Any]) -> dict[str, Any]:
    """The JSON object that `url` answers; raises EndpointError."""
    response = await client.post(url, content=orjson.dumps(body), headers=_headers(address), timeout=_QUESTION_TIMEOUT)
    if response.status_code != 200:
        raise faults.of_response(address, response.status_code, response.headers, response.content)
    return _object(address, response)


@asynccontextmanager
async def completion_events(
    client: GuardedClient, address: Address, body: dict[str, Any], sending: Sending | None = None
) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """Events of a streamed completion. Leaving the block closes the connection, which stops the model."""
    url = address.url + "/completions"
    async with client.posting(url, orjson.dumps(body), _headers(address, sending)) as response:
        if response.status_code != 200:
            await response.aread()
            raise faults.of_response(address, response.status_code, response.headers, response.content)
        async with aclosing(_events(address, response)) as events:
            yield events


async def _events(address: Address, response: httpx2.Response) -> AsyncGenerator[dict[str, Any]]:
    kind = response.headers.get("content-type", "")
    if kind.startswith("application/json"):
        # Some gateways gather the stream into one answer.
        yield sse.parse(await response.aread())
    elif kind.startswith("text/html"):
        raise faults.not_compatible(address)
    else:
        async with aclosing(sse.events(response.aiter_raw())) as events:
            async for event in events:
                yield event


def _object(address: Address, response: httpx2.Response) -> dict[str, Any]:
    try:
        found = orjson.loads(response.content)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise faults.not_compatible(address)
    return found


def _headers(address: Address, sending: Sending | None = None) -> dict[str, str]:
    headers = {"content-type": "application/json", **(sending or Sending.of(_PROBE)).headers()}
    if address.token:
        headers["authorization"] = f"Bearer {address.token}"
    return headers
