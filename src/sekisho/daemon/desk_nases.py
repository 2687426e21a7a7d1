"""Asks NASes for the suspension of whole lines, in a thread of its own: one that is away keeps nothing else.

An action is written as asked before it is: a daemon that ends meanwhile asks again, and a NAS that has done
it says that there is no such login. What is asked, and what answers mean, is decided in `desk.asking`. A
Disconnect does not stop the next login: where accounting tells of one during a suspension, the NAS is asked
again, at most once a minute.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from pathlib import Path

import structlog

from sekisho.coa_client import AskError, Nas, ask
from sekisho.config import Config
from sekisho.config.desk_nas import NasTable
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.threads import require_thread
from sekisho.desk.actions import LOOK, Action, Happened, Progress, is_as_shown, step
from sekisho.desk.asked import Became, Part
from sekisho.desk.asking import Ask, Plan, Settled, happened, part_of, plan, seen, settle
from sekisho.desk.case_values import Kind
from sekisho.desk.coa import Answer, Request
from sekisho.desk.logins import Line, Mark
from sekisho.lines.radius_secrets import SecretError, read_secret
from sekisho.store import Store

LOOK_SECONDS = 1.0

AskNas = Callable[[Nas, Request], Answer]
"""Asks a NAS. Raises AskError."""

log = structlog.get_logger()


class NasActions:
    """The actions of NASes of a store; the secrets that the configuration names are in `directory`."""

    def __init__(
        self,
        store: Store,
        config: Callable[[], Config],
        directory: Path,
        utc: Callable[[], datetime],
        ask_nas: AskNas | None = None,
    ) -> None:
        self._store, self._config, self._directory, self._utc = store, config, directory, utc
        self._ask_nas = ask_nas or partial(ask, utc=utc)
        self._attempts = Attempts()
        self._looked: datetime | None = None  # at all that is in force
        # By action. A daemon that starts anew knows none of it, and asks once more.
        self._settled: defaultdict[str, dict[Mark | None, Settled]] = defaultdict(dict)
        self._silent: dict[str, str] = {}  # NASes, and why; for a step, so that each is waited for once
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="NASes", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End when the NAS at hand has answered or not."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()

    def check(self) -> None:
        """Raise GateError where the thread has ended by itself."""
        require_thread("asks NASes", self._thread.is_alive())

    def step(self) -> None:
        """Ask for what is due, once each, and look whether what was asked holds. Raises StoreError."""
        now = self._utc()
        with self._store.reading() as transaction:
            due = [one for one in transaction.due_actions(now) if one.kind is Kind.LINE]
            # One whose Stop comes within a second is seen to hold before it is looked at again.
            fresh = [one for one in transaction.unconfirmed_actions() if one.kind is Kind.LINE]
            is_time = self._is_time_to_look(now)
            in_force = transaction.line_suspensions() if is_time else ()
        self._silent.clear()
        for one in due:
            if self._stopping.is_set():
                return
            if one.progress is Progress.WAITING:
                self._attempts.attempt(f"action {one.key}", partial(self._ask, one), rests=True)
            elif one.progress is Progress.ASKED:  # by a daemon that has ended
                self._note(one, Happened.NO_ANSWER)
        for one in fresh:
            if one.progress is Progress.ACKNOWLEDGED or (one.progress is Progress.REFUSED and is_time):
                self._look(one, is_due=one in due or one.progress is Progress.REFUSED)
        for one in in_force:
            if is_as_shown(one):
                self._look_again(one, now)
        if is_time:
            self._forget({one.key for one in (*due, *fresh, *in_force)})

    def _is_time_to_look(self, now: datetime) -> bool:
        """Tell, once a minute, that all suspended lines are to be looked at; also where the clock was set."""
        if self._looked is not None and abs(now - self._looked) < LOOK:
            return False
        self._looked = now
        return True

    def _forget(self, alive: Collection[str]) -> None:
        """Keep nothing of actions that are over."""
        for key in [key for key in self._settled if key not in alive]:
            del self._settled[key]

    def _ask(self, one: Action) -> None:
        """Ask for all logins that are open; where their NASes were silent just now, another time."""
        if one.tries == 0:  # for the first time, or a person has it asked again
            self._forgive(one)
        now = self._plan(one)
        doors, unread = self._doors(each.nas for each in now.asks)
        asks = [each for each in now.asks if each.nas in doors]
        if asks and all(each.nas in self._silent for each in asks):
            return
        if asks:
            self._note(one, Happened.ASKED)
        parts = (*now.parts, *unread, *self._ask_each(one, asks, doors))
        if parts != one.parts:
            self._tell(one, parts)
        what, cause = happened(parts)
        self._note(one, what, cause, parts)
        if what is Happened.ACKNOWLEDGED:
            self._look(one, is_due=False)

    def _forgive(self, one: Action) -> None:
        """Let be asked again what was refused."""
        known = self._settled[one.key].items()
        self._settled[one.key] = {
            mark: each for mark, each in known if each.part.became is not Became.REFUSED
        }

    def _doors(self, names: Iterable[str]) -> tuple[dict[str, Nas], list[Part]]:
        """Return where NASes are asked, and of which that cannot be, since there is no secret."""
        doors: dict[str, Nas] = {}
        unread: list[Part] = []
        tables = {table.name: table for table in self._tables()}
        for name in dict.fromkeys(names):
            try:
                secret = read_secret(self._directory / tables[name].secret_file)
                doors[name] = Nas(*tables[name].address, secret)
            except SecretError as error:
                unread.append(Part(Became.NOT_ASKED, name, why=": ".join(error.args)))
        return doors, unread

    def _ask_each(self, one: Action, asks: Iterable[Ask], doors: Mapping[str, Nas]) -> Iterator[Part]:
        """Ask for each login, of a NAS that is silent for the first alone; yield what became of them."""
        for each in asks:
            answer = None if each.nas in self._silent else self._answer(one, each, doors[each.nas])
            if answer is None:
                yield Part(Became.SILENT, each.nas, why=self._silent[each.nas])
                continue
            settled = self._settled[one.key]
            if (known := settle(each, answer, settled.get(each.mark))) is not None:
                settled[each.mark] = known
            yield part_of(each, answer)

    def _answer(self, one: Action, each: Ask, door: Nas) -> Answer | None:
        """Ask a NAS; None where there is no answer."""
        try:
            answer = self._ask_nas(door, each.request)
        except AskError as error:
            self._silent[each.nas] = str(error)
            log.warning("a NAS has not answered", case=one.case, nas=each.nas, why=str(error))
            return None
        log.info("a NAS has answered", case=one.case, nas=each.nas, do=str(one.do), answer=answer.words())
        return answer

    def _tell(self, one: Action, parts: Iterable[Part]) -> None:
        for part in parts:
            if part.became is Became.NOT_ASKED:
                log.error("a login is not asked for", case=one.case, why=part.why)

    def _look(self, one: Action, *, is_due: bool) -> None:
        """See whether any login is left that is not done with."""
        what = seen(self._plan(one))
        if what is not None and (is_due or what is not Happened.NOT_SEEN):
            self._note(one, what)

    def _look_again(self, one: Action, now: datetime) -> None:
        """Ask once more where the line has a login that was not asked for, whenever it began."""
        if one.changed is None or now - one.changed < LOOK:
            return
        if seen(self._plan(one)) is Happened.NOT_SEEN:
            log.info("a suspended line has a login", case=one.case)
            self._note(one, Happened.NOT_SEEN)

    def _plan(self, one: Action) -> Plan:
        nases = [table.value() for table in self._tables()]
        return plan(one, self._read(one.line), nases, self._settled[one.key])

    def _read(self, line: int) -> Line:
        with self._store.reading() as transaction:
            logins = transaction.logins_of(line)
            held = transaction.holdings_of([line]).get(line, ())
            name = transaction.line_names([line]).get(line)
        by_login = {address for login in logins for address in login.addresses}
        return Line(name, logins, tuple(address for address in held if address not in by_login))

    def _tables(self) -> Collection[NasTable]:
        desk = self._config().desk
        return () if desk is None else desk.nases

    def _note(
        self, one: Action, what: Happened, cause: int | None = None, parts: tuple[Part, ...] | None = None
    ) -> None:
        with self._store.transaction() as transaction:
            known = transaction.action(one.key)
            if known is not None:  # as it is now: a later one may have overtaken it
                transaction.put_action(step(known, what, self._utc(), cause, parts))

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._attempts.attempt("what is asked of NASes", self.step, rests=True)
            self._stopping.wait(LOOK_SECONDS)


@contextmanager
def asking_nases(
    store: Store, config: Callable[[], Config], directory: Path, utc: Callable[[], datetime]
) -> Iterator[NasActions]:
    """Let NASes be asked meanwhile."""
    actions = NasActions(store, config, directory, utc)
    actions.start()
    try:
        yield actions
    finally:
        actions.stop()
