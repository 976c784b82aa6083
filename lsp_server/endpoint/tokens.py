"""Where a tier's bearer token comes from: owns its sources and when it is read anew; sends it nowhere, tells it nobody.

A token is read when it is first needed, before it expires (as far as it is a JWT that says when) and once after an
endpoint has refused it. A command that prints one is run without a shell; what it says on stderr is not read, since
it may hold what it should not. Whether a token is genuine is for the gateway to judge: `claims` only reads it.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import contextlib
import math
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from lsp_server.endpoint.status import EndpointError
from lsp_server.options import ServedSettings

COMMAND_TIMEOUT_S = 30.0
"""Long enough for a single sign-on that asks nothing; nobody waits at a terminal here."""

RENEW_S = 60.0
"""Before its end a token is read anew; one that lives shortly, in the last fifth of its life."""

LEAST_S = 5.0
"""Between two readings of a source that keeps giving what is about to end."""

REREAD_S = 30.0
"""A command or key store that gave a refused token, or none, is left alone for so long."""

REFUSED_S = 600.0
"""A refused token is tried again after so long, since it may be the gateway that was wrong."""

_MAX_TOKEN_BYTES = 65_536
_Read = Callable[[], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class Token:
    """A bearer token, None for none; in seconds since 1970, from when on to read the next one and when it ends."""

    value: str | None = field(default=None, repr=False)
    renew_at_s: float = math.inf
    expires_at_s: float = math.inf


class TokenSource:
    """One tier's token; `name` is what people call the place it comes from."""

    def __init__(
        self, name: str, read: _Read | None, *, pause_s: float = 0.0, clock: Callable[[], float] = time.time
    ) -> None:
        self.name = name
        self._read = read
        self._pause_s = pause_s
        self._clock = clock
        self._token: Token | None = Token() if read is None else None
        self._refused: tuple[str, float] | None = None
        self._failure: tuple[EndpointError, float] | None = None
        self._one_at_a_time = asyncio.Lock()

    async def get(self) -> Token:
        """The token to send now; raises EndpointError where there is none, or none but a refused one."""
        async with self._one_at_a_time:
            now_s = self._clock()
            if self._token is not None and now_s < self._token.renew_at_s:
                return self._token
            if self._failure is None or now_s >= self._failure[1]:
                await self._reread(now_s)
            if self._token is not None and now_s < self._token.expires_at_s:
                return self._token
            assert self._failure is not None
            raise EndpointError(self._failure[0].kind, str(self._failure[0]))

    def refuse(self, value: str | None) -> bool:
        """An endpoint has refused this token; whether reading it again may give another."""
        if self._read is None:
            return False
        if value is not None and self._token is not None and self._token.value == value:
            self._token = None
            self._refused = value, self._clock() + REFUSED_S
        return True

    async def _reread(self, now_s: float) -> None:
        """Takes the token that the source has now; what it had stays where it has none."""
        assert self._read is not None
        try:
            value = _checked(await self._read(), self.name)
            if self._refused is not None and value == self._refused[0] and now_s < self._refused[1]:
                raise EndpointError(
                    "auth", f"The endpoint does not take the token (401): put a valid one into {self.name}."
                )
        except EndpointError as error:
            self._failure = error, now_s + self._pause_s
        else:
            self._token, self._failure = _dated(value, now_s), None


def source(tier: ServedSettings) -> TokenSource:
    """The source that the settings name; of several the first in this order."""
    if tier.token_env:
        return TokenSource(f"the environment variable {tier.token_env}", partial(_of_environment, tier.token_env))
    if tier.token_file:
        return TokenSource(f"the file {tier.token_file}", partial(_of_file, tier.token_file))
    if tier.token_keyring:
        return TokenSource(
            f"the key store's entry {tier.token_keyring}", partial(_of_keyring, tier.token_keyring), pause_s=REREAD_S
        )
    if tier.token_command:
        name = f"what {Path(tier.token_command[0]).name} prints"
        return TokenSource(name, partial(_of_command, tier.token_command), pause_s=REREAD_S)
    return TokenSource("nowhere", None)


