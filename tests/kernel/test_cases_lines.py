"""Cases of the gate about lines: whose a packet is, how many fit, and to whom a slot is charged."""

from __future__ import annotations

import dataclasses

import pytest

from sekisho.gate import abi
from sekisho.gate.frames import Role
from sekisho.lines.roster import SUSPENDED_LIMIT
from sekisho.model import OWN_LIMIT_ARM, Address, KnownLine, Limit, Mode, Policy, RosterChange
from tests.kernel.cases import DYNAMIC, LINE, SERVER, SERVER6, count, sessions, syn_frame
from tests.kernel.conftest import OFFICE, example, packed
from tests.kernel.frames import ACK, FIN, RST, SYN, segment
from tests.kernel.session import Session
from tests.kernel.twin import SECOND, Twin, twin

APART = "dynamic", OWN_LIMIT_ARM


def test_01_flood_with_changing_ports_takes_cap_slots_and_leaves_others_alone(gate: Twin) -> None:
    answers = [gate.receive(syn_frame(port=port)).action for port in range(10_000, 10_500)]
    assert answers.count(abi.PASS) == 3
    assert sessions(gate) == 3
    assert count(gate, "refused") == 497
    assert len(gate.kernel_slots()) == 3
    assert gate.receive(syn_frame(line="100.64.0.2")).action == abi.PASS


def test_02_flood_over_more_lines_than_fit_is_refused_with_an_alarm() -> None:
    with twin(example(), lines=64, slots=64) as gate:
        for host in range(200):
            gate.receive(syn_frame(line=f"100.64.1.{host}"))
        assert count(gate, "admitted") == 64
        assert gate.kernel_totals()["lines_full"] == 136
        gate.compare()
        gate.check_invariants()


def test_02_flood_over_more_slots_than_fit_is_refused_with_an_alarm() -> None:
    with twin(example(), lines=64, slots=4) as gate:
        answers = [gate.receive(syn_frame(line=f"100.64.1.{host}")).action for host in range(10)]
        assert answers.count(abi.PASS) == 4
        assert gate.kernel_totals()["slots_full"] == 6
        gate.compare()
        gate.check_invariants()


def test_27_a_source_in_no_pool_follows_the_config(gate: Twin) -> None:
    frame = syn_frame(line="10.9.9.9")
    assert gate.receive(frame).action == abi.PASS
    gate.want(dataclasses.replace(example(), unknown_source=Policy.DROP))
    assert gate.receive(frame).action == abi.DROP
    assert gate.kernel_totals()["unknown_source"] == 2
    assert not gate.kernel_slots()


@pytest.mark.parametrize(
    ("address", "port", "line"),
    [
        # MAP-E, offset 4, 8 bits of port set: ports x340-x34f belong to set 0x34
        ("192.0.2.1", 0x1340, 3),
        ("192.0.2.1", 0xF34F, 3),
        ("192.0.2.1", 0x1350, 4),
        ("192.0.2.1", 0x133F, None),
        ("192.0.2.1", 0x1360, None),
        ("192.0.2.1", 0x0340, None),
        # blocks of 2,000 from 1,024
        ("192.0.2.2", 1023, None),
        ("192.0.2.2", 1024, 3),
        ("192.0.2.2", 3023, 3),
        ("192.0.2.2", 3024, 4),
        ("192.0.2.2", 5023, 4),
        ("192.0.2.2", 5024, 5),
        ("192.0.2.2", 7024, None),
    ],
)
def test_28_port_ranges_map_edges_and_neighbours_exactly(
    gate: Twin, address: str, port: int, line: int | None
) -> None:
    gate.receive(syn_frame(line=address, port=port))
    expected = set() if line is None else {abi.LINE_KNOWN | line}
    assert set(gate.kernel_sessions()) == expected


def test_29_one_line_with_ipv4_and_ipv6_prefixes_has_one_count(gate: Twin) -> None:
    assert gate.receive(syn_frame(line="100.64.50.1")).action == abi.PASS
    assert gate.receive(syn_frame(line="2001:db8:5000:ff::9", server=SERVER6)).action == abi.PASS
    assert gate.receive(syn_frame(line="2001:db8:6000:1::9", server=SERVER6)).action == abi.DROP
    assert gate.kernel_sessions() == {abi.LINE_KNOWN | OFFICE: 2}


