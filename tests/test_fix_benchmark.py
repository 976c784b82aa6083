"""The seeded faults: what is recorded of them belongs to them, and the benchmark runs on the real model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lsp_server.endpoint.address import Address

BENCHMARKS = Path(__file__).parents[1] / "benchmarks"


def check_benchmark(address: Address, folder: Path, n_faults: int) -> list[dict[str, str]]:
    """The benchmark's outcomes for so many faults; none of them failed for the machinery's sake."""
    out = folder / "outcomes.json"
    command = [sys.executable, str(BENCHMARKS / "fix.py"), "--url", address.url, "--model", address.model or ""]
    environment = {**os.environ, "PYTHONPATH": str(BENCHMARKS.parent), "FIX_TOKEN": address.token or ""}
    ran = subprocess.run(
        [*command, "--token-env", "FIX_TOKEN", "--faults", str(n_faults), "--out", str(out)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    outcomes: list[dict[str, str]] = json.loads(out.read_text())
    assert len(outcomes) == n_faults
    assert f"| all | {n_faults} |" in ran.stdout
    return outcomes


@pytest.mark.engine
def test_a_handful_of_faults_goes_through_the_real_model(engine: Address, tmp_path: Path) -> None:
    outcomes = check_benchmark(engine, tmp_path, 3)
    kinds = {outcome["outcome"] for outcome in outcomes}
    assert kinds <= {"fixed", "not gone", "new report", "refused", "offered"}, outcomes


def test_every_fault_has_its_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import checkers

    faults = checkers.faults()
    assert len(faults) >= 60
    assert {fault.language for fault in faults} == {"python", "typescript", "rust"}
    for fault in faults:
        assert fault.diagnostics, fault.name
        n_lines = fault.text.count("\n") + 1
        assert all(one["range"]["end"]["line"] <= n_lines for one in fault.diagnostics), fault.name


def test_what_ruff_says_now_is_what_is_recorded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    import checkers

    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    said = checkers.check("ruff", checkers.files("ruff"))
    recorded = {fault.name: fault.diagnostics for fault in checkers.faults() if fault.tool == "ruff"}
    assert {name: [one["code"] for one in reports] for name, reports in said.items()} == {
        name: [one["code"] for one in reports] for name, reports in recorded.items()
    }
