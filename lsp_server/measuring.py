"""What developers get, measured: owns how an answer's way through the server becomes a row; stores nothing itself."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from cachetools import LRUCache

from lsp_server.completion import Served, Superseded
from lsp_server.completion.kept import KEPT_AFTER_S, Kept
from lsp_server.endpoint.status import EndpointError, Status
from lsp_server.ledger.measures import Accepted, Answer, Grown, Left, Request
from lsp_server.ledger.metrics import Metrics, MetricsOptions
from lsp_server.options import MetricsSettings

if TYPE_CHECKING:
    from lsp_server.endpoint.ended import Ended

_MAX_FOLLOWED = 256


@dataclass(slots=True)
class _Followed:
    """A model's answer of which something may be accepted yet, under one or several keys."""

    answer: Answer
    n_accepted: int = 0
    n_kept: int = 0


@dataclass(slots=True)
class _Shown:
    """What was shown under one key of an answer, and how much of it was taken."""

    followed: _Followed
    n_accepted: int = 0


class Measuring:
    """The figures of one server. Of a completion's text it is told no more than how long it is."""

    def __init__(self) -> None:
        self.metrics = Metrics()
        self.kept = Kept(self._left)
        self._followed: LRUCache[int, _Followed] = LRUCache(_MAX_FOLLOWED)
        self._shown: LRUCache[str, _Shown] = LRUCache(_MAX_FOLLOWED)

    def configure(self, settings: MetricsSettings) -> None:
        """Measures as the settings say from now on."""
        textfile = Path(settings.textfile).expanduser() if settings.textfile else None
        self.metrics.configure(MetricsOptions(settings.enabled, settings.retention_days, textfile))

    @contextmanager
    def answering(self, feature: str, language: str) -> Iterator[Answer]:
        """A row for what is answered within; whoever answers fills in what it knows of it."""
        answer = Answer(feature, language)
        began_s = perf_counter()
        try:
            yield answer
        except Superseded:
            answer.outcome = "superseded"
            raise
        except asyncio.CancelledError:
            answer.outcome = "cancelled"
            raise
        except Exception as error:
            answer.outcome = "failed"
            answer.error = error.kind if isinstance(error, EndpointError) else "unusable"
            raise
        finally:
            answer.total_ms = (perf_counter() - began_s) * 1_000
            self.metrics.record(answer)

    @contextmanager
    def completing(self, language: str, status: Status) -> Iterator[tuple[Answer, Served]]:
        """A row for a completion, where all that was not waited for is our own share."""
        served = Served()
        began_s = perf_counter()
        with self.answering("completion", language) as answer:
            answer.model = status.model
            answer.outcome = "nothing"
            try:
                yield answer, served
            finally:
                answer.source, answer.shown_chars = served.source, served.shown_chars
                if not served.source and status.state == "down":
                    answer.error = "down"
            answer.own_ms = max(0.0, perf_counter() - began_s - served.waited_s) * 1_000

    def follow(self, keys: Iterable[str], served: Served, answer: Answer) -> None:
        """Completions are on screen under these keys.

        Whatever is shown or taken of a model's answer counts for the row in which it was shown first.
        """
        for key, number in zip(keys, served.answers, strict=True):
            self._shown[key] = _Shown(self._followed.setdefault(number, _Followed(answer)))
        for number, n_chars in served.grown.items():
            if (followed := self._followed.get(number)) is not None:
                first = followed.answer
                self.metrics.record(Grown(first.row, first.feature, first.language, n_chars))

    def accepted(self, key: str, n_chars: int) -> None:
        """So many characters of a completion have been taken by now; what is left of them is looked at later."""
        shown = self._shown.get(key)
        if shown is None:
            return
        if not shown.n_accepted:
            asyncio.get_running_loop().call_later(KEPT_AFTER_S, self.kept.settle, key)
        answer, n_before = shown.followed.answer, shown.followed.n_accepted
        shown.followed.n_accepted += n_chars - shown.n_accepted
        shown.n_accepted = n_chars
        taken = Accepted(answer.row, answer.feature, answer.language, shown.followed.n_accepted, n_before)
        self.metrics.record(taken)

    def applied(self, answer: Answer) -> None:
        """The developer has chosen this one, and the editor puts it in."""
        self.metrics.record(Accepted(answer.row, answer.feature, answer.language, answer.shown_chars))

    def ended(self, ended: Ended) -> None:
        """One request to an endpoint is over."""
        times = ended.timings
        self.metrics.record(
            Request(
                ended.purpose.feature,
                ended.tier,
                ended.model,
                ended.outcome,
                ended.error,
                times.first_token_ms,
                times.total_ms,
                times.prompt_tokens,
                times.cached_tokens,
                times.completion_tokens,
            )
        )

    async def aclose(self) -> None:
        """Tells what is left of all that was accepted, and waits a moment for the disk."""
        self.kept.close_all()
        await asyncio.to_thread(self.metrics.close)

    def _left(self, key: str, share: float) -> None:
        shown = self._shown.get(key)
        if shown is None:
            return
        answer, n_before = shown.followed.answer, shown.followed.n_kept
        shown.followed.n_kept += round(share * shown.n_accepted)
        self.metrics.record(Left(answer.row, answer.feature, answer.language, shown.followed.n_kept, n_before))