def test_29_every_address_of_a_pools_line_prefix_is_one_line(gate: Twin) -> None:
    for n in range(4):
        gate.receive(syn_frame(line=f"2001:db8:4000:{n:x}::{n + 1:x}", server=SERVER6))
    gate.receive(syn_frame(line="2001:db8:4000:100::1", server=SERVER6))
    assert sorted(gate.kernel_sessions().values()) == [1, 3]


def test_35_a_slot_returns_to_the_line_that_was_charged(gate: Twin) -> None:
    session = Session(gate).open()
    moved = dataclasses.replace(
        example(),
        lines={**example().lines, 9: KnownLine("dynamic")},
        addresses={**example().addresses, Address(packed(LINE), 32): 9},
    )
    gate.want(moved)
    newcomer = Session(gate, port=41_000).open()
    assert session.say().action == abi.PASS
    assert gate.kernel_sessions() == {abi.LINE_IPV4 | 0x64400001: 1, abi.LINE_KNOWN | 9: 1}
    session.close()
    assert gate.kernel_sessions() == {abi.LINE_IPV4 | 0x64400001: 0, abi.LINE_KNOWN | 9: 1}
    newcomer.close()


def test_a_line_keeps_its_count_when_it_comes_back_with_other_addresses(gate: Twin) -> None:
    first = Session(gate, line="100.64.50.1").open()
    here, there = Address(packed("100.64.50.1"), 32), Address(packed("100.64.50.2"), 32)
    gate.change(RosterChange({}, {here: None, there: OFFICE}))
    again = Session(gate, line="100.64.50.2").open()
    assert gate.kernel_sessions() == {abi.LINE_KNOWN | OFFICE: 2}
    assert gate.receive(syn_frame(line="100.64.50.2", port=41_000)).action == abi.DROP
    first.close()
    assert gate.kernel_sessions() == {abi.LINE_KNOWN | OFFICE: 1}
    again.close()


def test_an_address_that_changes_hands_leaves_its_sessions_with_the_line_that_was_charged(gate: Twin) -> None:
    session = Session(gate, line="100.64.50.1").open()
    address = Address(packed("100.64.50.1"), 32)
    gate.change(RosterChange({9: KnownLine("dynamic"), OFFICE: None}, {address: 9}))
    newcomer = Session(gate, line="100.64.50.1", port=41_000).open()
    assert gate.kernel_sessions() == {abi.LINE_KNOWN | OFFICE: 1, abi.LINE_KNOWN | 9: 1}
    assert session.say().action == abi.PASS
    session.close()
    assert gate.kernel_sessions() == {abi.LINE_KNOWN | OFFICE: 0, abi.LINE_KNOWN | 9: 1}
    gate.change(RosterChange({9: None}, {address: None}))
    gate.receive(syn_frame(line="100.64.50.1", port=42_000))
    assert gate.kernel_sessions()[abi.LINE_IPV4 | 0x64403201] == 1
    newcomer.close()


def test_a_prefix_of_a_new_length_is_the_lines_at_once(gate: Twin) -> None:
    gate.change(RosterChange({9: KnownLine("dynamic")}, {Address(packed("2001:db8:4000:10::"), 60): 9}))
    gate.receive(syn_frame(line="2001:db8:4000:1f::1", server=SERVER6))
    gate.receive(syn_frame(line="2001:db8:4000:20::1", server=SERVER6))
    assert gate.kernel_sessions()[abi.LINE_KNOWN | 9] == 1
    assert len(gate.kernel_sessions()) == 2


