"""The command `instant-lsp doctor`: owns its arguments and its exit status; what is checked is beside it."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console

from lsp_server.doctor.finding import Finding, Patient, is_well
from lsp_server.policy import read_policy
from lsp_server.settings import load_with_origins


def add_parser(subparsers: Any) -> None:
    """Adds `doctor` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "doctor", help="check settings, network, token, model and audit trail, and say what to do"
    )
    parser.add_argument("path", nargs="?", type=Path, default=Path(), metavar="PATH", help="the project (this folder)")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON, and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Shows what was found: 0 where nothing has failed, 1 where something has."""
    from lsp_server.doctor import page  # noqa: PLC0415  brings rich

    console = Console(highlight=False, stderr=arguments.json)
    with console.status("Checking") as status:
        findings = asyncio.run(_findings(arguments.path.resolve(), status))
    if arguments.json:
        sys.stdout.buffer.write(
            orjson.dumps(page.plain(findings), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
        )
    else:
        console.print(page.table(findings))
        console.print(page.summary(findings))
    return 0 if is_well(findings) else 1


async def _findings(folder: Path, status: Any) -> list[Finding]:
    from lsp_server.doctor.examination import examine  # noqa: PLC0415  brings the HTTP client

    policy = read_policy()
    settings, problems, origins = load_with_origins(folders=[folder], policy=policy)
    patient = Patient(settings, tuple(problems), tuple(sorted(origins.items())), policy, (folder,))
    findings = []
    async for finding in examine(patient):
        findings.append(finding)
        status.update(f"Checked: {finding.area}, {finding.check}")
    return findings
