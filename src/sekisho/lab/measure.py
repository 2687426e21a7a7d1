"""Figures of each phase from what was sent, what arrived and what the gate counted. Pure.

Spam is counted where it arrives: a message counts in a phase when it arrives in its counted span.
A letter (an honest message) counts in the phase in which it was written, whenever it arrives, so
that a delivery that outlives its phase is neither lost nor credited to the next limit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sekisho.lab.phases import Phase
from sekisho.lab.receipts import Receipt
from sekisho.model import Limit, Mode


@dataclass(frozen=True, slots=True)
class Letter:
    """An honest message: its name, its line, when it was written (seconds since the epoch)."""

    name: str
    line: str
    exempt: bool
    written: float


@dataclass(frozen=True, slots=True)
class GateCounts:
    """What the gate has counted since it was attached."""

    admitted: int
    refused: int
    held: int

    def since(self, before: GateCounts) -> GateCounts:
        """Return what was counted after `before`."""
        return GateCounts(
            self.admitted - before.admitted, self.refused - before.refused, self.held - before.held
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters at one moment; `at` in seconds since the epoch."""

    at: float
    spam_sessions: int
    gate: GateCounts


@dataclass(frozen=True, slots=True)
class Span:
    """A phase's counted span, between two readings."""

    phase: Phase
    start: Reading
    end: Reading

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.end.at - self.start.at

    def holds(self, at: float) -> bool:
        """Tell whether a moment lies in the span."""
        return self.start.at <= at < self.end.at


@dataclass(frozen=True, slots=True)
class Quantiles:
    """Median and 95th percentile; None when there is nothing to measure."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True)
class SpamLine:
    """One spamming line: what it sent, and the most that its limit allows."""

    line: str
    sessions: int
    messages_per_minute: float
    arithmetic_per_minute: float | None


@dataclass(frozen=True, slots=True)
class Spam:
    """What the spamming lines sent; `share_of_observe` and the arithmetic: None while observing."""

    sessions_per_minute: float
    messages_per_minute: float
    share_of_observe: float | None
    arithmetic_per_minute: float | None
    lines: tuple[SpamLine, ...]


@dataclass(frozen=True, slots=True)
class Sender:
    """One honest line's letters."""

    line: str
    exempt: bool
    delivered: int
    failed: int
    delivery_seconds: Quantiles


@dataclass(frozen=True, slots=True)
class Honest:
    """What the honest lines wrote; `delivery_seconds` leaves out letters to the provider's own server."""

    messages_per_minute: float
    delivery_seconds: Quantiles
    delivered: int
    failed: int
    senders: tuple[Sender, ...]


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one phase; `seconds` is the counted span."""

    name: str
    limit: Limit
    seconds: float
    washout_seconds: float
    spam: Spam
    honest: Honest
    gate: GateCounts


def quantiles(values: Sequence[float]) -> Quantiles:
    """Take median and 95th percentile by nearest rank."""
    if not values:
        return Quantiles(None, None)
    ordered = sorted(values)
    return Quantiles(*(ordered[math.ceil(share * len(ordered)) - 1] for share in (0.5, 0.95)))


def figures(
    spans: Sequence[Span],
    receipts: Sequence[Receipt],
    letters: Sequence[Letter],
    failed: Collection[str],
    bots: Mapping[str, int],
) -> tuple[Figures, ...]:
    """Compute every phase's figures; the first phase is the one that observes.

    `failed` names letters whose program reported a failure; letters that never arrived fail too.
    `bots` maps spamming lines to their sessions at once.
    """
    arrived = {receipt.letter: receipt.at for receipt in receipts if receipt.letter is not None}
    found: list[Figures] = []
    for span in spans:
        spam = _spam(span, receipts, bots, found[0].spam if found else None)
        written = [letter for letter in letters if span.holds(letter.written)]
        honest = _honest(span, written, arrived, failed)
        gate = span.end.gate.since(span.start.gate)
        phase = span.phase
        found.append(
            Figures(phase.name, phase.limit, span.seconds, phase.washout_seconds, spam, honest, gate)
        )
    return tuple(found)


def rates(receipts: Sequence[Receipt], now: float, seconds: float) -> tuple[float, float]:
    """Compute spam and honest messages a minute over the `seconds` before `now`."""
    recent = [receipt for receipt in receipts if receipt.at > now - seconds]
    honest = sum(1 for receipt in recent if receipt.letter is not None)
    return 60 * (len(recent) - honest) / seconds, 60 * honest / seconds


def most_per_minute(limit: Limit, sessions: int, session_seconds: float) -> float:
    """Compute N / (D + T): what a line of `sessions` at once can send a minute under a limit."""
    return 60 * min(limit.cap, sessions) / (limit.delay_ms / 1_000 + session_seconds)


def _spam(span: Span, receipts: Sequence[Receipt], bots: Mapping[str, int], observed: Spam | None) -> Spam:
    counts = Counter(r.line for r in receipts if r.letter is None and span.holds(r.at))
    per_minute = {line: 60 * counts[line] / span.seconds for line in bots}
    limited = observed is not None and span.phase.limit.mode is Mode.ENFORCE
    lines = tuple(
        SpamLine(
            line,
            sessions,
            per_minute[line],
            _arithmetic(span.phase.limit, sessions, observed, line) if observed and limited else None,
        )
        for line, sessions in bots.items()
    )
    total = sum(per_minute.values())
    known = [line.arithmetic_per_minute for line in lines if line.arithmetic_per_minute is not None]
    return Spam(
        sessions_per_minute=60 * (span.end.spam_sessions - span.start.spam_sessions) / span.seconds,
        messages_per_minute=total,
        share_of_observe=_share(total, observed.messages_per_minute) if observed else None,
        arithmetic_per_minute=sum(known) if known else None,
        lines=lines,
    )


def _arithmetic(limit: Limit, sessions: int, observed: Spam, line: str) -> float | None:
    """By Little's law the observed rate tells T: sessions at once over sessions a second."""
    rate = next(known.messages_per_minute for known in observed.lines if known.line == line)
    return most_per_minute(limit, sessions, 60 * sessions / rate) if rate else None


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None


