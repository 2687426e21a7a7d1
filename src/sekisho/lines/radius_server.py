"""The accounting server: a thread that receives, has what it heard made durable, and acknowledges it then.

Whatever came while the store was at work is the next batch, so that batches grow with the load. Between one
packet at a time and as many as it can take it waits a moment for more: a batch costs as much as 30 packets.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address
from typing import Final

import structlog

from sekisho.lines.events import Boot, Heard
from sekisho.lines.radius import Naming
from sekisho.lines.radius_packet import LONGEST_PACKET
from sekisho.lines.radius_reception import Client, Count, Counts, Datagram, Reception, Reply

BATCH: Final = 500  # datagrams of one socket at a time
ROOM_BYTES: Final = 16 << 20  # in the kernel, for a second in which the store does not answer
TELL_SECONDS: Final = 60.0  # between two complaints of the same kind

# From so many datagrams at once on, and up to so many, more may come soon; for these it waits in steps, until
# one brings nothing: whoever has as many under way as he wants waits for the answers himself.
SOME: Final = 8
ENOUGH: Final = 200
STEPS: Final = 10
STEP_SECONDS: Final = 0.002

_LOOK_MS: Final = 1_000  # between looks at whether a complaint is due
_SO_RCVBUFFORCE: Final = 33
_SO_MEMINFO: Final = 55
_MEMINFO = struct.Struct("9I")  # the last: datagrams for which there was no room
_COMPLAINTS = {
    Count.UNKNOWN_CLIENT: "accounting from senders that are no [[radius.client]] was dropped",
    Count.FORGED: "accounting with an authenticator that does not fit was dropped: compare the secrets",
    Count.NOT_THEIRS: "accounting of a NAS that is not the client's was not kept: look at nas",
    Count.NOT_IN_POOLS: "addresses of a pool that is not the client's were left out: look at pools",
}

log = structlog.get_logger()


class ListenError(Exception):
    """A socket cannot be had: which address, why, and the way out."""


class NotDurableError(Exception):
    """What was heard could not be made durable: whose fault it is, and the way out."""


@dataclass(frozen=True, slots=True)
class Door:
    """One socket: where it is, its room in the kernel, and how many datagrams found none."""

    address: str
    port: int
    room_bytes: int
    overflowed: int


@dataclass(frozen=True, slots=True)
class Trouble:
    """Since when nothing is acknowledged, and why."""

    since: datetime
    why: str


@dataclass(frozen=True, slots=True)
class RadiusState:
    """What the server knows of itself. `unsent`: answers that the kernel did not take. `alive`: it runs."""

    doors: tuple[Door, ...]
    counts: Counts
    unsent: int
    trouble: Trouble | None
    alive: bool


class RadiusServer:
    """Listens at each of the (address, port)s; port 0 is any that is free.

    `take` makes events durable before it returns, or raises NotDurableError with nothing taken; it is called
    in the server's thread. `utc` tells the time.
    """

    def __init__(
        self,
        listen: Iterable[tuple[str, int]],
        clients: Iterable[Client],
        naming: Sequence[Naming],
        *,
        take: Callable[[Sequence[Heard | Boot]], object],
        utc: Callable[[], datetime],
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listen = tuple(listen)
        self._take, self._utc, self._monotonic = take, utc, monotonic
        self._reception = Reception(clients, naming)
        self._lock = threading.Lock()  # of the reception, and while doors are closed
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sekisho-radius", daemon=True)
        self._doors: list[socket.socket] = []
        self._trouble: Trouble | None = None
        self._unsent = 0
        self._untold: Counter[tuple[str, Count]] = Counter()
        self._told_seconds = -TELL_SECONDS

    def open(self) -> None:
        """Open the sockets in the caller's network namespace. Raises ListenError."""
        with ExitStack() as opened:
            self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
            opened.callback(os.close, self._wake)
            self._poll = select.poll()
            self._poll.register(self._wake, select.POLLIN)
            for address, port in self._listen:
                door = opened.enter_context(_open(address, port))
                self._doors.append(door)
                self._poll.register(door, select.POLLIN)
            self._opened = opened.pop_all()
        for one in self.state().doors:
            _tell_room(one)

    def start(self) -> None:
        """Start the thread that hears; the sockets are open."""
        self._thread.start()

    def stop(self) -> None:
        """Acknowledge what is being made durable, and end; what is not acknowledged will be sent again."""
        self._stopping.set()
        os.eventfd_write(self._wake, 1)
        self._thread.join()
        with self._lock:
            self._opened.close()
            self._doors.clear()

    def set_clients(self, clients: Iterable[Client], naming: Sequence[Naming]) -> None:
        """Hear these clients from the next datagram on, and name lines by these attributes."""
        with self._lock:
            self._reception.set_clients(clients, naming)

    def state(self) -> RadiusState:
        """Return how the work goes."""
        with self._lock:
            counts = dict(self._reception.counts)
            doors = tuple(_door(door) for door in self._doors)
        return RadiusState(doors, counts, self._unsent, self._trouble, self._thread.is_alive())

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                if datagrams := self._receive():
                    self._serve(datagrams)
                self._complain()
            self._complain(at_last=True)
        except Exception:
            log.exception("the accounting server has ended, which is our fault; nothing is acknowledged")

    def _receive(self) -> list[Datagram]:
        """Wait for datagrams and return some hundred of them at most; none, where a complaint is due."""
        ready = {fd for fd, _ in self._poll.poll(_LOOK_MS if self._untold else None)}
        datagrams = list(self._arrived(ready))
        for _ in range(STEPS):
            if not SOME <= len(datagrams) < min(ENOUGH, BATCH) or self._stopping.wait(STEP_SECONDS):
                break
            more = list(self._arrived(ready))
            if not more:
                break
            datagrams += more
        return datagrams

    def _arrived(self, ready: Collection[int]) -> Iterator[Datagram]:
        for number, door in enumerate(self._doors):
            if door.fileno() in ready:
                yield from _arrived(door, number)

    def _serve(self, datagrams: Iterable[Datagram]) -> None:
        with self._lock:
            batch = self._reception.admit(datagrams, self._utc(), self._monotonic())
        self._send(batch.replies)
        durable = self._keep(batch.events)
        with self._lock:
            replies = self._reception.settle(batch, durable=durable, now_seconds=self._monotonic())
        self._send(replies)
        self._untold.update({key: number for key, number in batch.counts.items() if key[1] in _COMPLAINTS})

    def _keep(self, events: Sequence[Heard | Boot]) -> bool:
        """Have events made durable; tell when that begins to fail, and when it works again."""
        if not events:
            return True
        try:
            self._take(events)
        except NotDurableError as error:
            if self._trouble is None:
                self._trouble = Trouble(self._utc(), str(error))
                log.error("accounting is not acknowledged, its senders will repeat it", why=str(error))  # noqa: TRY400 - the message says it all
            return False
        if self._trouble is not None:
            log.warning("accounting is acknowledged again", troubled_since=self._trouble.since.isoformat())
            self._trouble = None
        return True

    def _send(self, replies: Iterable[Reply]) -> None:
        for data, to, door in replies:
            try:
                self._doors[door].sendto(data, to)
            except OSError:  # no route or no room: the request comes again
                self._unsent += 1

    def _complain(self, *, at_last: bool = False) -> None:
        """Tell of senders that are not heard, but not of each datagram."""
        now_seconds = self._monotonic()
        is_due = at_last or now_seconds - self._told_seconds >= TELL_SECONDS
        if not self._untold or not is_due:
            return
        for (client, count), number in self._untold.items():
            named = {"client": client} if client else {}
            log.warning(_COMPLAINTS[count], datagrams=number, **named)
        self._untold.clear()
        self._told_seconds = now_seconds


