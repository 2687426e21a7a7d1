"""Real sessions from lines: the kernel's own TCP, watched without blocking."""

from __future__ import annotations

import errno
import select
import socket
import time
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field

from tests.system.netns import Namespace

PATIENCE_SECONDS = 60.0


@dataclass
class Session:
    """One session as its client sees it; times are monotonic seconds."""

    socket: socket.socket
    line: str
    begun: float
    ended: float | None = None
    error: int | None = None  # 0: established

    @property
    def took(self) -> float:
        """How long it took until it was established or refused (s)."""
        assert self.ended is not None
        return self.ended - self.begun

    @property
    def is_open(self) -> bool:
        return self.error == 0

    @property
    def port(self) -> int:
        """The client's port."""
        return int(self.socket.getsockname()[1])

    def close(self) -> None:
        self.socket.close()

    def vanish(self) -> None:
        """Close without a word to the other side, as a machine that loses power."""
        self.socket.setsockopt(socket.IPPROTO_TCP, 19, 1)  # TCP_REPAIR
        self.socket.close()


@dataclass
class Clients:
    """Opens sessions in a namespace and keeps track of them all."""

    namespace: Namespace
    sessions: list[Session] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def open(
        self, line: str, server: str, number: int = 1, *, port: int = 25, source_port: int = 0
    ) -> list[Session]:
        """Begin sessions of a line, all at once."""
        kind = socket.AF_INET6 if ":" in line else socket.AF_INET
        made = self.namespace.call(lambda: [socket.socket(kind, socket.SOCK_STREAM) for _ in range(number)])
        return [self._begin(one, line, (server, port), source_port) for one in made]

    def _begin(self, made: socket.socket, line: str, server: tuple[str, int], source_port: int) -> Session:
        self._stack.callback(made.close)
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(
            socket.SOL_IP, 15, 1
        )  # IP_FREEBIND: its line's address is a route, not an interface's
        made.bind((line, source_port))
        session = Session(made, line, time.monotonic())
        code = made.connect_ex(server)
        assert code == errno.EINPROGRESS, errno.errorcode.get(code)
        self.sessions.append(session)
        return session

    def until(self, condition: Callable[[], bool], seconds: float = PATIENCE_SECONDS) -> None:
        """Watch the sessions until a condition is true."""
        end = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < end, f"waited in vain: {summary(self.sessions)}"
            self.watch(0.02)

    def settle(self, sessions: Iterable[Session], seconds: float = PATIENCE_SECONDS) -> None:
        """Wait until each of these is established or refused."""
        waiting = list(sessions)
        self.until(lambda: all(one.ended is not None for one in waiting), seconds)

    def watch(self, seconds: float) -> None:
        """Note which sessions are established or refused, waiting for one a short while."""
        poll = select.poll()
        waiting = {one.socket.fileno(): one for one in self.sessions if one.ended is None}
        waiting.pop(-1, None)  # closed by the test before it was either
        for fileno in waiting:
            poll.register(fileno, select.POLLOUT)
        for fileno, _ in poll.poll(seconds * 1000):
            session = waiting[fileno]
            session.ended = time.monotonic()
            session.error = session.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)

    def close(self) -> None:
        """Close all that is still open."""
        self._stack.close()


def opened(sessions: Iterable[Session]) -> list[Session]:
    """Return those that are established."""
    return [one for one in sessions if one.is_open]


def summary(sessions: Iterable[Session]) -> list[str]:
    """Tell how sessions are, for a failed test."""
    return [
        "waits" if one.error is None else errno.errorcode.get(one.error, "established") for one in sessions
    ]


def accept_all(listener: socket.socket) -> list[tuple[socket.socket, str]]:
    """Take what a server's kernel has accepted: (session, the line's address)."""
    taken: list[tuple[socket.socket, str]] = []
    while True:
        try:
            session, address = listener.accept()
        except BlockingIOError:
            return taken
        taken.append((session, str(address[0])))
