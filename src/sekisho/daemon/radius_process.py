"""The daemon's side of the process that hears RADIUS accounting."""

from __future__ import annotations

import os
import socket
import struct
import subprocess
import threading
from collections.abc import Iterable, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any, Final

from sekisho.daemon import radius_child
from sekisho.daemon.children import command, why_not_started
from sekisho.daemon.radius_messages import Ask, Begin, Follow, Report
from sekisho.gate import GateError
from sekisho.lines.radius import Naming
from sekisho.lines.radius_reception import Client
from sekisho.lines.radius_server import RadiusState

ANSWER_SECONDS: Final = 20.0  # longer than the store keeps anybody waiting
SEND_SECONDS = 5  # until whoever does not read is given up
STOP_SECONDS: Final = 4.0  # to acknowledge what is in hand; the service manager gives 10 s to all of it
END_SECONDS: Final = 2.0  # from there to the process's end

_UNHEARD: Final = Report(RadiusState((), {}, 0, None, alive=False), 0)
_ENDED: Final = "the process that hears accounting has ended: start the daemon anew"
_SILENT: Final = "the process that hears accounting does not answer: start the daemon anew"


class RadiusProcess:
    """Listens at (address, port)s in a process of its own, which ends when this one does.

    `url`: of the store in whose journal it writes what it hears; `bell`: the file of the settler's.
    """

    def __init__(
        self,
        listen: Iterable[tuple[str, int]],
        clients: Iterable[Client],
        naming: Sequence[Naming],
        *,
        url: str,
        bell: int,
    ) -> None:
        self._begin = Begin(tuple(listen), tuple(clients), tuple(naming), url)
        self._bell = bell
        self._asking = threading.Lock()
        self._report = _UNHEARD

    def start(self) -> None:
        """Begin to hear, in the caller's network namespace. Raises GateError."""
        try:
            self._connection, theirs = _pipe()
            with theirs:
                self._process = _start(theirs.fileno(), self._bell)
        except OSError as error:
            raise GateError(
                f"the process that hears accounting cannot be started: {why_not_started(error)}"
            ) from error
        with ExitStack() as undoing:
            undoing.callback(self._end)
            if (why := self._ask(self._begin)) is not None:
                raise GateError(why)
            undoing.pop_all()

    def stop(self) -> None:
        """Acknowledge what is being made durable, and end; what is not acknowledged will be sent again."""
        with suppress(GateError):
            self._ask(Ask.STOP, STOP_SECONDS)
        self._end()

    def set_clients(self, clients: Iterable[Client], naming: Sequence[Naming]) -> None:
        """Hear these clients from the next datagram on. Raises GateError where nobody hears any."""
        self._ask(Follow(tuple(clients), tuple(naming)))

    @property
    def is_alive(self) -> bool:
        """Tell whether the process is there; it ends where nothing hears any more."""
        return self._process.poll() is None

    def check(self) -> None:
        """Raise GateError where the process is not there."""
        status = self._process.poll()
        if status is None:
            return
        how = f"was killed by signal {-status}" if status < 0 else f"ended, our fault (status {status})"
        raise GateError(f"the process that hears accounting {how}: start the daemon anew")

    def report(self) -> Report:
        """Return how the work goes, or went when the process was last there."""
        try:
            self._report = self._ask(Ask.STATE)
        except GateError:
            self._report = replace(self._report, radius=replace(self._report.radius, alive=False))
        return self._report

    def _ask(self, what: Begin | Follow | Ask, seconds: float | None = None) -> Any:
        """Return the answer to a message. Raises GateError where none comes, and from then on."""
        seconds = seconds or ANSWER_SECONDS
        if not self._asking.acquire(timeout=seconds):
            raise GateError(_SILENT)
        try:
            return self._asked(what, seconds)
        except (EOFError, OSError):
            raise GateError(_ENDED) from None
        finally:
            self._asking.release()

    def _asked(self, what: Begin | Follow | Ask, seconds: float) -> Any:
        with suppress(BlockingIOError):  # it does not even read
            self._connection.send(what)
            if self._connection.poll(seconds):
                return self._connection.recv()
        self._process.kill()
        self._connection.close()  # or its answer, if it was on its way, would be to the next message
        raise GateError(_SILENT)

    def _end(self) -> None:
        self._connection.close()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _pipe() -> tuple[Connection, Connection]:
    """Return both ends of a connection; the first gives up sending after a time, with BlockingIOError."""
    ours, theirs = Pipe()
    with socket.socket(fileno=os.dup(ours.fileno())) as same:
        same.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack("ll", SEND_SECONDS, 0))
    return ours, theirs


def _start(*files: int) -> subprocess.Popen[bytes]:
    # Its own session: Ctrl-C is for the daemon, which ends it in turn.
    argv = command(radius_child.__name__, *files)
    return subprocess.Popen(argv, pass_fds=files, stdin=subprocess.DEVNULL, start_new_session=True)
