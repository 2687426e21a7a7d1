"""Sees to it that what is asked of a line is in the audit log before the answer goes out, a refusal too."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import islice
from typing import Self, TypeVar

from sekisho.api.asker import Peer
from sekisho.api.line_models import Action, Question
from sekisho.api.problems import Fault, RefusalError
from sekisho.audit import Entry
from sekisho.daemon.actors import actor_name
from sekisho.store import Store, StoreError, Transaction

_LONGEST = 500  # characters of one text in the log; whoever asks has no say in how large the log grows
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Act:
    """What somebody wants: about what, why, and for what or for what reason."""

    action: Action
    subject: str
    purpose: str = ""
    reference: str = ""

    @classmethod
    def asking(cls, action: Action, subject: str, question: Question) -> Self:
        """Return the act that a question is."""
        return cls(action, subject, question.purpose, question.reference or "")

    @classmethod
    def tried(cls, action: Action, asked: object) -> Self:
        """Return the act that a question was meant to be which could not be read."""
        said = asked if isinstance(asked, dict) else {}
        texts = (said.get(key) for key in ("purpose", "reference"))
        subject = said.get("line") or said.get("address") or ""
        return cls(action, str(subject), *(str(text or "") for text in texts))


class Recorder:
    """Carries out what is asked, one transaction each, with its record in it."""

    def __init__(self, store: Store, utc: Callable[[], datetime]) -> None:
        self._store, self._utc = store, utc

    @contextmanager
    def attempt(self, act: Act, peer: Peer) -> Iterator[Entry]:
        """Give the entry of an act, which lacks its outcome and is to be written with what is done.

        A refusal is recorded and passed on, and so is whatever else goes wrong. Raises RefusalError where
        the store is away or busy, too.
        """
        entry = self.entry(act, peer)
        with store_answers():
            try:
                yield entry
            except (RefusalError, StoreError) as error:
                self._write(entry, f"refused: {error}")
                raise
            except Exception as error:
                self._write(entry, f"failed by our fault: {type(error).__name__}")
                raise

    def carry_out(
        self,
        act: Act,
        peer: Peer,
        work: Callable[[Transaction, Entry], tuple[_T, str]],
        *,
        first: Callable[[], object] = lambda: None,
    ) -> _T:
        """Return what `work` does in a transaction, when it is durable together with its record.

        `work` returns its answer and the outcome that is recorded; `first` is called before the transaction,
        and may raise StoreError. Raises RefusalError as `attempt`.
        """
        with self.attempt(act, peer) as entry:
            first()
            with self._store.transaction() as transaction:
                answer, outcome = work(transaction, entry)
                transaction.record(replace(entry, outcome=outcome))
        return answer

    def refuse(self, act: Act, peer: Peer, why: str) -> None:
        """Record that something was refused. Raises RefusalError where the store is away."""
        with store_answers():
            self._write(self.entry(act, peer), f"refused: {why}")

    def entry(self, act: Act, peer: Peer) -> Entry:
        """Return the entry of an act, which lacks its outcome."""
        return Entry(
            at=self._utc(),
            uid=peer.uid,
            user=actor_name(peer),
            action=act.action,
            subject=_printable(act.subject),
            purpose=_printable(act.purpose),
            reference=_printable(act.reference),
            outcome="",
        )

    def _write(self, entry: Entry, outcome: str) -> None:
        with self._store.transaction() as transaction:
            transaction.record(replace(entry, outcome=_printable(outcome)))


@contextmanager
def store_answers() -> Iterator[None]:
    """Turn a store that is away into a refusal: nothing is told that cannot be recorded."""
    try:
        yield
    except StoreError as error:
        detail = f"{error}; what cannot be recorded is neither told nor done"
        raise RefusalError(503, "store", "The store is away", detail, fault=Fault.US) from error


def _printable(text: str) -> str:
    """Make one line of a text, as a log is read by."""
    shown = (character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
    return "".join(islice(shown, _LONGEST))
