"""A model's endpoint that answers at once, in one write: whatever time passes beside it is the servers' own.

It speaks the OpenAI contract, streamed or not, and as much of Tabby's as its agent asks for.
"""

from __future__ import annotations

import json
import socket
import socketserver
import threading
from typing import Any

MODEL = "instant"
TABBY_HEALTH = {
    "model": MODEL,
    "device": "cpu",
    "arch": "x86_64",
    "cpu_info": "",
    "cpu_count": 1,
    "cuda_devices": [],
    "version": {"build_date": "", "build_timestamp": "", "git_sha": "", "git_describe": "v0.20.0"},
}


class ImmediateEndpoint:
    """Serves from threads of this process; `n_completions` counts what reached the model."""

    def __init__(self, answer: str) -> None:
        self.answer = answer
        self.n_completions = 0
        self._server = _Server(("127.0.0.1", 0), _Connection)
        self._server.endpoint = self
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    @property
    def url(self) -> str:
        return f"{self.base}/v1"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def reply(self, path: str, body: dict[str, Any]) -> bytes:
        """The whole HTTP response to one request."""
        if path.endswith("/models"):
            return _json({"object": "list", "data": [{"id": MODEL, "object": "model", "max_model_len": 8192}]})
        if path.endswith("/completions"):
            self.n_completions += 1
            return self._completion(body)
        if path.endswith("/health"):
            return _json(TABBY_HEALTH)
        if path.endswith("/server_setting"):
            return _json({"disable_client_side_telemetry": True})
        return b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"

    def _completion(self, body: dict[str, Any]) -> bytes:
        choice = {"index": 0, "text": self.answer, "finish_reason": "stop"}
        if "segments" in body:
            return _json({"id": "c", "choices": [choice]})
        whole = {"id": "c", "object": "text_completion", "created": 0, "model": MODEL, "choices": [choice]}
        if not body.get("stream"):
            return _json(whole)
        # As an engine does it: the text, then the reason why it ends.
        first = {**whole, "choices": [{**choice, "finish_reason": None}]}
        last = {**whole, "choices": [{**choice, "text": ""}]}
        chunks = [b"data: %b\n\n" % json.dumps(event).encode() for event in (first, last)] + [b"data: [DONE]\n\n"]
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        return head + b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    endpoint: ImmediateEndpoint


class _Connection(socketserver.BaseRequestHandler):
    """One kept-alive connection."""

    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        # Nagle's algorithm and the client's delayed ACK would add 40 ms.
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream = self.request.makefile("rb")
        try:
            while first := stream.readline():
                path, body = first.split()[1].decode(), stream.read(_content_length(stream))
                self.request.sendall(self.server.endpoint.reply(path, json.loads(body) if body else {}))
        except ConnectionError:
            return


def _content_length(stream: Any) -> int:
    length = 0
    while (line := stream.readline()).strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            length = int(value)
    return length


def _json(value: Any) -> bytes:
    body = json.dumps(value).encode()
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
    return head % len(body) + body
