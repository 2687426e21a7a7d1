"""Takes mail in over LMTP (RFC 2033) and SMTP (RFC 5321), for the desk's mailboxes alone.

    peer: DATA ─► a batch of what waits ─► `take` ─► 250 when it is durable, else 451: the peer sends again

Nothing is lost by an answer: what cannot be taken now is refused for a while, never for good, but for
recipients that are not the desk's. Of a message no more is kept than `most` bytes and one, by which it is
told later that it was too large; and above it who has sent it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

from aiosmtpd.smtp import SMTP, Envelope, Session, syntax

from sekisho.model import Network

MOST_SESSIONS: Final = 20  # at one time; each may have a message in memory
MOST_RECIPIENTS: Final = 100  # of one message (RFC 5321 §4.5.3.1.8)
MOST_A_SECOND: Final = 500  # messages of one peer
_BURST_SECONDS: Final = 2
_BATCH: Final = 64  # messages in one transaction
_PATIENCE_SECONDS: Final = 300.0  # for one command, and for one message (RFC 5321 §4.5.3.2)
_GRACE_SECONDS: Final = 5.0  # for what is being taken when the door closes
_BACKLOG: Final = 64
_MOST_ADDRESSES: Final = 1_000  # that are remembered as they were read

_LATER: Final = "451 4.3.0 Not taken now, try again later"
_TOO_FAST: Final = "451 4.7.0 Too many messages at a time, try again later"
_TOO_MANY: Final = b"421 4.7.0 Too many sessions, try again later\r\n"
_NOBODY: Final = "550 5.1.1 No such mailbox here"
_TAKEN: Final = "250 2.0.0 Taken"

Take = Callable[[Sequence[bytes]], bool]
"""Makes messages durable; tells whether they are, and raises nothing. Called one at a time, in a thread."""


@dataclass(frozen=True, slots=True)
class Door:
    """Where to listen: a TCP address and port, or the path of a Unix socket; by LMTP or by SMTP."""

    at: tuple[str, int] | Path
    is_lmtp: bool


def with_return_path(content: bytes, sender: str) -> bytes:
    """Return a message with its envelope's sender at the top (RFC 5321 §4.4), its lines ended as they are.

    `sender`: as aiosmtpd has it, without brackets but where it is empty. One that could end the line is left
    out: what follows would stand above all that our mail server has written.
    """
    sender = sender.strip("<>") if sender.isprintable() else ""
    end = b"\r\n" if content.find(b"\r\n", 0, -2) >= 0 else b"\r"
    return b"Return-Path: <" + sender.encode("utf-8", "replace") + b">" + end + content


class DoorError(Exception):
    """A place to listen at cannot be had: which, and why."""


class Doorkeeper:
    """Listens at doors, in a thread with a loop of its own.

    `recipients`: the mailboxes that are the desk's, in lower case; `clients`: networks that may send beside
    this machine; both are asked anew each time.
    """

    def __init__(
        self,
        doors: Sequence[Door],
        take: Take,
        *,
        recipients: Callable[[], Collection[str]],
        clients: Callable[[], Collection[Network]],
        most: int,
    ) -> None:
        self._doors, self._take, self._most = doors, take, most
        self._recipients, self._clients = recipients, clients
        self.counts: Counter[str] = Counter()
        self._sockets: list[socket.socket] = []
        self._thread = threading.Thread(target=self._run, name="desk mail")
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._started = threading.Event()

    def start(self) -> None:
        """Begin to listen. Raises DoorError."""
        try:
            self._sockets = [_listen(door) for door in self._doors]
        except DoorError:
            self._close()
            raise
        self._thread.start()
        self._started.wait()

    def stop(self) -> None:
        """End when what is being taken is taken, or after a few seconds."""
        if self._loop is not None and self._stopping is not None:
            with contextlib.suppress(RuntimeError):  # the thread has ended by itself
                self._loop.call_soon_threadsafe(self._stopping.set)
        if self._thread.is_alive():
            self._thread.join()
        self._close()

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    @property
    def ports(self) -> list[int]:
        """Return the TCP ports that are listened at, in the order of the doors."""
        return [one.getsockname()[1] for one in self._sockets if one.family != socket.AF_UNIX]

    def _close(self) -> None:
        for one in self._sockets:
            one.close()
        for door in self._doors:
            if isinstance(door.at, Path):
                door.at.unlink(missing_ok=True)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        finally:
            self._started.set()

    async def _serve(self) -> None:
        loop = self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        hall = _Hall(self)
        servers = [
            await loop.create_server(hall.protocol(door), sock=one)
            if one.family != socket.AF_UNIX
            else await loop.create_unix_server(hall.protocol(door), sock=one)
            for door, one in zip(self._doors, self._sockets, strict=True)
        ]
        taking = asyncio.create_task(hall.work())
        stopping = asyncio.create_task(self._stopping.wait())
        self._started.set()
        await asyncio.wait({taking, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for server in servers:
            server.close()
        if not taking.done():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(hall.settled(), _GRACE_SECONDS)
            taking.cancel()
        hall.dismiss()
        with contextlib.suppress(asyncio.CancelledError):
            await taking

    def is_recipient(self, address: str) -> bool:
        """Tell whether a mailbox is the desk's."""
        return address.lower() in self._recipients()

    def may_send(self, peer: Any) -> bool:
        """Tell whether a peer may send: a process of this machine, or a client."""
        if not isinstance(peer, tuple) or not peer:
            return True  # over a Unix socket
        host = ip_address(str(peer[0]).partition("%")[0])
        mapped = getattr(host, "ipv4_mapped", None) or host
        return mapped.is_loopback or any(mapped in network for network in self._clients())

    @property
    def most(self) -> int:
        """Return how many bytes of a message are kept, but for one."""
        return self._most

    def take(self, batch: Sequence[bytes]) -> bool:
        """Make messages durable; tell whether they are."""
        return self._take(batch)


