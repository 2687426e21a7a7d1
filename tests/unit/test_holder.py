"""Who held an address at a moment, around the boundaries."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.lines.events import Ending, Lease
from sekisho.lines.holder import Certainty, Close, holder, spans
from sekisho.model import Address

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOME = Address(bytes([100, 64, 0, 1]), 32)
SKEW = timedelta(seconds=5)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def lease(begin: float, end: float | None, line: int) -> Lease:
    ending = None if end is None else Ending.STOP
    return Lease(HOME, at(begin), bytes([line]) * 16, line, None if end is None else at(end), ending)


def asked(leases: list[Lease], seconds: float) -> tuple[str, tuple[int, ...]]:
    answer = holder(leases, at(seconds), SKEW)
    return answer.certainty.value, tuple(candidate.line for candidate in answer.candidates)


RECONNECTED = [lease(0, 100, 1), lease(200, None, 2)]
LOST_STOP = [lease(0, None, 1), lease(200, None, 2)]
AT_ONCE = [lease(0, 200, 1), lease(200, None, 2)]
SAME_LINE = [lease(0, 199, 1), lease(200, None, 1)]


@pytest.mark.parametrize(
    ("leases", "seconds", "expected"),
    [
        (RECONNECTED, -5.001, ("nobody", ())),
        (RECONNECTED, -5, ("ambiguous", (1,))),  # the reporter's clock may be behind
        (RECONNECTED, 0, ("held", (1,))),
        (RECONNECTED, 99.999, ("held", (1,))),
        (RECONNECTED, 100, ("ambiguous", (1,))),
        (RECONNECTED, 104.999, ("ambiguous", (1,))),
        (RECONNECTED, 105, ("nobody", ())),
        (RECONNECTED, 150, ("nobody", ())),
        (RECONNECTED, 200, ("held", (2,))),
        (LOST_STOP, 150, ("held", (1,))),
        (LOST_STOP, 194.999, ("held", (1,))),
        (LOST_STOP, 195, ("ambiguous", (1, 2))),
        (LOST_STOP, 204.999, ("ambiguous", (1, 2))),
        (LOST_STOP, 205, ("held", (2,))),
        (AT_ONCE, 200, ("ambiguous", (1, 2))),
        (SAME_LINE, 199.5, ("ambiguous", (1, 1))),
        (SAME_LINE, 200, ("held", (1,))),
        ([], 0, ("nobody", ())),
    ],
)
def test_around_boundaries(
    leases: list[Lease], seconds: float, expected: tuple[str, tuple[int, ...]]
) -> None:
    assert asked(leases, seconds) == expected


def test_an_ended_successor_does_not_bring_the_former_holder_back() -> None:
    assert asked([lease(0, None, 1), lease(100, 150, 2)], 500) == ("nobody", ())


def test_a_span_says_why_it_ended() -> None:
    assert [span.ending for span in spans(LOST_STOP)] == [Close.SUPERSEDED, None]
    kept = LOST_STOP[0]._replace(end=LOST_STOP[1].begin)  # by retention, as evidence
    assert [span.ending for span in spans([kept])] == [Close.SUPERSEDED]
    assert [span.ending for span in spans(AT_ONCE)] == [Ending.STOP, None]


times = st.integers(0, 40)


@given(st.lists(st.tuples(times, st.none() | st.integers(1, 20), st.integers(1, 3)), max_size=6), times)
def test_certain_answers_do_not_depend_on_the_skew(
    drawn: list[tuple[int, int | None, int]], moment: int
) -> None:
    leases = [lease(begin, None if lasts is None else begin + lasts, line) for begin, lasts, line in drawn]
    exact = holder(leases, at(moment), timedelta(0))
    assert exact.certainty is not Certainty.AMBIGUOUS
    careful = holder(leases, at(moment), SKEW)
    if careful.certainty is not Certainty.AMBIGUOUS:
        assert careful == exact
    lines = {candidate.line for candidate in careful.candidates}
    assert {candidate.line for candidate in exact.candidates} <= lines
