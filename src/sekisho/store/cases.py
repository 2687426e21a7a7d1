"""Cases, what happened to them, and what is done for them: written together, or not at all."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import (
    BigInteger,
    Integer,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    update,
)

from sekisho.desk.actions import UNCONFIRMED, Action, Do, Progress, actions_of, overtaken
from sekisho.desk.case_values import (
    CLOSED,
    REQUESTED,
    Case,
    Decision,
    Event,
    Evidence,
    Judge,
    Kind,
    State,
    What,
)
from sekisho.desk.records import KeptEvent
from sekisho.store.desk_tables import action, case_event, desk_case, incident
from sekisho.store.errors import StoreError
from sekisho.store.flags import is_set
from sekisho.store.many import Query, adding
from sekisho.store.moments import from_us, to_us
from sekisho.store.unread_reports import UnreadReports

_CASE: Final = TypeAdapter(Case)
_ACTION: Final = TypeAdapter(Action)
_EVIDENCE: Final = TypeAdapter(Evidence)
_DONE: Final = TypeAdapter(tuple[str, ...])
_FEW: Final = 1_000
_LAST_OF_LINE: Final = Query(
    desk_case.c.line,
    select(desk_case.c.number, desk_case.c.packed).order_by(desk_case.c.number.desc()),
    most=1,
)
_OF_GATE: Final = and_(
    or_(action.c.kind == Kind.LIMIT, action.c.kind == Kind.PORT25),
    action.c.progress != Progress.OVERTAKEN,
)
_OF_LINES: Final = Query(action.c.line, select(action.c.packed).where(_OF_GATE))
IS_UNCONFIRMED: Final = and_(
    action.c.progress.in_(tuple(UNCONFIRMED)),
    or_(action.c.progress != Progress.ACKNOWLEDGED, action.c.due.is_not(None)),
)
"""Asked for, but not seen to hold where that can be seen."""
_OVER: Final = (*(CLOSED - {State.KEPT}), State.STOPPED)
_ADD: Final = adding(desk_case)
_PUT: Final = (
    update(desk_case)
    .where(
        desk_case.c.number == bindparam("of_number", type_=Integer),
        desk_case.c.version == bindparam("as_read", type_=Integer),
    )
    .values({one: bindparam(f"new_{one.name}") for one in desk_case.c if one is not desk_case.c.number})
)
_COUNT_ASKED: Final = select(func.count(desk_case.c.strangers_asked)).where(
    desk_case.c.strangers_asked >= bindparam("asked_since", type_=BigInteger)
)
_ADD_EVENT: Final = adding(case_event)
_ADD_ACTION: Final = insert(action).values({one: bindparam(one.name) for one in action.c})
_PUT_ACTION: Final = (
    update(action)
    .where(action.c.key == bindparam("of_key", type_=Text))
    .values({one: bindparam(f"new_{one.name}") for one in action.c if one is not action.c.key})
)
_ALIVE: Final = select(action.c.packed).where(
    action.c.line == bindparam("of_line", type_=BigInteger),
    action.c.kind == bindparam("of_kind", type_=Text),
    action.c.progress != str(Progress.OVERTAKEN),
)
_PUT_DUE: Final = (
    update(desk_case)
    .where(desk_case.c.number == bindparam("of_number", type_=Integer))
    .values(due=bindparam("next_due", type_=BigInteger))
)


class Cases(UnreadReports):
    """Cases in a transaction."""

    def add_case(self, one: Case, due: datetime | None) -> Case:
        """Write a new case; return it with its number. UnfitError where the line has an open one."""
        ((number,),) = self._many.rows(_ADD, **_case_row(one, due))
        return replace(one, number=number)

    def case(self, number: int) -> Case | None:
        """Return a case."""
        return next(iter(self._cases(select(desk_case).where(desk_case.c.number == number))), None)

    def last_case(self, line: int) -> Case | None:
        """Return the last case of a line, open or closed."""
        for number, packed in self._many.find(_LAST_OF_LINE, [line]):
            return read_case(number, packed)
        return None

    def cases_of_lines(self) -> tuple[Case, ...]:
        """Return all open cases."""
        return self._cases(select(desk_case).where(is_set(desk_case.c.is_open)))

    def count_asked_by_strangers(self, since: datetime) -> int:
        """Return how many customers the word of strangers alone had asked to stop since a moment."""
        ((count,),) = self._many.rows(_COUNT_ASKED, asked_since=to_us(since))
        return int(count)

    def untold_cases(self, most: int = _FEW) -> tuple[Case, ...]:
        """Return open cases whose stop request has reached nobody yet, in the order of their numbers."""
        some = select(desk_case).where(desk_case.c.untold.is_not(None))
        return self._cases(some.order_by(desk_case.c.number).limit(most))

    def due_cases(self, now: datetime, most: int = _FEW) -> tuple[Case, ...]:
        """Return cases that time alone may change by now, the longest due first."""
        some = select(desk_case).where(desk_case.c.due <= to_us(now))
        return self._cases(some.order_by(desk_case.c.due, desk_case.c.number).limit(most))

    def put_due(self, number: int, due: datetime | None) -> None:
        """Write when time alone may change a case, where an event has changed nothing else."""
        self._many.change(_PUT_DUE, of_number=number, next_due=to_us(due))

    def put_decision(
        self,
        before: Case,
        event: Event,
        decision: Decision,
        now: datetime,
        *,
        evidence: Evidence,
        due: datetime | None,
        uid: int | None = None,
    ) -> tuple[Action, ...]:
        """Write what comes of an event: the case, the event, its actions, and what its reporters are judged.

        `due`: when time alone may change it next. Returns the actions. Nothing is written twice: StoreError
        where the case was changed since `before` was read.
        """
        after = decision.case
        if after.version == before.version:
            return ()
        self._put_case(before, after, due)
        kept = KeptEvent(
            case=after.number,
            version=after.version,
            at=now,
            what=event.what,
            before=before.state,
            after=after.state,
            by=event.by,
            reason=decision.reason,
            evidence=evidence,
            uid=uid,
            done=tuple(type(change).__name__.lower() for change in decision.changes),
        )
        self._many.rows(_ADD_EVENT, **_event_row(kept))
        for change in decision.changes:
            if isinstance(change, Judge):
                self.judge_reports(after.number, change.judgement)
        made = actions_of(after, decision.changes, now)
        for one in made:
            self._add_action(one, now)
        return made

    def case_events(self, number: int) -> tuple[KeptEvent, ...]:
        """Return what happened to a case, in order."""
        found = select(case_event).where(case_event.c.case == number).order_by(case_event.c.version)
        return tuple(map(_event, self._connection.execute(found)))

    def case_reports(self, case: int, line: int) -> tuple[int, ...]:
        """Return the numbers of the reports of a case, and of those about its line that count for none."""
        speaks = and_(incident.c.line == line, or_(incident.c.case == case, incident.c.case.is_(None)))
        found = select(incident.c.report).where(speaks).distinct().order_by(incident.c.report)
        return tuple(self._connection.scalars(found))

    def counting_reports(self, case: int, most: int = _FEW) -> tuple[int, ...]:
        """Return the numbers of the last reports that count for a case, in order."""
        counts = select(incident.c.report).where(incident.c.case == case).distinct()
        found = self._connection.scalars(counts.order_by(incident.c.report.desc()).limit(most))
        return tuple(found)[::-1]

    def put_action(self, one: Action) -> None:
        """Write how far an action has come."""
        self._many.change(_PUT_ACTION, of_key=one.key, **_new(_action_row(one)))

    def action(self, key: str) -> Action | None:
        """Return an action."""
        return next(iter(self._actions(select(action).where(action.c.key == key))), None)

    def case_actions(self, case: int) -> tuple[Action, ...]:
        """Return the actions of a case, the oldest first."""
        return self._actions(
            select(action).where(action.c.case == case).order_by(action.c.asked_for, action.c.key)
        )

    def due_actions(self, now: datetime, most: int = _FEW) -> tuple[Action, ...]:
        """Return actions that are to be asked, looked at, or given up waiting for, the longest due first."""
        some = select(action).where(action.c.due <= to_us(now))
        return self._actions(some.order_by(action.c.due, action.c.key).limit(most))

    def acknowledged_actions(self) -> tuple[Action, ...]:
        """Return what was acknowledged, is not seen to hold, and is not waited for."""
        alone = and_(action.c.progress == Progress.ACKNOWLEDGED, action.c.due.is_(None))
        return self._actions(select(action).where(alone).order_by(action.c.asked_for, action.c.key))

    def unconfirmed_actions(self, most: int = _FEW) -> tuple[Action, ...]:
        """Return what is asked but not seen to hold, the oldest first."""
        some = select(action).where(IS_UNCONFIRMED)
        return self._actions(some.order_by(action.c.asked_for, action.c.key).limit(most))

    def measures_of(self, lines: Iterable[int]) -> tuple[Action, ...]:
        """Return what has been asked of the gate for lines and not taken back."""
        return _in_force(packed for (packed,) in self._many.find(_OF_LINES, lines))

    def measures(self) -> tuple[Action, ...]:
        """Return all that has been asked of the gate and not taken back."""
        return _in_force(self._connection.scalars(select(action.c.packed).where(_OF_GATE)))

    def line_suspensions(self, line: int | None = None) -> tuple[Action, ...]:
        """Return the suspensions of whole lines, or of one, asked of NASes and not taken back."""
        of_nases = and_(action.c.kind == Kind.LINE, action.c.progress != Progress.OVERTAKEN)
        of_line = () if line is None else (action.c.line == line,)
        return _in_force(self._connection.scalars(select(action.c.packed).where(of_nases, *of_line)))

    def forget_cases(self, before: datetime, most: int = _FEW) -> int:
        """Forget cases that have been over since before a moment, and of which no report is kept."""
        has_reports = (
            select(incident.c.case).where(incident.c.case == desk_case.c.number).correlate(desk_case)
        )
        old = (
            select(desk_case.c.number)
            .where(desk_case.c.state.in_(_OVER), desk_case.c.since < to_us(before), ~has_reports.exists())
            .order_by(desk_case.c.number)
            .limit(most)
        )
        numbers = self._connection.scalars(old).all()
        for table, column in (
            (action, action.c.case),
            (case_event, case_event.c.case),
            (desk_case, desk_case.c.number),
        ):
            self._connection.execute(delete(table).where(column.in_(numbers)))
        return len(numbers)

    def _put_case(self, before: Case, after: Case, due: datetime | None) -> None:
        new = _new(_case_row(after, due))
        if self._many.change(_PUT, of_number=before.number, as_read=before.version, **new) == 0:
            raise StoreError(f"case {before.number} was changed meanwhile: read it again, and decide anew")

    def _add_action(self, one: Action, now: datetime) -> None:
        alive = self._many.rows(_ALIVE, of_line=one.line, of_kind=str(one.kind))
        for idle in overtaken([_ACTION.validate_json(packed) for (packed,) in alive], one, now):
            self.put_action(idle)
        self._many.change(_ADD_ACTION, key=one.key, **_action_row(one))

    def _cases(self, query: Select[Any]) -> tuple[Case, ...]:
        return tuple(read_case(row.number, row.packed) for row in self._connection.execute(query))

    def _actions(self, query: Select[Any]) -> tuple[Action, ...]:
        return tuple(_ACTION.validate_json(row.packed) for row in self._connection.execute(query))


def _in_force(packed: Iterable[str]) -> tuple[Action, ...]:
    """Return the actions that impose; a later one that lifts has overtaken those before it."""
    return tuple(one for one in map(_ACTION.validate_json, packed) if one.do is Do.IMPOSE)


def read_case(number: int, packed: str) -> Case:
    """Read a case as it is packed."""
    return replace(_CASE.validate_json(packed), number=number)


def _new(row: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters of an update to a row."""
    return {f"new_{name}": value for name, value in row.items()}


