"""Counts of lines with noise: differential privacy, for categories too small to be shown by `publish`.

The noise is of OpenDP's Laplace mechanism, whose random numbers come from the system. Whatever a line does in
a window, of which it is in one category or in none, what is shown is at most e**epsilon times as likely as if
it had done anything else. What several releases tell of a line adds up: `budget` is the most that all of them
may. It takes opendp (`sekisho[private]`).
"""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from itertools import product
from math import ceil, fsum
from typing import Any, Final
from zoneinfo import ZoneInfo

import opendp.prelude as dp

from sekisho.measure.cells import Cell, Table
from sekisho.measure.judge import NotPublishableError, check_table
from sekisho.measure.noisy import Release, spent

DELTA: Final = 0
"""How likely the promise is not to hold: never, with Laplace's noise."""
LEAST_EPSILON: Final = 0.01
MOST_EPSILON: Final = 10.0
_OF_A_LINE: Final = 2  # counts that change by one when a line is in another category: one less, one more
_ODDS: Final = 0.05
_NONE: Final = Cell(0, 0)


def release(
    table: Table, epsilon: float, before: Collection[Release], budget: float, zone: ZoneInfo
) -> Release:
    """Return the noisy counts of a table of lines, or what was released of them before, with its epsilon.

    `before`: all that was ever released. All categories are there, also those of nobody; below zero is told
    as zero. Raises NotPublishableError.
    """
    check_table(table, zone)
    _check_lines(table)
    for one in before:
        if one.statistic == table.statistic and one.window == table.window:
            return one  # the noise of a second answer could be averaged out with the first
    _check_budget(epsilon, before, budget)
    places = list(product(*(one.values for one in table.shape)))
    noisy: list[int] = _mechanism(epsilon)([table.cells.get(place, _NONE).value for place in places])
    counts = {place: max(0, count) for place, count in zip(places, noisy, strict=True)}
    return Release(table.statistic, table.window, epsilon, counts)


def margin(epsilon: float) -> int:
    """Return how far from the true count 19 of 20 are at most."""
    so_far: float = dp.discrete_laplacian_scale_to_accuracy(_scale(epsilon), _ODDS)  # or more is 1 of 20
    return ceil(so_far) - 1


@cache
def _scale(epsilon: float) -> float:
    """Return the least scale of the noise; the library itself works out what it is good for."""
    dp.enable_features("contrib")
    scale: float = dp.binary_search_param(_laplace, d_in=_OF_A_LINE, d_out=epsilon)
    return scale


def _mechanism(epsilon: float) -> Any:
    return _laplace(_scale(epsilon))


def _laplace(scale: float) -> Any:
    space = dp.vector_domain(dp.atom_domain(T="i64")), dp.l1_distance(T="i64")
    return dp.m.make_laplace(*space, scale=scale)


def _check_lines(table: Table) -> None:
    if not all(one.apart for one in table.shape):
        raise NotPublishableError(
            "noisy counts are by dimensions in which each line has one value: leave the others out"
        )
    if any(cell.lines != cell.value for cell in table.cells.values()):
        raise NotPublishableError("noisy counts are of lines, each counted once: give no other sums")


def _check_budget(epsilon: float, before: Collection[Release], budget: float) -> None:
    if not LEAST_EPSILON <= epsilon <= MOST_EPSILON:
        raise NotPublishableError(
            f"an epsilon of {epsilon:g} is none to release counts with:"
            f" take one from {LEAST_EPSILON:g} to {MOST_EPSILON:g}"
        )
    if fsum([*(one.epsilon for one in before), epsilon]) > budget:
        raise NotPublishableError(
            f"an epsilon of {epsilon:g} is more than is left of the budget:"
            f" {spent(before):g} of {budget:g} is spent; what was released stays to be shown"
        )
