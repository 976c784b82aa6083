"""A child process that is sent messages and sends some back: owns its start, its restarts and the frames of both ends.

A frame is a length and a pickle: both ends are the same program, and pickle carries raw bytes and our frozen types as
they are. What the messages say is not known here.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import pickle
import struct
import sys
import time
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

_MAX_UNSENT_BYTES = 8_000_000
_MAX_STARTS_PER_MINUTE = 3
_LENGTH = struct.Struct(">I")
_ROOT = str(Path(__file__).resolve().parents[2])

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
            *command(self._module),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # a traceback could hold text of the user's
            cwd=_ROOT,
        )

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                (length,) = _LENGTH.unpack(await process.stdout.readexactly(_LENGTH.size))
                body = await process.stdout.readexactly(length)
                self._on_message(pickle.loads(body))  # noqa: S301  our own child wrote it


def command(module: str) -> list[str]:
    """Starts `module.main` on this process's own import path, whatever lies in the current folder."""
    path = [entry for entry in sys.path if entry]
    start = f"import sys; sys.path[:] = sys.argv[1:]; from {module} import main; main()"
    return [sys.executable, "-I", "-c", start, *path, *([] if _ROOT in path else [_ROOT])]


def frame(message: object) -> bytes:
    """A message as it goes over a pipe."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return _LENGTH.pack(len(body)) + body


def messages(stream: IO[bytes]) -> Iterator[tuple[Any, ...]]:
    """The messages of a pipe until it ends, for those who may wait."""
    while len(head := stream.read(_LENGTH.size)) == _LENGTH.size:
        (length,) = _LENGTH.unpack(head)
        if len(body := stream.read(length)) < length:
            return
        yield pickle.loads(body)  # noqa: S301  the other end is this same program
