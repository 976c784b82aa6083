"""How fast a workspace is indexed, what that takes, and how soon a saved file is found; see README.md beside this."""

from __future__ import annotations

import argparse
import json
import random
import resource
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from context.codegraph.files import is_left_out, language_of
from context.codegraph.indexer import Indexer
from context.codegraph.lexical import Search, words_of
from context.codegraph.reader import Reader

N_ASKED = 300
N_SAVED = 20
PIECE_LINES = 20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sources", type=Path, nargs="*", help="folders of code to copy (the standard library)")
    parser.add_argument("--lines", type=int, default=500_000)
    parser.add_argument("--files", type=int, help="a workspace of so many files of a few lines instead")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--keep", type=Path, help="a folder for the workspace, to be used again")
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = arguments.keep or Path(folder, "workspace")
        if not root.exists():
            _make(arguments.sources or [Path(sysconfig.get_path("stdlib"))], root, arguments)
        figures = measure(root, Path(folder, "index.sqlite3"), arguments.processes)
    for name, value in figures.items():
        print(f"{name:32} {value}")
    if arguments.out:
        arguments.out.write_text(json.dumps(figures, indent=1))


def _make(sources: list[Path], root: Path, arguments: argparse.Namespace) -> None:
    if arguments.files:
        _copy_pieces(sources, root, arguments.files)
    else:
        _copy(sources, root, arguments.lines)
    subprocess.run(["git", "init", "-q", str(root)], check=True)
    subprocess.run(["git", "-C", str(root), "add", "."], check=True)


def measure(root: Path, store: Path, n_processes: int) -> dict[str, Any]:
    indexer = Indexer(root, store, n_processes=n_processes)
    before = time.process_time()
    first = indexer.update()
    writer_s = time.process_time() - before
    usage, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    again = indexer.update()
    reader = Reader(root, store)
    figures = {
        "files": first.counts.n_files,
        "lines": first.counts.n_lines,
        "symbols": first.counts.n_symbols,
        "edges": reader.rows("SELECT count(*) FROM edges")[0][0],
        "first index, s": round(first.seconds, 1),
        "CPU s: writer": round(writer_s, 1),
        "CPU s: parsing processes": round(children.ru_utime + children.ru_stime, 1),
        "peak MB: writer": usage.ru_maxrss // 1024,
        "peak MB: parsing process": children.ru_maxrss // 1024,
        "index MB": round(first.n_bytes / 1e6, 1),
        "nothing changed, s": round(again.seconds, 2),
    }
    return figures | _asked(reader) | _saved(root, indexer, reader)


def _asked(reader: Reader) -> dict[str, str]:
    """Questions as retrieval asks them: of names that are used and defined somewhere, of lines somewhere."""
    chance = random.Random(1)
    paths = chance.choices(reader.paths(), k=N_ASKED)
    names = [chance.choice(symbols).name for path in paths if (symbols := reader.symbols_of(path))]
    search = Search(reader)
    queries = [_words(reader, path, chance) for path in paths]
    return {
        "symbols_named": _times(reader.symbols_named, names),
        "symbols_of": _times(reader.symbols_of, paths),
        "imports_of": _times(reader.imports_of, paths),
        "edges_of": _times(reader.edges_of, paths),
        "text": _times(lambda path: reader.text(path, 0, 30), paths),
        "search": _times(search.find, [query for query in queries if query]),
    }


def _words(reader: Reader, path: str, chance: random.Random) -> list[str]:
    """The words of ten lines of a file."""
    lines = (reader.text(path, 0, 1_000_000) or "").split("\n")
    start = chance.randrange(len(lines))
    return words_of(" ".join(lines[start : start + 10]))


def _saved(root: Path, indexer: Indexer, reader: Reader) -> dict[str, str]:
    """From the call for a file that was just saved until another connection finds what is new in it."""
    paths = [path for path in reader.paths() if path.endswith(".py")]
    saved = random.Random(2).choices(paths, k=N_SAVED)

    def save(numbered: tuple[int, str]) -> None:
        number, path = numbered
        indexer.update_files([path])
        assert reader.symbols_named(f"new_function_{number}")

    times = []
    for number, path in enumerate(saved):
        file = root / path
        # At its start, since a piece of a file may end in the middle of a string.
        file.write_bytes(f"def new_function_{number}():\n    return {number}\n\n\n".encode() + file.read_bytes())
        times.append(_time(save, (number, path)))
    return {"a saved file is found": _spread(times)}


def _times(ask: Callable[[Any], Any], questions: list[Any]) -> str:
    return _spread([_time(ask, question) for question in questions])


def _time(ask: Callable[[Any], Any], question: Any) -> float:
    started = time.perf_counter()
    ask(question)
    return 1000 * (time.perf_counter() - started)


def _spread(times_ms: list[float]) -> str:
    ordered = sorted(times_ms)
    return " / ".join(f"{ordered[int(len(ordered) * share)]:.2f}" for share in (0.5, 0.95, 0.99)) + " ms p50/p95/p99"


def _copy(sources: list[Path], root: Path, n_lines: int) -> None:
    """Whole files of all sources in turns, until there are so many lines."""
    walks = [_code(source) for source in sources]
    while n_lines > 0 and walks:
        for walk in list(walks):
            found = next(walk, None)
            if found is None:
                walks.remove(walk)
            elif n_lines > 0:
                source, path = found
                target = root / source.name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(source / path, target)
                n_lines -= target.read_bytes().count(b"\n")
    if n_lines > 0:
        sys.exit("The sources hold too few lines: name further folders.")


def _copy_pieces(sources: list[Path], root: Path, n_files: int) -> None:
    n_written = 0
    for source in sources:
        for _, path in _code(source):
            lines = (source / path).read_bytes().splitlines(keepends=True)
            for start in range(0, len(lines) - PIECE_LINES, PIECE_LINES):
                if n_written == n_files:
                    return
                target = root / f"{n_written // 1000}" / f"{n_written % 1000}{Path(path).suffix}"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(b"".join(lines[start : start + PIECE_LINES]))
                n_written += 1


def _code(source: Path) -> Iterator[tuple[Path, str]]:
    for found in sorted(source.rglob("*")):
        path = found.relative_to(source).as_posix()
        if is_left_out(path) or language_of(path) in (None, "json", "yaml"):
            continue
        if found.is_file() and found.stat().st_size < 1 << 20:
            yield source, path


if __name__ == "__main__":
    main()
