"""Leases from accounting, by rules under which neither the order nor the repetition of packets counts.

Theory of operation. What a login's packets say is kept as sets and extremes (`Login`), which come out the
same whatever the order in which packets arrive and however often. Its leases are a function of these and
of the NAS's boots (`leases`), computed anew whenever something was added:

    spans     each Start begins a span, unless it repeats one (±2 s, even after a Stop: the network's
              repetition looks so without Event-Timestamp); what was heard before the first Start makes
              a span of its own (a lost Start: the first packet opens)
    end       of a span: its first Stop, the next Start, or the first boot after which it was not heard
              of again; a Stop belongs to the span that it falls into, so a late Start does not reopen, and
              a Stop at the very second of a Start to the span before, while that is open
    address   is held from the first packet that names it, in every span up to the last that does, but for
              those in which others of its kind are named, and none is known to name it

Across logins, on one address, whoever begins later ends whoever was before (`Lease`): a lost Stop is made
good when the address is given anew. So no address has two holders at one moment, by construction.

Sources: RFC 2866, 2869, 3162, 4818.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from operator import itemgetter
from typing import NamedTuple

from sekisho.lines.events import Ending, Event, Kind, Lease, Login, Named
from sekisho.model import Address

# What an event costs grows with the product of both, where a NAS gives one id to all logins.
MOST_TIMES = 16  # Starts, and Stops, of one login: the newest; the leases that began before stay as they are
MOST_ADDRESSES = 64  # of one login, as of one packet; of more, the lowest count, whatever their order
REPETITION = timedelta(seconds=2)  # of a packet that is sent again with another Acct-Delay-Time


_FEW = 64  # comparisons: to hash moments costs more


class _Span(NamedTuple):
    begin: datetime
    limit: datetime | None  # where the next begins
    end: datetime | None
    ending: Ending | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What a batch of events changes: logins to write, leases to remove and to add (in this order)."""

    logins: Mapping[bytes, Login]
    removed: tuple[Lease, ...]
    added: tuple[Lease, ...]
    misfits: int = 0  # addresses that a login has no room for


def decide(
    logins: Mapping[bytes, Login], boots: Mapping[str, Sequence[datetime]], events: Iterable[Event]
) -> Decision:
    """Take events in and tell what changes.

    `logins`: what is known of the events' logins, by key; `boots`: those of the events' NASes, in order.
    """
    states: dict[bytes, list[Login | None]] = {}  # of each login: before, while it was full, and after
    misfits = 0
    for event in events:
        passed = states.setdefault(event.login, [logins.get(event.login)] * 2)
        known = passed[-1]
        if known is not None and known is not passed[-2] and _moves_since(known, event):
            passed.append(known)
        passed[-1] = login = record(known, event)
        there = () if known is None else known.named
        misfits += len({*there, *event.addresses}) - len(login.named) if event.addresses else 0
    removed: list[Lease] = []
    added: list[Lease] = []
    for key, passed in states.items():
        _follow(key, passed, boots, removed, added)
    ends = {key: (passed[0], passed[-1]) for key, passed in states.items()}
    changed = {key: after for key, (before, after) in ends.items() if after is not None and after != before}
    return Decision(changed, tuple(removed), tuple(added), misfits)


def reboot(
    logins: Mapping[bytes, Login], before: Sequence[datetime], after: Sequence[datetime]
) -> tuple[tuple[Lease, ...], tuple[Lease, ...]]:
    """Tell which leases to remove and to add when a NAS's boots become others than before."""
    removed: list[Lease] = []
    added: list[Lease] = []
    for key, login in logins.items():
        gone, come = _difference(tuple(leases(key, login, before)), tuple(leases(key, login, after)))
        removed += gone
        added += come
    return tuple(removed), tuple(added)


