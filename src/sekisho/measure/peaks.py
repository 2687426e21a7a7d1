"""Lines by the most sessions that each had at once, hour by hour: how many lines a cap would meet."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from itertools import zip_longest
from typing import Final
from zoneinfo import ZoneInfo

from sekisho.measure.bins import BINS, SESSIONS_AT_ONCE, binned
from sekisho.measure.cells import Cell, Dimension, Ledger, Table
from sekisho.measure.publish import publish
from sekisho.measure.rules import Rules
from sekisho.measure.turns import hour_of, is_whole
from sekisho.measure.windows import Size, window_at
from sekisho.model import Active, Peaks

CAPS: Final[Mapping[int, int]] = {1: 1, 2: 2, 3: 3, 5: 4, 10: 5, 16: 6, 64: 7}
"""The caps that the bins can answer for, and how many of the bins have no line that such a cap would meet."""

STATISTIC: Final = "lines by their most sessions at once"
_UTC: Final = ZoneInfo("UTC")  # whatever zone a trial has: turns are at the hours of this one


def published(hour: Peaks, class_name: str) -> dict[str, int | None]:
    """Return what may be told of a class in a whole hour: lines by the bin of their peak; None: suppressed.

    Always of the same table, so that nothing else was ever published of that hour, and of each class by
    itself, since no total of classes is ever told. Raises NotPublishableError.
    """
    shape = (Dimension(SESSIONS_AT_ONCE, BINS[SESSIONS_AT_ONCE], apart=True),)
    cells: dict[tuple[str, ...], Cell] = {
        (peak,): Cell(count, count, min(count, 1)) for peak, count in _by_bin(hour, class_name).items()
    }
    window = window_at(Size.HOUR, hour.since, _UTC)
    table = Table(f"{STATISTIC}: {class_name}", window, shape, cells)
    shown, _ = publish(table, Ledger(), Rules(), _UTC)
    return {peak: shown.cells[(peak,)] for peak in BINS[SESSIONS_AT_ONCE]}


def to_release(hour: Peaks, gate: str, classes: Sequence[str]) -> Table:
    """Return the lines of a gate's whole hour by class and bin, for counts with noise.

    The kernel keeps one peak of a line in an hour, with one class, so that a line is in one cell at most.
    """
    shape = (
        Dimension("class", tuple(classes), apart=True),
        Dimension(SESSIONS_AT_ONCE, BINS[SESSIONS_AT_ONCE], apart=True),
    )
    cells: dict[tuple[str, ...], Cell] = {
        (name, peak): Cell(count, count) for name in classes for peak, count in _by_bin(hour, name).items()
    }
    return Table(f"{STATISTIC}: gate {gate}", window_at(Size.HOUR, hour.since, _UTC), shape, cells)


def _by_bin(hour: Peaks, class_name: str) -> dict[str, int]:
    """Return the lines of a class by the bin of their peak, of all arms together."""
    lines: list[int] = []
    for (name, _), one in hour.classes.items():
        if name == class_name:
            lines = [a + b for a, b in zip_longest(lines, one.lines, fillvalue=0)]
    return binned(SESSIONS_AT_ONCE, lines)


def lines_met(lines: Mapping[str, int | None], cap: int) -> tuple[int, int | None]:
    """Return the least and the most lines that a cap would have met: those with more sessions at once.

    `lines`: how many by the bin of their peak; None: suppressed, and the most is not known. `cap`: of CAPS.
    """
    above = [lines[name] for name in BINS[SESSIONS_AT_ONCE][CAPS[cap] :]]
    known = [count for count in above if count is not None]
    return sum(known), sum(known) if len(known) == len(above) else None


def busiest(
    spans: Iterable[Active], class_name: str, may_be: Callable[[datetime], bool] = lambda _: True
) -> Active | None:
    """Return the whole hour in which the most lines of a class had sessions, the earliest of several.

    `may_be`: which full hours are looked at.
    """
    most: Active | None = None
    least = 1
    for span in spans:
        if span.lines < least or span.class_name != class_name:
            continue
        if is_whole(span) and may_be(hour_of(span.since)):
            most, least = span, span.lines + 1
    return most