def test_a_line_that_is_released_passes_beyond_the_cap_and_is_counted_apart_from_its_class(
    gate: Twin,
) -> None:
    released = KnownLine("dynamic", Limit(Mode.OBSERVE, cap=3, delay_ms=1000))
    gate.change(RosterChange({9: released}, {Address(packed(LINE), 32): 9}))
    answers = [gate.receive(syn_frame(port=port)) for port in range(40_000, 40_005)]
    assert [(answer.action, answer.mark) for answer in answers] == [(abi.PASS, 0)] * 5
    assert [count(gate, name, APART) for name in ("admitted", "over_cap", "held")] == [5, 2, 0]
    gate.change(RosterChange({9: KnownLine("dynamic")}))
    assert gate.receive(syn_frame(port=41_000)).action == abi.DROP
    assert (count(gate, "admitted"), count(gate, "refused")) == (0, 1)


def test_what_a_suspended_line_tries_is_counted_apart_and_told_nowhere(gate: Twin) -> None:
    Session(gate, line="100.64.0.2").open()
    before = gate.told().classes
    gate.change(RosterChange({9: KnownLine("dynamic", SUSPENDED_LIMIT)}, {Address(packed(LINE), 32): 9}))
    for port in range(40_000, 40_005):
        gate.receive(syn_frame(port=port))
    assert count(gate, "refused", APART) == 5
    assert gate.told().classes == before
    gate.turn()
    assert gate.peaks.counted().keys() == before.keys()


def test_a_session_ends_where_it_began_whatever_limit_its_line_has_meanwhile(gate: Twin) -> None:
    gate.change(RosterChange({9: KnownLine("dynamic")}, {Address(packed(LINE), 32): 9}))
    before = Session(gate).open()
    gate.change(RosterChange({9: KnownLine("dynamic", Limit(Mode.ENFORCE, cap=2, delay_ms=1000))}))
    own = Session(gate, port=41_000).open()
    gate.change(RosterChange({9: KnownLine("dynamic")}))
    for session in (before, own):
        session.close()
    for where in (DYNAMIC, APART):
        assert (count(gate, "admitted", where), count(gate, "closed_fin", where)) == (1, 1)
    assert gate.kernel_sessions() == {abi.LINE_KNOWN | 9: 0}


def test_a_lines_own_delay_is_held_in_its_own_bank(gate: Twin) -> None:
    slow = KnownLine("dynamic", Limit(Mode.ENFORCE, cap=3, delay_ms=3000))
    gate.change(RosterChange({9: slow}, {Address(packed(LINE), 32): 9}))
    marks = {gate.receive(syn_frame(line=line)).mark for line in (LINE, "100.64.0.2")}
    assert len(marks) == 2


def test_sessions_to_another_lines_server_are_seen_both_ways_on_the_subscribers_side(gate: Twin) -> None:
    session = Session(gate, server="100.64.7.7")
    session.syn()
    gate.tick(1 * SECOND)
    ends = (session.server, session.line, (25, session.port))
    for flags, ack in ((SYN | ACK, session.next), (FIN | ACK, session.next)):
        answer = segment(*ends, flags, seq=session.server_isn + (flags & FIN), ack=ack)
        assert gate.receive(answer, Role.SUBSCRIBER).action == abi.PASS
        session.ack()
    session.server_next += 1
    session.fin()
    last = segment(*ends, ACK, seq=session.server_next, ack=session.next)
    assert gate.receive(last, Role.SUBSCRIBER).action == abi.PASS
    assert not session.live()


def test_a_lines_own_server_answers_strangers_freely(gate: Twin) -> None:
    answer = segment(LINE, "192.0.2.200", (25, 50_000), SYN | ACK, seq=1, ack=2)
    assert gate.receive(answer, Role.SUBSCRIBER).action == abi.PASS
    assert not gate.kernel_totals()["unknown_source"]


def test_mapped_addresses_in_ipv6_do_not_speak_for_an_ipv4_session(gate: Twin) -> None:
    session = Session(gate).open()
    gate.receive(segment(f"::ffff:{LINE}", f"::ffff:{SERVER}", (session.port, 25), RST, seq=session.next))
    assert session.live()


def test_pools_give_the_most_specific_class_and_its_arm(gate: Twin) -> None:
    gate.receive(syn_frame(line="100.64.99.7"))
    assert count(gate, "admitted", ("observed", 1)) == 1
