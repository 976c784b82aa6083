"""Charts as inline SVG: owns how numbers by day are drawn; knows nothing of what they mean.

Drawn here, and not by a plotting library: four small charts are not worth numpy on every developer's machine, and the
page has to be one file that asks no network for anything. Lines differ by their dashes too, not by colour alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 720, 240
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 70, 14, 28
_MAX_DAYS_NAMED = 8

Series = Mapping[str, Sequence[float | None]]
"""A value for each day by the name of what it is; None where there is none."""


def lines(title: str, days: Sequence[str], series: Series) -> str:
    """Milliseconds by day, a line for each series, on a logarithmic scale."""
    values = [value for line in series.values() for value in line if value]
    if not values:
        return ""
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    high = max(high, low + 1)
    drawn = [*_frame(days)]
    for power in range(low, high + 1):
        drawn.append(_rule(_y(power, low, high), duration(10.0**power)))
    for number, (name, line) in enumerate(series.items()):
        points = [
            (_x(place, len(days)), _y(log10(value), low, high)) for place, value in enumerate(line) if value is not None
        ]
        drawn += _line(number, name, points)
    return _svg(title, drawn)


def bars(title: str, days: Sequence[str], series: Series) -> str:
    """Counts by day, the series stacked upon each other."""
    sums = [sum(line[place] or 0 for line in series.values()) for place in range(len(days))]
    most = _nice(max(sums, default=0))
    if not most:
        return ""
    drawn = [*_frame(days), *(_rule(_y(part * most, 0, most), f"{part * most:,.0f}") for part in (0, 0.5, 1))]
    width = min(40.0, 0.7 * (WIDTH - _LEFT - _RIGHT) / len(days))
    for place in range(len(days)):
        below = 0.0
        for number, (name, line) in enumerate(series.items()):
            n = line[place] or 0
            if n:
                top, bottom = _y(below + n, 0, most), _y(below, 0, most)
                box = f'x="{_x(place, len(days)) - width / 2:.1f}" y="{top:.1f}" width="{width:.1f}"'
                label = f"<title>{escape(days[place])} {escape(name)}: {n:,.0f}</title>"
                drawn.append(f'<rect class="s{number}" {box} height="{bottom - top:.1f}">{label}</rect>')
            below += n
    return _svg(title, drawn)


def duration(ms: float) -> str:
    """A time as people read it."""
    if ms >= 1_000:
        return f"{ms / 1_000:.3g} s"
    return f"{ms:.3g} ms" if ms < 100 else f"{ms:.0f} ms"


def _line(number: int, name: str, points: Sequence[tuple[float, float]]) -> Iterator[str]:
    if not points:
        return
    places = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    yield f'<polyline class="l{number}" points="{places}"/>'
    for x, y in points:
        yield f'<circle class="c{number}" cx="{x:.1f}" cy="{y:.1f}" r="2.5"/>'
    x, y = points[-1]
    yield f'<text class="name" x="{x + 8:.1f}" y="{y + 4:.1f}">{escape(name)}</text>'


def _frame(days: Sequence[str]) -> Iterator[str]:
    """The days along the bottom, so many of them as can be read."""
    step = ceil(len(days) / _MAX_DAYS_NAMED)
    for place in range(0, len(days), step):
        x = _x(place, len(days))
        yield f'<text class="day" x="{x:.1f}" y="{HEIGHT - 8}">{escape(days[place][5:])}</text>'


def _rule(y: float, label: str) -> str:
    line = f'<line class="rule" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
    return f'{line}<text class="scale" x="{_LEFT - 8}" y="{y + 4:.1f}">{label}</text>'


def _x(place: int, n_days: int) -> float:
    """The middle of a day."""
    return _LEFT + (place + 0.5) / n_days * (WIDTH - _LEFT - _RIGHT)


def _y(value: float, low: float, high: float) -> float:
    share = (value - low) / (high - low)
    return HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM)


def _nice(most: float) -> float:
    """The next number with one digit and zeros."""
    if most <= 0:
        return 0
    power = 10 ** floor(log10(most))
    return float(ceil(most / power) * power)


def _svg(title: str, drawn: Sequence[str]) -> str:
    head = f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title, quote=True)}">'
    return f"{head}{''.join(drawn)}</svg>"