def claims(token: str | None) -> Mapping[str, Any]:
    """What a JWT says of its bearer, unverified: good to show and to hide, never to trust. {} for any other token."""
    parts = (token or "").split(".")
    if len(parts) != 3:
        return {}
    try:
        found = orjson.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    except (binascii.Error, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _dated(value: str, now_s: float) -> Token:
    told = claims(value)
    expires_s, issued_s = _seconds(told.get("exp")), _seconds(told.get("iat"))
    if expires_s is None:
        return Token(value)
    life_s = expires_s - (now_s if issued_s is None else issued_s)
    # Whether a token has ended is the gateway's to say: this machine's clock may be wrong.
    renew_at_s = max(expires_s - min(RENEW_S, max(life_s, 0.0) / 5), now_s + LEAST_S)
    return Token(value, renew_at_s, max(expires_s, renew_at_s))


def _seconds(claim: Any) -> float | None:
    is_number = isinstance(claim, int | float) and not isinstance(claim, bool)
    return float(claim) if is_number and math.isfinite(claim) else None


def _checked(value: str, name: str) -> str:
    """A token that fits into a header; the message does not quote it."""
    value = value.strip()
    if not value:
        raise EndpointError("auth", f"There is no token in {name}: put one there.")
    if not (value.isascii() and value.isprintable()) or " " in value:
        raise EndpointError("auth", f"What stands in {name} holds characters that no token has.")
    return value


async def _of_environment(variable: str) -> str:
    return os.environ.get(variable, "")


async def _of_file(name: str) -> str:
    try:
        return await asyncio.to_thread(_content, name)
    except OSError as error:
        raise EndpointError("auth", f"The token's file {name} cannot be read: {error.strerror}.") from None


def _content(name: str) -> str:
    with open(os.path.expanduser(name), "rb") as file:
        return file.read(_MAX_TOKEN_BYTES).decode("utf-8", "replace")


async def _of_keyring(entry: str) -> str:
    """An entry is named service/user."""
    service, _, user = entry.rpartition("/")
    try:
        reading = asyncio.to_thread(_password, service, user)
        return await asyncio.wait_for(reading, COMMAND_TIMEOUT_S) or ""
    except ImportError:
        raise EndpointError(
            "auth", "The key store cannot be read without its package: pip install 'instant-lsp[keyring]'."
        ) from None
    except Exception as error:  # noqa: BLE001  each platform's store has errors of its own
        raise EndpointError("auth", f"The key store gives no token ({type(error).__name__}): unlock it.") from None


def _password(service: str, user: str) -> str | None:
    import keyring  # noqa: PLC0415  0.1 s, only where it is configured

    return keyring.get_password(service, user)


async def _of_command(command: tuple[str, ...]) -> str:
    """What a command prints; it is stopped, with what it has started, when it takes too long."""
    name = Path(command[0]).name
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "its name cannot be used"
        raise EndpointError("auth", f"The token's command {name} cannot be run: {reason}.") from None
    printed = b""
    try:
        assert process.stdout is not None
        async with asyncio.timeout(COMMAND_TIMEOUT_S):
            while len(printed) < _MAX_TOKEN_BYTES and (chunk := await process.stdout.read(_MAX_TOKEN_BYTES)):
                printed += chunk
            code = await process.wait()
    except TimeoutError:
        raise EndpointError(
            "auth", f"The token's command {name} has not ended within {COMMAND_TIMEOUT_S:.0f} seconds."
        ) from None
    finally:
        await _end(process)
    if code != 0:
        raise EndpointError("auth", f"The token's command {name} has failed ({code}): run it in a terminal.")
    return printed.decode("utf-8", "replace")


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL)
    await process.wait()
