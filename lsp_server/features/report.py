"""The report for editors: owns the command that writes it and tells where it lies; knows no figure."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from pygls.exceptions import JsonRpcInvalidParams

if TYPE_CHECKING:
    from lsp_server.server import InstantServer

REPORT = "instant.report"
"""Command with at most one argument, how many days back; answers with the path of a page for any browser."""

NOTHING = "Nothing has been measured yet."


async def report(ls: InstantServer, days: Any = None, *_: Any) -> dict[str, str]:
    """The page's `path`, or a `message` where there is none; what was measured up to now is in it."""
    if days is not None and (not isinstance(days, int) or not 1 <= days <= 3_650):
        raise JsonRpcInvalidParams("instant.report takes a number of days, from 1 to 3650")
    if not ls.settings.metrics.enabled:
        return {"message": "Nothing is measured: metrics.enabled is off."}
    return await asyncio.to_thread(_written, ls, days)


def _written(ls: InstantServer, days: int | None) -> dict[str, str]:
    from context.sqlite_file import StoreError  # noqa: PLC0415  off the start-up path
    from lsp_server.ledger.report_cli import DAYS, write_page  # noqa: PLC0415

    ls.measuring.metrics.flush()
    try:
        return {"path": str(write_page(days or DAYS))}
    except StoreError as error:
        return {"message": NOTHING if error.kind == "unreadable" else f"The figures are {error.kind}."}
    except OSError as error:
        return {"message": f"The report could not be written: {error.strerror}."}
