"""The prompts for tests: owns their words; how a repository's text is quoted it has from `prompts`.

As there, a template is a constant that reads as the model reads it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from lsp_server.assist import prompts

if TYPE_CHECKING:
    from lsp_server.endpoint.client import Message

TESTING = f"""\
You write automated tests for source code in an editor. Write few tests, each of which fails if the code does \
something else than it should: the usual case, the edges, and what has to be refused. Test what the code returns or \
does, not how it does it, and leave out what you are not sure of. Answer with code in one code block and nothing else. \
{prompts.MATERIAL}"""

TESTS = """\
{beside}{examples}The code, from {path}:

{code}

{file}Write tests for {subject}, with {tool}. {imported}{answer}"""

TESTS_EXAMPLE = """\
The repository's tests are written like this ({path}):

{code}

"""

TESTS_FILE = """\
The file of tests, {path}, holds this:

{code}

"""

TESTS_NEW = """\
Answer with the whole new file of tests, {path}."""

TESTS_MORE = """\
They are added to {path}, whose text stays as it is. Answer with the new tests alone, under names that are not taken \
there, and before them the imports that the file lacks."""

TESTS_WITHIN = """\
They are put into the module of tests of that file. Answer with the new test functions alone, under names that are not \
taken there."""

TESTS_AGAIN = """\
That cannot be used. {fault} Answer with the corrected tests, all of them, in one code block, and nothing else."""

TESTS_FAILED = """\
The tests were run with {tool} and failed:

{output}

Find out whether the tests expect something wrong, and correct them. Where the code itself is wrong, keep the test \
that shows it. Answer with all of your tests again, in one code block, and nothing else."""


@dataclass(frozen=True, slots=True)
class Order:
    """Tests that are to be written: for `subject`, a phrase, with `tool`, into the file `path`, which holds `text`.

    The file is `new`, gets `more`, or is the code's own, and has them `within`. `imported` is how the code's file is
    named by who imports it; `examples` are paths and texts of other tests.
    """

    subject: str
    tool: str
    path: str
    place: Literal["new", "more", "within"]
    text: str = ""
    imported: str = ""
    examples: Sequence[tuple[str, str]] = ()


def first(code: str, language: str, path: str, order: Order, beside: str) -> list[Message]:
    """The tests of a stretch of code; `order` says what is to be written and where it goes."""
    where = {"new": TESTS_NEW, "more": TESTS_MORE, "within": TESTS_WITHIN}[order.place]
    question = TESTS.format(
        beside=beside,
        examples="".join(_shown(TESTS_EXAMPLE, at, text, language) for at, text in order.examples),
        path=f"`{prompts.inline(path)}`",
        code=prompts.fenced(code, language),
        file=_shown(TESTS_FILE, order.path, order.text, language) if order.text else "",
        subject=order.subject,
        tool=order.tool,
        imported=f"The file is imported as `{prompts.inline(order.imported)}`. " if order.imported else "",
        answer=where.format(path=f"`{prompts.inline(order.path)}`"),
    )
    return prompts.conversation(TESTING, question)


def again(messages: Sequence[Message], said: str, fault: str) -> list[Message]:
    """The conversation after tests that cannot be used; `fault` is a sentence."""
    return _after(messages, said, TESTS_AGAIN.format(fault=fault))


def failed(messages: Sequence[Message], said: str, tool: str, output: str) -> list[Message]:
    """The conversation after tests that were run and failed; `output` is what the tool has said."""
    return _after(messages, said, TESTS_FAILED.format(tool=tool, output=prompts.fenced(output)))


def _shown(template: str, path: str, text: str, language: str) -> str:
    return template.format(path=f"`{prompts.inline(path)}`", code=prompts.fenced(text, language))


def _after(messages: Sequence[Message], said: str, question: str) -> list[Message]:
    return [
        *messages,
        {"role": "assistant", "content": prompts.clipped(said, prompts.MAX_SAID_CHARS)},
        {"role": "user", "content": question},
    ]
