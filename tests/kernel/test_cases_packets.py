"""Cases of the gate about how a packet is read: flags, fragments, headers, encapsulations."""

from __future__ import annotations

import dataclasses

import pytest

from sekisho.gate import abi
from sekisho.model import Policy
from tests.kernel.cases import LINE, LINE6, SERVER, SERVER6, count, held, sessions
from tests.kernel.conftest import example, packed
from tests.kernel.frames import (
    ACK,
    CWR,
    ECE,
    FIN,
    PSH,
    RST,
    SYN,
    URG,
    VLAN,
    ethernet,
    ipv4,
    ipv6,
    segment,
    tcp,
)
from tests.kernel.session import Session
from tests.kernel.twin import SECOND, Twin


@pytest.mark.parametrize(
    "flags",
    [SYN | FIN, SYN | RST, 0, FIN | SYN | RST | PSH | ACK | URG, FIN, PSH, FIN | RST | ACK, SYN | FIN | ACK],
)
def test_19_illegal_flags_are_dropped_without_state(gate: Twin, flags: int) -> None:
    assert gate.receive(segment(LINE, SERVER, (40_000, 25), flags)).action == abi.DROP
    assert gate.receive(segment(LINE, SERVER, (40_000, 25), flags, payload=b"x" * 64)).action == abi.DROP
    assert not gate.kernel_slots()
    assert count(gate, "unjudgeable") == 2


MORE, OFFSET_1 = 0x2000, 0x0001


def test_20_ipv4_fragments_are_no_way_around(gate: Twin) -> None:
    whole = tcp(LINE, SERVER, (40_000, 25), SYN, payload=b"x" * 64)
    first = ethernet(ipv4(LINE, SERVER, whole[:40], fragment=MORE))
    tiny = ethernet(ipv4(LINE, SERVER, whole[:8], fragment=MORE))
    nearly_nothing = ethernet(ipv4(LINE, SERVER, whole[:2], fragment=MORE))
    rewriting = ethernet(ipv4(LINE, SERVER, whole[8:40], fragment=OFFSET_1))
    for frame in (first, tiny, nearly_nothing, rewriting):
        assert gate.receive(frame).action == abi.DROP
    assert not gate.kernel_slots()
    other_port = ethernet(
        ipv4(LINE, SERVER, tcp(LINE, SERVER, (40_000, 80), SYN, payload=b"x" * 64)[:40], fragment=MORE)
    )
    assert gate.receive(other_port).action == abi.PASS


def fragment_header(next_header: int, offset: int, more: bool) -> bytes:
    return bytes([next_header, 0, *(offset | more).to_bytes(2, "big"), 0, 0, 0, 7])


def test_21_ipv6_fragments_atomic_are_read_others_are_no_way_around(gate: Twin) -> None:
    whole = tcp(LINE6, SERVER6, (40_000, 25), SYN, payload=b"x" * 64)

    def sent(body: bytes) -> int:
        return gate.receive(ethernet(ipv6(LINE6, SERVER6, body, next_header=44))).action

    assert sent(fragment_header(6, 0, False) + whole) == abi.PASS  # atomic
    assert count(gate, "admitted") == 1
    assert sent(fragment_header(6, 0, True) + whole[:40]) == abi.DROP
    assert sent(fragment_header(6, 0, True) + whole[:8]) == abi.DROP
    assert sent(fragment_header(6, 8, True) + whole[8:40]) == abi.DROP
    assert sent(fragment_header(60, 0, True) + bytes([6, 0, 1, 4, 0, 0, 0, 0]) + whole[:40]) == abi.DROP
    assert len(gate.kernel_slots()) == 1


def test_22_ipv6_extension_headers_are_walked_up_to_a_bound(gate: Twin) -> None:
    whole = tcp(LINE6, SERVER6, (40_000, 25), SYN)
    padding = bytes([0, 1, 4, 0, 0, 0, 0])  # length 0, PadN

    def option(next_header: int) -> bytes:
        return bytes([next_header]) + padding

    authentication = bytes([6, 4, 0, 0]) + bytes(20)
    chain = option(43) + bytes([60, 0, 0, 0, 0, 0, 0, 0]) + option(51) + authentication
    assert gate.receive(ethernet(ipv6(LINE6, SERVER6, chain + whole, next_header=0))).action == abi.PASS
    assert count(gate, "admitted") == 1
    deep = option(60) * 9 + option(6) + whole
    assert gate.receive(ethernet(ipv6(LINE6, SERVER6, deep, next_header=60))).action == abi.DROP
    cut = ethernet(ipv6(LINE6, SERVER6, option(60) + b"\x06", next_header=60))
    assert gate.receive(cut).action == abi.DROP
    assert len(gate.kernel_slots()) == 1


