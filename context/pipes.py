"""Processes of this very program: owns how one is started and the frames that go over its pipes, not what they say.

A frame is a length and a pickle: both ends are the same program, and pickle carries raw bytes and our frozen types as
they are.
"""

from __future__ import annotations

import pickle
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

LENGTH = struct.Struct(">I")
ROOT = str(Path(__file__).resolve().parents[1])


def entry(module: str) -> str:
    """The code that runs `module.main`."""
    return f"import sys; sys.path[:] = sys.argv[1:]; from {module} import main; main()"


def command(code: str) -> list[str]:
    """Runs an entry's code on this process's own import path, whatever lies in the current folder."""
    path = [one for one in sys.path if one]
    return [sys.executable, "-I", "-c", code, *path, *([] if ROOT in path else [ROOT])]


def start(code: str) -> subprocess.Popen[bytes]:
    """Starts a process that works in the background, with pipes to and from it."""
    return subprocess.Popen(  # noqa: S603  this very interpreter
        command(code),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # a traceback could hold text of the user's
        cwd=ROOT,
        creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
    )


def end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process whatever it is doing, closes its pipes and waits for it."""
    process.kill()
    with process:
        pass


def frame(message: object) -> bytes:
    """A message as it goes over a pipe."""
    body = pickle.dumps(message, protocol=pickle.HIGHEST_PROTOCOL)
    return LENGTH.pack(len(body)) + body


def send(stream: IO[bytes], message: object) -> None:
    """Writes one message."""
    stream.write(frame(message))
    stream.flush()


def messages(stream: IO[bytes]) -> Iterator[Any]:
    """The messages of a pipe until it ends, for those who may wait."""
    while len(head := stream.read(LENGTH.size)) == LENGTH.size:
        (length,) = LENGTH.unpack(head)
        if len(body := stream.read(length)) < length:
            return
        yield pickle.loads(body)  # noqa: S301  the other end is this same program
