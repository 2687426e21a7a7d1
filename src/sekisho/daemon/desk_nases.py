"""Asks NASes for the suspension of whole lines, in a thread of its own: one that is away keeps nothing else.

An action is written as asked before it is: a daemon that ends meanwhile asks again, and a NAS that has done
it says that there is no such login. A Disconnect does not stop the next login: where accounting tells of one
during a suspension, the NAS is asked again, at most once a minute.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from ipaddress import ip_network
from pathlib import Path

import structlog

from sekisho.coa_client import AskError, Nas, ask
from sekisho.config import Config
from sekisho.config.desk_nas import NasTable
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.threads import require_thread
from sekisho.desk.actions import LOOK, SESSION_GONE, Action, Do, Happened, Progress, step
from sekisho.desk.case_values import Kind
from sekisho.desk.coa import Answer, Request, attribute, change, disconnect, of_line
from sekisho.lines.radius_secrets import SecretError, read_secret
from sekisho.model import Address
from sekisho.store import Store

LOOK_SECONDS = 1.0

Ask = Callable[[Nas, Request], Answer]
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
        ask_nas: Ask | None = None,
    ) -> None:
        self._store, self._config, self._directory, self._utc = store, config, directory, utc
        self._ask_nas = ask_nas or partial(ask, utc=utc)
        self._attempts = Attempts()
        self._looked: datetime | None = None  # at all that is in force
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
            in_force = transaction.line_suspensions() if self._is_time_to_look(now) else ()
        for one in due:
            if self._stopping.is_set():
                return
            if one.progress is Progress.WAITING:
                self._attempts.attempt(f"action {one.key}", partial(self._ask, one), rests=True)
            elif one.progress is Progress.ASKED:  # by a daemon that has ended
                self._note(one, Happened.NO_ANSWER)
        for one in fresh:
            if one.progress is Progress.ACKNOWLEDGED:
                self._look(one, is_due=one in due)
        for one in in_force:
            if one.progress is Progress.VERIFIED:
                self._look_again(one, now)

    def _is_time_to_look(self, now: datetime) -> bool:
        """Tell, once a minute, that all suspended lines are to be looked at; also where the clock was set."""
        if self._looked is not None and abs(now - self._looked) < LOOK:
            return False
        self._looked = now
        return True

    def _ask(self, one: Action) -> None:
        with self._store.reading() as transaction:
            logins = [address for address, _ in transaction.logins_of(one.line)]
            held = logins or transaction.holdings_of([one.line]).get(one.line, ())
            name = transaction.line_names([one.line]).get(one.line)
        if not held:
            self._note(one, Happened.SEEN)  # it is offline: there is nothing to end, nor to set back
            return
        asked = tuple(self._requests(one, held, name))
        self._note(one, Happened.ASKED)
        if not asked:
            log.error("no NAS is asked", case=one.case, why="no [[desk.nas]] has what the line holds: add it")
            self._note(one, Happened.NO_ANSWER)
            return
        answers = []
        for nas, request in asked:
            if request is not None:
                answer = self._answer(one, nas, request)
                if answer is None:
                    return
                answers.append((nas, answer))
        self._answered(one, answers)

    def _answered(self, one: Action, answers: Sequence[tuple[NasTable, Answer]]) -> None:
        """Note what all NASes have answered: acknowledged where each has done it, or had nothing to do."""
        for _, answer in answers:
            if not answer.is_acknowledged and answer.cause != SESSION_GONE:
                self._note(one, Happened.REFUSED, answer.cause)
                return
        self._note(one, Happened.ACKNOWLEDGED)
        ends_logins = any(answer.is_acknowledged and not nas.suspend for nas, answer in answers)
        if not ends_logins:  # else the Stop of the login shows it
            self._note(one, Happened.SEEN)

    def _requests(
        self, one: Action, held: Sequence[Address], name: str | None
    ) -> Iterator[tuple[NasTable, Request | None]]:
        """Yield each NAS that has logins of the line, and what it is asked; None: nothing."""
        desk = self._config().desk
        for nas in () if desk is None else desk.nases:
            # One address names a login; several attributes of a kind might name none.
            there = sorted((address for address in held if _has(nas, address)), key=_ipv4_first)[:1]
            if not there:
                continue
            attributes = nas.suspend if one.do is Do.IMPOSE else nas.restore
            login = of_line(there, user=name if nas.user else None, nas=nas.nas)
            if attributes:
                yield nas, change(login, [attribute(key, value) for key, value in attributes.items()])
            else:
                yield nas, disconnect(login) if one.do is Do.IMPOSE else None

    def _answer(self, one: Action, nas: NasTable, request: Request) -> Answer | None:
        """Ask a NAS; note where there is no answer, and return None."""
        try:
            secret = read_secret(self._directory / nas.secret_file)
            answer = self._ask_nas(Nas(*nas.address, secret), request)
        except (AskError, SecretError) as error:
            log.warning("a NAS has not answered", case=one.case, nas=nas.name, why=": ".join(error.args))
            self._note(one, Happened.NO_ANSWER)
            return None
        log.info("a NAS has answered", case=one.case, nas=nas.name, do=str(one.do), answer=answer.words())
        return answer

    def _look(self, one: Action, *, is_due: bool) -> None:
        """See whether accounting tells of no login any more."""
        with self._store.reading() as transaction:
            logins = transaction.logins_of(one.line)
        if not logins or one.do is Do.LIFT:
            self._note(one, Happened.SEEN)
        elif is_due:
            self._note(one, Happened.NOT_SEEN)

    def _look_again(self, one: Action, now: datetime) -> None:
        """Ask once more where the line has logged in since."""
        if one.do is not Do.IMPOSE or one.changed is None or now - one.changed < LOOK:
            return
        with self._store.reading() as transaction:
            logins = transaction.logins_of(one.line)
        if any(begin > one.changed for _, begin in logins):
            log.info("a suspended line has logged in", case=one.case)
            self._note(one, Happened.NOT_SEEN)

    def _note(self, one: Action, happened: Happened, cause: int | None = None) -> None:
        with self._store.transaction() as transaction:
            known = transaction.action(one.key)
            if known is not None:  # as it is now: a later one may have overtaken it
                transaction.put_action(step(known, happened, self._utc(), cause))

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


def _ipv4_first(address: Address) -> tuple[int, Address]:
    return len(address.network), address


def _has(nas: NasTable, address: Address) -> bool:
    """Tell whether a NAS has the login that holds an address; of a shared one none is known by it."""
    if address.port_set is not None:
        return False
    network = ip_network((address.network, address.length))
    return any(pool.version == network.version and network.subnet_of(pool) for pool in nas.pools)  # type: ignore[arg-type]
