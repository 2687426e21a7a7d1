"""What becomes of the datagrams that reach the accounting server.

    batch = reception.admit(datagrams, received, now_seconds)
    …                               # make batch.events durable, send batch.replies
    reception.settle(batch, durable=True, now_seconds)

A request is answered when its event is durable, and at once where there is nothing to keep: were that not
acknowledged, its sender's spool would stand still behind it for ever. What is not authenticated is dropped.
Answers are remembered for the requests that are sent again (RFC 5080 §2.2.2), and of those that could not
be made durable, when they came first: without a timestamp of its own an event is as old as its first copy.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from ipaddress import ip_address
from typing import Any, Final, NamedTuple

from sekisho.lines.events import Boot, Heard
from sekisho.lines.radius import Naming, UnparsableError, read_record, tell, time_of
from sekisho.lines.radius_packet import (
    HEADER_BYTES,
    STATUS_SERVER,
    ForgedError,
    MalformedError,
    Request,
    UnexpectedError,
    answer,
    read_request,
)
from sekisho.model import Address, Network

REMEMBERED: Final = 65_536  # requests
REMEMBERED_BYTES: Final = 32 << 20  # of all of them, with their answers: Proxy-States can be long
_OVERHEAD_BYTES: Final = 600  # of one request in memory, beside its answer (measured)
REMEMBERED_SECONDS: Final = 30.0  # a NAS that starts anew may send the very same packet, and means it

Source = tuple[Any, ...]  # as a socket tells it: address, port, and what more IPv6 has


class Count(StrEnum):
    """What became of a datagram; NOT_IN_POOLS and CLOCK are counted besides."""

    TAKEN = "taken"  # durable, and acknowledged
    IGNORED = "ignored"  # acknowledged: an Acct-Status-Type that says nothing of addresses
    UNPARSABLE = "unparsable"  # acknowledged: nothing could be kept of it
    DUPLICATE = "duplicate"  # sent again, answered again
    STATUS = "status"  # a Status-Server, answered
    NOT_DURABLE = "not_durable"  # not acknowledged: the store did not take it
    UNKNOWN_CLIENT = "unknown_client"  # dropped, and so are those below
    MALFORMED = "malformed"
    UNEXPECTED = "unexpected"  # another kind of packet, as an Access-Request
    FORGED = "forged"  # an authenticator does not fit: mostly another secret
    NOT_THEIRS = "not_theirs"  # acknowledged, not kept: of a NAS that is not the client's
    NOT_IN_POOLS = "not_in_pools"  # of its addresses some were left out: in none of the client's pools
    CLOCK = "clock"  # the time that the NAS tells cannot be: taken as of its receipt


Counts = Mapping[tuple[str, Count], int]
"""How many datagrams by client's name ("" for unknown ones) and what became of them."""

_DROPPED: Mapping[type[Exception], Count] = {
    MalformedError: Count.MALFORMED,
    UnexpectedError: Count.UNEXPECTED,
    ForgedError: Count.FORGED,
}


@dataclass(frozen=True, slots=True)
class Client:
    """Who may send accounting, from which addresses, and the secret shared with it.

    `nas`: of which NASes it may speak, by their names or addresses; `pools`: of which addresses. Empty: any.
    """

    name: str
    network: Network
    secret: bytes = field(repr=False)
    nas: frozenset[str] = frozenset()
    pools: tuple[Network, ...] = ()


class Datagram(NamedTuple):
    """What came, from where, and by which of the sockets."""

    data: bytes
    source: Source
    door: int


class Reply(NamedTuple):
    """What to send where, by which of the sockets."""

    data: bytes
    to: Source
    door: int


_Key = tuple[Source, bytes]  # a request is known by its sender and its header


class _Waiting(NamedTuple):
    client: str
    received: datetime
    event: Heard | Boot
    reply: Reply


class _Remembered(NamedTuple):
    received: datetime
    settled_seconds: float
    reply: Reply | None  # None: not acknowledged


@dataclass(slots=True)
class Batch:
    """What came of some datagrams: answers that may be sent, and others that wait for the store."""

    replies: list[Reply] = field(default_factory=list)
    waiting: dict[_Key, _Waiting] = field(default_factory=dict)
    counts: Counter[tuple[str, Count]] = field(default_factory=Counter)

    @property
    def events(self) -> list[Heard | Boot]:
        """Return what is to be made durable."""
        return [one.event for one in self.waiting.values()]


