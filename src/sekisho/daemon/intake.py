"""Takes what sources say of lines: one transaction a batch, then the gate is told what came of it.

Whoever calls `take` may acknowledge when it returns: what was heard is durable then.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime

from sekisho.daemon.desk_measures import restrictions, stage_arms_of
from sekisho.daemon.lists import write_leases, write_lines, write_plans
from sekisho.lines.events import Boot, Heard, Lease
from sekisho.lines.leases import decide, reboot
from sekisho.lines.list_change import ListChange, compare, portions
from sekisho.lines.roster import Treatment, known_line
from sekisho.lines.shared import Rule
from sekisho.lines.static import StaticList
from sekisho.lines.taking import as_events, in_force, with_shares
from sekisho.model import Address, KnownLine, RosterChange
from sekisho.store import Store, StoreError, Transaction

BOOT_CHUNK = 1_000  # logins that a boot ends in one transaction; accounting waits for no more than these


class Intake:
    """The only writer of leases in this process.

    `treatment` gives what decides about lines now, `rules` how IPv4 addresses are shared; `tell` is called
    after each commit with what the gate has to know; `utc` tells the time. What fails is a StoreError.
    """

    def __init__(
        self,
        store: Store,
        *,
        treatment: Callable[[], Treatment],
        rules: Callable[[], Sequence[Rule]],
        tell: Callable[[RosterChange], object],
        utc: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._treatment, self._rules, self._tell, self._utc = treatment, rules, tell, utc
        self._writing = threading.Lock()
        self.counts: Counter[str] = Counter()

    def take(self, batch: Sequence[Heard | Boot]) -> None:
        """Make a batch durable and pass on what it changes. Raises StoreError, nothing taken."""
        heard = [one for one in batch if isinstance(one, Heard)]
        boots = [one for one in batch if isinstance(one, Boot)]
        with self._writing:
            treatment = self._treatment()  # here: a reload waits for this lock, and then tells all lines anew
            with self._store.transaction() as transaction:
                if boots:
                    transaction.add_boots(boots)
                counts, touched = self._record(transaction, heard, treatment)
                change = self._settle(transaction, touched, treatment)
            self.counts.update(counts)
            self._pass_on(change)

    def work_off(self) -> bool:
        """Carry on with the boots of NASes, whose logins end in chunks; tell whether there was any."""
        with self._writing:
            with self._store.transaction() as transaction:
                pending = transaction.pending_boot(BOOT_CHUNK)
                if pending is None:
                    return False
                after = transaction.boots([pending.nas]).get(pending.nas, ())
                before = tuple(boot for boot in after if boot not in pending.moments)
                removed, added = reboot(pending.logins, before, after)
                transaction.change_leases(removed, added)
                change = self._settle(transaction, _addresses(removed, added), self._treatment())
            self._pass_on(change)
        return True

    def put_list(
        self,
        new: StaticList,
        source: str,
        configured: StaticList,
        *,
        record: Callable[[Transaction, ListChange], object] = lambda *_: None,
        dry_run: bool = False,
    ) -> ListChange:
        """Put a list in place of the source's before, by the difference, which is returned.

        `configured`: the lines of the configuration. `record` writes in the first transaction; with `dry_run`
        nothing else does. Many lines take several transactions, so that nobody waits for all of them: where
        one fails the list is in the store in part, and whoever puts it again completes it. Callers put one
        list at a time: only lists change what lists are compared with.
        """
        now = self._utc()
        with self._store.reading() as transaction:
            change = compare(transaction, new, source, configured)
        if dry_run:
            with self._store.transaction() as transaction:
                record(transaction, change)
        else:
            self._write_list(new, source, change, record, now)
        return change

    def refresh(self, lines: Collection[int]) -> None:
        """Tell the gate of lines anew: their class or relief has changed."""
        with self._writing:
            with self._store.reading() as transaction:
                change = _change(transaction, {}, lines, self._treatment(), self._utc())
            self._pass_on(change)

    def known_line(self, line: int) -> KnownLine | None:
        """Return how a line is to be treated now, None where it has no class. Raises StoreError."""
        with self._store.reading() as transaction:
            return dict(_known_lines(transaction, [line], self._treatment(), self._utc()))[line]

    def _record(
        self, transaction: Transaction, heard: Sequence[Heard], treatment: Treatment
    ) -> tuple[dict[str, int], set[Address]]:
        """Write logins and leases; return what was left out, and the addresses whose leases changed."""
        if not heard:
            return {}, set()
        stands_for = with_shares(heard, self._rules())
        all_of_it = {address for addresses in stands_for.values() for address in addresses}
        static = {address for address, one in transaction.holdings(all_of_it).items() if one.static}
        numbers = transaction.number_lines({one.name for one in heard})
        taken = as_events(heard, numbers, stands_for, static, treatment.class_of, treatment.lengths)
        logins = transaction.logins({event.login for event in taken.events})
        boots = transaction.boots({event.nas for event in taken.events})
        decision = decide(logins, boots, taken.events)
        transaction.put_logins(decision.logins)
        transaction.change_leases(decision.removed, decision.added)
        counts = {
            "outside": taken.outside,
            "static": taken.static,
            "misfits": taken.misfits + decision.misfits,
        }
        return counts, _addresses(decision.removed, decision.added)

    def _write_list(
        self,
        new: StaticList,
        source: str,
        change: ListChange,
        record: Callable[[Transaction, ListChange], object],
        now: datetime,
    ) -> None:
        written = 0
        try:
            for portion in portions(change):
                with self._writing:
                    with self._store.transaction() as transaction:
                        if not written:
                            record(transaction, change)
                            write_plans(transaction, new, self._rules(), now)
                        told = self._write_portion(transaction, portion, source, now)
                    self._pass_on(told)
                written += 1
            with self._writing, self._store.transaction() as transaction:
                write_plans(transaction, new, self._rules(), now)  # of addresses that nobody holds any more
        except StoreError as error:
            if not written:
                raise
            raise type(error)(f"{error}: the list is in the store in part: put it again") from error

    def _write_portion(
        self, transaction: Transaction, portion: ListChange, source: str, now: datetime
    ) -> RosterChange:
        lines = write_lines(transaction, portion, now)
        added = write_leases(transaction, portion, source, now)
        static = {lease.login for lease in added if lease.end is None}
        holders, among = _bring_up(transaction, _addresses(portion.ended, added), static)
        return _change(transaction, holders, {*lines, *among}, self._treatment(), now)

    def _settle(
        self, transaction: Transaction, touched: Collection[Address], treatment: Treatment
    ) -> RosterChange:
        """Bring the holdings of addresses to their latest leases."""
        holders, lines = _bring_up(transaction, touched)
        return _change(transaction, holders, lines, treatment, self._utc())

    def _pass_on(self, change: RosterChange) -> None:
        if change.lines or change.addresses:
            self._tell(change)


def _addresses(removed: Iterable[Lease], added: Iterable[Lease]) -> set[Address]:
    return {lease.address for leases in (removed, added) for lease in leases}


def _bring_up(
    transaction: Transaction, touched: Collection[Address], static: Collection[bytes] = ()
) -> tuple[dict[Address, int | None], set[int]]:
    """Bring the holdings of addresses to their latest leases; `static`: the logins of lists.

    Return the lines of those that changed hands, and all lines that held them before or hold them now.
    """
    before = transaction.holdings(touched)
    latest = transaction.latest(touched)
    after = {address: in_force(latest.get(address), static, before.get(address)) for address in touched}
    changed = {address: one for address, one in after.items() if one != before.get(address)}
    transaction.put_holdings(changed)
    lines = {one.line for one in changed.values() if one is not None}
    lines |= {before[address].line for address in changed if address in before}
    return {address: None if one is None else one.line for address, one in changed.items()}, lines


def _change(
    transaction: Transaction,
    holders: Mapping[Address, int | None],
    lines: Collection[int],
    treatment: Treatment,
    now: datetime,
) -> RosterChange:
    """Return what the gate has to know of lines and of addresses that changed hands.

    Whoever holds an address and is no line that is known is nobody.
    """
    known = dict(_known_lines(transaction, lines, treatment, now))
    of_known = {
        address: None if line is not None and known[line] is None else line
        for address, line in holders.items()
    }
    return RosterChange(known, of_known)


def _known_lines(
    transaction: Transaction, lines: Collection[int], treatment: Treatment, now: datetime
) -> Iterator[tuple[int, KnownLine | None]]:
    """Yield how lines are to be treated, as they are in the store."""
    listed = transaction.listed_classes(lines)
    held = transaction.holdings_of(line for line in lines if listed.get(line) not in treatment.classes)
    relieved = transaction.relieved(lines, now)
    restricted = restrictions(transaction.measures_of(lines))
    counted = stage_arms_of(transaction.stages_of(lines))
    for line in lines:
        yield (
            line,
            known_line(
                treatment,
                held.get(line, ()),
                listed.get(line),
                relieved=line in relieved,
                restriction=restricted.get(line),
                counted=counted.get(line, 0),
            ),
        )
