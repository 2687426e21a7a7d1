"""Figures of the lines that come and go by accounting. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median

from sekisho.lab.accounting import Status
from sekisho.lab.measure import Span
from sekisho.lab.receipts import Receipt


@dataclass(frozen=True, slots=True)
class Delays:
    """Times from a Start's acknowledgement until the line's addresses are in the gate, in seconds."""

    median: float
    worst: float


@dataclass(frozen=True, slots=True)
class Twofold:
    """What the line with IPv4 and IPv6 did in a phase's counted span.

    `sessions_at_most`: at once and over both, as the gate's table in the kernel said.
    """

    line: str
    phase: str
    sessions_at_most: int
    ipv4_messages: int
    ipv6_messages: int


@dataclass(frozen=True, slots=True)
class Lines:
    """What accounting has brought: lines the gate knew at the end, requests that were acknowledged.

    `lease_changes`: addresses and prefixes that came into the gate's table or left it.
    """

    known: int
    starts: int
    interims: int
    stops: int
    lease_changes: int
    seconds_to_gate: Delays
    twofold: tuple[Twofold, ...]


def figures(
    known: int,
    answered: Counter[Status],
    lease_changes: int,
    delays: Sequence[float],
    twofold: tuple[Twofold, ...],
) -> Lines:
    """Sum the run's accounting up; `delays` in seconds, one for each Start."""
    return Lines(
        known=known,
        starts=answered[Status.START],
        interims=answered[Status.INTERIM],
        stops=answered[Status.STOP],
        lease_changes=lease_changes,
        seconds_to_gate=Delays(median(delays), max(delays)),
        twofold=twofold,
    )


def twofold(line: str, span: Span, sessions_at_most: int, receipts: Iterable[Receipt]) -> Twofold:
    """Count what arrived from a line in a span over each protocol, beside its sessions."""
    over_ipv6 = [receipt.ipv6 for receipt in receipts if receipt.line == line and span.holds(receipt.at)]
    ipv6 = sum(over_ipv6)
    return Twofold(line, span.phase.name, sessions_at_most, len(over_ipv6) - ipv6, ipv6)