def test_22_a_source_route_does_not_reach_an_exempt_destination(gate: Twin) -> None:
    exempt = "2001:db8:ffff::25"
    routed = bytes([6, 2, 0, 1, 0, 0, 0, 0]) + packed("2001:db8:f::25")
    whole = routed + tcp(LINE6, exempt, (40_000, 25), SYN)
    assert held(gate.receive(ethernet(ipv6(LINE6, exempt, whole, next_header=43))))


def test_23_ipv4_options_and_wrong_lengths(gate: Twin) -> None:
    body = tcp(LINE, SERVER, (40_000, 25), SYN)
    assert gate.receive(ethernet(ipv4(LINE, SERVER, body, options=b"\x01" * 8))).action == abi.PASS
    assert count(gate, "admitted") == 1
    wrong = [
        ipv4(LINE, SERVER, body, total=500),
        ipv4(LINE, SERVER, body, total=19),
        ipv4(LINE, SERVER, body, total=30),
        ipv4(LINE, SERVER, body, first_byte=0x44),
        ipv4(LINE, SERVER, body, first_byte=0x4F),
        ipv4(LINE, SERVER, body, first_byte=0x55),
        ipv4(LINE, SERVER, tcp(LINE, SERVER, (40_000, 25), SYN, data_offset=4)),
        ipv4(LINE, SERVER, tcp(LINE, SERVER, (40_000, 25), SYN, data_offset=15)),
        ipv4(LINE, SERVER, body[:12]),
    ]
    for packet in wrong:
        assert gate.receive(ethernet(packet, kind=0x0800)).action == abi.DROP, packet.hex()
    assert len(gate.kernel_slots()) == 1


QINQ = bytes.fromhex("88a80001") + VLAN
PPPOE = bytes.fromhex("8864 1100 0001 0036".replace(" ", ""))
MPLS = bytes.fromhex("8847 00064 0 40 00065 1 40".replace(" ", ""))
ENCAPSULATIONS = {
    "none": (b"", True),
    "vlan": (VLAN + b"\x08\x00", True),
    "qinq": (QINQ + b"\x08\x00", False),
    "pppoe": (PPPOE + b"\x00\x21", True),
    "pppoe, protocol of one byte": (PPPOE + b"\x21", False),
    "vlan pppoe": (VLAN + PPPOE + b"\x00\x21", False),
    "mpls": (MPLS, False),
}


@pytest.mark.parametrize("name", ENCAPSULATIONS)
def test_24_same_line_and_count_behind_any_encapsulation(gate: Twin, name: str) -> None:
    tags, queueable = ENCAPSULATIONS[name]
    frame = ethernet(ipv4(LINE, SERVER, tcp(LINE, SERVER, (40_000, 25), SYN, seq=9)), tags=tags)
    answer = gate.receive(frame)
    assert sessions(gate) == 1
    # What netfilter cannot see inside of is held by its own retransmission.
    assert answer.action == (abi.PASS if queueable else abi.DROP)
    assert held(answer) is queueable
    gate.tick(1 * SECOND)
    assert gate.receive(frame).action == abi.PASS
    plain = Session(gate, isn=9)
    assert plain.syn().action == abi.PASS
    assert sessions(gate) == 1


def test_24_unknown_ethertypes_follow_the_config(gate: Twin) -> None:
    odd = ethernet(bytes(64), kind=0x88B5)
    arp = ethernet(bytes(64), kind=0x0806)
    assert gate.receive(odd).action == abi.PASS
    gate.want(dataclasses.replace(example(), unknown_ethertype=Policy.DROP))
    assert gate.receive(odd).action == abi.DROP
    assert gate.receive(arp).action == abi.PASS
    assert gate.kernel_totals()["unknown_ethertype"] == 2


def test_26_unknown_options_and_ecn_pass_byte_for_byte(gate: Twin) -> None:
    frame = segment(LINE, SERVER, (40_000, 25), SYN | ECE | CWR, options=bytes([254, 4, 1, 2, 1, 1, 1, 1]))
    answer = gate.receive(frame)
    assert answer.action == abi.PASS
    assert answer.frame == frame


def test_other_traffic_passes_untouched(gate: Twin) -> None:
    frames = [
        segment(LINE, SERVER, (25, 80), SYN),
        segment(LINE, SERVER, (40_000, 587), SYN),
        ethernet(ipv4(LINE, SERVER, bytes(8), protocol=17)),
        ethernet(ipv6(LINE6, SERVER6, bytes(8), next_header=58)),
        ethernet(ipv6(LINE6, SERVER6, bytes(40), next_header=50)),
        ethernet(ipv4(LINE, SERVER, tcp(LINE, SERVER, (1, 80), FIN | SYN), options=bytes(4))),
    ]
    assert {gate.receive(frame).action for frame in frames} == {abi.PASS}
    assert not gate.kernel_counters()
