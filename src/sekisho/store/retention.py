"""What is older than it may be kept is forgotten, unless an order to keep evidence names its line."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, and_, delete, func, or_, select, update

from sekisho.store.desk_tables import action, desk_case, incident
from sekisho.store.held_lines import HELD_LINES
from sekisho.store.lease_rows import LAST_COLUMNS, read_lease
from sekisho.store.leases import Leases, next_begin
from sekisho.store.logins import Logins
from sekisho.store.many import Query
from sekisho.store.moments import to_us
from sekisho.store.packing import unpack_login
from sekisho.store.schema import (
    boot,
    evidence_hold,
    lease,
    line,
    line_turn,
    login,
    past_lease,
    port_plan,
    relief,
)

_CHUNK = 1_000  # addresses, logins, or lines
_OF_LINES = tuple(  # all that refers to lines; what most lines have stands first
    Query(table.c.line, select(table.c.line), most=1)
    for table in (lease, login, past_lease, relief, evidence_hold, incident, desk_case, action)
)


class AddressChunk(NamedTuple):
    """How many leases were forgotten, and behind which address to go on; None: that was the last."""

    forgotten: int
    after: bytes | None


class LoginChunk(NamedTuple):
    """How many logins were forgotten, and behind which number to go on; None: the others are younger."""

    forgotten: int
    after: int | None


class LineChunk(NamedTuple):
    """How many lines were forgotten, and behind which number to go on; None: that was the last."""

    forgotten: int
    after: int | None


class Retention(Leases, Logins):
    """Forgetting in a transaction."""

    def forget_leases(self, before: datetime, after: bytes = b"", limit: int = _CHUNK) -> AddressChunk:
        """Forget the leases of the next addresses that ended before a moment."""
        some = select(lease.c.address).where(lease.c.address > after).order_by(lease.c.address).limit(limit)
        addresses = self._connection.scalars(some).all()
        if not addresses:
            return AddressChunk(0, None)
        forgotten = self._forget_past(
            to_us(before), past_lease.c.address.between(addresses[0], addresses[-1])
        )
        last = select(*LAST_COLUMNS).where(
            lease.c.address.between(addresses[0], addresses[-1]),
            lease.c.end < to_us(before),
            lease.c.line.not_in(HELD_LINES),
        )
        ended = [read_lease(row) for row in self._connection.execute(last)]
        self.change_leases(ended, ())
        return AddressChunk(forgotten + len(ended), addresses[-1] if len(addresses) == limit else None)

    def forget_logins(self, before: datetime, after: int = 0, limit: int = _CHUNK) -> LoginChunk:
        """Forget the next logins, in the order of their coming, that were not heard of since a moment.

        One that still holds an address stays.
        """
        some = (
            select(login.c.number, login.c.key, login.c.nas, login.c.line, login.c.packed)
            .where(login.c.number > after)
            .order_by(login.c.number)
            .limit(limit)
        )
        rows = self._connection.execute(some).all()
        held = set(self._connection.scalars(HELD_LINES))
        logins = {row.key: unpack_login(row.nas, row.line, row.packed) for row in rows}
        old = {key: one for key, one in logins.items() if one.seen < before and one.line not in held}
        last = self.latest(address for one in old.values() for address in one.named)
        holding = {one.login for one in last.values() if one.end is None}
        gone = old.keys() - holding
        self._many.remove(login, [(key,) for key in gone])
        is_last = len(rows) < limit or all(one.first >= before for one in logins.values())
        return LoginChunk(len(gone), None if is_last else rows[-1].number)

    def forget_others(self, before: datetime) -> int:
        """Forget the boots, how addresses were shared, and whose lines were, before a moment; all are few.

        While there is an order to keep evidence, all boots stay: they have ended logins that are kept.
        """
        moment = to_us(before)
        later = port_plan.alias()
        replaced = (
            select(later.c.begin)
            .where(
                later.c.network == port_plan.c.network,
                later.c.begin > port_plan.c.begin,
                later.c.begin < moment,
            )
            .correlate(port_plan)
            .exists()
        )
        boots = delete(boot).where(boot.c.at < moment, boot.c.worked_off.is_(None), ~HELD_LINES.exists())
        turns = delete(line_turn).where(line_turn.c.at < moment)
        statements = (boots, turns, delete(port_plan).where(replaced))
        return sum(self._connection.execute(statement).rowcount for statement in statements)

    def forget_decisions(self, before: datetime) -> int:
        """Forget the reliefs and the orders to keep evidence that ended before a moment."""
        moment = to_us(before)
        ended = func.coalesce(relief.c.ended, relief.c.until) < moment
        statements = (
            delete(relief).where(ended),
            delete(evidence_hold).where(evidence_hold.c.released < moment),
        )
        return sum(self._connection.execute(statement).rowcount for statement in statements)

    def keeps_evidence(self) -> bool:
        """Tell whether there is a line of which nothing may be forgotten."""
        return bool(self._connection.execute(select(HELD_LINES.exists())).scalar_one())

    def forget_lines(self, after: int = -1, limit: int = _CHUNK) -> LineChunk:
        """Forget the next lines, in the order of their numbers, of which nothing is kept but their names."""
        some = (
            select(line.c.number, line.c.class_name, line.c.fixed)
            .where(line.c.number > after)
            .order_by(line.c.number)
            .limit(limit)
        )
        rows = self._connection.execute(some).all()
        gone = {row.number for row in rows if row.class_name is None and not row.fixed}
        for query in _OF_LINES:
            gone -= {number for (number,) in self._many.find(query, gone)}
        self._many.remove(line, [(number,) for number in gone])
        return LineChunk(len(gone), rows[-1].number if len(rows) == limit else None)

    def _forget_past(self, before: int, addresses: ColumnElement[bool]) -> int:
        """Forget past leases; those that are kept get the end that the next, which goes, has given them."""
        following = next_begin(past_lease)
        old = and_(addresses, past_lease.c.begin < before)
        self._connection.execute(
            update(past_lease)
            .where(
                old,
                past_lease.c.line.in_(HELD_LINES),
                following < before,
                or_(past_lease.c.end.is_(None), past_lease.c.end > following),
            )
            .values(end=following, ending=None)
        )
        ended = or_(past_lease.c.end < before, following < before)
        statement = delete(past_lease).where(old, ended, past_lease.c.line.not_in(HELD_LINES))
        return self._connection.execute(statement).rowcount
