"""A child process that is sent messages and sends some back: owns its start and its restarts, not what is said."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import time
from collections import deque
from collections.abc import Callable
from typing import Any

from context.pipes import LENGTH, ROOT, command, entry, frame

_MAX_UNSENT_BYTES = 8_000_000
_MAX_STARTS_PER_MINUTE = 3

log = logging.getLogger(__name__)


class Child:
    """The starting end. Its methods never wait; the process is started anew when it dies.

    `module` is the one whose `main` the process runs. `on_start` is called when messages can be sent, `on_message`
    with each that comes back, `on_end` when the process is gone and before the next one is there.
    """

    def __init__(
        self,
        module: str,
        *,
        on_start: Callable[[], None],
        on_message: Callable[[tuple[Any, ...]], None],
        on_end: Callable[[], None],
    ) -> None:
        self._module = module
        self._on_start, self._on_message, self._on_end = on_start, on_message, on_end
        self._process: asyncio.subprocess.Process | None = None
        self._task: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int | None:
        """The process's id while it runs."""
        return self._process.pid if self._process else None

    def start(self) -> None:
        """Has the process run from now on."""
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._keep_running())

    def send(self, *message: Any) -> bool:
        """Whether the message went out: not without a process, nor to one that does not keep up with reading."""
        pipe = self._process.stdin if self._process else None
        if pipe is None or pipe.is_closing() or pipe.transport.get_write_buffer_size() > _MAX_UNSENT_BYTES:
            return False
        pipe.write(frame(message))
        return True

    async def aclose(self) -> None:
        """Ends the process."""
        task, self._task = self._task, None
        if task is None:
            return
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    async def _keep_running(self) -> None:
        """Runs the process until cancelled; one that dies at once is not started without end."""
        starts: deque[float] = deque(maxlen=_MAX_STARTS_PER_MINUTE)
        while True:
            if len(starts) == _MAX_STARTS_PER_MINUTE:
                await asyncio.sleep(max(0.0, starts[0] + 60 - time.monotonic()))
            starts.append(time.monotonic())
            try:
                await self._run()
            except OSError as error:
                log.warning("the workspace's process does not start: errno %s", error.errno)

    async def _run(self) -> None:
        starting = asyncio.create_task(self._spawn())
        try:
            # Python 3.11 waits for ever when it is cancelled while it starts a process.
            process = self._process = await asyncio.shield(starting)
        except asyncio.CancelledError:
            with contextlib.suppress(OSError):
                (await starting).kill()
            raise
        try:
            self._on_start()
            await self._read(process)
        finally:
            self._process = None
            self._on_end()
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
        log.warning("the workspace's process ended with %s", process.returncode)

    async def _spawn(self) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *command(entry(self._module)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a traceback could hold text of the user's
            cwd=ROOT,
        )

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
                body = await process.stdout.readexactly(length)
                self._on_message(pickle.loads(body))  # noqa: S301  our own child wrote it
