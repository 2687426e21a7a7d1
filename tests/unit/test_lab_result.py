"""What is wanted of a run."""

from __future__ import annotations

from collections import Counter

import pytest

from sekisho.lab import lines, measure
from sekisho.lab.accounting import Status
from sekisho.lab.measure import GateCounts, Reading, Span
from sekisho.lab.phases import Phase
from sekisho.lab.receipts import Receipt
from sekisho.lab.result import Result
from sekisho.model import Limit, Mode

OBSERVE = Phase("observe", Limit(Mode.OBSERVE, 2, 5_000), 3, 60)
ENFORCE = Phase("enforce", Limit(Mode.ENFORCE, 2, 5_000), 7, 60)
NOTHING = GateCounts(0, 0, 0)
SPANS = (
    Span(OBSERVE, Reading(0, 0, NOTHING), Reading(60, 0, NOTHING)),
    Span(ENFORCE, Reading(100, 0, NOTHING), Reading(160, 0, NOTHING)),
)


def result(
    *,
    enforced: int = 15,
    lost: int = 0,
    sessions: tuple[int, int] = (14, 2),
    ipv6: bool = True,
    delays: tuple[float, ...] = (0.1,),
) -> Result:
    """300 messages observed, every other one over IPv6 where that is so."""
    observed = [Receipt("bot", None, at * 0.2, ipv6=ipv6 and at % 2 == 0) for at in range(300)]
    receipts = [*observed, *(Receipt("bot", None, 100 + at) for at in range(enforced))]
    spans = zip(SPANS, sessions, strict=True)
    twofold = tuple(lines.twofold("bot", span, most, receipts) for span, most in spans)
    return Result(
        run="0",
        seconds=1,
        phases=measure.figures(SPANS, receipts, [], set(), {"bot": 14}),
        letters=measure.Letters(9, 9 - lost, lost, 0, 0, 0),
        lines=lines.figures(9, Counter({Status.START: 9}), 18, delays, twofold),
        timeline=measure.timeline(receipts, [("observe", 0), ("enforce", 90)], 160, 1),
    )


@pytest.mark.parametrize(
    ("enforced", "lost", "holds"),
    [(15, 0, (True, True)), (16, 0, (False, True)), (15, 1, (True, False))],
)
def test_the_verdict_is_5_percent_and_no_failure(enforced: int, lost: int, holds: tuple[bool, bool]) -> None:
    found = result(enforced=enforced, lost=lost)
    assert (found.spam_holds, found.honest_holds) == holds


def test_one_session_above_the_cap_is_too_many_but_while_observing() -> None:
    assert result(sessions=(14, 2)).lines_hold
    assert not result(sessions=(14, 3)).lines_hold


def test_a_line_that_was_silent_over_one_protocol_proves_nothing() -> None:
    assert not result(ipv6=False).lines_hold


def test_a_line_without_its_limit_for_more_than_a_second_is_too_late() -> None:
    assert result(delays=(0.1, 1.0)).lines_hold
    assert not result(delays=(0.1, 1.1)).lines_hold
