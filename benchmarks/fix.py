"""How many seeded faults a model fixes, by the word of the tools that reported them.

    python benchmarks/fix.py --url http://10.0.0.5:8000/v1 [--model NAME] [--tool pyright] [--faults 20]

Each fault of `benchmarks/faults` is asked to be fixed as the editor would, with what its tool was recorded to say. Then
the tools are run on what came of it, those that are on the PATH: a fault is fixed where what was reported is gone and
nothing new is reported. Without --url the embedded engine answers, which tells of the machinery more than of a model.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import checkers
from checkers import Diagnostics, Fault

from context import Snapshot
from lsp_server.assist.fix import Fixer
from lsp_server.assist.line_diff import applied
from lsp_server.assist.reports import FixRefusedError, Related, Report
from lsp_server.assist.tier import Tiers
from lsp_server.endpoint.address import Resolve
from lsp_server.endpoint.client import Endpoint
from lsp_server.endpoint.embedded import EmbeddedEngine
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.places import Places
from lsp_server.endpoint.status import EndpointError
from lsp_server.options import ChatSettings, Settings, TierSettings
from lsp_server.text_buffer import TextBuffer


@dataclass
class Outcome:
    """What came of one fault: fixed, not gone, new report, refused, failed; offered where its tool is not here."""

    tool: str
    name: str
    outcome: str
    seconds: float
    n_changed_lines: int = 0
    reason: str = ""


async def tried(fixer: Fixer, fault: Fault) -> tuple[Outcome, str | None]:
    """A fault's outcome before any tool has looked at it, and the text after the fix."""
    snapshot = Snapshot(f"file:///work/{fault.name}", fault.name, fault.language, 1, fault.text)
    begun_s = time.perf_counter()
    try:
        fix = await fixer.fix(snapshot, reports_of(fault))
    except FixRefusedError as error:
        return Outcome(fault.tool, fault.name, "refused", time.perf_counter() - begun_s, 0, str(error)), None
    except EndpointError as error:
        return Outcome(fault.tool, fault.name, "failed", time.perf_counter() - begun_s, 0, str(error)), None
    n_lines = sum(edit.text.count("\n") + 1 for edit in fix.change.edits)
    after = applied(fault.text, fix.change.edits)
    return Outcome(fault.tool, fault.name, "offered", time.perf_counter() - begun_s, n_lines), after


def reports_of(fault: Fault) -> list[Report]:
    """What the tool was recorded to say, as the server hands it to the fixer."""
    buffer = TextBuffer(fault.text)
    lines = fault.text.split("\n")

    def offset(place: dict[str, int]) -> int:
        return buffer.offset_at(place["line"], place["character"], "utf-16")

    def related(one: dict[str, Any]) -> Related:
        line = one["location"]["range"]["start"]["line"]
        return Related(fault.name, line + 1, one["message"], lines[line])

    return [
        Report(
            offset(one["range"]["start"]),
            offset(one["range"]["end"]),
            one["message"],
            one["source"],
            str(one.get("code", "")),
            tuple(map(related, one.get("relatedInformation", ()))),
        )
        for one in fault.diagnostics
    ]


def judged(outcomes: list[Outcome], texts: dict[tuple[str, str], str], faults: Iterable[Fault]) -> None:
    """Has each tool look at what was made of its faults, once for all of them."""
    before = {(fault.tool, fault.name): fault.diagnostics for fault in faults}
    for tool in checkers.available():
        mine = {name: text for (of, name), text in texts.items() if of == tool}
        said = checkers.check(tool, mine) if mine else {}
        for outcome in outcomes:
            if outcome.tool == tool and outcome.name in said:
                outcome.outcome = _verdict(before[tool, outcome.name], said[outcome.name])


def _verdict(before: Diagnostics, after: Diagnostics) -> str:
    """Reports are the same where their rule and words are: their lines may have moved."""
    old, new = (Counter((one.get("code"), one["message"]) for one in said) for said in (before, after))
    if new - old:
        return "new report"
    return "not gone" if new else "fixed"


def shown(outcomes: list[Outcome]) -> str:
    """One table row for each tool, and the times."""
    kinds = ("fixed", "not gone", "new report", "refused", "failed", "offered")
    rows = [f"| tool | faults | {' | '.join(kinds)} | seconds, median |", "|---" * (len(kinds) + 3) + "|"]
    for tool in [*dict.fromkeys(one.tool for one in outcomes), ""]:
        mine = [one for one in outcomes if one.tool == tool or not tool]
        counts = Counter(one.outcome for one in mine)
        middle = statistics.median(one.seconds for one in mine)
        cells = [tool or "all", len(mine), *(counts[kind] for kind in kinds), f"{middle:.1f}"]
        rows.append(f"| {' | '.join(map(str, cells))} |")
    return "\n".join(rows)


def chosen(tools: list[str] | None, n_faults: int | None) -> list[Fault]:
    """The faults of these tools; where fewer are wanted, some of each, the same at every run."""
    faults = [fault for fault in checkers.faults() if not tools or fault.tool in tools]
    if n_faults is None:
        return faults
    step = max(1, len(faults) // n_faults)
    return faults[::step][:n_faults]


async def run(fixer: Fixer, faults: list[Fault]) -> list[Outcome]:
    """All outcomes, one after the other, and what the tools say of them."""
    outcomes: list[Outcome] = []
    texts: dict[tuple[str, str], str] = {}
    for fault in faults:
        outcome, text = await tried(fixer, fault)
        outcomes.append(outcome)
        if text is not None:
            texts[fault.tool, fault.name] = text
        print(f"{fault.tool} {fault.name}: {outcome.outcome}, {outcome.seconds:.1f} s {outcome.reason}", flush=True)
    judged(outcomes, texts, faults)
    return outcomes


async def main() -> None:
    """Asks, judges and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="an endpoint of your own instead of the embedded engine")
    parser.add_argument("--model")
    parser.add_argument("--token-env", help="environment variable with the endpoint's token")
    parser.add_argument("--tool", choices=list(checkers.CHECKERS), action="append")
    parser.add_argument("--faults", type=int, help="so many of them only")
    parser.add_argument("--temperature", type=float, help="instead of the setting's default")
    parser.add_argument("--out", type=Path, help="write every outcome as JSON")
    arguments = parser.parse_args()
    settings = Settings()
    tier = TierSettings(url=arguments.url, model=arguments.model, token_env=arguments.token_env)
    tier = tier.model_copy(update={"first_token_ms": 300_000, "total_ms": 600_000})
    resolve: Resolve = Places(tier).address if arguments.url else EmbeddedEngine(settings.embedded).address
    endpoint = Endpoint("instant", tier, resolve, open_client(settings.endpoint))
    await endpoint.prepare()
    print(endpoint.status.message)
    given = {"first_token_ms": 300_000, "total_ms": 600_000, "temperature": arguments.temperature}
    update = {name: value for name, value in given.items() if value is not None}
    chat = ChatSettings(instant=ChatSettings().instant.model_copy(update=update))
    outcomes = await run(Fixer(Tiers(endpoint, None, chat)), chosen(arguments.tool, arguments.faults))
    await endpoint.aclose()
    print(shown(outcomes))
    if arguments.out:
        arguments.out.write_text(json.dumps([asdict(one) for one in outcomes], indent=1) + "\n")


if __name__ == "__main__":
    asyncio.run(main())
