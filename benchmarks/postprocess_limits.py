"""How good any post-processing of given raw outputs could be, beside how good ours is.

    python benchmarks/postprocess_limits.py FOLDER      with FOLDER/cases.jsonl and FOLDER/outputs.jsonl

A case has prefix, suffix, truth and language, an output its case, model and raw text. Exact match and edit similarity
are measured twice: of the text as it is (blanks around it aside), and as CrossCodeEval's scorer does, which drops all
from # or // to the end of a line, in strings too, and ignores indentation and blank lines.

Rows: the raw text; what we show; the first line only; and the best that a cut could reach if it knew the truth, at
the end of a line and at any character. No cut is exact where the truth does not begin the raw text.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from lsp_server.evaluate import STEPS

Case = dict[str, Any]
_COMMENT = re.compile(r"(?:#|//).*")


def main() -> None:
    """Prints one table for each family of models."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    folder: Path = parser.parse_args().folder
    cases = {case["case"]: case for case in _lines(folder / "cases.jsonl")}
    families: dict[str, list[Case]] = defaultdict(list)
    for output in _lines(folder / "outputs.jsonl"):
        families[re.sub(r"-[\d.]+[bB].*", "", output["model"])].append({**cases[output["case"]], **output})
    for family, outputs in families.items():
        print(
            f"\n{family}, {len(outputs)} outputs\n\n| | exact % | similarity | exact, CCEval % | similarity, CCEval |"
        )
        print("|---|---|---|---|---|")
        for name, text_of in ROWS.items():
            print(f"| {name} | {_row(outputs, text_of)} |")
        n_begun = sum(_is_begun(case) for case in outputs)
        print(f"\nThe truth begins the raw text of {n_begun} ({100 * n_begun / len(outputs):.1f} %).")


def _row(outputs: list[Case], text_of: Callable[[Case], str]) -> str:
    sums = [0.0] * 4
    for case in outputs:
        text, truth = text_of(case).strip(), case["truth"].strip()
        bare, bare_truth = _COMMENT.sub("", text), _COMMENT.sub("", truth)
        sums[0] += 100 * (text == truth)
        sums[1] += similarity(text, truth)
        sums[2] += 100 * (_code_lines(bare) == _code_lines(bare_truth))
        sums[3] += round(similarity(bare.strip(), bare_truth.strip()))
    return " | ".join(f"{total / len(outputs):.1f}" for total in sums)


def _ours(case: Case) -> str:
    text: str = STEPS["postprocess"](case)["text"]
    return text


def _first_line(case: Case) -> str:
    raw: str = case["raw"]
    return raw.lstrip("\n").split("\n")[0]


def _best(case: Case, ends: Callable[[str], list[int]]) -> str:
    """The beginning of the raw text, up to one of its `ends`, that is most similar to the truth."""
    raw, truth = case["raw"].lstrip(), case["truth"].strip()
    scores = dict(enumerate(similarities(raw, truth), 1))
    end = max(ends(raw), key=lambda end: scores.get(end, 0.0), default=0)
    return str(raw[:end])


def _line_ends(text: str) -> list[int]:
    return [match.start() for match in re.finditer(r"\n|\Z", text)]


def _any_end(text: str) -> list[int]:
    return list(range(len(text) + 1))


ROWS: dict[str, Callable[[Case], str]] = {
    "raw": lambda case: str(case["raw"]),
    "ours": _ours,
    "first line": _first_line,
    "best cut at a line's end": lambda case: _best(case, _line_ends),
    "best cut at any character": lambda case: _best(case, _any_end),
}


def _is_begun(case: Case) -> bool:
    return bool(case["raw"].strip().startswith(case["truth"].strip()))


def _code_lines(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def similarity(text: str, truth: str) -> float:
    """200 times the length of the longest common subsequence, by both lengths together."""
    if not text:
        return 0.0 if truth else 100.0
    return list(similarities(text, truth))[-1]


def similarities(text: str, truth: str) -> Iterator[float]:
    """The similarity to the truth of each beginning of `text`, from one character on.

    One bit for each character of the truth that is not yet matched; adding carries a match on (Hyyrö 2004).
    """
    places: dict[str, int] = defaultdict(int)
    for i, char in enumerate(truth):
        places[char] |= 1 << i
    everything = (1 << len(truth)) - 1
    unmatched = everything
    for n, char in enumerate(text, 1):
        found = unmatched & places[char]
        unmatched = ((unmatched + found) | (unmatched - found)) & everything
        n_common = len(truth) - unmatched.bit_count()
        yield 200.0 * n_common / (n + len(truth)) if truth else 0.0


def _lines(path: Path) -> Iterator[Case]:
    with path.open(encoding="utf-8") as file:
        yield from map(json.loads, file)


if __name__ == "__main__":
    main()