def record(login: Login | None, event: Event) -> Login:
    """Add an event to what is known of its login."""
    starts = (event.at,) if event.kind is Kind.START else ()
    stops = (event.at,) if event.kind is Kind.STOP else ()
    if login is None:
        named = _naming({}, event)
        times = (event.at, event.at, event.at)
        return Login(event.nas, event.line, event.rank, *times, starts, stops, named, event.said)
    rank, line_at, line = min((login.rank, login.line_at, login.line), (event.rank, event.at, event.line))
    return Login(
        login.nas,
        line,
        rank,
        line_at,
        first=min(login.first, event.at),
        seen=max(login.seen, event.at),
        starts=_with(login.starts, starts),
        stops=_with(login.stops, stops),
        named=_naming(login.named, event),
        said=max(login.said, event.said),  # of one key they differ only where an older sekisho kept none
    )


def leases(key: bytes, login: Login, boots: Sequence[datetime]) -> Iterator[Lease]:
    """Yield the leases of a login, as far as it decides about them; `boots`: those of its NAS, in order.

    None is empty.
    """
    since, spans = _since(login), _spans(login, boots)
    for span in spans:
        shapes = _shapes(login, span) if len(spans) > 1 else ()  # of one span all of them are
        for address, named in login.named.items():
            first, last, _ = named
            if shapes and _shape(address) in shapes and not _is_said(named, span):
                continue
            begin = max(span.begin, first)
            if last < span.begin or (span.limit is not None and begin >= span.limit):
                continue
            if begin >= since and (span.end is None or begin < span.end):
                yield Lease(address, begin, key, login.line, span.end, span.ending)


def _shapes(login: Login, span: _Span) -> set[tuple[int, int, bool]]:
    """Return the kinds of addresses that are named in a span."""
    return {_shape(address) for address, named in login.named.items() if _is_said(named, span)}


def _is_said(named: Named, span: _Span) -> bool:
    """Tell whether it is known that an address was named in a span: of the times between, nothing is."""
    first, last, _ = named
    return _starts(named, span) or _lies_in(first, span) or _lies_in(last, span)


def _starts(named: Named, span: _Span) -> bool:
    """Tell whether a Start in a span has named an address."""
    index = bisect_left(named.starts, span.begin)
    return index < len(named.starts) and _lies_in(named.starts[index], span)


def _lies_in(moment: datetime, span: _Span) -> bool:
    return span.begin <= moment and (span.limit is None or moment < span.limit)


def _shape(address: Address) -> tuple[int, int, bool]:
    """Return the kind of an address, of which a Start names all that its login has."""
    return len(address.network), address.length, address.port_set is None


def _follow(
    key: bytes,
    states: Sequence[Login | None],
    boots: Mapping[str, Sequence[datetime]],
    removed: list[Lease],
    added: list[Lease],
) -> None:
    """Note what leads from a login's first state to its last, by way of those between."""
    gone: dict[Lease, None] = {}
    come: dict[Lease, None] = {}
    for before, after in pairwise(states):
        if after is None or after == before:
            continue
        less, more = _compare(key, before, after, boots.get(after.nas, ()))
        if len(states) == 2:
            removed += less
            added += more
            return
        _move(less, come, gone)
        _move(more, gone, come)
    removed += gone
    added += come


def _compare(
    key: bytes, before: Login | None, after: Login, boots: Sequence[datetime]
) -> tuple[list[Lease], list[Lease]]:
    since = _since(after)
    old = () if before is None else tuple(one for one in leases(key, before, boots) if one.begin >= since)
    return _difference(old, tuple(leases(key, after, boots)))


def _difference(old: tuple[Lease, ...], new: tuple[Lease, ...]) -> tuple[list[Lease], list[Lease]]:
    """Return which leases are gone, and which have come."""
    if old == new:
        return [], []
    if len(old) * len(new) <= _FEW:
        return [one for one in old if one not in new], [one for one in new if one not in old]
    before, after = set(old), set(new)
    return [one for one in old if one not in after], [one for one in new if one not in before]


def _move(some: Iterable[Lease], away_from: dict[Lease, None], to: dict[Lease, None]) -> None:
    """Note leases as gone or come, unless the same batch did the contrary before."""
    for lease in some:
        if lease in away_from:
            del away_from[lease]
        else:
            to[lease] = None


