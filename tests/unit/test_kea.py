"""Kea's leases: what its hook tells becomes what is known of lines, by the rules of `lines.leases`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.lines.events import Kind
from sekisho.lines.kea import KeaNaming, Report, UnparsableReportError, heard, read_call
from sekisho.model import Address
from tests.unit.kea_ledger import KeaLedger

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NAMING = (KeaNaming.CIRCUIT_ID, KeaNaming.CLIENT_ID, KeaNaming.HARDWARE)
# As Kea 2.2 sets them for a client behind a relay, a renewal, and what a client gives back.
LEASE = {
    "LEASES4_SIZE": "1",
    "DELETED_LEASES4_SIZE": "0",
    "LEASES4_AT0_ADDRESS": "100.64.0.10",
    "LEASES4_AT0_CLIENT_ID": "01:82:db:87:cd:f5:c2",
    "LEASES4_AT0_HWADDR": "82:db:87:cd:f5:c2",
    "LEASES4_AT0_STATE": "default",
}
RELAYED = {
    "QUERY4_OPTION_82_SUB_OPTION_1": "0x67652D302F31",
    "QUERY4_OPTION_82_SUB_OPTION_2": "0x0004FF01",
}
GONE = {key.replace("LEASES4_AT0_", "LEASE4_"): value for key, value in LEASE.items()}
TWO_OF_IPV6 = {
    "LEASES6_SIZE": "2",
    "DELETED_LEASES6_SIZE": "0",
    "LEASES6_AT0_ADDRESS": "2001:db8::100",
    "LEASES6_AT0_DUID": "00:03:00:01:02:aa:bb:cc:dd:01",
    "LEASES6_AT0_IAID": "1",
    "LEASES6_AT0_HWADDR": "02:aa:bb:cc:dd:01",
    "LEASES6_AT0_PREFIX_LEN": "128",
    "LEASES6_AT0_STATE": "default",
    "LEASES6_AT0_TYPE": "IA_NA",
    "LEASES6_AT1_ADDRESS": "2001:db8:4000::",
    "LEASES6_AT1_DUID": "00:03:00:01:02:aa:bb:cc:dd:01",
    "LEASES6_AT1_IAID": "2",
    "LEASES6_AT1_HWADDR": "02:aa:bb:cc:dd:01",
    "LEASES6_AT1_PREFIX_LEN": "56",
    "LEASES6_AT1_STATE": "default",
    "LEASES6_AT1_TYPE": "IA_PD",
}


def address(text: str) -> Address:
    network = ip_network(text)
    return Address(network.network_address.packed, network.prefixlen)


HOME = address("100.64.0.10")


def after(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


class Told(KeaLedger):
    """What was told so far, by the minute."""

    def call(self, event: str, minute: float, variables: Mapping[str, str]) -> None:
        self.take(read_call(event, after(minute), variables), NAMING)

    def held(self, address: Address = HOME) -> list[tuple[str, float, float | None]]:
        return [
            (name, minutes(begin), None if end is None else minutes(end))
            for name, begin, end in self.spans(address)
        ]


def minutes(at: datetime) -> float:
    return (at - NOON) / timedelta(minutes=1)


def test_a_lease_is_one_however_often_it_is_renewed() -> None:
    told = Told()
    told.call("leases4_committed", 0, {**LEASE, **RELAYED})
    for minute in range(1, 4):  # straight to the server: no option 82
        told.call("lease4_renew", minute, GONE)
        told.call("leases4_committed", minute, LEASE)
    assert told.held() == [("ge-0/1", 0, None)]
    told.call("lease4_release", 5, GONE)
    assert told.held() == [("ge-0/1", 0, 5)]
    assert [one.kind for one in told.heard] == [
        Kind.START,
        Kind.INTERIM,
        Kind.INTERIM,
        Kind.INTERIM,
        Kind.STOP,
    ]


@pytest.mark.parametrize("event", ["lease4_release", "lease4_expire", "lease4_decline"])
def test_what_was_given_back_and_taken_again_is_two_leases(event: str) -> None:
    told = Told()
    told.call("leases4_committed", 0, LEASE)
    told.call(event, 5, GONE)
    told.call("leases4_committed", 7, LEASE)
    assert told.held() == [("01:82:db:87:cd:f5:c2", 0, 5), ("01:82:db:87:cd:f5:c2", 7, None)]


def test_a_client_that_gets_another_address_gives_its_first_back() -> None:
    told = Told()
    told.call("leases4_committed", 0, LEASE)
    old = {"DELETED_" + key: value for key, value in LEASE.items() if key.startswith("LEASES4_")}
    told.call("leases4_committed", 3, {**LEASE, **old, "LEASES4_AT0_ADDRESS": "100.64.0.11"})
    assert told.held() == [("01:82:db:87:cd:f5:c2", 0, 3)]
    assert told.held(address("100.64.0.11")) == [("01:82:db:87:cd:f5:c2", 3, None)]


def test_a_declined_address_is_nobody_s() -> None:
    told = Told()
    told.call("leases4_committed", 0, {**LEASE, **RELAYED})
    told.call("lease4_decline", 1, {**GONE, **RELAYED})
    declined = {"LEASES4_AT0_CLIENT_ID": "", "LEASES4_AT0_HWADDR": "", "LEASES4_AT0_STATE": "declined"}
    told.call("leases4_committed", 1, {**LEASE, **RELAYED, **declined})
    told.call("lease4_recover", 2, {**GONE, "LEASE4_CLIENT_ID": "", "LEASE4_HWADDR": ""})
    assert told.held() == [("ge-0/1", 0, 1)]


def test_the_next_client_ends_the_lease_of_one_that_was_not_given_back() -> None:
    told = Told()
    told.call("leases4_committed", 0, LEASE)
    told.call("leases4_committed", 4, {**LEASE, "LEASES4_AT0_CLIENT_ID": "01:02"})
    told.call("lease4_release", 5, GONE)  # of the first: too late to end what another holds
    assert told.held() == [("01:82:db:87:cd:f5:c2", 0, 4), ("01:02", 4, None)]


def test_a_client_that_moves_to_another_circuit_is_another_line() -> None:
    told = Told()
    told.call("leases4_committed", 0, {**LEASE, **RELAYED})
    elsewhere = {"QUERY4_OPTION_82_SUB_OPTION_1": "0x67652D302F32"}
    told.call("leases4_committed", 4, {**LEASE, **elsewhere})
    told.call("leases4_committed", 6, LEASE)
    assert told.held() == [("ge-0/1", 0, 4), ("ge-0/2", 4, None)]
    told.call("lease4_expire", 9, GONE)
    assert told.held() == [("ge-0/1", 0, 4), ("ge-0/2", 4, 9)]


def test_a_line_first_seen_in_a_renewal_gets_its_better_name_when_the_relay_tells_it() -> None:
    told = Told()
    told.call("leases4_committed", 0, LEASE)
    told.call("leases4_committed", 2, {**LEASE, **RELAYED})
    assert told.held() == [("01:82:db:87:cd:f5:c2", 0, 2), ("ge-0/1", 2, None)]


def test_the_same_call_told_twice_changes_nothing() -> None:
    told = Told()
    told.call("leases4_committed", 0, LEASE)
    told.call("leases4_committed", 0, LEASE)
    told.call("lease4_release", 5, GONE)
    told.call("leases4_committed", 0, LEASE)
    told.call("lease4_release", 5, GONE)
    assert told.held() == [("01:82:db:87:cd:f5:c2", 0, 5)]


def test_addresses_and_delegated_prefixes_of_ipv6() -> None:
    told = Told()
    told.call("leases6_committed", 0, TWO_OF_IPV6)
    told.call("leases6_committed", 1, TWO_OF_IPV6)
    duid = "00:03:00:01:02:aa:bb:cc:dd:01"
    assert told.held(address("2001:db8::100")) == [(duid, 0, None)]
    assert told.held(address("2001:db8:4000::/56")) == [(duid, 0, None)]
    gone = {key.replace("LEASES6_AT1_", "LEASE6_"): value for key, value in TWO_OF_IPV6.items()}
    told.call("lease6_release", 3, gone)
    assert told.held(address("2001:db8:4000::/56")) == [(duid, 0, 3)]
    assert told.held(address("2001:db8::100")) == [(duid, 0, None)]


@pytest.mark.parametrize(
    ("naming", "name"),
    [
        ((KeaNaming.CIRCUIT_ID,), "ge-0/1"),
        ((KeaNaming.REMOTE_ID,), "0x0004ff01"),
        ((KeaNaming.CLIENT_ID, KeaNaming.CIRCUIT_ID), "01:82:db:87:cd:f5:c2"),
        ((KeaNaming.HARDWARE,), "82:db:87:cd:f5:c2"),
    ],
)
def test_the_names_of_a_line(naming: tuple[KeaNaming, ...], name: str) -> None:
    reports = read_call("leases4_committed", NOON, {**LEASE, **RELAYED})
    assert [one.name for one in heard(reports, {}, naming)] == [name]


def test_both_families_of_one_client_are_one_line_by_its_hardware() -> None:
    naming = (KeaNaming.HARDWARE,)
    of_ipv4 = {**LEASE, "LEASES4_AT0_HWADDR": "02:AA:bb:cc:dd:01"}
    told = [
        *heard(read_call("leases4_committed", NOON, of_ipv4), {}, naming),
        *heard(read_call("leases6_committed", NOON, TWO_OF_IPV6), {}, naming),
    ]
    assert {one.name for one in told} == {"02:aa:bb:cc:dd:01"}
    assert len({one.login for one in told}) == 3


@pytest.mark.parametrize(
    ("event", "variables"),
    [
        ("leases4_committted", LEASE),
        ("lease5_release", GONE),
        ("subnet4_select", {}),
        ("leases4_committed", {**LEASE, "LEASES4_SIZE": "x"}),
        ("leases4_committed", {**LEASE, "LEASES4_SIZE": "-1"}),
        ("leases4_committed", {**LEASE, "LEASES4_SIZE": "1000000000"}),
        ("leases4_committed", {**LEASE, "LEASES4_AT0_ADDRESS": ""}),
        ("leases4_committed", {**LEASE, "LEASES4_AT0_ADDRESS": "100.64.0.256"}),
        ("leases6_committed", {**TWO_OF_IPV6, "LEASES6_AT1_PREFIX_LEN": "129"}),
        ("leases6_committed", {**TWO_OF_IPV6, "LEASES6_AT1_PREFIX_LEN": "-1"}),
        ("leases6_committed", {**TWO_OF_IPV6, "LEASES6_AT1_PREFIX_LEN": "32"}),
        ("leases6_committed", {**TWO_OF_IPV6, "LEASES6_AT1_PREFIX_LEN": "many"}),
        ("lease4_release", {**GONE, "LEASE4_ADDRESS": "here"}),
    ],
)
def test_what_cannot_be_is_told(event: str, variables: Mapping[str, str]) -> None:
    with pytest.raises(UnparsableReportError):
        read_call(event, NOON, variables)


def test_a_lease_that_nothing_names_is_told() -> None:
    with pytest.raises(UnparsableReportError, match="there is none of circuit-id"):
        heard(read_call("leases4_committed", NOON, LEASE), {}, (KeaNaming.CIRCUIT_ID,))


VARIABLES = sorted({*LEASE, *RELAYED, *GONE, *TWO_OF_IPV6})


@given(
    st.sampled_from(["leases4_committed", "leases6_committed", "lease4_expire", "lease6_release", "x"]),
    st.dictionaries(
        st.sampled_from(VARIABLES), st.text(max_size=20) | st.sampled_from(["1", "2", "::", "1.2.3.4"])
    ),
)
def test_whatever_the_hook_says_is_read_or_told(event: str, variables: dict[str, str]) -> None:
    try:
        heard(read_call(event, NOON, variables), {}, NAMING)
    except UnparsableReportError:
        return


CLIENTS = {
    client: {KeaNaming.HARDWARE: f"02:0{client}", **({KeaNaming.CIRCUIT_ID: circuit} if circuit else {})}
    for client, circuit in ((1, ""), (2, ""), (3, "port-3"))
}


@given(st.lists(st.tuples(st.sampled_from(sorted(CLIENTS)), st.booleans()), max_size=20))
def test_who_committed_last_holds_until_he_gives_back(calls: list[tuple[int, bool]]) -> None:
    told = Told()
    holder: int | None = None
    for minute, (client, is_held) in enumerate(calls):
        report = Report(after(minute), is_held, HOME, f"client {client}", CLIENTS[client])
        told.take([report], NAMING)
        holder = client if is_held else None if holder == client else holder
    now = [name for name, _, end in told.held() if end is None]
    assert now == ([] if holder is None else [CLIENTS[holder].get(KeaNaming.CIRCUIT_ID, f"02:0{holder}")])


def test_a_client_that_takes_and_gives_back_again_and_again_makes_no_login_grow() -> None:
    told = KeaLedger()
    for second in range(0, 200, 2):
        for at, is_held in ((second, True), (second + 1, False)):
            told.take([Report(after(at / 60), is_held, HOME, "client 1", CLIENTS[1])], [KeaNaming.HARDWARE])
    assert len(told.spans(HOME)) == 100
    assert {len(login.starts) for login in told.leases.logins.values()} == {1}
