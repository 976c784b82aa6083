"""Generated tests: owns what is asked, the checks, asking once more, and giving up; knows neither LSP nor HTTP.

    made = await generator.generate(wish, files, used=...)        # raises NoTestsError, EndpointError
    made.path, made.before, made.edits, made.tier, made.model

What comes back is checked before anybody sees it. When it fails, the model is told its fault, once; where the tests
may be run and fail, it is shown that, once, and tests that fail nevertheless are offered with a notice.
"""

from __future__ import annotations

import asyncio
import os
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from context import Edit, Snapshot
from context.defined import Defined
from context.languages import Language, find
from context.proposal import Proposal, Standing
from context.secrets import is_refused
from context.soundness import outline_of
from lsp_server.assist import placement, prompts, prompts_for_tests, repository, trial
from lsp_server.assist.additions import Addition, Wanted, added
from lsp_server.assist.edits import UnusableError, code_of, is_whole
from lsp_server.assist.frameworks import files_regex
from lsp_server.assist.known import Known, nothing_known
from lsp_server.assist.line_diff import line_break
from lsp_server.assist.placement import NoTestsError, Plan, Repository
from lsp_server.assist.subject import Beside, plain_breaks
from lsp_server.assist.tier import Reply, Tier, Tiers
from lsp_server.endpoint.client import Message
from lsp_server.endpoint.purpose import Purpose
from lsp_server.endpoint.status import EndpointError
from lsp_server.options import TestsSettings
from lsp_server.workspace.messages import Survey

MAX_CODE_CHARS = 8_000
MAX_FILE_CHARS = 6_000
MAX_EXAMPLE_CHARS = 2_500
_MAX_IMPORT_CHARS = 1_500
_N_READ = 6

Used = Callable[[Snapshot, int, int], Awaitable[Sequence[Defined]]]
"""What other files define that a stretch of a document uses, as far as it is known soon."""


class Files(Protocol):
    """What the workspace's child tells of a folder's files."""

    async def survey(self, folder: str, subject: str, pattern: str, stem: str) -> Survey:
        """The files of tests that are near."""

    async def standing(self, folder: str, proposal: Proposal) -> Standing:
        """How a text that is to be written would stand."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The code that tests are wanted for: from `start` to `end` of a document in the workspace's `folder`.

    `title` is a phrase for it, and of `names` one has to be used. `buffers` are the open documents' texts by path.
    """

    snapshot: Snapshot
    folder: str
    start: int
    end: int
    title: str
    names: tuple[str, ...]
    buffers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Generated:
    """Tests that passed all checks, as edits of the file at `path`, which held `before`; None where it is to be made.

    `notice` is a sentence for the user, of the tier that answered and of what came of running them.
    """

    path: str
    before: str | None
    edits: tuple[Edit, ...]
    tier: Tier
    model: str
    notice: str = ""
    request_id: str = ""

    @property
    def n_chars(self) -> int:
        """How much was written."""
        return sum(len(edit.text) for edit in self.edits)


class _FaultError(UnusableError):
    """A fault with names in it, which the model is told and nobody else."""

    def __init__(self, sentence: str, names: Sequence[str]) -> None:
        super().__init__(sentence)
        self.for_model = f"{sentence} It is about {', '.join(f'`{prompts.inline(name)}`' for name in names)}."


@dataclass(frozen=True, slots=True)
class _Work:
    """One wish, and all that was found out for it; `text` is that of the file of tests, None where it is to be made."""

    wish: Wish
    language: Language
    plan: Plan
    text: str | None
    wanted: Wanted

    def added(self, code: str) -> Addition:
        """What an answer's code adds; raises UnusableError."""
        snapshot = None
        if self.text is not None:
            snapshot = Snapshot("", self.plan.path, self.wish.snapshot.language, 0, self.text)
        return added(self.wanted, snapshot, code, line_break(self.wish.snapshot.text))

    def proposal(self, text: str) -> Proposal:
        """A text of the file of tests, as the workspace is asked of it."""
        near = (self.wish.snapshot.path, self.plan.path, *self.plan.examples)
        names, modules = self.wish.names, self.plan.framework.modules
        return Proposal(self.plan.path, self.language.name, text, names, near, modules)


