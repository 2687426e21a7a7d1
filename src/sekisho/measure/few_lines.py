"""Classes and hours of whose sessions nothing is told, since too few lines have them.

Which line has how many sessions is counted nowhere, so that one line may have most of those of many; but
how many lines had any in an hour is known of each gate. Hours of few are compared with nothing: two reports
that differ by one pair of blocks tell what was counted there.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Final

import numpy as np

from sekisho.measure.rules import Rules
from sekisho.model import Active
from sekisho.trial.report_values import Because, NotKnown
from sekisho.trial.series import Series, Whole, columns, microseconds
from sekisho.trial.walltime import HOUR

_HOUR_US: Final = HOUR // timedelta(microseconds=1)

Sizes = Counter[tuple[str, bool]]
"""How many hours each class had in which lines had sessions, by whether those were few."""


def sizes_of(spans: Iterable[Active]) -> Sizes:
    """Count the hours of one gate."""
    fewest = Rules().fewest
    return Counter((one.class_name, one.lines < fewest) for one in spans if one.lines)


def untold(names: Iterable[str], sizes: Sizes) -> Mapping[str, NotKnown]:
    """Name classes of which nothing is told, and why: in half of their hours with lines those were few."""
    return {
        name: NotKnown(Because.SUPPRESSED if sizes[name, True] else Because.NOT_COUNTED)
        for name in names
        if sizes[name, True] >= sizes[name, False]
    }


def few_hours(spans: Iterable[Active]) -> dict[str, Whole]:
    """Return the hours of one gate in which each class had few lines: their begins in microseconds."""
    fewest = Rules().fewest
    found: dict[str, set[int]] = defaultdict(set)
    for one in spans:
        if 0 < one.lines < fewest:
            first = microseconds(one.since) // _HOUR_US * _HOUR_US
            found[one.class_name].update(range(first, microseconds(one.until), _HOUR_US))
    return {name: np.array(sorted(begins), dtype=np.int64) for name, begins in found.items()}


def without(series: Series, hours: Whole) -> Series:
    """Return a series without the cells that begin in these hours."""
    cells = columns(series.cells)
    return replace(series, cells=cells.where(~np.isin(cells.begins // _HOUR_US * _HOUR_US, hours)))
