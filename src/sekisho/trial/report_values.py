"""The report of a trial as a value: what is known, and of what is not, why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import NamedTuple

from sekisho.desk.figures import DeskFigures
from sekisho.trial.estimate import Estimate, UnitPairs
from sekisho.trial.estimate_observed import Step
from sekisho.trial.plan import Span
from sekisho.trial.protocol import Outcome


class Because(StrEnum):
    """Why something is not known, or stands there without a p-value."""

    NOT_REGISTERED = "not-registered"
    REGISTERED_LATE = "registered-late"
    REGISTERED_OTHERWISE = "registered-otherwise"
    CHANGED_AFTER_BEGIN = "changed-after-begin"
    MAINTENANCE_AFTERWARDS = "maintenance-afterwards"
    NOT_OVER = "not-over"
    NOT_BEGUN = "not-begun"
    NOT_COUNTED = "not-counted"
    NOT_MEASURED = "not-measured"
    NOT_KEPT = "not-kept"
    NO_DELAY = "no-delay"
    NOT_ENTERED = "not-entered"
    NO_WHOLE_WEEK = "no-whole-week"
    NO_RATE = "no-rate"
    NO_DESK = "no-desk"
    NO_SWITCHBACK = "no-switchback"
    TOO_FEW_PAIRS = "too-few-pairs"
    TOO_FEW_CELLS = "too-few-cells"
    TOO_FEW_SESSIONS = "too-few-sessions"
    TOO_FEW_LINES = "too-few-lines"
    OF_NO_GATE = "of-no-gate"
    BY_THE_DAY = "by-the-day"
    NOT_SETTLED = "not-settled"
    UNVARYING = "unvarying"
    NONE_WHILE_OFF = "none-while-off"
    CANNOT_TELL = "cannot-tell"
    ONE_LIMIT = "one-limit"
    NEVER_VARIES = "never-varies"
    COMPARISON_NEVER_VARIES = "comparison-never-varies"
    NOT_RECORDED = "not-recorded"
    NOT_IN_BINS = "not-in-bins"
    NOT_TESTED = "not-tested"
    BEYOND_THE_LAST = "beyond-the-last"
    SUPPRESSED = "suppressed"


@dataclass(frozen=True, slots=True)
class NotKnown:
    """A figure that there is none of; `has`, `needed`: of what there is too little."""

    because: Because
    has: int | None = None
    needed: int | None = None


@dataclass(frozen=True, slots=True)
class VersionKept:
    """A registered version, without its text."""

    number: int
    registered_at: datetime
    digest: str
    supersedes: str | None
    late: bool


@dataclass(frozen=True, slots=True)
class Registration:
    """What was registered; `no_p`: why nothing has a p-value, None: it was registered beforehand."""

    versions: tuple[VersionKept, ...]
    digest: str
    no_p: Because | None


@dataclass(frozen=True, slots=True)
class GateCoverage:
    """How much of the trial so far a gate was read: hours. `doubtful`: rows by why they count for nothing.

    `otherwise`: hours in which it did something else than planned. `planned`: false where gates draw lots of
    their own, and this one draws none.
    """

    gate: str
    expected: float
    covered: float
    silent_hours: int
    otherwise: int
    doubtful: Mapping[str, int]
    marks: Mapping[str, int]
    planned: bool = True


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was read; `days`: the share of each.

    `blocks`: that are compared and have ended; `missing`: those that some gate has too little of.
    """

    gates: tuple[GateCoverage, ...]
    blocks: int
    missing: int
    days: tuple[tuple[date, float], ...]


@dataclass(frozen=True, slots=True)
class Suspended:
    """An unplanned suspension; `end`: None: it goes on. `in_block`: it reached into a block of a pair."""

    begin: datetime
    end: datetime | None
    reason: str
    in_block: bool


@dataclass(frozen=True, slots=True)
class Happened:
    """What the log tells: suspensions, breaches, and how often the rest.

    `breaches`: when, the reason, and the guardrail.
    """

    suspensions: tuple[Suspended, ...]
    breaches: tuple[tuple[datetime, str, str], ...]
    followed_late: int
    clock_jumps: int
    unwatched: int


Effect = Estimate | NotKnown


