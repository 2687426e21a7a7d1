"""What the desk's laboratory found, and whether it is what was wanted. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sekisho.desk.case_values import State
from sekisho.lab import measure
from sekisho.lab.desk_layout import LIMITING, NEIGHBOUR, OWN_LIMIT, SPAMMER
from sekisho.lab.measure import Letter, Letters, Timeline
from sekisho.lab.receipts import Receipt

_SLOWED = 0.25  # of the rate before, which a line with a limit of its own stays below


class Stage(StrEnum):
    """What the case is while messages are counted; before it, nothing is reported."""

    BEFORE = "before"
    ASKED = State.STOP_REQUESTED.value
    LIMITED = State.LIMITED.value
    SUSPENDED = State.SUSPENDED.value
    RESTORED = State.RESTORED.value


def in_words(name: str) -> str:
    """Write the name of a stage or a state for people."""
    return name.replace("-", " ")


@dataclass(frozen=True, slots=True)
class Span:
    """A stage from `since` to `end`, in seconds since the epoch; its spam counts from `begin` on.

    `sessions`: most of the spamming line's at once, from then on; `refused`: how many of its sessions were
    reset.
    """

    stage: Stage
    since: float
    begin: float
    end: float
    sessions: int
    refused: int


@dataclass(frozen=True, slots=True)
class Neighbour:
    """What became of the letters that the innocent line wrote in a stage; the rate is of those delivered."""

    messages_per_minute: float
    delivered: int
    failed: int


@dataclass(frozen=True, slots=True)
class StageFigures:
    """What the spamming line did in a stage; `arithmetic_per_minute`: what its own limit allows."""

    stage: Stage
    seconds: float
    messages_per_minute: float
    arithmetic_per_minute: float | None
    sessions_at_most: int
    refused: int
    neighbour: Neighbour


class What(StrEnum):
    """What has happened in a run."""

    SPAM = "spam"
    MEASURED = "measured"
    REPORT = "report"
    CASE = "case"
    FORGERY = "forgery"
    STOP_REQUEST = "stop-request"
    LIMIT = "limit"
    PROPOSAL = "proposal"
    COMMAND = "command"
    SUSPENSION = "suspension"
    RESTORATION = "restoration"
    NOTICE = "notice"


TIMED = (What.STOP_REQUEST, What.LIMIT, What.PROPOSAL, What.SUSPENSION, What.RESTORATION)
_CAUSES = frozenset({What.REPORT, What.COMMAND})


@dataclass(frozen=True, slots=True)
class Happened:
    """A row of the run's record; `at`: seconds from the first spam."""

    at: float
    what: What
    text: str


@dataclass(frozen=True, slots=True)
class Taken:
    """How long something took, in seconds: since the first report, and since what led to it."""

    since_first_report: float
    since_cause: float


@dataclass(frozen=True, slots=True)
class OpenCase:
    """A case that is open when all is over: how many parties are proved, how many claimed, and measures."""

    line: str
    state: str
    proved: int
    claimed: int
    measures: int


@dataclass(frozen=True, slots=True)
class Accused:
    """Whom the desk has accused: the case's line, its states in order, actions that were seen in the kernel.

    `others`: of whom there are cases too; `queued`: reports that were left to people; `others_told`: notices
    to other customers; `others_limited`: whether the neighbour's limit was ever not its class's.
    """

    line: str
    states: tuple[str, ...]
    verified: tuple[str, ...]
    others: tuple[OpenCase, ...]
    queued: int
    others_told: int
    others_limited: bool


