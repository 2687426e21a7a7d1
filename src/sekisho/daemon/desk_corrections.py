"""Accounting that came late: reports go to the line that it names, and cases that lose them are put right.

    lease changed ─► incidents marked, same transaction ─► asked anew ─► one transaction: outcomes, cases

A mark goes with what follows of it: whoever ends in between asks anew once more, and nothing is done twice.
What a held case has stays with it, as evidence, and its people are told; it is asked anew after the hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

import structlog

from sekisho.daemon.desk_cases import Desk, case_for, correct, happen
from sekisho.daemon.desk_reading import doubts, holders, look_up_entry
from sekisho.desk.actions import Action
from sekisho.desk.attribute import Outcome, whose
from sekisho.desk.case_values import BY_ITSELF, Case, Event, State, What
from sekisho.desk.corrections import corrected
from sekisho.desk.records import Askable, KeptIncident
from sekisho.store import AskedAnew, Transaction

_EVIDENCE: Final = frozenset({State.HELD, State.KEPT})
MOST: Final = 100  # incidents of one transaction, so that nobody waits for it long

log = structlog.get_logger()


@dataclass(slots=True)
class _Correcting:
    transaction: Transaction
    desk: Desk
    now: datetime
    left: dict[int, int] = field(default_factory=dict)  # by case: how many have left it, or would
    joined: dict[int, None] = field(default_factory=dict)


def ask_anew(transaction: Transaction, desk: Desk, some: Sequence[AskedAnew], now: datetime) -> list[Action]:
    """Ask anew whose incidents are, and write what follows; return what that asks for."""
    at = _Correcting(transaction, desk, now)
    for kept, askable in some:
        transaction.untouch(kept)
        _ask_one(at, kept, askable)
    actions: list[Action] = []
    for number, incidents in at.left.items():
        log.warning("accounting that came late names another line", case=number, incidents=incidents)
        actions += correct(transaction, desk, number, now)
    for number in at.joined:
        case = transaction.case(number)
        if case is not None:
            actions += happen(transaction, desk, case, Event(What.REPORT, BY_ITSELF), now)[1]
    return actions


def count_others(transaction: Transaction, desk: Desk, case: Case, now: datetime) -> int:
    """Return how many of the incidents that a case counts are not its line's by what is known now."""
    some = transaction.askables_of(case.number)
    return sum(
        corrected(kept, _asked_anew(transaction, askable), askable) is not None
        for kept, askable in some
        if not _is_forgotten(kept, desk, now)
    )


def _ask_one(at: _Correcting, kept: KeptIncident, askable: Askable) -> None:
    if _is_forgotten(kept, at.desk, at.now):
        return
    outcome = _asked_anew(at.transaction, askable)
    first = askable.questions[0]
    at.transaction.record(look_up_entry(at.now, first, outcome, kept.report, kept.case))
    turned = corrected(kept, outcome, askable)
    if turned is None:
        return
    before = None if kept.case is None else at.transaction.case(kept.case)
    if before is not None:
        at.left[before.number] = at.left.get(before.number, 0) + 1
        if before.state in _EVIDENCE:
            return
    at.transaction.turn_incident(_joining(at, turned, askable))
    _tell_people(at.transaction, kept.report, is_doubtful=turned.line is None)


def _asked_anew(transaction: Transaction, askable: Askable) -> Outcome:
    return whose(askable.questions, holders(transaction, askable.questions))


def _joining(at: _Correcting, turned: KeptIncident, askable: Askable) -> KeptIncident:
    """Return an incident with the case that it joins, if it joins any: what is known there counts once."""
    if turned.line is None or turned.folded is None:
        return turned
    if at.transaction.is_folded(turned.folded):
        return replace(turned, folded=None)
    network = askable.questions[0].network
    case = case_for(at.transaction, at.desk, turned.line, network, at.now)
    at.joined[case.number] = None
    return replace(turned, case=case.number)


def _tell_people(transaction: Transaction, number: int, *, is_doubtful: bool) -> None:
    """Put a report into people's queue where it has become doubtful, or out of it where nothing is."""
    kept = transaction.report(number)
    if kept is None:
        return
    words = doubts((one.found, one.because) for one in transaction.incidents_of(number))
    is_queued = words is not None and (is_doubtful or kept.is_queued)
    transaction.put_doubts(number, words, is_queued=is_queued)


def _is_forgotten(kept: KeptIncident, desk: Desk, now: datetime) -> bool:
    """Tell whether leases of its time may not be kept any more: nobody would be whose they were."""
    return kept.moment is None or now - kept.moment > desk.leases_kept
