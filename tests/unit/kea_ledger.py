"""What the daemon does with Kea's words, in memory: for tests of the rules, and of the hook."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sekisho.lines.events import Event, Heard
from sekisho.lines.kea import Holder, KeaNaming, Report, heard
from sekisho.model import Address
from tests.unit.ledger import Ledger


@dataclass
class KeaLedger:
    """Leases by the names of lines, which have the numbers of their places in `names`."""

    leases: Ledger = field(default_factory=Ledger)
    names: list[str] = field(default_factory=list)
    heard: list[Heard] = field(default_factory=list)

    def take(self, reports: Iterable[Report], naming: Sequence[KeaNaming]) -> None:
        """Take in what one call of the hook said."""
        told = heard(reports, self.holders(), naming)
        self.heard += told
        self.names += dict.fromkeys(one.name for one in told if one.name not in self.names)
        self.leases.take(
            Event(one.kind, one.at, one.nas, one.login, self.names.index(one.name), one.rank, one.addresses)
            for one in told
        )

    def holders(self) -> dict[Address, Holder]:
        """Return who holds what now."""
        latest = {lease.address: lease for lease in sorted(self.leases.leases)}
        return {
            address: Holder(lease.login, self.names[lease.line])
            for address, lease in latest.items()
            if lease.end is None
        }

    def spans(self, address: Address) -> list[tuple[str, datetime, datetime | None]]:
        """Return who held an address, from when, until when."""
        return [(self.names[line], begin, end) for begin, end, line in self.leases.held(address)]
