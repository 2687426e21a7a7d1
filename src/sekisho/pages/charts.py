"""Charts as SVG, which a page has in it: no script draws them, and paper shows them as the screen does."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from html import escape
from math import ceil, floor
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
_INK: Final = "#1d4ed8"
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
    ends = ((0, "start", days[0][0]), (_WIDTH, "end", days[-1][0]))
    for at, anchor, day in ends[: len(days)]:
        parts.append(f'<text x="{at}" y="84" text-anchor="{anchor}" {_FONT}>{day}</text>')
    return _svg(parts, _HEIGHT, title)


def _svg(parts: Sequence[str], height: int, title: str) -> Markup:
    inner = f"<title>{escape(title)}</title>" + "".join(parts)
    return Markup(  # noqa: S704 - every text in it is escaped
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{escape(title)}">{inner}</svg>'
    )
