"""What is asked of a folder as it is on disk now, for tests that are to be written: owns the questions' answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from context.codegraph.standing import Site
from context.proposal import Proposal, Standing
from lsp_server.workspace.messages import Survey

_MAX_TESTS = 400
_MAX_READ = 12


def survey(site: Site, subject: str, pattern: str, stem: str) -> Survey:
    """The files of tests for the code in `subject`; those with `stem` in their name may be its own."""
    tests = site.matching(pattern, subject, _MAX_TESTS)
    named = [path for path in tests if stem in path.rsplit("/", 1)[-1]][:_MAX_READ]
    likely = tuple(dict.fromkeys((*named, *tests[:_MAX_READ])))
    return Survey(tests, site.leading_to(subject, likely))


def standing(site: Site, proposal: Proposal) -> Standing:
    """How a text that is to be written would stand."""
    return site.standing(proposal)


ANSWERS: dict[str, Callable[..., Any]] = {"survey": survey, "standing": standing}


def answer(kind: str, folder: str, buffers: Mapping[str, str], *rest: Any) -> Any:
    """The answer to a question of that kind; the folder's files are listed, which takes a while in a large one."""
    return ANSWERS[kind](Site(folder, buffers), *rest)
