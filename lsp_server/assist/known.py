"""What is known elsewhere of a stretch of code: owns how the assistance asks for it; knows no provider."""

from __future__ import annotations

from typing import Protocol

from context import Snapshot


class Known(Protocol):
    """The section of a prompt with what providers know of the names in a stretch; "" where that is nothing."""

    async def __call__(self, snapshot: Snapshot, start: int, end: int, question: str, /) -> str:
        """Waits no longer than the providers' deadlines, and raises nothing; `question` has the names that matter."""


async def nothing_known(snapshot: Snapshot, start: int, end: int, question: str, /) -> str:
    """Stands where there are no providers."""
    return ""
