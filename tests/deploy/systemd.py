"""A systemd of the tests' own: owns a real user manager, in namespaces and a control group that end with the tests.

This machine need not have been booted with systemd. The units of deploy/ run as they are; a drop-in says what differs
on a test's machine, as a drop-in does on a site's.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from programs import DEPLOY, eventually, program, run, started

_BOOT = """
for tree in /sys/fs/cgroup/systemd /sys/fs/cgroup/unified /sys/fs/cgroup; do
    if [ -e $tree/cgroup.procs ]; then mkdir -p $tree/$GROUP && echo $$ > $tree/$GROUP/cgroup.procs; fi
done
mkdir -p /run/systemd && mount -t tmpfs tmpfs /run/systemd && mkdir /run/systemd/system
exec unshare --pid --fork --kill-child --mount-proc sh -c '/lib/systemd/systemd --user --log-target=console & wait $!'
"""
"""A user manager asks for a machine booted with systemd, and as process 1 it would take itself for that machine's."""


class Systemd:
    """A running user manager; unit files are put into `units`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.inside: list[str] = []
        """How a command gets into the manager's namespaces, where alone the manager knows it."""
        self.units = folder / "config" / "systemd" / "user"
        self.units.mkdir(parents=True)
        (folder / "run").mkdir(mode=0o700)
        self.env = {
            "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
            "HOME": str(folder),
            "XDG_RUNTIME_DIR": str(folder / "run"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "GROUP": folder.name,
        }

    def install(self, name: str, drop_in: str = "") -> None:
        """Puts a unit of deploy/pod where the manager finds it."""
        (self.units / name).write_bytes((DEPLOY / "pod" / name).read_bytes())
        if drop_in:
            folder = self.units / f"{name}.d"
            folder.mkdir(exist_ok=True)
            (folder / "site.conf").write_text(drop_in, encoding="utf-8")
        self.ctl("daemon-reload")

    def ctl(self, *words: str) -> str:
        """What `systemctl` answers."""
        return run(*self.inside, "systemctl", "--user", *words, env=self.env)

    def begin(self, *words: str) -> subprocess.Popen[bytes]:
        """A `systemctl` that takes its time."""
        return subprocess.Popen([*self.inside, program("systemctl"), "--user", *words], env=self.env)

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.ctl("show", "--value", "--property", name, unit).strip()


@contextlib.contextmanager
def user_manager() -> Iterator[Systemd]:
    """A manager that runs while the block does."""
    with tempfile.TemporaryDirectory(prefix="instant-systemd-") as name:
        systemd = Systemd(Path(name))
        try:
            with started("unshare", "--mount", "sh", "-ec", _BOOT, log=systemd.folder / "log", env=systemd.env) as boot:
                eventually((systemd.folder / "run/systemd/private").exists, "systemd's socket")
                (child,) = Path(f"/proc/{boot.pid}/task/{boot.pid}/children").read_text().split()
                systemd.inside = [program("nsenter"), "--target", child, "--mount", "--pid"]
                yield systemd
                systemd.ctl("exit")
                boot.wait(60)
        finally:
            _remove_group(systemd.folder.name)


def _remove_group(name: str) -> None:
    for tree in map(Path, ("/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified", "/sys/fs/cgroup")):
        for folder, _, _ in os.walk(tree / name, topdown=False):
            eventually(lambda folder=folder: _is_removed(folder), f"{folder} is empty", timeout_s=10)


def _is_removed(folder: str) -> bool:
    try:
        os.rmdir(folder)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    return True
