"""Writes Grafana's dashboard: owns which panels there are, with Grafana Labs' own builders; knows no Prometheus.

    PYTHON_OF_THE_TOOLS tests/deploy/dashboard.py > deploy/monitoring/grafana/instant.json

Run by the Python of the tests' tools (tools.in), as test_monitoring.py does to compare.
"""

from __future__ import annotations

import itertools
import sys
from typing import Any

from grafana_foundation_sdk.builders import common as common_builders
from grafana_foundation_sdk.builders import dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common
from grafana_foundation_sdk.models import dashboard as models

SOURCE = common.DataSourceRef(type_val="prometheus", uid="${source}")
GREEN, ORANGE, RED = "green", "orange", "red"


def build() -> models.Dashboard:
    """The dashboard, its rows in the order in which somebody asks: what developers see, why, what it costs."""
    board = (
        dashboard.Dashboard("Instant")
        .uid("instant-lsp")
        .description("The endpoint of instant-lsp: what developers see of it, its pods, its GPUs and what they cost.")
        .tags(["instant-lsp"])
        .timezone("browser")
        .week_start("monday")
        .refresh("30s")
        .time("now-6h", "now")
        .with_variable(dashboard.DatasourceVariable("source").label("Prometheus").type("prometheus"))
    )
    numbers = itertools.count(1)
    for title, panels in ROWS:
        board = board.with_row(dashboard.Row(title).id(next(numbers)))
        for panel in panels:
            board = board.with_panel(panel.id(next(numbers)))
    return board.build()


def _figure(title: str, expr: str, unit: str, *, orange: float | None = None, red: float | None = None) -> stat.Panel:
    """One number; above `orange` and `red` it has that colour."""
    steps = [models.Threshold(value=None, color=GREEN)]
    steps += [models.Threshold(value, color) for value, color in ((orange, ORANGE), (red, RED)) if value is not None]
    return (
        stat.Panel()
        .title(title)
        .datasource(SOURCE)
        .unit(unit)
        .span(3)
        .height(4)
        .thresholds(dashboard.ThresholdsConfig().mode(models.ThresholdsMode.ABSOLUTE).steps(steps))
        .graph_mode(common.BigValueGraphMode.AREA)
        .with_target(prometheus.Dataquery().expr(expr).ref_id("A"))
    )


def _graph(title: str, unit: str, *lines: tuple[str, str], bars: str = "", over: str = "", width: int = 8) -> Any:
    """Lines over time, each an expression and its legend; `bars` is one bar's stretch of time, `over` that of all."""
    panel = timeseries.Panel().title(title).datasource(SOURCE).unit(unit).min(0).span(width).height(8)
    panel = panel.fill_opacity(80 if bars else 10).show_points(common.VisibilityMode.NEVER)
    panel = panel.legend(common_builders.VizLegendOptions().show_legend(True).placement(common.LegendPlacement.BOTTOM))
    if bars:
        stacking = common_builders.StackingConfig().mode(common.StackingMode.NORMAL)
        panel = panel.draw_style(common.GraphDrawStyle.BARS).stacking(stacking).interval(bars)
    if over:
        panel = panel.time_from(over)
    for letter, (expr, legend) in zip("ABCDEF", lines, strict=False):
        panel = panel.with_target(prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(letter))
    return panel


ROWS: list[tuple[str, list[Any]]] = [
    (
        "Now",
        [
            _figure("Requests, last hour", "sum(instant:requests:1h)", "short"),
            _figure("Requests, last day", "sum(instant:requests:1d)", "short"),
            _figure("Requests that fail", "instant:errors:ratio5m", "percentunit", orange=0.01, red=0.05),
            _figure("p95", 'instant:request_seconds:p95{tier="instant"}', "s", orange=3, red=5),
            _figure("First token, p95", 'instant:first_token_seconds:p95{tier="instant"}', "s", orange=1, red=2),
            _figure("Pods that do not answer", 'count(up{job="pod"} == 0) or vector(0)', "short", red=1),
            _figure("Budget used", "instant:gpu_budget_used:ratio", "percentunit", orange=0.6, red=0.8),
            _figure("Alerts", 'count(ALERTS{alertstate="firing"}) or vector(0)', "short", red=1),
        ],
    ),
    (
        "What developers see",
        [
            _graph(
                "Requests by hour",
                "short",
                ("sum by (feature) (increase(instant_requests_total[1h]))", "{{feature}}"),
                bars="1h",
                over="24h",
            ),
            _graph(
                "Requests by day",
                "short",
                ("sum by (feature) (increase(instant_requests_total[1d]))", "{{feature}}"),
                bars="1d",
                over="30d",
            ),
            _graph("Requests by role", "reqps", ("sum by (role) (rate(instant_requests_total[5m]))", "{{role}}")),
            _graph(
                "Latency",
                "s",
                ("instant:request_seconds:p50", "{{tier}} p50"),
                ("instant:request_seconds:p95", "{{tier}} p95"),
                ("instant:request_seconds:p99", "{{tier}} p99"),
            ),
            _graph(
                "First token",
                "s",
                ("instant:first_token_seconds:p50", "{{tier}} p50"),
                ("instant:first_token_seconds:p95", "{{tier}} p95"),
            ),
            _graph(
                "Refused and failed",
                "reqps",
                ("instant:refused:rate5m", "{{status}}"),
                ('sum(rate(instant_requests_total{status=~"5.."}[5m])) or vector(0)', "failed"),
            ),
        ],
    ),
    (
        "Pods",
        [
            _graph(
                "At work and waiting",
                "short",
                ("instant:pod:running", "{{instance}} at work"),
                ("instant:pod:waiting", "{{instance}} waiting"),
                (
                    'sum by (proxy) ({__name__=~"haproxy_(server|backend)_current_queue",proxy=~"instant|thinking"})',
                    "{{proxy}} waiting at the gateway",
                ),
                width=6,
            ),
            _graph(
                "Tokens by second",
                "short",
                ("instant:pod:read_tokens:rate5m", "{{instance}} read"),
                ("instant:pod:written_tokens:rate5m", "{{instance}} written"),
                width=6,
            ),
            _graph(
                "Prompt tokens from the cache",
                "percentunit",
                ("instant:pod:cached_tokens:ratio5m", "{{instance}}"),
                width=6,
            ),
            _graph(
                "Replicas that serve",
                "short",
                ('sum by (proxy) (haproxy_server_status{state="UP"})', "{{proxy}}"),
                width=6,
            ),
        ],
    ),
    (
        "GPUs and what they cost",
        [
            _graph("GPU at work", "percentunit", ("instant:gpu:busy_ratio", "{{Hostname}} {{gpu}}"), width=6),
            _graph("GPU memory", "percentunit", ("instant:gpu:memory_ratio", "{{Hostname}} {{gpu}}"), width=6),
            _graph(
                "GPU hours by week, since Monday", "h", ("instant:gpu_hours:this_week", "hours"), over="30d", width=6
            ),
            _graph(
                "Cost by week, since Monday",
                "short",
                ("instant:gpu_cost:this_week", "{{currency}} spent"),
                ("instant:gpu_week_budget", "{{currency}} budget"),
                over="30d",
                width=6,
            ),
        ],
    ),
]

if __name__ == "__main__":
    sys.stdout.write(JSONEncoder(sort_keys=True, indent=1).encode(build()) + "\n")
