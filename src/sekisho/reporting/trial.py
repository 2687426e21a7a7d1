"""The report of a trial, put together of what a store knows."""

from __future__ import annotations

import gc
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from importlib.metadata import version
from typing import Final, NamedTuple

from sekisho.config import Config, digest
from sekisho.config.trial_plan import notice_of, protocol_of
from sekisho.desk.figures import DeskFigures
from sekisho.measure.coverage import coverage, so_far
from sekisho.measure.equipment_compared import OF_TRAFFIC, compared, without_sessions
from sekisho.measure.few_lines import untold
from sekisho.measure.harm import complaints, harm, reliefs_at_least
from sekisho.measure.line_hours import met_cap
from sekisho.model import Mode
from sekisho.reporting.counts import (
    Asking,
    Lines,
    blocklist_of_weeks,
    counts_of_weeks,
    lines_of,
    lines_that_would_meet,
)
from sekisho.reporting.desk import figures_of
from sekisho.reporting.outcomes import Outcomes, read_outcomes
from sekisho.reporting.recorded import Recording
from sekisho.store import Transaction
from sekisho.trial.guardrails import What
from sekisho.trial.notice import Values
from sekisho.trial.plan import Plan
from sekisho.trial.protocol import OF_SESSIONS, Outcome, TrialProtocol
from sekisho.trial.report import Facts, as_it_was, make_report
from sekisho.trial.report_effect import Untold
from sekisho.trial.report_values import (
    Because,
    Blocklist,
    Compared,
    Harm,
    NotKnown,
    Points,
    Published,
    Report,
)
from sekisho.trial.series import Series

AROUND: Final = timedelta(weeks=13)
"""So long before a trial and after it the weeks of the desk are told, to be compared with those in it."""

_Paths = Mapping[What, Points | NotKnown]


def read_report(config: Config, transaction: Transaction, recording: Recording) -> Report:
    """Make the report of what a store knows; `config`: with a trial."""
    gc.freeze()
    gc.disable()  # millions of cells, and no cycle among them: to look through them took half of the time
    try:
        return _read_report(config, transaction, recording)
    finally:
        gc.enable()


def _read_report(config: Config, transaction: Transaction, recording: Recording) -> Report:
    protocol, notice = protocol_of(config), notice_of(config)
    if protocol is None or notice is None:
        raise AssertionError("a configuration without [trial] has been refused")
    plan, now = protocol.plan, recording.now
    events = transaction.trial_events(plan.name)
    held = as_it_was(plan, events, now)
    outcomes = read_outcomes(config, protocol, held, transaction, now)
    asking = Asking(held, outcomes.hours.gates(), transaction, recording)
    lines = lines_of(asking)
    values = {one.name: one.during for one in notice.taking_part}
    comparison = _comparison(config, protocol)
    few = untold([*values, *filter(None, [comparison])], lines.sizes)
    seen = _seen(asking, outcomes, lines, values, few)
    past = so_far(plan, now)
    marks = transaction.counted_marks(plan.span.begin, plan.span.end)
    by_day, rate = transaction.complaints_by_day(plan.name), protocol.guardrails.complaints_per_day
    facts = Facts(
        protocol=protocol,
        versions=transaction.trial_versions(plan.name),
        events=events,
        made_at=now,
        program=version("sekisho"),
        policy=digest(config),
        coverage=coverage(held, outcomes.hours, _gates(config, plan), marks, now),
        harm=seen.harm,
        reliefs_at_least=reliefs_at_least(transaction.released_in(past.begin, past.end)),
        complaints=complaints(past, by_day, rate),
        published=seen.counts,
        comparison=comparison,
        equipment=seen.loads,
        untold=_untold(outcomes, values, few),
        desk=_desk(config, plan, transaction, recording),
        paths=seen.paths,
        blocklist=_blocklist(asking, protocol, outcomes),
    )

    def counted(name: str, outcome: Outcome) -> Sequence[Series]:
        series = outcomes.series(name, outcome)
        return lines.of_many(name, series) if outcome in OF_SESSIONS else series

    return make_report(facts, counted)


def _untold(outcomes: Outcomes, taking: Collection[str], few: Mapping[str, NotKnown]) -> Untold:
    """Tell why of what nothing is told; `few`: of whose sessions, since they are of few lines."""
    found = {(name, of): why for name, why in few.items() for of in OF_SESSIONS}
    if few.keys() >= set(taking):
        found |= {(name, of): few[name] for name in taking for of in OF_TRAFFIC}
    return {**outcomes.untold, **found}


class _Seen(NamedTuple):
    """What may be seen of what the gates counted."""

    counts: Published
    loads: tuple[Compared, ...]
    paths: _Paths
    harm: tuple[Harm, ...]


def _seen(
    asking: Asking,
    outcomes: Outcomes,
    lines: Lines,
    values: Mapping[str, Values | None],
    few: Mapping[str, NotKnown],
) -> _Seen:
    """Read what gates and guardrails saw; `values`: over the trial, `few`: whose sessions are untold."""
    plan, transaction = asking.plan, asking.transaction
    loads = compared(plan, transaction.equipment_sums(plan.span.begin, plan.span.end))
    paths = _paths(transaction, plan)
    if few.keys() >= values.keys():  # all that the gates counted is of few lines
        why = NotKnown(Because.SUPPRESSED)
        loads = without_sessions(loads, why)
        paths = {**paths, What.DIFFERENCE: why, What.DELAY_P99: why}
    counts = counts_of_weeks(asking, lines.weekly)
    met = {name: met_cap(name, counts, lines.weekly) for name, _ in plan.own}
    would_meet = lines_that_would_meet(lines, values)
    return _Seen(counts, loads, paths, harm(plan, outcomes.hours, values, met, would_meet, loads, few))


def _paths(transaction: Transaction, plan: Plan) -> _Paths:
    """Return what each guardrail saw."""
    return {
        what: tuple((point.at, point.value, point.bound) for _, point in path)
        for what, path in transaction.guardrail_paths(plan.name).items()
    }


def _desk(
    config: Config, plan: Plan, transaction: Transaction, recording: Recording
) -> DeskFigures | NotKnown | None:
    """Return what may be seen of the desk in the weeks around a trial, or why nothing is; None: no desk."""
    if config.desk is None:
        return None
    found = figures_of(config, config.desk, transaction, recording)
    if not found.is_recorded:
        return NotKnown(Because.NOT_RECORDED)
    begin, end = plan.span.begin - AROUND, plan.span.end + AROUND
    weeks = tuple(one for one in found.weeks if begin <= one.begin < end)
    return replace(found, weeks=weeks) if weeks else NotKnown(Because.NOT_SETTLED)


def _blocklist(asking: Asking, protocol: TrialProtocol, outcomes: Outcomes) -> Blocklist | None:
    """Return what may be seen of blocklist entries; None: they are no outcome, and none was entered."""
    is_asked = outcomes.entered or Outcome.BLOCKLIST in protocol.outcomes
    return blocklist_of_weeks(asking, outcomes.entered) if is_asked else None


def _gates(config: Config, plan: Plan) -> Sequence[str]:
    """Return the gates that should have reported: those that draw lots, else at least that of this file."""
    return (config.gate.name,) if plan.switchback is None else plan.switchback.gates or (config.gate.name,)


def _comparison(config: Config, protocol: TrialProtocol) -> str | None:
    """Return a class that takes no part and is not limited, if there is one."""
    taking = dict(protocol.plan.own)
    others: Mapping[str, Mode] = {
        name: table.mode for name, table in config.classes.items() if name not in taking
    }
    return next((name for name, mode in others.items() if mode is Mode.OBSERVE), None)
