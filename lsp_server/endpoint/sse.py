"""Server-sent events as OpenAI-compatible endpoints write them: owns the bytes on the wire, not what they mean."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from typing import Any

import orjson

from lsp_server.endpoint.status import EndpointError

MAX_LINE_BYTES = 1_000_000
"""A single event is a token or a usage report; a longer line is no event stream."""

DRAIN_TIMEOUT_S = 0.05


class LineReader:
    """Cuts chunks into `data:` values. Each data line is an event: these endpoints never spread JSON over two."""

    def __init__(self) -> None:
        self._tail = b""

    def feed(self, chunk: bytes) -> list[bytes]:
        """The data values that `chunk` completes."""
        lines = (self._tail + chunk).splitlines(keepends=True)
        # A last "\r" may be the first half of "\r\n".
        self._tail = lines.pop() if lines and not lines[-1].endswith(b"\n") else b""
        if len(self._tail) > MAX_LINE_BYTES:
            raise EndpointError("bad_answer", "The endpoint sent an endless line instead of an event stream.")
        return [value for line in lines if (value := _data(line)) is not None]

    def close(self) -> list[bytes]:
        """What stood in the last line if the stream ended without a line break."""
        line, self._tail = self._tail, b""
        value = _data(line)
        return [] if value is None else [value]


async def events(chunks: AsyncIterable[bytes]) -> AsyncGenerator[dict[str, Any]]:
    """The JSON objects of a stream, until `[DONE]` or its end; raises EndpointError for anything else."""
    reader = LineReader()
    rest = aiter(chunks)
    async for chunk in rest:
        for value in reader.feed(chunk):
            if value == b"[DONE]":
                await _drain(rest)
                return
            yield parse(value)
    for value in reader.close():
        if value != b"[DONE]":
            yield parse(value)


def parse(value: bytes) -> dict[str, Any]:
    """One JSON object, in UTF-8: a replacement character in somebody's code would be worse than no answer."""
    try:
        found = orjson.loads(value)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        # The value itself may hold text of a file, so it is neither quoted nor chained.
        raise EndpointError(
            "bad_answer", "The endpoint sent something that is not JSON: check that it is OpenAI-compatible."
        )
    return found


async def _drain(rest: AsyncIterator[bytes]) -> None:
    """Reads the end of the body that follows `[DONE]` at once, so that the connection can serve again."""
    with contextlib.suppress(TimeoutError, EndpointError):
        async with asyncio.timeout(DRAIN_TIMEOUT_S):
            async for _ in rest:
                pass


def _data(line: bytes) -> bytes | None:
    if not line.startswith(b"data:"):
        return None
    return line[5:].strip() or None
