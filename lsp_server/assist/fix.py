"""Fixes for what tools report: owns what is asked, asking once more, and giving up; knows neither LSP nor HTTP.

    fix = await fixer.fix(snapshot, reports)        # raises FixRefusedError, EndpointError
    fix.change.edits, fix.tier, fix.model

The model is shown the stretch of lines that holds the reports and says it again, corrected. What comes back is checked
before anybody sees it; when it fails, the model is told its fault, once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from context import Snapshot, Snippet
from context.outline import Outline, Scope
from context.soundness import outline_of
from lsp_server.assist import prompts
from lsp_server.assist.edits import Change, UnusableError, change_of, code_of, is_whole
from lsp_server.assist.known import Known, nothing_known
from lsp_server.assist.reports import MAX_RELATED, MAX_REPORTS, FixRefusedError, Report
from lsp_server.assist.stretch import MAX_CHARS, Stretch, stretch_around
from lsp_server.assist.tier import Reply, Tier, Tiers
from lsp_server.endpoint.client import Message

Definitions = Callable[[Snapshot], Sequence[Snippet]]
"""What other files define that a document uses where its developer is, as far as it is known now."""

Guidelines = Callable[[Snapshot], str]
"""The rules of the repository that the document belongs to; "" where there are none."""


_MAX_IMPORT_CHARS = 1_500
_MAX_AROUND_CHARS = 1_500
_MAX_DEFINITIONS = 12
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


def no_definitions(_: Snapshot) -> Sequence[Snippet]:
    """Stands where there is no graph."""
    return ()


def no_guidelines(_: Snapshot) -> str:
    """Stands where a repository has no rules."""
    return ""


def definitions_in(snippets: Sequence[Snippet]) -> list[Snippet]:
    """Those of a completion's snippets that show definitions; similar code would mislead who corrects."""
    return [snippet for snippet in snippets if snippet.origin == "definition"][:_MAX_DEFINITIONS]


class Fixer:
    """Asks the wanted tier for corrections."""

    def __init__(
        self,
        tiers: Tiers,
        definitions: Definitions = no_definitions,
        guidelines: Guidelines = no_guidelines,
        known: Known = nothing_known,
    ) -> None:
        self._tiers = tiers
        self._definitions = definitions
        self._guidelines = guidelines
        self._known = known

    async def fix(self, snapshot: Snapshot, reports: Sequence[Report], tier: Tier | None = None) -> Fix:
        """A change that passed all checks; raises FixRefusedError and EndpointError."""
        reports = sorted(reports, key=lambda report: report.start)[:MAX_REPORTS]
        if not reports:
            raise FixRefusedError("There is nothing to fix: no tool reports anything here.")
        outline = outline_of(snapshot.text, snapshot.language)
        stretch = stretch_around(snapshot, outline, reports[0].start, max(report.end for report in reports))
        reports = [report for report in reports if report.start <= stretch.end]
        if stretch.end - stretch.start > 2 * MAX_CHARS:
            raise FixRefusedError("The line that is reported is too long for the model.")
        messages = await self._messages(snapshot, outline, stretch, reports, tier)
        fault = ""
        for _ in range(2):
            reply = await self._said(messages, tier)
            try:
                change = self._change(snapshot, outline, stretch, reports, reply)
                return Fix(change, reply.tier, reply.model, reply.notice)
            except UnusableError as error:
                fault = str(error)
                messages = prompts.fix_again(messages, reply.said, fault)
        raise FixRefusedError(f"The {reply.tier} model's fix was refused twice. {fault}")

    def _change(
        self, snapshot: Snapshot, outline: Outline | None, stretch: Stretch, reports: Sequence[Report], reply: Reply
    ) -> Change:
        code = code_of(reply.said)
        return change_of(snapshot, stretch, code, outline=outline, at=[report.start for report in reports])

    async def _said(self, messages: Sequence[Message], tier: Tier | None) -> Reply:
        """The reply, left as soon as its code is whole: what a model says after that nobody reads."""
        async with self._tiers.ask(messages, tier=tier) as reply:
            async for piece in reply:
                if ("`" in piece or "~" in piece) and is_whole(reply.said):
                    break
        return reply

    async def _messages(
        self,
        snapshot: Snapshot,
        outline: Outline | None,
        stretch: Stretch,
        reports: Sequence[Report],
        tier: Tier | None,
    ) -> list[Message]:
        """The prompt; what helps least is left out first where the model's context is small."""
        snippets = list(self._definitions(snapshot))
        around, guidelines = _around(snapshot, outline, stretch), self._guidelines(snapshot)
        question = " ".join(report.message for report in reports)
        known = await self._known(snapshot, stretch.start, stretch.end, question)
        told = [_told(snapshot, stretch, report) for report in reports]
        code = snapshot.text[stretch.start : stretch.end].replace("\r\n", "\n")
        room = self._tiers.room_chars(tier)
        while True:
            definitions = [(snippet.path, snippet.text) for snippet in snippets]
            messages = prompts.fix(
                code,
                snapshot.language,
                snapshot.path,
                told,
                around=around,
                definitions=definitions,
                knowledge=known,
                guidelines=prompts.guidelines_section(guidelines),
            )
            if prompts.n_chars(messages) <= room or not (known or snippets or guidelines or around):
                return messages
            if known:
                known = ""
            elif snippets:
                snippets.pop()
            elif guidelines:
                guidelines = ""
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
    return "\n".join(part for part in (shown, *headers) if part.strip()).replace("\r\n", "\n")


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
