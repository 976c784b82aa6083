"""An OpenAI-compatible endpoint that does what a test tells it: for faults and for timing, never in place of a model.

    async with ScriptedEndpoint() as endpoint:                  # llama.cpp with Qwen's tokens
        endpoint.reply = Reply(("first piece", " second"))      # every completion and chat from now on
        endpoint.replies.append(Reply(status=503))              # the next one only, before `reply`
        ...                                                     # talk to endpoint.url, which ends in /v1
        endpoint.requests[-1].body["prompt"]                    # what was asked
        await endpoint.left(1)                                  # until one client has gone in mid answer

    with in_thread(ScriptedEndpoint()) as endpoint: ...         # for tests without an event loop

As a process: `python tests/scripted_endpoint.py --port 8123 --first-token-ms 0 --pieces 20`. The probe's own
question (a hole to fill) is answered rightly and is neither recorded nor scripted, so tests see only their own.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import re
import socket
import ssl
import struct
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

QWEN = ("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>", "<|file_sep|>", "<|repo_name|>")
HOLE = "left * right"
STANDARD_FIELDS = frozenset(
    ["model", "prompt", "messages", "max_tokens", "temperature", "top_p", "stream", "stop", "stream_options", "n"]
)

Fault = Literal[
    "", "hang", "hang in the middle", "reset", "reset in the middle", "end in the middle", "malformed", "error event"
]


@dataclass(frozen=True)
class Reply:
    """How one completion or chat is answered. `raw` is sent as the whole event stream, chunk by chunk.

    `others` are the pieces of further answers, given to who asks for several: as many as asked for in all. All that
    comes behind the first piece waits for `more`.
    """

    pieces: tuple[str, ...] = (" a + b",)
    others: tuple[tuple[str, ...], ...] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b'{"error":{"message":"scripted"}}'
    fault: Fault = ""
    raw: tuple[bytes, ...] = ()
    first_token_ms: float = 0
    token_ms: float = 0
    more: asyncio.Event | None = None


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: dict[str, Any]


class ScriptedEndpoint:
    """The server. `tokens` are those its tokenizer knows; `without` lists paths it answers with 404."""

    def __init__(
        self,
        flavour: Literal["llama.cpp", "vllm", "other"] = "llama.cpp",
        *,
        model: str = "scripted",
        tokens: tuple[str, ...] = QWEN,
        fills_holes: bool = True,
        token: str | None = None,
        without: tuple[str, ...] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.flavour = flavour
        self.model = model
        self.tokens = tokens
        self.fills_holes = fills_holes
        self.token = token
        self.without = without
        self.reply = Reply()
        self.replies: list[Reply] = []
        self.answering: Callable[[Request], Reply] | None = None
        self.requests: list[Request] = []
        self.cached_tokens: Callable[[Request], int] = lambda request: 3
        self.is_healthy = True
        self.n_connections = 0
        self.n_left = 0
        self._left = asyncio.Condition()
        self._connected = asyncio.Condition()
        self._host, self._port, self._tls = host, port, tls
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()
        self._serving: set[asyncio.Task[Any]] = set()
        self._routes = {
            "/v1/models": self._models,
            "/tokenize": self._tokenize,
            "/v1/completions": self._generate,
            "/v1/chat/completions": self._generate,
            "/health": self._health,
        }

    @property
    def port(self) -> int:
        """The port it serves on."""
        return self._port

    @property
    def url(self) -> str:
        """The base of the API."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}/v1"

    def soon(self, act: Callable[[], object]) -> None:
        """Does something in the endpoint's own thread."""
        assert self._server is not None
        self._server.get_loop().call_soon_threadsafe(act)

    async def __aenter__(self) -> ScriptedEndpoint:
        self._server = await asyncio.start_server(self._serve, self._host, self._port, ssl=self._tls)
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def stop(self) -> None:
        """Closes the port and every connection; the port stays known, so that entering again serves there."""
        if self._server is not None:
            self._server.close()
            for writer in list(self._writers):
                writer.transport.abort()
            await asyncio.gather(*self._serving, return_exceptions=True)
            await self._server.wait_closed()
            self._server = None

    async def left(self, n: int, timeout_s: float = 10) -> None:
        """Waits until `n` clients have gone away before their answer was complete."""
        async with asyncio.timeout(timeout_s), self._left:
            await self._left.wait_for(lambda: self.n_left >= n)

    async def connected(self, n: int, timeout_s: float = 10) -> None:
        """Waits until `n` connections have been opened in all."""
        async with asyncio.timeout(timeout_s), self._connected:
            await self._connected.wait_for(lambda: self.n_connections >= n)

    def of(self, path: str) -> list[Request]:
        """The requests to one path."""
        return [request for request in self.requests if request.path == path]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.n_connections += 1
        async with self._connected:
            self._connected.notify_all()
        self._writers.add(writer)
        if (task := asyncio.current_task()) is not None:
            self._serving.add(task)
            task.add_done_callback(self._serving.discard)
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            while (request := await _read_request(reader)) is not None:
                await self._answer(request, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_probe = HOLE in str(request.body.get("prompt", "")) or request.path in ("/tokenize", "/v1/models")
        if not is_probe:
            self.requests.append(request)
        route = self._routes.get(request.path)
        if self.token is not None and request.headers.get("authorization") != f"Bearer {self.token}":
            await _send(writer, 401, b'{"error":{"message":"Invalid API Key"}}')
        elif route is None or request.path in self.without:
            await _send(writer, 404, b'{"detail":"Not Found"}')
        else:
            await route(request, reader, writer)

    async def _health(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await _send(writer, *((200, b'{"status":"ok"}') if self.is_healthy else (503, b'{"error":{}}')))

    async def _models(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        entry: dict[str, Any] = {"id": self.model, "object": "model"}
        if self.flavour == "llama.cpp":
            entry |= {"owned_by": "llamacpp", "aliases": [self.model], "meta": {"n_ctx": 4096}}
        elif self.flavour == "vllm":
            entry |= {"owned_by": "vllm", "max_model_len": 8192}
        await _send(writer, 200, _json({"object": "list", "data": [entry]}))

    async def _tokenize(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.flavour == "other":
            await _send(writer, 404, b"not found", {"content-type": "text/plain"})
            return
        text = request.body["content" if self.flavour == "llama.cpp" else "prompt"]
        pattern = "|".join([*map(re.escape, self.tokens), "."])
        ids = [
            151_000 + self.tokens.index(token) if token in self.tokens else ord(token)
            for token in re.findall(pattern, text, re.DOTALL)
        ]
        answer: dict[str, Any] = {"tokens": ids}
        if self.flavour == "vllm":
            answer |= {"count": len(ids), "max_model_len": 8192}
        await _send(writer, 200, _json(answer))

    async def _generate(self, request: Request, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if (refusal := self._refusal(request)) is not None:
            await _send(writer, *refusal)
            return
        reply = self._choose(request)
        if reply.status != 200:
            await _send(writer, reply.status, reply.body, reply.headers)
            return
        if await self._finished_before_the_client_left(self._stream(request, reply, writer), reader):
            return
        self.n_left += 1
        async with self._left:
            self._left.notify_all()
        raise ConnectionError

    async def _finished_before_the_client_left(self, streaming: Any, reader: asyncio.StreamReader) -> bool:
        stream = asyncio.create_task(streaming)
        # The client never sends before its answer is complete, so what ends this read is its leaving.
        gone = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait({stream, gone}, return_when=asyncio.FIRST_COMPLETED)
            if not stream.done():
                return False
            await stream
            return True
        finally:
            stream.cancel()
            gone.cancel()
            await asyncio.gather(stream, gone, return_exceptions=True)

    def _refusal(self, request: Request) -> tuple[int, bytes] | None:
        body = request.body
        if self.flavour != "llama.cpp" and body.get("model") != self.model:
            return 404, _json({"error": {"message": f"The model `{body.get('model')}` does not exist."}})
        if self.flavour != "llama.cpp" and len(body.get("stop") or ()) > 4:
            return 400, b'{"error":{"message":"at most 4 stop strings"}}'
        if self.flavour == "other" and (unknown := set(body) - STANDARD_FIELDS):
            return 400, _json({"error": {"message": f"Unrecognized request arguments: {sorted(unknown)}"}})
        return None

    def _choose(self, request: Request) -> Reply:
        if HOLE in str(request.body.get("prompt", "")):
            is_known = self.fills_holes and all(t in self.tokens for t in re.findall(r"<[^<>]*>", _text(request)))
            return Reply(("left, ", "right", "):\n")) if is_known else Reply(("I cannot",))
        if self.answering is not None:
            return self.answering(request)
        return self.replies.pop(0) if self.replies else self.reply

    async def _stream(self, request: Request, reply: Reply, writer: asyncio.StreamWriter) -> None:
        if reply.fault == "hang":
            await asyncio.Event().wait()
        if reply.fault == "reset":
            _reset(writer)
        if reply.first_token_ms:
            await asyncio.sleep(reply.first_token_ms / 1000)
        if not request.body.get("stream"):
            await _send(writer, 200, _json(_event(request, "".join(reply.pieces), "stop")))
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for n, chunk in enumerate(reply.raw or self._chunks(request, reply)):
            if n and reply.token_ms:
                await asyncio.sleep(reply.token_ms / 1000)
            if n and reply.more is not None:
                await reply.more.wait()
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
        if reply.fault == "hang in the middle":
            await asyncio.Event().wait()
        if reply.fault == "reset in the middle":
            _reset(writer)
        if reply.fault == "end in the middle":
            raise ConnectionError
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    def _chunks(self, request: Request, reply: Reply) -> Iterator[bytes]:
        for n, piece in enumerate(reply.pieces, 1):
            yield b"data: %b\n\n" % _json(self._with_timings(request, _event(request, piece, None), n))
            for index, other in enumerate(reply.others[: request.body.get("n", 1) - 1], 1):
                for said in other[n - 1 :] if n == len(reply.pieces) else other[n - 1 : n]:
                    yield b"data: %b\n\n" % _json(_event(request, said, None, index))
        if reply.fault == "malformed":
            yield b"data: {not json\n\n"
        if reply.fault == "error event":
            yield b'data: {"error":{"code":500,"message":"scripted"}}\n\n'
        if reply.fault:
            return
        last = _event(request, "", "stop")
        if request.body.get("stream_options", {}).get("include_usage"):
            last["usage"] = _usage(request, len(reply.pieces), self.cached_tokens(request))
        yield b"data: %b\n\ndata: [DONE]\n\n" % _json(self._with_timings(request, last, len(reply.pieces)))

    def _with_timings(self, request: Request, event: dict[str, Any], n: int) -> dict[str, Any]:
        if self.flavour == "llama.cpp" and request.body.get("timings_per_token"):
            n_prompt, n_cached = len(_text(request)) // 4, self.cached_tokens(request)
            event["timings"] = {"prompt_n": n_prompt, "cache_n": n_cached, "prompt_ms": n_prompt / 2, "predicted_n": n}
        return event


@contextlib.contextmanager
def in_thread(endpoint: ScriptedEndpoint) -> Iterator[ScriptedEndpoint]:
    """Serves from a thread of its own while the block runs."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        asyncio.run_coroutine_threadsafe(endpoint.__aenter__(), loop).result(10)
        yield endpoint
    finally:
        asyncio.run_coroutine_threadsafe(endpoint.stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


async def _read_request(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    first, *lines = head.split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Request(method, path, headers, json.loads(body) if body else {})


async def _send(writer: asyncio.StreamWriter, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
    fields = {"content-type": "application/json", "content-length": str(len(body)), **(headers or {})}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    writer.write(f"HTTP/1.1 {status} Scripted\r\n{head}\r\n".encode() + body)
    await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Ends the connection with RST in place of FIN."""
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
    raise ConnectionError


def _event(request: Request, text: str, finish_reason: str | None, index: int = 0) -> dict[str, Any]:
    choice: dict[str, Any] = {"index": index, "finish_reason": finish_reason}
    if "messages" in request.body:
        kind = "chat.completion.chunk"
        choice["delta" if request.body.get("stream") else "message"] = {"content": text} if text else {}
    else:
        kind, choice["text"] = "text_completion", text
    return {"id": "s", "object": kind, "created": 0, "model": "scripted", "choices": [choice]}


def _usage(request: Request, n_pieces: int, n_cached: int) -> dict[str, Any]:
    n_prompt = len(_text(request)) // 4
    return {
        "prompt_tokens": n_prompt,
        "completion_tokens": n_pieces,
        "total_tokens": n_prompt + n_pieces,
        "prompt_tokens_details": {"cached_tokens": n_cached},
    }


def _text(request: Request) -> str:
    body = request.body
    return str(body["prompt"]) if "prompt" in body else "".join(m["content"] for m in body.get("messages", ()))


def _json(value: Any) -> bytes:
    return json.dumps(value).encode()


async def _serve_forever(options: argparse.Namespace) -> None:
    endpoint = ScriptedEndpoint(options.flavour, model=options.model, port=options.port)
    endpoint.reply = Reply(
        (options.text,) * options.pieces, first_token_ms=options.first_token_ms, token_ms=options.token_ms
    )
    async with endpoint:
        print(endpoint.url, flush=True)
        while True:
            endpoint.requests.clear()
            await asyncio.sleep(60)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--flavour", choices=["llama.cpp", "vllm", "other"], default="llama.cpp")
    parser.add_argument("--model", default="scripted")
    parser.add_argument("--text", default=" a + b")
    parser.add_argument("--pieces", type=int, default=1)
    parser.add_argument("--first-token-ms", type=float, default=0)
    parser.add_argument("--token-ms", type=float, default=0)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve_forever(parser.parse_args()))
