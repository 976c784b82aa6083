"""`instant-lsp eval`: JSON lines in, JSON lines out, one answer before the next case; owns no logic of its own."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import orjson

from context import Snapshot
from context.syntax import look
from lsp_server.completion.postprocess import refine, release
from lsp_server.completion.trigger import Trigger, decide
from lsp_server.options import CompletionSettings

if TYPE_CHECKING:
    from lsp_server.evaluate_context import ContextCases

MAX_LINES = CompletionSettings().max_lines


def add_parser(subparsers: Any) -> None:
    """Adds `eval` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "eval", help="measure one step of a completion: JSON lines in, JSON lines out"
    )
    parser.add_argument("step", choices=sorted(STEPS))
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Answers each line of stdin with a line on stdout."""
    answer = STEPS[arguments.step]
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(orjson.dumps(answer(orjson.loads(line))) + b"\n")
        sys.stdout.buffer.flush()
    return 0


def _context(case: dict[str, Any]) -> dict[str, Any]:
    return _context_cases().answer(case)


@cache
def _context_cases() -> ContextCases:
    from lsp_server.evaluate_context import ContextCases  # noqa: PLC0415  the other steps need no index

    return ContextCases()


def _trigger(case: dict[str, Any]) -> dict[str, Any]:
    trigger = _decide(*_snapshot(case, case["text_before"], case["text_after"]))
    return {"multiline": trigger.shape == "block"}


def _postprocess(case: dict[str, Any]) -> dict[str, Any]:
    snapshot, offset = _snapshot(case, case["prefix"], case["suffix"])
    line = snapshot.text[snapshot.line_start(offset) : offset]
    text = refine(release(case["raw"], "", line), snapshot, offset, _decide(snapshot, offset))
    return {"text": text or ""}


def _decide(snapshot: Snapshot, offset: int) -> Trigger:
    """As if the user had asked for it, so that there always is a decision."""
    trigger = decide(snapshot, offset, look(snapshot, offset), MAX_LINES, is_invoked=True)
    assert trigger is not None
    return trigger


def _snapshot(case: dict[str, Any], before: str, after: str) -> tuple[Snapshot, int]:
    path = case.get("file", "")
    return Snapshot(path, path, case["language"], 0, before + after), len(before)


STEPS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "context": _context,
    "trigger": _trigger,
    "postprocess": _postprocess,
}
