"""The commands `instant-lsp engine ...`: owns what they print; what they do is in the rooms beside it."""

from __future__ import annotations

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from lsp_server.endpoint import embedded, engine_process, models
from lsp_server.endpoint.status import EndpointError
from lsp_server.options import EmbeddedSettings
from lsp_server.settings import load


def add_parser(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the command `engine` and its own commands."""
    parser = subparsers.add_parser("engine", help="the local engine: fetch its model, start and stop it")
    commands = parser.add_subparsers(required=True, metavar="command")
    for name, run, help_text in (
        ("fetch", _fetch, "bring the model file and check its hash"),
        ("start", _start, "start the engine, or find the running one"),
        ("stop", _stop, "stop the engine"),
        ("status", _status, "show the engine, its model and its files"),
        ("run", _run, "run the engine in this terminal"),
    ):
        commands.add_parser(name, help=help_text).set_defaults(run=_guarded(run))


def fetch(settings: EmbeddedSettings, console: Console) -> models.ModelFile:
    """Brings the model with a progress bar, or with plain lines where nobody watches. Raises ModelError."""
    with _progress(console) as on_progress:
        model = models.fetch(
            settings, on_progress=on_progress, on_notice=lambda text: console.print(escape(text), style="yellow")
        )
    if model.is_poor:
        console.print(f"{model.name} is not made for code: completions will be poor.", style="bold yellow")
    return model


def _guarded(run: Callable[[EmbeddedSettings, Console], int]) -> Callable[[argparse.Namespace], int]:
    def command(_: argparse.Namespace) -> int:
        console = Console(highlight=False, soft_wrap=True)
        settings, problems = load()
        for problem in problems:
            console.print(escape(str(problem)), style="yellow")
        try:
            return run(settings.embedded, console)
        except (models.ModelError, EndpointError) as error:
            console.print(escape(str(error)), style="red")
            return 1
        except KeyboardInterrupt:
            console.print("Interrupted.")
            return 130

    return command


def _fetch(settings: EmbeddedSettings, console: Console) -> int:
    model = fetch(settings, console)
    console.print(f"{model.name}: {escape(str(model.path))}")
    console.print(f"SHA-256 {models.sha256_of(model.path)}")
    return 0


def _start(settings: EmbeddedSettings, console: Console) -> int:
    engine = embedded.EmbeddedEngine(settings, on_status=lambda status: console.print(status.message))
    asyncio.run(engine.address())
    return _status(settings, console)


def _stop(_: EmbeddedSettings, console: Console) -> int:
    console.print("The engine is stopped." if engine_process.stop() else "No engine is running.")
    return 0


def _status(settings: EmbeddedSettings, console: Console) -> int:
    engine = engine_process.running()
    if engine is None:
        console.print("No engine is running; a language server starts it when it needs it.")
    elif not engine_process.is_healthy(engine):
        console.print(f"The engine (process {engine.pid}) is loading {engine.model}, or does not answer.")
    else:
        age_min = (time.time() - engine.started_at) / 60
        console.print(f"The engine serves {engine.model} at {engine.url}, process {engine.pid}, for {age_min:.0f} min.")
    try:
        console.print(f"Model: {escape(str(models.find(settings).path))}")
    except models.ModelError as error:
        console.print(escape(str(error)), style="yellow")
    if not embedded.is_installed():
        console.print("The engine's package is missing: pip install 'instant-lsp[embedded]'", style="yellow")
    console.print(f"Log:   {escape(str(engine_process.log_path()))}")
    return 0


def _run(settings: EmbeddedSettings, console: Console) -> int:
    embedded.require_installed()
    code = engine_process.serve(embedded.options(settings, models.find(settings)))
    console.print("An engine is running already.", style="yellow")
    return code


@contextmanager
def _progress(console: Console) -> Iterator[models.Progress]:
    if not console.is_terminal:
        yield _plain_lines()
        return
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console) as bar:
        tasks: dict[str, TaskID] = {}

        def on_progress(name: str, n_done: int, n_all: int) -> None:
            # The task begins with what is there, so that a resumed download's speed is its own.
            task = tasks.get(name)
            if task is None:
                tasks[name] = bar.add_task(name, total=n_all, completed=n_done)
            else:
                bar.update(task, completed=n_done)

        yield on_progress


def _plain_lines() -> models.Progress:
    shown: dict[str, int] = {}

    def on_progress(name: str, n_done: int, n_all: int) -> None:
        tenth = 10 * n_done // n_all
        if tenth > shown.get(name, -1):
            shown[name] = tenth
            sys.stdout.write(f"{name}: {n_done / 1e6:.0f} of {n_all / 1e6:.0f} MB\n")
            sys.stdout.flush()

    return on_progress
