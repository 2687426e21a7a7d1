"""Keeps the lines of a daemon: its store, what the sources say, and what the gate is told.

    source ─► journal: acknowledged ─► settler ─► intake: leases ─► roster writer ─► gate

Where the store is away, the gate goes on with the lines that it has, sources are not acknowledged and send
again, and the store is tried until it is back.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Protocol

import structlog

from sekisho.api.problems import RefusalError
from sekisho.config import Config
from sekisho.config.desk_plan import policies_of
from sekisho.config.schema import share_rules
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.bell import Bell
from sekisho.daemon.desk_lists import see_off
from sekisho.daemon.desk_measures import restrictions, stage_arms_of
from sekisho.daemon.forgetter import Forgetter
from sekisho.daemon.inbox import Inbox
from sekisho.daemon.intake import Intake
from sekisho.daemon.lists import listed_plans
from sekisho.daemon.roster_writer import RosterWriter
from sekisho.daemon.settler import Settler
from sekisho.daemon.threads import require_thread
from sekisho.lines.events import Boot, Heard
from sekisho.lines.list_change import ListChange
from sekisho.lines.roster import Treatment, roster, usable_plans
from sekisho.lines.static import CONFIG, LIST, StaticList, config_list, pool_classes
from sekisho.model import PortPlan, Roster, RosterChange
from sekisho.plan import file_limits, line_numbers
from sekisho.store import StoreError, Transaction
from sekisho.store.late import LateStore

TICK_SECONDS = 1.0  # between looks at reliefs that may have ended, and at a store that is away

_NOTHING = StaticList()
_OUR_FAULT = "what is in the store cannot be taken in, which is our fault"

log = structlog.get_logger()


class KeptGate(Protocol):
    """What is needed of the gate's keeper. Each raises GateError, or RefusalError at the end."""

    def change_roster(self, change: RosterChange) -> None:
        """Bring a change of some lines into the kernel."""

    def reload_roster(self) -> bool:
        """Ask for the whole roster again, and bring it into the kernel; tell whether it is known."""


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
        self.bell = Bell()  # of the settler
        self._settler: Settler | None = None
        self._inbox: Inbox | None = None
        self._writer: RosterWriter | None = None
        self._why_unknown = ""
        self._listing = threading.Lock()
        self._due = {CONFIG, LIST}  # lists that are not in the store as they were read last
        self._is_unreadable = False
        self._marked: frozenset[tuple[int, int | None]] = frozenset()
        self._attempts = Attempts()
        self._forgetter = Forgetter(store, config=self.config, utc=utc)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lines")

    @property
    def is_whole(self) -> bool:
        """Tell whether the store has all lists, and the gate all of the lines."""
        return self._writer is not None and self._writer.is_whole and not self._due

    def counts(self) -> dict[str, int]:
        """Return what was counted of what sources say: sums that name no line."""
        counts = self.intake.counts.copy()
        if self._settler is not None and self._inbox is not None:
            counts.update(misfits=self._inbox.misfits, set_aside=self._settler.set_aside)
            with suppress(StoreError):  # it is told beside this
                counts["waiting"] = self.store.journal.waiting()
        return dict(counts)

    def treatment(self) -> Treatment:
        """Return what decides about lines now."""
        return self._treatment

    def config(self) -> Config:
        """Return the configuration in force."""
        return self._config

    def open(self) -> None:
        """Open the store, settle what is left from before, and bring in the configuration's lines.

        Raises StoreError; what was not done then is done when it can be, once this has started.
        """
        try:
            self._open()
            self._put_lists()
        except StoreError:
            raise
        except Exception as error:
            log.exception("what is in the store cannot be taken in")
            raise StoreError(f"{_OUR_FAULT} ({type(error).__name__}): please report it") from error

    def _open(self) -> None:
        self.store.open()
        if self._settler is None:
            settler = Settler(self.store.journal, self.intake.take, self.bell)
            settler.settle()
            settler.start()
            self._settler, self._inbox = settler, Inbox(self.store.journal, self.bell.ring)

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
        self.bell.close()
        self.store.close()

    def check(self) -> None:
        """Raise GateError where a thread has ended by itself."""
        require_thread("sees to time", self._thread.is_alive())
        require_thread("tells the gate of lines", self._writer is None or self._writer.is_alive)
        require_thread("settles what was heard", self._settler is None or self._settler.is_alive)

    def follow(self, config: Config) -> None:
        """Take another configuration as the one in force.

        Raises StoreError; its lists come into the store as soon as they can.
        """
        with self._listing:
            self._config, self._treatment = config, treatment_of(config)
            self._due |= {CONFIG, LIST}
        try:
            if self.store.is_open:
                self._put_lists()
        finally:
            self._start_over()  # lines that were settled meanwhile may have been told by the one before

    def roster(self, config: Config) -> Roster | None:
        """Return the lines and who holds what, by a configuration.

        None where the store is away, and before `start`: a gate that starts limits pools at once, and does
        not wait for a million lines.
        """
        if self._writer is None:
            return None
        treatment = treatment_of(config)
        try:
            with self.store.reading() as transaction:
                listed = {one.number: one.class_name for one in transaction.listed_lines()}
                relieved = {one.line for one in transaction.reliefs(self._utc())}
                restricted = restrictions(transaction.measures())
                counted = stage_arms_of(transaction.stages())
                found = roster(treatment, transaction.all_holdings(), listed, relieved, restricted, counted)
                plans = listed_plans(transaction)
        except StoreError as error:
            log.error("the gate's lines stay as they are", why=str(error))  # noqa: TRY400 - the message says it all
            self._why_unknown = str(error)
            return None
        return Roster(found.lines, found.addresses, usable_plans(treatment, plans))

    def numbers(self, names: Iterable[str]) -> Mapping[str, int]:
        """Return the numbers of lines by name; those that they most likely get where the store has none."""
        likely = line_numbers(names)
        try:
            with self.store.reading() as transaction:
                return {**likely, **transaction.known_numbers(likely)}
        except StoreError:
            log.warning("numbers of lines are made of their names: the store is away")
        return likely

    def take(self, batch: Sequence[Heard | Boot]) -> None:
        """Make durable what was heard. Raises StoreError, with nothing taken."""
        if self._inbox is None:
            self.store.require()
            raise StoreError("the store is being opened: send again")
        self._inbox.append(batch)

    def settle(self) -> None:
        """Return when all that was taken before is in the leases. Raises StoreError."""
        if self._settler is not None:
            self._settler.settle()

    def put_list(
        self,
        lines: StaticList,
        record: Callable[[Transaction, ListChange], object] = lambda *_: None,
        *,
        config: Config,
        dry_run: bool = False,
    ) -> ListChange:
        """Put a list in place of the one before; `config`: the one by which it was read.

        Raises StoreError, and RefusalError where another configuration has come into force meanwhile.
        """
        with self._listing:
            if config != self._config:
                detail = "the configuration has changed while the list was read: import the list again"
                raise RefusalError(409, "reloaded", "Another configuration is in force", detail)
            return self._put(lines, LIST, record, dry_run=dry_run)

    def refresh(self, lines: Collection[int]) -> None:
        """Tell the gate of lines whose relief has changed. Raises StoreError."""
        self.intake.refresh(lines)

    def _put_lists(self) -> None:
        """Bring the lists that are due into the store. Raises StoreError."""
        with self._listing:
            file = self._read_file() if LIST in self._due else None
            if CONFIG in self._due:
                self._put(config_list(self._config), CONFIG, coming=file or _NOTHING)
                self._due.discard(CONFIG)
            if file is not None:
                self._put(file, LIST)
            if not self._is_unreadable:
                self._due.discard(LIST)

    def _read_file(self) -> StaticList | None:
        """Return the list of the file, None where there is none, or it cannot be read."""
        try:
            lines = self._file_list(self._config)
        except OSError as error:
            if not self._is_unreadable:
                log.error("the list of lines cannot be read, the one before stays", why=str(error))  # noqa: TRY400 - the message says it all
            self._is_unreadable = True
            return None
        self._is_unreadable = False
        return lines

    def _put(
        self,
        lines: StaticList,
        source: str,
        record: Callable[[Transaction, ListChange], object] = lambda *_: None,
        *,
        dry_run: bool = False,
        coming: StaticList = _NOTHING,
    ) -> ListChange:
        """Put a list in place of its source's; `coming`: the one that is put next."""

        def begin(transaction: Transaction, change: ListChange) -> None:
            record(transaction, change)
            if not dry_run:
                see_off(transaction, change, coming, policies_of(self._config), self._utc())

        before = self._plans()
        configured = config_list(self._config)
        change = self.intake.put_list(lines, source, configured, record=begin, dry_run=dry_run)
        if self._plans() != before:
            self._start_over()  # how addresses are shared goes to the gate with the whole roster
        return change

    def _plans(self) -> Mapping[bytes, PortPlan]:
        with self.store.reading() as transaction:
            return transaction.port_plans()

    def _tell(self, change: RosterChange) -> None:
        if self._writer is not None:  # else the gate asks for the whole roster yet
            self._writer.tell(change)

    def _start_over(self) -> None:
        if self._writer is not None:
            self._writer.start_over()

    def _reconcile(self, gate: KeptGate) -> None:
        if not gate.reload_roster():
            raise StoreError(self._why_unknown)

    def _run(self) -> None:
        while not self._stopping.wait(0 if self._work_off() else TICK_SECONDS):
            self._tick()

    def _work_off(self) -> bool:
        return self._settler is not None and bool(
            self._attempts.attempt("boots of NASes", self.intake.work_off)
        )

    def _tick(self) -> None:
        """See to what time brings; what fails keeps nothing else from being done."""
        if self._settler is None and not self._attempts.attempt("opening the store", self._open_late):
            return
        self._attempts.attempt("reliefs and cases", self._see_to_marks)
        self._attempts.attempt("forgetting", self._forgetter.step)
        self._attempts.attempt("lists of lines", self._put_lists, rests=True)

    def _open_late(self) -> bool:
        self._open()
        self._start_over()
        return True

    def _see_to_marks(self) -> None:
        """Tell the gate of lines whose relief has begun or ended, or whose case has come to another stage."""
        with self.store.reading() as transaction:
            relieved = ((one.line, None) for one in transaction.reliefs(self._utc()))
            marked = frozenset((*relieved, *stage_arms_of(transaction.stages()).items()))
        if marked != self._marked:
            self.intake.refresh({line for line, _ in marked ^ self._marked})
            self._marked = marked


def treatment_of(config: Config) -> Treatment:
    """Return what a configuration says of how lines are treated."""
    lengths = frozenset(pool.line_length for pool in config.pools)
    own = {name: policy.own_limit for name, policy in policies_of(config).items()}
    return Treatment(pool_classes(config), file_limits(config), lengths, own)
