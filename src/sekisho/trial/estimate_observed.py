"""What happened in phases that somebody chose: an interrupted time series.

It is observational: whatever else changed at the same moments is in the numbers too, so there is an
interval, and nothing that belongs to an experiment. Least squares on the logarithms, with errors that allow
for correlation over LAGS cells (Newey and West, Econometrica 55, 1987) and ends that allow for their being
estimated (Kiefer and Vogelsang, Econometric Theory 21, 2005), beside a trend and the hours of workdays and of
weekends. Where there is a class that was not limited, it is on the difference of both
(Lopez Bernal, Cummins, Gasparrini, Int. J. Epidemiology 47, 2018): as a regressor it would be held for noise
in part, and take too little of what both had in common. Values that were stepped give a change for each step:
dose and response.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from math import log, sqrt
from operator import attrgetter
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from statsmodels.regression.linear_model import OLS

from sekisho.model import Limit, Mode
from sekisho.trial.estimate import percent
from sekisho.trial.estimate_pairs import LEAST_COVERED
from sekisho.trial.lots import is_weekend
from sekisho.trial.plan import Arm, Block, Plan, observing, schedule
from sekisho.trial.series import Cell, Faults, Series, usable

LAGS: Final = 48  # cells: two days of hours
LEAST_CELLS: Final = 14 * 24  # two weeks of hours, so that days of the week are no effect
LEAST_OF_STEP: Final = LAGS
SETTLING: Final = timedelta(hours=1)  # after a change: what waits in mail servers' queues belongs to before
NEAR: Final = timedelta(weeks=4)  # to the trial: over longer times seasons are no line, as a trend is
LEAST_BESIDE: Final = 10  # an hour in the mean: the logarithm of fewer is mostly noise

Reals = NDArray[np.float64]
Whole = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Step:
    """The change in per cent while a limit held, against the reference, with its 95 % interval."""

    limit: Limit
    cells: int
    change_percent: float
    low_percent: float
    high_percent: float


@dataclass(frozen=True, slots=True)
class Observational:
    """What was seen, which proves no cause; `reference`: the limit that all others are compared with.

    `compared`: whether the difference to a class that is not limited was taken, which counted enough.
    """

    reference: Limit
    cells: int
    steps: tuple[Step, ...]
    compared: bool
    faults: Faults


@dataclass(frozen=True, slots=True)
class TooFewCells:
    """Too little was counted for an answer."""

    cells: int
    needed: int


class Why(StrEnum):
    """Why there is no answer."""

    ONE_LIMIT = "one-limit"
    NEVER_VARIES = "never-varies"
    COMPARISON_NEVER_VARIES = "comparison-never-varies"
    NOT_APART = "cannot-tell"


@dataclass(frozen=True, slots=True)
class CannotTell:
    """There is no answer, for a reason."""

    why: Why


@dataclass(frozen=True, slots=True)
class _Point:
    cell: Cell
    limit: Limit
    level: float  # a logarithm, less that of the comparison


def observe(
    plan: Plan, class_name: str, counted: Series, comparison: Series | None = None
) -> Observational | TooFewCells | CannotTell:
    """Compare the limits that a class had in phases, before and after them; blocks of a lot are left out.

    Add up several gates first. Where the limit only counts, one is like another.
    """
    series, faults = usable(counted)
    beside = _levels(comparison)
    points = _points(plan, class_name, series, beside)
    sizes = Counter(point.limit for point in points)
    enough = {limit for limit, size in sizes.items() if size >= LEAST_OF_STEP}
    points = [point for point in points if point.limit in enough]
    if len(points) < LEAST_CELLS:
        return TooFewCells(len(points), LEAST_CELLS)
    if len(enough) < 2:
        return CannotTell(Why.ONE_LIMIT)
    if len({_level(point.cell) for point in points}) == 1:
        return CannotTell(Why.NEVER_VARIES)
    if beside is not None and len(set(beside.values())) == 1:
        return CannotTell(Why.COMPARISON_NEVER_VARIES)
    if (found := _fit(points, series.step, ZoneInfo(plan.zone))) is None:
        return CannotTell(Why.NOT_APART)
    return Observational(found[0], len(points), found[1], beside is not None, faults)


def _points(
    plan: Plan, class_name: str, series: Series, beside: Mapping[datetime, float] | None
) -> list[_Point]:
    blocks = [block for block in schedule(plan) if block.class_name == class_name]
    points = []
    for cell in series.cells:
        if not plan.span.begin - NEAR <= cell.begin < plan.span.end + NEAR:
            continue
        limit = _limit_of(cell, series.step, blocks, dict(plan.own)[class_name])
        if limit is not None and _is_telling(cell) and (beside is None or cell.begin in beside):
            points.append(_Point(cell, limit, _level(cell) - (0.0 if beside is None else beside[cell.begin])))
    return points


def _levels(comparison: Series | None) -> Mapping[datetime, float] | None:
    """Return the logarithms of a comparison that counted enough, by time."""
    if comparison is None:
        return None
    cells = [cell for cell in usable(comparison)[0].cells if _is_telling(cell)]
    if sum(cell.count for cell in cells) < LEAST_BESIDE * len(cells):
        return None
    return {cell.begin: _level(cell) for cell in cells}


def _is_telling(cell: Cell) -> bool:
    return cell.covered >= LEAST_COVERED  # of a minute little can be said about an hour


def _level(cell: Cell) -> float:
    return log((cell.count + 1) / cell.covered)


def _limit_of(cell: Cell, step: timedelta, blocks: Sequence[Block], own: Limit) -> Limit | None:
    """Return which limit held in a cell; None: several, a lot's, or one that has just changed."""
    number = bisect_right(blocks, cell.begin, key=attrgetter("begin")) - 1
    before = blocks[number] if number >= 0 else None
    following = blocks[number + 1] if number + 1 < len(blocks) else None
    if following is not None and following.begin < cell.begin + step:
        return None
    if before is None:
        return _alike(own, own)
    held = cell.begin < before.end
    changed = before.begin if held else before.end
    if cell.begin < changed + SETTLING or (held and before.end < cell.begin + step):
        return None
    if held and before.arm in (Arm.ON, Arm.OFF):
        return None
    return _alike(before.limit if held else own, own)


