"""`instant-lsp context`: owns what is printed of one place's prompt; how that is made and sent is elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.table import Table

from context import Budget, Snapshot
from context.codegraph.files import is_home
from context.codegraph.indexer import Indexer
from context.codegraph.store_file import StoreError
from context.languages import find
from context.outline import IncrementalTree
from context.secrets import is_refused
from lsp_server.completion.counts import Counts
from lsp_server.options import Settings
from lsp_server.settings import load
from lsp_server.shown_context import Shown, show
from lsp_server.try_out import TryError, read_place
from lsp_server.workspace.index import Index
from lsp_server.workspace.messages import Scope


def add_parser(subparsers: Any) -> None:
    """Adds `context` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "context", help="show the exact prompt of one place of a file, and why each part of it is there"
    )
    parser.add_argument("place", metavar="FILE:LINE:COL", help="1-based")
    parser.add_argument("--json", action="store_true", help="print it as JSON, and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Indexes the file's folder and shows the prompt: 0 shown, 1 there is none, 2 no such place."""
    settings, problems = load()
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    try:
        snapshot, offset, _ = read_place(arguments.place, cut=False)
    except TryError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    path = Path(arguments.place.partition(":")[0]).resolve()
    folder = _folder_of(path)
    inner = path.relative_to(folder).as_posix()
    if is_refused(inner, path.as_posix(), settings.secrets.refused):
        sys.stderr.write(f"Nothing of {path.name} is sent: its name says that it holds secrets.\n")
        return 1
    here = Snapshot(snapshot.uri, inner, snapshot.language, snapshot.version, snapshot.text)
    roots = tuple(os.path.abspath(os.path.expanduser(root)) for root in settings.context.roots)
    scope = Scope((str(folder),), roots, settings.secrets.refused, is_enabled=settings.context.enabled)
    shown, status = asyncio.run(_shown(settings, scope, here, offset))
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(asdict(shown), option=orjson.OPT_APPEND_NEWLINE))
    else:
        _print(shown, status)
    return 0 if shown.prompt else 1


async def _shown(settings: Settings, scope: Scope, snapshot: Snapshot, offset: int) -> tuple[Shown, str]:
    """What would be sent, and what the endpoint's status says."""
    from lsp_server.session import Session  # noqa: PLC0415  brings the HTTP client, which no other command needs

    session = Session(settings, lambda uri, at: None, lambda status: None, Counts())
    try:
        await session.prepare()
        budget = session.limits().budget
        snippets = _found(scope, snapshot, offset, budget)
        language = find(snapshot.language)
        whole = IncrementalTree(language, snapshot.text.encode()).outline() if language else None
        outline = whole.around(offset) if whole else None
        return show(session, snapshot, offset, outline, snippets), session.endpoint.status.message
    finally:
        await session.aclose()


def _found(scope: Scope, snapshot: Snapshot, offset: int, budget: Budget) -> Any:
    """The snippets for a place, once the folders are read; what cannot be indexed is said."""
    if not scope.is_enabled:
        return ()
    for folder in (*scope.folders, *scope.roots):
        try:
            if os.path.isdir(folder) and not is_home(folder):
                Indexer(folder, refused=scope.refused).update()
        except StoreError as error:
            sys.stderr.write(f"{folder} is not indexed: {error.kind}.\n")
    return Index(scope).find(scope.folders[0], snapshot, offset, None, budget)


def _folder_of(path: Path) -> Path:
    """The repository around a file, else the current folder if it holds the file, else the file's own."""
    for folder in path.parents:
        if (folder / ".git").exists():
            return folder
    here = Path.cwd()
    return here if here in path.parents else path.parent


def _print(shown: Shown, status: str) -> None:
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
    table = Table("lines", "part", "tokens", "why", title=f"{shown.path}:{shown.line}")
    table.columns[2].justify = "right"
    for part in shown.parts:
        table.add_row(f"{part.path}:{part.first_line}-{part.last_line}", part.kind, str(part.n_tokens), part.why)
    console.print(table)
    console.print(f"{shown.n_tokens} of {shown.budget_tokens} tokens. {status}")
    if shown.prompt:
        console.rule("what is sent")
        console.print(shown.prompt)
