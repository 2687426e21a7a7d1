"""What happens to a trial, in order, and what follows of it: whether it is suspended, and by whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class What(StrEnum):
    """What happened."""

    REGISTERED = "registered"
    SUSPENDED = "suspended"
    RESUMED = "resumed"
    BREACH = "breach"
    FOLLOWED_LATE = "followed-late"
    CLOCK_JUMPED = "clock-jumped"
    UNWATCHED = "unwatched"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a trial.

    `at`: aware UTC. `trial`: its name. `reason`: why, or what of it. `by`: a user, a guardrail, or the
    daemon; `uid`: of the user, None for the others.
    """

    at: datetime
    trial: str
    what: What
    reason: str
    by: str
    uid: int | None = None


@dataclass(frozen=True, slots=True)
class Suspension:
    """Since when, by whom and why a trial is suspended.

    `is_assumed`: nobody is known to have done it, but it cannot be ruled out while the store is away.
    """

    since: datetime
    by: str
    reason: str
    uid: int | None = None
    is_assumed: bool = False


def suspension_of(events: Iterable[Event]) -> Suspension | None:
    """Return what a trial is suspended by after its events, given in their order."""
    suspension: Suspension | None = None
    for event in events:
        if event.what is What.RESUMED:
            suspension = None
        elif event.what is What.SUSPENDED and suspension is None:
            suspension = Suspension(event.at, event.by, event.reason, event.uid)
    return suspension
