"""Leases with their history, and who holds what now.

The last lease of each address has a table of its own: whoever comes online reads and writes one row of it,
and moves one into the past. Nobody reads a hundred million rows to learn who holds what.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from itertools import chain

from sqlalchemy import (
    BigInteger,
    ColumnElement,
    Connection,
    FromClause,
    bindparam,
    func,
    null,
    select,
    tuple_,
    union_all,
)

from sekisho.lines.changed import changed_since
from sekisho.lines.events import Holding, Lease
from sekisho.model import Address
from sekisho.store.askables import Askables
from sekisho.store.lease_rows import (
    LAST_COLUMNS,
    PAST_COLUMNS,
    Edit,
    edits,
    followed,
    key_of,
    last_row,
    past_key,
    past_row,
    read_lease,
)
from sekisho.store.many import Query, Row
from sekisho.store.moments import from_us, to_us
from sekisho.store.packing import WHOLE_SIZES, pack_address, unpack_address
from sekisho.store.schema import lease, past_lease, shape

_MOST_WITHIN = 1_000  # leases of one address within the skew of a look-up
_CHUNK = 10_000  # rows that a stream reads ahead


def next_begin(of: FromClause) -> ColumnElement[int]:
    """Return when the lease after a past one begins, as a part of a statement about past leases."""
    later = past_lease.alias()
    in_past = (
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
    last = select(lease.c.begin).where(lease.c.address == of.c.address).correlate(of).scalar_subquery()
    return func.coalesce(in_past, last)


_SINCE, _UNTIL = bindparam("since", type_=BigInteger), bindparam("until", type_=BigInteger)
_PAST = select(*PAST_COLUMNS)
_EARLIEST_FIRST = _PAST.order_by(past_lease.c.begin, past_lease.c.login)
_LATEST_FIRST = _PAST.order_by(past_lease.c.begin.desc(), past_lease.c.login.desc())
_LAST = Query(lease.c.address, select(*LAST_COLUMNS, lease.c.static))
_LAST_PAST = Query(past_lease.c.address, _LATEST_FIRST, most=1)
_PAST_AFTER = Query(past_lease.c.address, _EARLIEST_FIRST.where(past_lease.c.begin > _UNTIL), most=1)
_PAST_BY = Query(past_lease.c.address, _LATEST_FIRST.where(past_lease.c.begin <= _SINCE), most=1)
_PAST_WITHIN = Query(
    past_lease.c.address,
    _LATEST_FIRST.where(past_lease.c.begin > _SINCE, past_lease.c.begin <= _UNTIL),
    most=_MOST_WITHIN,
)
_HELD_BY = Query(lease.c.line, select(lease.c.line, lease.c.address).where(lease.c.end.is_(None)))
_HELD = select(lease.c.address, lease.c.line).where(lease.c.end.is_(None)).execution_options(yield_per=_CHUNK)
_STATIC = select(*LAST_COLUMNS).where(lease.c.static, lease.c.end.is_(None))
_STATIC_SHARES = _STATIC.where(func.length(lease.c.address).not_in(WHOLE_SIZES))
_NUMBER = bindparam("number", type_=BigInteger)
_OF_LINE = union_all(
    select(*PAST_COLUMNS, next_begin(past_lease)).where(past_lease.c.line == _NUMBER),
    select(*LAST_COLUMNS, null()).where(lease.c.line == _NUMBER),
).order_by("begin", "address")
_SHAPES = select(shape.c.size, shape.c.length)


class Leases(Askables):
    """Leases in a transaction."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(connection)
        self._last: dict[Address, Lease | None] = {}  # as far as they were read
        self._static: dict[Address, bool] = {}
        self._before: dict[Address, Holding | None] = {}  # of addresses whose leases this has changed

    def change_leases(self, removed: Iterable[Lease], added: Iterable[Lease]) -> None:
        """Delete leases as far as they are there, then write others in place of those with their keys.

        Marks the incidents whose line may be another by that.
        """
        gone, new = list(removed), list(added)
        changes = edits(gone, new)
        self.touch(changed_since(gone, new))
        self._read(changes)
        for address in changes:
            self._before.setdefault(address, self._holding(address))
        known = self._take_away(changes)
        past: list[Lease] = []
        last: dict[Address, Lease | None] = {}
        for address, edit in changes.items():
            last[address], of_past = followed(edit, known[address])
            past += of_past
        self._many.put(past_lease, [past_row(one) for one in past])
        self._write_last({address: one for address, one in last.items() if one != self._last[address]})
        shapes = {(len(address.network), address.length) for address, edit in changes.items() if edit.new}
        self._many.put(shape, sorted(shapes))

    def latest(self, addresses: Iterable[Address]) -> dict[Address, Lease]:
        """Return the last lease of each address, by (begin, login)."""
        wanted = set(addresses)
        self._read(wanted)
        return {address: one for address in wanted if (one := self._last[address]) is not None}

    def leases_at(
        self, addresses: Collection[Address], at: datetime, skew: timedelta
    ) -> dict[Address, tuple[Lease, ...]]:
        """Return of each address the leases that may decide who held it at a moment, latest first.

        These are all that begin within the skew around the moment, and the last that began before. Of those
        that began later there are some, so that each of these shows its effective end.
        """
        since, until = at - skew, at + skew
        last = self.latest(addresses)
        found = {address: [last[address]] if address in last else [] for address in addresses}
        further = [pack_address(address) for address, one in last.items() if one.begin > since]
        span = {"since": to_us(since), "until": to_us(until)}
        queries = (self._many.find(query, further, **span) for query in (_PAST_AFTER, _PAST_WITHIN, _PAST_BY))
        for one in map(read_lease, chain.from_iterable(queries)):
            found[one.address].append(one)
        return {address: tuple(leases) for address, leases in found.items()}

    def leases_of(self, line: int, since: datetime) -> Iterator[Lease]:
        """Yield the leases of a line that ended after a moment or go on, with their effective ends.

        One that the next holder's has ended has an end and no ending. In the order of their begins.
        """
        for *row, following in self._connection.execute(_OF_LINE, {"number": line}).all():
            one = read_lease(row)
            if following is not None and (one.end is None or from_us(following) < one.end):
                one = one._replace(end=from_us(following), ending=None)
            if one.end is None or max(one.begin, since) < one.end:
                yield one

    def shapes(self) -> frozenset[tuple[int, int]]:
        """Return which (bytes of the network, prefix length) occur, so that a look-up tries only these."""
        return frozenset((size, length) for size, length in self._many.rows(_SHAPES))

    def holdings(self, addresses: Iterable[Address]) -> dict[Address, Holding]:
        """Return who held addresses when the transaction began, or holds them since `put_holdings`."""
        wanted = set(addresses)
        self._read(wanted)
        held = {
            address: self._before[address] if address in self._before else self._holding(address)
            for address in wanted
        }
        return {address: one for address, one in held.items() if one is not None}

    def put_holdings(self, holdings: Mapping[Address, Holding | None]) -> None:
        """Take over who holds addresses now, as `latest` tells; write which of them a static list gives.

        Nothing of these addresses is kept in mind: a list may bring a million in one transaction.
        """
        self._read(holdings)
        for address in holdings:
            self._before.pop(address, None)
        static = {
            address: one.static
            for address, one in holdings.items()
            if one is not None and one.static != self._static[address]
        }
        self._static |= static
        self._write_last({address: self._last[address] for address in static})
        for address in holdings:
            del self._last[address], self._static[address]

    def all_holdings(self) -> Iterator[tuple[Address, int]]:
        """Yield every address that is held now, with its line's number."""
        with self._connection.execute(_HELD) as rows:
            for key, line in rows:
                yield unpack_address(key), line

    def static_leases(self) -> Iterator[Lease]:
        """Yield the leases in force that static lists give."""
        for row in self._connection.execute(_STATIC.execution_options(yield_per=_CHUNK)):
            yield read_lease(row)

    def static_shares(self) -> Iterator[Lease]:
        """Yield those of them that are shares of an IPv4 address."""
        for row in self._connection.execute(_STATIC_SHARES):
            yield read_lease(row)

    def holdings_of(self, lines: Iterable[int]) -> dict[int, tuple[Address, ...]]:
        """Return what lines hold now; those that hold nothing are left out."""
        found: defaultdict[int, list[Address]] = defaultdict(list)
        for line, key in self._many.find(_HELD_BY, lines):
            found[line].append(unpack_address(key))
        return {line: tuple(addresses) for line, addresses in found.items()}

    def _holding(self, address: Address) -> Holding | None:
        one = self._last[address]
        if one is None or one.end is not None:
            return None
        return Holding(one.line, one.login, self._static[address])

    def _read(self, addresses: Iterable[Address]) -> None:
        """Read the last leases of addresses, each once in a transaction."""
        unread = [address for address in addresses if address not in self._last]
        self._last |= dict.fromkeys(unread)
        self._static |= dict.fromkeys(unread, False)
        for *row, static in self._many.find(_LAST, map(pack_address, unread)):
            one = read_lease(row)
            self._last[one.address], self._static[one.address] = one, bool(static)

    def _take_away(self, changes: Mapping[Address, Edit]) -> dict[Address, Lease | None]:
        """Delete what is gone from the past; return the last leases that are left, taken out of the past."""
        known = {address: self._last[address] for address in changes}
        gone = [
            past_key(address, key)
            for address, edit in changes.items()
            for key in edit.gone_but(known[address])
        ]
        self._many.remove(past_lease, gone)
        lost = [address for address, edit in changes.items() if edit.loses(known[address])]
        known |= dict.fromkeys(lost)
        risen = [read_lease(row) for row in self._many.find(_LAST_PAST, map(pack_address, lost))]
        self._many.remove(past_lease, [past_key(one.address, key_of(one)) for one in risen])
        return known | {one.address: one for one in risen}

    def _write_last(self, last: Mapping[Address, Lease | None]) -> None:
        gone: list[Row] = []
        new: list[Row] = []
        same_line: list[Row] = []
        for address, after in last.items():
            before = self._last[address]
            self._last[address] = after
            if before is None or after is None or key_of(before) != key_of(after):
                self._static[address] = False
            if after is None:
                gone.append((pack_address(address),))
            elif before is None or before.line != after.line:
                new.append(last_row(after, static=self._static[address]))
            else:
                same_line.append(last_row(after, static=self._static[address]))
        self._many.remove(lease, gone)
        self._many.put(lease, new)
        self._many.put(lease, same_line, same=frozenset({"line"}))
