"""Figures about the desk on the command line: read from the store, recorded, then shown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from sekisho.cli.common import fail
from sekisho.cli.recorded_counts import is_recorded, ledger_of
from sekisho.config import Config
from sekisho.config.desk import DeskTable
from sekisho.config.trial_plan import plan_of
from sekisho.desk.figures import DeskFigures
from sekisho.measure.cells import Ledger
from sekisho.measure.desk_figures import (
    Since,
    count_weeks,
    in_periods,
    publish_desk,
    settled_weeks,
    statistics,
)
from sekisho.measure.reported import LATE
from sekisho.measure.windows import Size, window_at
from sekisho.store import StoreError, Transaction
from sekisho.store.read_only import reading_only

_UNSEEN = "-"


def read_figures(config: Config, file: Path, url: str, now: datetime) -> DeskFigures:
    """Return what may be seen of the desk of a configuration, read from `file`. Raises typer.Exit."""
    if config.desk is None:
        raise fail(f"{file} has no [desk]: docs/desk.md tells how one is written")
    try:
        with reading_only(url) as transaction:
            return figures_of(config, config.desk, transaction, url, now)
    except StoreError as error:
        raise fail(error) from error


def figures_of(
    config: Config, desk: DeskTable, transaction: Transaction, url: str, now: datetime
) -> DeskFigures:
    """Return what may be seen of what a store knows; it is recorded there first."""
    zone, plan = _zone(config, desk), plan_of(config)
    cases = tuple(transaction.case_times())
    opened = min((one.opened for one in cases), default=now)
    reported = transaction.first_report() or now
    since = Since(
        cases=max(window_at(Size.WEEK, opened, zone).begin, now - timedelta(milliseconds=desk.cases_ms)),
        reports=max(reported, now - timedelta(milliseconds=desk.reports_ms)),
    )
    reports = transaction.reported_hours(since.reports, now, LATE)
    counted = count_weeks(cases, reports, since, zone)
    weeks = settled_weeks(min(since), now, zone)
    classes = tuple(config.classes)
    names = tuple(chain.from_iterable(map(statistics, classes)))

    def ledger(done: Transaction) -> Ledger:
        return ledger_of(done, names, min(since), now)

    before = ledger(transaction)
    found, after = publish_desk(counted, weeks, classes, before, zone)
    if not is_recorded(url, ledger, before, after, now):
        return DeskFigures((), is_recorded=False)
    return found if plan is None else in_periods(found, plan, zone)


def figures_text(found: DeskFigures) -> str:
    """Put figures into lines."""
    if not found.is_recorded:
        return (
            "what is shown is recorded first, and that failed: ask again, as somebody who may write the store"
        )
    return "\n".join(_told(found)) or "no week is over whose cases have had their four weeks"


def _told(found: DeskFigures) -> Iterator[str]:
    for one in found.weeks:
        period = "" if one.period is None else f" ({one.period})"
        yield f"week from {one.begin:%Y-%m-%d %H:%M} UTC, {one.class_name}{period}:"
        yield f"  proved reports {_count(one.reports)}, cases opened {_count(one.cases)}"
        yield f"  stop request: {_bins(one.until_stop_request)}"
        yield f"  suspension: {_bins(one.until_suspension)}"
    if found.refused:
        yield f"{found.refused} tables would give a line away"
    if found.differing:
        yield f"{found.differing} tables stay as they were shown before, though something else is counted now"


def _bins(counts: Mapping[str, int | None]) -> str:
    return ", ".join(f"{name} {_count(count)}" for name, count in counts.items())


def _count(count: int | None) -> str:
    return _UNSEEN if count is None else f"{count:,}"


def _zone(config: Config, desk: DeskTable) -> ZoneInfo:
    """Return in whose weeks is counted: the trial's, or that of the notices."""
    plan = plan_of(config)
    if plan is not None:
        return ZoneInfo(plan.zone)
    return ZoneInfo("UTC" if desk.notices is None else desk.notices.zone)
