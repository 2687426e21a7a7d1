"""Accounting that came late: reports go to the line that it names, and cases that lose them are put right.

    lease changed ─► incidents marked, same transaction ─► asked anew ─► one transaction: outcomes, cases

A mark goes with what follows of it: whoever ends in between asks anew once more, and nothing is done twice.
Where the answer is nobody, or several, it is asked once more after a while: a Stop comes before the Start.
What a held case has stays with it, as evidence, and its people are told; it is asked anew after the hold.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import structlog

from sekisho.daemon.desk_cases import Desk, case_for, correct, happen
from sekisho.daemon.desk_reading import doubts, holders, look_up_entry
from sekisho.desk.actions import Action
from sekisho.desk.attribute import Outcome, whose
from sekisho.desk.case_values import BY_ITSELF, FROZEN, Case, Event, State, What
from sekisho.desk.corrections import corrected, for_people
from sekisho.desk.records import Askable, KeptIncident
from sekisho.store import AskedAnew, Transaction

PUT_OFF: Final = timedelta(minutes=10)
"""How long what is doubtful undoes nothing: accounting that is made up for may be in the middle of it.

Nor does it lead to anything further.
"""

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
    for one in some:
        transaction.put_asked(one.incident)
        _ask_one(at, *one)
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
        corrected(one.incident, _asked_anew(transaction, one.askable), one.askable) is not None
        for one in some
        if not _is_forgotten(one.incident, desk, now)
    )


def _ask_one(at: _Correcting, kept: KeptIncident, askable: Askable, has_waited: bool) -> None:
    if _is_forgotten(kept, at.desk, at.now):
        return
    outcome = _asked_anew(at.transaction, askable)
    first = askable.questions[0]
    at.transaction.record(look_up_entry(at.now, first, outcome, kept.report, kept.case))
    turned = corrected(kept, outcome, askable)
    if turned is None:
        if kept.case is not None:
            at.joined[kept.case] = None  # while it was doubtful, no step was taken for it
        return
    if turned.line is None and not has_waited:
        at.transaction.put_asked(kept, at.now + PUT_OFF)
        return
    before = None if kept.case is None else at.transaction.case(kept.case)
    if before is not None:
        at.left[before.number] = at.left.get(before.number, 0) + 1
        if before.state in FROZEN:
            return
        if before.state is State.DISMISSED:
            turned = for_people(turned)
            at.transaction.forget_askable(kept.report, kept.place)
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
    words = doubts((one.found, one.because) for one in transaction.incidents_of(number))
    transaction.put_doubts(number, words, is_new=is_doubtful)


def _is_forgotten(kept: KeptIncident, desk: Desk, now: datetime) -> bool:
    """Tell whether leases of its time may not be kept any more: nobody would be whose they were."""
    return kept.moment is None or now - kept.moment > desk.leases_kept
