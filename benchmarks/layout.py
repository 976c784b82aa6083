"""What a prompt layout costs the endpoint while someone types, and what it loses in right answers.

    python benchmarks/layout.py [--cases 60] [--url http://10.0.0.5:8000/v1]

Two layouts in one run against a real engine (the embedded one by default), by the engine's own counts:
`plain` gives the suffix 35 % of the budget; `short` gives it few tokens, as the server does where the
endpoint reads prompts slowly. First someone types a statement, 30 keys, in the middle of a function;
then the rest of a line is asked for at places of the standard library, the same places for both, and
counted where what would be shown is exactly the line's rest.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import keyword
import random
import re
import statistics
import sysconfig
from dataclasses import dataclass
from pathlib import Path

from context import Budget, Snapshot, build_window
from context.syntax import look
from lsp_server.completion.layout import SHORT_SUFFIX_TOKENS
from lsp_server.completion.postprocess import refine, release
from lsp_server.completion.trigger import decide
from lsp_server.endpoint.client import Endpoint, Timings
from lsp_server.endpoint.embedded import EmbeddedEngine
from lsp_server.endpoint.guard import open_client
from lsp_server.endpoint.places import Places
from lsp_server.options import Settings, TierSettings

PLAIN_SUFFIX_SHARE = 0.35
MODULES = ("argparse", "ast", "calendar", "configparser", "csv", "difflib", "fractions", "ftplib", "gettext", "heapq",
           "imaplib", "locale", "mailbox", "netrc", "optparse", "pathlib", "plistlib", "poplib", "pprint", "queue",
           "sched", "shelve", "smtplib", "statistics", "tarfile", "textwrap", "trace", "zipfile")  # fmt: skip
STATEMENT = "        if value is None: value = self._default(x)"


@dataclass(frozen=True)
class Layout:
    """A name and the budget it stands for."""

    name: str
    budget: Budget


async def ask(endpoint: Endpoint, snapshot: Snapshot, offset: int, layout: Layout) -> tuple[str, Timings]:
    """What would be shown on the cursor's line, and the engine's timings."""
    trigger = decide(snapshot, offset, look(snapshot, offset), 1, is_invoked=True)
    assert trigger is not None
    window = build_window(snapshot, offset, layout.budget)
    async with endpoint.complete(window, max_tokens=48, stop=("\n",)) as answer:
        raw = await answer.text()
    return refine(release(raw, window.held_back), snapshot, offset, trigger) or "", answer.timings


async def typing(endpoint: Endpoint, layout: Layout) -> dict[str, float]:
    """The engine's own counts for 30 keys after the first request."""
    text = source("argparse")
    place = text.index("\n", text.index("def _get_positional_kwargs") + 600) + 1
    evaluated: list[int] = []
    prompts: list[int] = []
    for n in range(len(STATEMENT) - 31, len(STATEMENT)):
        typed = STATEMENT[:n]
        whole = f"{text[:place]}{typed}\n{text[place:]}"
        snapshot = Snapshot("file:///argparse.py", "argparse.py", "python", n, whole)
        _, timings = await ask(endpoint, snapshot, place + len(typed), layout)
        evaluated.append((timings.prompt_tokens or 0) - (timings.cached_tokens or 0))
        prompts.append(timings.prompt_tokens or 0)
    return {
        "keys": len(evaluated) - 1,
        "prompt tokens, median": statistics.median(prompts),
        "evaluated per key, median": statistics.median(evaluated[1:]),
        "evaluated per key, most": max(evaluated[1:]),
    }


def cases(n: int) -> list[tuple[Snapshot, int, str]]:
    """Places in mid-line with the rest of their line cut out, the same ones at every run."""
    chance = random.Random(2026)
    found = []
    while len(found) < n:
        name = chance.choice(MODULES)
        text = source(name)
        lines = text.split("\n")
        i = chance.randrange(60, len(lines) - 20)
        line = lines[i].rstrip()
        ends = [m.end() for m in re.finditer(r"\w+|[(=,.\[]\s?", line) if 4 <= len(line) - m.end() <= 40]
        if not re.match(r"\s{4,}\w", line) or not ends or line.lstrip().startswith(("#", '"', "'")):
            continue
        words = set(re.findall(r"\w+", line)) - set(keyword.kwlist)
        if len(words) < 3:
            continue
        cut = chance.choice(ends)
        before = "\n".join([*lines[:i], line[:cut]])
        snapshot = Snapshot(f"file:///{name}.py", f"{name}.py", "python", i, before + "\n" + "\n".join(lines[i + 1 :]))
        found.append((snapshot, len(before), line[cut:]))
    return found


def layouts_of(tokens: int, suffixes: list[int], rate: float) -> list[Layout]:
    """The layouts at one budget."""
    plain = Layout("plain", Budget(tokens, int(tokens * PLAIN_SUFFIX_SHARE), rate))
    return [plain, *(Layout(f"short, {n}", Budget(tokens, n, rate)) for n in suffixes)]


def source(module: str) -> str:
    """The text of a module of the standard library."""
    return (Path(sysconfig.get_paths()["stdlib"]) / f"{module}.py").read_text(encoding="utf-8")


async def main() -> None:
    """Runs both layouts and prints one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--tokens", type=int, default=1_100, help="the typing's budget, as the server estimates tokens")
    parser.add_argument("--rate", type=float, default=1.0, help="the model's tokens per estimated one, once learned")
    parser.add_argument("--case-tokens", type=int, default=400, help="the same for the cases")
    parser.add_argument(
        "--suffix", type=int, nargs="+", default=[SHORT_SUFFIX_TOKENS], help="short suffixes to compare"
    )
    parser.add_argument("--no-typing", action="store_true", help="the cases alone")
    parser.add_argument("--url", help="an endpoint of your own instead of the embedded engine")
    parser.add_argument("--out", type=Path, help="write the figures as JSON")
    arguments = parser.parse_args()
    settings = Settings()
    tier = TierSettings(url=arguments.url, first_token_ms=300_000, total_ms=400_000)
    resolve = Places(tier).address if arguments.url else EmbeddedEngine(settings.embedded).address
    endpoint = Endpoint("instant", tier, resolve, open_client(settings.endpoint))
    await endpoint.prepare()
    print(endpoint.status.message)
    figures: dict[str, dict[str, float]] = {}
    for layout in [] if arguments.no_typing else layouts_of(arguments.tokens, arguments.suffix, arguments.rate):
        figures[layout.name] = await typing(endpoint, layout)
        print(layout.name, figures[layout.name], flush=True)
    layouts = layouts_of(arguments.case_tokens, arguments.suffix, arguments.rate)
    right = {layout.name: 0 for layout in layouts}
    for k, (snapshot, offset, rest) in enumerate(cases(arguments.cases), 1):
        for layout in layouts:
            shown, _ = await ask(endpoint, snapshot, offset, layout)
            right[layout.name] += shown.strip() == rest.strip()
        print(f"{k} of {arguments.cases}: {right}", flush=True)
    for layout in layouts:
        figures.setdefault(layout.name, {}).update({"cases": arguments.cases, "exactly right": right[layout.name]})
    print(json.dumps(figures, indent=1))
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n")
    await endpoint.aclose()


if __name__ == "__main__":
    asyncio.run(main())
