"""What came of one request, for the metrics: owns the words for its end; knows neither who counts them nor how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lsp_server.endpoint.answer import Answer, Timings
from lsp_server.endpoint.purpose import Purpose
from lsp_server.endpoint.status import EndpointError

Outcome = Literal["answered", "cut", "cancelled", "deadline", "failed"]
"""`cut` was left by us since nothing more of it would be used, `cancelled` was wanted by nobody any more."""


@dataclass(frozen=True, slots=True)
class Ended:
    """One request that is over; `error` is the kind of what it failed with."""

    purpose: Purpose
    tier: str
    model: str
    outcome: Outcome
    error: str
    timings: Timings

    @classmethod
    def unanswered(cls, purpose: Purpose, tier: str, model: str, error: EndpointError | None) -> Ended:
        """A request that failed, or was cancelled, before anything was said."""
        return cls(purpose, tier, model, "failed" if error else "cancelled", error.kind if error else "", Timings())

    @classmethod
    def of(cls, purpose: Purpose, tier: str, model: str, answer: Answer, *, is_cancelled: bool) -> Ended:
        """A request whose answer was read, in part or whole."""
        error = answer.error.kind if answer.error is not None else ""
        outcome: Outcome = "answered" if answer.is_whole else "cancelled" if is_cancelled else "cut"
        if error:
            outcome = "failed"
        elif answer.cut == "deadline":
            outcome = "deadline"
        return cls(purpose, tier, model, outcome, error, answer.timings)
