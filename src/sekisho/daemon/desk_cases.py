"""What an event makes of a case, written with all that follows of it in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import structlog

from sekisho.config import Config
from sekisho.config.desk_plan import ours_of, policies_of
from sekisho.desk.actions import Action
from sekisho.desk.attribute import Ours
from sekisho.desk.case_values import (
    BY_ITSELF,
    CLOSED,
    OF_THEMSELVES,
    STEPS,
    Case,
    Decision,
    Event,
    Evidence,
    Thaw,
    What,
)
from sekisho.desk.cases import decide, due, open_case
from sekisho.desk.policy import Policy, evidence_of, heeded_from
from sekisho.desk.report import Answerable
from sekisho.desk.trust import Weight
from sekisho.lines.roster import Treatment, known_line
from sekisho.model import Address
from sekisho.store import Transaction

log = structlog.get_logger()

LOOK_AGAIN = timedelta(hours=1)
"""Where time was to change a case and changed nothing: nobody looks at it again and again."""

STRANGERS_DAY = 20
"""How many stop requests a day the word of strangers alone may lead to, whatever becomes of them.

Two accounts that are had for nothing could else have any number of customers accused, by letter. Beyond it
the cases wait for a person, who may approve the request. Requests that others have led to count for nothing.
"""

Also = Callable[[Transaction, Case, Event, Decision, Evidence, datetime], str | None]
"""What is written beside a decision, in its transaction: the notices that it asks for.

