"""What the desk asks of the gate, brought there with the next change of lines, and looked for in the kernel.

What is in force is in the store alone (`measures`), and whoever tells the gate of lines reads it there: a
gate that starts anew has it too. An action is no more than the asking for it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime
from typing import Final

import structlog

from sekisho.desk.actions import Action, Do, Happened, Progress, step
from sekisho.desk.case_values import Kind
from sekisho.lines.roster import Restriction
from sekisho.model import KnownLine, Stage, stage_arm
from sekisho.store import Store

OF_GATE: Final = frozenset({Kind.LIMIT, Kind.PORT25})
_OPEN: Final = frozenset({Progress.WAITING, Progress.ASKED, Progress.ACKNOWLEDGED})

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


def stage_arms_of(stages: Mapping[int, Stage]) -> dict[int, int]:
    """Return the arm in which the gate counts each line with an open case, by how far that has come."""
    return {line: stage_arm(stage, line) for line, stage in stages.items()}


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
        self._is_first = True

    def step(self) -> None:
        """Ask for what is due, once each, and look whether it holds. Raises StoreError and GateError."""
        now = self._utc()
        with self._store.reading() as transaction:
            if self._is_first:  # a former daemon has told some of lines that were offline
                told = transaction.acknowledged_actions()
                self._fresh |= {one.key for one in told if one.kind in OF_GATE}
                self._is_first = False
            due = [one for one in transaction.due_actions(now) if one.kind in OF_GATE]
            fresh = [one for key in self._fresh if (one := transaction.action(key)) is not None]
        self._note({one.key: Happened.NO_ANSWER for one in due if one.progress is Progress.ASKED})
        self._ask([one for one in due if one.progress is Progress.WAITING])
        self._look({one.key: one for one in (*fresh, *due)}.values(), {one.key for one in due})

    def _ask(self, some: Collection[Action]) -> None:
        """Ask for some together: many reports at a time ask for many."""
        if not some:
            return
        self._note({one.key: Happened.ASKED for one in some})
        self._refresh({one.line for one in some})
        self._note({one.key: Happened.ACKNOWLEDGED for one in some})
        for one in some:
            self._fresh.add(one.key)
            log.info("asked of the gate", case=one.case, do=one.do, kind=one.kind)

    def _look(self, some: Iterable[Action], due: AbstractSet[str]) -> None:
        """See of what was acknowledged whether it holds, and ask again for what is due and does not."""
        acknowledged = {one: self._seen(one) for one in some if one.progress is Progress.ACKNOWLEDGED}
        seen = {one.key for one, what in acknowledged.items() if what is Happened.SEEN}
        self._fresh -= seen | {one.key for one in some if one.progress not in _OPEN}
        back = {
            one.key for one, what in acknowledged.items() if one.due is None and what is Happened.NOT_SEEN
        }
        told = seen | back | due
        self._note({one.key: what for one, what in acknowledged.items() if one.key in told})

    def _seen(self, one: Action) -> Happened:
        """Tell whether the kernel treats the line as it is to be; of one that is offline nothing shows it."""
        wanted, found = self._wanted(one.line), self._in_kernel(one.line)
        if wanted is None and found is None:
            return Happened.SEEN if one.do is Do.LIFT else Happened.NOT_SHOWN
        is_as_wanted = wanted is not None and found is not None and wanted.limit == found.limit
        return Happened.SEEN if is_as_wanted else Happened.NOT_SEEN

    def _note(self, happened: Mapping[str, Happened]) -> None:
        """Write what has happened to actions, by their keys."""
        if not happened:
            return
        with self._store.transaction() as transaction:
            now = self._utc()
            for key, what in happened.items():
                known = transaction.action(key)
                if known is not None:  # as it is now: a later one may have overtaken it
                    transaction.put_action(step(known, what, now))
