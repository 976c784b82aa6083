"""At which of the configured addresses a tier is asked: owns the choice and the token; opens no connection itself.

All requests go to one place, since a prefix cache is worth most where the whole conversation is. A place that cannot
be reached or cannot answer is left for the next one; the better one is taken again once it has been healthy twice.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from lsp_server.endpoint import tokens
from lsp_server.endpoint.address import Address
from lsp_server.endpoint.status import EndpointError
from lsp_server.options import ServedSettings

CHECK_S = 15.0
"""Between two looks at a better place that was lost."""

MAX_LATE = 3
"""First tokens that may miss their deadline within a minute before the next place is asked."""

_N_HEALTHY = 2
IsHealthy = Callable[[Address], Awaitable[bool]]


async def _is_never_healthy(_: Address) -> bool:
    return False


@dataclass(slots=True)
class _Lost:
    """A place that failed: when to look at it again, and how often it was healthy since."""

    until_s: float
    n_healthy: int = 0


class Places:
    """Where the settings say that one tier is served; `address` and `lost` are what client.Endpoint asks for."""

    def __init__(
        self,
        tier: ServedSettings,
        is_healthy: IsHealthy = _is_never_healthy,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.token = tokens.source(tier)
        self._urls = tuple(dict.fromkeys(url for url in (tier.url, *tier.fallback_urls) if url))
        self._model = tier.model
        self._is_healthy = is_healthy
        self._clock = clock
        self._down: dict[str, _Lost] = {}
        self._late_s: list[float] = []

    async def address(self) -> Address:
        """The place and the token to ask with now; raises EndpointError."""
        if not self._urls:
            raise EndpointError("unset", "No endpoint is set: set endpoint.instant.url.")
        token = await self.token.get()
        url = await self._choose(token)
        # A better place is looked for while this one serves.
        renew_at_s = token.renew_at_s if url == self._urls[0] else min(token.renew_at_s, self._clock() + CHECK_S)
        return Address(url, self._model, token.value, renew_at_s, token.expires_at_s)

    def lost(self, address: Address, error: EndpointError) -> bool:
        """Takes note of a failure; whether another token or another place is worth a try now."""
        if error.kind == "auth":
            return self.token.refuse(address.token)
        if len(self._urls) < 2 or not (error.kind in ("unreachable", "overloaded") or self._is_hanging(error)):
            return False
        self._down[address.url] = _Lost(self._clock() + CHECK_S)
        return any(url not in self._down for url in self._urls)

    async def _choose(self, token: tokens.Token) -> str:
        """The best place that is not lost; if all are, the one that was lost first is tried again."""
        now_s = self._clock()
        best = next((url for url in self._urls if url not in self._down), None)
        if best is None:
            best = min(self._down, key=lambda url: self._down[url].until_s)
            del self._down[best]
        for url in self._urls[: self._urls.index(best)]:
            # Not there: somebody else has looked meanwhile, and found it well.
            lost = self._down.get(url)
            if lost is None or (lost.until_s <= now_s and await self._is_back(url, lost, token)):
                return url
        return best

    async def _is_back(self, url: str, lost: _Lost, token: tokens.Token) -> bool:
        lost.until_s = self._clock() + CHECK_S
        is_healthy = await self._is_healthy(Address(url, self._model, token.value))
        lost.n_healthy = lost.n_healthy + 1 if is_healthy else 0
        if lost.n_healthy < _N_HEALTHY:
            return False
        self._down.pop(url, None)
        return True

    def _is_hanging(self, error: EndpointError) -> bool:
        """Whether so many first tokens came too late that the place is stuck rather than busy."""
        if error.kind != "timeout":
            return False
        now_s = self._clock()
        self._late_s = [late_s for late_s in self._late_s if now_s - late_s < 60] + [now_s]
        if len(self._late_s) < MAX_LATE:
            return False
        self._late_s.clear()
        return True
