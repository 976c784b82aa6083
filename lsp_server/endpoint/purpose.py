"""What a request is for: owns the words that the gateway and the audit trail know features by; sends nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Literal

Feature = Literal["completion", "explain", "fix", "tests", "warm_up", "probe"]

AFFINITY = secrets.token_hex(16)
"""This process, which is one editor's session, to a gateway: it keeps the session with the replica that has read its
prompts. By chance and anew at each start, so that it tells of neither a user nor a path."""


@dataclass(frozen=True, slots=True)
class Purpose:
    """The feature that asks and the document it asks about; `uri` is for the audit trail and never sent."""

    feature: Feature = "completion"
    uri: str = ""


@dataclass(frozen=True, slots=True)
class Sending:
    """One request that leaves: its purpose and the name it goes by, here and at the gateway."""

    purpose: Purpose
    request_id: str

    @classmethod
    def of(cls, purpose: Purpose) -> Sending:
        """A request with a name of its own."""
        return cls(purpose, secrets.token_hex(8))

    def headers(self) -> dict[str, str]:
        """What the gateway is told: nothing in it is of a file or a user."""
        feature = "completion" if self.purpose.feature == "warm_up" else self.purpose.feature
        return {"x-request-id": self.request_id, "x-session-affinity": AFFINITY, "x-instant-feature": feature}
