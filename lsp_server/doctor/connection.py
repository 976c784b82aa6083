"""Checks of the way to an endpoint: owns the order name, address, TLS, token, health; asks no model."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from lsp_server.doctor.finding import Finding, Patient, split
from lsp_server.endpoint import way, wire
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.status import EndpointError
from lsp_server.endpoint.tokens import Token, TokenSource, claims
from lsp_server.options import EndpointSettings, ServedSettings

SOON_DAYS = 14
"""A certificate that ends within so many days is worth a word to who runs the endpoint."""

_DAY_S = 86_400
_LATEST_S = 1e11


async def place(tier: str, url: str, settings: EndpointSettings, token: Token) -> AsyncIterator[Finding]:
    """The checks of one url, up to the first that fails."""
    async for finding in _steps(tier, url, settings, token):
        yield finding
        if finding.state == "failed":
            return


async def token(patient: Patient, tier: str, source: TokenSource) -> tuple[Finding, Token]:
    """What can be said of the tier's token without showing it, and the token."""
    try:
        read = await source.get()
    except EndpointError as error:
        return Finding(tier, "token", "failed", *split(str(error))), Token()
    if read.value is None:
        return Finding(tier, "token", "ok", "None is set, and none is sent."), read
    told = claims(read.value)
    found = f"Read from {source.name}; {_roles(patient, told)}; {_expiry(told)}."
    ends_s = _ends_s(told)
    if ends_s is not None and ends_s < time.time():
        return Finding(tier, "token", "failed", found, f"Put a new one into {source.name}."), read
    return Finding(tier, "token", "ok", found), read


async def _steps(tier: str, url: str, settings: EndpointSettings, token: Token) -> AsyncIterator[Finding]:
    shown = _shown(url)
    try:
        yield _named(tier, shown, await way.addresses(url))
    except EndpointError as error:
        yield Finding(tier, "name", "failed", *split(str(error)))
        return
    try:
        connect_ms = await way.connect_ms(url, settings)
    except EndpointError as error:
        check = "address" if error.kind == "refused" else "connection"
        yield Finding(tier, check, "failed", *split(str(error)))
        return
    yield Finding(tier, "address", "ok", f"{shown} is inside what may be reached.")
    yield Finding(tier, "connection", "ok", f"A TCP connection takes {connect_ms:.1f} ms.")
    yield await _tls(tier, url, settings)
    yield await _health(tier, Address(url, token=token.value), settings)


def _named(tier: str, shown: str, found: list[str]) -> Finding:
    kinds = [f"{address} ({_kind(address)})" for address in found]
    return Finding(tier, "name", "ok", f"{shown} is {', '.join(kinds)}.")


def _kind(address: str) -> str:
    ip = ipaddress.ip_address(address.partition("%")[0])
    return "this machine" if ip.is_loopback else "private" if ip.is_private else "public"


async def _tls(tier: str, url: str, settings: EndpointSettings) -> Finding:
    if not url.startswith("https://"):
        return Finding(tier, "TLS", "ok", "Not used: the url begins with http://, which the guard allows here.")
    try:
        shown = await way.certificate(url, settings)
    except EndpointError as error:
        return Finding(tier, "TLS", "failed", *split(str(error)))
    n_days = int((shown.expires_s - time.time()) / _DAY_S)
    found = f"{shown.protocol}, certificate by {shown.issuer}, good for {n_days} days."
    if n_days < SOON_DAYS:
        return Finding(tier, "TLS", "warning", found, "Tell who runs the endpoint to renew the certificate.")
    return Finding(tier, "TLS", "ok", found)


async def _health(tier: str, address: Address, settings: EndpointSettings) -> Finding:
    try:
        async with open_client(settings) as client:
            status = await wire.health(client, address)
    except EndpointError as error:
        return Finding(tier, "health", "failed", *split(str(error)))
    if status == 200:
        return Finding(tier, "health", "ok", "/health answers 200.")
    if status < 500 and status != 429:
        return Finding(tier, "health", "warning", f"/health answers {status}: the server has none, or hides it.")
    return Finding(
        tier, "health", "failed", f"/health answers {status}.", "Wait until the model is loaded, or ask who runs it."
    )


def _shown(url: str) -> str:
    """A url as it may be shown: nobody's name and password."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _roles(patient: Patient, told: Mapping[str, Any]) -> str:
    if not told:
        return "it is no JWT, so that its role is the gateway's to know"
    grant = patient.policy.grant(told)
    return f"role {grant.role}" if grant.role else "it names no role"


def _expiry(told: Mapping[str, Any]) -> str:
    ends_s = _ends_s(told)
    if ends_s is None:
        return "it does not say when it ends"
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(ends_s))
    return f"it ended on {when}" if ends_s < time.time() else f"it ends on {when}"


def _ends_s(told: Mapping[str, Any]) -> float | None:
    ends = told.get("exp")
    if isinstance(ends, int | float) and not isinstance(ends, bool) and 0 <= ends < _LATEST_S:
        return float(ends)
    return None


def urls(tier: ServedSettings) -> tuple[str, ...]:
    """Where a tier is served, best first."""
    return tuple(dict.fromkeys(url for url in (tier.url, *tier.fallback_urls) if url))
