"""The seeded faults in `benchmarks/faults`, and the real tools that report them; records what these say.

    pip install pyright ruff; npm install typescript; rustc comes with rustup        # the tools, on the PATH
    python benchmarks/checkers.py                                                # rewrites faults/recorded.json

`faults/<tool>.txt` holds the files, each after a line `-- name --`. What the tool says of them is recorded as LSP has
it, with the tool's version, so that fixes can be asked for without the tools, and repeatably.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FAULTS = Path(__file__).with_name("faults")
RECORDED = FAULTS / "recorded.json"
LANGUAGES = {".py": "python", ".ts": "typescript", ".rs": "rust"}
RUFF_RULES = "E,F,W,B,SIM,PLR1714"
TSC_OPTIONS = ("--noEmit", "--strict", "--pretty", "false", "--target", "es2022", "--moduleDetection", "force")
PYRIGHT_OPTIONS = {"typeCheckingMode": "standard", "reportPossiblyUnbound": "error", "reportMissingModuleSource": False}

Diagnostics = list[dict[str, Any]]


class Fault(NamedTuple):
    """One file with what its tool says of it, as LSP has diagnostics."""

    tool: str
    name: str
    text: str
    diagnostics: Diagnostics

    @property
    def language(self) -> str:
        return LANGUAGES[Path(self.name).suffix]


def faults() -> list[Fault]:
    """All faults with their recorded diagnostics."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8"))
    return [
        Fault(tool, name, text, recorded[tool]["files"][name])
        for tool in CHECKERS
        for name, text in files(tool).items()
    ]


def files(tool: str) -> dict[str, str]:
    """The files of one tool by their names."""
    parts = re.split(r"^-- (\S+) --\n", (FAULTS / f"{tool}.txt").read_text(encoding="utf-8"), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def check(tool: str, texts: Mapping[str, str]) -> dict[str, Diagnostics]:
    """What the tool says now of each of these files; it is run once, in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / name).write_text(text, encoding="utf-8")
        said: dict[str, Diagnostics] = defaultdict(list)
        for name, diagnostic in CHECKERS[tool](Path(folder), sorted(texts)):
            said[name].append(diagnostic)
    return {name: said[name] for name in texts}


def version(tool: str) -> str:
    return run(tool, "--version").stdout.strip().splitlines()[-1]


def available() -> list[str]:
    """The tools that are installed here."""
    return [tool for tool in CHECKERS if shutil.which(tool)]


def run(*command: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False)


def pyright(folder: Path, names: list[str]) -> Iterable[tuple[str, dict[str, Any]]]:
    (folder / "pyrightconfig.json").write_text(json.dumps(PYRIGHT_OPTIONS))
    severities = {"error": 1, "warning": 2, "information": 3}
    for one in json.loads(run("pyright", "--outputjson", *names, cwd=folder).stdout)["generalDiagnostics"]:
        yield (
            Path(one["file"]).name,
            {
                "range": one["range"],
                "severity": severities[one["severity"]],
                "source": "Pyright",
                **({"code": one["rule"]} if "rule" in one else {}),
                "message": one["message"],
            },
        )


def ruff(folder: Path, names: list[str]) -> Iterable[tuple[str, dict[str, Any]]]:
    command = ("ruff", "check", "--isolated", "--select", RUFF_RULES, "--output-format", "json", "--no-cache")
    for one in json.loads(run(*command, *names, cwd=folder).stdout):
        ends = [
            {"line": place["row"] - 1, "character": place["column"] - 1}
            for place in (one["location"], one["end_location"])
        ]
        yield (
            Path(one["filename"]).name,
            {
                "range": dict(zip(("start", "end"), ends, strict=True)),
                "severity": 2,
                "source": "Ruff",
                "code": one["code"],
                "message": one["message"],
            },
        )


def tsc(folder: Path, names: list[str]) -> Iterable[tuple[str, dict[str, Any]]]:
    """The compiler's text tells where a report begins; it is taken to end with the word there.

    One file at a time: while one has a syntax error, the others' types are not checked.
    """
    pattern = re.compile(r"^(\S+?)\((\d+),(\d+)\): (error|warning) TS(\d+): (.*(?:\n .*)*)", re.MULTILINE)
    said = "".join(run("tsc", *TSC_OPTIONS, name, cwd=folder).stdout for name in names)
    for found in pattern.finditer(said):
        name, row, column, severity, code, message = found.groups()
        line, character = int(row) - 1, int(column) - 1
        text = (folder / name).read_text(encoding="utf-8").splitlines()[line]
        word = re.match(r"\w+|.?", text[character:])
        start = {"line": line, "character": character}
        end = {"line": line, "character": character + (word.end() if word else 0)}
        yield (
            name,
            {
                "range": {"start": start, "end": end},
                "severity": 1 if severity == "error" else 2,
                "source": "ts",
                "code": int(code),
                "message": message,
            },
        )


def rustc(folder: Path, names: list[str]) -> Iterable[tuple[str, dict[str, Any]]]:
    """What is labelled besides the place itself, and what the compiler offers as help, is related information."""
    for name in names:
        command = ("rustc", "--edition", "2021", "--crate-type", "lib", "--emit", "metadata", "--error-format", "json")
        for line in run(*command, name, cwd=folder).stderr.splitlines():
            said = json.loads(line)
            primary = [span for span in said["spans"] if span["is_primary"]]
            if not primary:
                continue
            others = [span for span in said["spans"] if not span["is_primary"] and span["label"]]
            related = [_related(name, span, span["label"]) for span in others]
            related += [_related(name, primary[0], child["message"]) for child in said["children"]]
            label = primary[0]["label"]
            yield (
                name,
                {
                    "range": _rust_range(primary[0]),
                    "severity": 1 if said["level"] == "error" else 2,
                    "source": "rustc",
                    **({"code": said["code"]["code"]} if said["code"] else {}),
                    "message": said["message"] + (f"\n{label}" if label else ""),
                    **({"relatedInformation": related} if related else {}),
                },
            )


def _related(name: str, span: dict[str, Any], message: str) -> dict[str, Any]:
    return {"location": {"uri": f"file:///work/{name}", "range": _rust_range(span)}, "message": message}


def _rust_range(span: dict[str, Any]) -> dict[str, Any]:
    return {
        "start": {"line": span["line_start"] - 1, "character": span["column_start"] - 1},
        "end": {"line": span["line_end"] - 1, "character": span["column_end"] - 1},
    }


Checker = Callable[[Path, list[str]], Iterable[tuple[str, dict[str, Any]]]]
CHECKERS: dict[str, Checker] = {"pyright": pyright, "ruff": ruff, "tsc": tsc, "rustc": rustc}


def main() -> None:
    """Records what every installed tool says; what is recorded of the others stays."""
    recorded = json.loads(RECORDED.read_text(encoding="utf-8")) if RECORDED.exists() else {}
    for tool in available():
        said = check(tool, files(tool))
        silent = [name for name, diagnostics in said.items() if not diagnostics]
        if silent:
            sys.exit(f"{tool} says nothing of {', '.join(silent)}")
        recorded[tool] = {"version": version(tool), "files": said}
        print(f"{tool}: {len(said)} files, {sum(map(len, said.values()))} diagnostics")
    RECORDED.write_text(json.dumps(recorded, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
