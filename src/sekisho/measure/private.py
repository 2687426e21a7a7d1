"""Counts of lines with noise: differential privacy, for categories too small to be shown by `publish`.

The noise is of OpenDP's Laplace mechanism, whose random numbers come from the system. A line counts once in a
window, so that whoever sees one window learns of any line at most a factor e**EPSILON. Windows of one
statistic do not overlap; what they tell of a line adds up over time. It takes opendp (`sekisho[private]`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

import opendp.prelude as dp

from sekisho.measure.cells import Cell, Table
from sekisho.measure.judge import NotPublishableError, check_table, told
from sekisho.measure.windows import Window

EPSILON: Final = 1.0
"""Of each window. 95 of 100 counts are then at most 3 from the true one."""
_OF_A_LINE: Final = 1  # how much one line changes all counts together
_NONE: Final = Cell(0, 0)


class Release(NamedTuple):
    """What was released: noisy counts by category."""

    statistic: str
    window: Window
    counts: Mapping[str, int]


def release(table: Table, before: Iterable[Release], zone: ZoneInfo) -> Release:
    """Return the noisy counts of a table of lines in one dimension, or what was released of them before.

    All categories are there, also those of nobody; below zero is told as zero.
    Raises NotPublishableError.
    """
    check_table(table, zone)
    _check_lines(table)
    for one in before:
        if one.statistic == table.statistic and one.window == table.window:
            return one  # the noise of a second answer could be averaged out with the first
        if one.statistic == table.statistic and _overlap(one.window, table.window):
            raise NotPublishableError(
                f"{told(one)}, which overlaps, was released before: use one size of window"
            )
    names = table.shape[0].values
    noisy: list[int] = _mechanism()([table.cells.get((name,), _NONE).value for name in names])
    counts = {name: max(0, count) for name, count in zip(names, noisy, strict=True)}
    return Release(table.statistic, table.window, counts)


@cache
def _mechanism() -> Any:
    """Return the mechanism; the library itself works out what a line changes."""
    dp.enable_features("contrib")
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    made: Any = dp.m.make_laplace(*space, scale=_OF_A_LINE / EPSILON)
    if made.map(_OF_A_LINE) > EPSILON:
        raise ArithmeticError(f"opendp: the noise is too little for epsilon {EPSILON}")
    return made


def _check_lines(table: Table) -> None:
    if len(table.shape) != 1 or not table.shape[0].apart:
        raise NotPublishableError(
            "noisy counts have one dimension in which each line has one value: leave the others out"
        )
    if any(cell.lines != cell.value for cell in table.cells.values()):
        raise NotPublishableError("noisy counts are of lines, each counted once: give no other sums")


def _overlap(one: Window, other: Window) -> bool:
    return one.begin < other.end and other.begin < one.end