@dataclass(frozen=True, slots=True)
class DeskResult:
    """The figures of a run at the desk; `seconds` in all, `notices`: subjects of the customer's mails."""

    run: str
    seconds: float
    stages: tuple[StageFigures, ...]
    notices: tuple[str, ...]
    accused: Accused
    letters: Letters
    record: tuple[Happened, ...]
    timeline: Timeline

    def stage(self, stage: Stage) -> StageFigures:
        """Return the figures of a stage."""
        return next(one for one in self.stages if one.stage is stage)

    @property
    def times(self) -> Mapping[What, Taken]:
        """Return how long it took until the customer had the stop request, and the kernel the rest."""
        return {what: taken(self.record, what) for what in TIMED}

    @property
    def attribution_holds(self) -> bool:
        """Tell whether it was the spamming line that was accused, by all who reported."""
        accused = self.accused
        return accused.line == SPAMMER.line and not accused.queued

    @property
    def forgery_holds(self) -> bool:
        """Tell whether all forged reports are with a case of the neighbour's, and have led to nothing."""
        accused = self.accused
        is_idle = accused.others == (OpenCase(NEIGHBOUR, State.COLLECTING, 0, LIMITING, 0),)
        return is_idle and not (accused.others_told or accused.others_limited)

    @property
    def notices_hold(self) -> bool:
        """Tell whether the customer was told of the request, the limit, the suspension, the restoration."""
        return len(self.notices) == 4

    @property
    def limit_holds(self) -> bool:
        """Tell whether the line's own limit slowed it, by its count of sessions and by what arrived."""
        limited, before = self.stage(Stage.LIMITED), self.stage(Stage.BEFORE)
        is_slow = limited.messages_per_minute < _SLOWED * before.messages_per_minute
        return limited.sessions_at_most <= OWN_LIMIT.cap and is_slow

    @property
    def suspension_holds(self) -> bool:
        """Tell whether nothing arrived from the suspended line, whose sessions were reset."""
        suspended = self.stage(Stage.SUSPENDED)
        return suspended.messages_per_minute == 0 < suspended.refused

    @property
    def restoration_holds(self) -> bool:
        """Tell whether the restored line sends again more than its own limit allowed."""
        restored, limited = self.stage(Stage.RESTORED), self.stage(Stage.LIMITED)
        sends_more = restored.messages_per_minute > limited.messages_per_minute
        return restored.sessions_at_most > OWN_LIMIT.cap and sends_more

    @property
    def neighbour_holds(self) -> bool:
        """Tell whether the innocent line's letters arrived in every stage, and no letter failed at all."""
        arrived = all(one.neighbour.delivered for one in self.stages)
        return arrived and self.letters.failed == self.letters.bounced == 0

    @property
    def holds(self) -> Mapping[str, bool]:
        """Tell what was wanted, and whether it holds."""
        return {
            "attribution": self.attribution_holds,
            "forgery": self.forgery_holds,
            "notices": self.notices_hold,
            "limit": self.limit_holds,
            "suspension": self.suspension_holds,
            "restoration": self.restoration_holds,
            "neighbour": self.neighbour_holds,
        }


def taken(record: Sequence[Happened], what: What) -> Taken:
    """Return how long it took until something happened that is in the record."""
    at = next(one.at for one in record if one.what is what)
    first = next(one.at for one in record if one.what is What.REPORT)
    cause = max(one.at for one in record if one.what in _CAUSES and one.at <= at)
    return Taken(at - first, at - cause)


def figures(
    spans: Sequence[Span], receipts: Sequence[Receipt], letters: Sequence[Letter], failed: Collection[str]
) -> tuple[StageFigures, ...]:
    """Compute the figures of each stage; the first is the one in which nothing limits the line.

    `failed` names letters whose program reported a failure; letters that never arrived fail too.
    """
    lost = {one.name for one in letters} - {one.letter for one in receipts} | set(failed)
    before = _per_minute(spans[0], receipts)
    return tuple(
        StageFigures(
            stage=span.stage,
            seconds=span.end - span.begin,
            messages_per_minute=_per_minute(span, receipts),
            arithmetic_per_minute=_allowed(before) if span.stage is Stage.LIMITED else None,
            sessions_at_most=span.sessions,
            refused=span.refused,
            neighbour=_neighbour(span, letters, lost),
        )
        for span in spans
    )


def _neighbour(span: Span, letters: Sequence[Letter], lost: Collection[str]) -> Neighbour:
    """Tell what became of the letters that the neighbour wrote in a stage."""
    written = [one for one in letters if one.line == NEIGHBOUR and span.since <= one.written < span.end]
    failed = sum(1 for one in written if one.name in lost)
    delivered = len(written) - failed
    return Neighbour(60 * delivered / (span.end - span.since), delivered, failed)


def _per_minute(span: Span, receipts: Sequence[Receipt]) -> float:
    """Return how many messages a minute arrived from the spamming line in a counted span."""
    spam = (one.at for one in receipts if one.line == SPAMMER.line and one.letter is None)
    return 60 * sum(1 for at in spam if span.begin <= at < span.end) / (span.end - span.begin)


def _allowed(before: float) -> float | None:
    """Return what N/(D+T) allows; by Little's law the rate before, messages a minute, tells T."""
    sessions = SPAMMER.sessions
    return measure.most_per_minute(OWN_LIMIT, sessions, 60 * sessions / before) if before else None
