"""Figures about the desk, read from a store: recorded, then shown."""

from __future__ import annotations

from datetime import timedelta
from itertools import chain
from zoneinfo import ZoneInfo

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
from sekisho.measure.stages import weeks_of
from sekisho.measure.windows import Size, window_at
from sekisho.reporting.recorded import Recording, is_recorded, ledger_of
from sekisho.store import Transaction


def figures_of(
    config: Config, desk: DeskTable, transaction: Transaction, recording: Recording
) -> DeskFigures:
    """Return what may be seen of what a store knows; it is recorded there first."""
    zone, plan, now = _zone(config, desk), plan_of(config), recording.now
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
    sent = weeks_of(transaction.stage_hours(), zone)
    found, after = publish_desk(counted, sent, weeks, classes, before, zone)
    if not is_recorded(recording, ledger, before, after):
        return DeskFigures((), is_recorded=False)
    return found if plan is None else in_periods(found, plan, zone)


def _zone(config: Config, desk: DeskTable) -> ZoneInfo:
    """Return in whose weeks is counted: the trial's, or that of the notices."""
    plan = plan_of(config)
    if plan is not None:
        return ZoneInfo(plan.zone)
    return ZoneInfo("UTC" if desk.notices is None else desk.notices.zone)
