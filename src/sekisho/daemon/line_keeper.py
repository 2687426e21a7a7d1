"""Keeps the lines of a daemon: its store, what the sources say, and what the gate is told.

    source ─► journal: acknowledged ─► settler ─► intake: leases ─► roster writer ─► gate

Where the store is away, the gate goes on with the lines that it has, sources are not acknowledged and send
again, and the store is tried until it is back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Protocol

import structlog

from sekisho.config import Config
from sekisho.config.schema import share_rules
from sekisho.daemon.intake import Intake
from sekisho.daemon.roster_writer import RosterWriter
from sekisho.daemon.settler import Settler
from sekisho.lines.events import Boot, Heard
from sekisho.lines.roster import Treatment, roster, usable_plans
from sekisho.lines.static import CONFIG, LIST, ListChange, StaticList, config_list, pool_classes
from sekisho.model import Roster, RosterChange
from sekisho.plan import file_limits, line_numbers
from sekisho.store import StoreError, Transaction
from sekisho.store.forgetting import forget
from sekisho.store.late import LateStore

FORGET_EVERY = timedelta(hours=1)
TICK_SECONDS = 1.0  # between looks at reliefs that may have ended, and at a store that is away

log = structlog.get_logger()


class KeptGate(Protocol):
    """What is needed of the gate's keeper. Each raises GateError, or RefusalError at the end."""

    def change_roster(self, change: RosterChange) -> None:
        """Bring a change of some lines into the kernel."""

    def reload_roster(self) -> None:
        """Ask for the whole roster again, and bring it into the kernel."""


