"""Where reports come in: each is sealed and in the store before anybody is told that it was taken."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

from sekisho.config import Config
from sekisho.config.desk import DeskTable
from sekisho.config.listen import Listen
from sekisho.daemon.attempts import Attempts
from sekisho.desk.parse import LIMITS
from sekisho.desk.records import KeptReport
from sekisho.gate import GateError
from sekisho.model import Network
from sekisho.receiving import Door, DoorError, Doorkeeper, calm_library
from sekisho.sealing import Sealer
from sekisho.store import Store, Transaction

MOST_UNREAD: Final = 50_000
"""More than these that nobody has read are not taken: whoever sends waits, and the disk does not fill."""


class Inbox:
    """Takes originals into the store."""

    def __init__(
        self,
        store: Store,
        sealer: Callable[[], Sealer],
        utc: Callable[[], datetime],
        on_taken: Callable[[], object],
    ) -> None:
        self._store, self._sealer, self._utc, self._on_taken = store, sealer, utc, on_taken
        self._room = 0  # of messages, until those that nobody has read are counted again
        self._attempts = Attempts()
        self._lock = threading.Lock()  # mail and HTTP have threads of their own

    def take(self, batch: Sequence[bytes], vouched: str | None = None) -> bool:
        """Make originals durable; tell whether they are. `vouched`: the party that they are from."""
        with self._lock:
            return bool(self._attempts.attempt("taking reports in", lambda: self._take(batch, vouched)))

    def put(self, transaction: Transaction, original: bytes, vouched: str | None = None) -> tuple[int, bool]:
        """Write an original in a transaction; return its number, and whether it is new.

        `vouched`: the party that it is from, as whoever hands it over says. Whoever has committed rings.
        """
        sealed = self._sealer().seal(original)
        kept = KeptReport(self._utc(), sha256(original).digest(), sealed, vouched=vouched)
        self._room -= 1  # without the lock, whose holder may wait for this transaction: a few are no matter
        return transaction.add_unread(kept)

    def ring(self) -> None:
        """Tell that something has been taken."""
        self._on_taken()

    def _take(self, batch: Sequence[bytes], vouched: str | None = None) -> bool:
        now, sealer = self._utc(), self._sealer()
        kept = [KeptReport(now, sha256(one).digest(), sealer.seal(one), vouched=vouched) for one in batch]
        with self._store.transaction() as transaction:
            if self._room < len(kept):
                self._room = MOST_UNREAD - transaction.count_unread(MOST_UNREAD)
            if self._room <= 0:
                return False
            for one in kept:
                transaction.add_unread(one)
            self._room -= len(kept)
        self._on_taken()
        return True


@contextmanager
def doors_open(config: Config, inbox: Inbox, current: Callable[[], Config]) -> Iterator[Doorkeeper | None]:
    """Listen for mail as a configuration says; `current`: the one in force. Raises GateError."""
    if config.desk is None or config.desk.intake is None:
        yield None
        return
    calm_library()

    def recipients() -> Collection[str]:
        desk = current().desk
        taken = () if desk is None or desk.intake is None else desk.intake.recipients
        return {one.lower() for one in taken}

    def clients() -> Collection[Network]:
        desk = current().desk
        return () if desk is None or desk.intake is None else desk.intake.clients

    keeper = Doorkeeper(
        tuple(_doors(config.desk)),
        inbox.take,
        recipients=recipients,
        clients=clients,
        most=LIMITS.message_bytes,
    )
    try:
        keeper.start()
    except DoorError as error:
        raise GateError(f"{error}: name another place in [desk.intake]") from error
    try:
        yield keeper
    finally:
        keeper.stop()


def _doors(desk: DeskTable) -> Iterator[Door]:
    for place, is_lmtp in zip(desk.places, (True, False), strict=True):
        if isinstance(place, Listen):
            yield Door((str(place.address), place.port), is_lmtp)
        elif place is not None:
            yield Door(Path(place), is_lmtp)
