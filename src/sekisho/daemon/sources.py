"""The sources of leases that a configuration names, beside the line keeper that they speak to."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from sekisho.config import Config, Finding, Problem, errors
from sekisho.config.problems import Severity, dotted
from sekisho.config.schema import KeaTable, RadacctTable, RadiusTable
from sekisho.daemon.kea_calls import KeaCalls
from sekisho.daemon.line_keeper import LineKeeper
from sekisho.daemon.radacct_rounds import RadacctRounds, open_radacct
from sekisho.daemon.radius_process import RadiusProcess
from sekisho.daemon.reading import read_file_list
from sekisho.daemon.threads import require_thread
from sekisho.lines.radius_reception import Client, Count
from sekisho.lines.radius_secrets import read_clients
from sekisho.lines.radius_server import RadiusState
from sekisho.lines.static import StaticList

log = structlog.get_logger()


class FileList:
    """The static list of a file, read anew each time; `directory`: where relative names start."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, config: Config) -> StaticList | None:
        """Return the list, None where there is none or it is refused; what is wrong with it is logged.

        Raises OSError where it cannot be read.
        """
        checked = read_file_list(config, self._directory)
        if checked is None:
            return None
        _tell(checked.problems)
        return checked.lines


class Sources:
    """What listens or asks for leases, as the configuration says. The line keeper takes what they hear."""

    def __init__(self, config: Config, lines: LineKeeper, directory: Path) -> None:
        self._lines, self.directory = lines, directory
        self._radius = None if config.radius is None else self._process(config, config.radius)
        self.kea = None if config.kea is None else self._kea(config.kea)
        self._radacct = None if config.radacct is None else self._rounds(config.radacct)

    def start(self) -> None:
        """Begin. Raises GateError where an address to listen at cannot be had."""
        if self._radius is not None:
            self._radius.start()
        if self._radacct is not None:
            self._radacct.start()

    def stop(self) -> None:
        """End; what is not acknowledged will be sent again."""
        if self._radius is not None:
            self._radius.stop()
        if self._radacct is not None:
            self._radacct.stop()

    def check(self) -> None:
        """Raise GateError where one of them has ended by itself."""
        if self._radius is not None:
            self._radius.check()
        if self._radacct is not None:
            require_thread("reads radacct", self._radacct.is_alive)

    def follow(self, config: Config) -> None:
        """Hear the clients of another configuration."""
        if self._radius is not None and config.radius is not None:
            self._radius.set_clients(self._clients(config), config.radius.line)

    def counts(self) -> dict[str, dict[str, int]]:
        """Return what was counted, by who did: sums that name no line."""
        counts = {"intake": self._lines.counts()}
        if self._radius is not None:
            report = self._radius.report()
            counts["radius"] = _sums(report.radius)
            counts["intake"]["misfits"] = counts["intake"].get("misfits", 0) + report.misfits
        if self.kea is not None:
            counts["kea"] = dict(self.kea.counts)
        if self._radacct is not None:
            counts["radacct"] = dict(self._radacct.counts)
        return counts

    def taken(self) -> int | None:
        """Return how often sources told of leases so far and it was kept; None: there is no source."""
        taken = []
        if self._radius is not None:
            taken.append(_sums(self._radius.report().radius).get(Count.TAKEN, 0))
        if self.kea is not None:
            taken.append(self.kea.counts["taken"])
        if self._radacct is not None:
            taken.append(self._radacct.counts["taken"])
        return sum(taken) if taken else None

    def _process(self, config: Config, table: RadiusTable) -> RadiusProcess:
        listen = [(str(one.address), one.port) for one in table.listen]
        lines = self._lines
        clients = self._clients(config)
        return RadiusProcess(listen, clients, table.line, url=lines.store.url, bell=lines.bell.fileno())

    def _kea(self, table: KeaTable) -> KeaCalls:
        lines = self._lines
        return KeaCalls(
            lines.store,
            lambda: (lines.config().kea or table).line,
            settle=lines.settle,
            take=lines.take,
        )

    def _rounds(self, table: RadacctTable) -> RadacctRounds:
        lines = self._lines
        return RadacctRounds(
            lambda: open_radacct(table, self.directory),
            lines.store,
            every_seconds=table.every_ms / 1_000,
            take=lines.take,
            since=lambda: datetime.now(UTC) - timedelta(milliseconds=lines.config().kept.leases_ms),
        )

    def _clients(self, config: Config) -> tuple[Client, ...]:
        clients, findings = read_clients(config.radius_clients, self.directory)
        for finding in findings:
            _tell_finding(finding)
        return clients


@contextmanager
def running(config: Config, lines: LineKeeper, directory: Path) -> Iterator[Sources]:
    """Let the sources run. Raises GateError."""
    sources = Sources(config, lines, directory)
    sources.start()
    try:
        yield sources
    finally:
        sources.stop()


def _sums(state: RadiusState) -> dict[str, int]:
    """Sum what became of datagrams over the clients; `overflowed`: for which the kernel had no room."""
    sums: dict[str, int] = {}
    for (_, outcome), count in state.counts.items():
        sums[outcome] = sums.get(outcome, 0) + count
    return {**sums, "overflowed": sum(door.overflowed for door in state.doors), "unsent": state.unsent}


def _tell(problems: Sequence[Problem]) -> None:
    """Log where a list is wrong; without the values, which are addresses of lines."""
    for problem in problems:
        log.warning("list of lines", line=problem.line, key=problem.key)
    if errors(problems):
        log.error("the list of lines is refused, the one before stays")


def _tell_finding(finding: Finding) -> None:
    tell = log.error if finding.severity is Severity.ERROR else log.warning
    tell(finding.what, key=dotted(finding.path), way_out=finding.way_out)