class LineKeeper:
    """The lines of one gate. `file_list` reads the configuration's static list; `utc` tells the time.

    `roster` and `numbers` are for the gate's keeper, before `start` as well; `take` is for sources.
    """

    def __init__(
        self,
        config: Config,
        store: LateStore,
        *,
        file_list: Callable[[Config], StaticList | None],
        utc: Callable[[], datetime],
    ) -> None:
        self.store, self._file_list, self._utc = store, file_list, utc
        self._config = config
        self._treatment = treatment_of(config)
        self.intake = Intake(
            store,
            treatment=self.treatment,
            rules=lambda: share_rules(self._config),
            tell=self._tell,
            utc=utc,
        )
        self._settler: Settler | None = None
        self._writer: RosterWriter | None = None
        self._roster_is_known = False
        self._relieved: frozenset[int] = frozenset()
        self._forgetting: Iterator[int] | None = None
        self._forget_next = utc()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lines")

    @property
    def is_whole(self) -> bool:
        """Tell whether the gate has all of the lines."""
        return self._writer is not None and self._writer.is_whole

    @property
    def waiting(self) -> int:
        """Tell how many events wait to be settled."""
        return 0 if self._settler is None else self._settler.waiting

    def treatment(self) -> Treatment:
        """Return what decides about lines now."""
        return self._treatment

    def config(self) -> Config:
        """Return the configuration in force."""
        return self._config

    def open(self) -> None:
        """Open the store, settle what is left from before, and bring in the configuration's lines.

        Raises StoreError, and may be called again then.
        """
        self.store.open()
        if self._settler is None:
            settler = Settler(self.store.journal, self.intake.take)
            settler.settle()
            settler.start()
            self._settler = settler
        self._put_lists(self._config)

    def start(self, gate: KeptGate) -> None:
        """Begin to tell the gate, and to see to what time brings."""
        self._writer = RosterWriter(gate.change_roster, lambda: self._reconcile(gate))
        self._writer.start()
        self._thread.start()

    def stop(self) -> None:
        """Tell the gate no more."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        if self._writer is not None:
            self._writer.stop()

    def close(self) -> None:
        """Let go of the store; what is durable stays so."""
        if self._settler is not None:
            self._settler.stop()
        self.store.close()

    def follow(self, config: Config) -> None:
        """Take another configuration as the one in force. Raises StoreError."""
        self._config, self._treatment = config, treatment_of(config)
        if self.store.is_open:
            self._put_lists(config)

    def roster(self, config: Config) -> Roster | None:
        """Return the lines and who holds what, by a configuration.

        None where the store is away, and before `start`: a gate that starts limits pools at once, and does
        not wait for a million lines.
        """
        if self._writer is None:
            return None
        try:
            with self.store.reading() as transaction:
                listed = {one.number: one.class_name for one in transaction.listed_lines()}
                relieved = {one.line for one in transaction.reliefs(self._utc())}
                found = roster(treatment_of(config), transaction.all_holdings(), listed, relieved)
                plans = transaction.port_plans()
        except StoreError as error:
            log.error("the gate's lines stay as they are", why=str(error))  # noqa: TRY400 - the message says it all
            self._roster_is_known = False
            return None
        self._roster_is_known = True
        return Roster(found.lines, found.addresses, usable_plans(treatment_of(config), plans))

    def numbers(self, names: Iterable[str]) -> Mapping[str, int]:
        """Return the numbers of lines by name; where the store is away, those that they most likely have."""
        wanted = list(names)
        try:
            if wanted:
                with self.store.transaction() as transaction:
                    return transaction.number_lines(wanted)
        except StoreError:
            log.warning("numbers of lines are made of their names: the store is away")
        return line_numbers(wanted)

    def take(self, batch: Sequence[Heard | Boot]) -> None:
        """Make durable what was heard. Raises StoreError, with nothing taken."""
        if self._settler is None:
            self.store.require()
            raise StoreError("the store is being opened: send again")
        self._settler.append(batch)

    def settle(self) -> None:
        """Return when all that was taken before is in the leases. Raises StoreError."""
        if self._settler is not None:
            self._settler.settle()

    def put_list(
        self,
        lines: StaticList,
        record: Callable[[Transaction, ListChange], object] = lambda *_: None,
        *,
        dry_run: bool = False,
    ) -> ListChange:
        """Put a list in place of the one before. Raises StoreError."""
        configured = config_list(self._config)
        change = self.intake.put_list(lines, LIST, configured, record=record, dry_run=dry_run)
        if lines.port_plans and not dry_run:
            self._start_over()  # how addresses are shared goes to the gate with the whole roster
        return change

    def refresh(self, lines: Collection[int]) -> None:
        """Tell the gate of lines whose relief has changed. Raises StoreError."""
        self.intake.refresh(lines)

    def _put_lists(self, config: Config) -> None:
        configured = config_list(config)
        self.intake.put_list(configured, CONFIG, configured)
        in_file = self._file_list(config)
        if in_file is not None:
            self.put_list(in_file)

    def _tell(self, change: RosterChange) -> None:
        if self._writer is not None:  # else the gate asks for the whole roster yet
            self._writer.tell(change)

    def _start_over(self) -> None:
        if self._writer is not None:
            self._writer.start_over()

    def _reconcile(self, gate: KeptGate) -> None:
        gate.reload_roster()
        if not self._roster_is_known:
            self.store.require()

    def _run(self) -> None:
        failing = False
        while not self._stopping.wait(0 if self._work_off() else TICK_SECONDS):
            try:
                self._tick()
            except StoreError as error:
                if not failing:
                    log.error("the store is away", why=str(error))  # noqa: TRY400 - the message says it all
                failing = True
            else:
                if failing:
                    log.info("the store is back")
                failing = False

    def _work_off(self) -> bool:
        try:
            return self._settler is not None and self.intake.work_off()
        except StoreError:
            return False  # the next tick tells why

    def _tick(self) -> None:
        """See whether the store is there, and which reliefs have ended."""
        if self._settler is None:
            self.open()
            self._start_over()
        with self.store.reading() as transaction:
            relieved = frozenset(one.line for one in transaction.reliefs(self._utc()))
        self._forget_some()
        if relieved != self._relieved:
            self.intake.refresh(relieved ^ self._relieved)
            self._relieved = relieved

    def _forget_some(self) -> None:
        """Forget a chunk of what is older than it may be kept; now and then a new round begins."""
        now, kept = self._utc(), self._config.kept
        if self._forgetting is None and now >= self._forget_next:
            leases_before = now - timedelta(milliseconds=kept.leases_ms)
            audit_before = now - timedelta(milliseconds=kept.audit_ms)
            self._forgetting = forget(self.store, leases_before, audit_before, now)
            self._forget_next = now + FORGET_EVERY
        if self._forgetting is not None:
            try:
                if next(self._forgetting, None) is None:
                    self._forgetting = None
            except StoreError:
                self._forgetting = None
                raise


def treatment_of(config: Config) -> Treatment:
    """Return what a configuration says of how lines are treated."""
    return Treatment(pool_classes(config), file_limits(config))
