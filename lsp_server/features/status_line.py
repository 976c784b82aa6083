"""What the editor is told of the server: owns its one status and when that is sent; finds nothing out itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from lsprotocol import types

from lsp_server.endpoint.status import Status

if TYPE_CHECKING:
    from lsp_server.server import InstantServer

STATUS = "instant/status"
"""Notification with the fields of Status; sent once per change."""


class StatusLine:
    """`shown` is what was sent last: the session's own status with all else that the developer has to know."""

    def __init__(self, ls: InstantServer) -> None:
        self.shown = Status("starting", "The server is starting.")
        self._ls = ls
        self._of_session = self.shown

    def take(self, status: Status) -> None:
        """Shows what the session says of itself, from now on."""
        self._of_session = status
        self.show(status)

    def again(self) -> None:
        """Shows what the session has said last, in place of what was shown of one document."""
        self.show(self._of_session)

    def show(self, status: Status) -> None:
        """Tells the editor a change of state, once."""
        ls = self._ls
        if ls.policy.trouble:
            status = replace(status, state="off", message=ls.policy.trouble)
        elif ls.trail.lets_nothing_pass:
            message = f"Nothing is sent, since the audit trail is required. {ls.trail.trouble}"
            status = replace(status, state="down", message=message)
        else:
            status = replace(status, message=" ".join([status.message, *self._further()]))
        tiers = ls.session.available_tiers if ls.session is not None else ()
        options = ls.settings.completion
        features = tuple(one for one in ls.features if one != "completion" or options.enabled)
        status = replace(status, features=features, tiers=tiers, off_languages=options.disabled_languages)
        if status != self.shown:
            self.shown = status
            ls.protocol.notify(STATUS, asdict(status))
            if status.state == "down":
                ls.tell(types.MessageType.Warning, status.message)

    def _further(self) -> Iterator[str]:
        """Sentences about what is wrong besides."""
        for text in map(str, self._ls.problems):
            yield f"{text[0].upper()}{text[1:]}."
        if self._ls.trail.trouble:
            yield self._ls.trail.trouble


async def current_status(ls: InstantServer, *_: Any) -> dict[str, Any]:
    """What the status item shows, with the times of the last completion."""
    times = ls.session.completer.last_times if ls.session is not None else None
    return {**asdict(ls.status.shown), "times": asdict(times) if times else None, "counts": asdict(ls.counts)}
