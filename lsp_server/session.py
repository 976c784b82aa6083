"""What works under one set of settings: owns the endpoint, the completer and the explainer that belong together.

Importing it brings the HTTP client (0.1 s), so the server does that after it has answered
`initialize`. New settings make a new session; the old one is closed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from context import Budget, Snapshot, Snippet
from context.outline import Outline
from context.tokens import TokenRate
from lsp_server.assist import guidelines, prompts
from lsp_server.assist.explain import Explainer
from lsp_server.assist.fix import Fixer
from lsp_server.assist.generate import Generator
from lsp_server.assist.tier import NOT_SET, Tiers
from lsp_server.checkpoint import Checkpoint
from lsp_server.completion import layout
from lsp_server.completion.asking import Limits, Sources
from lsp_server.completion.counts import Counts
from lsp_server.completion.line import Completer
from lsp_server.endpoint import wire
from lsp_server.endpoint.client import MIN_PROMPT_TOKENS, Endpoint
from lsp_server.endpoint.embedded import EmbeddedEngine
from lsp_server.endpoint.ended import Ended
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.places import Places
from lsp_server.endpoint.status import Status
from lsp_server.knowledge import Knowledge
from lsp_server.options import Settings, TierSettings
from lsp_server.policy import Policy
from lsp_server.provider_settings import Feature

KNOWLEDGE_SHARE = 0.15
"""Of a completion's prompt, for what providers know: less than the code that belongs to the cursor."""

RATE_STEP = 0.05
"""What the model's tokens per estimated one have to change by before windows are measured anew."""


