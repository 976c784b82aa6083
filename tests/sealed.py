"""A network of its own for a command: owns the namespace, and counts every packet that is sent in it to anywhere.

    python tests/sealed.py REPORT COMMAND...

The namespace has loopback and one card that leads nowhere, with a default route and a name server behind it: whatever
is sent to another machine, a question for a name included, goes out by that card, is counted, and is lost.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

NAME_SERVER = "10.99.0.53"
ELSEWHERE = "10.99.0.7"
"""A private address, which the guard would let be reached, and at which nobody is."""

_SETUP = (
    "link set lo up",
    "link add out0 type veth peer name nowhere0",
    "link set out0 arp off",
    "link set nowhere0 up",
    "addr add 10.99.0.2/24 dev out0",
    "-6 addr add fd99::2/64 dev out0 nodad",
    "link set out0 up",
    "route add default via 10.99.0.1 dev out0",
    "-6 route add default via fd99::1 dev out0",
)
_ALL_PROTOCOLS, _OUTGOING = 3, 4


def why_not() -> str:
    """Why no such network can be made here, "" if it can."""
    if sys.platform != "linux":
        return "network namespaces are Linux's"
    for program in ("unshare", "ip"):
        if shutil.which(program) is None:
            return f"the program {program} is not installed"
    tried = subprocess.run([*_unshare(), "ip", "link", "set", "lo", "up"], capture_output=True, text=True, check=False)
    return "" if tried.returncode == 0 else f"no network namespace may be made: {tried.stderr.strip()}"


def run(folder: Path, *command: str, **variables: str) -> tuple[subprocess.CompletedProcess[str], dict[str, int]]:
    """The command's outcome, and how many packets it sent to whom outside this machine."""
    report = folder / "packets.json"
    sealed = [*_unshare(), sys.executable, __file__, str(report), *command]
    ran = subprocess.run(
        sealed, capture_output=True, text=True, check=False, env={**os.environ, **variables}, timeout=600
    )
    return ran, json.loads(report.read_text()) if report.exists() else {"nothing was counted": 1}


def _unshare() -> list[str]:
    return ["unshare", "--net", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


def _main(report: str, *command: str) -> int:
    for line in _SETUP:
        subprocess.run(["ip", *line.split()], check=True)
    own = Path(report).with_name("resolv.conf")
    own.write_text(f"nameserver {NAME_SERVER}\noptions timeout:1 attempts:1\n")
    subprocess.run(["mount", "--bind", own, os.path.realpath("/etc/resolv.conf")], check=True)
    counted = _Counted()
    code = subprocess.run(command, check=False).returncode
    Path(report).write_text(json.dumps(counted.close()))
    return code


class _Counted:
    """Packets by whom they were for, but for those of the cards' own neighbourhood."""

    def __init__(self) -> None:
        self._to: Counter[str] = Counter()
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(_ALL_PROTOCOLS))
        self._socket.settimeout(0.2)
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def close(self) -> dict[str, int]:
        self._is_over.set()
        self._thread.join()
        self._socket.close()
        return dict(self._to)

    def _read(self) -> None:
        while True:
            try:
                packet, (_, protocol, direction, *_) = self._socket.recvfrom(65_536)
            except TimeoutError:
                # What had been sent before the end was read before this.
                if self._is_over.is_set():
                    return
                continue
            if direction == _OUTGOING and (to := _receiver(protocol, packet)):
                self._to[to] += 1


def _receiver(protocol: int, packet: bytes) -> str:
    """Address and port that a packet is for; "" for loopback and for what the kernel says to its neighbours."""
    if protocol == 0x0800:
        header, kind, address = (packet[0] & 0xF) * 4, packet[9], socket.inet_ntop(socket.AF_INET, packet[16:20])
        is_own = address.startswith("127.")
    elif protocol == 0x86DD:
        header, kind, address = 40, packet[6], socket.inet_ntop(socket.AF_INET6, packet[24:40])
        is_own = address == "::1" or kind in (0, 58)
    else:
        return ""
    if kind not in (6, 17):
        return "" if is_own else address
    (port,) = struct.unpack_from("!H", packet, header + 2)
    return "" if is_own and port != 53 else f"{address}:{port}"


if __name__ == "__main__":
    raise SystemExit(_main(*sys.argv[1:]))
