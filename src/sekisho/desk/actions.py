"""The life of an action: what is asked of a gate or of RADIUS, until it is seen to hold.

Theory of operation. An action is written down before it is asked, and asked again until it is answered, each
time with the same key: whoever carries it out does it once. Asking is at least once, so a crash between the
two only asks again.

    waiting ──asked──► asked ──acknowledged──► acknowledged ──seen──► verified
       ▲  ▲              │  │                     │   ▲                  │
       │  └──no answer───┘  └─refused─► refused   │   └───(looked at)────┤
       │      or a refusal that passes     │      │                      │
       └───────────────────────────────────┴──────┴──────not seen────────┘

What is refused for good waits for a person, who has it asked again, or until another login is seen. What
nobody can be asked for waits too, and is not counted as asked. Where nothing shows whether it holds, as
when a NAS has changed a login, it stays acknowledged and is not waited for. Of two actions for the same
measure of a line the later overtakes the earlier.

The suspension of a whole line closes port 25 at the gate too, by an action of its own: the gate does it at
once and at each next login, whatever a NAS does.

Sources: RFC 5176 §3.5 (Error-Cause).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from sekisho.desk.asked import HELD, Part
from sekisho.desk.case_values import SUSPENSIONS, Case, Change, Evidence, Impose, Kind, Lift

ANSWER = timedelta(seconds=10)  # to wait for one
FIRST_PAUSE = timedelta(seconds=5)
LONGEST_PAUSE = timedelta(hours=1)
LOOK = timedelta(minutes=1)  # after which what was acknowledged and not seen yet is looked at again
_MOST_DOUBLINGS = 20
_KINDS = {Kind.LINE: (Kind.LINE, Kind.PORT25)}

PASSING = frozenset({None, 406, 502, 504, 505, 506, 507})
"""Causes that may pass: none given, a NAS or a route that a proxy does not reach, a session that cannot be
removed, a proxy's, no resources, and what the NAS has begun itself."""


class Do(StrEnum):
    """What is asked."""

    IMPOSE = "impose"
    LIFT = "lift"


class Progress(StrEnum):
    """How far an action has come."""

    WAITING = "waiting"
    ASKED = "asked"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    VERIFIED = "verified"
    OVERTAKEN = "overtaken"


class Happened(StrEnum):
    """What happens to an action."""

    ASKED = "asked"
    ACKNOWLEDGED = "acknowledged"
    REFUSED = "refused"
    NO_ANSWER = "no-answer"
    NOT_ASKED = "not-asked"  # nobody can be asked for a part of it
    SEEN = "seen"
    NOT_SEEN = "not-seen"
    NOT_SHOWN = "not-shown"  # it is acknowledged, and nothing will show whether it holds
    AGAIN = "again"  # a person wants it tried once more
    OVERTAKEN = "overtaken"


UNCONFIRMED = frozenset({Progress.WAITING, Progress.ASKED, Progress.ACKNOWLEDGED, Progress.REFUSED})


@dataclass(frozen=True, slots=True)
class Action:
    """Something to be done to a line for a case, and how far it has come.

    `key`: the same for each try. `due`: when it is to be asked, looked at, or no longer waited for; None:
    never by itself. `tries`: since it last held, or a person had it asked again; `timeouts`: how many of all
    tries had no answer; `cause`: the Error-Cause of the last refusal; `parts`: what became of each login,
    when its NAS was to be asked last; `since`: when the measure began, also where it has another end by now,
    None: of an action from before that was kept.
    """

    key: str
    case: int
    line: int
    do: Do
    kind: Kind
    until: datetime
    by: str
    reason: str
    evidence: Evidence
    asked_for: datetime
    progress: Progress = Progress.WAITING
    due: datetime | None = None
    tries: int = 0
    timeouts: int = 0
    cause: int | None = None
    changed: datetime | None = None
    parts: tuple[Part, ...] = ()
    since: datetime | None = None


def actions_of(case: Case, changes: Iterable[Change], now: datetime) -> tuple[Action, ...]:
    """Return the actions that changes of a case ask for; `case`: after them.

    Port 25 stays closed as long as any suspension is in force.
    """
    is_suspended = any(measure.kind in SUSPENSIONS for measure in case.measures)
    asked = [
        _action(case, change, kind, now)
        for change in changes
        if isinstance(change, Impose | Lift)
        for kind in _KINDS.get(change.measure.kind, (change.measure.kind,))
    ]
    wanted = (one for one in asked if (one.do, one.kind) != (Do.LIFT, Kind.PORT25) or not is_suspended)
    return tuple({one.key: one for one in wanted}.values())


def step(
    action: Action,
    happened: Happened,
    now: datetime,
    cause: int | None = None,
    parts: tuple[Part, ...] | None = None,
) -> Action:
    """Return an action after something has happened to it; what comes too late changes nothing.

    `cause`: the Error-Cause of a refusal, if it came with one; `parts`: what became of each login; None: as
    before.
    """
    if action.progress not in _WHEN[happened]:
        return action
    after = _changed(action, happened, now, cause)
    return after if parts is None else replace(after, parts=parts)


