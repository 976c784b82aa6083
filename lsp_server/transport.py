"""JSON-RPC over stdio: owns framing, and that every request gets an answer without source text or local paths in it.

It takes the place of pygls' reader and of four of its habits: a request with bad parameters is never
answered, a failed one is answered with its traceback, lower-case headers hang the server, and
messages are read through the pool that runs other work. It knows no feature of the server.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future
from contextvars import copy_context
from functools import partial
from typing import Any, ClassVar, NoReturn

import orjson
from pygls.exceptions import (
    JsonRpcException,
    JsonRpcInternalError,
    JsonRpcInvalidParams,
    JsonRpcInvalidRequest,
    JsonRpcParseError,
    JsonRpcRequestCancelled,
    JsonRpcServerNotInitialized,
)
from pygls.lsp.server import LanguageServer
from pygls.protocol import LanguageServerProtocol

from lsp_server.whence import where

MAX_MESSAGE_BYTES = 512 * 1024 * 1024
_MAX_DIGITS = 18
_CHUNK_BYTES = 1 << 16

_NO_JSON = object()

log = logging.getLogger(__name__)

# Whole messages and tracebacks that quote them: what is worth telling of those is told here.
logging.getLogger("pygls").setLevel(logging.CRITICAL + 1)


class FramingError(Exception):
    """The client's stream cannot be followed any more."""


class Frames:
    """Cuts a byte stream into message bodies by their Content-Length headers."""

    def __init__(self) -> None:
        self._pending = bytearray()
        self._length: int | None = None

    def feed(self, chunk: bytes) -> Iterator[bytes]:
        """The bodies that are whole once `chunk` has come. Raises FramingError."""
        self._pending += chunk
        while True:
            if self._length is None:
                end = self._pending.find(b"\r\n\r\n")
                if end < 0:
                    if len(self._pending) > _CHUNK_BYTES:
                        raise FramingError("no message header found")
                    return
                self._length = _content_length(bytes(self._pending[:end]))
                del self._pending[: end + 4]
            if len(self._pending) < self._length:
                return
            body = bytes(self._pending[: self._length])
            del self._pending[: self._length]
            self._length = None
            yield body


def _content_length(header: bytes) -> int:
    for line in header.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            digits = value.strip()
            if not digits.isdigit() or len(digits) > _MAX_DIGITS or int(digits) > MAX_MESSAGE_BYTES:
                raise FramingError("Content-Length is not a sensible number")
            return int(digits)
    raise FramingError("a message has no Content-Length")


class Protocol(LanguageServerProtocol):
    """pygls' protocol with an answer for every request and nothing of a file's text in errors."""

    _notifications: ClassVar[dict[str, bool]] = {}
    """By method, whether it is one: what is said of the protocol itself never changes."""

    def receive(self, body: bytes) -> None:
        """Handles one message as it came over the wire."""
        try:
            message = orjson.loads(body)
        except orjson.JSONDecodeError:
            message = _parse_leniently(body)
        if not _is_message(message):
            log.warning("what the editor sent is no message")
            if isinstance(message, dict) and "method" not in message:
                return  # an answer to nobody in particular, which two ends could send each other for ever
            error = JsonRpcParseError("this is no JSON") if message is _NO_JSON else JsonRpcInvalidRequest("no message")
            told = {"code": error.code, "message": error.message}
            self._send_data({"jsonrpc": self.VERSION, "id": None, "error": told})
            return
        refusal = self._reason_to_refuse(message)
        if refusal is not None:
            self._refuse(message.get("id"), refusal)
            return
        try:
            structured = self.structure_message({**message, "jsonrpc": self.VERSION})
        except JsonRpcException:
            self._reject(message, JsonRpcInvalidParams("the parameters are not as the protocol says"))
            return
        self._dispatch(structured)

    def _dispatch(self, message: Any) -> None:
        """As pygls does; it tells the kinds of messages apart by runtime protocols, which costs 0.1 ms each."""
        context = copy_context()
        if not hasattr(message, "method"):
            context.run(
                self._handle_response, message.id, getattr(message, "result", None), getattr(message, "error", None)
            )
        elif hasattr(message, "id"):
            context.run(self._handle_request, message.id, message.method, message.params)
        else:
            context.run(self._handle_notification, message.method, message.params)

    def _reason_to_refuse(self, message: dict[str, Any]) -> JsonRpcException | None:
        method = message.get("method")
        if not isinstance(method, str) or method == "exit":
            return None
        if self._shutdown:
            return JsonRpcInvalidRequest("the server is shut down")
        if self._workspace is None and method != "initialize":
            return JsonRpcServerNotInitialized("initialize comes first")
        if self._workspace is not None and method == "initialize":
            return JsonRpcInvalidRequest("the server is initialized already")
        if "id" in message and self._is_notification(method):
            return JsonRpcInvalidRequest("this is a notification, which has no id")
        return None

    def _is_notification(self, method: str) -> bool:
        """Whether the protocol knows the method as one that nobody answers."""
        if method not in self._notifications:
            fields = getattr(self.get_message_type(method), "__attrs_attrs__", None)
            self._notifications[method] = fields is not None and all(field.name != "id" for field in fields)
        return self._notifications[method]

    def _reject(self, message: dict[str, Any], error: JsonRpcException) -> None:
        """Tells who made a malformed request; who waits for a malformed response gets the error as its answer."""
        log.warning("%s: %s", message.get("method", "a response"), error.message)
        msg_id = message.get("id")
        if "method" in message:
            self._refuse(msg_id, error)
        elif isinstance(msg_id, str) and (waiting := self._request_futures.pop(msg_id, None)) is not None:
            waiting.set_exception(error)

    def _refuse(self, msg_id: str | int | None, error: JsonRpcException) -> None:
        """Answers a request with an error; a notification gets no answer."""
        if msg_id is not None:
            self._send_response(msg_id, error=error.to_response_error())

    def _run_generator(self, future: Any, *, gen: Any, result_future: Future[Any]) -> None:
        """One step of a command's request; cancelling the request or the command ends both, which pygls does not do."""
        if future is not None and future.cancelled():
            result_future.cancel()
            return
        known = set(self._request_futures)
        super()._run_generator(future, gen=gen, result_future=result_future)
        for key in set(self._request_futures) - known:
            result_future.add_done_callback(partial(_pass_cancelling, self._request_futures.pop(key)))

    def cancel_others(self) -> None:
        """Gives up all requests but the one at hand, of either side; pygls trips over those that are gone at once."""
        for msg_id in self._request_futures.keys() - {self.msg_id}:
            self._request_futures.pop(msg_id).cancel()

    def _send_handler_result(self, future: Future[Any], *, msg_id: str | int) -> None:
        self._request_futures.pop(msg_id, None)
        if future.cancelled():
            self._refuse(msg_id, JsonRpcRequestCancelled("cancelled"))
            return
        error = future.exception()
        if error is None:
            self._send_response(msg_id, result=future.result())
        elif isinstance(error, JsonRpcException):
            self._refuse(msg_id, error)
        else:
            log.error("a request failed: %s", where(error))
            self._refuse(msg_id, JsonRpcInternalError(f"internal error: {type(error).__name__}; see the server's log"))

    def _check_handler_result(self, future: Future[Any]) -> None:
        """What came of a notification, which is remembered no longer: pygls would keep each one for good."""
        for name in [name for name, running in self._request_futures.items() if running is future]:
            del self._request_futures[name]
        error = None if future.cancelled() else future.exception()
        if isinstance(error, JsonRpcException):
            log.warning("a notification is refused: %s", error.message)
        elif error is not None:
            log.error("a notification failed: %s", where(error))

    def _send_data(self, data: Any) -> None:
        if not data or self.writer is None:
            return
        plain = (
            self._converter.unstructure(data, unstructure_as=type(data)) if hasattr(data, "__attrs_attrs__") else data
        )
        self.writer.write(_framed(plain))


