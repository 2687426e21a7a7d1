"""Sends what waits in the outbox, each kind by a thread of its own: a slow server lets no other wait.

store: letters that are due ─► try ─► sent, or due again later, or given up

A letter is tried until somebody has taken it or refused it for good, for five days at most. Where the daemon
ends between that and the store's word of it, it goes once more under the same id, by which the receiver can
tell: nobody can rule out both a second and none.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import structlog

from sekisho.config import Config
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.threads import require_thread
from sekisho.lines.radius_secrets import SecretError, read_secret
from sekisho.outbox import MOST_TRIES, Kind, Letter, read_webhook_secret, wait_after
from sekisho.sending import RefusedError, SendError, post_webhook, send_mail
from sekisho.store import Store, Transaction

LOOK_SECONDS = 1.0
STOP_SECONDS = 15.0
KEPT: Final = timedelta(days=31)  # that a letter was sent or given up
_FORGET_EVERY: Final = 3_600  # looks
_AT_ONCE: Final = 10
_OURS: Final = "it cannot be sent, which is our fault: the log says why"

Carry = Callable[[Letter], None]
"""Sends a letter. Raises SendError, RefusedError where nobody ever will."""

Ended = Callable[[Transaction, str, datetime, str | None], object]
"""What is written beside a letter's end, by its id: when it was, and why it is given up, if so."""

log = structlog.get_logger()


