"""Fixes for what tools report: owns what is asked, asking once more, and giving up; knows neither LSP nor HTTP.

    fix = await fixer.fix(snapshot, reports)        # raises FixRefusedError, EndpointError
    fix.change.edits, fix.tier, fix.model

The model is shown the stretch of lines that holds the reports and says it again, corrected. What comes back is checked
before anybody sees it; when it fails, the model is told its fault, once.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

from context import Snapshot
from context.defined import Defined
from context.outline import Outline, Scope
from context.soundness import outline_of
from lsp_server.assist import prompts
from lsp_server.assist.edits import Change, UnusableError, change_of, code_of, is_whole
from lsp_server.assist.known import Known, nothing_known
from lsp_server.assist.reports import MAX_RELATED, MAX_REPORTS, FixRefusedError, Report
from lsp_server.assist.stretch import MAX_CHARS, Stretch, stretch_around
from lsp_server.assist.subject import Beside, plain_breaks
from lsp_server.assist.tier import Reply, Tier, Tiers
from lsp_server.endpoint.client import Message
from lsp_server.endpoint.purpose import Purpose

Used = Callable[[Snapshot, int, int], Awaitable[Sequence[Defined]]]
"""What other files define that a stretch of a document uses, as far as it is known soon."""

Guidelines = Callable[[Snapshot], str]
"""The rules of the repository that the document belongs to; "" where there are none."""


_MAX_IMPORT_CHARS = 1_500
_MAX_AROUND_CHARS = 1_500
_MAX_USED_CHARS = 2_000
_MAX_SHORT_CHARS = 600
_CONSTRUCTORS = ("__init__", "constructor")
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True)
class Fix:
    """A checked change of the snapshot and who made it; `notice` is a sentence for the user or empty."""

    change: Change
    tier: Tier
    model: str
    notice: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class _Wrong:
    """What is to be corrected: the stretch of the snapshot, and the reports in it in their order."""

    snapshot: Snapshot
    outline: Outline | None
    stretch: Stretch
    reports: Sequence[Report]

    def changed(self, code: str) -> Change:
        """The change that puts `code` in the stretch's place; raises UnusableError."""
        at = [report.start for report in self.reports]
        return change_of(self.snapshot, self.stretch, code, outline=self.outline, at=at)


async def nothing_used(_: Snapshot, _start: int, _end: int) -> Sequence[Defined]:
    """Stands where there is no graph."""
    return ()


def no_guidelines(_: Snapshot) -> str:
    """Stands where a repository has no rules."""
    return ""


class Fixer:
    """Asks the wanted tier for corrections."""

    def __init__(
        self,
        tiers: Tiers,
        guidelines: Guidelines = no_guidelines,
        known: Known = nothing_known,
    ) -> None:
        self._tiers = tiers
        self._guidelines = guidelines
        self._known = known

    async def fix(
        self,
        snapshot: Snapshot,
        reports: Sequence[Report],
        tier: Tier | None = None,
        *,
        used: Used = nothing_used,
    ) -> Fix:
        """A change that passed all checks; raises FixRefusedError and EndpointError."""
        reports = sorted(reports, key=lambda report: report.start)[:MAX_REPORTS]
        if not reports:
            raise FixRefusedError("There is nothing to fix: no tool reports anything here.")
        outline = outline_of(snapshot.text, snapshot.language)
        stretch = stretch_around(snapshot, outline, reports[0].start, max(report.end for report in reports))
        reports = [report for report in reports if report.start <= stretch.end]
        if stretch.end - stretch.start > 2 * MAX_CHARS:
            raise FixRefusedError("The line that is reported is too long for the model.")
        wrong = _Wrong(snapshot, outline, stretch, reports)
        messages = self._messages(wrong, await self._beside(wrong, used), self._tiers.room_chars(tier))
        fault = ""
        for _ in range(2):
            reply = await self._said(messages, snapshot.uri, tier)
            try:
                return Fix(wrong.changed(code_of(reply.said)), reply.tier, reply.model, reply.notice, reply.request_id)
            except UnusableError as error:
                fault = str(error)
                messages = prompts.fix_again(messages, reply.said, fault)
        raise FixRefusedError(f"The {reply.tier} model's fix was refused twice. {fault}")

    async def _said(self, messages: Sequence[Message], uri: str, tier: Tier | None) -> Reply:
        """The reply, left as soon as its code is whole: what a model says after that nobody reads."""
        async with self._tiers.ask(messages, purpose=Purpose("fix", uri), tier=tier) as reply:
            async for piece in reply:
                if ("`" in piece or "~" in piece) and is_whole(reply.said):
                    break
        return reply

    async def _beside(self, wrong: _Wrong, used: Used) -> Beside:
        """What is to be known besides the file itself."""
        snapshot, stretch = wrong.snapshot, wrong.stretch
        question = " ".join(report.message for report in wrong.reports)
        known, definitions = await asyncio.gather(
            self._known(snapshot, stretch.start, stretch.end, question), used(snapshot, stretch.start, stretch.end)
        )
        return Beside(self._guidelines(snapshot), known, definitions)

    def _messages(self, wrong: _Wrong, beside: Beside, room_chars: int) -> list[Message]:
        """The prompt; what helps least is left out first where the model's context is small."""
        snapshot, stretch = wrong.snapshot, wrong.stretch
        around = _around(snapshot, wrong.outline, stretch)
        told = [_told(snapshot, stretch, report) for report in wrong.reports]
        code = plain_breaks(snapshot.text[stretch.start : stretch.end])
        while True:
            messages = prompts.fix(code, snapshot.language, snapshot.path, told, around=around, beside=beside.sections)
            if prompts.n_chars(messages) <= room_chars or not (beside.sections or around):
                return messages
            if beside.sections:
                beside = beside.less()
            else:
                around = ""