class Pace:
    """How many messages each peer has sent in the last moments."""

    def __init__(self) -> None:
        self._buckets: dict[str, tuple[float, float]] = {}  # of each peer: what is left, and since when

    def is_too_fast(self, peer: str, now: float) -> bool:
        """Count a message of a peer; tell whether it has sent too many. `now`: seconds of a steady clock."""
        most = float(MOST_A_SECOND * _BURST_SECONDS)
        if len(self._buckets) > 10_000:
            self._buckets = {one: b for one, b in self._buckets.items() if now - b[1] < _BURST_SECONDS}
        left, since = self._buckets.get(peer, (most, now))
        left = min(most, left + (now - since) * MOST_A_SECOND)
        self._buckets[peer] = (left - 1 if left >= 1 else left, now)
        return left < 1


class _Hall:
    """What the sessions share: who is in, and what waits to be taken."""

    def __init__(self, keeper: Doorkeeper) -> None:
        self.keeper = keeper
        self.sessions: set[_Smtp] = set()
        self._waiting: list[tuple[bytes, asyncio.Future[bool]]] = []
        self._woken = asyncio.Event()
        self._pending: set[asyncio.Future[bool]] = set()
        self._pace = Pace()
        self.addresses: dict[str, tuple[str | None, str | None]] = {}  # as the library has read them

    def protocol(self, door: Door) -> Callable[[], asyncio.Protocol]:
        kind = _Lmtp if door.is_lmtp else _Smtp
        return lambda: kind(self)

    async def take(self, content: bytes) -> bool:
        """Return when a message is durable, or cannot be now."""
        future: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        self._pending.add(future)
        future.add_done_callback(self._pending.discard)
        self._waiting.append((content, future))
        self._woken.set()
        return await future

    async def work(self) -> None:
        """Take what has gathered meanwhile, again and again."""
        loop = asyncio.get_running_loop()
        while True:
            await self._woken.wait()
            batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
            if not self._waiting:
                self._woken.clear()
            if not batch:
                continue
            contents = [content for content, _ in batch]
            is_taken = await loop.run_in_executor(None, self.keeper.take, contents)
            self.keeper.counts["taken" if is_taken else "later"] += len(batch)
            for _, future in batch:
                if not future.done():  # the peer may have gone
                    future.set_result(is_taken)

    async def settled(self) -> None:
        """Return when nothing waits to be taken, and what was taken is answered."""
        if self._pending:
            await asyncio.wait(self._pending)
        await asyncio.sleep(0)  # in which the sessions answer

    def dismiss(self) -> None:
        """Hang up on everybody; nothing of theirs is acknowledged that is not durable."""
        for one in tuple(self.sessions):
            one.hang_up()

    def is_too_fast(self, peer: Any) -> bool:
        """Count a message of a peer; tell whether it has sent too many in the last moments."""
        name = str(peer[0]) if isinstance(peer, tuple) and peer else ""
        return self._pace.is_too_fast(name, asyncio.get_running_loop().time())


