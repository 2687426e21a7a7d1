"""What the desk asks of the gate, brought there with the next change of lines, and looked for in the kernel.

What is in force is in the store alone (`measures`), and whoever tells the gate of lines reads it there: a
gate that starts anew has it too. An action is no more than the asking for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from datetime import datetime
from typing import Final

import structlog

from sekisho.desk.actions import Action, Do, Happened, Progress, step
from sekisho.desk.case_values import Kind
from sekisho.lines.roster import Restriction
from sekisho.model import KnownLine
from sekisho.store import Store

OF_GATE: Final = frozenset({Kind.LIMIT, Kind.PORT25})

log = structlog.get_logger()


def restrictions(measures: Iterable[Action]) -> dict[int, Restriction]:
    """Return what is done to each line by the measures in force; the graver goes first."""
    found: dict[int, Restriction] = {}
    for one in measures:
        if one.kind is Kind.PORT25:
            found[one.line] = Restriction.SUSPENDED
        elif one.kind is Kind.LIMIT:
            found.setdefault(one.line, Restriction.LIMITED)
    return found


class GateActions:
    """Carries out the actions of the gate; those of other kinds are left to whoever carries these out.

    `refresh` tells the gate of lines anew, `wanted` how a line is to be treated now, `in_kernel` how it is.
    """

    def __init__(
        self,
        store: Store,
        *,
        refresh: Callable[[Collection[int]], object],
        wanted: Callable[[int], KnownLine | None],
        in_kernel: Callable[[int], KnownLine | None],
        utc: Callable[[], datetime],
    ) -> None:
        self._store, self._refresh, self._wanted = store, refresh, wanted
        self._in_kernel, self._utc = in_kernel, utc
        self._fresh: set[str] = set()  # told, and not seen yet

    def step(self) -> None:
        """Ask for what is due, once each, and look whether it holds. Raises StoreError and GateError."""
        now = self._utc()
        with self._store.reading() as transaction:
            due = [one for one in transaction.due_actions(now) if one.kind in OF_GATE]
            fresh = [one for key in self._fresh if (one := transaction.action(key)) is not None]
        for one in due:
            if one.progress is Progress.WAITING:
                self._ask(one)
            elif one.progress is Progress.ASKED:
                self._note(one.key, Happened.NO_ANSWER)
        for one in {one.key: one for one in (*fresh, *due)}.values():
            if one.progress is Progress.ACKNOWLEDGED:
                self._look(one, is_due=one in due)
            elif one.progress is not Progress.ASKED and one.progress is not Progress.WAITING:
                self._fresh.discard(one.key)

    def _ask(self, one: Action) -> None:
        self._note(one.key, Happened.ASKED)
        self._refresh({one.line})
        self._note(one.key, Happened.ACKNOWLEDGED)
        self._fresh.add(one.key)
        log.info("asked of the gate", case=one.case, do=one.do, kind=one.kind)

    def _look(self, one: Action, *, is_due: bool) -> None:
        """See whether the kernel treats the line as it is to be; one that is offline waits for its login."""
        wanted, found = self._wanted(one.line), self._in_kernel(one.line)
        if wanted is None or found is None:
            is_seen = wanted is found and one.do is Do.LIFT
        else:
            is_seen = wanted.limit == found.limit
        if is_seen:
            self._fresh.discard(one.key)
            self._note(one.key, Happened.SEEN)
        elif is_due:
            self._note(one.key, Happened.NOT_SEEN)

    def _note(self, key: str, happened: Happened) -> None:
        with self._store.transaction() as transaction:
            known = transaction.action(key)
            if known is not None:  # as it is now: a later one may have overtaken it
                transaction.put_action(step(known, happened, self._utc()))
