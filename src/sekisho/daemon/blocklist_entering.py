"""Enters how many addresses came onto a blocklist: all numbers of a request, or none."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from sekisho.api.problems import RefusalError
from sekisho.api.trial_models import BlocklistAnswer, BlocklistNumberValue, BlocklistRequest
from sekisho.audit import Entry
from sekisho.store import Transaction
from sekisho.trial.blocklist import Became, Entered, Of, judge, span_of
from sekisho.trial.plan import Plan


def enter_numbers(
    transaction: Transaction, plan: Plan, classes: Collection[str], request: BlocklistRequest, entry: Entry
) -> tuple[BlocklistAnswer, str]:
    """Write what is new or corrected; return the answer, and what is recorded of it.

    `classes`: all of the configuration. Raises RefusalError.
    """
    known = transaction.blocklist_counts(plan.name)
    reason, found = request.reason or "", []
    for one in request.numbers:
        if one.class_name not in classes:
            raise _refusal(f"there is no class {one.class_name!r}: it is one of {', '.join(classes)}")
        of = Of(one.class_name, span_of(plan, one.on, one.hour, entry.at))
        became = judge(plan, known, of, one.count, reason, entry.at)
        if not isinstance(became, Became):
            raise _refusal(became)
        if became is not Became.UNCHANGED:
            said = reason if became is Became.CORRECTED else ""
            transaction.add_blocklist_count(
                plan.name, Entered(entry.at, of, one.count, said, entry.user, entry.uid)
            )
            known[of] = one.count
        found.append(
            BlocklistNumberValue(
                class_name=one.class_name,
                begin=of.span.begin,
                end=of.span.end,
                count=one.count,
                became=became,
            )
        )
    became_of = Counter(one.became for one in found)
    outcome = ", ".join(f"{became_of[became]} {became}" for became in Became if became_of[became])
    return BlocklistAnswer(name=plan.name, zone=plan.zone, numbers=tuple(found)), outcome


def _refusal(detail: str) -> RefusalError:
    return RefusalError(409, "not-counted", "Nothing is counted", detail)