@dataclass(frozen=True, slots=True)
class Experiment:
    """What the switchback says about one class and one outcome.

    No class: of the gates' equipment, of anything else all classes, which drew lots of their own. `units`:
    where several drew.
    """

    class_name: str | None
    outcome: Outcome
    is_primary: bool
    effect: Effect
    carry_over: Effect
    placebo: Effect
    units: tuple[UnitPairs, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """What phases say about one class and one outcome: dose and response, and no proof of a cause.

    `comparison`: the class whose changes were taken off, None: there was none that counted enough.
    """

    class_name: str
    outcome: Outcome
    steps: tuple[Step, ...] | NotKnown
    comparison: str | None = None


Points = tuple[tuple[datetime, float, float], ...]
"""Values with the bound beside them, by moment."""


@dataclass(frozen=True, slots=True)
class GuardrailPath:
    """What a guardrail saw."""

    what: str
    points: Points | NotKnown


class MetCap(NamedTuple):
    """Lines that met their cap in the mean hour while limited: how many, and of 100 with sessions."""

    lines: float | NotKnown
    percent: float | NotKnown


@dataclass(frozen=True, slots=True)
class Harm:
    """What the limit did to the lines of a class.

    Per cent of the sessions that were tried: `over_cap`, `held`, while a limit was enforced and while not.
    `caps`, `delays_ms`: the lowest and highest by the plan. `met_cap_…`: as in `MetCap`.
    `lines_the_cap_would_meet`: with more sessions at once than the lowest cap, in the busiest hour without a
    limit. `most_sessions_an_hour`: that one line can start, by the plan. `delay_seen_ms`: of a session that
    found a slot, the lowest delay as half saw it and the highest as 99 in 100 did at most.
    """

    class_name: str
    caps: tuple[int, int] | NotKnown
    delays_ms: tuple[int, int] | NotKnown
    most_sessions_an_hour: int | NotKnown
    over_cap_percent: float | NotKnown
    over_cap_percent_without: float | NotKnown
    held_percent: float | NotKnown
    met_cap_lines: float | NotKnown
    met_cap_percent: float | NotKnown
    lines_the_cap_would_meet: int | NotKnown
    delay_seen_ms: tuple[int, int] | NotKnown


@dataclass(frozen=True, slots=True)
class Complaints:
    """Complaints of customers in the trial so far, and how many the rate of before it lets expect."""

    entered: int | NotKnown
    expected: float | NotKnown


@dataclass(frozen=True, slots=True)
class Compared:
    """A figure of the equipment while something was limited and while nothing was.

    `effect`: the change with its interval, where the plan registers it as an outcome.
    """

    what: str
    limited: float | NotKnown
    free: float | NotKnown
    effect: Effect = NotKnown(Because.NOT_TESTED)


@dataclass(frozen=True, slots=True)
class Shown:
    """Line-hours of a week and class that may be seen.

    `cap`: "met", "within", None: both. `count`: None: suppressed.
    """

    begin: datetime
    class_name: str
    cap: str | None
    count: int | None


@dataclass(frozen=True, slots=True)
class Published:
    """What of the counts may be seen, and how much was suppressed; `because`: why nothing is there.

    `refused`, `differing`: weeks of which nothing may be seen, and whose counts were shown before and stay as
    they were, though something else is counted now.
    """

    cells: tuple[Shown, ...]
    suppressed: int
    refused: int
    because: Because | None = None
    differing: int = 0


@dataclass(frozen=True, slots=True)
class BlocklistWeek:
    """How many addresses of a class came onto a blocklist in a week; None: suppressed."""

    begin: datetime
    class_name: str
    count: int | None


@dataclass(frozen=True, slots=True)
class Blocklist:
    """What may be seen of blocklist entries; `because`: why no week of them is.

    `refused`, `differing`: weeks, as in `Published`.
    """

    weeks: tuple[BlocklistWeek, ...]
    refused: int = 0
    because: Because | None = None
    differing: int = 0


@dataclass(frozen=True, slots=True)
class Report:
    """All that is told of a trial.

    `policy`: the digest of the configuration. `block_ms`: how long a block is; None: there are none by lot.
    `reliefs_at_least`: lines that were released meanwhile, in tens. `blocklist`: None: it is no outcome, and
    nothing was entered.
    """

    name: str
    span: Span
    zone: str
    made_at: datetime
    program: str
    policy: str
    outcomes: tuple[Outcome, ...]
    planned_pairs: int
    block_ms: int | None
    registration: Registration
    coverage: Coverage
    happened: Happened
    experiments: tuple[Experiment, ...] | NotKnown
    observed: tuple[Observed, ...]
    guardrails: tuple[GuardrailPath, ...]
    harm: tuple[Harm, ...]
    reliefs_at_least: int | NotKnown
    complaints: Complaints
    published: Published
    equipment: tuple[Compared, ...] = ()
    desk: DeskFigures | NotKnown | None = None
    blocklist: Blocklist | None = None