def _arrived(door: socket.socket, number: int) -> Iterator[Datagram]:
    with suppress(BlockingIOError):
        for _ in range(BATCH):
            yield Datagram(*door.recvfrom(LONGEST_PACKET + 1), number)


def _open(address: str, port: int) -> socket.socket:
    with ExitStack() as opened:
        try:
            family = socket.AF_INET6 if ip_address(address).version == 6 else socket.AF_INET
            kind = socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK
            door = opened.enter_context(socket.socket(family, kind))
            _make_room(door)
            door.bind((address, port))
        except OSError as error:
            raise ListenError(
                f"{address} port {port} cannot be listened at ({error.strerror}): "
                "name an address of this machine and a port that no other program has"
            ) from error
        opened.pop_all()
    return door


def _make_room(door: socket.socket) -> None:
    try:
        door.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, ROOM_BYTES)
    except PermissionError:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, ROOM_BYTES)  # as net.core.rmem_max lets it


def _door(door: socket.socket) -> Door:
    address, port, *_ = door.getsockname()
    *_, overflowed = _MEMINFO.unpack(door.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, _MEMINFO.size))
    return Door(address, port, door.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF), overflowed)


def _tell_room(door: Door) -> None:
    if door.room_bytes < ROOM_BYTES:
        way_out = f"set the sysctl net.core.rmem_max to {ROOM_BYTES}"
        log.warning("little room for a burst of accounting", room_bytes=door.room_bytes, way_out=way_out)
    log.info("listening for accounting", address=door.address, port=door.port)
