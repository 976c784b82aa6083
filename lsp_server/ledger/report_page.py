"""The report as a page and as JSON: owns both forms; the figures are made elsewhere. The page asks no network."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import orjson
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lsp_server import __version__
from lsp_server.ledger.charts import bars, duration, lines
from lsp_server.ledger.report import Latency, Percentiles, Report

CAUSES = {
    "unset": "no endpoint is set",
    "refused": "an address that is not allowed",
    "denied": "not let out by role, settings or audit trail",
    "unreachable": "no connection",
    "timeout": "too late",
    "auth": "token missing, wrong or expired (401)",
    "forbidden": "the role may not (403)",
    "too_large": "prompt too large (413)",
    "limited": "too many requests (429)",
    "overloaded": "overloaded (5xx)",
    "no_model": "model not served",
    "bad_answer": "an answer that is none",
}
"""What the kinds of errors mean, for people."""


def page(report: Report) -> str:
    """One HTML file with everything in it."""
    environment = Environment(
        loader=PackageLoader("lsp_server.ledger", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"ms": _ms, "share": _share, "count": _count, "cause": _cause}
    template = environment.get_template("report.html.j2")
    return template.render(report=report, charts=_charts(report), version=__version__)


def as_json(report: Report) -> bytes:
    """The same figures for programs, with the shares that the page shows."""
    told: dict[str, Any] = {"version": __version__, **asdict(report)}
    for row, figures in zip(report.acceptance, told["acceptance"], strict=True):
        figures |= {"rate": row.rate, "kept_rate": row.kept_rate}
    told["sources"]["saved"] = report.sources.saved
    for day, sources in report.sources_by_day.items():
        told["sources_by_day"][day]["saved"] = sources.saved
    return orjson.dumps(told, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _charts(report: Report) -> dict[str, Markup]:
    days, by_day = list(report.latency_by_day), list(report.latency_by_day.values())
    charts = {
        "own": lines("Own share of completions by day", days, _percentiles([day.own for day in by_day])),
        "first_token": lines("First token by day", days, _percentiles([day.first_token for day in by_day])),
        "total": lines("Completions by day, from the question to the answer", days, _totals(by_day)),
    }
    counts = {
        "asked": [day.asked for day in report.sources_by_day.values()],
        "running": [day.running for day in report.sources_by_day.values()],
        "memory": [day.memory for day in report.sources_by_day.values()],
    }
    charts["sources"] = bars("Completions by day and by where they came from", list(report.sources_by_day), counts)
    return {name: Markup(chart) for name, chart in charts.items()}  # noqa: S704  numbers and names of days alone


def _totals(by_day: list[Latency]) -> dict[str, list[float | None]]:
    return _percentiles([day.total for day in by_day])


def _percentiles(by_day: list[Percentiles | None]) -> dict[str, list[float | None]]:
    names = ("p50", "p95", "p99")
    return {name: [getattr(day, name) if day is not None else None for day in by_day] for name in names}


def _ms(ms: float | None) -> str:
    return "–" if ms is None else duration(ms)


def _share(share: float | None) -> str:
    return "–" if share is None else f"{share:.0%}"


def _cause(kind: str) -> str:
    return CAUSES.get(kind, kind)


def _count(n: float) -> str:
    return f"{n:,.0f}"
