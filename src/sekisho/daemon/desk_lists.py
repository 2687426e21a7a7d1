"""What a list does to lines about which something is open at the desk: names are given to other customers.

Nothing of one customer goes to the next: neither what a case does to the line nor a relief, nor a letter.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from sekisho.daemon.desk_cases import befall
from sekisho.desk.case_values import BY_ITSELF, Case, Event, What
from sekisho.desk.listed import Became, became
from sekisho.desk.notices import OF_LINES
from sekisho.desk.policy import Policy
from sekisho.lines.list_change import ListChange
from sekisho.lines.records import Relief
from sekisho.lines.static import StaticList
from sekisho.model import Address
from sekisho.store import Transaction

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class AtDesk:
    """A line that a list makes another's, or may make, and what is open about it; `letters`: that wait."""

    number: int
    name: str
    became: Became
    case: Case | None
    relief: Relief | None
    letters: int


def lines_at_desk(
    transaction: Transaction, change: ListChange, coming: StaticList, now: datetime
) -> tuple[AtDesk, ...]:
    """Return the lines that a list changes in such a way, by name; what it changes is not written yet.

    `coming`: the list that is put next, to which some of them go.
    """
    cases = {one.line: one for one in transaction.cases_of_lines()}
    reliefs = {one.line: one for one in transaction.reliefs(now)}
    letters = {
        int(thread.removeprefix(OF_LINES)): count
        for thread, count in transaction.letters_of_threads(OF_LINES).items()
    }
    names = transaction.line_names(cases.keys() | reliefs.keys() | letters.keys())
    found = []
    for number, what in _became(transaction, change, coming, names).items():
        case, relief = cases.get(number), reliefs.get(number)
        found.append(AtDesk(number, names[number], what, case, relief, letters.get(number, 0)))
    return tuple(sorted(found, key=lambda one: one.name))


def see_off(
    transaction: Transaction,
    change: ListChange,
    coming: StaticList,
    policies: Mapping[str, Policy],
    now: datetime,
) -> None:
    """Write what comes of it, before the list itself: who ends in between has not given a case away."""
    for one in lines_at_desk(transaction, change, coming, now):
        if one.case is not None:
            _tell_case(transaction, one, one.case, policies, now)
        if one.became.is_gone and one.relief is not None:
            transaction.end_relief(one.number, now, BY_ITSELF)
            log.warning("a relief has ended with its line", why=str(one.became))
        if one.letters and not one.became.has_contact:
            transaction.give_thread_up(f"{OF_LINES}{one.number}", now, str(one.became))


def _tell_case(
    transaction: Transaction, one: AtDesk, case: Case, policies: Mapping[str, Policy], now: datetime
) -> None:
    """Let a case know of its line, and that a letter that waits will reach nobody, where that is so."""
    policy, why = policies.get(case.class_name, Policy()), str(one.became)
    event = Event(What.LINE_GONE if one.became.is_gone else What.LINE_DOUBTED, BY_ITSELF, why)
    after = befall(transaction, policy, case, event, now)[0].case
    if one.became.is_gone:
        log.warning("the line of a case is gone", case=case.number, why=why)
    if not one.became.has_contact:
        befall(transaction, policy, after, Event(What.LETTER_GIVEN_UP, BY_ITSELF, why), now)


def _became(
    transaction: Transaction, change: ListChange, coming: StaticList, names: Mapping[int, str]
) -> dict[int, Became]:
    """Return what a list makes of lines of these names, as far as it makes them something else."""
    if not names:
        return {}
    held = transaction.holdings_of(names)
    ended: defaultdict[int, set[Address]] = defaultdict(set)
    for lease in change.ended:
        if lease.line in names:
            ended[lease.line].add(lease.address)
    found = {}
    for number, name in names.items():
        before = set(held.get(number, ()))
        kept = {one for one in before - ended[number] if change.begun.get(one, name) == name}
        kept |= {one for one in before if coming.addresses.get(one) == name}
        if name not in change.lines and kept == before:
            continue
        listed = transaction.listed_line(number)
        was = "" if listed is None else listed.contact
        what = became(
            was=was, contact=_contact(change, coming, name, was), has_held=bool(before), stays=bool(kept)
        )
        if what is not None:
            found[number] = what
    return found


def _contact(change: ListChange, coming: StaticList, name: str, was: str) -> str | None:
    """Return the contact of a line from now on, None where it is off the lists."""
    if name not in change.lines:
        return was
    line = change.lines[name] or coming.lines.get(name)
    return None if line is None else line.contact