def _honest(
    span: Span, letters: Sequence[Letter], arrived: Mapping[str, float], failed: Collection[str]
) -> Honest:
    by_line: dict[str, list[Letter]] = {}
    for letter in letters:
        by_line.setdefault(letter.line, []).append(letter)
    senders = tuple(_sender(line, group, arrived, failed) for line, group in by_line.items())
    limited = [letter for letter in letters if not letter.exempt]
    delivered = sum(sender.delivered for sender in senders)
    return Honest(
        messages_per_minute=60 * delivered / span.seconds,
        delivery_seconds=quantiles(_deliveries(limited, arrived)),
        delivered=delivered,
        failed=sum(sender.failed for sender in senders),
        senders=senders,
    )


def _sender(
    line: str, letters: Sequence[Letter], arrived: Mapping[str, float], failed: Collection[str]
) -> Sender:
    lost = [letter for letter in letters if letter.name in failed or letter.name not in arrived]
    return Sender(
        line=line,
        exempt=letters[0].exempt,
        delivered=len(letters) - len(lost),
        failed=len(lost),
        delivery_seconds=quantiles(_deliveries(letters, arrived)),
    )


def _deliveries(letters: Sequence[Letter], arrived: Mapping[str, float]) -> list[float]:
    return [arrived[letter.name] - letter.written for letter in letters if letter.name in arrived]


@dataclass(frozen=True, slots=True)
class Timeline:
    """Messages that arrived in each bin of the run, and the bin in which each phase began."""

    bin_seconds: float
    spam: tuple[int, ...]
    honest: tuple[int, ...]
    begins: tuple[tuple[str, int], ...]


def timeline(
    receipts: Sequence[Receipt], begins: Sequence[tuple[str, float]], end: float, bin_seconds: float
) -> Timeline:
    """Count arrivals from the first phase's begin to `end` (seconds since the epoch)."""
    start = begins[0][1]
    bins = max(1, math.ceil((end - start) / bin_seconds))
    spam, honest = [0] * bins, [0] * bins
    for receipt in receipts:
        position = math.floor((receipt.at - start) / bin_seconds)
        if 0 <= position < bins:
            (spam if receipt.letter is None else honest)[position] += 1
    switches = tuple((name, math.floor((at - start) / bin_seconds)) for name, at in begins)
    return Timeline(bin_seconds, tuple(spam), tuple(honest), switches)


@dataclass(frozen=True, slots=True)
class Letters:
    """All letters of the run, those outside the counted spans too.

    `deferred`: deliveries that the office's Postfix put off at least once; `bounced`: given up;
    `left`: still in its queue when the run ended.
    """

    written: int
    delivered: int
    failed: int
    deferred: int
    bounced: int
    left: int


def letters_in_all(
    letters: Sequence[Letter], receipts: Sequence[Receipt], failed: Collection[str], log: str, left: int
) -> Letters:
    """Sum the run's letters up; `log` is what Postfix has logged."""
    arrived = {receipt.letter for receipt in receipts}
    lost = sum(1 for letter in letters if letter.name in failed or letter.name not in arrived)
    deferred, bounced = log.count("status=deferred"), log.count("status=bounced")
    return Letters(len(letters), len(letters) - lost, lost, deferred, bounced, left)
