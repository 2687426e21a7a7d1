"""The access equipment's accounting: FreeRADIUS's radclient tells which line is up, with which addresses."""

from __future__ import annotations

import subprocess
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from pathlib import Path

from sekisho.lab import lines, processes, programs, topology
from sekisho.lab.accounting import Status, acknowledged, request
from sekisho.lab.tables import Tables
from sekisho.lab.topology import Addresses, LabError, Topology
from sekisho.model import Limit

INTERIM_SECONDS = 60.0  # the least that RFC 2869 (5.16) lets a NAS be told
_HELD = 2  # by each login: an IPv4 address and a prefix
_LOOK_SECONDS = 0.002  # between looks at the answers and at the gate's tables
_PATIENCE_SECONDS = 20.0


@dataclass
class _Requests:
    """A radclient that is at work."""

    process: subprocess.Popen[bytes]
    log: Path

    def answered(self) -> list[str]:
        """List the lines whose requests have been acknowledged. Raises LabError for one that was not."""
        said = processes.stdout_of(self.log).read_text()
        if self.process.poll():
            errors = self.log.read_text().strip() or said.strip().rpartition("\n")[2]
            raise LabError(f"the gate does not acknowledge accounting: {errors}")
        return acknowledged(said)


@dataclass
class Nas:
    """Brings lines up and down; returns when the gate's tables in the kernel say so too.

    `check` is called while it waits, and may raise.
    """

    net: Topology
    directory: Path
    tables: Tables
    check: Callable[[], None]
    logins: dict[str, int] = field(default_factory=dict)
    numbers: dict[str, int] = field(default_factory=dict)  # of lines, in the kernel
    due: dict[str, float] = field(default_factory=dict)  # Interim-Updates, monotonic
    answers: Counter[Status] = field(default_factory=Counter)
    delays: list[float] = field(default_factory=list)

    def come_up(self, names: Collection[str]) -> None:
        """Tell of lines that are up, each with the addresses of its next login. Raises LabError."""
        for name in names:
            self.logins[name] = self.logins.get(name, -1) + 1
        self.delays += self._tell(Status.START, names, self._has)
        self.due |= dict.fromkeys(names, time.monotonic() + INTERIM_SECONDS)

    def go_down(self, names: Collection[str]) -> None:
        """Tell of lines that are down. Raises LabError."""
        for name in names:
            del self.due[name]
        self._tell(Status.STOP, names, lambda name: self.tables.is_free(self._held(name)))

    def reconnect(self, names: Collection[str]) -> None:
        """Take lines down and up again, with other addresses. Raises LabError."""
        self.go_down(names)
        for name in names:
            topology.renumber(self.net, name, self.logins[name] + 1)
        self.come_up(names)

    def tick(self, now: float) -> None:
        """Send the Interim-Updates that are due; `now` is monotonic. Raises LabError."""
        names = [name for name, due in self.due.items() if due <= now]
        if names:
            self._tell(Status.INTERIM, names, self._has)
            self.due |= dict.fromkeys(names, now + INTERIM_SECONDS)

    def sessions(self, name: str) -> int:
        """Return how many sessions the gate counts for a line now."""
        return self.tables.sessions(self.numbers[name])

    def limit(self, name: str) -> Limit | None:
        """Return the limit that holds for a line, as the gate's tables have it."""
        return self.tables.limit(self.numbers[name])

    def figures(self, known: int, twofold: tuple[lines.Twofold, ...]) -> lines.Lines:
        """Sum up what was told; `known`: lines that the gate knew while all were up."""
        changes = _HELD * (self.answers[Status.START] + self.answers[Status.STOP])
        return lines.figures(known, self.answers, changes, self.delays, twofold)

    def _held(self, name: str) -> Addresses:
        return self.net.line(name).logins[self.logins[name]]

    def _has(self, name: str) -> bool:
        """Tell whether the gate knows a line by what it holds. Raises LabError if it is another there."""
        number = self.tables.holder(self._held(name))
        if number is not None and self.numbers.setdefault(name, number) != number:
            raise LabError(
                f"the gate takes {name} for another line since it has reconnected: a fault of ours"
            )
        return number is not None

    def _tell(self, status: Status, names: Collection[str], done: Callable[[str], bool]) -> list[float]:
        """Account for lines; return how long after each acknowledgement the gate had done it, in seconds.

        At most, that is: from the last look before the acknowledgement was there.
        """
        requests = self._send(status, names)
        told: dict[str, float] = {}
        seen: dict[str, float] = {}
        before = began = time.monotonic()
        while not len(told) == len(seen) == len(names):
            self._wait(began)
            now = time.monotonic()
            told |= {name: before for name in requests.answered() if name not in told}
            seen |= {name: time.monotonic() for name in names if name not in seen and done(name)}
            before = now
        self.answers[status] += len(names)
        return [max(0.0, seen[name] - told[name]) for name in names]

    def _send(self, status: Status, names: Collection[str]) -> _Requests:
        now = time.time()
        text = "\n".join(request(status, name, self.logins[name], self._held(name), now) for name in names)
        log = self.directory / f"radclient-{time.monotonic_ns()}.log"
        argv = programs.radclient_argv(self.directory, len(names))
        return _Requests(processes.start(self.net.access, argv, log, text), log)

    def _wait(self, began: float) -> None:
        """Pause between two looks. Raises LabError when that has gone on for too long."""
        self.check()
        if time.monotonic() > began + _PATIENCE_SECONDS:
            raise LabError(
                f"the gate's tables do not follow accounting within {_PATIENCE_SECONDS:g} s "
                "on this machine; is it very busy?"
            )
        time.sleep(_LOOK_SECONDS)