class Reception:
    """Knows the clients, remembers what was answered, and counts."""

    def __init__(self, clients: Iterable[Client], naming: Sequence[Naming]) -> None:
        self._remembered: OrderedDict[_Key, _Remembered] = OrderedDict()
        self._remembered_bytes = 0
        self.counts: Counter[tuple[str, Count]] = Counter()
        self.set_clients(clients, naming)

    def set_clients(self, clients: Iterable[Client], naming: Sequence[Naming]) -> None:
        """Hear these clients from now on, and name lines by these attributes."""
        clients = tuple(clients)
        single = (client for client in clients if client.network.num_addresses == 1)
        self._single = {str(client.network.network_address): client for client in single}
        self._wide = tuple(client for client in clients if client.network.num_addresses > 1)
        self._listed = frozenset(nas for client in clients for nas in client.nas)
        self._is_alone = len(clients) == 1 and not self._wide
        self._naming = tuple(naming)

    def admit(self, datagrams: Iterable[Datagram], received: datetime, now_seconds: float) -> Batch:
        """Authenticate, read and sort what came; `now_seconds` is of a clock that is never set."""
        self._forget(now_seconds)
        batch = Batch()
        for datagram in datagrams:
            client = self._client(datagram.source[0])
            if client is None:
                batch.counts["", Count.UNKNOWN_CLIENT] += 1
            elif (count := self._judge(datagram, client, received, batch)) is not None:
                batch.counts[client.name, count] += 1
        return batch

    def settle(self, batch: Batch, *, durable: bool, now_seconds: float) -> list[Reply]:
        """Return the answers that have waited, if their events are durable now."""
        count = Count.TAKEN if durable else Count.NOT_DURABLE
        for name, number in Counter(one.client for one in batch.waiting.values()).items():
            batch.counts[name, count] += number
        for key, one in batch.waiting.items():
            self._drop(key)  # the latest are last
            found = _Remembered(one.received, now_seconds, one.reply if durable else None)
            self._remembered[key] = found
            self._remembered_bytes += _size(found)
        self.counts.update(batch.counts)
        return [one.reply for one in batch.waiting.values()] if durable else []

    def _client(self, address: str) -> Client | None:
        if address in self._single:
            return self._single[address]
        if not self._wide:
            return None
        source = ip_address(address)
        return next((client for client in self._wide if source in client.network), None)

    def _judge(self, datagram: Datagram, client: Client, received: datetime, batch: Batch) -> Count | None:
        """Put what follows from a datagram into the batch; return None where that waits for the store."""
        key = (datagram.source, datagram.data[:HEADER_BYTES])
        before = self._remembered.get(key)
        if before is not None and before.reply is not None:
            batch.replies.append(before.reply)
            return Count.DUPLICATE
        if key in batch.waiting:
            return Count.DUPLICATE
        try:
            request = read_request(datagram.data, client.secret)
        except tuple(_DROPPED) as error:
            return _DROPPED[type(error)]
        reply = Reply(answer(request, client.secret), datagram.source, datagram.door)
        first = received if before is None else before.received
        outcome = self._hear(request, client, datagram.source[0], first, batch)
        if isinstance(outcome, Count):
            batch.replies.append(reply)
            return outcome
        batch.waiting[key] = _Waiting(client.name, first, outcome, reply)
        return None

    def _hear(
        self, request: Request, client: Client, source: str, received: datetime, batch: Batch
    ) -> Heard | Boot | Count:
        """Return what a request tells, or what becomes of it where it tells nothing to keep."""
        if request.code == STATUS_SERVER:
            return Count.STATUS
        try:
            record = read_record(request)
            at, clock_is_wrong = time_of(record, received)
            event = tell(record, at=at, source=source, naming=self._naming)
        except UnparsableError:
            return Count.UNPARSABLE
        if event is None:
            return Count.IGNORED
        if not self._is_theirs(event, client, source):
            return Count.NOT_THEIRS
        if clock_is_wrong:
            batch.counts[client.name, Count.CLOCK] += 1
        return event if isinstance(event, Boot) else _within(event, client, batch)

    def _is_theirs(self, event: Heard | Boot, client: Client, source: str) -> bool:
        """Tell whether a client may say this: a NAS that is another's is not for it to speak of.

        One whose NASes are not listed speaks of all that nobody lists; but it ends the logins of a whole NAS
        only where it is that NAS itself, by its address, or the only sender there is.
        """
        if event.nas == source or event.nas in client.nas:
            return True
        is_listed = bool(client.nas) or event.nas in self._listed
        return not is_listed and (self._is_alone or isinstance(event, Heard))

    def _forget(self, now_seconds: float) -> None:
        remembered = self._remembered
        while remembered:
            key, oldest = next(iter(remembered.items()))
            is_fresh = now_seconds - oldest.settled_seconds < REMEMBERED_SECONDS
            fits = len(remembered) <= REMEMBERED and self._remembered_bytes <= REMEMBERED_BYTES
            if is_fresh and fits:
                return
            self._drop(key)

    def _drop(self, key: _Key) -> None:
        if (found := self._remembered.pop(key, None)) is not None:
            self._remembered_bytes -= _size(found)


def _size(remembered: _Remembered) -> int:
    return _OVERHEAD_BYTES + (len(remembered.reply.data) if remembered.reply else 0)


def _within(event: Heard, client: Client, batch: Batch) -> Heard:
    """Leave out addresses of which the client may not speak, and count that."""
    if not client.pools:
        return event
    addresses = tuple(one for one in event.addresses if _is_in(one, client.pools))
    if len(addresses) == len(event.addresses):
        return event
    batch.counts[client.name, Count.NOT_IN_POOLS] += 1
    return replace(event, addresses=addresses)


def _is_in(address: Address, pools: Iterable[Network]) -> bool:
    network = ip_address(address.network)
    return any(address.length >= pool.prefixlen and network in pool for pool in pools)
