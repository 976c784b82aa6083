"""The commands `instant-lsp audit ...`: owns what they print; how a trail is read and checked is beside it."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Callable, Iterator
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import orjson
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from lsp_server.ledger import verify
from lsp_server.ledger.audit import default_folder
from lsp_server.ledger.chain import Head
from lsp_server.ledger.entries import Ended, Feature, Judged, Refused, Sent
from lsp_server.settings import load

COLUMNS = ("time", "user", *dict.fromkeys(
    field.name for kind in (Sent, Ended, Judged, Refused) for field in fields(kind)
))  # fmt: skip
"""What is told of a request in one row, whatever became of it."""

_SHOWN = ("time", "user", "feature", "model", "path", "outcome", "prompt_tokens", "completion_tokens", "acceptance")
Row = dict[str, Any]


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command `audit` and its own commands."""
    parser = subparsers.add_parser("audit", help="the audit trail: check it, show it, export it")
    commands = parser.add_subparsers(required=True, metavar="command")
    check = _command(commands, "verify", _verify, "check that no line was changed, moved or taken away")
    check.add_argument("--expect", type=_head, metavar="HEAD", help="a head noted earlier that must still be there")
    show = _command(commands, "show", _show, "show what was asked of the model, a row for each request")
    export = _command(commands, "export", _export, "write the same rows as CSV, or as JSON lines")
    export.add_argument("--output", type=Path, help="file to write instead of the terminal")
    for chosen in (show, export):
        chosen.add_argument(
            "--since", type=_time, metavar="TIME", help="from this time on, as 2026-11-22 or with T09:30"
        )
        chosen.add_argument(
            "--until", type=_time, metavar="TIME", help="before this time; UTC unless it says otherwise"
        )
        chosen.add_argument("--user", help="of this user alone")
        chosen.add_argument("--feature", choices=get_args(Feature), help="of this feature alone")


def _command(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    run: Callable[[argparse.Namespace], int],
    help_text: str,
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text)
    parser.add_argument("--folder", type=Path, help="where the trail lies, unless where the settings say")
    parser.add_argument("--json", action="store_true", help="as JSON lines, for programs")
    parser.set_defaults(run=lambda arguments: run(_located(arguments)))
    return parser


def _located(arguments: argparse.Namespace) -> argparse.Namespace:
    """The arguments with the folder that the settings name, policy included, where none was given."""
    if arguments.folder is None:
        named = load()[0].audit.folder
        arguments.folder = Path(named).expanduser() if named else default_folder()
    return arguments


def _verify(arguments: argparse.Namespace) -> int:
    """Exit code 1 where a chain is broken, 2 where there is none."""
    folder: Path = arguments.folder
    node, head = arguments.expect or ("", None)
    nodes = sorted({*verify.nodes(folder), node} - {""})
    if not nodes:
        sys.stderr.write(f"There is no audit trail in {folder}.\n")
        return 2
    verdicts = [verify.verify(folder, one, head if one == node else None) for one in nodes]
    for verdict in verdicts:
        sys.stdout.write(_json_verdict(verdict) if arguments.json else _plain_verdict(verdict))
    return 1 if any(verdict.faults for verdict in verdicts) else 0


def _plain_verdict(verdict: verify.Verdict) -> str:
    state = "broken" if verdict.faults else "whole"
    first = f"{verdict.node}: {verdict.head.n_lines} lines in {verdict.n_files} files, {state}\n"
    found = [f"  {finding}\n" for finding in (*verdict.faults, *verdict.notes)]
    return "".join([first, *found, f"  head {verdict.node}:{verdict.head}\n"])


def _json_verdict(verdict: verify.Verdict) -> str:
    shown = {
        "node": verdict.node,
        "lines": verdict.head.n_lines,
        "files": verdict.n_files,
        "head": f"{verdict.node}:{verdict.head}",
        "faults": [{"file": one.file, "line": one.line, "message": one.message} for one in verdict.faults],
        "notes": [{"file": one.file, "line": one.line, "message": one.message} for one in verdict.notes],
    }
    return orjson.dumps(shown).decode() + "\n"


def _show(arguments: argparse.Namespace) -> int:
    if arguments.json:
        return _write_json(arguments, sys.stdout.write)
    table = Table(*(column.replace("_", " ") for column in _SHOWN), box=None, header_style="bold")
    for row in _chosen(arguments):
        table.add_row(*(escape(_cell(row.get(column))) for column in _SHOWN))
    Console(highlight=False).print(table)
    return 0


def _export(arguments: argparse.Namespace) -> int:
    if arguments.output is None:
        return _write(arguments, sys.stdout)
    with arguments.output.open("w", encoding="utf-8", newline="") as file:
        return _write(arguments, file)


def _write(arguments: argparse.Namespace, file: Any) -> int:
    if arguments.json:
        return _write_json(arguments, file.write)
    writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore")
    writer.writeheader()
    writer.writerows(_chosen(arguments))
    return 0


def _write_json(arguments: argparse.Namespace, write: Callable[[str], Any]) -> int:
    for row in _chosen(arguments):
        write(orjson.dumps(row).decode() + "\n")
    return 0


def _chosen(arguments: argparse.Namespace) -> Iterator[Row]:
    """The rows that the filters let through, in order of time."""
    rows = [row for node in verify.nodes(arguments.folder) for row in rows_of(arguments.folder, node)]
    for row in sorted(rows, key=lambda row: str(row["time"])):
        time = datetime.fromisoformat(row["time"])
        is_late = arguments.since is None or time >= arguments.since
        is_early = arguments.until is None or time < arguments.until
        is_users = arguments.user in (None, row["user"])
        if is_late and is_early and is_users and arguments.feature in (None, row.get("feature")):
            yield row


def rows_of(folder: Path, node: str) -> Iterator[Row]:
    """A row for each request: when it left, what came of it, and what became of the answer."""
    rows: dict[str, Row] = {}
    refused: list[Row] = []
    for line in verify.lines(folder, node):
        kind, told = line.fields.get("kind"), dict(line.fields)
        if kind == "refused":
            refused.append({**told, "outcome": "refused"})
        elif kind == "sent":
            rows[str(told["request_id"])] = told
        elif kind in ("ended", "judged") and (row := rows.get(str(told["request_id"]))):
            row.update({name: value for name, value in told.items() if name not in ("time", "kind")})
    yield from rows.values()
    yield from refused


def _cell(value: object) -> str:
    return "" if value is None else str(value)


def _head(text: str) -> tuple[str, Head]:
    """A machine's name and its head, as `verify` prints them; raises ValueError."""
    node, _, head = text.strip().partition(":")
    return node, Head.read(head)


def _time(text: str) -> datetime:
    time = datetime.fromisoformat(text)
    return time if time.tzinfo else time.replace(tzinfo=UTC)
