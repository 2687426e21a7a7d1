"""Complaints of customers, as somebody entered them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from sekisho.trial.plan import Plan


@dataclass(frozen=True, slots=True)
class Complaint:
    """So many complaints of a day (of the trial's zone), and who entered them when, and why.

    `at`: aware UTC. `number`: in the order of writing, from 1; 0 where it is not written yet.
    """

    at: datetime
    day: date
    count: int
    reason: str
    by: str
    uid: int
    number: int = 0


def day_of(plan: Plan, now: datetime) -> date:
    """Return the day of the trial's zone."""
    return now.astimezone(ZoneInfo(plan.zone)).date()


def why_not_counted(plan: Plan, day: date, now: datetime) -> str | None:
    """Say why complaints of a day cannot be entered, if so: it is to come, or no day of the trial."""
    first, last = day_of(plan, plan.span.begin), day_of(plan, plan.span.end - timedelta(microseconds=1))
    today = day_of(plan, now)
    if day > today:
        return f"{day} is to come: it is {today} in {plan.zone}; enter complaints when they are there"
    if not first <= day <= last:
        return f"{day} is no day of the trial, which is from {first} to {last}: nothing is to be counted"
    return None
