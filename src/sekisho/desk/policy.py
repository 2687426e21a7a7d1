"""How many reports lead to what, by class; and which of them count towards a step."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sekisho.desk.case_values import SUSPENSIONS, Case, Counted, Evidence, Kind, Reached
from sekisho.model import Limit, Mode

FEWEST_FOR_PROPOSAL = 2
"""Parties: of one alone, however often it reports, nobody's suspension is proposed."""

_OWN_LIMIT = Limit(Mode.ENFORCE, cap=1, delay_ms=5_000)


@dataclass(frozen=True, slots=True)
class Step:
    """How much leads to a step: so many parties, and so many incidents of them together, within a time.

    Of the incidents no party brings more than its share: of 10 for 2 parties, 5.
    """

    reporters: int
    incidents: int
    within: timedelta


@dataclass(frozen=True, slots=True)
class Policy:
    """What the desk does about the lines of a class; a step that is None is not taken by itself.

    `grace`: only what was sent so long after the customer was told to stop leads to a proposal. `quiet`: so
    long without reports, and it counts as stopped. `limited`, `suspended`: how long these last. `grave`: what
    needs two persons. `able`: which suspensions there is somebody to carry out.
    """

    stop_request: Step | None = Step(2, 2, timedelta(days=7))
    limit: Step | None = Step(3, 3, timedelta(days=7))
    proposal: Step | None = Step(3, 3, timedelta(days=14))
    grace: timedelta = timedelta(days=1)
    quiet: timedelta = timedelta(days=14)
    own_limit: Limit = _OWN_LIMIT
    limited: timedelta = timedelta(days=30)
    suspension: Kind = Kind.PORT25
    suspended: timedelta = timedelta(days=30)
    grave: frozenset[Kind] = frozenset({Kind.LINE})
    able: frozenset[Kind] = SUSPENSIONS

    def persons(self, kind: Kind) -> int:
        """Return how many different persons have to say so."""
        return 2 if kind in self.grave else 1


