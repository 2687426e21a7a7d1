"""What was counted in the hours of a trial, as its report needs it: series, coverage, and what a limit did.

A year of 100 gates is a million hours: they are kept as arrays, and become a series when one is asked for.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from operator import attrgetter
from typing import Final, NamedTuple, Protocol

import numpy as np

from sekisho.measure.readings import Held, Timing
from sekisho.model import Limit, Mode
from sekisho.trial.plan import Arm, Block, Plan, at_gate, schedule
from sekisho.trial.protocol import Outcome
from sekisho.trial.series import Columns, Series, microseconds

HOUR: Final = timedelta(hours=1)
SUMS: Final = ("attempted", "admitted", "refused", "bytes_out", "over_cap", "held")
"""What has to be asked for of each hour, in this order."""

_PLACES: Final[Mapping[Outcome, int]] = {
    Outcome.ATTEMPTS: 0,
    Outcome.ADMITTED: 1,
    Outcome.REFUSED: 2,
    Outcome.BYTES: 3,
}
_TRIED, _REFUSED, _OVER_CAP, _HELD = 0, 2, 4, 5
_DRAWN: Final = (Arm.ON, Arm.OFF, Arm.PHASE)
_OF_A_TRIAL: Final = (*_DRAWN, Arm.MAINTENANCE)
_WHOLE: Final = 1 + 1 / 60  # of an hour: what a clock that is set by less makes of it is hardly seen
_AGAIN: Final = "again"


class CountedHour(Protocol):
    """What a gate counted of one class in an hour, while the same held."""

    @property
    def gate(self) -> str: ...  # noqa: D102
    @property
    def class_name(self) -> str: ...  # noqa: D102
    @property
    def arm_number(self) -> int: ...  # noqa: D102
    @property
    def held(self) -> Held: ...  # noqa: D102
    @property
    def timing(self) -> Timing: ...  # noqa: D102
    @property
    def begin(self) -> datetime: ...  # noqa: D102
    @property
    def covered(self) -> timedelta: ...  # noqa: D102
    @property
    def sums(self) -> tuple[int, ...]: ...  # noqa: D102


class Sessions(NamedTuple):
    """Sessions of a class that were tried, of them beyond the cap, of them held.

    Beyond the cap are those refused while a limit is enforced, and those admitted beyond it while it is not.
    """

    tried: int
    over_cap: int
    held: int


class _Hours:
    """The hours of one gate, class and arm of the gate's own, in order; begins in microseconds."""

    def __init__(self) -> None:
        self.begins = array("q")
        self.covered = array("d")
        self.counts = tuple(array("q") for _ in _PLACES)
        self.otherwise: set[int] = set()
        self.doubtful: Counter[str] = Counter()

    def again(self) -> set[int]:
        """Return the hours that are covered more than once, as where a clock was set back."""
        return {begin for begin, share in zip(self.begins, self.covered, strict=True) if share > _WHOLE}

    def add(self, begin: int, covered: timedelta, sums: Sequence[int]) -> None:
        """Add a row; rows of one hour follow each other."""
        if self.begins and self.begins[-1] == begin:
            self.covered[-1] += covered / HOUR
            for counts, count in zip(self.counts, sums, strict=False):
                counts[-1] += count
            return
        self.begins.append(begin)
        self.covered.append(1.0 if covered == HOUR else covered / HOUR)
        for counts, count in zip(self.counts, sums, strict=False):
            counts.append(count)


