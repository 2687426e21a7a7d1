"""What the gate's following of a trial tells: what comes late, a clock that was set, what cannot be done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from sekisho.model import Limit
from sekisho.trial.standing import Standing, State
from sekisho.trial.written import written_moment

LATE = timedelta(seconds=1)
JUMP = timedelta(seconds=3)  # a clock that is slewed stays far below this in a look's time
LOOK = timedelta(seconds=1)  # between looks at the clock, which may be set
_WITHIN = (State.RUNNING, State.SUSPENDED)


@dataclass(frozen=True, slots=True)
class Clocks:
    """What the clock on the wall (aware UTC) and one that nobody sets say at the same time."""

    wall: datetime
    steady: timedelta


def pause(standing: Standing | None, now: datetime) -> timedelta:
    """Return how long to wait until the next look."""
    if standing is None or standing.until is None:
        return LOOK
    return max(timedelta(), min(LOOK, standing.until - now))


def jump(before: Clocks, after: Clocks) -> str | None:
    """Say by how much the clock on the wall was set between two looks, where that is worth telling."""
    by = (after.wall - before.wall) - (after.steady - before.steady)
    if abs(by) <= JUMP:
        return None
    way = "forward" if by > timedelta() else "back"
    return f"the clock was set {way} by {abs(by).total_seconds():.1f} s, to {written_moment(after.wall)}"


def is_within(*standings: Standing | None) -> bool:
    """Tell whether any of these is between the begin and the end of its trial."""
    return any(one is not None and one.state in _WITHIN for one in standings)


def late_change(before: Standing | None, now: datetime) -> str | None:
    """Say how late a boundary was followed; `before`: what was followed until now, and holds no longer."""
    if before is None or before.until is None or now - before.until <= LATE:
        return None
    late = (now - before.until).total_seconds()
    return f"what was to change at {written_moment(before.until)} changed {late:.1f} s later"


def late_start(
    standing: Standing | None, found: Mapping[str, Limit], limits: Mapping[str, Limit], now: datetime
) -> str | None:
    """Say which classes had another limit than the plan's when the daemon started.

    `found`: the limits in the kernel before; `limits`: those of now.
    """
    if standing is None or standing.since is None or now - standing.since <= LATE:
        return None
    other = sorted(name for name in standing.limits if found.get(name) != limits[name])
    if not other:
        return None
    had = "had another limit" if found else "were not limited, as there was no gate"
    return (
        f"until the daemon started, {', '.join(other)} {had}; what holds now does so since "
        f"{written_moment(standing.since)} by the plan"
    )


def why_not_suspend(standing: Standing) -> str | None:
    """Say why a trial cannot be suspended, if so."""
    if standing.state is State.OVER:
        end = written_moment(standing.plan.span.end)
        return f"the trial is over since {end}, and its classes have their own limits: there is nothing to do"
    suspension = standing.suspension
    if suspension is None or suspension.is_assumed:
        return None
    since = written_moment(suspension.since)
    return (
        f"it is suspended already, since {since} by {suspension.by} ({suspension.reason}): nothing is to do"
    )