def _case_row(one: Case, due: datetime | None) -> dict[str, Any]:
    return {
        "line": one.line,
        "since": to_us(one.since),
        "due": to_us(due),
        "strangers_asked": to_us(one.strangers_asked),
        "version": one.version,
        "is_open": one.state not in CLOSED,
        "state": str(one.state),
        "packed": _CASE.dump_json(one).decode(),
        "untold": _untold(one),
    }


def _untold(one: Case) -> str | None:
    if one.state not in REQUESTED or one.request is None or one.request.is_known:
        return None
    return str(one.request.reached)


def _action_row(one: Action) -> dict[str, Any]:
    return {
        "line": one.line,
        "asked_for": to_us(one.asked_for),
        "due": to_us(one.due),
        "case": one.case,
        "kind": str(one.kind),
        "progress": str(one.progress),
        "packed": _ACTION.dump_json(one).decode(),
    }


def _event_row(one: KeptEvent) -> dict[str, Any]:
    return {
        "at": to_us(one.at),
        "uid": one.uid,
        "case": one.case,
        "version": one.version,
        "what": str(one.what),
        "before": str(one.before),
        "after": str(one.after),
        "by": one.by,
        "reason": one.reason,
        "evidence": _EVIDENCE.dump_json(one.evidence).decode(),
        "done": _DONE.dump_json(one.done).decode(),
    }


def _event(row: Row[Any]) -> KeptEvent:
    return KeptEvent(
        case=row.case,
        version=row.version,
        at=from_us(row.at),
        what=What(row.what),
        before=State(row.before),
        after=State(row.after),
        by=row.by,
        reason=row.reason,
        evidence=_EVIDENCE.validate_json(row.evidence),
        uid=row.uid,
        done=_DONE.validate_json(row.done),
    )
