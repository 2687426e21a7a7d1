"""What was counted of each outcome of a trial, and of which classes that cannot be told."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from sekisho.config import Config
from sekisho.measure.blocklist import BlocklistSeries
from sekisho.measure.equipment_compared import PLACES
from sekisho.measure.reported import LATE, ReportedHours, reported_span
from sekisho.measure.trial_hours import SUMS, CountedHour, TrialHours
from sekisho.store import Transaction
from sekisho.store.minutes_asked import Asked, Per
from sekisho.trial.blocklist import Counts
from sekisho.trial.estimate_observed import NEAR
from sekisho.trial.plan import Plan, Units
from sekisho.trial.protocol import OF_EQUIPMENT, Outcome, TrialProtocol
from sekisho.trial.report_effect import Untold
from sekisho.trial.report_values import Because, NotKnown
from sekisho.trial.series import Series


class Outcomes(NamedTuple):
    """What was counted; `reports`: None where they cannot be told. `untold`: why, of what can't be."""

    hours: TrialHours
    equipment: TrialHours
    reports: ReportedHours | None
    entered: Counts
    entries: BlocklistSeries
    untold: Untold

    def series(self, name: str, outcome: Outcome) -> tuple[Series, ...]:
        """Return what was counted of an outcome of a class."""
        if outcome is Outcome.REPORTS:
            return () if self.reports is None else self.reports.series(name)
        if outcome is Outcome.BLOCKLIST:
            return self.entries.series(name)
        return (self.equipment if outcome in OF_EQUIPMENT else self.hours).series(name, outcome)


def read_outcomes(
    config: Config, protocol: TrialProtocol, held: Plan, transaction: Transaction, now: datetime
) -> Outcomes:
    """Read what was counted of a trial; `held`: its plan as it was carried out."""
    plan = protocol.plan
    # Phases are compared with what was before and after them.
    around = NEAR if plan.phases else timedelta()
    asked = Asked(plan.span.begin - around, plan.span.end + around)
    hours = TrialHours(held, transaction.counted(asked, Per.HOUR, SUMS))
    reports, no_reports = _reports_of(config, plan, transaction, now)
    entered = transaction.blocklist_counts(plan.name)
    entries = BlocklistSeries(plan, entered)
    no_entries = {(name, Outcome.BLOCKLIST): entries.why_none(name) for name, _ in plan.own}
    return Outcomes(
        hours=hours,
        equipment=_equipment(held, protocol, transaction),
        reports=reports,
        entered=entered,
        entries=entries,
        untold=no_reports | {one: why for one, why in no_entries.items() if why is not None},
    )


def _reports_of(
    config: Config, plan: Plan, transaction: Transaction, now: datetime
) -> tuple[ReportedHours | None, dict[tuple[str, Outcome], NotKnown]]:
    """Return the reports about each hour of a trial, and of which classes they cannot be told, and why."""
    asked = [(name, Outcome.REPORTS) for name, _ in plan.own]
    if config.desk is None:
        return None, {}
    if plan.switchback is not None and plan.switchback.units is Units.GATES:
        return None, dict.fromkeys(asked, NotKnown(Because.OF_NO_GATE))
    kept = timedelta(milliseconds=config.desk.reports_ms)
    span = reported_span(plan.span, transaction.first_report(), kept, now)
    if isinstance(span, NotKnown):
        return None, dict.fromkeys(asked, span)
    found = ReportedHours(span, transaction.reported_hours(span.begin, span.end, LATE))
    reasons = {one: found.why_none(one[0]) for one in asked}
    return found, {one: why for one, why in reasons.items() if why is not None}


def _equipment(plan: Plan, protocol: TrialProtocol, transaction: Transaction) -> TrialHours:
    """Read the hours of the equipment where an outcome is of it, as those of a class that the lots are of."""
    rows: Iterable[CountedHour] = ()
    if plan.switchback is not None and OF_EQUIPMENT.intersection(protocol.outcomes):
        first = plan.switchback.on[0][0]
        rows = transaction.equipment_loads(plan.span.begin, plan.span.end, first)
    return TrialHours(plan, rows, PLACES)
