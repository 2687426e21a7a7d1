"""What the equipment did while something was limited, beside what it did while nothing was.

Numbers of sessions are not among it: one line may have most of them (docs/publishing.md).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import timedelta
from math import isfinite
from typing import Final, NamedTuple, Protocol

from sekisho.gate.releases import quantile_ms
from sekisho.measure.equipment import EquipmentCounts, added_equipment
from sekisho.measure.readings import VARIOUS, Held, Timing
from sekisho.measure.trial_hours import is_limited
from sekisho.trial.plan import Plan
from sekisho.trial.protocol import Outcome
from sekisho.trial.report_values import Because, Compared, NotKnown
from sekisho.trial.told import LEAST_SESSIONS, share, three_digits

PLACES: Final[Mapping[Outcome, int]] = {Outcome.CPU: 0, Outcome.PACKETS: 1, Outcome.DROPS: 2}
"""Of an outcome in the sums of an hour: processors' time that was not idle, packets received, all drops."""

OF_TRAFFIC: Final = (Outcome.PACKETS, Outcome.DROPS)
"""Of all that passes a gate; where only port 25 is steered to it, of sessions alone."""

_MILLION: Final = 1_000_000
_OF_SESSIONS: Final = (
    *("packets_per_second", "dropped_per_million"),
    *("hold_dropped_percent", "late_p50_ms", "late_p99_ms", "by_retransmission_percent"),
)


class AlikeHours(Protocol):
    """What the equipment did in all hours in which the same held."""

    @property
    def held(self) -> Held: ...  # noqa: D102
    @property
    def timing(self) -> Timing: ...  # noqa: D102
    @property
    def covered(self) -> timedelta: ...  # noqa: D102
    @property
    def counts(self) -> EquipmentCounts: ...  # noqa: D102


class _Side(NamedTuple):
    counts: EquipmentCounts
    covered: timedelta


def compared(plan: Plan, hours: Iterable[AlikeHours]) -> tuple[Compared, ...]:
    """Compare hours in which some class was limited with those in which none was; empty: nothing was read.

    Left out are wash-outs, hours in which classes differed, and those not read in time, but for what a
    retransmission delayed: a daemon that ends is a reason for it.
    """
    of_trial = [one for one in hours if not one.held.washout and one.held.arm != VARIOUS]
    if not of_trial:
        return ()
    limited, free = (
        _side([one for one in of_trial if _limits(plan, one.held) is wanted]) for wanted in (True, False)
    )
    return tuple(
        Compared(what, of_limited, of_free)
        for (what, of_limited), (_, of_free) in zip(_figures(limited), _figures(free), strict=True)
    )


def without_sessions(found: Iterable[Compared], why: NotKnown) -> tuple[Compared, ...]:
    """Leave out the figures of the sessions that were held, and of traffic, which may be sessions alone."""
    return tuple(replace(one, limited=why, free=why) if one.what in _OF_SESSIONS else one for one in found)


def _limits(plan: Plan, held: Held) -> bool:
    return any(is_limited(plan, name, own, held) for name, own in plan.own)


def _side(hours: Iterable[AlikeHours]) -> _Side:
    counts, covered, held, unreleased = EquipmentCounts(), timedelta(), 0, 0
    for one in hours:
        held, unreleased = held + one.counts.held, unreleased + one.counts.unreleased
        if one.timing is Timing.KNOWN:
            counts, covered = added_equipment(counts, one.counts), covered + one.covered
    return _Side(replace(counts, held=held, unreleased=max(0, unreleased)), covered)


def _figures(side: _Side) -> list[tuple[str, float | NotKnown]]:
    counts, seconds = side.counts, side.covered.total_seconds()
    packets, dropped = counts.received + counts.sent, counts.received_dropped + counts.sent_dropped
    late = {share: quantile_ms(counts.late, share) for share in (0.5, 0.99)}
    return [
        ("cpu_percent", _ratio(100 * counts.busy_ms, counts.cpu_ms)),
        ("softirq_percent", _ratio(100 * counts.softirq_ms, counts.cpu_ms)),
        ("daemon_percent", _ratio(100 * counts.daemon_ms, counts.cpu_ms)),
        ("packets_per_second", _ratio(counts.received, seconds)),
        ("dropped_per_million", _ratio(_MILLION * dropped, packets)),
        ("hold_highest_below", _decade(counts.highest) if seconds else NotKnown(Because.NOT_COUNTED)),
        ("hold_dropped_percent", share(min(counts.hold_dropped, counts.held), counts.held)),
        ("late_p50_ms", _lateness(late[0.5], counts)),
        ("late_p99_ms", _lateness(late[0.99], counts)),
        ("by_retransmission_percent", share(min(counts.unreleased, counts.held), counts.held)),
    ]


def _ratio(part: float, whole: float) -> float | NotKnown:
    return three_digits(part / whole) if whole else NotKnown(Because.NOT_COUNTED)


def _lateness(edge_ms: float | None, counts: EquipmentCounts) -> float | NotKnown:
    """Return the upper edge of the bucket of a quantile."""
    if sum(counts.late) < LEAST_SESSIONS or edge_ms is None:
        return NotKnown(Because.TOO_FEW_SESSIONS, None, LEAST_SESSIONS)
    return edge_ms if isfinite(edge_ms) else NotKnown(Because.BEYOND_THE_LAST)


def _decade(count: int) -> int:
    """Return the power of ten that a number is below, 10 at least, since it may be one line's."""
    return int(10 ** max(1, len(str(count))))
