"""What a prompt of a large workspace costs: the search ahead of a request, and the window within it; see README.md.

    python benchmarks/prompt.py [FOLDER] [--files 50000] [--places 200] [--out FILE.json]      in this process
    python benchmarks/prompt.py FOLDER --server                    first index, memory and saved files over the wire

Without a FOLDER a workspace of that many pieces of the standard library is made.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import indexing
from immediate_endpoint import MODEL, ImmediateEndpoint
from typist import Server, Typist

from context import Budget, Snapshot, build_window
from context.codegraph.files import language_of
from context.codegraph.indexer import Indexer
from context.languages import find
from context.outline import IncrementalTree
from lsp_server.workspace.index import Index
from lsp_server.workspace.messages import Scope

HERE = Path(__file__).resolve().parent
BUDGET = Budget(2_048)
N_LINES_TYPED = 5
N_SAVED = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("--files", type=int, default=50_000)
    parser.add_argument("--places", type=int, default=200)
    parser.add_argument("--server", action="store_true")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["XDG_CACHE_HOME"] = str(scratch / "cache")
        folder = arguments.folder or scratch / "workspace"
        if not folder.exists():
            made = argparse.Namespace(files=arguments.files)
            indexing._make([Path(sysconfig.get_path("stdlib"))], folder, made)
        figures = over_the_wire(folder) if arguments.server else in_process(folder, arguments.places)
    figures["load"] = round(os.getloadavg()[0], 1)
    for name, value in figures.items():
        print(f"{name:44} {value}")
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1))


def in_process(folder: Path, n_places: int) -> dict[str, Any]:
    """The child's share and the request's own, by the same functions that both call."""
    update = Indexer(folder).update()
    started = time.perf_counter()
    index = Index(Scope((str(folder),)))
    opening_ms = 1_000 * (time.perf_counter() - started)
    first_ms, search_ms, search_cpu_ms, window_ms, window_cpu_ms, n_snippets = [], [], [], [], [], []
    for snapshot in _documents(folder, n_places // N_LINES_TYPED):
        language = find(snapshot.language)
        tree = IncrementalTree(language, snapshot.text.encode()) if language else None
        whole = tree.outline() if tree else None
        for n, offset in enumerate(_places(snapshot)):
            started, started_cpu = time.perf_counter(), time.thread_time()
            snippets = index.find(str(folder), snapshot, offset, None, BUDGET)
            found, found_cpu = time.perf_counter(), time.thread_time()
            outline = whole.around(offset) if whole else None
            build_window(snapshot, offset, BUDGET, outline=outline, snippets=snippets)
            (search_ms if n else first_ms).append(1_000 * (found - started))
            window_ms.append(1_000 * (time.perf_counter() - found))
            window_cpu_ms.append(1_000 * (time.thread_time() - found_cpu))
            if n:
                search_cpu_ms.append(1_000 * (found_cpu - started_cpu))
            n_snippets.append(len(snippets))
    return {
        "files": update.counts.n_files,
        "opening the index, ms": round(opening_ms),
        "search, first place in a file": indexing._spread(first_ms),
        "search ahead of the request, warm": indexing._spread(search_ms),
        "its CPU time": indexing._spread(search_cpu_ms),
        "window, within the request (p50 3, p95 15 ms)": indexing._spread(window_ms),
        "the window's CPU time": indexing._spread(window_cpu_ms),
        "snippets per place": round(sum(n_snippets) / len(n_snippets), 1),
    }


def over_the_wire(folder: Path) -> dict[str, Any]:
    """A real server, from its start until everything is indexed; then files are saved, and looked for in prompts."""
    endpoint = ImmediateEndpoint("zoom()")
    tier = {"url": endpoint.url, "model": MODEL, "mode": "fim", "fim_format": "qwen"}
    path = {"PYTHONPATH": str(HERE.parent)}
    command = (sys.executable, "-P", "-m", "lsp_server", "serve")
    typist = Typist(Server("ours", command, {"endpoint": {"instant": tier}}, path, folder=folder))
    try:
        seconds = typist.wait_for_progress("end")
        probe = folder / "probe_of_the_benchmark.py"
        probe.write_text("def first_probe():\n    return 1\n")
        text = "from probe_of_the_benchmark import *\n\n\nfirst_probe()\n"
        user = (folder / "user_of_the_probe.py").as_uri()
        typist.open(user, "python", text, (2, 0))
        typist.type(user, "p")
        times = [_seen_ms(typist, user, probe, number) for number in range(N_SAVED)]
        time.sleep(2)
        memory = typist.rss_mb()
        probe.unlink()
    finally:
        typist.close()
        endpoint.close()
    return {
        "first index, s": round(seconds, 1),
        "memory after it, MB (server, child)": [round(one) for one in memory],
        "memory after it, MB in all (200)": round(sum(memory)),
        "a saved file is in the prompt (100 ms)": indexing._spread(times),
    }


def _seen_ms(typist: Typist, user: str, probe: Path, number: int) -> float:
    """From didSave until the command that shows the prompt shows what is new."""
    name = f"saved_probe_{number}"
    probe.write_text(f"def {name}(number: int) -> int:\n    return number\n")
    started = time.perf_counter()
    typist.notify("textDocument/didSave", {"textDocument": {"uri": probe.as_uri()}})
    while time.perf_counter() - started < 30:
        arguments = [user, {"line": 2, "character": 0}]
        shown = typist.request("workspace/executeCommand", {"command": "instant.showContext", "arguments": arguments})
        if name in shown["prompt"]:
            return 1_000 * (time.perf_counter() - started)
    raise RuntimeError(f"{name} was never seen")


def _documents(folder: Path, n: int) -> Iterator[Snapshot]:
    """Files of all sizes, by chance."""
    chance = random.Random(3)
    paths = sorted(path for path in folder.rglob("*.py") if path.stat().st_size > 200)
    for path in chance.sample(paths, min(n, len(paths))):
        relative = path.relative_to(folder).as_posix()
        text = path.read_text(encoding="utf-8", errors="replace")
        yield Snapshot(path.as_uri(), relative, language_of(relative) or "", 1, text)


def _places(snapshot: Snapshot) -> list[int]:
    """The ends of some lines that follow each other."""
    starts = [0]
    while (end := snapshot.text.find("\n", starts[-1])) >= 0:
        starts.append(end + 1)
    first = random.Random(snapshot.path).randrange(max(1, len(starts) - N_LINES_TYPED))
    return [snapshot.line_end(start) for start in starts[first : first + N_LINES_TYPED]]


if __name__ == "__main__":
    main()
