"""The weeks of a trial, and what may be seen of tables of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from sekisho.measure.cells import Ledger, Place, Table
from sekisho.measure.judge import NotPublishableError
from sekisho.measure.publish import release
from sekisho.measure.rules import Rules
from sekisho.measure.windows import Size, Window, window_at
from sekisho.trial.plan import Plan


class Of(NamedTuple):
    """What is added up: the week from `begin`, of a class."""

    begin: datetime
    class_name: str


class Released(NamedTuple):
    """What may be seen of each table; of `refused` nothing may, `differing` stay as they were shown before.

    `ledger`: remembers them.
    """

    shown: list[tuple[Of, Mapping[Place, int | None]]]
    refused: int
    differing: int
    ledger: Ledger


def whole_weeks(plan: Plan, now: datetime) -> list[Window]:
    """Return the weeks of the trial's zone that lie in it and are over."""
    zone = ZoneInfo(plan.zone)
    week, weeks = window_at(Size.WEEK, plan.span.begin, zone), []
    while week.end <= min(plan.span.end, now):
        if week.begin >= plan.span.begin:
            weeks.append(week)
        week = window_at(Size.WEEK, week.end, zone)
    return weeks


def release_weeks(tables: Iterable[tuple[Of, Table]], before: Ledger, zone: ZoneInfo) -> Released:
    """Publish the tables of some weeks one after the other; `before`: what was published until now."""
    shown: list[tuple[Of, Mapping[Place, int | None]]] = []
    ledger, refused, differing = before, 0, 0
    for of, table in tables:
        try:
            seen, ledger, differs = release(table, ledger, Rules(), zone)
        except NotPublishableError:
            refused += 1
            continue
        shown.append((of, seen.cells))
        differing += differs
    return Released(shown, refused, differing, ledger)
