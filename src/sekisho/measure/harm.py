"""What the limits of a trial did to lines and their customers, for its report."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Final

from sekisho.measure.cells import Cell
from sekisho.measure.rules import Rules, is_few
from sekisho.measure.trial_hours import TrialHours
from sekisho.trial.notice import Values
from sekisho.trial.plan import Plan, Span
from sekisho.trial.report_values import Because, Compared, Complaints, Harm, MetCap, NotKnown
from sekisho.trial.told import share
from sekisho.trial.walltime import DAY

_TEN: Final = 10


def harm(
    plan: Plan,
    hours: TrialHours,
    values: Mapping[str, Values | None],
    met: Mapping[str, MetCap],
    would_meet: Mapping[str, int | NotKnown],
    equipment: Iterable[Compared],
    untold: Mapping[str, NotKnown],
) -> tuple[Harm, ...]:
    """Tell what the limits did to the lines of each class.

    `values`: of each, over the trial. `met`: its lines that met their cap. `would_meet`: how many lines the
    lowest cap would meet. `equipment`: what was added to the limits' delays. `untold`: why
    nothing is told of a class's sessions.
    """
    none = NotKnown(Because.NOT_MEASURED)
    added = {one.what: one.limited for one in equipment}
    found = []
    for name, _ in plan.own:
        of_class = values.get(name)
        limited, free = hours.sessions(name, limited=True), hours.sessions(name, limited=False)
        met_cap = met.get(name, MetCap(none, none))
        delays = none if of_class is None else of_class.delays_ms
        found.append(
            Harm(
                class_name=name,
                caps=none if of_class is None else of_class.caps,
                delays_ms=delays,
                most_sessions_an_hour=most_sessions(of_class),
                over_cap_percent=untold.get(name) or share(limited.over_cap, limited.tried),
                over_cap_percent_without=untold.get(name) or share(free.over_cap, free.tried),
                held_percent=untold.get(name) or share(limited.held, limited.tried),
                met_cap_lines=met_cap.lines,
                met_cap_percent=met_cap.percent,
                lines_the_cap_would_meet=would_meet.get(name, none),
                delay_seen_ms=delays if isinstance(delays, NotKnown) else _delay_seen(delays, added),
            )
        )
    return tuple(found)


def most_sessions(values: Values | None) -> int | NotKnown:
    """Return how many sessions one line can start in an hour at most while it is limited."""
    if values is None:
        return NotKnown(Because.NOT_MEASURED)
    return values.most_sessions_an_hour or NotKnown(Because.NO_DELAY)


def reliefs_at_least(reliefs: int) -> int | NotKnown:
    """Round the lines with a relief down to tens, so that a later report does not give one away."""
    if is_few(Cell(reliefs, reliefs, 1), Rules()):
        return NotKnown(Because.SUPPRESSED)
    return reliefs // _TEN * _TEN


def complaints(past: Span, by_day: Mapping[date, int], rate: float | None) -> Complaints:
    """Return the complaints of what of a trial is past; `rate`: a day, as known from before it.

    Where nobody entered any it is not known whether there were none.
    """
    days = (past.end - past.begin) / DAY
    expected = NotKnown(Because.NO_RATE) if rate is None else round(rate * days, 1)
    entered = sum(by_day.values()) or NotKnown(Because.NOT_ENTERED)
    return Complaints(entered, expected)


def _delay_seen(
    delays_ms: tuple[int, int], added: Mapping[str, float | NotKnown]
) -> tuple[int, int] | NotKnown:
    """Return the lowest delay with what the hold added for half, and the highest with that for 99 in 100."""
    seen = []
    for delay_ms, what in zip(delays_ms, ("late_p50_ms", "late_p99_ms"), strict=True):
        more = added.get(what, NotKnown(Because.NOT_COUNTED)) if delay_ms else 0.0
        if isinstance(more, NotKnown):
            return more
        seen.append(delay_ms + round(more))
    return seen[0], seen[1]
