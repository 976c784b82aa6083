"""The way to one tier's endpoint: owns where it is found, whether it serves, its back-off and its status; asks nothing.

What is expected to fail becomes one state, told once. Whoever asks calls `enter`, takes `prepared()`, and says
`failed` or `succeeded` afterwards; `lose` says whether another place or another token is there to try once more.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from lsp_server.endpoint import wire
from lsp_server.endpoint.address import Address, Resolve
from lsp_server.endpoint.answer import Timings
from lsp_server.endpoint.backoff import Backoff
from lsp_server.endpoint.chat import Chat
from lsp_server.endpoint.ended import Ended
from lsp_server.endpoint.gate import Gate, Leaving
from lsp_server.endpoint.guard import GuardedClient
from lsp_server.endpoint.probe import Capabilities, probe
from lsp_server.endpoint.purpose import Feature, Purpose, Sending
from lsp_server.endpoint.status import EndpointError, State, Status
from lsp_server.options import TierSettings

RECOVERY_S = 2.0
MAX_RECOVERY_S = 30.0

MAX_PLACES = 8
"""Places that one request is tried at; more of them that fail are no accident."""

DENIED_S = 600.0
"""What a role may not do is asked again after so long: roles change rarely."""

Served = tuple[Address, Capabilities]
Lost = Callable[[Address, EndpointError], bool]
"""Told that an address failed; whether another place or token is there now."""

_FORGET = ("no_model", "unreachable", "auth")
_WAIT = ("unreachable", "timeout", "overloaded", "limited", "auth")


class Link:
    """Connects to what `resolve` finds; `lost` is told what failed there. See client.Endpoint for `on_status`."""

    def __init__(
        self,
        tier_name: str,
        tier: TierSettings,
        resolve: Resolve,
        *,
        client: GuardedClient,
        chat: Chat,
        on_status: Callable[[Status], None],
        gate: Gate,
        lost: Lost,
        backoff: Backoff,
        recovery_s: float,
    ) -> None:
        self.status = Status("starting", "The endpoint has not been asked yet.", tier_name)
        self.served: Served | None = None
        self.backoff = backoff
        self._tier = tier
        self._resolve = resolve
        self._client = client
        self._chat = chat
        self._on_status = on_status
        self._gate = gate
        self._lost = lost
        self._reason = ""
        self._last_error: EndpointError | None = None
        self._denied: dict[Feature, tuple[EndpointError, float]] = {}
        self._preparing: asyncio.Task[Served] | None = None
        self._recovery_s = recovery_s
        self._recovering: asyncio.Task[None] | None = None
        self._is_closed = False

    async def prepared(self) -> Served:
        """Address and capabilities, found out once for all who wait; cancelling one of them stops it for none."""
        if self._is_closed:
            raise EndpointError("unreachable", "This connection was given up for new settings: ask again.")
        if self.served is not None and time.time() < self.served[0].renew_at_s:
            return self.served
        if self._preparing is None or self._preparing.done():
            self._preparing = asyncio.create_task(self._find())
            # Should all who wait be cancelled, its error has still been dealt with.
            self._preparing.add_done_callback(lambda task: task.cancelled() or task.exception())
        if self.served is not None and time.time() < self.served[0].expires_at_s:
            return self.served
        return await asyncio.shield(self._preparing)

    def enter(self, feature: Feature) -> bool:
        """Call before a request; whether it is a trial. Raises what is known to come of it."""
        error, until_s = self._denied.get(feature, (None, 0.0))
        if error is not None and self.backoff.clock() < until_s:
            raise EndpointError(error.kind, str(error))
        return self.backoff.enter()

    def lose(self, served: Served, error: EndpointError) -> bool:
        """Gives up what failed; whether `prepared` will find another place or token."""
        is_elsewhere = self._lost(served[0], error)
        if (error.kind == "unreachable" or is_elsewhere) and self.served is not None and self.served[0] == served[0]:
            self.served = None
        return is_elsewhere

    def succeeded(self, feature: Feature = "probe") -> None:
        """The endpoint has answered."""
        self._denied.pop(feature, None)
        self.backoff.succeeded()
        self._last_error = None
        if self.served is not None:
            address, able = self.served
            how = f"fill-in-the-middle, {able.fim_format.name}" if able.fim_format is not None else "chat"
            denied = "".join(f" {error}" for error, _ in self._denied.values())
            reason = f"ready {sorted(self._denied)}"
            self._tell("ready", reason, f"{able.model} at {address.url} is ready ({how}).{denied}", able.model)

    def failed(self, error: EndpointError, feature: Feature = "probe") -> None:
        """The endpoint has not answered as needed."""
        if error is self._last_error:
            return
        self._last_error = error
        if error.kind in _FORGET:
            self.served = None
        if error.kind in _WAIT:
            self.backoff.failed(error)
            self._await_recovery()
        if error.kind == "forbidden" and feature != "probe":
            self._deny(error, feature)
        elif error.kind in ("unset", "denied"):
            self._tell("off", error.kind, str(error))
        elif error.kind != "too_large":
            # One prompt too many says nothing about the endpoint.
            self._tell("down", error.kind, str(error))

    def announce(self, status: Status) -> None:
        """Publishes what is done to reach the endpoint, such as starting it; whatever comes next is told again."""
        self._reason = status.message
        self.status = status
        self._on_status(status)

    def close(self) -> None:
        """Stops probing and waiting for recovery; who asks later is told so."""
        self._is_closed = True
        for task in (self._preparing, self._recovering):
            if task is not None:
                task.cancel()

    async def _find(self) -> Served:
        """Looks for the endpoint at every place in turn, or for another token for the same place."""
        if self._reason == "":
            self._tell("starting", "starting", "The endpoint is being connected.")
        try:
            for _ in range(MAX_PLACES):
                address = await self._resolve()
                try:
                    return await self._found(address)
                except EndpointError as error:
                    if not self._lost(address, error):
                        raise
            return await self._found(await self._resolve())
        except EndpointError as error:
            self.failed(error)
            raise

    async def _found(self, address: Address) -> Served:
        """What serves at the address; it is asked what it can do, unless it is where it was."""
        before = self.served
        if before is not None and (address.url, address.model) == (before[0].url, before[0].model):
            if address.token != before[0].token:
                self._denied.clear()
            self.served = (address, before[1])
            return self.served
        able = await self._probed(address)
        if able.mode == "chat":
            await self._chat.prepare(address)
        self._denied.clear()
        self.served = (address, able)
        self.succeeded()
        return self.served

    async def _probed(self, address: Address) -> Capabilities:
        """What the endpoint can do; all the questions that find it out are one request to the gate."""
        sending, name = Sending.of(Purpose("probe")), self.status.tier
        self._gate.leave(Leaving(sending, name, address))
        try:
            able = await probe(self._client, address, self._tier)
        except EndpointError as error:
            self._gate.over(sending, Ended.unanswered(sending.purpose, name, "", error), "")
            if error.kind == "refused":
                self._gate.refused(sending.purpose, name, error)
            raise
        except asyncio.CancelledError:
            self._gate.over(sending, Ended.unanswered(sending.purpose, name, "", None), "")
            raise
        self._gate.over(sending, Ended(sending.purpose, name, able.model, "answered", "", Timings()), "")
        return able

    def _await_recovery(self) -> None:
        if not self._is_closed and (self._recovering is None or self._recovering.done()):
            self._recovering = asyncio.create_task(self._recover())

    async def _recover(self) -> None:
        """Asks for the endpoint's health, ever more rarely, until it serves: the status then needs no keystroke."""
        pause_s = self._recovery_s
        while True:
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, MAX_RECOVERY_S)
            if self.status.state != "down":
                return
            try:
                if await self._is_somewhere():
                    self.served = None
                    await self.prepared()
                    return
            except EndpointError:
                continue

    async def _is_somewhere(self) -> bool:
        """Whether any place is healthy."""
        for _ in range(MAX_PLACES):
            address = await self._resolve()
            if await wire.is_healthy(self._client, address):
                return True
            if not self._lost(address, EndpointError("unreachable", "The health check failed.")):
                return False
        return False

    def _deny(self, error: EndpointError, feature: Feature) -> None:
        """The role lacks this feature, which says nothing about the others."""
        self._denied[feature] = error, self.backoff.clock() + DENIED_S
        if feature == "completion":
            self._tell("down", error.kind, str(error))
        else:
            self.succeeded()

    def _tell(self, state: State, reason: str, message: str, model: str = "") -> None:
        """Publishes a status whose state, or the reason for it, has changed."""
        is_new = (state, reason, model) != (self.status.state, self._reason, self.status.model)
        if is_new:
            self._reason = reason
            self.status = Status(state, message, self.status.tier, model)
            self._on_status(self.status)
