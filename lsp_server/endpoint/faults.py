"""What an endpoint's refusal means: owns the way from a status code or error object to EndpointError.

An endpoint's own wording is read for what it says but never passed on: validation errors quote the
prompt, and with it the user's file.
"""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from time import time
from typing import Any
from urllib.parse import urlsplit

import orjson

from lsp_server.endpoint.address import Address
from lsp_server.endpoint.status import EndpointError

_TOO_LONG = ("exceed_context_size", "context length", "context size", "maximum context", "too long", "max_model_len")


def of_response(address: Address, status: int, headers: Mapping[str, str], body: bytes) -> EndpointError:
    """The error for a response that is not 200; `headers` are looked up in lower case."""
    message = _wording(body)
    if status in (400, 413, 422) and (status == 413 or any(mark in message for mark in _TOO_LONG)):
        return _too_large()
    if status == 404 and "model" in message:
        return no_model(address)
    if status == 429:
        return EndpointError(
            "limited",
            f"{address.url} has had too many requests (429) and is left alone for a while.",
            retry_after_s=_retry_after_s(headers),
        )
    if status >= 500 and status != 501:
        return EndpointError(
            "overloaded",
            f"{address.url} cannot answer now ({status}): it is loading, overloaded or broken.",
            retry_after_s=_retry_after_s(headers),
        )
    if 300 <= status < 400:
        return _redirect(address, headers)
    return _other(address, status)


def of_event(address: Address, event: Mapping[str, Any]) -> EndpointError | None:
    """The error that an event of a stream reports, if it does; the stream's status was 200 long before."""
    error = event.get("error")
    if error is None and event.get("object") != "error":
        return None
    fields = error if isinstance(error, dict) else event
    code = fields.get("code")
    status = code if isinstance(code, int) and code >= 400 else 500
    return of_response(address, status, {}, orjson.dumps(fields))


def not_compatible(address: Address) -> EndpointError:
    """The address answers, but not as the contract says."""
    return EndpointError(
        "bad_answer",
        f"{address.url} is not an OpenAI-compatible endpoint: check its url, which usually ends in /v1.",
    )


def no_model(address: Address, served: tuple[str, ...] = ()) -> EndpointError:
    """The endpoint does not serve the model asked for; `served` are the names it does."""
    named = f"; it serves {', '.join(served[:8])}" if served else ""
    return EndpointError("no_model", f"{address.url} does not serve the model {address.model}{named}: correct model.")


def _other(address: Address, status: int) -> EndpointError:
    if status == 401:
        return EndpointError(
            "auth",
            f"{address.url} does not take the token (401): set token_env to the variable that holds a valid one.",
        )
    if status == 403:
        return EndpointError("forbidden", f"Your token's role may not use {address.url} (403): ask who runs it.")
    if status in (404, 405, 501):
        return not_compatible(address)
    return EndpointError("bad_answer", f"{address.url} did not accept the request ({status}).")


def _too_large() -> EndpointError:
    return EndpointError("too_large", "The prompt is larger than the endpoint takes; the next one is half as long.")


def _redirect(address: Address, headers: Mapping[str, str]) -> EndpointError:
    """Only scheme and host of the target are named: the rest of a location is the other side's to fill."""
    target = urlsplit(headers.get("location", ""))
    place = f"{target.scheme}://{target.netloc.rpartition('@')[2]}" if target.netloc else "another path"
    return EndpointError(
        "refused", f"{address.url} redirects to {place}, which is not followed: set the url that answers itself."
    )


def _wording(body: bytes) -> str:
    return body[:65_536].decode("utf-8", "replace").lower()


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds of a Retry-After header in either of its two forms, at most an hour."""
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value), 3600.0)
    try:
        return min(max(0.0, parsedate_to_datetime(value).timestamp() - time()), 3600.0)
    except ValueError:
        return None