def _pass_cancelling(running: Any, done: Future[Any]) -> None:
    """Cancels `running` where what it runs for was cancelled."""
    if done.cancelled():
        running.cancel()


def _parse_leniently(body: bytes) -> Any:
    """Orjson refuses lone surrogates, which an editor may send in the middle of an emoji."""
    try:
        return json.loads(body)
    except ValueError:
        return _NO_JSON


def _is_message(given: Any) -> bool:
    return (
        isinstance(given, dict)
        and isinstance(given.get("id", ""), str | int)
        and isinstance(given.get("method", ""), str)
    )


def _framed(message: Any) -> bytes:
    try:
        body = orjson.dumps(message, default=vars)
    except (TypeError, orjson.JSONEncodeError):
        body = json.dumps(message, default=vars).encode()
    return b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


class _StdoutWriter:
    """Writes whole messages, and gives up quietly when the editor has gone."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._fd, view) :]
        except BrokenPipeError:
            log.warning("the editor has closed its end")

    def close(self) -> None:
        os.close(self._fd)


def serve(server: LanguageServer) -> NoReturn:
    """Runs `server` on stdin and stdout until `exit` or the end of stdin, and ends the process with it."""
    stdin, stdout = os.dup(sys.stdin.fileno()), os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # nothing else may write into the protocol's stream
    if sys.platform == "win32":
        import msvcrt  # noqa: PLC0415  there, a descriptor translates line breaks unless it is told not to

        for descriptor in (stdin, stdout):
            msvcrt.setmode(descriptor, os.O_BINARY)
    server.protocol.set_writer(_StdoutWriter(stdout))
    code = 0
    try:
        asyncio.new_event_loop().run_until_complete(_read(server.protocol, stdin))
    except SystemExit as exit_:
        code = exit_.code if isinstance(exit_.code, int) else 1
    except KeyboardInterrupt:
        code = 130
    # What still runs is not cancelled: Python 3.11 may wait for ever for a child that is just being started.
    # Connections and children end with the process.
    os._exit(code)


async def _read(protocol: Any, fd: int) -> None:
    """Hands messages to the protocol one after the other.

    After each one the event loop runs once, so that an async handler takes its snapshot before the
    next message can change the document.
    """
    loop = asyncio.get_running_loop()
    bodies: asyncio.Queue[bytes | None] = asyncio.Queue()

    def pump() -> None:
        frames = Frames()
        try:
            while chunk := os.read(fd, _CHUNK_BYTES):
                for body in frames.feed(chunk):
                    loop.call_soon_threadsafe(bodies.put_nowait, body)
        except (OSError, FramingError) as error:
            log.error("reading from the editor ended: %s", error)
        finally:
            loop.call_soon_threadsafe(bodies.put_nowait, None)

    # A daemon that reads the descriptor itself: it may be blocked in a read when the process ends.
    threading.Thread(target=pump, name="stdin", daemon=True).start()
    while (body := await bodies.get()) is not None:
        try:
            protocol.receive(body)
        except Exception as error:  # noqa: BLE001  a message that brings out a bug of ours must not end the session
            log.error("a message could not be taken: %s", where(error))
        await asyncio.sleep(0)
