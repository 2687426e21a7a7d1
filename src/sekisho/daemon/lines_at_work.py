"""Lines and their sources in a running daemon, and what the interface asks of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from sekisho.api.models import GivenBy
from sekisho.config import Config
from sekisho.daemon.describe import given_by
from sekisho.daemon.desk_notices import Notices
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.kept import Kept
from sekisho.daemon.line_keeper import LineKeeper
from sekisho.daemon.lines_office import KeptLines, Surroundings
from sekisho.daemon.sources import Sources
from sekisho.gate import GateError
from sekisho.model import Limit
from sekisho.store import StoreError

log = structlog.get_logger()


@dataclass(frozen=True)
class LinesAtWork:
    """A line keeper that has started, and its sources."""

    keeper: LineKeeper
    sources: Sources

    def check(self) -> None:
        """Raise GateError where a thread of theirs has ended by itself."""
        self.keeper.check()
        self.sources.check()

    def follow(self, config: Config) -> None:
        """Take another configuration as the one in force."""
        try:  # first: a long list takes its time, and a client with another secret is not heard meanwhile
            self.sources.follow(config)
        except GateError as error:
            log.error("clients of accounting stay as they are", why=str(error))  # noqa: TRY400 - the message says it all
        try:
            self.keeper.follow(config)
        except StoreError as error:
            log.error("the lists of lines stay as they are until the store takes them", why=str(error))  # noqa: TRY400 - the message says it all


def kept_lines(at_work: LinesAtWork, gate: Keeper, utc: Callable[[], datetime]) -> KeptLines:
    """Return what answers questions about lines."""
    keeper, kea = at_work.keeper, at_work.sources.kea

    return KeptLines(
        keeper.store,
        Surroundings(
            utc=utc,
            config=keeper.config,
            treatment=keeper.treatment,
            limits=lambda: _in_force(gate.kept),
            skew=lambda: timedelta(milliseconds=keeper.config().kept.skew_ms),
            settle=keeper.settle,
            kept_since=lambda: utc() - timedelta(milliseconds=keeper.config().kept.leases_ms),
            gate_is_whole=lambda: keeper.is_whole,
            counts=at_work.sources.counts,
            put_list=keeper.put_list,
            met_cap=gate.met_cap,
            on_change=keeper.refresh,
            take_calls=None if kea is None else kea.take_calls,
            relieved=Notices(keeper.config, at_work.sources.directory).relieved,
        ),
    )


def _in_force(kept: Kept) -> Mapping[str, tuple[Limit, GivenBy]]:
    """Return the limit of each class, and what gives it."""
    return {
        name: (limit, given_by(name, kept.standing, kept.overrides)) for name, limit in kept.limits().items()
    }
