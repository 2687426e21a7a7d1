"""What guardrails know of a trial, in the store: read, begun anew, and days compared."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import structlog

from sekisho.measure.readings import Timing
from sekisho.store import Transaction
from sekisho.store.guardrails import EVERY_GATE
from sekisho.store.minutes_asked import Asked, Per
from sekisho.trial.complaints import Complaint
from sekisho.trial.plan import Arm, Plan, Units
from sekisho.trial.protocol import HarmOutcome, TrialProtocol
from sekisho.trial.walltime import DAY, day_begin
from sekisho.trial.watch_written import read_watch, written_watch
from sekisho.trial.watching import Shares, Unknown, Watch, begun, days_due, share_difference

# What a share is of: the columns that are added up for it, and for the whole.
_SHARES: Final[Mapping[HarmOutcome, tuple[tuple[str, ...], tuple[str, ...]]]] = {
    HarmOutcome.REFUSED: (("refused",), ("attempted",)),
    HarmOutcome.UNFINISHED: (("closed_time",), ("closed_fin", "closed_rst", "closed_time")),
}
_SETTLED: Final = timedelta(minutes=5)  # after a day's end its last minutes are written

log = structlog.get_logger()


class Known(NamedTuple):
    """What the store knows: the state, complaints that it has not counted, and differences of days."""

    watch: Watch
    complaints: tuple[Complaint, ...]
    days: Mapping[date, float | Unknown]


def read_known(
    transaction: Transaction, protocol: TrialProtocol, gate: str, before: Watch | None, now: datetime
) -> Known:
    """Read what is known; `before`: the state of the last look of this process, if it is still of use."""
    trial = protocol.plan.name
    resumption = transaction.resumptions(trial)
    watch = before
    if watch is None or watch.resumption != resumption:
        watch = _stored(transaction, trial, gate, resumption)
    if watch is None:
        watch = begun(now, resumption=resumption, complaint=_last(transaction, trial) if resumption else 0)
    days = {day: _difference(transaction, protocol, day) for day in days_due(watch, protocol, now - _SETTLED)}
    return Known(watch, transaction.complaints_after(trial, watch.complaint), days)


def begin_anew(transaction: Transaction, trial: str, at: datetime) -> None:
    """Write the state that all gates of a trial begin with that this transaction has resumed."""
    watch = begun(at, resumption=transaction.resumptions(trial), complaint=_last(transaction, trial))
    transaction.put_watch(trial, EVERY_GATE, written_watch(watch))


def _stored(transaction: Transaction, trial: str, gate: str, resumption: int) -> Watch | None:
    """Return the state since the trial was resumed last."""
    for packed in transaction.watches(trial, gate):
        try:
            watch = read_watch(packed)
        except ValueError as error:
            log.error("guardrails begin anew, which is our fault", trial=trial, why=str(error))  # noqa: TRY400 - the message says it all
            continue
        if watch.resumption == resumption:
            return watch
    return None


def _last(transaction: Transaction, trial: str) -> int:
    return max((one.number for one in transaction.complaints_after(trial, 0)), default=0)


def _difference(transaction: Transaction, protocol: TrialProtocol, day: date) -> float | Unknown:
    """Return by how much a share was more on a day while limited by lot than while not, at all gates.

    Of each unit by itself. Each gate looks at the same: if each looked at its own, so many would stop a
    harmless trial more often.
    """
    rule = protocol.guardrails.difference
    if rule is None:
        return Unknown("no difference is watched")
    part, whole = _SHARES[rule.of]
    plan, classes = protocol.plan, {name for name, _ in protocol.plan.own}
    zone = ZoneInfo(plan.zone)
    asked = Asked(day_begin(zone, day), day_begin(zone, day + DAY))
    sums: defaultdict[tuple[str | None, str], tuple[int, int]] = defaultdict(lambda: (0, 0))
    for one in transaction.counted(asked, Per.MINUTE, (*part, *whole)):
        is_known = one.timing is Timing.KNOWN and one.class_name in classes
        if one.held.arm in (Arm.ON, Arm.OFF) and is_known and not one.held.washout:
            of = _unit(plan, one.gate, one.class_name), one.held.arm
            so_many, of_all = sums[of]
            sums[of] = so_many + sum(one.sums[: len(part)]), of_all + sum(one.sums[len(part) :])
    names = dict.fromkeys(unit for unit, _ in sums)
    return share_difference(Shares(sums[unit, Arm.ON], sums[unit, Arm.OFF]) for unit in names)


def _unit(plan: Plan, gate: str, class_name: str) -> str | None:
    """Name what drew the lot of a class at a gate; None: one lot is for all."""
    drawn = Units.TRIAL if plan.switchback is None else plan.switchback.units
    return {Units.TRIAL: None, Units.CLASSES: class_name, Units.GATES: gate}[drawn]
