"""From the tables of the trial to its plan and protocol."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from zoneinfo import ZoneInfo

from sekisho.config.desk_plan import policies_of
from sekisho.config.schema import ClassTable, Config
from sekisho.config.trial import PhaseTable, SwitchbackTable, TrialTable
from sekisho.model import Limit
from sekisho.trial.notice import Desk, Notice, notice, ways
from sekisho.trial.plan import Phase, Plan, Switchback, at_gate
from sekisho.trial.protocol import TrialProtocol


def plan_of(config: Config) -> Plan | None:
    """Return the plan of the trial of a configuration, if there is one."""
    return None if config.trial is None else trial_plan(config.trial, config.classes)


def plan_at_gate(config: Config) -> Plan | None:
    """Return the plan of the trial of a configuration as its gate follows it, if there is one."""
    return None if (plan := plan_of(config)) is None else at_gate(plan, config.gate.name)


def protocol_of(config: Config) -> TrialProtocol | None:
    """Return what is settled of the trial of a configuration, if there is one."""
    if config.trial is None:
        return None
    trial = config.trial
    return TrialProtocol(trial_plan(trial, config.classes), trial.outcomes, trial.guardrails.guardrails)


def notice_of(config: Config) -> Notice | None:
    """Return what is announced of the trial of a configuration, if there is one."""
    if (plan := plan_of(config)) is None:
        return None
    classes = {name: table.limit for name, table in config.classes.items()}
    return notice(plan, classes, map(str, config.gate.exempt), config.kept.leases_ms, _desk_of(config))


def _desk_of(config: Config) -> Desk | None:
    if (desk := config.desk) is None:
        return None
    return Desk(
        ways=ways(policies_of(config)),
        names_trusted=bool(desk.trusted) or (desk.intake is not None and desk.intake.tokens_file is not None),
        mails=desk.notices is not None,
        reports_kept_ms=desk.reports_ms,
        cases_kept_ms=desk.cases_ms,
    )


def trial_plan(trial: TrialTable, classes: Mapping[str, ClassTable]) -> Plan:
    """Return the plan of a trial in which nothing is wrong; `classes`: at least those that take part."""
    zone = ZoneInfo(trial.zone)
    own = {name: classes[name].limit for name in trial.classes}
    return Plan(
        name=trial.name,
        span=trial.span(zone),
        zone=trial.zone,
        own=tuple(own.items()),
        phases=tuple(_phase(phase, zone, own) for phase in trial.phases),
        switchback=None if trial.switchback is None else _switchback(trial.switchback, zone, own),
        maintenance=tuple(window.span(zone) for window in trial.maintenance),
    )


def _phase(table: PhaseTable, zone: ZoneInfo, own: Mapping[str, Limit]) -> Phase:
    limits = ((name, change.of(own[name])) for name, change in table.classes.items())
    return Phase(table.span(zone), tuple(limits))


def _switchback(table: SwitchbackTable, zone: ZoneInfo, own: Mapping[str, Limit]) -> Switchback:
    return Switchback(
        span=table.span(zone),
        block=timedelta(milliseconds=table.block_ms),
        washout=timedelta(milliseconds=table.washout_ms),
        seed=table.seed,
        on=tuple((name, table.on.of(limit)) for name, limit in own.items()),
        units=table.units,
        gates=tuple(sorted(table.gates)),  # in whatever order machines have them, it is one plan
    )
