"""The only way out: owns which addresses may be reached and the one HTTP client; knows nothing of prompts or models.

A host name is resolved here, every address it gives is judged, and the connection goes to the very
address that was judged, so a name that changes its answer in between gains nothing. Allowed are
loopback, private addresses (RFC 1918, fc00::/7), the user's `endpoint.allowed_networks`, and any
public address of a host in `endpoint.allowed_hosts`. Whatever is not this machine is reached over
TLS, unless its host stands in `endpoint.allowed_http_hosts`. Of all that, what `endpoint.only` names is
left, where it names anything. Proxies of the environment, redirects and
cookies are not honoured: each of them would let somebody else choose where a prompt goes.

What goes wrong on the way leaves as EndpointError: `refused` by the rules above, `timeout` or
`unreachable` for what the network did.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import lru_cache
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import Any

import httpcore2
import httpx2

from lsp_server.endpoint import tls
from lsp_server.endpoint.only import is_named
from lsp_server.endpoint.spare import Spares, Tls
from lsp_server.endpoint.status import EndpointError
from lsp_server.endpoint.tls import Certificates
from lsp_server.options import EndpointSettings

Lookup = Callable[[str, int], Awaitable[list[str]]]
"""The addresses of a host name, best first; raises OSError when there are none."""

CONNECT_TIMEOUT_S = 5.0
KEEPALIVE_S = 90.0
"""Longer than a pause in typing; httpx2's own default of 5 s would shake hands anew after each."""

# Deadlines belong to the caller, who knows what a first token may cost.
_TIMEOUTS = {"timeout": {"connect": CONNECT_TIMEOUT_S, "read": None, "write": None, "pool": None}}
_Ip = ipaddress.IPv4Address | ipaddress.IPv6Address
_PRIVATE = tuple(
    ipaddress.ip_network(network)
    for network in ("127.0.0.0/8", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "::1/128", "fc00::/7")
)
# Never an inference endpoint, and what attackers aim at: this host's unnamed self, cloud metadata, multicast.
_NEVER = tuple(
    ipaddress.ip_network(network)
    for network in (
        "0.0.0.0/8",
        "169.254.0.0/16",
        "224.0.0.0/3",
        "::/128",
        "fe80::/10",
        "ff00::/8",
        "fd00:ec2::254/128",
    )
)

# Their messages hold headers and host names; nothing of a request is to reach a log.
for _name in ("httpx2", "httpcore2"):
    logging.getLogger(_name).setLevel(logging.WARNING)


async def resolve_name(host: str, port: int) -> list[str]:
    """Addresses by the system's resolver, which also reads spellings such as 2130706433 and 0177.0.0.1."""
    if _is_address(host):
        return [host]
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


def open_client(settings: EndpointSettings, *, lookup: Lookup = resolve_name) -> GuardedClient:
    """The guarded client; whoever opens it closes it."""
    transport = _GuardedTransport(settings, lookup)
    return GuardedClient(
        transport,
        transport=transport,
        trust_env=False,
        follow_redirects=False,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        headers={"user-agent": "instant-lsp", "accept-encoding": "identity"},
        # Deadlines belong to the caller, who knows what a first token may cost.
        timeout=httpx2.Timeout(None, connect=CONNECT_TIMEOUT_S),
    )


async def open_stream(
    url: str, settings: EndpointSettings, *, lookup: Lookup = resolve_name
) -> httpcore2.AsyncNetworkStream:
    """A connection to an address that was judged, on which nothing has been said yet; whoever opens it closes it."""
    parsed = httpx2.URL(url)
    _check_url(parsed)
    backend = _CheckedBackend(settings, lookup, is_plain=parsed.scheme == "http")
    with as_endpoint_errors(url):
        port = parsed.port or {"https": 443}.get(parsed.scheme, 80)
        return await backend.connect_tcp(parsed.raw_host.decode("ascii"), port, CONNECT_TIMEOUT_S)


def is_allowed(ip: _Ip, host: str, settings: EndpointSettings) -> bool:
    """Whether a connection to `ip`, which `host` resolved to, may be opened."""
    ip = _unmapped(ip)
    if any(ip in network for network in _NEVER):
        return False
    if any(ip in network for network in _PRIVATE):
        return True
    if any(ip in ipaddress.ip_network(network) for network in settings.allowed_networks):
        return True
    return _is_among(host, settings.allowed_hosts)


