"""Draws the dashboard's panels as they are now: owns how they look on paper; asks Prometheus what Grafana would.

    PYTHON_OF_THE_TOOLS tests/deploy/picture.py http://127.0.0.1:9090 10 monitoring.png      # the last 10 minutes

Run by the Python of the tests' tools (tools.in).
"""

from __future__ import annotations

import json
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("agg")
from matplotlib import dates, pyplot, ticker

DASHBOARD = Path(__file__).parents[2] / "deploy/monitoring/grafana/instant.json"
_N_COLUMNS = 24  # of Grafana's grid
_COLORS = {"green": "#56a64b", "orange": "#e0752d", "red": "#c4162a"}


def main(source: str, n_minutes: float, target: str) -> None:
    """Draws every panel where it stands."""
    panels = json.loads(DASHBOARD.read_text(encoding="utf-8"))["panels"]
    n_rows = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    figure = pyplot.figure(figsize=(20, n_rows * 0.42), facecolor="#f4f5f5")
    pyplot.rcParams.update({"font.size": 8, "axes.titlesize": 9, "axes.titleweight": "bold"})
    for panel in panels:
        place = panel["gridPos"]
        left, width = place["x"] / _N_COLUMNS, place["w"] / _N_COLUMNS
        bottom, height = 1 - (place["y"] + place["h"]) / n_rows, place["h"] / n_rows
        if panel["type"] == "row":
            figure.text(0.008, bottom + height * 0.3, panel["title"], fontsize=12, fontweight="bold")
            continue
        axes = figure.add_axes((left + 0.03, bottom + 0.016, width - 0.038, height - 0.036))
        axes.set_title(panel["title"], loc="left")
        (_figure if panel["type"] == "stat" else _graph)(axes, panel, source, n_minutes)
    figure.savefig(target, dpi=80)


def _figure(axes: Any, panel: dict[str, Any], source: str, n_minutes: float) -> None:
    axes.axis("off")
    unit = panel["fieldConfig"]["defaults"]["unit"]
    series = [each for query in panel["targets"] for each in ask(source, query["expr"], n_minutes)]
    value = series[0]["values"][-1][1] if series else float("nan")
    steps = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    color = [step["color"] for step in steps if step["value"] is None or value >= step["value"]][-1]
    axes.text(0.5, 0.4, _said(value, unit), fontsize=22, ha="center", va="center", color=_COLORS[color])


def _graph(axes: Any, panel: dict[str, Any], source: str, n_minutes: float) -> None:
    unit = panel["fieldConfig"]["defaults"]["unit"]
    is_bars = panel["fieldConfig"]["defaults"]["custom"].get("drawStyle") == "bars"
    below: float = 0
    for query in panel["targets"]:
        for each in ask(source, query["expr"], n_minutes):
            legend = query["legendFormat"]
            each["metric"].setdefault("status", "none")
            for name, value in each["metric"].items():
                legend = legend.replace("{{" + name + "}}", value)
            if is_bars:  # a run of some minutes has one bar
                axes.bar([legend], [each["values"][-1][1]], width=0.6)
                continue
            times = [when / 86_400 for when, _ in each["values"]]  # days since the epoch
            axes.plot(times, [value for _, value in each["values"]], label=legend, linewidth=1.4)
            below = max(below, *(value for _, value in each["values"]))
    axes.set_ylim(bottom=0)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.yaxis.set_major_formatter(ticker.FuncFormatter(lambda value, _: _said(value, unit)))
    if not is_bars:
        axes.xaxis.set_major_formatter(dates.DateFormatter("%H:%M:%S"))
        axes.xaxis.set_major_locator(ticker.MaxNLocator(4))
        axes.legend(loc="upper left", fontsize=7, frameon=False, ncols=2)
        axes.set_ylim(top=(below or 1) * 1.35)


def ask(source: str, expr: str, n_minutes: float) -> list[dict[str, Any]]:
    """What an expression was over the last minutes; values that are no numbers are left out."""
    end = time.time()
    asked = {"query": expr, "start": end - n_minutes * 60, "end": end, "step": max(1, n_minutes * 60 / 200)}
    with urllib.request.urlopen(f"{source}/api/v1/query_range?{urllib.parse.urlencode(asked)}", timeout=30) as answer:
        series = json.load(answer)["data"]["result"]
    for each in series:
        each["values"] = [(when, float(value)) for when, value in each["values"] if value not in ("NaN", "+Inf")]
    return [each for each in series if each["values"]]


def _said(value: float, unit: str) -> str:
    if unit == "percentunit":
        return f"{value * 100:.3g} %"
    if unit == "s" and value < 1:
        return f"{value * 1000:.3g} ms"
    return (
        f"{value:,.0f}"
        if unit == "short" and value >= 10
        else f"{value:.3g}" + {"s": " s", "reqps": "/s", "h": " h"}.get(unit, "")
    )


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), sys.argv[3])
