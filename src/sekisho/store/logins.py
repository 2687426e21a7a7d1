"""Logins, as accounting tells of them, and the boots of their NASes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import BigInteger, Connection, bindparam, not_, select, update

from sekisho.lines.events import Boot, Login, OpenLogin
from sekisho.store.door import Door
from sekisho.store.flags import is_set
from sekisho.store.many import Query, Row
from sekisho.store.moments import from_us, to_us
from sekisho.store.packing import pack_login, unpack_address, unpack_login
from sekisho.store.schema import boot, lease, login

_BEFORE_ALL = 0  # every login's number is above

_COLUMNS = (login.c.key, login.c.nas, login.c.line, login.c.packed)
_LOGIN = Query(login.c.key, select(*_COLUMNS))
_LOGGED_IN = (
    select(lease.c.login, lease.c.address, lease.c.begin, login.c.nas, login.c.packed)
    .join_from(lease, login, login.c.key == lease.c.login, isouter=True)
    .where(lease.c.line == bindparam("number", type_=BigInteger), lease.c.end.is_(None), not_(lease.c.static))
    .order_by(lease.c.begin, lease.c.address)
)
_BOOTS = Query(boot.c.nas, select(boot.c.nas, boot.c.at).order_by(boot.c.at))
_PENDING = (
    select(boot.c.nas, boot.c.worked_off)
    .where(boot.c.worked_off.is_not(None))
    .order_by(boot.c.at, boot.c.nas)
    .limit(1)
)


class PendingBoot(NamedTuple):
    """Boots of a NAS that are not worked off yet, with the next of its logins that they may have ended.

    Many that came meanwhile are worked off together, so that a NAS that boots and boots starves nobody.
    """

    nas: str
    moments: tuple[datetime, ...]
    logins: Mapping[bytes, Login]


class Logins(Door):
    """Logins and boots in a transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._line_of: dict[bytes, int] = {}  # as far as logins were read

    def logins(self, keys: Iterable[bytes]) -> dict[bytes, Login]:
        """Return what is known of logins."""
        found = {
            key: unpack_login(nas, line, packed) for key, nas, line, packed in self._many.find(_LOGIN, keys)
        }
        self._line_of |= {key: one.line for key, one in found.items()}
        return found

    def logins_of(self, line: int) -> tuple[OpenLogin, ...]:
        """Return the logins by which a line holds addresses now, as no list says, the earliest first."""
        found: dict[bytes, OpenLogin] = {}
        for key, address, begin, nas, packed in self._connection.execute(_LOGGED_IN, {"number": line}):
            known = None if packed is None else unpack_login(nas, line, packed)
            one = found.setdefault(key, OpenLogin(key, from_us(begin), (), known))
            found[key] = one._replace(addresses=(*one.addresses, unpack_address(address)))
        return tuple(found.values())

    def put_logins(self, logins: Mapping[bytes, Login]) -> None:
        """Write logins in place of what was known of them."""
        rows: list[Row] = []
        same_line: list[Row] = []
        for key, one in logins.items():
            kept = same_line if self._line_of.get(key) == one.line else rows
            kept.append((one.line, not is_settled(one), key, one.nas, pack_login(one)))
            self._line_of[key] = one.line
        self._many.put(login, rows)
        self._many.put(login, same_line, same=frozenset({"line"}))

    def boots(self, nases: Iterable[str]) -> dict[str, tuple[datetime, ...]]:
        """Return when NASes booted, in order; those that never did are left out."""
        found: defaultdict[str, list[datetime]] = defaultdict(list)
        for nas, at in self._many.find(_BOOTS, nases):
            found[nas].append(from_us(at))
        return {nas: tuple(moments) for nas, moments in found.items()}

    def add_boots(self, boots: Iterable[Boot]) -> None:
        """Write boots, to be worked off; those that are known change nothing."""
        known = self.boots({one.nas for one in boots})
        rows = {
            (to_us(one.at), one.nas, _BEFORE_ALL) for one in boots if one.at not in known.get(one.nas, ())
        }
        self._many.put(boot, list(rows))

    def pending_boot(self, limit: int) -> PendingBoot | None:
        """Take up to `limit` logins of boots that are not worked off, None where there is none such.

        They count as worked off when the transaction has ended; whoever asks does it before.
        """
        found = self._connection.execute(_PENDING).one_or_none()
        if found is None:
            return None
        nas, after = found
        together = boot.c.nas == nas, boot.c.worked_off == after
        moments = self._connection.scalars(select(boot.c.at).where(*together)).all()
        statement = (
            select(*_COLUMNS, login.c.number)
            .where(login.c.nas == nas, is_set(login.c.unsettled), login.c.number > after)
            .order_by(login.c.number)
            .limit(limit)
        )
        rows = self._connection.execute(statement).all()
        worked_off = rows[-1].number if len(rows) == limit else None
        self._connection.execute(update(boot).where(*together).values(worked_off=worked_off))
        logins = {key: unpack_login(nas, line, packed) for key, nas, line, packed, _ in rows}
        return PendingBoot(nas, tuple(map(from_us, moments)), logins)


def is_settled(login: Login) -> bool:
    """Tell whether no boot can change the leases of a login: it has one span, and that has its Stop."""
    one_span = not login.starts or login.starts == (login.first,)
    return one_span and bool(login.stops)