class Session:
    """Both tiers' endpoints and what is asked of them."""

    def __init__(
        self,
        settings: Settings,
        outline: Callable[[str, int], Outline | None],
        on_status: Callable[[Status], None],
        counts: Counts,
        snippets: Callable[[str], tuple[Snippet, ...]] = lambda uri: (),
        *,
        on_ended: Callable[[Ended], None] = lambda ended: None,
        on_more: Callable[[str], None] = lambda uri: None,
        checkpoint: Checkpoint | None = None,
    ) -> None:
        self._settings = settings
        self.checkpoint = checkpoint or Checkpoint(settings, Policy())
        self._on_ended = on_ended
        self._learned = TokenRate()
        self._rate = self._learned.rate
        self._on_status = on_status
        self._is_closed = False
        self._preparing: asyncio.Task[None] | None = None
        self._connecting: asyncio.Task[None] | None = None
        tier = settings.endpoint.instant
        self.is_local = tier.url is None and settings.embedded.enabled
        """Whether the local engine serves the instant tier."""
        self.endpoint = self._local_endpoint() if self.is_local else self._configured("instant", tier)
        self.knowledge = Knowledge(settings, self.checkpoint, self._tell)
        self._of_workspace = snippets
        sources = Sources(self.limits, outline, self.snippets, self._learn)
        self.completer = Completer(self.endpoint, sources, counts, on_more)
        self.thinking = self._thinking_endpoint() if settings.endpoint.thinking.url else None
        call_tool = self.knowledge.call_tool if self.knowledge.providers else None
        self.tiers = Tiers(self.endpoint, self.thinking, settings.chat, call_tool)
        self.explainer = Explainer(self.tiers)
        self.fixer = Fixer(self.tiers, self.guidelines, partial(self.known, "fix"))
        refused, known = settings.secrets.refused, partial(self.known, "tests")
        self.generator = Generator(self.tiers, settings.tests, refused=refused, guidelines=self.guidelines, known=known)

    async def prepare(self, snapshot: Snapshot | None = None) -> None:
        """Connects to the endpoint, which then reads the opened document."""
        if self._connecting is None and self.knowledge.providers:
            self._connecting = asyncio.create_task(self.knowledge.prepare())
        await self.endpoint.prepare()
        if snapshot is not None and self.endpoint.capabilities is not None:
            self.completer.opened(snapshot)

    def snippets(self, uri: str) -> tuple[Snippet, ...]:
        """What is known by now for a completion: by providers, and in the workspace."""
        known = self.knowledge.snippets(uri, self.limits().budget.estimated * KNOWLEDGE_SHARE)
        return (*known, *self._of_workspace(uri))

    async def known(self, feature: Feature, snapshot: Snapshot, start: int, end: int, question: str = "") -> str:
        """What providers know of the names in a stretch, as a prompt's section; "" where that is nothing."""
        snippets = await self.knowledge.about(feature, snapshot, start, end, question)
        return prompts.knowledge_section([(snippet.path, snippet.text) for snippet in snippets])

    def guidelines(self, snapshot: Snapshot) -> str:
        """The guidelines of the repository that holds the document, as the settings want them; "" for none."""
        return guidelines.read(snapshot, self._settings.chat.guidelines, self._settings.secrets.refused)

    def think(self, *, is_on: bool) -> str:
        """Turns the thinking tier on or off, as far as it is set; the sentence that says what holds now."""
        if is_on and self.thinking is None:
            return f"{NOT_SET} Set endpoint.thinking.url first."
        if is_on and not self.checkpoint.may_think:
            return "Your token's role does not include the thinking model."
        self.tiers.is_thinking = is_on
        if is_on and self.thinking is not None and self.thinking.capabilities is None:
            self._preparing = asyncio.create_task(self.thinking.prepare())
        self._tell()
        return "The thinking model answers from now on." if is_on else "The instant model answers from now on."

    @property
    def available_tiers(self) -> tuple[str, ...]:
        """Those that are set and that the token's role includes."""
        return ("instant", "thinking") if self.thinking is not None and self.checkpoint.may_think else ("instant",)

    @property
    def status(self) -> Status:
        """The instant tier's state, which completions need, the tier that answers in words, and silent providers."""
        status, thinking = self.endpoint.status, self.thinking
        if self.knowledge.trouble:
            status = replace(status, message=f"{status.message} {self.knowledge.trouble}")
        if not self.tiers.is_thinking or thinking is None:
            return status
        model, failed = thinking.status.model or "the thinking model", thinking.status.state == "down"
        told = f"Explanations, fixes and tests are asked of {model}."
        if failed:
            told = f"The instant model answers in place of {model}: {thinking.status.message}"
        return replace(status, tier="thinking", message=f"{status.message} {told}")

    async def aclose(self) -> None:
        """Closes every connection; the local engine is shared and ends by itself when nobody uses it."""
        self._is_closed = True
        self.completer.close()
        self.explainer.close()
        await self.knowledge.aclose()
        await self.endpoint.aclose()
        if self.thinking is not None:
            await self.thinking.aclose()

    def _announce(self, status: Status) -> None:
        """The local engine is being started, which the endpoint has to know to tell what comes of it."""
        self.endpoint.announce(status)

    def _tell(self, _: Status | None = None) -> None:
        """Passes the status on; what closing does to the running answers is no news of the endpoints."""
        if not self._is_closed:
            self._on_status(self.status)

    def _local_endpoint(self) -> Endpoint:
        settings = self._settings
        tier = _embedded_tier(settings, settings.endpoint.instant)
        resolve = EmbeddedEngine(settings.embedded, on_status=self._announce).address
        # Whatever the settings allow, the local engine is on this machine.
        client = open_client(settings.endpoint.model_copy(update={"only": ("127.0.0.0/8",)}))
        return Endpoint("instant", tier, resolve, client, self._tell, on_ended=self._on_ended, gate=self.checkpoint)

    def _thinking_endpoint(self) -> Endpoint:
        """Asked for nothing but chats, so what else its model can do is not found out."""
        tier = TierSettings(**dict(self._settings.endpoint.thinking), mode="chat")
        return self._configured("thinking", tier)

    def _configured(self, name: str, tier: TierSettings) -> Endpoint:
        """The endpoint that the settings name, wherever of its places it serves."""
        client = open_client(self._settings.endpoint)
        places = Places(tier, partial(wire.is_healthy, client))
        return Endpoint(
            name,
            tier,
            places.address,
            client,
            self._tell,
            lost=places.lost,
            on_ended=self._on_ended,
            gate=self.checkpoint,
        )

    def limits(self) -> Limits:
        """What a completion may cost now, as far as the endpoint is known."""
        options = self._settings.completion
        tokens = options.budget_tokens
        if self.is_local:
            tokens = min(tokens, self._settings.embedded.budget_tokens)
        able = self.endpoint.capabilities
        if able is not None and able.n_context is not None:
            tokens = max(MIN_PROMPT_TOKENS, min(tokens, able.n_context - options.max_tokens))
        if (most := self.endpoint.most_tokens) is not None:
            tokens = max(MIN_PROMPT_TOKENS, min(tokens, Budget.of_estimated(most, self._rate).tokens))
        speed = able.prefill_tokens_per_s if able is not None else None
        is_suffix_first = able is not None and able.fim_format is not None and able.fim_format.suffix_first
        n_suffix = layout.suffix_tokens(speed, tokens, is_suffix_first=is_suffix_first)
        return Limits(
            max_lines=options.max_lines,
            max_tokens=options.max_tokens,
            budget=Budget(tokens, n_suffix, self._rate),
            is_slow=layout.is_slow(speed),
            first_lines_s=options.first_lines_ms / 1_000,
        )

    def _learn(self, estimated: float, counted: int) -> None:
        """Follows the endpoint's own count of tokens, in steps: each one moves windows, and prompts are read anew."""
        self._learned.update(estimated, counted)
        if abs(self._learned.rate - self._rate) > RATE_STEP:
            self._rate = self._learned.rate


def _embedded_tier(settings: Settings, tier: TierSettings) -> TierSettings:
    """The local engine's own deadlines: on a processor its first token takes seconds."""
    embedded = settings.embedded
    return tier.model_copy(update={"first_token_ms": embedded.first_token_ms, "total_ms": embedded.total_ms})
