"""Which places alone may be reached where a company has named them: owns the forms they are named in; pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

_PORTS = {"http": 80, "https": 443}


def is_named(entries: Sequence[str], scheme: str, host: str, port: int, ip: str) -> bool:
    """Whether a connection is to one of the host names, networks (CIDR) or origins (https://host:port)."""
    return any(_is_it(entry.strip(), scheme, _canonical(host), port, ip) for entry in entries)


def _is_it(entry: str, scheme: str, host: str, port: int, ip: str) -> bool:
    if "://" in entry:
        parts = urlsplit(entry)
        try:
            named = parts.scheme, _canonical(parts.hostname or ""), parts.port or _PORTS.get(parts.scheme)
        except ValueError:  # no port that there is
            return False
        return named == (scheme, host, port)
    try:
        network = ipaddress.ip_network(entry)
    except ValueError:
        return _canonical(entry) == host
    address = ipaddress.ip_address(ip.partition("%")[0])
    if isinstance(address, ipaddress.IPv6Address):
        return (address.ipv4_mapped or address) in network
    return address in network


def _canonical(host: str) -> str:
    return host.strip("[]").rstrip(".").lower()
