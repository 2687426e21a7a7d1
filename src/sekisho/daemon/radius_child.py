"""The process that hears RADIUS accounting, led by the daemon.

    daemon ── Begin, Follow, Ask ──► this process ──► journal, bell
           ◄── one answer each ─────

It is a process of its own for two reasons. To verify and read 10,000 datagrams a second and to settle what
they say are both work for one core, and threads of Python share one. And what strangers send is read where
there are no capabilities but to open files: no fault in here can touch the kernel's side of the gate.
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from multiprocessing.connection import Connection

import structlog

from sekisho.daemon.bell import ring
from sekisho.daemon.collector import calm_collector
from sekisho.daemon.inbox import Inbox
from sekisho.daemon.logs import set_up_logs
from sekisho.daemon.privileges import give_up_capabilities
from sekisho.daemon.radius_messages import Ask, Begin, Follow, Report
from sekisho.lines.events import Boot, Heard
from sekisho.lines.radius_server import ListenError, NotDurableError, RadiusServer
from sekisho.store import StoreError, open_journal

WRITER = 1  # of the journal; the daemon is the other
REST_SECONDS = 1.0  # between two tries to open the journal
LOOK_SECONDS = 1.0  # between looks at the thread that hears

log = structlog.get_logger()


class LateInbox:
    """An inbox whose journal is opened when it can be. `bell`: the file of the settler's."""

    def __init__(self, url: str, bell: int) -> None:
        self._url, self._bell = url, bell
        self._inbox: Inbox | None = None
        self._rest_until_seconds = 0.0
        self._why = ""

    @property
    def misfits(self) -> int:
        """Tell how much was refused."""
        return 0 if self._inbox is None else self._inbox.misfits

    def take(self, batch: Sequence[Heard | Boot]) -> None:
        """Make durable what was heard. Raises NotDurableError, with nothing taken."""
        try:
            self._opened().append(batch)
        except StoreError as error:
            raise NotDurableError(str(error)) from error

    def _opened(self) -> Inbox:
        if self._inbox is not None:
            return self._inbox
        if time.monotonic() < self._rest_until_seconds:
            raise StoreError(self._why)
        try:
            journal = open_journal(self._url, writer=WRITER)
        except StoreError as error:
            self._why, self._rest_until_seconds = str(error), time.monotonic() + REST_SECONDS
            raise
        self._inbox = Inbox(journal, partial(ring, self._bell))
        return self._inbox


def obey(daemon: Connection, bell: int) -> None:
    """Hear accounting as the daemon says, until it says stop.

    Raises EOFError or ConnectionError where the daemon is gone.
    """
    begin: Begin = daemon.recv()
    inbox = LateInbox(begin.url, bell)
    server = RadiusServer(
        begin.listen, begin.clients, begin.naming, take=inbox.take, utc=lambda: datetime.now(UTC)
    )
    try:
        server.open()
    except ListenError as error:
        daemon.send(str(error))
        return
    give_up_capabilities()
    server.start()
    daemon.send(None)
    while (asked := _asked(daemon, server)) is not Ask.STOP:
        if isinstance(asked, Follow):
            server.set_clients(asked.clients, asked.naming)
        daemon.send(Report(server.state(), inbox.misfits) if asked is Ask.STATE else None)
    server.stop()
    daemon.send(None)


def _asked(daemon: Connection, server: RadiusServer) -> object:
    """Return the next message; end where nothing hears any more, which the daemon sees."""
    while server.state().alive:
        if daemon.poll(LOOK_SECONDS):
            return daemon.recv()
    raise SystemExit(1)


def main() -> None:
    """Run with two files that were inherited: the connection to the daemon, and the settler's bell."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # they are for the daemon, whose end is this process's
    set_up_logs()
    calm_collector()
    connection, bell = map(int, sys.argv[1:])
    try:
        obey(Connection(connection), bell)
    except (EOFError, ConnectionError):
        log.warning("the daemon is gone: accounting is not heard until it is back")


if __name__ == "__main__":
    main()
