"""Figures of the lines that come and go by accounting."""

from __future__ import annotations

from collections import Counter

from sekisho.lab import lines
from sekisho.lab.accounting import Status
from sekisho.lab.lines import Delays, Twofold
from sekisho.lab.measure import GateCounts, Reading, Span
from sekisho.lab.phases import Phase
from sekisho.lab.receipts import Receipt
from sekisho.model import Limit, Mode

SPAN = Span(
    Phase("enforce", Limit(Mode.ENFORCE, 2, 5_000), 7, 60),
    Reading(100, 0, GateCounts(0, 0, 0)),
    Reading(160, 0, GateCounts(0, 0, 0)),
)


def test_what_arrived_in_the_span_counts_for_its_protocol() -> None:
    receipts = [
        Receipt("bot", None, 100, ipv6=True),
        Receipt("bot", None, 159, ipv6=True),
        Receipt("bot", None, 120),
        Receipt("bot", None, 160),
        Receipt("other", None, 120),
    ]
    assert lines.twofold("bot", SPAN, 2, receipts) == Twofold("bot", "enforce", 2, 1, 2)


def test_the_run_is_summed_up() -> None:
    answered = Counter({Status.START: 3, Status.STOP: 1})
    found = lines.figures(2, answered, 8, [0.1, 0.5, 0.2], ())
    assert (found.known, found.starts, found.interims, found.stops) == (2, 3, 0, 1)
    assert found.lease_changes == 8
    assert found.seconds_to_gate == Delays(median=0.2, worst=0.5)