class TrialHours:
    """The hours of a trial; rows come by gate, class, arm and time. `places`: of outcomes in their sums."""

    def __init__(
        self, plan: Plan, rows: Iterable[CountedHour], places: Mapping[Outcome, int] = _PLACES
    ) -> None:
        self._plan, self._places = plan, places
        self._own = dict(plan.own)
        self._planned: dict[str, _Planned] = {}
        self._for_all = _Planned(plan)
        self._hours: dict[tuple[str, str, int], _Hours] = defaultdict(_Hours)
        self._sessions: dict[tuple[str, bool], list[int]] = defaultdict(lambda: [0, 0, 0])
        self._limited: dict[tuple[str, str, int | None], bool] = {}
        self._moments: dict[datetime, int] = {}
        self._asked: tuple[str, Outcome] | None = None  # last; more answers at once would take much memory
        self._answer: tuple[Series, ...] = ()
        self._span = microseconds(plan.span.begin), microseconds(plan.span.end)
        for row in rows:
            self._add(row)

    def series(self, class_name: str, outcome: Outcome) -> tuple[Series, ...]:
        """Return each gate's series, without hours in which it did something else than planned."""
        place = self._places.get(outcome)
        if place is None:
            return ()
        by_gate: dict[str, list[_Hours]] = defaultdict(list)
        for (gate, name, _), hours in self._hours.items():
            if name == class_name:
                by_gate[gate].append(hours)
        if (class_name, outcome) != self._asked:
            self._asked = class_name, outcome
            self._answer = tuple(Series(gate, HOUR, _cells(found, place)) for gate, found in by_gate.items())
        return self._answer

    def gates(self) -> tuple[str, ...]:
        """Return the gates that were read."""
        return tuple(dict.fromkeys(gate for gate, _, _ in self._hours))

    def read(self, gate: str, until: datetime) -> int:
        """Return in how many hours of the trial before a moment a gate was read."""
        begin, end = self._span[0], min(self._span[1], microseconds(until))
        found = (hours.begins for (name, _, _), hours in self._hours.items() if name == gate)
        return sum(begin <= moment < end for moment in set[int]().union(*found))

    def otherwise(self, gate: str) -> int:
        """Return in how many hours a gate did something else than planned for one of its classes."""
        found = (hours.otherwise for (name, _, _), hours in self._hours.items() if name == gate)
        return len(set[int]().union(*found))

    def doubtful(self, gate: str) -> Mapping[str, int]:
        """Return how many rows of a gate belong to no hour, by why, and how many of its hours came twice."""
        found = [hours for (name, _, _), hours in self._hours.items() if name == gate]
        rows = sum((hours.doubtful for hours in found), Counter[str]())
        again = set[int]().union(*(hours.again() for hours in found))
        return dict(rows + Counter({_AGAIN: len(again)}))

    def sessions(self, class_name: str, *, limited: bool) -> Sessions:
        """Return what was tried while a limit was enforced for a class, or while it was not."""
        return Sessions(*self._sessions[class_name, limited])

    def _add(self, row: CountedHour) -> None:
        hours = self._hours[row.gate, row.class_name, row.arm_number]
        if row.timing is not Timing.KNOWN:
            hours.doubtful[row.timing.name.lower()] += 1
            return
        begin, sums, held = row.begin, row.sums, row.held
        if (moment := self._moments.get(begin)) is None:
            moment = self._moments[begin] = microseconds(begin)
        is_within = self._span[0] <= moment < self._span[1]
        if not is_within and held.arm in _OF_A_TRIAL:
            return  # of another one
        hours.add(moment, row.covered, sums)
        if not is_within or (own := self._own.get(row.class_name)) is None:
            return
        if not self._planned_at(row.gate).allows(row.class_name, begin, held.arm):
            hours.otherwise.add(moment)
        what = row.class_name, held.arm, held.phase
        if (limited := self._limited.get(what)) is None:
            limited = self._limited[what] = is_limited(self._plan, row.class_name, own, held)
        found = self._sessions[row.class_name, limited]
        found[0] += sums[_TRIED]
        found[1] += sums[_REFUSED] + sums[_OVER_CAP]
        found[2] += sums[_HELD]

    def _planned_at(self, gate: str) -> _Planned:
        """Return what was planned at a gate; where gates draw no lots of their own, one knows it for all."""
        if gate not in self._planned:
            plan = at_gate(self._plan, gate)
            self._planned[gate] = self._for_all if plan is self._plan else _Planned(plan)
        return self._planned[gate]


class _Planned:
    """Which arm the plan lets a class be in for the whole of an hour."""

    def __init__(self, plan: Plan) -> None:
        self._blocks: dict[str, list[Block]] = defaultdict(list)
        for block in schedule(plan):
            self._blocks[block.class_name].append(block)
        self._known: dict[tuple[str, datetime], str | None] = {}

    def allows(self, class_name: str, begin: datetime, arm: str) -> bool:
        """Tell whether an arm is what was planned; where the hour has several, any is."""
        key = class_name, begin
        if key not in self._known:
            self._known[key] = self._arm(*key)
        planned = self._known[key]
        return planned is None or planned == (arm if arm in _DRAWN else "")

    def _arm(self, class_name: str, begin: datetime) -> str | None:
        blocks = self._blocks[class_name]
        place = bisect_right(blocks, begin, key=attrgetter("begin"))
        before = blocks[place - 1] if place and begin < blocks[place - 1].end else None
        following = blocks[place] if place < len(blocks) and blocks[place].begin < begin + HOUR else None
        if following is not None or (before is not None and before.end < begin + HOUR):
            return None
        return str(before.arm) if before is not None and before.arm in _DRAWN else ""


def is_limited(plan: Plan, class_name: str, own: Limit, held: Held) -> bool:
    """Tell whether a class is limited by what held; `own`: its limit without the trial."""
    if held.arm == Arm.ON:
        return True
    if held.arm == Arm.PHASE and held.phase is not None and held.phase <= len(plan.phases):
        return dict(plan.phases[held.phase - 1].limits).get(class_name, own).mode is Mode.ENFORCE
    return held.arm not in (Arm.OFF, Arm.MAINTENANCE) and own.mode is Mode.ENFORCE


def _cells(found: Sequence[_Hours], place: int) -> Columns:
    """Return the cells of one gate; what its own arms counted beside each other adds up.

    Where a clock was set back, nobody knows which of an hour's counts are of which time.
    """
    begins, rows = np.unique(np.concatenate([hours.begins for hours in found]), return_inverse=True)
    counts = np.bincount(rows, np.concatenate([hours.counts[place] for hours in found]), len(begins))
    covered = np.zeros(len(begins))
    np.maximum.at(covered, rows, np.concatenate([hours.covered for hours in found]))
    otherwise = np.array([moment for hours in found for moment in hours.otherwise], dtype=np.int64)
    cells = Columns(begins, counts.astype(np.float64), np.minimum(covered, 1.0))
    return cells.where((covered > 0) & (covered <= _WHOLE) & ~np.isin(begins, otherwise))
