"""Under which addresses a holder is looked up, and what several answers come to."""

from __future__ import annotations

from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.lines.holder import Answer, Candidate, Certainty
from sekisho.lines.lookup import look_under, most_specific, whichever
from sekisho.model import Address, PortPlan

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
SHAPES = ((4, 32), (4, 29), (16, 64), (16, 56), (16, 128))
MAP_E = PortPlan("dynamic", offset=4, length=8)
BLOCKS = PortPlan("dynamic", first=1_024, size=1_008)
NOBODY = Answer(Certainty.NOBODY)


def packed(text: str) -> bytes:
    return ip_address(text).packed


def held(line: int) -> Answer:
    return Answer(Certainty.HELD, (Candidate(line, NOON, None, None),))


def doubtful(*lines: int) -> Answer:
    return Answer(Certainty.AMBIGUOUS, tuple(Candidate(line, NOON, None, None) for line in lines))


def told(answer: Answer) -> tuple[str, tuple[int, ...]]:
    return answer.certainty.value, tuple(candidate.line for candidate in answer.candidates)


def test_an_address_is_looked_up_under_each_length_in_use() -> None:
    assert look_under(packed("192.0.2.77"), None, None, SHAPES) == (
        Address(packed("192.0.2.77"), 32),
        Address(packed("192.0.2.72"), 29),
    )
    assert look_under(packed("2001:db8:0:1ff::7"), None, 2_000, SHAPES) == (
        Address(packed("2001:db8:0:1ff::7"), 128),
        Address(packed("2001:db8:0:1ff::"), 64),
        Address(packed("2001:db8:0:100::"), 56),
    )
    assert look_under(packed("192.0.2.77"), None, None, ()) == ()


@given(st.integers(0, 2**128 - 1), st.integers(0, 128))
def test_what_is_looked_up_holds_the_address(number: int, length: int) -> None:
    network = number.to_bytes(16, "big")
    keys = look_under(network, None, None, [(16, length), (4, 32)])
    assert keys is not None
    (key,) = keys
    assert IPv6Address(network) in ip_network((key.network, key.length))


@pytest.mark.parametrize(
    ("plan", "port", "port_set"),
    [
        (BLOCKS, 1_024, 0),
        (BLOCKS, 2_031, 0),
        (BLOCKS, 2_032, 1),
        (BLOCKS, 65_535, 63),
        (MAP_E, 4_096, 0),
        (MAP_E, 4_111, 0),
        (MAP_E, 4_112, 1),
        (MAP_E, 65_535, 255),
    ],
)
def test_a_shared_address_is_looked_up_by_its_port(plan: PortPlan, port: int, port_set: int) -> None:
    assert look_under(packed("192.0.2.1"), plan, port, SHAPES) == (
        Address(packed("192.0.2.1"), 32, port_set),
    )


def test_a_port_that_a_plan_gives_to_nobody_is_nobodys() -> None:
    assert look_under(packed("192.0.2.1"), BLOCKS, 1_023, SHAPES) == ()
    assert look_under(packed("192.0.2.1"), MAP_E, 4_095, SHAPES) == ()


def test_where_the_plan_is_of_later_one_line_may_have_had_the_whole_address() -> None:
    address = packed("192.0.2.77")
    whole = look_under(address, None, None, SHAPES)
    assert whole is not None
    later = look_under(address, BLOCKS, 1_024, SHAPES, is_known=False)
    assert later == (Address(address, 32, 0), *whole)
    assert look_under(address, BLOCKS, 1_023, SHAPES, is_known=False) == whole
    assert look_under(address, BLOCKS, None, SHAPES, is_known=False) is None


def test_a_shared_address_needs_a_port() -> None:
    assert look_under(packed("192.0.2.1"), BLOCKS, None, SHAPES) is None


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([], ("nobody", ())),
        ([NOBODY, NOBODY], ("nobody", ())),
        ([held(1), held(2)], ("held", (1,))),
        ([NOBODY, held(2)], ("held", (2,))),
        ([doubtful(1), held(2)], ("ambiguous", (1, 2))),
        ([doubtful(1), held(1)], ("held", (1,))),
        ([doubtful(1), NOBODY], ("ambiguous", (1,))),
        ([doubtful(1, 2), doubtful(3), held(4), held(5)], ("ambiguous", (1, 2, 3, 4))),
    ],
)
def test_the_most_specific_lease_counts(answers: list[Answer], expected: tuple[str, tuple[int, ...]]) -> None:
    assert told(most_specific(answers)) == expected


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([held(1)], ("held", (1,))),
        ([held(1), held(1)], ("held", (1,))),
        ([held(1), held(2)], ("ambiguous", (1, 2))),
        ([held(1), NOBODY], ("ambiguous", (1,))),
        ([NOBODY, NOBODY], ("nobody", ())),
        ([doubtful(1, 2)], ("ambiguous", (1, 2))),
        ([doubtful(1), held(1)], ("ambiguous", (1,))),
    ],
)
def test_where_two_plans_may_be_right_the_doubt_stays(
    answers: list[Answer], expected: tuple[str, tuple[int, ...]]
) -> None:
    assert told(whichever(answers)) == expected
