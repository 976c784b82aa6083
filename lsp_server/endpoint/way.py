"""The way to an endpoint step by step, for who looks for what is wrong with it: owns no request and no judgement."""

from __future__ import annotations

import asyncio
import ssl
import time
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from lsp_server.endpoint import guard, wire
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.status import EndpointError
from lsp_server.endpoint.tls import Certificates
from lsp_server.options import EndpointSettings


@dataclass(frozen=True, slots=True)
class Certificate:
    """What an https endpoint shows of itself; `expires_s` is in seconds since 1970."""

    issuer: str
    expires_s: float
    protocol: str


async def addresses(url: str, *, lookup: guard.Lookup = guard.resolve_name) -> list[str]:
    """What the name in a url resolves to; raises EndpointError where it does not, `refused` for what is no url."""
    wire.check(Address(url))
    parts = urlsplit(url)
    host = parts.hostname or ""
    try:
        found = await lookup(host, parts.port or {"https": 443}.get(parts.scheme, 80))
    except (OSError, ValueError):
        found = []
    if not found:
        raise EndpointError("unreachable", f"The name {host} cannot be resolved: check the url and the network.")
    return found


async def connect_ms(url: str, settings: EndpointSettings, *, lookup: guard.Lookup = guard.resolve_name) -> float:
    """How long a TCP connection to an allowed address takes; raises EndpointError, `refused` for one that is not."""
    started_s = time.perf_counter()
    stream = await guard.open_stream(url, settings, lookup=lookup)
    await stream.aclose()
    return (time.perf_counter() - started_s) * 1000


async def certificate(
    url: str, settings: EndpointSettings, *, lookup: guard.Lookup = guard.resolve_name
) -> Certificate:
    """The certificate of an https endpoint that is believed; raises EndpointError for any other."""
    certificates = Certificates(settings)
    await asyncio.to_thread(certificates.load)
    assert certificates.context is not None
    stream = await guard.open_stream(url, settings, lookup=lookup)
    try:
        with guard.as_endpoint_errors(url):
            secured = await stream.start_tls(certificates.context, urlsplit(url).hostname, guard.CONNECT_TIMEOUT_S)
        return _read(secured.get_extra_info("ssl_object"))
    finally:
        await stream.aclose()


def _read(secured: Any) -> Certificate:
    shown = secured.getpeercert() or {}
    issuer = {name: value for part in shown.get("issuer", ()) for name, value in part}
    name = issuer.get("commonName") or issuer.get("organizationName") or "an unnamed authority"
    return Certificate(name, float(ssl.cert_time_to_seconds(shown["notAfter"])), secured.version() or "TLS")
