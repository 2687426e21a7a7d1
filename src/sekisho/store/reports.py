"""Reports, and what came of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Integer,
    Row,
    and_,
    bindparam,
    delete,
    func,
    or_,
    select,
    update,
)

from sekisho.desk.case_values import Counted, Judgement
from sekisho.desk.records import KeptIncident, KeptReport
from sekisho.desk.report import Format
from sekisho.desk.trust import COUNT, Weight
from sekisho.store.askables import Askables
from sekisho.store.desk_tables import asked, incident, report
from sekisho.store.flags import is_set
from sekisho.store.held_lines import HELD_LINES
from sekisho.store.incident_rows import FOLDED
from sekisho.store.many import Query, adding
from sekisho.store.moments import from_us, to_us
from sekisho.store.reporters import Reporters

_HOUR_US: Final = timedelta(hours=1) // timedelta(microseconds=1)
_FEW: Final = 1_000
_IS_READ: Final = or_(report.c.format.is_not(None), report.c.refusal.is_not(None))

# What each report asks is one statement made once: to make it anew would cost more than to ask it.
_BY_DIGEST: Final = Query(report.c.digest, select(report.c.number), most=1)
_BY_FOLDED: Final = Query(incident.c.folded, select(incident.c.report), most=1)
_ADD: Final = adding(report)
_LAST: Final = select(func.coalesce(func.max(report.c.number), 0))
_COUNTED: Final = (
    select(
        incident.c.party,
        incident.c.weight,
        func.min(incident.c.moment).label("first"),
        func.sum(incident.c.incidents).label("incidents"),
    )
    .where(
        incident.c.case == bindparam("of_case", type_=Integer),
        incident.c.moment >= bindparam("since", type_=BigInteger),
        or_(*(incident.c.weight == one for one in COUNT)),
    )
    .group_by(
        incident.c.party,
        incident.c.weight,
        incident.c.moment // _HOUR_US,
        incident.c.moment >= bindparam("parted", type_=BigInteger),
    )
    .order_by("first", incident.c.party, incident.c.weight)
)
_DOUBTFUL: Final = (
    select(asked.c.report)
    .where(asked.c.report == incident.c.report, asked.c.place == incident.c.place, asked.c.due.is_not(None))
    .correlate(incident)
    .exists()
)
_COUNTED_CERTAIN: Final = _COUNTED.where(~_DOUBTFUL)


class NumberedReport(NamedTuple):
    """A report under its number."""

    number: int
    report: KeptReport


class Forgotten(NamedTuple):
    """How many reports were forgotten, and how many of them nobody had looked at who had to."""

    reports: int
    unseen: int


class Reports(Askables, Reporters):
    """Reports in a transaction."""

    def add_report(self, one: KeptReport) -> tuple[int, bool]:
        """Write a report; return its number, and whether it is new: the same original is written once."""
        for (known,) in self._many.find(_BY_DIGEST, [one.digest]):
            return known, False
        row = {
            "received": to_us(one.received),
            "is_queued": one.is_queued,
            "format": one.format and str(one.format),
            "party": one.party,
            "vouched": one.vouched,
            "refusal": one.refusal,
            "digest": one.digest,
            "original": one.original,
        }
        ((number,),) = self._many.rows(_ADD, **row)
        return number, True

    def report(self, number: int) -> KeptReport | None:
        """Return a report."""
        row = self._connection.execute(select(report).where(report.c.number == number)).one_or_none()
        return None if row is None else read_report(row)

    def queued_reports(
        self, after: int = 0, most: int = _FEW, why: str | None = None
    ) -> tuple[NumberedReport, ...]:
        """Return the next reports that people have to look at, the oldest first, without their originals.

        `why`: words that the reason has to have.
        """
        columns = (column for column in report.c if column is not report.c.original)
        found = (
            select(*columns)
            .where(is_set(report.c.is_queued), _IS_READ, report.c.number > after)
            .order_by(report.c.number)
            .limit(most)
        )
        if why is not None:
            found = found.where(report.c.refusal.contains(why, autoescape=True))
        rows = self._connection.execute(found)
        return tuple(NumberedReport(row.number, read_report(row, with_original=False)) for row in rows)

    def report_seen(self, number: int) -> bool:
        """Write that people have looked at a report; tell whether it was in their queue."""
        return self._take_out(report.c.number == number) > 0

    def reports_seen(self, before: datetime) -> int:
        """Write that people have looked at all in their queue that came before a moment; return how many."""
        return self._take_out(report.c.received < to_us(before))

    def last_report(self) -> int:
        """Return the highest number of a report, 0 where none is kept: numbers begin anew then."""
        return int(self._connection.execute(_LAST).scalar_one())

    def put_doubts(self, number: int, doubts: str | None, *, is_new: bool) -> None:
        """Write why people have to look at a report that was read; None: they do not any more.

        `is_new`: also where they have looked at it.
        """
        values: dict[Any, Any] = {report.c.refusal: doubts}
        if doubts is None or is_new:
            values[report.c.is_queued] = doubts is not None
        self._connection.execute(update(report).where(report.c.number == number).values(values))

    def is_folded(self, key: bytes) -> bool:
        """Tell whether the same was reported before by the same party."""
        return any(True for _ in self._many.find(_BY_FOLDED, [key]))

    def add_incident(self, one: KeptIncident) -> bool:
        """Write what came of an incident; tell whether it counts, and not only for what is known already."""
        is_known = one.folded is not None and self.is_folded(one.folded)
        counts = (one.report, one.place, one.incidents, to_us(one.moment), one.line, one.case)
        because = None if one.because is None else one.because.name
        weight = FOLDED if is_known else one.weight and str(one.weight)
        words = (str(one.found), one.party, because, weight, None)
        self._many.put(incident, [(*counts, *words, None if is_known else one.folded)])
        return not is_known and one.weight in COUNT

    def turn_incident(self, one: KeptIncident) -> None:
        """Write what came of an incident anew, as it is another line's or nobody's by now.

        What people found of its case goes with the case: nothing of it stays with a party that has reported
        nothing else of it.
        """
        mine = and_(incident.c.report == one.report, incident.c.place == one.place)
        before = self._connection.execute(select(incident.c.case, incident.c.judgement).where(mine)).one()
        values = {
            incident.c.line: one.line,
            incident.c.case: one.case,
            incident.c.found: str(one.found),
            incident.c.because: None if one.because is None else one.because.name,
            incident.c.folded: one.folded,
            incident.c.judgement: None,
        }
        others = and_(incident.c.case == before.case, incident.c.weight.in_(COUNT))
        judged = None if before.judgement is None else Judgement(before.judgement)
        if judged is not None:
            self._count_judged(and_(others, incident.c.judgement == judged), judged, -1)
        self._connection.execute(update(incident).where(mine).values(values))
        if judged is not None:
            self._count_judged(and_(others, incident.c.judgement == judged), judged, 1)

    def counted_reports(
        self, case: int, since: datetime, parted: datetime | None = None, *, certain: bool = False
    ) -> tuple[Counted, ...]:
        """Return what counts of a case's incidents from a moment on, folded by party, soundness and hour.

        `parted`: the hour of this moment is two, what was before it and what was from it on. `certain`:
        without those that wait to be asked anew.
        """
        statement = _COUNTED_CERTAIN if certain else _COUNTED
        found = self._many.rows(statement, of_case=case, since=to_us(since), parted=to_us(parted or since))
        return tuple(
            Counted(
                party,
                from_us(first),
                int(incidents),
                is_sound=weight == Weight.SOUND,
                is_claimed=weight == Weight.CLAIMED,
            )
            for party, weight, first, incidents in found
        )

    def forget_reports(self, before: datetime, most: int = _FEW) -> Forgotten:
        """Forget reports that came before a moment, and what came of them.

        What speaks of a line whose evidence is held stays.
        """
        is_held = (
            select(incident.c.report)
            .where(incident.c.report == report.c.number, incident.c.line.in_(HELD_LINES))
            .correlate(report)
            .exists()
        )
        old = (
            select(report.c.number, report.c.is_queued)
            .where(report.c.received < to_us(before), ~is_held)
            .order_by(report.c.received)
            .limit(most)
        )
        found = self._connection.execute(old).all()
        numbers = [one.number for one in found]
        self.forget_askables(numbers)
        self._connection.execute(delete(incident).where(incident.c.report.in_(numbers)))
        self._connection.execute(delete(report).where(report.c.number.in_(numbers)))
        return Forgotten(len(found), sum(bool(one.is_queued) for one in found))

    def _take_out(self, which: ColumnElement[bool]) -> int:
        seen = update(report).where(is_set(report.c.is_queued), _IS_READ, which).values(is_queued=False)
        return self._connection.execute(seen).rowcount


def read_report(row: Row[Any], *, with_original: bool = True) -> KeptReport:
    """Read a row; `with_original`: where it was asked for."""
    return KeptReport(
        received=from_us(row.received),
        digest=row.digest,
        original=row.original if with_original else None,
        format=None if row.format is None else Format(row.format),
        party=row.party,
        vouched=row.vouched,
        refusal=row.refusal,
        is_queued=bool(row.is_queued),
    )
