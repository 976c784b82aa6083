"""One completion, as a straight line: owns who waits for which answer of the model; knows neither LSP nor HTTP."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from context import Edit, Snapshot
from context.syntax import look
from context.window import n_tokens
from lsp_server.completion import Completion, Served, Superseded, postprocess
from lsp_server.completion.asking import Asking, Question, Sources, Times
from lsp_server.completion.cache import Memory, Said
from lsp_server.completion.counts import Counts
from lsp_server.completion.pace import Pace
from lsp_server.completion.prefetch import Prefetch
from lsp_server.completion.trigger import decide
from lsp_server.endpoint.client import MAX_CANDIDATES, Endpoint

_CLOSED_BY_EDITORS = frozenset(")]}\"'`")


class Completer:
    """Answers the completion requests of all documents from what the model said, is saying, or is asked to say.

    `on_more` hears of a document whose completion is shown in part, and has come to its end now.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        sources: Sources,
        counts: Counts | None = None,
        on_more: Callable[[str], None] = lambda uri: None,
    ) -> None:
        self.counts = counts or Counts()
        self._endpoint = endpoint
        self._sources = sources
        self._memory = Memory()
        self._pace = Pace()
        self._asking = Asking(endpoint, sources, self._memory, self._pace, counts=self.counts, on_more=self._has_more)
        self.prefetch = Prefetch(self._asking, self._memory, endpoint, sources, self._pace)
        self._requests: dict[str, _Request] = {}
        self._on_more = on_more
        self._on_screen: dict[str, tuple[int, ...]] = {}

    @property
    def last_times(self) -> Times | None:
        """Of the last answer that was waited for."""
        return self._asking.last_times

    async def complete(
        self, snapshot: Snapshot, offset: int, *, is_invoked: bool, served: Served | None = None
    ) -> list[Completion]:
        """The completions at `offset`, one unless the developer has asked; none where nothing is to be shown.

        Raises Superseded. `served` is told how, as far as it comes.
        """
        started = time.perf_counter()
        served = served or Served()
        self.prefetch.stop()
        with self._newest_wins(snapshot.uri):
            asked: Said | None = None
            looked_at: tuple[Said, int] | None = None
            while True:
                said = self._known(snapshot, offset, is_invoked=is_invoked) or asked
                has_news = said is not None and looked_at != (said, said.n_lines)
                if said is not None and (said.is_done or (has_news and self._are_first_lines_due(said))):
                    looked_at = said, said.n_lines
                    completions = self._shown(snapshot, offset, served, is_invoked=is_invoked)
                    # An answer given for a place before this one may have nothing to show here, where another has.
                    is_last = said.is_for(snapshot, offset) or (asked is not None and asked.is_done)
                    if completions or (said.is_done and is_last):
                        break
                    said = asked if said.is_done else said
                if said is None:
                    question = self._question(snapshot, offset, started, is_invoked=is_invoked)
                    if question is None:
                        self._asking.close(snapshot.uri)
                        self._on_screen.pop(snapshot.uri, None)
                        return []
                    said = asked = self._asking.ask(question)
                self._asking.reach(snapshot.uri, said)
                served.source = "running" if asked is None else "asked"
                waiting_s = time.perf_counter()
                await self._asking.wait(snapshot.uri, said, self._first_lines_in_s(said))
                served.waited_s += time.perf_counter() - waiting_s
                if said.failure is not None:
                    raise said.failure
            self._asking.reach(snapshot.uri, said)
            served.source = served.source or "memory"
            served.waited_s -= asked.built_s if asked is not None else 0.0
            self.counts.from_memory += served.source == "memory"
            self.counts.adopted += served.source == "running"
            self._on_screen[snapshot.uri] = served.answers
            if completions:
                self.prefetch.follow(snapshot, completions[0])
            return completions

    def typed(self, uri: str, edit: Edit) -> None:
        """One change of a document: the rhythm of them says when to ask."""
        self._pace.typed(uri, edit)

    def moved(self, snapshot: Snapshot, offset: int) -> None:
        """The cursor has come to another place without typing: its prompt is read while the developer looks."""
        if snapshot.uri not in self._requests and not self._pace.is_typing:
            self.prefetch.warm(snapshot, offset)

    def opened(self, snapshot: Snapshot) -> None:
        """Where the cursor is nobody knows yet; a document that fits a prompt is read whole."""
        if snapshot.text and n_tokens(snapshot.text) < self._sources.limits().budget.tokens:
            self.prefetch.warm(snapshot, len(snapshot.text))

    def forget(self, uri: str) -> None:
        """Drops all that is known of a closed document."""
        self._asking.forget(uri)
        self._memory.forget(uri)
        self._on_screen.pop(uri, None)

    def close(self) -> None:
        """Closes every running answer."""
        self.prefetch.stop()
        self._asking.close_all()

    @contextmanager
    def _newest_wins(self, uri: str) -> Iterator[None]:
        """Supersedes the document's older request, and is superseded by the next one."""
        request = _Request(asyncio.current_task())
        older = self._requests.get(uri)
        if older is not None:
            older.supersede()
        self._requests[uri] = request
        try:
            yield
        except asyncio.CancelledError:
            if request.is_superseded and request.task is not None:
                request.task.uncancel()
                raise Superseded from None
            raise
        finally:
            if self._requests.get(uri) is request:
                del self._requests[uri]

    def _known(self, snapshot: Snapshot, offset: int, *, is_invoked: bool) -> Said | None:
        """The answer that agrees with the text; for a developer who asks, only one of several that were asked for."""
        agreeing = self._memory.at(snapshot, offset, self._endpoint.status.model)
        return next((said for said, _ in agreeing if said.trigger.is_invoked or not is_invoked), None)

    def _has_more(self, uri: str, said: Said) -> None:
        """Tells that all of an answer is there now, if it is still that one whose first lines are shown."""
        if self._on_screen.get(uri) == (said.number,) and not said.n_waiting:
            self._on_more(uri)

    def _are_first_lines_due(self, said: Said) -> bool:
        """Whether the lines of a running answer that are there are shown without the others."""
        return bool(said.n_lines) and said.may_be_shown_in_part and said.age_s >= self._sources.limits().first_lines_s

    def _first_lines_in_s(self, said: Said) -> float | None:
        """When that will be; None where it has come, or never will."""
        if not said.may_be_shown_in_part:
            return None
        left_s = self._sources.limits().first_lines_s - said.age_s
        return left_s if left_s > 0 else None

    def _question(self, snapshot: Snapshot, offset: int, started: float, *, is_invoked: bool) -> Question | None:
        """What to ask; None where a completion would be in the way."""
        if self._pace.is_composing and not is_invoked:
            return None
        limits = self._sources.limits()
        trigger = decide(snapshot, offset, look(snapshot, offset), limits.max_lines, is_invoked=is_invoked)
        if trigger is None or self._endpoint.is_inside_secret(snapshot.text, offset):
            return None
        return Question(snapshot, offset, trigger, limits, self._sources.outline(snapshot.uri, offset), started)

    def _shown(self, snapshot: Snapshot, offset: int, served: Served, *, is_invoked: bool) -> list[Completion]:
        """What is shown of the answers that agree with the text, each text once."""
        agreeing = self._memory.at(snapshot, offset, self._endpoint.status.model)
        found = list(agreeing) if is_invoked else list(itertools.islice(agreeing, 1))
        if is_invoked:  # first what the developer sees already, then the others as they were given
            greedy = [one for one in found if not one[0].trigger.is_invoked][:1]
            found = [*greedy, *reversed([one for one in found if one[0].trigger.is_invoked])]
        completions: dict[str, tuple[Completion, int]] = {}
        for said, rest in found:
            if (shown := _shown(said, rest, snapshot, offset)) is not None:
                text, n_over = shown
                n_before = max(0, len(said.text) - len(rest))
                made = Completion(text, offset, offset + n_over, said.request_id, n_before)
                completions.setdefault(text, (made, said.number))
                self._count_shown(said, rest, text, served)
        chosen = list(completions.values())[:MAX_CANDIDATES]
        served.answers = tuple(number for _, number in chosen)
        return [completion for completion, _ in chosen]

    def _count_shown(self, said: Said, rest: str, text: str, served: Served) -> None:
        """Counts what of an answer is shown: all of it once, its first lines as they become more."""
        if said.is_counted:
            return
        said.is_counted = said.is_done
        beyond = _beyond(rest, text)
        # The line break that ends an answer is a part of it: without it nobody knows that it has ended.
        n_beyond = max(0, said.n_tokens_beyond(len(beyond)) - beyond.startswith("\n"))
        n_tokens = max(said.n_tokens_shown, len(said.piece_chars) - n_beyond)
        end = max(said.shown_to, len(said.text) - len(beyond))
        if said.shown_to:
            n_chars = served.grown[said.number] = end - said.shown_to
        else:
            n_chars = len(text)
            served.shown_chars += n_chars
            self.counts.shown += 1
        self.counts.chars_shown += n_chars
        self.counts.tokens_shown += n_tokens - said.n_tokens_shown
        self.counts.tokens_beyond += n_beyond if said.is_done else 0
        said.shown_to, said.n_tokens_shown = end, n_tokens


