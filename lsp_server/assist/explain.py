"""Explanations: owns how one is asked for and streamed, and what hovers remember; knows neither LSP nor HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from cachetools import LRUCache

from context import Snapshot
from context.defined import Defined
from context.outline import Outline
from lsp_server.assist import prompts, subject
from lsp_server.assist.definitions import Definitions, cited, word_at
from lsp_server.assist.known import Known, nothing_known
from lsp_server.assist.markdown import harmless, whole_sentences
from lsp_server.assist.subject import Beside, Subject
from lsp_server.assist.tier import Reply, Tier, Tiers
from lsp_server.endpoint.client import Message
from lsp_server.endpoint.purpose import Purpose
from lsp_server.endpoint.status import EndpointError

PATIENCE_S = 0.25
"""How long a hover waits for what is being found out; hovers of other servers are shown together with it."""

HOVER_MAX_TOKENS = 300
HOVER_CODE_CHARS = 1_600
_MAX_LINE_CHARS = 400
PREPARING = "*An explanation is being written; hover again to read it.*"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Explanation:
    """`text` is Markdown; `tier` and `model` have answered; `notice` is a sentence about what is not as was asked."""

    text: str
    tier: str = ""
    model: str = ""
    notice: str = ""

    @property
    def markdown(self) -> str:
        """The text with what is to be known of it."""
        notice = f"*{harmless(self.notice)}*" if self.notice else ""
        origin = f"*{prompts.inline(self.model).replace('*', '')} ({self.tier})*" if self.model else ""
        return "\n\n".join(filter(None, (notice, self.text, origin)))


@dataclass(frozen=True, slots=True)
class Hovered:
    """`text` is Markdown about the name that stands from `start` to `end`."""

    text: str
    start: int
    end: int


class _Running:
    """One explanation that a hover has begun."""

    def __init__(self) -> None:
        self.task: asyncio.Task[bool] | None = None
        self.reply: Reply | None = None

    @property
    def explanation(self) -> Explanation | None:
        """What was said by now, in whole sentences."""
        if self.reply is None or self.task is None:
            return None
        is_whole = self.task.done() and not self.reply.is_cut
        text = self.reply.said.strip() if is_whole else whole_sentences(self.reply.said.strip())
        if not is_whole and text and text[-1] not in ".!?`)":
            return None
        return Explanation(harmless(text), self.reply.tier, self.reply.model, self.reply.notice) if text else None


class Explainer:
    """Explains by the wanted tier, and remembers what hovers were told while the code stays as it was."""

    def __init__(self, tiers: Tiers) -> None:
        self._tiers = tiers
        self._said: LRUCache[tuple[str, ...], _Running] = LRUCache(128)
        self._asked_for: LRUCache[int, bool] = LRUCache(512)
        """By hashes: what it was asked for may be kilobytes of code."""
        self._newest: asyncio.Task[bool] | None = None

    async def explain(
        self,
        about: Subject,
        on_text: Callable[[str], None] = lambda text: None,
        *,
        tier: Tier | None = None,
        uri: str = "",
    ) -> Explanation:
        """The explanation; `on_text` hears all of it that has arrived, again and again. Raises EndpointError."""
        async with self._tiers.ask(about.messages, purpose=Purpose("explain", uri), tier=tier) as reply:
            notice = " ".join(filter(None, (reply.notice, about.notice)))
            async for _ in reply:
                said = Explanation(harmless(reply.said), reply.tier, "", notice)
                on_text(said.markdown)
            if reply.is_cut:
                notice = " ".join(filter(None, (notice, "The answer was cut at its limit.")))
            if not reply.said.strip():
                notice = " ".join(filter(None, (notice, "The model said nothing.")))
            return Explanation(harmless(reply.said).strip(), reply.tier, reply.model, notice)

    async def hover(
        self,
        snapshot: Snapshot,
        offset: int,
        outline: Outline | None,
        definitions: Definitions,
        *,
        is_always: bool,
        guidelines: Callable[[], str] = str,
        known: Known = nothing_known,
    ) -> Hovered | None:
        """What is known of the name at `offset` by now: its definition, and its explanation where one was prepared.

        An explanation is begun by the first hover with `is_always`, else by the second. Nothing here waits longer
        than PATIENCE_S.
        """
        word = word_at(snapshot, offset)
        if word is None:
            return None
        first, last, _ = subject.around(snapshot, offset, outline, HOVER_CODE_CHARS)
        line = snapshot.text[snapshot.line_start(word[0]) : snapshot.line_end(word[0])].strip()
        name, code = snapshot.text[slice(*word)], snapshot.text[first:last]
        key = (self._tiers.wanted, name, prompts.clipped(line, _MAX_LINE_CHARS), code)
        running = self._said.get(key)
        until_s = asyncio.get_running_loop().time() + PATIENCE_S
        found = await _soon(definitions(snapshot, word[0]), until_s)
        defined = found[0] if found else None
        if running is not None and running.task is not None:
            await asyncio.wait([running.task], timeout=max(0.0, until_s - asyncio.get_running_loop().time()))
        elif is_always or hash(key) in self._asked_for:
            asked = partial(known, snapshot, first, last, name)
            running = self._begin(key, snapshot, defined, guidelines(), asked)
        self._asked_for[hash(key)] = True
        text = _hover_text(defined, running)
        return Hovered(text, *word) if text else None

    def close(self) -> None:
        """Ends what hovers have begun."""
        if self._newest is not None:
            self._newest.cancel()

    def _begin(
        self,
        key: tuple[str, ...],
        snapshot: Snapshot,
        defined: Defined | None,
        guidelines: str,
        known: Callable[[], Awaitable[str]],
    ) -> _Running:
        """Begins an explanation; one that still runs is given up, since the pointer has moved on."""
        if self._newest is not None and not self._newest.done():
            self._newest.cancel()
        definition = ""
        if defined is not None:
            definition = prompts.defined(defined.path, subject.shown_definition(defined), defined.language)
        _, name, line, code = key
        code = subject.plain_breaks(code)

        async def write() -> list[Message]:
            beside = Beside(guidelines, await known()).within(self._tiers.room_chars())
            return prompts.explain_symbol(
                name, line, code, snapshot.language, definition=definition, beside=beside.sections
            )

        running = self._said[key] = _Running()
        running.task = self._newest = asyncio.create_task(self._prepare(running, snapshot.uri, write))

        def ended(task: asyncio.Task[bool]) -> None:
            if task.cancelled():  # it keeps its frames, and they what it was running for
                running.task = None
                self._newest = None if self._newest is task else self._newest
            if (task.cancelled() or not task.result()) and self._said.get(key) is running:
                del self._said[key]

        running.task.add_done_callback(ended)
        return running

    async def _prepare(self, running: _Running, uri: str, write: Callable[[], Awaitable[list[Message]]]) -> bool:
        """Reads one explanation; False where there is none, the reason of which the endpoint's status tells."""
        is_instant = self._tiers.wanted == "instant"
        try:
            messages = await write()
            max_tokens = HOVER_MAX_TOKENS if is_instant else None
            async with self._tiers.ask(messages, purpose=Purpose("explain", uri), max_tokens=max_tokens) as reply:
                running.reply = reply
                return bool((await reply.text()).strip())
        except EndpointError:
            return False


async def _soon(work: Awaitable[_T], until_s: float) -> _T | None:
    """What comes before that time of the loop's clock."""
    try:
        async with asyncio.timeout_at(until_s):
            return await work
    except TimeoutError:
        return None


def _hover_text(defined: Defined | None, running: _Running | None) -> str:
    explanation = running.explanation if running is not None else None
    if explanation is not None:
        place = cited(defined) if defined else ""
        return "\n\n".join(filter(None, (explanation.markdown, place)))
    parts: list[str] = []
    if defined is not None:
        parts = [prompts.fenced(defined.signature, defined.language), harmless(defined.doc)]
        parts.append(cited(defined))
    if running is not None:
        parts.append(PREPARING)
    return "\n\n".join(filter(None, parts))
