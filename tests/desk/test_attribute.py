"""Attribution: whose line sent it, and every doubt."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.attribute import (
    SKEW,
    Asked,
    Because,
    Found,
    Ours,
    Outcome,
    Question,
    ours,
    prepare,
    settle,
)
from sekisho.desk.report import Feedback, Hop, HostAddress, Incident, Moment, TimeSource
from sekisho.lines.events import Lease
from sekisho.lines.holder import Answer, holder
from sekisho.model import Address

NOW = datetime(2027, 4, 1, 12, tzinfo=UTC)
HOUR, SECOND = timedelta(hours=1), timedelta(seconds=1)
LINE, OTHER = ip_address("198.51.100.7"), ip_address("198.51.100.8")
SHARED, SERVER = ip_address("192.0.2.1"), ip_address("203.0.113.25")
ABROAD, INSIDE = ip_address("233.252.0.9"), ip_address("10.0.0.3")
LINE6 = ip_address("2001:db8:4000::1")
OUR = ours(
    [ip_network("198.51.100.0/25"), ip_network("192.0.2.0/24"), ip_network("2001:db8:4000::/36")],
    [ip_network("203.0.113.0/24")],
    [ip_network("233.252.0.128/25")],
)
RECEIVER = ip_address("233.252.0.200")


def moment(source: TimeSource, at: datetime | None) -> Moment:
    return Moment(source, at, "as written")


def hop(address: HostAddress | None, at: datetime | None = NOW, port: int | None = None) -> Hop:
    return Hop(address, port, "mx.example.net", moment(TimeSource.HOP, at))


ARRIVED = moment(TimeSource.ARRIVAL_DATE, NOW)
PLAIN = Incident(LINE, None, (ARRIVED,))
UNREADABLE = replace(hop(None), is_clear=False)


def lease(address: HostAddress, line: int, begin: datetime, end: datetime | None = None) -> Lease:
    whole = Address(address.packed, address.max_prefixlen)
    return Lease(whole, begin, line.to_bytes(2, "big"), line, end)


HISTORY = (
    lease(LINE, 1, NOW - 48 * HOUR, NOW - 3 * HOUR),
    lease(LINE, 2, NOW - 3 * HOUR),
    lease(OTHER, 3, NOW - 48 * HOUR),
    lease(LINE6, 6, NOW - 48 * HOUR),
)


def ask(question: Question) -> Answer | None:
    """Answer as the store does; a port of the shared address below 2,048 is line 4's, above line 5's."""
    if question.network == SHARED.packed:
        if question.port is None:
            return None
        share = lease(SHARED, 4 if question.port < 2_048 else 5, NOW - 48 * HOUR)
        return holder([share], question.at, question.skew)
    held = [one for one in HISTORY if one.address.network == question.network]
    return holder(held, question.at, question.skew)


def attribute(incident: Incident, feedback: Feedback = Feedback.ABUSE, our: Ours = OUR) -> Outcome:
    asked = prepare(feedback, incident, our, NOW)
    if isinstance(asked, Outcome):
        return asked
    answers: Mapping[Question, Answer | None] = {question: ask(question) for question in asked.questions}
    return settle(asked, answers)


def found(incident: Incident) -> tuple[Found, Because | int | None]:
    outcome = attribute(incident)
    return outcome.found, outcome.line if outcome.found is Found.ATTRIBUTED else outcome.because


def test_a_field_that_nothing_speaks_against_is_believed() -> None:
    outcome = attribute(PLAIN)
    assert (outcome.found, outcome.line, outcome.moment) == (Found.ATTRIBUTED, 2, NOW)
    assert outcome.basis is not None
    assert (outcome.basis.is_named, outcome.basis.is_corroborated) == (True, False)


@pytest.mark.parametrize(
    ("address", "chain", "is_forgeable"),
    [
        (LINE, (hop(LINE),), False),
        (LINE, (hop(INSIDE), hop(LINE)), False),
        (LINE, (hop(RECEIVER), hop(LINE)), False),
        (LINE, (hop(ABROAD), hop(LINE)), True),  # a stranger has delivered it, and written the rest
        (None, (hop(LINE),), False),
        (None, (hop(RECEIVER), hop(LINE)), False),
        (None, (hop(INSIDE), hop(LINE)), True),  # a server behind NAT sees all the world so
        (None, (hop(LINE), hop(INSIDE)), False),
    ],
)
def test_a_hop_that_those_above_may_have_made_up_is_marked(
    address: HostAddress | None, chain: tuple[Hop, ...], is_forgeable: bool
) -> None:
    outcome = attribute(replace(PLAIN, address=address, chain=chain))
    assert outcome.basis is not None
    assert outcome.basis.is_forgeable is is_forgeable


@pytest.mark.parametrize("feedback", [Feedback.NOT_SPAM, Feedback.OPT_OUT, Feedback.AUTH_FAILURE])
def test_what_is_no_abuse_is_nobodys(feedback: Feedback) -> None:
    assert attribute(PLAIN, feedback).found is Found.NOT_ABUSE


@pytest.mark.parametrize(
    ("address", "chain", "came"),
    [
        (LINE, (hop(LINE),), (Found.ATTRIBUTED, 2)),
        (LINE, (hop(INSIDE), hop(None), hop(LINE), hop(OTHER)), (Found.ATTRIBUTED, 2)),
        (LINE, (hop(ABROAD), hop(LINE)), (Found.ATTRIBUTED, 2)),  # the recipient's own servers
        (LINE, (hop(INSIDE),), (Found.ATTRIBUTED, 2)),
        (LINE6, (hop(LINE6),), (Found.ATTRIBUTED, 6)),
        # Without a field only what nobody else can have sent is certain.
        (None, (hop(LINE),), (Found.ATTRIBUTED, 2)),
        (None, (hop(INSIDE), hop(LINE)), (Found.ATTRIBUTED, 2)),
        (None, (hop(LINE), hop(INSIDE), hop(None), hop(LINE)), (Found.ATTRIBUTED, 2)),
        (None, (hop(LINE), hop(ABROAD)), (Found.AMBIGUOUS, Because.RELAYED)),  # a recipient's own gateway
        (None, (hop(INSIDE), hop(LINE), hop(INSIDE), hop(ABROAD)), (Found.AMBIGUOUS, Because.RELAYED)),
        (None, (hop(LINE), hop(OTHER)), (Found.AMBIGUOUS, Because.RELAYED)),
        (None, (hop(LINE), hop(SERVER)), (Found.AMBIGUOUS, Because.RELAYED)),
        (None, (hop(LINE), hop(RECEIVER)), (Found.AMBIGUOUS, Because.RELAYED)),
        (None, (hop(LINE), UNREADABLE), (Found.AMBIGUOUS, Because.RELAYED)),
        (LINE, (hop(LINE), hop(ABROAD)), (Found.ATTRIBUTED, 2)),
        # Servers that are trusted stand above as the recipient's inside does.
        (None, (hop(RECEIVER), hop(LINE)), (Found.ATTRIBUTED, 2)),
        (None, (hop(RECEIVER), hop(INSIDE), hop(RECEIVER), hop(LINE)), (Found.ATTRIBUTED, 2)),
        (None, (hop(RECEIVER), hop(ABROAD), hop(LINE)), (Found.AMBIGUOUS, Because.FORGEABLE)),
        (None, (hop(RECEIVER), hop(LINE), hop(ABROAD)), (Found.AMBIGUOUS, Because.RELAYED)),
        (None, (hop(ABROAD), hop(RECEIVER), hop(LINE)), (Found.AMBIGUOUS, Because.FORGEABLE)),
        (None, (hop(RECEIVER),), (Found.NOT_ATTRIBUTABLE, Because.NO_ADDRESS)),
        (LINE, (hop(RECEIVER),), (Found.ATTRIBUTED, 2)),
        (LINE, (hop(OTHER), hop(LINE)), (Found.AMBIGUOUS, Because.DISAGREE)),
        (LINE, (hop(SERVER), hop(LINE)), (Found.AMBIGUOUS, Because.DISAGREE)),
        (LINE, (hop(ABROAD),), (Found.AMBIGUOUS, Because.DISAGREE)),
        (LINE, (UNREADABLE, hop(LINE)), (Found.AMBIGUOUS, Because.UNCLEAR)),
        (ABROAD, (hop(ABROAD), hop(LINE)), (Found.AMBIGUOUS, Because.DISAGREE)),
        (None, (hop(ABROAD), hop(LINE)), (Found.AMBIGUOUS, Because.FORGEABLE)),
        (None, (UNREADABLE, hop(LINE)), (Found.AMBIGUOUS, Because.UNCLEAR)),
        (ABROAD, (hop(ABROAD),), (Found.NOT_OURS, None)),
        (ABROAD, (UNREADABLE, hop(LINE)), (Found.NOT_OURS, None)),
        (None, (hop(ABROAD),), (Found.NOT_OURS, None)),
        (SERVER, (hop(SERVER), hop(LINE)), (Found.OWN_SERVER, None)),
        (None, (hop(SERVER), hop(LINE)), (Found.OWN_SERVER, None)),
        (None, (), (Found.NOT_ATTRIBUTABLE, Because.NO_ADDRESS)),
        (None, (hop(INSIDE),), (Found.NOT_ATTRIBUTABLE, Because.NO_ADDRESS)),
        (ip_address("198.51.100.9"), (), (Found.NOT_ATTRIBUTABLE, Because.NOBODY)),
    ],
)
def test_field_and_chain_are_weighed_from_the_top(
    address: HostAddress | None, chain: tuple[Hop, ...], came: tuple[Found, Because | int | None]
) -> None:
    assert found(replace(PLAIN, address=address, chain=chain)) == came


def test_a_chain_of_which_the_end_is_not_known_may_hide_another_sender() -> None:
    cut = replace(PLAIN, address=None, chain=(hop(LINE), hop(INSIDE)), is_cut=True)
    assert found(cut) == (Found.AMBIGUOUS, Because.RELAYED)
    assert found(replace(cut, address=LINE)) == (Found.ATTRIBUTED, 2)


@pytest.mark.parametrize(
    ("times", "came"),
    [
        ((), (Found.NOT_ATTRIBUTABLE, Because.NO_TIME)),
        ((moment(TimeSource.ARRIVAL_DATE, None),), (Found.AMBIGUOUS, Because.ZONE)),
        # The first counts, whichever is written first.
        (
            (moment(TimeSource.RECEIVED_DATE, NOW), moment(TimeSource.ARRIVAL_DATE, None)),
            (Found.AMBIGUOUS, Because.ZONE),
        ),
        ((ARRIVED, moment(TimeSource.RECEIVED_DATE, None)), (Found.ATTRIBUTED, 2)),
        ((moment(TimeSource.ARRIVAL_DATE, NOW + HOUR),), (Found.AMBIGUOUS, Because.FUTURE)),
        ((moment(TimeSource.ARRIVAL_DATE, NOW - 5 * HOUR),), (Found.ATTRIBUTED, 1)),
        ((ARRIVED, moment(TimeSource.BODY, NOW - 5 * HOUR)), (Found.AMBIGUOUS, Because.TIMES_DISAGREE)),
        ((ARRIVED, moment(TimeSource.BODY, NOW - 99 * HOUR)), (Found.AMBIGUOUS, Because.TIMES_DISAGREE)),
        ((moment(TimeSource.ARRIVAL_DATE, NOW - 99 * HOUR),), (Found.NOT_ATTRIBUTABLE, Because.NOBODY)),
        (
            (moment(TimeSource.ARRIVAL_DATE, NOW - 3 * HOUR + SKEW - SECOND),),
            (Found.AMBIGUOUS, Because.SEVERAL),
        ),
        ((moment(TimeSource.ARRIVAL_DATE, NOW - 3 * HOUR - SKEW),), (Found.AMBIGUOUS, Because.SEVERAL)),
        (
            (moment(TimeSource.ARRIVAL_DATE, NOW - 3 * HOUR + SKEW + SECOND),),
            (Found.ATTRIBUTED, 2),
        ),
    ],
)
def test_the_first_time_counts_and_another_one_must_not_lead_elsewhere(
    times: tuple[Moment, ...], came: tuple[Found, Because | int | None]
) -> None:
    assert found(replace(PLAIN, times=times)) == came


def test_the_time_of_our_hop_counts_where_the_report_has_none_and_speaks_against_one_it_has() -> None:
    before = hop(LINE, NOW - 5 * HOUR)
    assert found(replace(PLAIN, times=(), chain=(hop(INSIDE), before))) == (Found.ATTRIBUTED, 1)
    assert found(replace(PLAIN, chain=(before,))) == (Found.AMBIGUOUS, Because.TIMES_DISAGREE)
    unknown = hop(LINE, None)
    assert found(replace(PLAIN, times=(), chain=(unknown,))) == (Found.AMBIGUOUS, Because.ZONE)
    assert found(replace(PLAIN, times=(), chain=(hop(INSIDE),))) == (Found.NOT_ATTRIBUTABLE, Because.NO_TIME)


def test_candidates_are_told_where_several_may_have_held_it() -> None:
    outcome = attribute(replace(PLAIN, times=(moment(TimeSource.ARRIVAL_DATE, NOW - 3 * HOUR),)))
    assert sorted(outcome.candidates) == [1, 2]


@pytest.mark.parametrize(
    ("port", "chain", "came"),
    [
        (None, (), (Found.NOT_ATTRIBUTABLE, Because.NO_PORT)),
        (1_030, (), (Found.ATTRIBUTED, 4)),
        (None, (hop(SHARED, port=3_000),), (Found.ATTRIBUTED, 5)),
        (1_030, (hop(SHARED, port=1_031),), (Found.ATTRIBUTED, 4)),
        (1_030, (hop(SHARED, port=3_000),), (Found.AMBIGUOUS, Because.TIMES_DISAGREE)),
    ],
)
def test_a_shared_address_needs_a_port(
    port: int | None, chain: tuple[Hop, ...], came: tuple[Found, Because | int | None]
) -> None:
    assert found(replace(PLAIN, address=SHARED, port=port, chain=chain)) == came


ADDRESSES = st.sampled_from((LINE, OTHER, SERVER, ABROAD, INSIDE, None))
TIMES = st.one_of(st.none(), st.integers(0, 60).map(lambda hours: NOW - hours * HOUR))
HOPS = st.builds(hop, ADDRESSES, TIMES) | st.just(UNREADABLE)
INCIDENTS = st.builds(
    Incident,
    ADDRESSES,
    st.none(),
    st.lists(st.builds(moment, st.sampled_from(TimeSource), TIMES), max_size=3).map(tuple),
    st.lists(HOPS, max_size=5).map(tuple),
)


@given(INCIDENTS)
def test_whoever_is_accused_is_ours_and_is_named_by_nothing_forgeable(incident: Incident) -> None:
    outcome = attribute(incident)
    if outcome.found is not Found.ATTRIBUTED:
        assert outcome.line is None
        return
    hops = [one for one in incident.chain if one.address is not None]
    first = next((one for one in hops if OUR.is_line(one.address) or OUR.is_server(one.address)), None)  # type: ignore[arg-type]
    senders = {incident.address, first.address if first else None} - {None}
    assert senders <= {LINE, OTHER}
    assert len(senders) == 1
    assert outcome.moment is not None


@given(INCIDENTS, st.lists(HOPS, max_size=3).map(tuple))
def test_what_stands_below_the_first_hop_of_ours_accuses_nobody(
    incident: Incident, forged: tuple[Hop, ...]
) -> None:
    place = next((n for n, one in enumerate(incident.chain) if one.address in (LINE, OTHER, SERVER)), None)
    if place is None:
        return
    above = incident.chain[: place + 1]
    with_more = attribute(replace(incident, chain=(*above, *forged)))
    without = attribute(replace(incident, chain=above))
    is_doubted = incident.address is None and with_more.because is Because.RELAYED
    assert with_more == without or is_doubted


@given(INCIDENTS)
def test_an_attribution_asks_of_one_address_and_few_moments(incident: Incident) -> None:
    asked = prepare(Feedback.ABUSE, incident, OUR, NOW)
    if isinstance(asked, Asked):
        assert len({question.network for question in asked.questions}) == 1
        assert 1 <= len(asked.questions) <= 4


@given(st.lists(st.integers(0, 2**32 - 1).flatmap(lambda n: st.tuples(st.just(n), st.integers(1, 32)))))
def test_membership_is_that_of_the_networks(some: list[tuple[int, int]]) -> None:
    networks = [ip_network((number, length), strict=False) for number, length in some]
    is_line = ours(networks, ()).is_line
    for number, _ in some:
        for probe in (number, number ^ 1, number ^ (1 << 31)):
            address = IPv4Address(probe)
            assert is_line(address) == any(address in network for network in networks)
    assert not is_line(LINE6)
