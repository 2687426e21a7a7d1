"""Which incidents are to be asked anew: marked in the transaction that changes the leases they stand on.

What is asked is packed as JSON: `same` and addresses in hexadecimal, moments and the skew in microseconds.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from sqlalchemy import ColumnElement, Integer, and_, bindparam, delete, insert, select, update
from sqlalchemy.types import BigInteger

from sekisho.desk.attribute import Question
from sekisho.desk.records import Askable, KeptIncident
from sekisho.desk.trust import COUNT
from sekisho.model import Address
from sekisho.store.desk_tables import asked, asked_under, incident, report
from sekisho.store.door import Door
from sekisho.store.held_lines import HELD_LINES
from sekisho.store.incident_rows import read_incident
from sekisho.store.many import Query
from sekisho.store.moments import from_us, to_us
from sekisho.store.packing import pack_address, unpack_address

_US: Final = timedelta(microseconds=1)
_FEW: Final = 1_000
_OF_ONE: Final = (
    asked.c.report == bindparam("of_report", type_=Integer),
    asked.c.place == bindparam("of_place", type_=Integer),
)
_ADD: Final = insert(asked).values({one: bindparam(one.name) for one in asked.c})
_PUT_DUE: Final = update(asked).where(*_OF_ONE).values(due=bindparam("at", type_=BigInteger))
_TOUCHED: Final = 0  # µs: before any moment
_UNDER: Final = Query(
    asked_under.c.address,
    select(*asked_under.c).where(asked_under.c.until >= bindparam("since", type_=BigInteger)),
)
_WITH_INCIDENT: Final = select(*incident.c, asked.c.packed, asked.c.due).join(
    incident, and_(incident.c.report == asked.c.report, incident.c.place == asked.c.place)
)


class AskedAnew(NamedTuple):
    """An incident, and what it takes to ask anew whose it is; `has_waited`: it was asked, and put off."""

    incident: KeptIncident
    askable: Askable
    has_waited: bool


class Askables(Door):
    """What can be asked anew, in a transaction."""

    def put_askable(self, number: int, place: int, one: Askable) -> None:
        """Write what it takes to ask anew whose an incident is."""
        self._many.change(_ADD, report=number, place=place, due=None, packed=_pack(one))
        self._many.put(asked_under, list(_under(number, place, one)))

    def touch(self, since: Mapping[Address, datetime]) -> None:
        """Mark the incidents that leases have a say in which are others, of each address from a moment on."""
        if not since:
            return
        moments = {pack_address(address): to_us(moment) for address, moment in since.items()}
        for until, number, place, address in list(
            self._many.find(_UNDER, moments, since=min(moments.values()))
        ):
            if until >= moments[address]:
                self._many.change(_PUT_DUE, of_report=number, of_place=place, at=_TOUCHED)

    def touch_case(self, case: int) -> None:
        """Mark the incidents of a case but for those that wait to be asked."""
        mine = select(incident.c.place).where(
            incident.c.report == asked.c.report, incident.c.place == asked.c.place, incident.c.case == case
        )
        numbers = select(incident.c.report).where(incident.c.case == case)
        statement = update(asked).where(
            asked.c.due.is_(None), asked.c.report.in_(numbers), mine.correlate(asked).exists()
        )
        self._connection.execute(statement.values(due=_TOUCHED))

    def put_asked(self, one: KeptIncident, due: datetime | None = None) -> None:
        """Write that an incident was asked anew, and when to ask once more, if it is put off."""
        self._many.change(_PUT_DUE, of_report=one.report, of_place=one.place, at=to_us(due))

    def touched(self, now: datetime, most: int) -> tuple[AskedAnew, ...]:
        """Return the next incidents that are to be asked anew, in the order of their reports."""
        due = _WITH_INCIDENT.where(asked.c.due <= to_us(now))
        found = due.order_by(asked.c.due, asked.c.report, asked.c.place)
        return tuple(map(_read, self._connection.execute(found.limit(most))))

    def askables_of(self, case: int, most: int = _FEW) -> tuple[AskedAnew, ...]:
        """Return the incidents of a case that count and can be asked anew, the latest first."""
        mine = and_(incident.c.case == case, incident.c.weight.in_(COUNT))
        found = _WITH_INCIDENT.where(mine).order_by(incident.c.moment.desc()).limit(most)
        return tuple(map(_read, self._connection.execute(found)))

    def forget_askable(self, number: int, place: int) -> None:
        """Forget what it takes to ask anew whose an incident is."""
        self._forget(and_(asked.c.report == number, asked.c.place == place))

    def forget_askables(self, numbers: Iterable[int]) -> None:
        """Forget what it takes to ask anew whose the incidents of reports are."""
        self._forget(asked.c.report.in_(tuple(numbers)))

    def forget_addresses(self, before: datetime, most: int = _FEW) -> int:
        """Forget of reports that came before a moment of which address they speak; return of how many.

        Those about a line whose evidence is held stay.
        """
        is_held = (
            select(incident.c.report)
            .where(incident.c.report == report.c.number, incident.c.line.in_(HELD_LINES))
            .correlate(report)
        )
        can_be_asked = select(asked.c.report).where(asked.c.report == report.c.number).correlate(report)
        old = (
            select(report.c.number)
            .where(report.c.received < to_us(before), can_be_asked.exists(), ~is_held.exists())
            .order_by(report.c.received)
            .limit(most)
        )
        numbers = self._connection.scalars(old).all()
        self.forget_askables(numbers)
        return len(numbers)

    def _forget(self, of_them: ColumnElement[bool]) -> None:
        for row in self._connection.execute(select(asked).where(of_them)).all():
            keys = [
                (key, until, number, place)
                for until, number, place, key in _under(row.report, row.place, _unpack(row.packed))
            ]
            self._many.remove(asked_under, keys)
        self._connection.execute(delete(asked).where(of_them))


def _under(number: int, place: int, one: Askable) -> Iterator[tuple[int, int, int, bytes]]:
    until = to_us(one.until)
    return ((until, number, place, key) for key in _keys(one))


def _keys(one: Askable) -> list[bytes]:
    return sorted(map(pack_address, one.under))


def _pack(one: Askable) -> str:
    first = one.questions[0]
    return json.dumps(
        {
            "same": one.same.hex(),
            "by_hand": one.by_hand,
            "network": first.network.hex(),
            "skew": first.skew // _US,
            "asked": [(to_us(question.at), question.port) for question in one.questions],
            "under": [key.hex() for key in _keys(one)],
        },
        separators=(",", ":"),
    )


def _unpack(packed: str) -> Askable:
    one: dict[str, Any] = json.loads(packed)
    network, skew = bytes.fromhex(one["network"]), one["skew"] * _US
    return Askable(
        tuple(Question(network, port, from_us(at), skew) for at, port in one["asked"]),
        frozenset(unpack_address(bytes.fromhex(key)) for key in one["under"]),
        bytes.fromhex(one["same"]),
        one["by_hand"],
    )


def _read(row: Any) -> AskedAnew:
    return AskedAnew(read_incident(row), _unpack(row.packed), has_waited=bool(row.due))
