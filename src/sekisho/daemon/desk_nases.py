"""Asks NASes for the suspension of whole lines, in a thread of its own: one that is away keeps nothing else.

An action is written as asked before it is: a daemon that ends meanwhile asks again, and a NAS that has done
it says that there is no such login. Each login of the line is asked for by itself, by what names it alone
(`desk_logins`). A Disconnect does not stop the next login: where accounting tells of one during a suspension,
the NAS is asked again, at most once a minute.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Final

import structlog

from sekisho.coa_client import AskError, Nas, ask
from sekisho.config import Config
from sekisho.config.desk_nas import NasTable
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.desk_logins import Mark, Target, UnnamedError, listed_target, mark_of, target_of
from sekisho.daemon.threads import require_thread
from sekisho.desk.actions import LOOK, SESSION_GONE, Action, Do, Happened, Progress, is_as_shown, step
from sekisho.desk.case_values import Kind
from sekisho.desk.coa import Answer, Request, attribute, change, disconnect
from sekisho.lines.events import OpenLogin
from sekisho.lines.radius_secrets import SecretError, read_secret
from sekisho.model import Address
from sekisho.store import Store

LOOK_SECONDS = 1.0
NO_RESTORE: Final = "what `suspend` has set stays until the line logs in anew: write `restore`"

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
        # By action, what a NAS has changed (None), or did not know when accounting had told of it until then.
        # A daemon that starts anew knows none of it, and asks once more.
        self._done: defaultdict[str, dict[Mark, datetime | None]] = defaultdict(dict)
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
        for key in [key for key in self._done if key not in alive]:
            del self._done[key]

    def _ask(self, one: Action) -> None:
        line, nases = self._read(one.line), self._nases()
        changes_logins = any(nas.suspend for nas in nases)
        if line.is_offline or (one.do is Do.LIFT and not changes_logins):
            self._note(one, Happened.SEEN)  # there is nothing to end, nor to set back
            return
        targets, whys = line.targets(nases)
        wanted = [(target, request) for target in targets if (request := _request(one.do, target))]
        if one.do is Do.LIFT:
            whys += [NO_RESTORE for target in targets if target.nas.suspend and not target.nas.restore]
            ended = [target.login for target in targets if not target.nas.suspend]  # there is nothing to undo
            self._done[one.key] |= {mark_of(login): None for login in ended if login is not None}
        for why in whys:
            log.error("a login is not asked for", case=one.case, why=why)
        self._note(one, Happened.ASKED)
        refused, silent = self._ask_each(one, wanted)
        if refused:
            self._note(one, Happened.REFUSED, refused[0].cause)
        elif silent or whys:
            self._note(one, Happened.NO_ANSWER)
        else:
            self._note(one, Happened.ACKNOWLEDGED)
            self._look(one, is_due=False)

    def _ask_each(
        self, one: Action, wanted: Iterable[tuple[Target, Request]]
    ) -> tuple[list[Answer], set[str]]:
        """Ask for each login; return what was refused, and which NASes are silent: those are asked once."""
        refused: list[Answer] = []
        silent = set[str]()
        for target, request in wanted:
            if target.nas.name not in silent:
                answer = self._answer(one, target.nas, request)
                if answer is None:
                    silent.add(target.nas.name)
                elif not self._is_taken(one, target, answer):
                    refused.append(answer)
        return refused, silent

    def _is_taken(self, one: Action, target: Target, answer: Answer) -> bool:
        """Tell whether a login is as it is to be, by what its NAS says; keep what nothing else will tell."""
        done, login = self._done[one.key], target.login
        if answer.is_acknowledged:
            if login is not None and target.nas.suspend:
                done[mark_of(login)] = None
            return True
        if answer.cause == SESSION_GONE and login is not None:
            done.setdefault(mark_of(login), login.heard)
        return answer.cause == SESSION_GONE

    def _answer(self, one: Action, nas: NasTable, request: Request) -> Answer | None:
        """Ask a NAS; None where there is no answer."""
        try:
            secret = read_secret(self._directory / nas.secret_file)
            answer = self._ask_nas(Nas(*nas.address, secret), request)
        except (AskError, SecretError) as error:
            log.warning("a NAS has not answered", case=one.case, nas=nas.name, why=": ".join(error.args))
            return None
        log.info("a NAS has answered", case=one.case, nas=nas.name, do=str(one.do), answer=answer.words())
        return answer

    def _look(self, one: Action, *, is_due: bool) -> None:
        """See whether accounting tells of no login any more but those that are done with."""
        line = self._read(one.line)
        if self._open_logins(one, line):
            if is_due:
                self._note(one, Happened.NOT_SEEN)
            return
        done = self._done[one.key]
        is_changed = any(done[mark_of(login)] is None for login in line.logins)
        self._note(one, Happened.NOT_SHOWN if is_changed or line.listed else Happened.SEEN)

    def _look_again(self, one: Action, now: datetime) -> None:
        """Ask once more where the line has a login that was not asked for, whenever it began."""
        if one.do is not Do.IMPOSE or one.changed is None or now - one.changed < LOOK:
            return
        if self._open_logins(one, self._read(one.line)):
            log.info("a suspended line has a login", case=one.case)
            self._note(one, Happened.NOT_SEEN)

    def _open_logins(self, one: Action, line: _Line) -> list[OpenLogin]:
        """Return the logins with which an action is not done.

        One that its NAS does not know, while accounting goes on to tell of it, is there all the same.
        """
        done = self._done[one.key]
        return [
            login
            for login in line.logins
            if (mark := mark_of(login)) not in done
            or ((gone := done[mark]) is not None and login.heard > gone)
        ]

    def _read(self, line: int) -> _Line:
        with self._store.reading() as transaction:
            logins = transaction.logins_of(line)
            held = transaction.holdings_of([line]).get(line, ())
            name = transaction.line_names([line]).get(line)
        by_login = {address for login in logins for address in login.addresses}
        return _Line(name, logins, tuple(address for address in held if address not in by_login))

    def _nases(self) -> Sequence[NasTable]:
        desk = self._config().desk
        return () if desk is None else desk.nases

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


@dataclass(frozen=True, slots=True)
class _Line:
    """A line as the store tells of it now; `listed`: what it holds by a static list's word."""

    name: str | None
    logins: tuple[OpenLogin, ...]
    listed: tuple[Address, ...]

    @property
    def is_offline(self) -> bool:
        """Tell whether it holds nothing."""
        return not self.logins and not self.listed

    def targets(self, nases: Sequence[NasTable]) -> tuple[list[Target], list[str]]:
        """Return what is asked for, each login by itself, and why some is not."""
        found: list[Target] = []
        whys: list[str] = []
        asked = [partial(target_of, nases, login, self.name) for login in self.logins]
        if self.listed:
            asked.append(partial(listed_target, nases, self.listed, self.name))
        for one in asked:
            try:
                found.append(one())
            except UnnamedError as error:
                whys.append(str(error))
        return found, whys


def _request(do: Do, target: Target) -> Request | None:
    """Return what a NAS is asked for a login; None: nothing, since what was ended cannot be set back."""
    attributes = target.nas.suspend if do is Do.IMPOSE else target.nas.restore
    if attributes:
        return change(target.attributes, [attribute(key, value) for key, value in attributes.items()])
    return disconnect(target.attributes) if do is Do.IMPOSE else None