class Generator:
    """Asks the wanted tier for tests."""

    def __init__(
        self,
        tiers: Tiers,
        settings: TestsSettings,
        *,
        refused: tuple[str, ...] = (),
        guidelines: Callable[[Snapshot], str] = lambda snapshot: "",
        known: Known = nothing_known,
    ) -> None:
        self._tiers = tiers
        self._settings = settings
        self._refused = refused
        self._guidelines = guidelines
        self._known = known

    async def generate(
        self,
        wish: Wish,
        files: Files,
        *,
        used: Used,
        may_run: bool = False,
        tier: Tier | None = None,
        say: Callable[[str], None] = lambda message: None,
    ) -> Generated:
        """Tests that passed all checks; raises NoTestsError and EndpointError. `say` hears what is being done."""
        say("looking for the tests that are there")
        work = await self._work(wish, files)
        messages = await self._messages(work, used, tier)
        kept: Generated | None = None
        is_fault_told = False
        while True:
            say("the model is asked")
            try:
                reply = await self._said(messages, wish, tier)
                say("the tests are checked")
                addition = await self._checked(work, files, reply)
            except (UnusableError, EndpointError) as error:
                if kept is not None:
                    return kept
                if isinstance(error, EndpointError):
                    raise
                if is_fault_told:
                    raise NoTestsError(f"The {reply.tier} model's tests were refused twice. {error}") from None
                is_fault_told = True
                messages = prompts_for_tests.again(messages, reply.said, getattr(error, "for_model", str(error)))
                continue
            made = Generated(
                work.plan.path, work.text, addition.edits, reply.tier, reply.model, reply.notice, reply.request_id
            )
            if not may_run:
                return made
            say("the tests are run")
            tried = await self._tried(work, addition)
            made = replace(made, notice=f"{made.notice} {_told(tried, work.plan)}".strip())
            if tried.outcome != "failed" or kept is not None:
                return made
            kept = made
            messages = prompts_for_tests.failed(messages, reply.said, work.plan.framework.name, tried.output)

    async def _work(self, wish: Wish, files: Files) -> _Work:
        language = find(wish.snapshot.language)
        if language is None:
            raise NoTestsError("No test framework is known for this language.")
        plan = placement.plan(wish.snapshot.path, language, await self._repository(wish, files, language))
        text = await asyncio.to_thread(self._target, wish, plan)
        clause = re.search(plan.framework.clause, wish.snapshot.text, re.MULTILINE) if plan.framework.clause else None
        line = wish.snapshot.text[clause.start() : wish.snapshot.line_end(clause.start())].strip() if clause else ""
        return _Work(wish, language, plan, text, Wanted(plan.framework, wish.snapshot.language, wish.names, line))

    async def _repository(self, wish: Wish, files: Files, language: Language) -> Repository:
        folder, subject = wish.folder, wish.snapshot.path
        pattern, stem = files_regex(language), os.path.splitext(os.path.basename(subject))[0]
        found = await files.survey(folder, subject, pattern, stem) if pattern else Survey()
        likely = dict.fromkeys((*found.importing, *found.tests[:_N_READ]))
        read = partial(repository.texts, folder, list(likely)[:_N_READ], wish.buffers, self._refused)
        texts = await asyncio.to_thread(lambda: dict(read()))
        configs = await asyncio.to_thread(repository.configs, folder, subject, language)
        tests = [path for path in found.tests if not is_refused(path, os.path.join(folder, path), self._refused)]
        return Repository(configs, tests, texts, frozenset(found.importing))

    def _target(self, wish: Wish, plan: Plan) -> str | None:
        """The text of the file that gets the tests, None where it is to be made; raises NoTestsError."""
        whole = os.path.join(wish.folder, plan.path)
        if is_refused(plan.path, whole, self._refused):
            raise NoTestsError("The name of the file of tests says that it holds secrets.")
        if not repository.is_within(wish.folder, plan.path):
            raise NoTestsError("The file of tests would lie outside of the workspace.")
        text = wish.buffers.get(plan.path)
        if text is None and repository.is_there(wish.folder, plan.path):
            if plan.is_new:
                raise NoTestsError("A file with the name of the new one is there, and is no part of the repository.")
            text = repository.text_at(wish.folder, plan.path)
            if text is None:
                raise NoTestsError("The file of tests cannot be read, or is not UTF-8.")
        if text is not None and not repository.is_writable(whole):
            raise NoTestsError("The file of tests is read-only.")
        return text

    async def _messages(self, work: _Work, used: Used, tier: Tier | None) -> list[Message]:
        """The prompt; what helps least is left out first where the model's context is small."""
        wish = work.wish
        known, definitions = await asyncio.gather(
            self._known(wish.snapshot, wish.start, wish.end, ""), used(wish.snapshot, wish.start, wish.end)
        )
        beside = Beside(self._guidelines(wish.snapshot), known, definitions)
        order = await asyncio.to_thread(self._order, work)
        room = self._tiers.room_chars(tier)
        code = _code(work, min(MAX_CODE_CHARS, max(room // 2, 1_000)))
        while True:
            messages = prompts_for_tests.first(code, wish.snapshot.language, wish.snapshot.path, order, beside.sections)
            if prompts.n_chars(messages) <= room or not (beside.sections or order.examples or len(order.text) > room):
                return messages
            if beside.sections:
                beside = beside.less()
            elif order.examples:
                order = replace(order, examples=order.examples[:-1])
            else:
                order = replace(order, text=_ends(order.text, room // 4))

    def _order(self, work: _Work) -> prompts_for_tests.Order:
        wish, plan = work.wish, work.plan
        examples = repository.texts(wish.folder, plan.examples, wish.buffers, self._refused)
        is_within = plan.framework.form == "module"
        return prompts_for_tests.Order(
            wish.title,
            plan.framework.name,
            plan.path,
            "within" if is_within else "new" if plan.is_new else "more",
            "" if is_within else _ends(plain_breaks(work.text or ""), MAX_FILE_CHARS),
            repository.module_of(wish.folder, wish.snapshot.path, work.language, plan.path),
            [(path, prompts.clipped(plain_breaks(text), MAX_EXAMPLE_CHARS)) for path, text in examples],
        )

    async def _said(self, messages: Sequence[Message], wish: Wish, tier: Tier | None) -> Reply:
        """The reply, left as soon as its code is whole: what a model says after that nobody reads."""
        purpose = Purpose("tests", wish.snapshot.uri)
        async with self._tiers.ask(messages, tier=tier, purpose=purpose) as reply:
            async for piece in reply:
                if ("`" in piece or "~" in piece) and is_whole(reply.said):
                    break
        return reply

    async def _checked(self, work: _Work, files: Files, reply: Reply) -> Addition:
        """What the answer adds; raises UnusableError with the first fault."""
        addition = await asyncio.to_thread(work.added, code_of(reply.said))
        standing = await files.standing(work.wish.folder, work.proposal(addition.text))
        missing = standing.missing
        if missing and work.text is not None:
            before = await files.standing(work.wish.folder, work.proposal(work.text))
            missing = tuple(one for one in missing if one not in before.missing)
        if missing:
            raise _FaultError("An import of the tests leads nowhere.", missing)
        if standing.unbound and work.plan.framework.form != "module":
            raise _FaultError("The tests use a name that they do not import.", standing.unbound)
        return addition

    async def _tried(self, work: _Work, addition: Addition) -> trial.Trial:
        bench = trial.Bench(work.wish.folder, work.wish.buffers, self._refused)
        deadline_s = self._settings.run_ms / 1_000
        return await trial.run(bench, work.plan, addition.text, addition.tests, deadline_s)


def _told(tried: trial.Trial, plan: Plan) -> str:
    if tried.outcome == "passed":
        return f"They were run with {plan.framework.name} and pass."
    if tried.outcome == "failed":
        return f"They were run with {plan.framework.name} and fail: by their own fault, or by the code's."
    return f"They were not run. {tried.reason}"


def _code(work: _Work, max_chars: int) -> str:
    """The code with its whole file where that is short, else with what is around it and the file's imports."""
    snapshot, start, end = work.wish.snapshot, work.wish.start, work.wish.end
    if len(snapshot.text) <= max_chars:
        return plain_breaks(snapshot.text)
    outline = outline_of(snapshot.text, snapshot.language)
    parts: list[str] = []
    if outline is not None:
        imports = [snapshot.text[span.start : span.end] for span in outline.imports]
        parts.append(prompts.clipped("\n".join(imports), _MAX_IMPORT_CHARS))
        holding = [scope for scope in outline.enclosing(start) if scope.start < start and end <= scope.end]
        parts += [snapshot.text[snapshot.line_start(one.start) : snapshot.line_end(one.header_end)] for one in holding]
    parts.append(prompts.clipped(snapshot.text[snapshot.line_start(start) : end], max_chars))
    return plain_breaks("\n".join(part for part in parts if part.strip()))


def _ends(text: str, max_chars: int) -> str:
    """The beginning of a text, where imports and fixtures are, and its end."""
    if len(text) <= max_chars:
        return text
    head, tail = text[: max_chars // 2], text[-max_chars // 2 :]
    return f"{head[: head.rfind(chr(10)) + 1]}…\n{tail[tail.find(chr(10)) + 1 :]}"
