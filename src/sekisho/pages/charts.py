"""Charts as SVG, which a page has in it: no script draws them, and paper shows them as the screen does."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from html import escape
from math import ceil, floor, isfinite
from typing import Final, NamedTuple

from markupsafe import Markup

_WIDTH: Final = 720
_LABELS: Final = 240  # left of the plot
_ROW: Final = 26
_MARGIN: Final = 34  # below, for the scale
_MOST_PERCENT: Final = 200.0  # beyond it an interval is cut off: its numbers stand in the table
_TICKS: Final = (1, 2, 5, 10, 20, 50, 100)
_MOST_TICKS: Final = 9
_HEIGHT: Final = 90
_BAR_LABELS: Final = 430
_BAR_NUMBERS: Final = 60
_EDGE: Final = 2  # so that a line at the side is drawn whole
_PLOT_TOP: Final = 18
_PLOT: Final = 50
_INK: Final = "#1d4ed8"
_HARM: Final = "#b45309"
_FONT: Final = 'font-family="inherit" font-size="12" fill="#222"'


class Interval(NamedTuple):
    """An estimate with its interval, per cent."""

    label: str
    low: float
    change: float
    high: float


def intervals(rows: Sequence[Interval], title: str) -> Markup:
    """Draw estimates with their intervals about a line at zero."""
    low = max(-100.0, min(0.0, *(row.low for row in rows)))
    high = min(_MOST_PERCENT, max(0.0, *(row.high for row in rows)))
    step = next((one for one in _TICKS if (high - low) / one <= _MOST_TICKS), _TICKS[-1])
    first, last = step * floor(low / step), step * max(ceil(high / step), floor(low / step) + 1)
    height = _ROW * len(rows) + _MARGIN

    def x(percent: float) -> float:
        within = min(max(percent, first), last)
        return round(_LABELS + (_WIDTH - _LABELS - 20) * (within - first) / (last - first), 1)

    parts = []
    for tick in range(first, last + 1, step):
        told, ink = (f"{tick:+d}", "#ddd") if tick else ("0", "#333")
        parts.append(
            f'<line x1="{x(tick)}" x2="{x(tick)}" y1="4" y2="{height - _MARGIN + 6}" stroke="{ink}"/>'
            f'<text x="{x(tick)}" y="{height - 10}" text-anchor="middle" {_FONT}>{told} %</text>'
        )
    for number, row in enumerate(rows):
        y = _ROW * number + _ROW // 2 + 4
        parts.append(
            f'<text x="{_LABELS - 12}" y="{y + 4}" text-anchor="end" {_FONT}>{escape(row.label)}</text>'
            f'<line x1="{x(row.low)}" x2="{x(row.high)}" y1="{y}" y2="{y}" stroke="{_INK}" stroke-width="3"/>'
            f'<circle cx="{x(row.change)}" cy="{y}" r="5" fill="{_INK}"/>'
        )
    return _svg(parts, height, title)


def bars(rows: Sequence[tuple[str, float]], title: str) -> Markup:
    """Draw shares in per cent as bars with their labels, on the scale of the largest."""
    most = max(1.0, *(percent for _, percent in rows))
    width = _WIDTH - _BAR_LABELS - _BAR_NUMBERS
    parts = []
    for number, (label, percent) in enumerate(rows):
        y, length = _ROW * number + 5, round(width * percent / most, 1)
        parts.append(
            f'<text x="{_BAR_LABELS - 12}" y="{y + 13}" text-anchor="end" {_FONT}>{escape(label)}</text>'
            f'<rect x="{_BAR_LABELS}" y="{y}" width="{length}" height="17" fill="{_HARM}"/>'
            f'<text x="{_BAR_LABELS + length + 6}" y="{y + 13}" {_FONT}>{percent:g} %</text>'
        )
    return _svg(parts, _ROW * len(rows) + 8, title)


def path(points: Sequence[tuple[datetime, float, float]], title: str) -> Markup:
    """Draw values by the day beside their bound, which is dashed; what is infinite is drawn at the top."""
    known = [one for _, *both in points for one in both if isfinite(one)]
    low, high = min(0.0, *known), max(1e-9, *known)
    step = (_WIDTH - 2 * _EDGE) / max(1, len(points) - 1)

    def places(values: Iterable[float]) -> list[tuple[float, float]]:
        return [
            (_EDGE + number * step, _PLOT_TOP + _PLOT * (high - min(value, high)) / (high - low))
            for number, value in enumerate(values)
        ]

    seen = places(value for _, value, _ in points)
    bounds = places(bound for _, _, bound in points)
    parts = [
        f'<text x="{_EDGE}" y="12" {_FONT}>{escape(title)}</text>',
        _line(bounds, f'stroke="{_HARM}" stroke-dasharray="6 4"'),
        _line(seen, f'stroke="{_INK}"'),
        *(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2" fill="{_INK}"/>' for x, y in seen),
    ]
    return _svg([*parts, *_dates([at.date() for at, _, _ in points])], _HEIGHT, title)


def _line(places: Iterable[tuple[float, float]], look: str) -> str:
    ends = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    return f'<polyline points="{ends}" fill="none" {look}/>'


def shares(days: Sequence[tuple[date, float]], title: str) -> Markup:
    """Draw a share of each day as a bar; what is missing is drawn too, in another colour."""
    width = _WIDTH / max(1, len(days))
    parts = []
    for number, (_, share) in enumerate(days):
        at, full = round(number * width, 2), round(60 * min(1.0, share), 1)
        parts.append(
            f'<rect x="{at}" y="5" width="{width:.2f}" height="{60 - full:.1f}" fill="#fca5a5"/>'
            f'<rect x="{at}" y="{65 - full:.1f}" width="{width:.2f}" height="{full}" fill="#6b7280"/>'
        )
    return _svg([*parts, *_dates([day for day, _ in days])], _HEIGHT, title)


def _dates(days: Sequence[date]) -> Iterator[str]:
    """Write the first and the last day below a chart; one alone once."""
    ends = ((0, "start", days[0]), (_WIDTH, "end", days[-1]))
    for at, anchor, day in ends[: len(days)]:
        yield f'<text x="{at}" y="84" text-anchor="{anchor}" {_FONT}>{day}</text>'


def _svg(parts: Sequence[str], height: int, title: str) -> Markup:
    inner = f"<title>{escape(title)}</title>" + "".join(parts)
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">{inner}</svg>'
    )
