"""The command `instant-lsp index`: owns what it prints; what is indexed and how is in `context.codegraph`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from context.codegraph.files import is_home
from context.codegraph.indexer import Indexer, Progress, Update
from context.codegraph.store_file import StoreError
from lsp_server.settings import load

_REASONS = {
    "busy": "another process keeps writing to the index",
    "disk": "the disk is full, or fails",
    "corrupt": "the index is damaged and cannot be made anew",
    "unreadable": "the index may not be opened or written",
}


def add_parser(subparsers: Any) -> None:
    """Adds `index` to the command line."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "index", help="bring a folder's index up to date, or build it; the server does so by itself"
    )
    parser.add_argument("path", nargs="?", type=Path, default=Path(), metavar="PATH", help="the folder (this one)")
    parser.add_argument("--rebuild", action="store_true", help="delete the index first")
    parser.add_argument("--json", action="store_true", help="print the outcome as JSON, and nothing else")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Indexes, and says what there is: 0 done, 1 the index cannot be written, 2 no such folder, 130 interrupted."""
    console = Console(highlight=False, soft_wrap=True, quiet=arguments.json)
    if not arguments.path.is_dir() or is_home(arguments.path):
        sys.stderr.write(f"{arguments.path} is no folder with a project in it.\n")
        return 2
    settings, problems = load()
    for problem in problems:
        sys.stderr.write(f"{problem}\n")
    indexer = Indexer(arguments.path, refused=settings.secrets.refused)
    try:
        if arguments.rebuild:
            indexer.discard()
        with _progress(console) as on_progress:
            update = indexer.update(on_progress=on_progress)
    except StoreError as error:
        sys.stderr.write(f"{indexer.path}: {_REASONS[error.kind]}.\n")
        return 1
    except KeyboardInterrupt:
        console.print("Interrupted. What is done is kept; the next run goes on from there.")
        return 130
    _show(console, indexer, update)
    if arguments.json:
        sys.stdout.buffer.write(orjson.dumps(_outcome(indexer, update), option=orjson.OPT_APPEND_NEWLINE))
    return 0


def _show(console: Console, indexer: Indexer, update: Update) -> None:
    counts = update.counts
    console.print(f"{counts.n_files:,} files, {counts.n_lines:,} lines, {counts.n_symbols:,} symbols")
    console.print(f"{update.n_parsed:,} files parsed, {update.n_removed:,} removed, in {update.seconds:.1f} s")
    if update.n_refused:
        reasons = ", ".join(f"{n:,} {reason}" for reason, n in update.n_refused.items())
        console.print(f"Left out: {reasons}")
    console.print(f"Index: {escape(str(indexer.path))} ({update.n_bytes / 1e6:.1f} MB)")


def _outcome(indexer: Indexer, update: Update) -> dict[str, Any]:
    return {
        "root": indexer.root.path,
        "index": str(indexer.path),
        **update.counts._asdict(),
        "n_parsed": update.n_parsed,
        "n_removed": update.n_removed,
        "n_refused": update.n_refused,
        "n_bytes": update.n_bytes,
        "seconds": round(update.seconds, 3),
    }


@contextmanager
def _progress(console: Console) -> Iterator[Callable[[Progress], None]]:
    if not console.is_terminal or console.quiet:
        yield _plain_lines(console)
        return
    columns = (TextColumn("Indexing"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Bar(*columns, console=console, transient=True) as bar:
        task = bar.add_task("Indexing", total=None)

        def on_progress(progress: Progress) -> None:
            bar.update(task, completed=progress.n_done, total=progress.n_files)

        yield on_progress


def _plain_lines(console: Console) -> Callable[[Progress], None]:
    """A line at the start and at each tenth."""
    shown = -1

    def on_progress(progress: Progress) -> None:
        nonlocal shown
        tenth = 10 * progress.n_done // max(progress.n_files, 1)
        if tenth > shown and progress.n_files:
            shown = tenth
            console.print(f"{progress.n_done:,} of {progress.n_files:,} files")

    return on_progress
