"""The Unix socket of the interface: who may connect, and uvicorn behind it.

Root and the daemon's own user may do everything. A guest is another user who may tell of leases and do
nothing else, as the user of a DHCP server.
"""

from __future__ import annotations

import asyncio
import grp
import math
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import structlog
import uvicorn
from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from sekisho.api.asker import PEER, Peer
from sekisho.api.lines import EVENTS_PATH
from sekisho.api.problems import refusal

_CREDENTIALS = struct.Struct("3i")  # struct ucred: pid, uid, gid
_BACKLOG = 64
_GUEST_CONNECTIONS = 16  # at one time, of all guests
_GUEST_SECONDS = 60  # for a guest's connection, whatever it does
_GUEST_BYTES = 4 << 20  # of what a guest says in one request
_GRACE_SECONDS = 5  # for answers that are under way when the daemon ends
log = structlog.get_logger()


def _protocol(guests: Collection[int]) -> type[H11Protocol]:
    """Return HTTP for those who may connect; the peer's uid and pid become the client's address."""
    bounded = set(guests) - {0, os.geteuid()}
    of_guests: dict[H11Protocol, asyncio.TimerHandle] = {}

    class PeerProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            connection = transport.get_extra_info("socket")
            packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
            pid, uid, _ = _CREDENTIALS.unpack(packed)
            super().connection_made(transport)
            if uid not in (0, os.geteuid(), *guests):
                log.warning("connection refused", by_uid=uid, by_pid=pid)
                transport.abort()
            elif uid in bounded and len(of_guests) >= _GUEST_CONNECTIONS:
                log.warning("connection refused, there are enough of guests", by_uid=uid, by_pid=pid)
                transport.abort()
            elif uid in bounded:
                of_guests[self] = self.loop.call_later(_GUEST_SECONDS, transport.abort)
            self.client = (str(uid), pid)

        def connection_lost(self, exc: Exception | None) -> None:
            if (timer := of_guests.pop(self, None)) is not None:
                timer.cancel()
            super().connection_lost(exc)

    return PeerProtocol


def _guarded(app: ASGIApp, guests: Collection[int]) -> ASGIApp:
    """Tell the app who asks, by what `_protocol` found; keep guests to what is theirs."""
    uids = {str(uid) for uid in guests} - {"0", str(os.geteuid())}

    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        host, pid = scope["client"]
        scope[PEER] = Peer(int(host), pid)
        is_guest = scope["type"] == "http" and host in uids
        if is_guest and (scope["method"], scope["path"]) != ("POST", EVENTS_PATH):
            detail = f"this user may only POST to {EVENTS_PATH}: run this as root"
            await refusal(403, "guest", "Not for this user", detail)(scope, receive, send)
        elif is_guest and _length(scope) > _GUEST_BYTES:
            detail = f"a request has {_GUEST_BYTES} bytes at most, and says so in Content-Length: send less"
            await refusal(413, "too-large", "Too much at a time", detail)(scope, receive, send)
        else:
            await app(scope, receive, send)

    return guard


def _length(scope: Scope) -> float:
    """Return how long a request says it is; endless, where it does not."""
    length = dict(scope["headers"]).get(b"content-length", b"")
    return int(length) if length.isdigit() else math.inf


class Server(uvicorn.Server):
    """uvicorn without signal handlers of its own, telling when it answers; `guests`: their uids."""

    def __init__(
        self, app: FastAPI, on_started: Callable[[], Awaitable[object]], guests: Collection[int] = ()
    ) -> None:
        super().__init__(
            uvicorn.Config(
                _guarded(app, guests),
                http=_protocol(guests),
                ws="none",
                proxy_headers=False,  # whoever asks has no say in who asks
                lifespan="off",
                log_config=None,
                access_log=False,
                timeout_graceful_shutdown=_GRACE_SECONDS,
            )
        )
        self._on_started = on_started

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell it."""
        await super().startup(sockets)
        await self._on_started()


@contextmanager
def listening(path: Path, guest_gid: int | None = None) -> Iterator[socket.socket]:
    """Listen on a Unix socket for root, this user and a group of guests; it is gone afterwards."""
    path.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC) as listener:
        before = os.umask(0o177)
        try:
            listener.bind(str(path))
        finally:
            os.umask(before)
        if guest_gid is not None:
            _let_in(path, guest_gid)
        listener.listen(_BACKLOG)
        try:
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _let_in(path: Path, gid: int) -> None:
    try:
        os.chown(path, -1, gid)
        path.chmod(0o660)
    except PermissionError:
        group = _group_name(gid)
        way_out = f"write SupplementaryGroups={group} into the daemon's unit, as etc/sekishod.service.d does"
        what = "guests are not heard: the socket may not be given to their group"
        log.error(what, group=group, way_out=way_out)  # noqa: TRY400 - the message says it all


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
