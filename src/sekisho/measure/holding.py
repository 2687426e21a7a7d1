"""What holds for each class while a gate follows a trial, and since when, suspended or not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from sekisho.measure.readings import OUTSIDE, Held, held_by
from sekisho.trial.events import Suspension
from sekisho.trial.plan import Arm
from sekisho.trial.standing import Standing, State

_OUTSIDE = Held()


def held_now(standing: Standing | None, before: Mapping[str, Held], now: datetime) -> dict[str, Held]:
    """Return what holds for each class of a trial; a class that is not named is outside.

    `standing`: as the gate follows it. `before`: what held at the last look. A suspension holds since it
    began, and what it interrupted holds anew since it was found resumed.
    """
    if standing is None or standing.state in (State.NOT_STARTED, State.OVER):
        return {}
    names = [name for name, _ in standing.plan.own]
    if standing.state is State.SUSPENDED and standing.suspension is not None:
        return dict.fromkeys(names, _suspended(standing.suspension))
    return {
        name: _gone_on(
            before.get(name, _OUTSIDE),
            held_by(standing.blocks[name], now) if name in standing.blocks else _OUTSIDE,
            now,
        )
        for name in names
    }


def _suspended(suspension: Suspension) -> Held:
    return Held(str(Arm.MAINTENANCE), since=suspension.since)


def _gone_on(before: Held, planned: Held, now: datetime) -> Held:
    """Return what was planned to hold, since it does so without a break."""
    if before.since is None or before.since > now:  # nothing was there, or the clock was set back
        return planned
    if planned.since is not None and planned.since >= before.since:
        return planned
    if _is_alike(before, planned):
        return replace(planned, since=before.since)
    if planned.arm == OUTSIDE and not _is_suspension(before):
        return planned
    return replace(planned, since=now)


def _is_alike(one: Held, other: Held) -> bool:
    return (one.arm, one.phase, one.washout) == (other.arm, other.phase, other.washout)


def _is_suspension(held: Held) -> bool:
    """Tell it from planned maintenance, which has an end."""
    return held.arm == Arm.MAINTENANCE and held.until is None
