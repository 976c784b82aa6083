"""Who is asked before a request leaves and told when it is over: the endpoint's side; knows no role and no trail."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from lsp_server.endpoint.address import Address
from lsp_server.endpoint.ended import Ended
from lsp_server.endpoint.purpose import Purpose, Sending
from lsp_server.endpoint.status import EndpointError


@dataclass(frozen=True, slots=True)
class Leaving:
    """A request that is about to leave. `prompt` is all that the model would be shown; a probe's own is not told."""

    sending: Sending
    tier: str
    address: Address
    model: str = ""
    prompt: str = ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a knowledge provider is about to be asked; `url` is "" where it is a process of the user's own."""

    sending: Sending
    provider: str
    url: str
    text: str


class Gate(Protocol):
    """What every request passes; none of this waits for anything."""

    def leave(self, leaving: Leaving) -> None:
        """Takes note of a request; raises EndpointError (denied) where it must not leave."""

    def consult(self, question: Question) -> None:
        """Takes note of a question; raises EndpointError (denied) where it must not leave."""

    def over(self, sending: Sending, ended: Ended, answer: str) -> None:
        """Takes note of what came of what has left; `answer` is what was read of its answer."""

    def refused(self, purpose: Purpose, tier: str, error: EndpointError) -> None:
        """Takes note of a request that the guard did not let leave."""


class OpenGate:
    """Lets everything pass: for who asks an endpoint of their own, without a server around it."""

    def leave(self, leaving: Leaving) -> None:
        """Nothing is against it."""

    def consult(self, question: Question) -> None:
        """Nothing is against it."""

    def over(self, sending: Sending, ended: Ended, answer: str) -> None:
        """Nobody takes note of it."""

    def refused(self, purpose: Purpose, tier: str, error: EndpointError) -> None:
        """Nobody takes note of it."""