def _alike(limit: Limit, own: Limit) -> Limit:
    return limit if limit.mode is Mode.ENFORCE else observing(own)


def _fit(points: Sequence[_Point], step: timedelta, zone: tzinfo) -> tuple[Limit, tuple[Step, ...]] | None:
    """Return the reference and the change with each other limit; None: they cannot be told apart."""
    limits = list(dict.fromkeys(point.limit for point in points))
    reference = next((limit for limit in limits if limit.mode is Mode.OBSERVE), limits[0])
    stepped = [limit for limit in limits if limit != reference]
    places = _places(points, step)
    hours, kinds = _hours(points, zone)
    columns = [[point.limit == limit for point in points] for limit in stepped]
    design = _less_means(np.column_stack([*columns, places / places[-1]]), hours)
    if np.linalg.matrix_rank(design) < design.shape[1]:
        return None
    levels = _less_means(np.array([[point.level] for point in points]), hours)
    sizes = Counter(point.limit for point in points)
    return reference, tuple(
        Step(limit, sizes[limit], *(percent(value) for value in found))
        for limit, found in zip(stepped, _regress(design, levels, places, kinds), strict=False)
    )


def _places(points: Sequence[_Point], step: timedelta) -> Whole:
    """Return how many steps each point is from the first."""
    first = points[0].cell.begin
    return np.array([round((point.cell.begin - first) / step) for point in points], dtype=np.int64)


def _hours(points: Sequence[_Point], zone: tzinfo) -> tuple[Whole, int]:
    """Return each point's hour, of workdays or of weekends, by number, and how many of them there are."""
    walls = [point.cell.begin.astimezone(zone) for point in points]
    hours = np.array([24 * is_weekend(wall.date()) + wall.hour for wall in walls])
    kinds, numbers = np.unique(hours, return_inverse=True)
    return numbers, len(kinds)


def _less_means(columns: Reals, hours: Whole) -> Reals:
    """Take from each column its mean in each hour.

    What is regressed on the rest has the same coefficients as beside a mark for each hour (Frisch and Waugh).
    """
    sums = np.zeros((hours.max() + 1, columns.shape[1]))
    np.add.at(sums, hours, columns)
    less: Reals = columns - (sums / np.bincount(hours)[:, None])[hours]
    return less


def _regress(design: Reals, levels: Reals, places: Whole, hours: int) -> Sequence[Sequence[float]]:
    """Return estimate and ends of the interval for each column.

    Rows of zeros stand where there is no point: they change no estimate and keep lags true to time.
    """
    cells, columns = design.shape
    rows, values = np.zeros((places[-1] + 1, columns)), np.zeros(places[-1] + 1)
    rows[places], values[places] = design, levels[:, 0]
    fit = OLS(values, rows).fit(cov_type="HAC", cov_kwds={"maxlags": LAGS, "use_correction": False})
    reaches = quantile(cells) * fit.bse * sqrt(cells / (cells - columns - hours))
    return [
        (float(value), float(value - reach), float(value + reach))
        for value, reach in zip(fit.params, reaches, strict=True)
    ]


def quantile(cells: int) -> float:
    """Return how many standard errors from the estimate the ends of the 95 % interval are, for so many cells.

    1.96 for endless ones. The polynomial is that of Kiefer and Vogelsang for Bartlett's kernel.
    """
    share = (LAGS + 1) / cells
    return 1.96 + 2.9694 * share + 0.4160 * share**2 - 0.5324 * share**3
