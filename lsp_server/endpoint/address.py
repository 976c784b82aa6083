"""Where a tier is served at this moment: owns Address, not how it is found."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Address:
    """`url` is the base of the OpenAI-compatible API, ending in /v1; `model` None means the first one served.

    It is looked for anew from `renew_at_s` on (seconds since 1970), and not used any more from `expires_at_s` on.
    """

    url: str
    model: str | None = None
    token: str | None = field(default=None, repr=False)
    renew_at_s: float = field(default=math.inf, compare=False)
    expires_at_s: float = field(default=math.inf, compare=False)


Resolve = Callable[[], Awaitable[Address]]
"""Finds the address when it is first needed and after the connection was lost; raises EndpointError."""
