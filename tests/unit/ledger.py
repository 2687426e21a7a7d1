"""The store as leases need it, in memory: for tests of the rules alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from sekisho.lines.events import Boot, Event, Lease, Login
from sekisho.lines.leases import decide, reboot
from sekisho.model import Address


@dataclass
class Ledger:
    """Logins, boots and leases, changed as decided."""

    logins: dict[bytes, Login] = field(default_factory=dict)
    boots: dict[str, tuple[datetime, ...]] = field(default_factory=dict)
    leases: set[Lease] = field(default_factory=set)

    def take(self, batch: Iterable[Event | Boot]) -> None:
        batch = list(batch)
        for boot in (one for one in batch if isinstance(one, Boot)):
            self.reboot(boot)
        decision = decide(self.logins, self.boots, [one for one in batch if isinstance(one, Event)])
        self.logins.update(decision.logins)
        self.change(decision.removed, decision.added)

    def reboot(self, boot: Boot) -> None:
        before = self.boots.get(boot.nas, ())
        after = tuple(sorted({*before, boot.at}))
        here = {key: login for key, login in self.logins.items() if login.nas == boot.nas}
        self.change(*reboot(here, before, after))
        self.boots[boot.nas] = after

    def change(self, removed: Iterable[Lease], added: Iterable[Lease]) -> None:
        for lease in removed:
            self.leases.remove(lease)
        for lease in added:
            assert lease not in self.leases
            self.leases.add(lease)

    def of(self, address: Address) -> list[Lease]:
        """Return the leases of an address in the order in which they hold."""
        return sorted(
            (lease for lease in self.leases if lease.address == address),
            key=lambda lease: (lease.begin, lease.login),
        )

    def held(self, address: Address) -> Iterator[tuple[datetime, datetime | None, int]]:
        """Yield who holds an address: begin, end, line."""
        ordered = self.of(address)
        for lease, following in pairwise([*ordered, None]):
            assert lease is not None
            ends = [end for end in (lease.end, following and following.begin) if end is not None]
            yield lease.begin, min(ends, default=None), lease.line
