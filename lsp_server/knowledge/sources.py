"""All configured providers: owns who is asked for what, and what is known by now; never an exception, never a wait.

knowledge.look(snapshot, offset)                # the cursor is there: asks ahead
knowledge.snippets(uri, max_tokens)             # what has arrived, for a completion
await knowledge.about("explain", names)         # waits no longer than the providers' deadlines
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from cachetools import LRUCache

from context import Snapshot, Snippet
from context.secrets import Redactor
from context.tokens import n_lines_tokens
from lsp_server.endpoint.gate import Gate
from lsp_server.endpoint.purpose import Purpose
from lsp_server.endpoint.status import EndpointError
from lsp_server.knowledge.provider import Provider
from lsp_server.knowledge.query import names_near, names_of
from lsp_server.options import Settings
from lsp_server.provider_settings import Feature

_MAX_DOCUMENTS = 64
_SAME_SHARE = 0.5
"""So many of a place's names in those asked for last need no new question: prompts change less."""

log = logging.getLogger(__name__)


class Knowledge:
    """What the providers know; `on_change` is told when one of them begins or ceases to answer.

    Every question passes the `gate`, so that it stands in the audit trail; without one it passes nobody.
    """

    def __init__(
        self, settings: Settings, gate: Gate | None = None, on_change: Callable[[], None] = lambda: None
    ) -> None:
        self._on_change = on_change
        self._told = ""
        self._is_closed = False
        self.providers = [Provider(one, settings.endpoint, gate, self._tell) for one in settings.context.providers]
        self._redactor = Redactor(os.urandom(16)) if self.providers else None
        self._asked: LRUCache[str, frozenset[str]] = LRUCache(_MAX_DOCUMENTS)
        self._known: LRUCache[str, tuple[Snippet, ...]] = LRUCache(_MAX_DOCUMENTS)
        self._place: tuple[str, int] | None = None
        self._looking: asyncio.Task[None] | None = None
        self._looking_for = ""

    @property
    def trouble(self) -> str:
        """A sentence for each provider that gives nothing; "" where all do."""
        return " ".join(f"Provider {one.settings.name}: {one.trouble}." for one in self.providers if one.trouble)

    async def prepare(self) -> None:
        """Connects to all of them."""
        await asyncio.gather(*(one.prepare() for one in self.providers))

    def look(self, snapshot: Snapshot, offset: int) -> None:
        """The developer is at this place: what is known of its names will be ready for the next completions."""
        place = snapshot.uri, snapshot.line_start(offset)
        if self._redactor is None or not self._of("completion") or (place == self._place and not self.trouble):
            return
        self._place = place
        names = names_near(snapshot, offset, self._redactor)
        before = self._asked.get(snapshot.uri, frozenset())
        if not names or len(before & set(names)) >= _SAME_SHARE * len(names):
            return
        if self._looking is not None and not self._looking.done():
            self._looking.cancel()
            self._asked.pop(self._looking_for, None)  # it has no answer, so it is asked again when the cursor is back
        self._asked[snapshot.uri] = frozenset(names)
        self._looking = asyncio.create_task(self._look(snapshot.uri, names))
        self._looking_for = snapshot.uri

    def snippets(self, uri: str, max_tokens: float) -> tuple[Snippet, ...]:
        """What has arrived for a document, as much of it as is worth so many estimated tokens."""
        fitting: list[Snippet] = []
        for one in self._known.get(uri, ()):
            text = _beginning(one.text, max_tokens)
            if text:
                max_tokens -= n_lines_tokens(text)
                fitting.append(replace(one, text=text))
        return tuple(fitting)

    async def about(
        self, feature: Feature, snapshot: Snapshot, start: int, end: int, question: str = ""
    ) -> tuple[Snippet, ...]:
        """What is known of the names in a stretch, those of the question first; none where all are late."""
        providers = self._of(feature)
        if self._redactor is None or not providers:
            return ()
        names = names_of(snapshot, start, end, self._redactor, question)
        return await _all(providers, names, Purpose(feature, snapshot.uri)) if names else ()

    async def call_tool(self, name: str, arguments: Mapping[str, Any], purpose: Purpose) -> str:
        """The answer of the first provider that has this tool; where none has, one's failure is told in the text."""
        assert self._redactor is not None
        safe = json.loads(self._redactor.redact(json.dumps(arguments)).text)
        failure = f"There is no tool {name}."
        for provider in self.providers:
            try:
                answer = await provider.call(name, safe, purpose)
            except EndpointError as error:
                failure = f"The tool failed: {str(error).rstrip('.')}."
                continue
            if answer is not None:
                return self._redactor.redact(answer[: provider.settings.max_chars]).text
        return failure

    def forget(self, uri: str) -> None:
        """Drops what is known for a closed document."""
        self._asked.pop(uri, None)
        self._known.pop(uri, None)

    async def aclose(self) -> None:
        """Ends all connections, and the processes behind them; what that does to running questions is no news."""
        self._is_closed = True
        if self._looking is not None:
            self._looking.cancel()
        await asyncio.gather(*(one.aclose() for one in self.providers))

    def _of(self, feature: Feature) -> list[Provider]:
        return [one for one in self.providers if feature in one.settings.features]

    async def _look(self, uri: str, names: tuple[str, ...]) -> None:
        """A document that was closed meanwhile has nothing; a provider that gave nothing is asked again later."""
        providers = self._of("completion")
        found = await _all(providers, names, Purpose("completion", uri))
        if self._asked.get(uri) != frozenset(names):
            return
        self._known[uri] = found
        if not all(one.is_ready for one in providers):
            del self._asked[uri]
            self._place = None

    def _tell(self) -> None:
        """One line in the log for each change of state."""
        trouble = self.trouble
        if trouble != self._told and not self._is_closed:
            self._told = trouble
            log.warning("%s", trouble or "All knowledge providers answer.")
            self._on_change()


def _beginning(text: str, max_tokens: float) -> str:
    """As many of its first lines as fit, found by halving; "" where not one does."""
    while text and n_lines_tokens(text) > max_tokens:
        lines = text.splitlines(keepends=True)
        text = "".join(lines[: len(lines) // 2])
    return text


async def _all(providers: Sequence[Provider], names: tuple[str, ...], purpose: Purpose) -> tuple[Snippet, ...]:
    answers = await asyncio.gather(*(one.ask(names, purpose) for one in providers))
    return tuple(snippet for answer in answers for snippet in answer)