Returns why there is nobody to be told, if so.
"""


Thank = Callable[[Transaction, int, Answerable, datetime], object]
"""What is written beside a report that counts, by its number: the thanks to whoever has sent it."""


Ignored = Callable[[str, Weight, datetime], object]
"""What is told of a party whose reports count for nothing now."""


@dataclass(frozen=True)
class Desk:
    """What the desk goes by, as a configuration has it.

    `servers`: authserv-ids that are believed; `trusted`: domains and mail addresses whose reports count for
    all steps; `leases_kept`: for how long leases of the past are known.
    """

    our: Ours
    policies: Mapping[str, Policy]
    treatment: Treatment
    skew: timedelta
    rate: int
    servers: frozenset[str] = frozenset()
    trusted: frozenset[str] = frozenset()
    also: Also = lambda *_: None
    thank: Thank = lambda *_: None
    leases_kept: timedelta = timedelta(days=183)
    ignored: Ignored = lambda *_: None

    def policy(self, class_name: str) -> Policy:
        """Return the policy of a class; the usual one where the configuration has no such class any more."""
        return self.policies.get(class_name, Policy())


def desk_of(config: Config, treatment: Treatment, also: Also, thank: Thank, ignored: Ignored) -> Desk:
    """Return what the desk goes by; ValueError where the configuration has none."""
    if config.desk is None:
        raise ValueError("there is no [desk]")
    skew = timedelta(milliseconds=config.desk.skew_ms)
    return Desk(
        ours_of(config),
        policies_of(config),
        treatment,
        skew,
        config.desk.rate,
        frozenset(config.desk.authserv_ids),
        frozenset(config.desk.trusted),
        also,
        thank,
        timedelta(milliseconds=config.kept.leases_ms),
        ignored,
    )


def happen(
    transaction: Transaction, desk: Desk, case: Case, event: Event, now: datetime, uid: int | None = None
) -> tuple[Decision, tuple[Action, ...]]:
    """Decide what comes of an event and write it with what it has told; return the decision, and its actions.

    `uid`: of the person on this machine who is its author.
    """
    return befall(transaction, desk.policy(case.class_name), case, event, now, uid=uid, also=desk.also)


def befall(
    transaction: Transaction,
    policy: Policy,
    case: Case,
    event: Event,
    now: datetime,
    *,
    uid: int | None = None,
    also: Also = lambda *_: None,
) -> tuple[Decision, tuple[Action, ...]]:
    """Do the same where there may be no desk to go by: `also` writes what is told, usually nothing."""
    since = case.counted_from
    if event.what is What.CORRECTION:  # which looks at all that was done, however long ago
        since = case.counted_once or since
    else:
        since = max(since, now - _looked_back(policy))
    counted = transaction.counted_reports(
        case.number, since, heeded_from(case, policy), certain=event.what in STEPS
    )
    strangers_may = event.what is not What.REPORT or _strangers_may(transaction, now)
    decision = decide(case, event, now, policy, counted, strangers_may=strangers_may)
    after, next_due = decision.case, due(decision.case, policy, counted)
    if after.version == case.version:
        is_stuck = event.what is What.TIME and next_due is not None and next_due <= now
        if event.what in OF_THEMSELVES:
            transaction.put_due(case.number, now + LOOK_AGAIN if is_stuck else next_due)
        return decision, ()
    evidence = evidence_of(case, counted)
    actions = transaction.put_decision(case, event, decision, now, evidence=evidence, due=next_due, uid=uid)
    why_nobody = also(transaction, case, event, decision, evidence, now)
    if why_nobody is not None and after.request != case.request:
        untold = Event(What.NO_LETTER, reason=why_nobody)
        noted, _ = befall(transaction, policy, after, untold, now)
        decision = replace(decision, case=noted.case)
    if any(isinstance(change, Thaw) for change in decision.changes):
        transaction.touch_case(case.number)  # while it was held, its reports stayed its own
    for mark in after.marks:
        if mark not in case.marks:
            log.warning("a case waits for people", case=case.number, why=str(mark))
    return decision, actions


def case_for(transaction: Transaction, desk: Desk, line: int, network: bytes, now: datetime) -> Case:
    """Return the open case of a line; a new one where it has none.

    `network`: the packed address that was reported, which tells the class of a line that is offline now.
    """
    before = transaction.last_case(line)
    if before is not None and before.state not in CLOSED:
        return before
    class_name = _class_of(transaction, desk.treatment, line, network)
    case = open_case(0, line, class_name, now, before, transaction.turned(line))
    return transaction.add_case(case, due(case, desk.policy(class_name)))


def correct(transaction: Transaction, desk: Desk, number: int, now: datetime) -> list[Action]:
    """Undo of a case what is not borne any more, as reports have left it; return what that asks for."""
    asked: list[Action] = []
    is_changed = True
    while is_changed:  # one step back at a time
        case = transaction.case(number)
        if case is None:
            break
        decision, actions = happen(transaction, desk, case, Event(What.CORRECTION, BY_ITSELF), now)
        asked += actions
        is_changed = decision.case.version != case.version
    return asked


def pass_time(transaction: Transaction, desk: Desk, now: datetime) -> tuple[Action, ...]:
    """Let time do what it does to cases; return what that asks for."""
    asked: list[Action] = []
    for case in transaction.due_cases(now):
        asked += happen(transaction, desk, case, Event(What.TIME, BY_ITSELF), now)[1]
    return tuple(asked)


def _strangers_may(transaction: Transaction, now: datetime) -> bool:
    """Tell whether the word of strangers alone may lead to one more stop request today."""
    return transaction.count_asked_by_strangers(now - timedelta(days=1)) < STRANGERS_DAY


def _looked_back(policy: Policy) -> timedelta:
    """Return how far back any step looks."""
    steps = (policy.stop_request, policy.limit, policy.proposal)
    return max(policy.quiet, *(step.within for step in steps if step is not None))


def _class_of(transaction: Transaction, treatment: Treatment, line: int, network: bytes) -> str:
    """Return the class of a line; empty where no pool has its address any more."""
    listed = transaction.listed_classes([line]).get(line)
    held = transaction.holdings_of([line]).get(line) or (Address(network, 8 * len(network)),)
    known = known_line(treatment, held, listed, relieved=False)
    return "" if known is None else known.class_name