class _Smtp(SMTP):
    """A session; the bytes of a message are read here, so that none is too long a line or too large."""

    def __init__(self, hall: _Hall) -> None:
        self.hall = hall
        super().__init__(
            self,  # answers for itself
            data_size_limit=None,
            enable_SMTPUTF8=True,
            hostname=socket.gethostname(),
            ident="sekisho",
            timeout=_PATIENCE_SECONDS,
            loop=asyncio.get_running_loop(),
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Let a peer in, if it may and there is room."""
        keeper = self.hall.keeper
        is_welcome = keeper.may_send(transport.get_extra_info("peername"))
        has_room = len(self.hall.sessions) < MOST_SESSIONS
        if has_room and is_welcome:
            self.hall.sessions.add(self)
        super().connection_made(transport)
        if not is_welcome:
            keeper.counts["strangers"] += 1
            self.hang_up()
        elif not has_room:
            keeper.counts["crowded"] += 1
            if isinstance(transport, asyncio.Transport):
                transport.write(_TOO_MANY)
            self.hang_up(gently=True)

    def connection_lost(self, error: Exception | None) -> None:
        """Let a peer go."""
        self.hall.sessions.discard(self)
        super().connection_lost(error)

    def hang_up(self, *, gently: bool = False) -> None:
        """End a session; `gently`: after what was said to it."""
        transport = self.transport
        if isinstance(transport, asyncio.Transport):
            (transport.close if gently else transport.abort)()

    def _getaddr(self, arg: str) -> tuple[str | None, str | None]:
        """Read an address, and one that has come before from memory.

        The library makes a class for each, which takes longer than all else that it does for a message.
        """
        path, end, parameters = arg.partition(">")
        if not end or any(sign in arg for sign in '"\\('):  # where `>` may be a part of the address
            return super()._getaddr(arg)
        known = self.hall.addresses
        read = known.get(path) or super()._getaddr(path + end)
        if len(known) < _MOST_ADDRESSES:
            known[path] = read
        address, rest = read
        return address, None if rest is None else rest + parameters.lstrip()

    async def handle_RCPT(  # noqa: N802 - the name is aiosmtpd's
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        """Take the desk's mailboxes, and no others."""
        if not self.hall.keeper.is_recipient(address):
            return _NOBODY
        if len(envelope.rcpt_tos) >= MOST_RECIPIENTS:
            return "452 4.5.3 Too many recipients"
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Ok"

    async def handle_exception(self, _error: Exception) -> str:
        """Never refuse for good what is our fault."""
        self.hall.keeper.counts["faults"] += 1
        return _LATER

    @syntax("DATA")
    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - the name is aiosmtpd's
        """Take a message in."""
        if await self.check_helo_needed():
            return
        if self.envelope is None or not self.envelope.rcpt_tos:
            await self.push("503 5.5.1 Error: need RCPT command")
            return
        if arg:
            await self.push("501 5.5.4 Syntax: DATA")
            return
        await self.push("354 End data with <CR><LF>.<CR><LF>")
        content = await self._content()
        answer = await self._answer(with_return_path(content, self.envelope.mail_from or ""))
        answers = self._answers(answer, len(self.envelope.rcpt_tos))
        self._set_post_data_state()  # type: ignore[no-untyped-call]
        await self.push(answers)

    async def _answer(self, content: bytes) -> str:
        peer = self.session.peer if self.session is not None else None
        if self.hall.is_too_fast(peer):
            self.hall.keeper.counts["too-fast"] += 1
            return _TOO_FAST
        return _TAKEN if await self.hall.take(content) else _LATER

    def _answers(self, answer: str, _recipients: int) -> str:
        return answer

    async def _content(self) -> bytes:
        """Read to the line with the dot alone, and no further than `most` and one byte into memory."""
        kept, most, begins = bytearray(), self.hall.keeper.most + 1, True
        while True:
            try:
                piece, ends = await self._reader.readuntil(b"\r\n"), True
            except asyncio.LimitOverrunError as error:
                piece, ends = await self._reader.read(error.consumed), False
            if begins and piece == b".\r\n" and ends:
                return bytes(kept)
            if begins and piece.startswith(b"."):
                piece = piece[1:]  # RFC 5321 §4.5.2
            kept += piece[: max(0, most - len(kept))]
            begins = ends


class _Lmtp(_Smtp):
    """LMTP: greeted by LHLO, answered once for each recipient."""

    @syntax("LHLO hostname")
    async def smtp_LHLO(self, arg: str) -> None:  # noqa: N802 - the name is aiosmtpd's
        """Greet."""
        await super().smtp_EHLO(arg)

    async def smtp_HELO(self, arg: str) -> None:  # noqa: ARG002, N802 - the signature is aiosmtpd's
        """Refuse SMTP's greeting (RFC 2033 §4.1)."""
        await self.push('500 5.5.1 Error: this is LMTP, say "LHLO"')

    smtp_EHLO = smtp_HELO  # noqa: N815 - the name is aiosmtpd's

    def _answers(self, answer: str, recipients: int) -> str:
        return "\r\n".join([answer] * recipients)


def _listen(door: Door) -> socket.socket:
    """Listen at a door. Raises DoorError."""
    try:
        return _listen_unix(door.at) if isinstance(door.at, Path) else _listen_at(*door.at)
    except OSError as error:
        where = door.at if isinstance(door.at, Path) else f"{door.at[0]} port {door.at[1]}"
        raise DoorError(f"reports cannot be taken in at {where}: {error.strerror}") from error


def listen_tcp(host: str, port: int) -> socket.socket:
    """Listen at an address and port. Raises DoorError."""
    return _listen(Door((host, port), is_lmtp=False))


def _listen_at(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    return listener


def _listen_unix(path: Path) -> socket.socket:
    """Listen on a Unix socket; who may reach it is its directory's to say."""
    if path.is_socket():
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o111)
    try:
        listener.bind(str(path))
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except BaseException:
        listener.close()
        raise
    finally:
        os.umask(before)
    return listener


def calm_library() -> None:
    """Let aiosmtpd log nothing: its lines name peers and say what they sent."""
    logging.getLogger("mail.log").setLevel(logging.CRITICAL + 1)
