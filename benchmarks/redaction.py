"""How many secrets the redaction finds, how often it takes code for one, and what a prompt costs.

    python benchmarks/redaction.py [--detector detect-secrets=/path/to/venv/bin/python] [--corpus FOLDER ...]

Secrets are real forms filled at random (tests/made_up_secrets.py), in lines of several languages; one
counts as found where no ten characters of it are left. Real code is CPython's library, the packages
installed beside this interpreter and any further folder. A detector is a venv of its own that holds
detect-secrets or bc-detect-secrets: it is given the same secrets and a sample of the same files, with
its default settings.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import sysconfig
import tempfile
import timeit
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from context.secrets import is_refused
from context.secrets.redact import Redactor

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
from made_up_secrets import Sown, leaks, sow

CODE = (".py", ".pyi", ".js", ".mjs", ".cjs", ".jsx", ".ts", ".tsx", ".go", ".rs", ".java", ".c", ".h", ".cc", ".cpp",
        ".hpp", ".cs", ".rb", ".php", ".kt", ".scala", ".sh", ".css", ".html", ".yml", ".yaml", ".toml", ".json", ".md",
        ".rst", ".lua", ".sql", ".cfg", ".ini", ".txt")  # fmt: skip
PROMPT_CHARS = 8_192
SCAN = """
import json, sys
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings
with default_settings():
    for path in json.load(sys.stdin):
        print(json.dumps([path, sorted({found.line_number for found in scan_file(path)})]))
"""


def recall(sown: list[Sown]) -> None:
    """Prints how many of the secrets are gone, and the kinds of those that are not."""
    redactor = Redactor(b"benchmark")
    missed = Counter(one.kind for one in sown if leaks(one.secret, redactor.redact(f"\n{one.text}\n").text))
    kinds = len({one.kind for one in sown})
    found = len(sown) - missed.total()
    print(f"ours: {found} of {len(sown)} secrets of {kinds} kinds redacted ({found / len(sown):.2%}); missed {missed}")


def false_redaction(files: list[Path]) -> None:
    """Prints how many lines of real code are changed, those included that do hold a secret for a test."""
    redactor = Redactor(b"benchmark")
    n_lines = n_changed = 0
    for path in files:
        text = path.read_text(encoding="utf-8")
        before, after = text.split("\n"), redactor.redact(text).text.split("\n")
        n_lines += len(before)
        n_changed += sum(one != two for one, two in zip(before, after, strict=True))
    print(f"ours: {n_changed} of {n_lines:,} lines of {len(files):,} files changed ({n_changed / n_lines:.4%})")


def cost() -> None:
    """Prints what a prompt costs that was never seen, and what it costs at the next key."""
    text = (Path(sysconfig.get_path("stdlib")) / "argparse.py").read_text(encoding="utf-8")[20_000:][:PROMPT_CHARS]
    redactor = Redactor(b"benchmark")
    new_ms = 1000 * min(timeit.repeat(lambda: Redactor(b"benchmark").redact(text), number=10, repeat=10)) / 10
    seen_ms = 1000 * min(timeit.repeat(lambda: redactor.redact(text), number=10, repeat=10)) / 10
    one_line = text.replace("\n", " ")
    line_ms = 1000 * min(timeit.repeat(lambda: Redactor(b"benchmark").redact(one_line), number=10, repeat=10)) / 10
    print(f"a prompt of {len(text)} characters: new {new_ms:.2f} ms, seen {seen_ms:.2f} ms, one line {line_ms:.2f} ms")


def compare(name: str, python: str, sown: list[Sown], files: list[Path]) -> None:
    """Prints what a detector finds of the same secrets, and in a sample of the same code."""
    with tempfile.TemporaryDirectory() as folder:
        paths = {}
        for n, one in enumerate(sown):
            path = Path(folder, f"{n}.txt")
            path.write_text(f"\n{one.text}\n", encoding="utf-8")
            paths[str(path)] = one
        found = dict(_scan(python, list(paths)))
    missed = Counter(paths[path].kind for path in paths if not found.get(path))
    n_found = len(sown) - missed.total()
    wholly = sum(1 for kind in {one.kind for one in sown} if missed[kind] == 0)
    print(f"{name}: {n_found} of {len(sown)} secrets found ({n_found / len(sown):.2%}); {wholly} kinds wholly")
    n_lines = sum(path.read_text(encoding="utf-8").count("\n") + 1 for path in files)
    n_hits = sum(len(lines) for _, lines in _scan(python, [str(path) for path in files]))
    print(f"{name}: {n_hits} of {n_lines:,} lines of {len(files)} files reported ({n_hits / n_lines:.4%})")


def _scan(python: str, paths: list[str]) -> Iterator[tuple[str, list[int]]]:
    ran = subprocess.run([python, "-c", SCAN], input=json.dumps(paths), capture_output=True, text=True, check=True)
    for line in ran.stdout.splitlines():
        path, lines = json.loads(line)
        yield path, lines


def code_files(folders: list[Path]) -> Iterator[Path]:
    """Readable code and configuration below the folders, but for files that are refused anyway."""
    for folder in folders:
        for path in sorted(folder.rglob("*")):
            nested = folder.name != "site-packages" and "site-packages" in path.parts
            if path.suffix not in CODE or nested or is_refused(path.name) or not path.is_file():
                continue
            try:
                path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue
            yield path


def main() -> None:
    """Runs all of it and prints a line per figure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=50, help="secrets of each kind")
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--corpus", type=Path, nargs="*", default=[], help="further folders of real code")
    parser.add_argument("--sample", type=int, default=800, help="files that the slower detectors are given")
    parser.add_argument("--detector", nargs="*", default=[], metavar="NAME=PYTHON")
    arguments = parser.parse_args()
    sown = list(sow(arguments.seed, arguments.each))
    recall(sown)
    folders = [Path(sysconfig.get_path("stdlib")), Path(sysconfig.get_path("purelib")), *arguments.corpus]
    files = list(code_files(folders))
    false_redaction(files)
    cost()
    sample = random.Random(arguments.seed).sample(files, min(arguments.sample, len(files)))
    if arguments.detector:
        false_redaction(sample)
    for detector in arguments.detector:
        name, python = detector.split("=", 1)
        compare(name, python, sown, sample)


if __name__ == "__main__":
    main()
