"""The compressed trial's report, made as every trial's is, but of readings within seconds. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sekisho.config import Config, digest
from sekisho.config.trial_plan import notice_of, protocol_of
from sekisho.lab.trial_readings import OUTCOMES, Of, Readings, grid, read_cells, series
from sekisho.measure.harm import most_sessions
from sekisho.model import ClassCounters
from sekisho.trial.estimate_pairs import LEAST_COVERED
from sekisho.trial.events import Event, What
from sekisho.trial.guardrails import What as Watched
from sekisho.trial.plan import Arm, Block, Plan, Switchback, schedule
from sekisho.trial.protocol import Outcome, TrialProtocol
from sekisho.trial.registration import Version
from sekisho.trial.report import Facts, as_it_was, make_report
from sekisho.trial.report_values import (
    Because,
    Complaints,
    Coverage,
    GateCoverage,
    Harm,
    NotKnown,
    Points,
    Published,
    Report,
)
from sekisho.trial.series import Series
from sekisho.trial.told import share

_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Trial:
    """What was registered, what happened, and what was read; `step`: how long a cell is."""

    gate: str
    config: Config
    protocol: TrialProtocol
    version: Version
    step: timedelta
    readings: Readings
    events: tuple[Event, ...] = ()
    paths: Mapping[Watched, Points] = field(default_factory=dict)

    @property
    def plan(self) -> Plan:
        """Return its plan."""
        return self.protocol.plan

    @property
    def held(self) -> Plan:
        """Return its plan as it was held: what was suspended is not compared."""
        return as_it_was(self.plan, self.events, self.plan.span.end)

    @property
    def seed(self) -> int:
        """Return what its lots follow from."""
        return self.switchback.seed

    @property
    def switchback(self) -> Switchback:
        """Return its blocks by lot."""
        if self.plan.switchback is None:
            raise AssertionError("the laboratory's trial has a switchback")
        return self.plan.switchback

    def counted(self, outcome: Outcome) -> Series:
        """Return the gate's series of an outcome."""
        span = self.plan.span
        cells = read_cells(self.readings, grid(span.begin, span.end, self.step), self.step, OUTCOMES[outcome])
        return series(self.gate, self.step, cells)


def protocol(config: Config) -> TrialProtocol:
    """Return what is settled of the trial of a configuration, which has one."""
    found = protocol_of(config)
    if found is None:
        raise AssertionError("the laboratory's configuration has a trial")
    return found


def version(answer: Mapping[str, Any]) -> Version:
    """Read what `sekisho trial register --json` has answered."""
    return Version(
        number=answer["version"],
        registered_at=datetime.fromisoformat(answer["registered_at"]),
        digest=answer["digest"],
        text=answer["text"],
        supersedes=answer["supersedes"],
        late=answer["late"],
    )


def events(answer: Mapping[str, Any]) -> tuple[Event, ...]:
    """Read what `sekisho trial log --json` has answered."""
    name = answer["name"]
    return tuple(
        Event(
            datetime.fromisoformat(one["at"]), name, What(one["what"]), one["reason"], one["by"], one["uid"]
        )
        for one in answer["events"]
    )


def paths(answer: Mapping[str, Any]) -> dict[Watched, Points]:
    """Read of what `sekisho trial status --json` has answered what guardrails saw, by day."""
    found: dict[Watched, Points] = {}
    for one in answer["guardrails"]:
        seen = [day for day in one["days"] if day["value"] is not None]
        if seen:
            found[Watched(one["what"])] = tuple(
                (datetime.combine(date.fromisoformat(day["day"]), time(), UTC), day["value"], day["bound"])
                for day in seen
            )
    return found


def report(trial: Trial, made_at: datetime, program: str) -> Report:
    """Make the report by the program that makes that of every trial."""
    facts = Facts(
        protocol=trial.protocol,
        versions=(trial.version,),
        events=trial.events,
        made_at=made_at,
        program=program,
        policy=digest(trial.config),
        coverage=_coverage(trial),
        harm=tuple(_harm(trial)),
        reliefs_at_least=NotKnown(Because.SUPPRESSED),
        complaints=Complaints(NotKnown(Because.NOT_ENTERED), NotKnown(Because.NO_RATE)),
        published=Published((), 0, 0, Because.NOT_COUNTED),
        paths=trial.paths,
    )
    return make_report(facts, lambda _, outcome: [trial.counted(outcome)])


def _coverage(trial: Trial) -> Coverage:
    cells = trial.counted(Outcome.ATTEMPTS).cells
    span = trial.plan.span
    expected, covered = (
        (span.end - span.begin) / _HOUR,
        sum(cell.covered for cell in cells) * trial.step / _HOUR,
    )
    gates = (GateCoverage(trial.gate, expected, covered, 0, 0, {}, {}),)
    blocks = [block for block in schedule(trial.held) if block.pair is not None]
    missing = sum(_share_read(trial, block) < LEAST_COVERED for block in blocks)
    return Coverage(gates, len(blocks), missing, tuple(_days(trial)))


def _share_read(trial: Trial, block: Block) -> float:
    begin = block.washout_end or block.begin
    _, covered = trial.readings.between(begin, block.end, OUTCOMES[Outcome.ATTEMPTS])
    return covered / (block.end - begin)


def _days(trial: Trial) -> Iterator[tuple[date, float]]:
    span = trial.plan.span
    covered = {cell.begin: cell.covered for cell in trial.counted(Outcome.ATTEMPTS).cells}
    days: dict[date, list[float]] = {}
    for begin in grid(span.begin, span.end, trial.step):
        days.setdefault(begin.date(), []).append(covered.get(begin, 0.0))
    for day, shares in days.items():
        yield day, sum(shares) / len(shares)


def _harm(trial: Trial) -> Iterator[Harm]:
    notice = notice_of(trial.config)
    for one in () if notice is None else notice.taking_part:
        values = one.during
        on, off = (
            [block for block in schedule(trial.held) if block.class_name == one.name and block.arm is arm]
            for arm in (Arm.ON, Arm.OFF)
        )
        yield Harm(
            class_name=one.name,
            caps=NotKnown(Because.NOT_MEASURED) if values is None else values.caps,
            delays_ms=NotKnown(Because.NOT_MEASURED) if values is None else values.delays_ms,
            most_sessions_an_hour=most_sessions(values),
            over_cap_percent=_share(trial, on, _beyond_cap),
            over_cap_percent_without=_share(trial, off, _beyond_cap),
            held_percent=_share(trial, on, lambda counts: counts.held),
            met_cap_lines=NotKnown(Because.NOT_MEASURED),
            met_cap_percent=NotKnown(Because.NOT_MEASURED),
            lines_the_cap_would_meet=NotKnown(Because.NOT_MEASURED),
            delay_seen_ms=NotKnown(Because.NOT_MEASURED),
        )


def _share(trial: Trial, blocks: Sequence[Block], of: Of) -> float | NotKnown:
    """Return how many of the sessions that were tried in blocks are in a sum, in per cent."""

    def counted(of: Of) -> int:
        return sum(trial.readings.between(block.begin, block.end, of)[0] for block in blocks)

    return share(counted(of), counted(OUTCOMES[Outcome.ATTEMPTS]))


def _beyond_cap(counts: ClassCounters) -> int:
    return counts.refused + counts.over_cap