def _beyond(rest: str, text: str) -> str:
    """What of `rest` comes behind the `text` that is shown of it, line by line where that is indented anew."""
    start = rest.find(text)
    if start >= 0:
        return rest[start + len(text) :]
    n_lines = text.count("\n") + 1
    return "".join(f"\n{line}" for line in rest.split("\n")[n_lines:])


def _shown(said: Said, rest: str, snapshot: Snapshot, offset: int) -> tuple[str, int] | None:
    """What is shown of `rest`, and how many characters behind the cursor it replaces.

    While it is being typed it stays what it was until more is said, and nothing is parsed again. It stays, too, where
    what was said since leaves nothing to show.
    """
    typed = said.typed_at(snapshot, offset)
    following = snapshot.text[offset : snapshot.line_end(offset)]
    kept = said.still_shown(typed, following)
    if kept is not None and said.is_shown_as_it_is:
        return kept
    if not said.is_done:
        text = postprocess.first_lines(rest, snapshot, offset, said.trigger) if said.may_be_shown_in_part else None
        made = None if text is None else (text, 0)
    else:
        text = postprocess.refine(rest, snapshot, offset, said.trigger)
        made = None if text is None else _over_closers(text, rest, said, snapshot, offset)
    if made is None:
        return kept
    said.keep_shown(typed, made[0], following, made[1])
    return made


def _over_closers(text: str, rest: str, said: Said, snapshot: Snapshot, offset: int) -> tuple[str, int]:
    """`text`, or the longer one that goes on behind the brackets which the editor closed after the cursor."""
    closers = snapshot.text[offset : snapshot.line_end(offset)].rstrip()
    if not closers or not _CLOSED_BY_EDITORS.issuperset(closers) or not rest.startswith(text + closers):
        return text, 0
    without = replace(snapshot, text=snapshot.text[:offset] + snapshot.text[offset + len(closers) :])
    longer = postprocess.refine(rest, without, offset, said.trigger)
    if longer is None or not longer.startswith(text + closers):
        return text, 0
    return longer, len(closers)


@dataclass(slots=True, eq=False)
class _Request:
    """One request that waits for a completion."""

    task: asyncio.Task[object] | None
    is_superseded: bool = False

    def supersede(self) -> None:
        """Ends the wait of this request with Superseded."""
        self.is_superseded = True
        if self.task is not None:
            self.task.cancel()