def may_be_plain(ip: _Ip, host: str, settings: EndpointSettings) -> bool:
    """Whether what is sent to `ip`, which `host` resolved to, may go without TLS."""
    return _unmapped(ip).is_loopback or _is_among(host, settings.allowed_http_hosts)


class GuardedClient(httpx2.AsyncClient):
    """httpx2's client, which the openai client can use, and a short way for what every keystroke sends."""

    def __init__(self, guarded: httpx2.AsyncBaseTransport, **options: Any) -> None:
        super().__init__(**options)
        self._guarded = guarded

    @asynccontextmanager
    async def posting(self, url: str, content: bytes, headers: dict[str, str]) -> AsyncIterator[httpx2.Response]:
        """A streamed response by the same transport. Cookies, redirects and the like cost 0.7 ms where none is wanted.

        Leaving the block early closes the connection; another one is opened for the next request.
        """
        every = {**headers, "user-agent": "instant-lsp", "accept-encoding": "identity"}
        request = httpx2.Request("POST", _parsed(url), headers=every, content=content, extensions=_TIMEOUTS)
        response = await self._guarded.handle_async_request(request)
        try:
            yield response
        finally:
            await response.aclose()


@lru_cache(maxsize=16)
def _parsed(url: str) -> httpx2.URL:
    return httpx2.URL(url)


class _GuardedTransport(httpx2.AsyncBaseTransport):
    """httpx2's request and response over httpcore2 pools whose connections are checked."""

    def __init__(self, settings: EndpointSettings, lookup: Lookup) -> None:
        self._settings = settings
        self._backends = {
            scheme: Spares(_CheckedBackend(settings, lookup, is_plain=scheme == "http")) for scheme in ("http", "https")
        }
        self._pools: dict[str, httpcore2.AsyncConnectionPool] = {}
        self._certificates = Certificates(settings)
        self._loading = asyncio.Lock()

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        _check_url(request.url)
        pool = await self._pool(request.url.scheme)
        place = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        assert isinstance(request.stream, AsyncIterable)
        with as_endpoint_errors(place):
            response = await pool.handle_async_request(
                httpcore2.Request(
                    method=request.method,
                    url=httpcore2.URL(
                        scheme=request.url.raw_scheme,
                        host=request.url.raw_host,
                        port=request.url.port,
                        target=request.url.raw_path,
                    ),
                    headers=request.headers.raw,
                    content=request.stream,
                    extensions=request.extensions,
                )
            )
        return httpx2.Response(
            status_code=response.status,
            headers=response.headers,
            stream=_Body(response, place, lambda: self._open_ahead(request.url)),
            extensions=response.extensions,
        )

    def _open_ahead(self, url: httpx2.URL) -> None:
        """An answer was left early and its connection is lost; the next request finds another."""
        host = url.raw_host.decode("ascii")
        context = self._certificates.context if url.scheme == "https" else None
        handshake = Tls(context, host) if context is not None else None
        self._backends[url.scheme].open_ahead(host, url.port or {"https": 443}.get(url.scheme, 80), handshake)

    async def aclose(self) -> None:
        for backend in self._backends.values():
            await backend.aclose()
        for pool in self._pools.values():
            await pool.aclose()

    async def _pool(self, scheme: str) -> httpcore2.AsyncConnectionPool:
        if scheme == "https" and not self._certificates.is_current:
            async with self._loading:
                if not self._certificates.is_current:
                    await asyncio.to_thread(self._certificates.load)
        if scheme not in self._pools:
            self._pools[scheme] = httpcore2.AsyncConnectionPool(
                ssl_context=self._certificates.context if scheme == "https" else None,
                max_connections=None,
                max_keepalive_connections=8,
                keepalive_expiry=KEEPALIVE_S,
                network_backend=self._backends[scheme],
            )
        return self._pools[scheme]


class _Body(httpx2.AsyncByteStream):
    """A response's bytes as they come; `on_left` hears that not all of them were wanted."""

    def __init__(self, response: httpcore2.Response, place: str, on_left: Callable[[], None]) -> None:
        self._response = response
        self._place = place
        self._on_left = on_left
        self._is_whole = False

    async def __aiter__(self) -> AsyncIterator[bytes]:
        # Not aiter_stream(): openai reads what is left of a finished stream, which that forbids.
        stream = self._response.stream
        assert isinstance(stream, AsyncIterable)
        with as_endpoint_errors(self._place):
            async for part in stream:
                yield part
        self._is_whole = True

    async def aclose(self) -> None:
        await self._response.aclose()
        if not self._is_whole:
            self._on_left()


