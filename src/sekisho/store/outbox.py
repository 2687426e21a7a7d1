"""Letters on their way: written with what they tell of, tried until they are sent."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import and_, case, delete, exists, func, insert, or_, select, update

from sekisho.outbox import LONGEST_WAIT, Kind, Letter, Waiting
from sekisho.store.door import Door
from sekisho.store.guardrail_tables import outbox
from sekisho.store.moments import from_us, to_us

_WAITING: Final = "waiting"
_SENT: Final = "sent"
_GIVEN_UP: Final = "given-up"


class LettersWaiting(NamedTuple):
    """How many letters are not sent yet, since when the oldest, and why the last try of it failed."""

    letters: int
    since: datetime | None
    why: str | None


class GivenUp(NamedTuple):
    """A letter that is tried no more: since when, and why."""

    letter: str
    at: datetime
    why: str


class Outbox(Door):
    """Letters in a transaction."""

    def put_letters(self, gate: str, letters: Iterable[Letter]) -> None:
        """Write letters of a gate that are due at once; one whose id is known is left as it is."""
        for one in letters:
            known = select(outbox.c.number).where(outbox.c.id == one.id)
            if self._connection.execute(known).first() is not None:
                continue
            row = {
                "created": to_us(one.created),
                "due": to_us(one.created),
                "attempts": 0,
                "kind": one.kind,
                "state": _WAITING,
                "payload": one.payload,
                "gate": gate,
                "id": one.id,
                "thread": one.thread,
            }
            self._connection.execute(insert(outbox).values(row))

    def due_letters(self, gate: str, kind: Kind, now: datetime, most: int) -> tuple[Waiting, ...]:
        """Return letters that a gate's daemon is to try, those due for longest first.

        None is kept back but by an earlier one of its thread: who was told last of a restoration would be
        told of the suspension after it. One that is due later than any would be was written before the clock
        was set back, and is due.
        """
        earlier = outbox.alias()
        is_kept_back = exists().where(
            earlier.c.thread == outbox.c.thread,
            earlier.c.gate == outbox.c.gate,
            earlier.c.state == _WAITING,
            earlier.c.number < outbox.c.number,
        )
        is_of_other_clock = outbox.c.due > to_us(now + LONGEST_WAIT)
        is_due = or_(outbox.c.due <= to_us(now), is_of_other_clock)
        found = (
            select(outbox)
            .where(outbox.c.state == _WAITING, outbox.c.kind == kind, outbox.c.gate.in_((gate, "")), is_due)
            .where(~is_kept_back)
            .order_by(case((is_of_other_clock, 0), else_=outbox.c.due), outbox.c.number)
            .limit(most)
        )
        return tuple(
            Waiting(
                Letter(row.id, Kind(row.kind), row.payload, from_us(row.created), row.thread),
                row.attempts,
                row.why,
            )
            for row in self._connection.execute(found)
        )

    def letter_sent(self, letter_id: str, at: datetime) -> None:
        """Write that a letter was sent; what it told is forgotten."""
        self._end(letter_id, _SENT, at, None)

    def letter_given_up(self, letter_id: str, at: datetime, why: str) -> None:
        """Write that a letter is tried no more; what it told is forgotten."""
        self._end(letter_id, _GIVEN_UP, at, why)

    def letter_failed(self, letter_id: str, attempts: int, due: datetime, why: str) -> None:
        """Write that a try has failed, and when the next is."""
        failed = {"attempts": attempts, "due": to_us(due), "why": why}
        is_waiting = and_(outbox.c.id == letter_id, outbox.c.state == _WAITING)
        self._connection.execute(update(outbox).where(is_waiting).values(failed))

    def letters_waiting(self, of: str = "") -> LettersWaiting:
        """Return what is not sent yet; `of`: as in `letters_given_up`."""
        waiting = and_(outbox.c.state == _WAITING, outbox.c.id.startswith(of, autoescape=True))
        count = self._connection.execute(select(func.count()).select_from(outbox).where(waiting)).scalar_one()
        oldest = select(outbox.c.created, outbox.c.why).where(waiting).order_by(outbox.c.number).limit(1)
        row = self._connection.execute(oldest).first()
        return LettersWaiting(count, None if row is None else from_us(row.created), row and row.why)

    def letters_of_threads(self, of: str) -> dict[str, int]:
        """Return how many letters wait by their thread, as far as there are any; `of`: how threads begin."""
        waiting = and_(outbox.c.state == _WAITING, outbox.c.thread.startswith(of, autoescape=True))
        counted = select(outbox.c.thread, func.count().label("letters"))
        found = counted.where(waiting).group_by(outbox.c.thread)
        return {row.thread: row.letters for row in self._connection.execute(found)}

    def give_thread_up(self, thread: str, at: datetime, why: str) -> None:
        """Write that what waits of a thread is tried no more; what it told is forgotten."""
        waiting = and_(outbox.c.thread == thread, outbox.c.state == _WAITING)
        self._connection.execute(update(outbox).where(waiting).values(_ended(_GIVEN_UP, at, why)))

    def letters_given_up(self, most: int, of: str = "") -> tuple[GivenUp, ...]:
        """Return those given up that are not forgotten yet, the newest first; `of`: how their ids begin."""
        found = (
            select(outbox.c.id, outbox.c.ended, outbox.c.why)
            .where(outbox.c.state == _GIVEN_UP, outbox.c.id.startswith(of, autoescape=True))
            .order_by(outbox.c.ended.desc(), outbox.c.number.desc())
            .limit(most)
        )
        return tuple(GivenUp(row.id, from_us(row.ended), row.why) for row in self._connection.execute(found))

    def forget_letters(self, before: datetime) -> None:
        """Forget letters that were sent or given up before a moment."""
        self._connection.execute(
            delete(outbox).where(outbox.c.state != _WAITING, outbox.c.ended < to_us(before))
        )

    def _end(self, letter_id: str, state: str, at: datetime, why: str | None) -> None:
        one = outbox.c.id == letter_id
        self._connection.execute(update(outbox).where(one).values(_ended(state, at, why)))


def _ended(state: str, at: datetime, why: str | None) -> dict[str, Any]:
    return {"state": state, "ended": to_us(at), "payload": "", "why": why}
