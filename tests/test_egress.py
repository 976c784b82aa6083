"""Nothing leaves: in a network where every packet is counted, a real server and all that it imports send none."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import sealed

TESTS = Path(__file__).parent
HOSTILE = {
    **dict.fromkeys(
        ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"),
        f"http://{sealed.ELSEWHERE}:3128",
    ),
    **dict.fromkeys(
        ("OPENAI_BASE_URL", "OPENAI_API_BASE", "OTEL_EXPORTER_OTLP_ENDPOINT", "HF_ENDPOINT", "LANGSMITH_ENDPOINT"),
        f"http://{sealed.ELSEWHERE}/v1",
    ),
    "OPENAI_API_KEY": "made-up",
    "SENTRY_DSN": f"http://key@{sealed.ELSEWHERE}/1",
    "OTEL_SDK_DISABLED": "false",
}
"""An environment in which anything that calls home by itself would, or would be led elsewhere."""

EVERYTHING = """
import importlib, pkgutil, time
import lsp_server, context
for package in (context, lsp_server):
    for module in pkgutil.walk_packages(package.__path__, package.__name__ + "."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
for name in ("openai", "mcp", "mcp.client.stdio", "xllamacpp", "httpx2", "rich", "tree_sitter", "pydantic"):
    importlib.import_module(name)
openai = importlib.import_module("openai")
openai.AsyncOpenAI(api_key="made-up")
print("imported")
"""


@pytest.fixture(autouse=True)
def _needs_a_namespace() -> None:
    if reason := sealed.why_not():
        pytest.skip(reason)


def check_silent(folder: Path, *command: str, says: str) -> None:
    """The command succeeds and says so, and sends nothing to any other machine."""
    ran, packets = sealed.run(folder, sys.executable, *command, **HOSTILE)
    assert ran.returncode == 0, ran.stdout[-3_000:] + ran.stderr[-3_000:]
    assert says in ran.stdout
    assert packets == {}


@pytest.mark.parametrize(
    ("code", "receiver"),
    [
        ("import socket; s = socket.socket(); s.settimeout(.1); s.connect_ex(('10.99.0.7', 80))", "10.99.0.7:80"),
        ("import socket; socket.getaddrinfo('name.example', 80)", f"{sealed.NAME_SERVER}:53"),
        (
            "import socket; s = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM); s.sendto(b'x', ('fd99::7', 514))",
            "fd99::7:514",
        ),
        ("import urllib.request; urllib.request.urlopen('http://127.0.0.1:9/', timeout=.1)", "10.99.0.7:3128"),
    ],
    ids=["tcp", "name", "udp6", "proxy"],
)
def test_whatever_leaves_is_counted(code: str, receiver: str, tmp_path: Path) -> None:
    _, packets = sealed.run(tmp_path, sys.executable, "-c", code, **HOSTILE)
    assert receiver in " ".join(packets)


def test_what_is_imported_calls_nobody(tmp_path: Path) -> None:
    check_silent(tmp_path, "-c", EVERYTHING, says="imported")


def test_whole_sessions_call_nobody(tmp_path: Path) -> None:
    """The tests over the wire: every feature of a real server, its children, its faults, and what the guard refuses.

    Left out is what looks like an address and is a name: the name server is rightly asked for it.
    """
    files = ("test_guard", "test_bad_input", "test_canary")
    paths = [str(TESTS / f"{name}.py") for name in files]
    check_silent(
        tmp_path,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--no-header",
        "-k",
        "not no_spelling",
        *paths,
        says="passed",
    )
