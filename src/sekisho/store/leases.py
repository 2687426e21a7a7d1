"""Leases with their history, and who holds what now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import chain
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    FromClause,
    LargeBinary,
    Select,
    bindparam,
    select,
    tuple_,
)

from sekisho.lines.events import Ending, Holding, Lease
from sekisho.model import Address
from sekisho.store.door import Door
from sekisho.store.many import Query, Row
from sekisho.store.moments import from_us, to_us
from sekisho.store.packing import pack_address, unpack_address
from sekisho.store.schema import holding, lease, shape

ENDINGS: Final = (Ending.STOP, Ending.NEXT_LOGIN, Ending.NAS, Ending.LIST, Ending.RELEASE)  # by number
_NUMBERS: Final = {ending: number for number, ending in enumerate(ENDINGS)}
_MOST_WITHIN = 1_000  # leases of one address within the skew of a look-up
_CHUNK = 10_000  # rows that a stream reads ahead

_COLUMNS: Final = tuple(lease.c[name] for name in ("address", "begin", "login", "line", "end", "ending"))


def _latest_first(*conditions: ColumnElement[bool]) -> Select[Any]:
    return select(*_COLUMNS).where(*conditions).order_by(lease.c.begin.desc(), lease.c.login.desc())


def next_begin(of: FromClause) -> ColumnElement[int]:
    """Return when the next lease of the same address begins, as a part of a statement about leases."""
    later = lease.alias()
    return (
        select(later.c.begin)
        .where(
            later.c.address == of.c.address,
            tuple_(later.c.begin, later.c.login) > tuple_(of.c.begin, of.c.login),
        )
        .order_by(later.c.begin, later.c.login)
        .limit(1)
        .correlate(of)
        .scalar_subquery()
    )


_SINCE, _UNTIL = bindparam("since", type_=BigInteger), bindparam("until", type_=BigInteger)
_LATEST = Query(LargeBinary(), lambda key: _latest_first(lease.c.address == key).limit(1))
_LAST_BY = Query(
    LargeBinary(), lambda key: _latest_first(lease.c.address == key, lease.c.begin <= _SINCE).limit(1)
)
_WITHIN = Query(
    LargeBinary(),
    lambda key: _latest_first(lease.c.address == key, lease.c.begin > _SINCE, lease.c.begin <= _UNTIL).limit(
        _MOST_WITHIN
    ),
)
_HOLDING = Query(
    LargeBinary(),
    lambda key: select(holding.c.address, holding.c.line, holding.c.login, holding.c.static).where(
        holding.c.address == key
    ),
)
_HELD_BY = Query(
    BigInteger(), lambda key: select(holding.c.line, holding.c.address).where(holding.c.line == key)
)
_ALL_HOLDINGS = select(holding.c.address, holding.c.line).execution_options(yield_per=_CHUNK)
_OF_LINE = (
    select(*_COLUMNS, next_begin(lease))
    .where(lease.c.line == bindparam("number"))
    .order_by(lease.c.begin, lease.c.address)
)
_SHAPES = select(shape.c.size, shape.c.length)


class Leases(Door):
    """Leases and holdings in a transaction."""

    def change_leases(self, removed: Iterable[Lease], added: Iterable[Lease]) -> None:
        """Delete leases as far as they are there, then write others in place of those with their keys."""
        self._many.remove(
            lease, [(pack_address(one.address), to_us(one.begin), one.login) for one in removed]
        )
        rows = {(one.address, one.begin, one.login): _lease_row(one) for one in added}
        self._many.put(lease, list(rows.values()))
        self._many.put(shape, list({(len(one[0].network), one[0].length) for one in rows}))

    def latest(self, addresses: Iterable[Address]) -> dict[Address, Lease]:
        """Return the last lease of each address, by (begin, login)."""
        found = self._many.find(_LATEST, map(pack_address, addresses))
        return {one.address: one for one in map(_lease, found)}

    def leases_at(
        self, addresses: Collection[Address], at: datetime, skew: timedelta
    ) -> dict[Address, tuple[Lease, ...]]:
        """Return of each address the leases that may decide who held it at a moment, latest first.

        These are all that begin within the skew around the moment, and the last that began before.
        """
        keys = [pack_address(address) for address in addresses]
        since, until = to_us(at - skew), to_us(at + skew)
        within = self._many.find(_WITHIN, keys, since=since, until=until)
        found: defaultdict[Address, list[Lease]] = defaultdict(list)
        for one in map(_lease, chain(within, self._many.find(_LAST_BY, keys, since=since))):
            found[one.address].append(one)
        return {address: tuple(found[address]) for address in addresses}

    def leases_of(self, line: int, since: datetime) -> Iterator[Lease]:
        """Yield the leases of a line that ended after a moment or go on, with their effective ends.

        One that the next holder's has ended has an end and no ending. In the order of their begins.
        """
        for *row, following in self._connection.execute(_OF_LINE, {"number": line}):
            one = _lease(row)
            if following is not None and (one.end is None or from_us(following) < one.end):
                one = one._replace(end=from_us(following), ending=None)
            if one.end is None or max(one.begin, since) < one.end:
                yield one

    def shapes(self) -> frozenset[tuple[int, int]]:
        """Return which (bytes of the network, prefix length) occur, so that a look-up tries only these."""
        return frozenset((size, length) for size, length in self._connection.execute(_SHAPES))

    def holdings(self, addresses: Iterable[Address]) -> dict[Address, Holding]:
        """Return who holds addresses now."""
        return {
            unpack_address(key): Holding(line, login, bool(static))
            for key, line, login, static in self._many.find(_HOLDING, map(pack_address, addresses))
        }

    def put_holdings(self, holdings: Mapping[Address, Holding | None]) -> None:
        """Write who holds addresses now; None: nobody."""
        gone = [(pack_address(address),) for address, one in holdings.items() if one is None]
        self._many.remove(holding, gone)
        self._many.put(
            holding,
            [
                (one.line, one.static, pack_address(address), one.login)
                for address, one in holdings.items()
                if one is not None
            ],
        )

    def all_holdings(self) -> Iterator[tuple[Address, int]]:
        """Yield every address that is held now, with its line's number."""
        for key, line in self._connection.execute(_ALL_HOLDINGS):
            yield unpack_address(key), line

    def holdings_of(self, lines: Iterable[int]) -> dict[int, tuple[Address, ...]]:
        """Return what lines hold now; those that hold nothing are left out."""
        found: defaultdict[int, list[Address]] = defaultdict(list)
        for line, key in self._many.find(_HELD_BY, lines):
            found[line].append(unpack_address(key))
        return {line: tuple(addresses) for line, addresses in found.items()}


def _lease_row(one: Lease) -> Row:
    ending = None if one.ending is None else _NUMBERS[one.ending]
    return to_us(one.begin), one.line, to_us(one.end), ending, pack_address(one.address), one.login


def _lease(row: Sequence[Any]) -> Lease:
    key, begin, login, line, end, ending = row
    return Lease(
        unpack_address(key),
        from_us(begin),
        login,
        line,
        from_us(end),
        None if ending is None else ENDINGS[ending],
    )
