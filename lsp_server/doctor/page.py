"""How findings are shown: owns the forms for terminals, editors and programs; knows no check."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from rich.table import Table
from rich.text import Text

from lsp_server import __version__
from lsp_server.doctor.finding import Finding, State, is_well

_MARKS: dict[State, str] = {"ok": "✓", "warning": "!", "failed": "✗", "skipped": "–"}
_STYLES: dict[State, str] = {"ok": "green", "warning": "yellow", "failed": "bold red", "skipped": "dim"}


def table(findings: Sequence[Finding]) -> Table:
    """For who reads it in a terminal; what a row says is shown as it is, whatever characters it has."""
    shown = Table("", "area", "check", "found, and what to do", box=None, header_style="bold", pad_edge=False)
    for area, of_area in _by_area(findings).items():
        for one in of_area:
            mark = Text(_MARKS[one.state], style=_STYLES[one.state])
            found = Text(one.found, overflow="fold")
            if one.todo:
                found.append(f"\n{one.todo}", style=_STYLES[one.state])
            shown.add_row(mark, Text(area if one is of_area[0] else ""), Text(one.check), found)
    return shown


def markdown(findings: Sequence[Finding]) -> str:
    """For editors, which show it as a document."""
    parts = [f"# Instant: Doctor\n\n{summary(findings)} Server {__version__}.\n"]
    for area, of_area in _by_area(findings).items():
        parts.append(f"\n## {area}\n\n")
        parts += [_line(one) for one in of_area]
    return "".join(parts)


def plain(findings: Sequence[Finding]) -> dict[str, Any]:
    """For programs."""
    return {
        "version": __version__,
        "well": is_well(findings),
        "summary": summary(findings),
        "findings": [asdict(one) for one in findings],
    }


def summary(findings: Sequence[Finding]) -> str:
    """One sentence."""
    n_failed = sum(one.state == "failed" for one in findings)
    n_warnings = sum(one.state == "warning" for one in findings)
    if not n_failed and not n_warnings:
        return "All is well."
    checks = "check has" if n_failed == 1 else "checks have"
    warnings = "warning" if n_warnings == 1 else "warnings"
    return f"{n_failed} {checks} failed, with {n_warnings} {warnings}." if n_failed else f"{n_warnings} {warnings}."


def _by_area(findings: Sequence[Finding]) -> dict[str, list[Finding]]:
    """The findings of each area together, in the order in which they were found."""
    grouped: dict[str, list[Finding]] = {}
    for one in findings:
        grouped.setdefault(one.area, []).append(one)
    return grouped


def _line(one: Finding) -> str:
    todo = f" *{one.todo}*" if one.todo else ""
    return f"- {_MARKS[one.state]} **{one.check}**: {one.found}{todo}\n"
