"""Hosts for tests, each a network namespace, all on one switch: owns their wiring, which ends with the test.

Whatever is asked goes from one of these hosts to another; from the machine itself their addresses lead elsewhere.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from programs import eventually, program, run, started

_SERVE = """
import http.server, os, socket, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6
server = Server(("::", int(sys.argv[1])), Page)
os.setuid(int(sys.argv[2]))
server.serve_forever()
"""


class Host:
    """One host with an IPv4 and an IPv6 address."""

    def __init__(self, name: str, pid: int, number: int) -> None:
        self.name = name
        self.address = f"10.99.0.{number}"
        self.address6 = f"fd99::{number}"
        self.inside = ("nsenter", "--target", str(pid), "--net", "--")
        self._pid = pid

    def run(self, *command: str | Path, text: str | None = None) -> str:
        """What a command says that runs on this host; it has to succeed."""
        return run(*self.inside, *command, text=text)

    def asks(self, url: str, *, user: str = "0") -> str:
        """The HTTP status of a page, or why there is none."""
        curl = (program("curl"), "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "--max-time", "20")
        as_user = (program("setpriv"), "--reuid", user, "--clear-groups")
        command = [program("nsenter"), *self.inside[1:], *as_user, *curl, "--noproxy", "*", url]
        ran = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        return ran.stdout if ran.returncode == 0 else {7: "refused", 28: "no answer"}.get(ran.returncode, "failed")

    @contextlib.contextmanager
    def serving(self, port: int, log: Path, *, user: str = "0") -> Iterator[None]:
        """A web server of this host, on all its addresses."""
        with started(*self.inside, sys.executable, "-c", _SERVE, str(port), user, log=log):
            eventually(lambda: self.asks(f"http://{self.address}:{port}/") == "200", f"{self.name} serves {port}")
            yield


@contextlib.contextmanager
def network(*names: str, log: Path) -> Iterator[dict[str, Host]]:
    """Hosts of these names on one switch."""
    with contextlib.ExitStack() as stack:
        switch = stack.enter_context(_namespace(log))
        in_switch = ("nsenter", "--target", str(switch), "--net", "--", "ip")
        run(*in_switch, "link", "add", "switch", "type", "bridge")
        run(*in_switch, "link", "set", "switch", "up")
        hosts = {}
        for number, name in enumerate(names, 2):
            host = hosts[name] = Host(name, stack.enter_context(_namespace(log)), number)
            pid = host.inside[2]
            run(*in_switch, "link", "add", f"port{number}", "type", "veth", "peer", "name", "eth0", "netns", pid)
            run(*in_switch, "link", "set", f"port{number}", "master", "switch", "up")
            host.run("ip", "address", "add", f"{host.address}/24", "dev", "eth0")
            host.run("ip", "address", "add", f"{host.address6}/64", "dev", "eth0", "nodad")
            host.run("ip", "link", "set", "eth0", "up")
        yield hosts


@contextlib.contextmanager
def _namespace(log: Path) -> Iterator[int]:
    """The process that a network namespace lives by."""
    here = Path("/proc/self/ns/net").readlink()
    with started("unshare", "--net", "sh", "-c", "ip link set lo up && exec sleep infinity", log=log) as process:
        there = Path(f"/proc/{process.pid}/ns/net")
        eventually(lambda: there.readlink() != here, "the namespace is made")
        eventually(lambda: "sleep" in Path(f"/proc/{process.pid}/comm").read_text(), "its loopback is up")
        yield process.pid