def overtaken(earlier: Iterable[Action], later: Action, now: datetime) -> tuple[Action, ...]:
    """Return, of earlier actions, those that a later one makes idle, as they are then."""
    idle = (
        one for one in earlier if (one.line, one.kind) == (later.line, later.kind) and one.key != later.key
    )
    changed = ((one, step(one, Happened.OVERTAKEN, now)) for one in idle)
    return tuple(after for before, after in changed if after != before)


def again(actions: Iterable[Action], now: datetime) -> tuple[Action, ...]:
    """Return, of actions, those that are not seen to hold, as they are when a person has them asked again."""
    return tuple(step(one, Happened.AGAIN, now) for one in unconfirmed(actions))


def is_due(action: Action, now: datetime) -> bool:
    """Tell whether an action is to be asked, looked at, or given up waiting for, now."""
    return action.due is not None and action.due <= now


def unconfirmed(actions: Iterable[Action]) -> tuple[Action, ...]:
    """Return what is asked but not seen to hold, the oldest first."""
    open_ones = (one for one in actions if one.progress in UNCONFIRMED and not is_as_shown(one))
    return tuple(sorted(open_ones, key=lambda one: (one.asked_for, one.key)))


def is_as_shown(action: Action) -> bool:
    """Tell whether an action holds as far as anything shows: it is seen, or acknowledged for good."""
    is_acknowledged = action.progress is Progress.ACKNOWLEDGED and action.due is None
    return is_acknowledged or action.progress is Progress.VERIFIED


def pause(tries: int) -> timedelta:
    """Return how long to wait after so many tries that failed."""
    doublings: int = min(max(tries - 1, 0), _MOST_DOUBLINGS)
    return min(LONGEST_PAUSE, FIRST_PAUSE * (1 << doublings))


_WHEN = {
    Happened.ASKED: {Progress.WAITING},
    Happened.ACKNOWLEDGED: {Progress.WAITING, Progress.ASKED},  # an answer may come after we gave up waiting
    Happened.REFUSED: {Progress.WAITING, Progress.ASKED},
    Happened.NO_ANSWER: {Progress.ASKED},
    Happened.NOT_ASKED: {Progress.WAITING, Progress.ASKED},
    Happened.SEEN: UNCONFIRMED,
    Happened.NOT_SEEN: {Progress.ACKNOWLEDGED, Progress.VERIFIED, Progress.REFUSED},  # there is another login
    Happened.NOT_SHOWN: {Progress.ACKNOWLEDGED, Progress.REFUSED},
    Happened.AGAIN: UNCONFIRMED,
    Happened.OVERTAKEN: UNCONFIRMED | {Progress.VERIFIED},
}


def _changed(action: Action, happened: Happened, now: datetime, cause: int | None) -> Action:
    action = replace(action, changed=now)
    match happened:
        case Happened.ASKED:
            tries = action.tries + 1
            return replace(action, progress=Progress.ASKED, tries=tries, due=now + ANSWER)
        case Happened.ACKNOWLEDGED:
            return _acknowledged(action, now)
        case Happened.REFUSED:
            return _refused(action, now, cause)
        case Happened.NO_ANSWER:
            return replace(_waiting(action, now), timeouts=action.timeouts + 1, cause=cause)
        case Happened.NOT_ASKED:
            return replace(_waiting(action, now), due=now + max(LOOK, pause(action.tries)), cause=cause)
        case Happened.SEEN:
            parts = tuple(one for one in action.parts if one.became in HELD)  # the others are over
            return replace(action, progress=Progress.VERIFIED, due=None, tries=0, cause=None, parts=parts)
        case Happened.NOT_SHOWN:
            return replace(_acknowledged(action, now), due=None, tries=0)
        case Happened.NOT_SEEN | Happened.AGAIN:  # what kept it is mended, people say: pauses begin anew
            tries = 0 if happened is Happened.AGAIN else action.tries
            return replace(_waiting(action, now), due=now, tries=tries)
        case Happened.OVERTAKEN:
            return replace(action, progress=Progress.OVERTAKEN, due=None)


def _acknowledged(action: Action, now: datetime) -> Action:
    return replace(action, progress=Progress.ACKNOWLEDGED, due=now + LOOK, cause=None)


def _refused(action: Action, now: datetime, cause: int | None) -> Action:
    if cause in PASSING:
        return replace(_waiting(action, now), cause=cause)
    return replace(action, progress=Progress.REFUSED, due=None, cause=cause)


def _waiting(action: Action, now: datetime) -> Action:
    return replace(action, progress=Progress.WAITING, due=now + pause(action.tries))


def _action(case: Case, change: Impose | Lift, kind: Kind, now: datetime) -> Action:
    measure = change.measure
    is_imposed = isinstance(change, Impose)
    do = Do.IMPOSE if is_imposed else Do.LIFT
    by, reason = (measure.by, measure.reason) if isinstance(change, Impose) else (change.by, change.reason)
    return Action(
        key=f"{case.number}-{case.version}-{do}-{kind}",
        case=case.number,
        line=case.line,
        do=do,
        kind=kind,
        until=measure.until,
        by=by,
        reason=reason,
        evidence=measure.evidence,
        asked_for=now,
        due=now,
        changed=now,
        since=measure.since,
    )
