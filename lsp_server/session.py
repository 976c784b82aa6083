"""What works under one set of settings: owns the endpoint, the completer and the explainer that belong together.

Importing it brings the HTTP client (0.1 s), so the server does that after it has answered
`initialize`. New settings make a new session; the old one is closed.
"""

from __future__ import annotations

from collections.abc import Callable

from context import Budget, Snapshot
from context.outline import Outline
from lsp_server.assist.explain import Explainer
from lsp_server.completion.asking import Limits, Sources
from lsp_server.completion.counts import Counts
from lsp_server.completion.line import Completer
from lsp_server.endpoint.address import Resolve, fixed
from lsp_server.endpoint.client import Endpoint
from lsp_server.endpoint.embedded import EmbeddedEngine
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.status import Status
from lsp_server.settings import Settings, TierSettings

SLOW_PREFILL_TOKENS_PER_S = 600
"""Below this a prompt's suffix, which is read anew at every keystroke, costs more time than a short one loses."""

SHORT_SUFFIX_TOKENS = 88


class Session:
    """The instant tier's endpoint and what is asked of it."""

    def __init__(
        self,
        settings: Settings,
        outline: Callable[[str, int], Outline | None],
        on_status: Callable[[Status], None],
        counts: Counts,
    ) -> None:
        self._settings = settings
        self._on_status = on_status
        self._is_closed = False
        tier = settings.endpoint.instant
        self._is_embedded = tier.url is None and settings.embedded.enabled
        resolve: Resolve = fixed(tier)
        if self._is_embedded:
            tier = _embedded_tier(settings, tier)
            resolve = EmbeddedEngine(settings.embedded, on_status=self._announce).address
        self.endpoint = Endpoint("instant", tier, resolve, open_client(settings.endpoint), self._tell)
        self.completer = Completer(self.endpoint, Sources(self._limits, outline), counts)
        self.explainer = Explainer(self.endpoint)

    async def prepare(self, snapshot: Snapshot | None = None) -> None:
        """Connects to the endpoint, which then reads the opened document."""
        await self.endpoint.prepare()
        if snapshot is not None and self.endpoint.capabilities is not None:
            self.completer.opened(snapshot)

    async def aclose(self) -> None:
        """Closes every connection; the local engine is shared and ends by itself when nobody uses it."""
        self._is_closed = True
        self.completer.close()
        await self.endpoint.aclose()

    def _announce(self, status: Status) -> None:
        """The local engine is being started, which the endpoint has to know to tell what comes of it."""
        self.endpoint.announce(status)

    def _tell(self, status: Status) -> None:
        """Passes a status on; what closing does to the running answers is no news of the endpoint."""
        if not self._is_closed:
            self._on_status(status)

    def _limits(self) -> Limits:
        options = self._settings.completion
        tokens = options.budget_tokens
        if self._is_embedded:
            tokens = min(tokens, self._settings.embedded.budget_tokens)
        able = self.endpoint.capabilities
        speed = able.prefill_tokens_per_s if able is not None else None
        is_slow = speed is not None and speed < SLOW_PREFILL_TOKENS_PER_S
        return Limits(
            max_lines=options.max_lines,
            max_tokens=options.max_tokens,
            budget=Budget(tokens, min(SHORT_SUFFIX_TOKENS, tokens // 4) if is_slow else None),
            is_slow=is_slow,
        )


def _embedded_tier(settings: Settings, tier: TierSettings) -> TierSettings:
    """The local engine's own deadlines: on a processor its first token takes seconds."""
    embedded = settings.embedded
    return tier.model_copy(update={"first_token_ms": embedded.first_token_ms, "total_ms": embedded.total_ms})