def reaches(step: Step | None, counted: Iterable[Counted], since: datetime) -> bool:
    """Tell whether what was sent from a moment on is enough for a step."""
    if step is None:
        return False
    by_party: defaultdict[str, int] = defaultdict(int)
    for one in counted:
        if one.moment >= since:
            by_party[one.party] += max(1, one.incidents)
    share = -(-step.incidents // step.reporters)
    return (
        len(by_party) >= step.reporters
        and sum(min(number, share) for number in by_party.values()) >= step.incidents
    )


def reaches_stop_request(case: Case, counted: Iterable[Counted], now: datetime, policy: Policy) -> bool:
    """Tell whether the customer is to be asked to stop."""
    step = policy.stop_request
    return step is not None and reaches(step, _proved(counted), _since(case, now, step))


def reaches_limit(case: Case, counted: Iterable[Counted], now: datetime, policy: Policy) -> bool:
    """Tell whether the line is to be limited on its own."""
    step = policy.limit
    return step is not None and reaches(step, _sound(counted), _since(case, now, step))


def reaches_proposal(case: Case, counted: Iterable[Counted], now: datetime, policy: Policy) -> bool:
    """Tell whether its suspension is to be proposed: for what was sent though the customer was told."""
    is_known = case.request is not None and case.request.is_known
    return is_known and _goes_on(case, counted, now, policy)


def goes_on_untold(case: Case, counted: Iterable[Counted], now: datetime, policy: Policy) -> bool:
    """Tell whether as much was sent after a stop request that has reached nobody."""
    is_known = case.request is None or case.request.is_known
    return not is_known and _goes_on(case, counted, now, policy)


def bears_stop_request(case: Case, counted: Iterable[Counted], policy: Policy) -> bool:
    """Tell whether the reports that are left bear the stop request that was sent, or a limit with it."""
    known = tuple(_proved(counted))
    return _bears(policy.stop_request, case, known, case.stop_requested) or _bears(
        policy.limit, case, _sound(known), case.stop_requested
    )


def bears_limit(case: Case, counted: Iterable[Counted], policy: Policy) -> bool:
    """Tell whether the reports that are left bear the limit that the line has."""
    limit = case.measure(Kind.LIMIT)
    return limit is not None and _bears(policy.limit, case, _sound(counted), limit.since)


def bears_proposal(case: Case, counted: Iterable[Counted], policy: Policy) -> bool:
    """Tell whether the reports that are left bear the suspension that is proposed."""
    asked = None if case.request is None else case.request.at + policy.grace  # whosever the line is
    after = (one for one in _sound(counted) if asked is not None and one.moment >= asked)
    return _bears(policy.proposal, case, after, case.since)


def heeded_from(case: Case, policy: Policy) -> datetime | None:
    """Return from when on what is sent counts as sent in spite of the stop request: its grace is over.

    It runs from when the customer was told, or it was found that nobody can be. None: there was no request,
    its letter waits, or whoever has got it may be another customer.
    """
    request = case.request
    if request is None or request.reached is Reached.WAITING or case.is_doubted:
        return None
    return request.at + policy.grace


def is_quiet(case: Case, counted: Iterable[Counted], now: datetime, policy: Policy) -> bool:
    """Tell whether there were no reports for so long that it counts as stopped."""
    return now >= quiet_at(case, counted, policy)


def quiet_at(case: Case, counted: Iterable[Counted], policy: Policy) -> datetime:
    """Return when it counts as stopped unless there are more reports that are proved to be somebody's."""
    return max([case.since, *(one.moment for one in _proved(counted))]) + policy.quiet


def is_of_strangers(case: Case, counted: Iterable[Counted]) -> bool:
    """Tell whether nobody who is trusted has reported what counts."""
    return not any(one.moment >= case.counted_from for one in _sound(counted))


def evidence_of(case: Case, counted: Iterable[Counted]) -> Evidence:
    """Return what is known of a case, for the record of what is decided on it.

    What is only claimed is told where nothing is proved, and never added to what is.
    """
    all_known = [one for one in counted if one.moment >= case.counted_from]
    known = list(_proved(all_known)) or all_known
    if not known:
        return Evidence()
    moments = [one.moment for one in known]
    incidents = sum(max(1, one.incidents) for one in known)
    return Evidence(len({one.party for one in known}), incidents, min(moments), max(moments))


def by_party(counted: Iterable[Counted]) -> list[Counted]:
    """Fold reports by party and by what they count for: what is proved first, and of these the most."""
    found: dict[tuple[str, bool, bool], Counted] = {}
    for one in counted:
        key = (one.party, one.is_sound, one.is_claimed)
        before = found.get(key, replace(one, incidents=0))
        first, incidents = min(before.moment, one.moment), before.incidents + one.incidents
        found[key] = replace(one, moment=first, incidents=incidents)
    return sorted(found.values(), key=lambda one: (one.is_claimed, -one.incidents, one.party))


def _bears(step: Step | None, case: Case, counted: Iterable[Counted], done: datetime | None) -> bool:
    """Tell whether reports are enough for a step that was taken at a moment: of its time, and since then."""
    if step is None or done is None:
        return False
    counted_from = case.counted_once or case.counted_from  # whosever the line is, it was for these
    return reaches(step, counted, max(counted_from, done - step.within))


def _goes_on(case: Case, counted: Iterable[Counted], now: datetime, policy: Policy) -> bool:
    step, heeded = policy.proposal, heeded_from(case, policy)
    if step is None or heeded is None or step.reporters < FEWEST_FOR_PROPOSAL:
        return False
    return reaches(step, _sound(counted), max(_since(case, now, step), heeded))


def _since(case: Case, now: datetime, step: Step) -> datetime:
    return max(case.counted_from, now - step.within)


def _sound(counted: Iterable[Counted]) -> Iterable[Counted]:
    return (one for one in _proved(counted) if one.is_sound)


def _proved(counted: Iterable[Counted]) -> Iterable[Counted]:
    return (one for one in counted if not one.is_claimed)
