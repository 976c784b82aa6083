"""The command `instant-lsp report`, and where the page is written for editors: owns files, no figure."""

from __future__ import annotations

import argparse
import os
import sys
from datetime import UTC, datetime
from pathlib import Path

from platformdirs import user_state_path

from context.sqlite_file import StoreError
from lsp_server.ledger.report import Report, read
from lsp_server.ledger.report_page import as_json, page

DAYS = 30


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command `report`."""
    parser = subparsers.add_parser(
        "report", help="latency, acceptance, tokens and errors of the last days, as a page or as JSON"
    )
    parser.add_argument("--days", type=_days, default=DAYS, help=f"how many days back, today's among them ({DAYS})")
    parser.add_argument(
        "--json", action="store_true", help="the figures as JSON, on the terminal unless --out is given"
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help="file to write")
    parser.set_defaults(run=_run)


def write_page(days: int = DAYS, out: Path | None = None) -> Path:
    """Writes the page, readable by the user alone, and returns where; raises StoreError and OSError."""
    out = out or user_state_path("instant-lsp", appauthor=False) / "report.html"
    _write(out, page(_read(days)).encode())
    return out


def _run(arguments: argparse.Namespace) -> int:
    """Exit code 1 where nothing could be written, 2 where nothing has been measured."""
    try:
        if not arguments.json:
            sys.stdout.write(f"{write_page(arguments.days, arguments.out)}\n")
        elif arguments.out is None:
            sys.stdout.buffer.write(as_json(_read(arguments.days)))
        else:
            _write(arguments.out, as_json(_read(arguments.days)))
    except StoreError as error:
        told = "nothing has been measured yet" if error.kind == "unreadable" else f"the figures are {error.kind}"
        sys.stderr.write(f"There is no report: {told}.\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"The report could not be written: {error.strerror}.\n")
        return 1
    return 0


def _read(days: int) -> Report:
    return read(days, datetime.now(UTC))


def _write(path: Path, content: bytes) -> None:
    """In one piece: an editor may be showing the one before."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
        file.write(content)
    unfinished.replace(path)


def _days(text: str) -> int:
    days = int(text)
    if not 1 <= days <= 3_650:
        raise argparse.ArgumentTypeError("between 1 and 3650")
    return days
