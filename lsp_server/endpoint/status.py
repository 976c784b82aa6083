"""What the user is told about an endpoint: owns Status and EndpointError; knows no HTTP.

EndpointError is the one exception that leaves this package. Its kinds:

    unset         no endpoint is set and no engine can be started
    refused       the guard does not let the address be reached
    denied        the role, the policy or the audit trail does not let the request leave
    unreachable   no connection, or it broke
    timeout       the first token or the whole answer came too late
    auth          401: token missing, wrong or expired
    forbidden     403: the token's role may not
    too_large     413, or the prompt exceeds the model's context
    limited       429: too many requests; `retry_after_s` says how long
    overloaded    503 and other 5xx
    no_model      the endpoint does not serve the named model
    bad_answer    what came back is not what the contract says
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

ErrorKind = Literal[
    "unset",
    "refused",
    "denied",
    "unreachable",
    "timeout",
    "auth",
    "forbidden",
    "too_large",
    "limited",
    "overloaded",
    "no_model",
    "bad_answer",
]
State = Literal["ready", "starting", "off", "down"]


class EndpointError(Exception):
    """An endpoint did not answer as needed. The message is for the user and holds no text of a file."""

    def __init__(self, kind: ErrorKind, message: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.kind: ErrorKind = kind
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class Status:
    """What the editor's status item shows: `message` is a whole sentence that says what to do."""

    state: State
    message: str
    tier: str = "instant"
    model: str = ""
    features: tuple[str, ...] = ()
    """What the developer is offered, of completion, explain, fix and tests; editors hide what is not among them."""
    tiers: tuple[str, ...] = ()
    """The tiers that may be asked."""
    off_languages: tuple[str, ...] = ()
    """LSP language identifiers without completions; where all are without them, `features` lacks `completion`."""
