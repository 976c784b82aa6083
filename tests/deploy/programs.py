"""What the tests of deploy/ start: owns finding programs, ports and waiting for a state; knows none of the programs.

Whatever is started here ends with the test run, even with one that is killed.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
_PATH = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
_Answer = TypeVar("_Answer")


def program(name: str) -> str:
    """Where a program is; set_up.sh installs them all."""
    path = shutil.which(name, path=_PATH)
    assert path, f"{name} is not installed: sh tests/deploy/set_up.sh"
    return path


def run(*command: str | Path, text: str | None = None, env: dict[str, str] | None = None, timeout_s: float = 60) -> str:
    """What a command says on stdout; fails with all that it said."""
    ran = subprocess.run(
        [program(str(command[0])), *map(str, command[1:])],
        input=text,
        env=_with_path(env),
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}\n{ran.stderr}"
    return ran.stdout


@contextlib.contextmanager
def started(*command: str | Path, log: Path, env: dict[str, str] | None = None) -> Iterator[subprocess.Popen[bytes]]:
    """A process that runs while the block does; what it says goes to `log`."""
    guarded = [program("setpriv"), "--pdeathsig", "KILL", program(str(command[0])), *map(str, command[1:])]
    with log.open("ab") as output:
        process = subprocess.Popen(
            guarded, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=_with_path(env), start_new_session=True
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)


def _with_path(env: dict[str, str] | None) -> dict[str, str]:
    """Programs start others, and administrators' programs are not on everybody's path."""
    return {**(os.environ if env is None else env), "PATH": _PATH}


def eventually(question: Callable[[], _Answer], what: str, *, timeout_s: float = 60) -> _Answer:
    """The first answer that is true; fails, naming `what` was waited for."""
    deadline = time.monotonic() + timeout_s
    while True:
        answer = question()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s in vain: {what}"
        time.sleep(0.05)


def free_ports(n: int) -> list[int]:
    """Ports of loopback that nobody listens on."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(n)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def shipped(name: str, **sites: str) -> str:
    """A file of deploy/ with a site's own words: each key of `sites` has to be in it."""
    text = (DEPLOY / name).read_text(encoding="utf-8")
    for ours, theirs in sites.items():
        assert ours in text, f"{name} does not say {ours}"
        text = text.replace(ours, theirs)
    return text


def variables(name: str, **sites: str) -> dict[str, str]:
    """The variables of an environment file of deploy/, with a site's own values; it knows all of their names."""
    lines = (DEPLOY / name).read_text(encoding="utf-8").splitlines()
    known = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    assert sites.keys() <= known.keys(), f"{name} does not say {sites.keys() - known.keys()}"
    return known | sites
