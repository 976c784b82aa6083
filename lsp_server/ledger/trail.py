"""The audit trail of one server as its settings want it: owns opening and closing it beside the event loop."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lsp_server.options import AuditSettings

if TYPE_CHECKING:
    from lsp_server.ledger.audit import Audit, State

OPENING_S = 3.0
"""A required trail that is not open by then lets nothing pass until it is; nobody waits longer for it."""


class Trail:
    """`audit` is None before it was opened and where none is wanted; `on_change` hears, on the loop, how it is."""

    def __init__(self, on_change: Callable[[], None]) -> None:
        self.audit: Audit | None = None
        self._settings: AuditSettings | None = None
        self._one_at_a_time = asyncio.Lock()
        self._on_change = on_change

    @property
    def trouble(self) -> str:
        """A sentence about a trail that cannot be written; "" where all is well."""
        return self.audit.reason if self.audit is not None and self.audit.state == "broken" else ""

    @property
    def lets_nothing_pass(self) -> bool:
        """Whether nothing may be sent, since what is required cannot be written."""
        return self._settings is not None and self._settings.required and bool(self.trouble)

    async def configure(self, settings: AuditSettings) -> None:
        """Keeps the trail as the settings say from now on."""
        async with self._one_at_a_time:
            if settings == self._settings:
                return
            before, self.audit = self.audit, None
            if before is not None:
                await asyncio.to_thread(before.close)
            if settings.enabled or settings.required:
                self.audit = await asyncio.to_thread(self._opened, settings, asyncio.get_running_loop())
            self._settings = settings

    async def aclose(self) -> None:
        """Writes what is left, as far as that works now."""
        audit, self.audit = self.audit, None
        if audit is not None:
            await asyncio.to_thread(audit.close)

    def _opened(self, settings: AuditSettings, loop: asyncio.AbstractEventLoop) -> Audit:
        from lsp_server.ledger.audit import Audit, AuditOptions  # noqa: PLC0415  after `initialize`

        options = AuditOptions(
            folder=Path(settings.folder).expanduser() if settings.folder else None,
            required=settings.required,
            paths=settings.paths,
            fsync=settings.fsync,
            max_file_mb=settings.max_file_mb,
            max_file_days=settings.max_file_days,
        )

        def changed(state: State, reason: str) -> None:
            with suppress(RuntimeError):  # the loop is closed: there is nobody to tell
                loop.call_soon_threadsafe(self._on_change)

        audit = Audit(options, user(), changed)
        if settings.required:
            audit.wait_until_opened(OPENING_S)
        return audit


def user() -> str:
    """The account that runs the server, by the system and not by a variable that anybody can set."""
    if os.name == "nt":
        return getpass.getuser()
    import pwd  # noqa: PLC0415  not on Windows

    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())