def _told(snapshot: Snapshot, stretch: Stretch, report: Report) -> prompts.Told:
    """A report as the prompt says it; its line is counted from the first one of the stretch."""
    start = min(max(report.start, stretch.start), stretch.end)
    line = snapshot.text[snapshot.line_start(start) : snapshot.line_end(start)]
    related = [
        f"{one.path}:{one.line}: {one.message}" + (f"\n    {one.text.strip()}" if one.text else "")
        for one in report.related[:MAX_RELATED]
    ]
    finding = prompts.Finding("\n".join([report.message, *related]), report.source, report.code)
    n_line = snapshot.text.count("\n", stretch.start, start) + 1
    return prompts.Told(n_line, line, finding)


def _around(snapshot: Snapshot, outline: Outline | None, stretch: Stretch) -> str:
    """What the stretch needs of its own file: imports, what it uses, and the headers of the scopes that hold it."""
    if outline is None:
        return snapshot.text[max(0, stretch.start - _MAX_AROUND_CHARS) : stretch.start].strip("\r\n")
    text = snapshot.text
    imports = [text[span.start : span.end] for span in outline.imports if span.end <= stretch.start]
    holding = [scope for scope in outline.enclosing(stretch.start) if scope.start < stretch.start]
    headers = [*_used(snapshot, outline, stretch), *(_header(snapshot, scope) for scope in holding)]
    shown = prompts.clipped("\n".join(imports), _MAX_IMPORT_CHARS)
    if not stretch.name:
        first = max(0, stretch.start - _MAX_AROUND_CHARS)
        headers.append(text[snapshot.line_start(first) : stretch.start].strip("\r\n"))
    return plain_breaks("\n".join(part for part in (shown, *headers) if part.strip()))


def _used(snapshot: Snapshot, outline: Outline, stretch: Stretch) -> Iterator[str]:
    """The functions and short types of the same file that the stretch names, and how objects of its class are made."""
    names = {*_WORD.findall(snapshot.text[stretch.start : stretch.end]), *_CONSTRUCTORS}
    room = _MAX_USED_CHARS
    for scope in outline.scopes:
        is_around = scope.start <= stretch.end and stretch.start <= scope.end
        if scope.name not in names or is_around:
            continue
        is_short = scope.end - scope.start <= _MAX_SHORT_CHARS
        is_shown_whole = is_short and (scope.kind == "class" or scope.name in _CONSTRUCTORS)
        shown = snapshot.text[snapshot.line_start(scope.start) : scope.end] if is_shown_whole else ""
        shown = shown or _header(snapshot, scope)
        room -= len(shown)
        if room >= 0:
            yield shown


def _header(snapshot: Snapshot, scope: Scope) -> str:
    return snapshot.text[snapshot.line_start(scope.start) : snapshot.line_end(scope.header_end)]
