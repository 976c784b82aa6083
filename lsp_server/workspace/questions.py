"""What the server asks of the workspace's child and waits for: owns the open questions; knows no answer's meaning.

    answer = await questions.ask("define", uri, 3, 7, deadline_s=0.2)      # None where none comes in time

The child is told ("define", number, uri, 3, 7), and replies ("answer", number, answer).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Any


class Questions:
    """Asks by `send`, which says whether a message went out."""

    def __init__(self, send: Callable[..., bool]) -> None:
        self._send = send
        self._numbers = count()
        self._open: dict[int, asyncio.Future[Any]] = {}

    async def ask(self, kind: str, *rest: Any, deadline_s: float) -> Any:
        """The answer; None without a child, from one that is too busy, and from one that dies over it."""
        number = next(self._numbers)
        if not self._send(kind, number, *rest):
            return None
        answer = self._open[number] = asyncio.get_running_loop().create_future()
        try:
            async with asyncio.timeout(deadline_s):
                return await answer
        except TimeoutError:
            return None
        finally:
            del self._open[number]

    def take(self, number: int, answer: Any) -> None:
        """An answer, for whom that still waits for it."""
        waiting = self._open.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(answer)

    def lose_child(self) -> None:
        """Nobody will answer."""
        for waiting in self._open.values():
            if not waiting.done():
                waiting.set_result(None)
