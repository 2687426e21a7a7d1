"""What was read of the gate's counters, and what arrived, as the series that a trial is judged by. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from sekisho.model import ClassCounters
from sekisho.trial.protocol import Outcome
from sekisho.trial.series import Cell, Series

LATE: Final = timedelta(milliseconds=50)
"""So much after the end of a span a reading still counts as taken at it: it belongs to both neighbours."""

Of = Callable[[ClassCounters], int]

OUTCOMES: Final[Mapping[Outcome, Of]] = {
    Outcome.ATTEMPTS: lambda counts: counts.attempted,
    Outcome.ADMITTED: lambda counts: counts.admitted,
    Outcome.REFUSED: lambda counts: counts.refused,
    Outcome.BYTES: lambda counts: counts.bytes_out,
}


@dataclass
class Readings:
    """What the class had counted at one moment after the other."""

    moments: list[datetime] = field(default_factory=list)
    counts: list[ClassCounters] = field(default_factory=list)

    def add(self, at: datetime, counts: ClassCounters) -> None:
        """Add a reading; where the clock was set back, what it would count twice is left out."""
        if not self.moments or at > self.moments[-1]:
            self.moments.append(at)
            self.counts.append(counts)

    def between(self, begin: datetime, end: datetime, of: Of) -> tuple[int, timedelta]:
        """Return what was counted from the first reading in a span to the last, and how long that is."""
        first, last = bisect_left(self.moments, begin), bisect_right(self.moments, end + LATE) - 1
        if first >= last or self.moments[first] >= end:
            return 0, timedelta()
        covered = min(self.moments[last] - self.moments[first], end - begin)
        return of(self.counts[last]) - of(self.counts[first]), covered


def pause(begin: datetime, step: timedelta, now: datetime, longest: timedelta) -> timedelta:
    """Return how long to wait for the next reading, so that one is taken as each cell ends."""
    return min(longest, step - (now - begin) % step)


def read_cells(readings: Readings, grid: Sequence[datetime], step: timedelta, of: Of) -> Iterator[Cell]:
    """Yield what was counted in each cell; one without two readings is left out."""
    for begin in grid:
        count, covered = readings.between(begin, begin + step, of)
        if covered:
            yield Cell(begin, count, covered / step)


def arrived_cells(arrivals: Sequence[datetime], grid: Sequence[datetime], step: timedelta) -> Iterator[Cell]:
    """Yield how much arrived in each cell; `arrivals` in order."""
    for begin in grid:
        yield Cell(begin, bisect_left(arrivals, begin + step) - bisect_left(arrivals, begin))


def grid(begin: datetime, end: datetime, step: timedelta) -> tuple[datetime, ...]:
    """Return the beginnings of the cells of a span."""
    return tuple(begin + number * step for number in range((end - begin) // step))


def series(gate: str, step: timedelta, cells: Iterator[Cell]) -> Series:
    """Put the cells of one gate together."""
    return Series(gate, step, tuple(cells))