class Postman:
    """One kind of letters of a gate: those of others, which may keep the same store, their daemons send."""

    def __init__(
        self,
        kind: Kind,
        carry: Carry,
        store: Store,
        gate: str,
        *,
        utc: Callable[[], datetime],
        ended: Ended = lambda *_: None,
    ) -> None:
        self._ended = ended
        self._kind, self._carry, self._store, self._gate, self._utc = kind, carry, store, gate, utc
        self._taken: set[str] = set()  # by somebody, which the store does not know yet
        self.given_up = 0  # since the daemon began
        self._attempts = Attempts()
        self._stopping, self._bell = threading.Event(), threading.Event()
        # A server that answers step by step, each late, shall not keep the daemon from ending.
        self._thread = threading.Thread(target=self._run, name=f"outbox {kind}", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End when the letter at hand is taken or refused, or leave it: it may then go once more."""
        self._stopping.set()
        self._bell.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)
        if self._thread.is_alive():
            log.warning("a letter is left on its way, and may go once more", kind=self._kind)

    @property
    def is_alive(self) -> bool:
        """Tell whether the thread runs."""
        return self._thread.is_alive()

    def look(self) -> None:
        """Look at once: there is a letter."""
        self._bell.set()

    def deliver(self) -> None:
        """Try what is due, once each. Raises StoreError."""
        with self._store.reading() as transaction:
            due = transaction.due_letters(self._gate, self._kind, self._utc(), _AT_ONCE)
        for one in due:
            if self._stopping.is_set():
                return
            self._try(one.letter, one.attempts + 1)

    def _try(self, letter: Letter, attempts: int) -> None:
        if letter.id not in self._taken and (error := self._carried(letter)) is not None:
            self._fail(letter, attempts, error)
            return
        self._taken.add(letter.id)
        with self._store.transaction() as transaction:
            now = self._utc()
            transaction.letter_sent(letter.id, now)
            self._ended(transaction, letter.id, now, None)
        self._taken.discard(letter.id)
        log.info("sent", kind=self._kind, id=letter.id, attempts=attempts)

    def _carried(self, letter: Letter) -> SendError | None:
        """Carry a letter; what fails by our fault is one of its tries too, so that it keeps no other back."""

        def carry() -> SendError | bool:
            try:
                self._carry(letter)
            except SendError as error:
                return error
            return True

        done = self._attempts.attempt(f"sending by {self._kind}", carry) or SendError(_OURS)
        return done if isinstance(done, SendError) else None

    def _fail(self, letter: Letter, attempts: int, error: SendError) -> None:
        """Have it tried again later, or give it up."""
        why = str(error)
        tried = log.bind(kind=self._kind, id=letter.id, attempts=attempts, why=why)
        if attempts >= MOST_TRIES or isinstance(error, RefusedError):
            tried.error("given up, and nobody is told: see to its server and recipient")
            with self._store.transaction() as transaction:
                now = self._utc()
                transaction.letter_given_up(letter.id, now, why)
                self._ended(transaction, letter.id, now, why)
            self.given_up += 1
            return
        wait = wait_after(attempts)
        tried.warning("not sent yet", again_in_seconds=wait.total_seconds())
        with self._store.transaction() as transaction:
            transaction.letter_failed(letter.id, attempts, self._utc() + wait, why)

    def _forget(self) -> None:
        with self._store.transaction() as transaction:
            transaction.forget_letters(self._utc() - KEPT)

    def _run(self) -> None:
        looks = 0
        while not self._stopping.is_set():
            self._attempts.attempt(f"the outbox ({self._kind})", self.deliver)
            looks += 1
            if looks % _FORGET_EVERY == 0:
                self._attempts.attempt("forgetting what was sent", self._forget)
            self._bell.wait(LOOK_SECONDS)
            self._bell.clear()


class Postmen:
    """All kinds."""

    def __init__(
        self,
        carriers: Mapping[Kind, Carry],
        store: Store,
        gate: str,
        *,
        utc: Callable[[], datetime],
        ended: Ended = lambda *_: None,
    ) -> None:
        self._by_kind = {
            kind: Postman(kind, carry, store, gate, utc=utc, ended=ended) for kind, carry in carriers.items()
        }
        self._postmen = tuple(self._by_kind.values())

    def start(self) -> None:
        """Begin."""
        for one in self._postmen:
            one.start()

    def stop(self) -> None:
        """End when the letters at hand are taken or refused."""
        for one in self._postmen:
            one.stop()

    def look(self) -> None:
        """Look at once: there is a letter."""
        for one in self._postmen:
            one.look()

    @property
    def given_up(self) -> Mapping[str, int]:
        """Return how many letters were given up since the daemon began, by kind."""
        return {str(kind): one.given_up for kind, one in self._by_kind.items()}

    def check(self) -> None:
        """Raise GateError where a thread has ended by itself."""
        for one in self._postmen:
            require_thread("sends alerts", one.is_alive)


@contextmanager
def delivering(
    store: Store, config: Callable[[], Config], directory: Path, utc: Callable[[], datetime], ended: Ended
) -> Iterator[Postmen]:
    """Let letters be sent as the configuration in force says; its files are in `directory`."""
    postmen = Postmen(carriers(config, directory, utc), store, config().gate.name, utc=utc, ended=ended)
    postmen.start()
    try:
        yield postmen
    finally:
        postmen.stop()


def carriers(
    config: Callable[[], Config], directory: Path, utc: Callable[[], datetime]
) -> Mapping[Kind, Carry]:
    """Return how each kind goes, as the configuration in force says it."""

    def by_webhook(letter: Letter) -> None:
        alerts = config().alerts
        if alerts is None or alerts.webhook is None:
            raise SendError("the configuration in force has no [alerts.webhook]: add it, and it is sent")
        try:
            secret = read_webhook_secret(read_secret(directory / alerts.webhook.secret_file))
        except SecretError as error:
            raise SendError(str(error)) from error
        except ValueError as error:
            raise SendError(f"{alerts.webhook.secret_file}: {error}") from error
        post_webhook(letter, alerts.webhook.url, secret, utc())

    def by_mail(letter: Letter) -> None:
        alerts = config().alerts
        if alerts is None or alerts.mail is None:
            raise SendError("the configuration in force has no [alerts.mail]: add it, and it is sent")
        send_mail(letter, alerts.mail.server.host, alerts.mail.server.port, alerts.mail.sender)

    return {Kind.WEBHOOK: by_webhook, Kind.MAIL: by_mail}