def _since(login: Login) -> datetime:
    """Return from when on a login's leases are a function of it; those before have all ended."""
    since = login.first
    for times in (login.starts, login.stops):
        if len(times) >= MOST_TIMES:
            since = max(since, times[0])
    return since


def _moves_since(login: Login, event: Event) -> bool:
    """Tell whether an event fills the room for times of its kind, or takes the place of the oldest."""
    times = {Kind.START: login.starts, Kind.STOP: login.stops}.get(event.kind, ())
    return len(times) >= MOST_TIMES - 1 and event.at not in times


def _with(times: tuple[datetime, ...], more: tuple[datetime, ...]) -> tuple[datetime, ...]:
    if not more or more[0] in times:
        return times
    return tuple(sorted((*times, *more)))[-MOST_TIMES:]


def _naming(named: Mapping[Address, Named], event: Event) -> Mapping[Address, Named]:
    if not event.addresses:
        return named
    result = dict(named)
    more = (event.at,) if event.kind is Kind.START else ()
    for address in event.addresses:
        if address in named:
            first, last, starts = named[address]
            result[address] = Named(min(first, event.at), max(last, event.at), _with(starts, more))
        else:
            result[address] = Named(event.at, event.at, more)
    if len(result) > MOST_ADDRESSES:
        return {address: result[address] for address in sorted(result, key=_order)[:MOST_ADDRESSES]}
    return result


def _order(address: Address) -> tuple[int, bytes, int, int]:
    network, length, port_set = address
    return len(network), network, length, -1 if port_set is None else port_set


def _spans(login: Login, boots: Sequence[datetime]) -> list[_Span]:
    begins = _begins(login)
    if len(begins) == 1:  # as almost always: then the first Stop is the span's
        stop = login.stops[0] if login.stops else None
        return [_Span(begins[0], None, *_end(login, begins[0], None, stop, boots))]
    limits = (*begins[1:], None)
    stops = _stops(begins, login.stops)
    return [
        _Span(begin, limit, *_end(login, begin, limit, stop, boots))
        for begin, limit, stop in zip(begins, limits, stops, strict=True)
    ]


def _begins(login: Login) -> list[datetime]:
    """Return when each span begins."""
    begins: list[datetime] = []
    latest: datetime | None = None
    for start in login.starts:
        if latest is None or start - latest > REPETITION:
            begins.append(start)
        latest = start
    if not begins or login.first < begins[0]:
        begins.insert(0, login.first)
    return begins


def _stops(begins: Sequence[datetime], stops: Iterable[datetime]) -> list[datetime | None]:
    """Return the first Stop of each span."""
    first: list[datetime | None] = [None] * len(begins)
    for stop in stops:
        index = max(0, bisect_right(begins, stop) - 1)
        if index and begins[index] == stop and first[index - 1] is None:
            index -= 1
        if first[index] is None:
            first[index] = stop
    return first


def _end(
    login: Login,
    begin: datetime,
    limit: datetime | None,
    stop: datetime | None,
    boots: Sequence[datetime],
) -> tuple[datetime | None, Ending | None]:
    if limit is None and not boots:
        return stop, None if stop is None else Ending.STOP
    ends: list[tuple[datetime, Ending]] = []
    if stop is not None:
        ends.append((stop, Ending.STOP))
    if limit is not None:
        ends.append((limit, Ending.NEXT_LOGIN))
    if boots:
        heard = _heard(login, begin, limit)
        ends += [(boot, Ending.NAS) for boot in boots if boot > begin and boot >= heard][:1]
    return min(ends, key=itemgetter(0), default=(None, None))  # at one moment: the login's own Stop


def _heard(login: Login, begin: datetime, limit: datetime | None) -> datetime:
    """Return when the span was last heard of."""
    times = [begin, login.seen, *login.starts]
    for first, last, _ in login.named.values():
        times += (first, last)
    return max(time for time in times if begin <= time and (limit is None or time < limit))
