"""A desk at work on a real store: originals in, outcomes out, at a time of its own, that can be killed."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.fernet import Fernet

from sekisho.daemon.desk_cases import Desk
from sekisho.daemon.desk_doors import Inbox
from sekisho.daemon.desk_settler import DeskSettler
from sekisho.desk.actions import Action
from sekisho.desk.attribute import SKEW
from sekisho.desk.policy import Policy, Step
from sekisho.desk.report import Answerable
from sekisho.desk.trust import Weight
from sekisho.lines.events import Lease
from sekisho.lines.roster import Treatment
from sekisho.model import Limit, Mode
from sekisho.sealing import Sealer
from sekisho.store import Store, Transaction, open_store
from tests.desk import letters
from tests.desk.letters import Facts
from tests.desk.world import BEGIN, DYNAMIC, NOW, PLAN, SECOND, SHARED, World
from tests.store.empty import lay_empty_store

KEY = Fernet.generate_key()
TREATMENT = Treatment(lambda _: "dynamic", {"dynamic": Limit(Mode.ENFORCE, 5, 1_000)})

SOON = Policy(
    stop_request=Step(1, 1, timedelta(days=30)),
    limit=Step(2, 2, timedelta(days=30)),
    proposal=Step(3, 3, timedelta(days=30)),
    grace=timedelta(0),
)


class KilledError(BaseException):
    """The process has ended, at once."""


@dataclass
class Mortal:
    """A store whose process can be killed before or after the commit of a transaction that writes."""

    store: Store
    commits_left: float = float("inf")
    is_after: bool = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        self.commits_left -= 1
        is_last = self.commits_left < 0
        with self.store.transaction() as transaction:
            yield transaction
            if is_last and not self.is_after:
                raise KilledError
        if is_last:
            raise KilledError

    def reading(self) -> object:
        return self.store.reading()


@dataclass
class Site:
    """A desk; `now` is its clock."""

    store: Store
    provider: World
    policy: Policy = field(default_factory=Policy)
    now: datetime = NOW
    rate: int = 10_000
    key: bytes = KEY
    trusted: frozenset[str] = letters.LOOPS
    kept: timedelta = timedelta(days=183)
    asked: list[Action] = field(default_factory=list)
    thanked: list[tuple[int, Answerable]] = field(default_factory=list)
    ignored: list[tuple[str, Weight]] = field(default_factory=list)
    settled_lines: int = 0

    def desk(self) -> Desk:
        return Desk(
            self.provider.ours,
            {"dynamic": self.policy},
            TREATMENT,
            SKEW,
            self.rate,
            frozenset({letters.MX}),
            self.trusted,
            thank=self._thank,
            ignored=lambda party, weight, _: self.ignored.append((party, weight)),
            leases_kept=self.kept,
        )

    def inbox(self, store: Store | Mortal | None = None) -> Inbox:
        return Inbox(store or self.store, self.sealer, lambda: self.now, lambda: None)  # type: ignore[arg-type]

    def settler(self, store: Store | Mortal | None = None) -> DeskSettler:
        return DeskSettler(
            store or self.store,  # type: ignore[arg-type]
            desk=self.desk,
            sealer=self.sealer,
            settle_lines=self.settle_lines,
            on_actions=self.asked.extend,
            utc=lambda: self.now,
        )

    def _thank(self, _: Transaction, number: int, one: Answerable, now: datetime) -> None:
        assert now == self.now
        self.thanked.append((number, one))

    def settle_lines(self) -> None:
        self.settled_lines += 1

    def sealer(self) -> Sealer:
        return Sealer(self.key)

    def take(self, *originals: bytes) -> None:
        """Let originals come in."""
        assert self.inbox().take(originals)

    def settle(self) -> None:
        """Read all that has come in."""
        settler = self.settler()
        while settler.step():
            pass

    def rows(self, *tables: str) -> dict[str, Sequence[object]]:
        """Return all that stands in tables, but for moments at which it was written."""
        with self.store.reading() as transaction:
            execute = transaction._connection.exec_driver_sql
            return {
                table: execute(f'SELECT * FROM "{table}" ORDER BY 1, 2').all()  # noqa: S608
                for table in tables
            }


@contextmanager
def site_of(path: Path, provider: World, policy: Policy | None = None) -> Iterator[Site]:
    """Open a store with the leases of a provider in it, and a desk on that."""
    with closing(open_store(lay_empty_store(path))) as store:
        with store.transaction() as transaction:
            transaction.change_leases((), provider.leases)
            plans = {SHARED[host + 1].packed: PLAN for host in range(3)}
            transaction.set_port_plans(plans, BEGIN - timedelta(days=1))
        yield Site(store, provider, policy or Policy())


def lease_of(provider: World) -> Lease:
    """Return a lease that lasts at least an hour."""
    return next(
        one
        for one in provider.leases
        if len(one.address.network) == 4
        and one.address.network in _dynamic(provider)
        and one.end is not None
        and one.end - one.begin > timedelta(hours=2)
    )


def is_like(one: Lease, other: Lease) -> bool:
    """Tell whether both have a whole address of one size, and the same hours."""
    sizes = [(len(each.address.network), each.address.port_set) for each in (one, other)]
    hours = timedelta(hours=2)
    return (
        sizes[0] == sizes[1] and one.begin == other.begin and (one.end is None or one.end > one.begin + hours)
    )


def _dynamic(provider: World) -> set[bytes]:
    return {one.address.network for one in provider.leases if one.address.port_set is None}


def about(lease: Lease, number: int, seconds: int = 3_600) -> bytes:
    """Return an ARF report about a lease; `number` decides about the reporter and the message."""
    facts = facts_of(lease, number, seconds)
    domain = facts.reporter.partition("@")[2]
    return letters.delivered(letters.arf(facts, random.Random(number)), domain)


def facts_of(lease: Lease, number: int, seconds: int = 3_600) -> Facts:
    """Return what a report about a lease tells."""
    address = DYNAMIC.network_address.__class__(lease.address.network)
    date = letters.rfc5322(lease.begin + seconds * SECOND)
    return Facts(address, None, date, letters.message([letters.postfix(address, date)], number), number)