class _CheckedBackend(httpcore2.AsyncNetworkBackend):
    """Opens TCP connections to judged addresses only. TLS still checks the certificate against the name."""

    def __init__(self, settings: EndpointSettings, lookup: Lookup, *, is_plain: bool) -> None:
        self._settings = settings
        self._lookup = lookup
        self._is_plain = is_plain
        self._network = httpcore2.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109  httpcore2's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        *others, last = await self._allowed_addresses(host, port)
        for address in others:
            try:
                return await self._network.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._network.connect_tcp(last, port, timeout, local_address, socket_options)

    async def sleep(self, seconds: float) -> None:
        await self._network.sleep(seconds)

    async def _allowed_addresses(self, host: str, port: int) -> list[str]:
        try:
            found = await asyncio.wait_for(self._lookup(host.strip("[]"), port), CONNECT_TIMEOUT_S)
        except (OSError, UnicodeError):
            found = []
        if not found:
            raise EndpointError(
                "unreachable", f"The name {host} cannot be resolved: check the endpoint's url and the network."
            )
        allowed = [address for address in found if is_allowed(_ip(address), host, self._settings)]
        if not allowed:
            raise _refusal(host, _ip(found[0]))
        if self._is_plain:
            allowed = [address for address in allowed if may_be_plain(_ip(address), host, self._settings)]
        if not allowed:
            raise EndpointError(
                "refused",
                f"{host} would be sent code without TLS: use https://, or add {host} to endpoint.allowed_http_hosts "
                "in your own settings.",
            )
        return self._named(allowed, host, port)

    def _named(self, addresses: list[str], host: str, port: int) -> list[str]:
        """Those that the company has named, where it has named any."""
        only, scheme = self._settings.only, "http" if self._is_plain else "https"
        named = [one for one in addresses if not only or is_named(only, scheme, host, port, one)]
        if not named:
            raise EndpointError("refused", f"{scheme}://{host}:{port} is none of the places in endpoint.only.")
        return named


def _check_url(url: httpx2.URL) -> None:
    if url.scheme not in ("http", "https"):
        raise EndpointError("refused", "The endpoint's url must start with http:// or https://.")
    if url.userinfo:
        raise EndpointError("refused", "The endpoint's url holds a user name or password: use token_env instead.")


def _refusal(host: str, ip: _Ip) -> EndpointError:
    place = host if host == str(ip) else f"{host} ({ip})"
    if any(_unmapped(ip) in network for network in _NEVER):
        return EndpointError(
            "refused", f"{place} is a link-local, multicast or reserved address, which no option allows."
        )
    return EndpointError(
        "refused",
        f"{place} is outside the private networks: to allow it, add its network to endpoint.allowed_networks "
        "or its name to endpoint.allowed_hosts in your own settings.",
    )


def _is_address(host: str) -> bool:
    try:
        _ip(host)
    except ValueError:
        return False
    return True


def _ip(address: str) -> _Ip:
    return ipaddress.ip_address(address.partition("%")[0])


def _unmapped(ip: _Ip) -> _Ip:
    """An IPv4 address that is written as IPv6 is that IPv4 address."""
    return ip.ipv4_mapped or ip if isinstance(ip, ipaddress.IPv6Address) else ip


def _is_among(host: str, hosts: Iterable[str]) -> bool:
    return _canonical(host) in map(_canonical, hosts)


def _canonical(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()


@contextmanager
def as_endpoint_errors(place: str) -> Iterator[None]:
    """What the network and TLS raise, as EndpointError with what to do about it."""
    try:
        yield
    except (httpcore2.NetworkError, httpcore2.TimeoutException, httpcore2.ProtocolError, ssl.SSLError) as error:
        # Not chained: a protocol error's text may quote what was received.
        is_late = isinstance(error, httpcore2.TimeoutException) and not isinstance(error, httpcore2.ConnectTimeout)
        raise EndpointError("timeout" if is_late else "unreachable", _network_message(place, error)) from None


def _network_message(place: str, error: BaseException) -> str:
    if (message := tls.message(place, _causes(error))) is not None:
        return message
    if isinstance(error, httpcore2.ConnectError | httpcore2.ConnectTimeout):
        return f"There is no connection to {place}: check that the endpoint runs and that its url is right."
    if isinstance(error, httpcore2.TimeoutException):
        return f"{place} has not answered in time."
    return f"The connection to {place} broke: check that the endpoint runs and speaks HTTP there."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
