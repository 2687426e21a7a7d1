"""What a hostile or unlucky line may try, and what is right: the cases of the gate by number.

Each runs on the real kernel program and on the reference model at once (`twin.py`); both must
answer alike, and at the end their slots, counts and counters are compared. 31 to 34 and 38 need
the daemon or the attached program too: their other half is in tests/system/test_cases_*.py.
"""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

import pytest

from sekisho.gate import abi, bpf, libbpf, tables
from sekisho.gate.frames import Role
from sekisho.model import Address, KnownLine, Mode, Policy, Timeouts, View
from tests.kernel.conftest import OFFICE, example, packed
from tests.kernel.frames import (
    ACK,
    CWR,
    ECE,
    FIN,
    PSH,
    RST,
    SYN,
    URG,
    checksum,
    ethernet,
    ipv4,
    ipv6,
    pseudo_header,
    segment,
    tcp,
)
from tests.kernel.session import Session
from tests.kernel.twin import MS, OBJECT, PROGRAMS, SECOND, Answer, Twin, apply, twin
from tests.system.waiting import until

LINE, SERVER = "100.64.0.1", "198.51.100.25"
LINE6, SERVER6 = "2001:db8:4000::1", "2001:db8:f::25"
DYNAMIC = ("dynamic", 0)


def held(answer: Answer) -> bool:
    return answer.action == abi.PASS and answer.mark & 0xF0000000 == abi.HOLD_MARK


def count(gate: Twin, name: str, who: tuple[str, int] = DYNAMIC) -> int:
    return gate.kernel_counters()[(*who, name)]


def sessions(gate: Twin, line: int = abi.LINE_IPV4 | 0x64400001) -> int:
    return gate.kernel_sessions().get(line, 0)


def syn_frame(
    line: str = LINE, port: int = 40_000, server: str = SERVER, seq: int = 1, **fields: object
) -> bytes:
    return segment(line, server, (port, 25), SYN, seq=seq, **fields)


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


def test_03_cap_plus_one_at_once_on_several_cpus_admits_exactly_cap() -> None:
    workers, rounds = 4, 200
    with twin(example()) as gate:
        program = gate._loaded.programs[PROGRAMS[Role.SUBSCRIBER]]
        barrier = Barrier(workers)

        def send(worker: int) -> int:
            admitted = 0
            for turn in range(rounds):
                frame = syn_frame(line=f"100.64.2.{turn}", port=20_000 + worker)
                barrier.wait()
                admitted += bpf.run_packet(program, frame).retval == abi.PASS
            return admitted

        with ThreadPoolExecutor(workers) as pool:
            admitted = sum(pool.map(send, range(workers)))
        assert admitted == 3 * rounds
        assert set(gate.kernel_sessions().values()) == {3}
        gate.check_invariants()


def test_04_retransmission_during_the_hold_is_dropped_and_counted_once(gate: Twin) -> None:
    session = Session(gate)
    assert held(session.syn())
    gate.tick(500 * MS)
    assert session.syn().action == abi.DROP
    assert sessions(gate) == 1
    assert count(gate, "attempted") == count(gate, "held") == count(gate, "retransmissions_dropped") == 1


def test_05_retransmission_after_release_passes_at_once(gate: Twin) -> None:
    session = Session(gate)
    session.syn()
    gate.tick(1000 * MS)
    answer = session.syn()
    assert answer.action == abi.PASS
    assert not held(answer)
    assert sessions(gate) == 1


def test_06_new_sequence_while_held_replaces_and_restarts_the_delay(gate: Twin) -> None:
    session = Session(gate)
    session.syn()
    gate.tick(900 * MS)
    session.isn = 77_777
    assert session.syn().action == abi.DROP  # the queue holds one SYN of a slot: this one's copy will pass
    gate.tick(900 * MS)
    assert session.syn().action == abi.DROP
    gate.tick(100 * MS)
    assert session.syn().action == abi.PASS
    assert sessions(gate) == 1


def test_06_changing_sequences_do_not_fill_the_queue(gate: Twin) -> None:
    live = Session(gate, port=41_000).open()
    for session in (Session(gate), live):
        answers = []
        for turn in range(100):
            session.isn = 1_000_000 * turn + 7
            answers.append(session.syn())
        assert [held(answer) for answer in answers] == [True] + [False] * 99
        assert {answer.action for answer in answers[1:]} == {abi.DROP}


def test_07_syn_on_a_live_session_counts_once_and_is_held_like_any(gate: Twin) -> None:
    session = Session(gate).open()
    session.say()
    reborn = dataclasses.replace(session, isn=5_000_000)
    assert held(reborn.syn())
    assert sessions(gate) == 1
    assert session.rst().action == abi.DROP  # nothing it could answer has come yet
    gate.tick(1 * SECOND)
    challenge = session.back(ACK, payload=b"")
    assert challenge.action == abi.PASS
    assert session.live()
    assert session.rst().action == abi.PASS  # the reborn line answers the challenge
    assert not session.live()


def test_07_syn_on_a_live_session_may_become_a_new_session(gate: Twin) -> None:
    session = Session(gate).open()
    reborn = Session(gate, isn=5_000_000, server_isn=6_000_000)
    reborn.syn()
    assert reborn.syn_ack().action == abi.DROP  # before its delay nothing answers it
    gate.tick(1 * SECOND)
    assert reborn.syn_ack().action == abi.PASS
    reborn.ack()
    reborn.close()
    assert not session.live()


def test_07_the_sessions_own_syn_again_is_held_once_the_line_has_spoken(gate: Twin) -> None:
    session = Session(gate)
    session.syn()
    gate.tick(1 * SECOND)
    session.syn_ack()
    assert session.syn().action == abi.PASS  # the answer was lost behind the gate
    assert not held(session.syn())
    session.ack()
    assert held(session.syn())


def test_07_numbers_beyond_any_window_do_not_hide_a_reset(gate: Twin) -> None:
    session = Session(gate).open()
    for ahead in (2**31 - 1, 2**32 - 2, 2**30 + 1):
        session.out(ACK, seq=session.next + ahead)
    session.say()
    assert session.rst().action == abi.PASS
    assert not session.live()


def test_08_many_sessions_cannot_share_a_slot_by_resets(gate: Twin) -> None:
    running = [Session(gate, port=41_000 + n) for n in range(10)]
    for session in running:
        session.open()
        session.rst()  # with a TTL too low to arrive
    assert sessions(gate) == 0
    gate.tick(10 * SECOND)
    gate.sweep()
    passed = 0
    for session in running:
        passed += session.say().action == abi.PASS
        session.rst()
    assert passed == sessions(gate) == 3
    gate.tick(gate.model.wanted.timeouts.half_closed_ms * MS)
    gate.sweep()
    assert sessions(gate) == 0


def test_08_a_new_syn_makes_no_adopted_session_free_to_reset(gate: Twin) -> None:
    running = [Session(gate, port=41_000 + n) for n in range(10)]
    for turn, session in enumerate(running):
        session.say()
        session.hear()
        session.isn = 1_000_000 * turn
        marked = held(session.syn())
        assert session.rst().action == abi.DROP
        assert marked == (turn < 3)
    assert sessions(gate) == 3


def test_08_a_line_cannot_play_its_own_server(gate: Twin) -> None:
    session = Session(gate).open()
    forged = segment(session.server, session.line, (25, session.port), RST, seq=session.server_next)
    assert gate.receive(forged, Role.SUBSCRIBER).action == abi.PASS
    assert session.live()


def test_08_the_server_may_still_speak_while_the_slot_lingers(gate: Twin) -> None:
    session = Session(gate).open()
    session.rst()
    assert session.hear().action == abi.PASS
    assert session.live()


def test_08_reset_that_never_arrives_buys_nothing(gate: Twin) -> None:
    session = Session(gate).open()
    others = [Session(gate, port=41_000 + n).open() for n in range(2)]
    session.rst()
    assert not session.live()
    newcomer = Session(gate, port=42_000)
    newcomer.syn()  # takes the slot that came free
    assert session.say().action == abi.DROP
    others[0].rst()
    assert session.say().action == abi.PASS  # by taking a slot like any other
    assert session.live()
    assert sessions(gate) == 3


def test_09_wrong_checksum_never_passes_uncounted(gate: Twin) -> None:
    session = Session(gate).open()
    broken = bytearray(segment(LINE, SERVER, (session.port, 25), RST, seq=session.next))
    broken[-4] ^= 0xFF  # checksum
    gate.receive(bytes(broken))
    assert session.say().action == abi.PASS
    assert session.live()
    assert sessions(gate) == 1


def test_10_fin_then_more_data_stays_counted_for_a_bounded_time(gate: Twin) -> None:
    session = Session(gate).open()
    session.fin()
    assert session.say().action == abi.PASS
    assert session.live()
    gate.tick(gate.model.wanted.timeouts.half_closed_ms * MS - 1)
    gate.sweep()
    assert session.live()
    gate.tick(1)
    gate.sweep()
    assert not session.live()
    assert count(gate, "closed_time") == 1


def test_10_the_servers_repeated_fin_does_not_prolong_its_half(gate: Twin) -> None:
    session = Session(gate).open()
    session.server_fin()
    for _ in range(4):
        gate.tick(gate.model.wanted.timeouts.half_closed_ms * MS // 4)
        session.back(FIN | ACK, seq=session.server_next - 1)
    gate.sweep()
    assert not session.live()


def test_10_acknowledgements_do_not_prolong_a_half_closed_session(gate: Twin) -> None:
    session = Session(gate).open()
    session.fin()
    for _ in range(4):
        gate.tick(gate.model.wanted.timeouts.half_closed_ms * MS // 4)
        session.back(ACK)
    gate.sweep()
    assert not session.live()


def test_10_both_fins_acknowledged_free_the_slot(gate: Twin) -> None:
    session = Session(gate).open()
    session.fin()
    session.server_fin()
    assert session.live()  # the server's FIN is not acknowledged yet
    session.ack()
    assert not session.live()
    assert count(gate, "closed_fin") == 1


def test_11_reset_toward_the_line_with_a_wrong_sequence_changes_nothing(gate: Twin) -> None:
    session = Session(gate).open()
    session.hear()
    for wrong in (session.server_isn, session.server_next + 1, session.server_next + 2**31, 0):
        assert session.server_rst(seq=wrong).action == abi.PASS
        assert session.live()
    assert session.server_rst().action == abi.PASS
    assert not session.live()


def test_11_guesses_from_outside_do_not_widen_what_a_reset_may_be(gate: Twin) -> None:
    session = Session(gate).open()
    session.hear()
    session.ack()
    session.back(ACK, seq=session.server_next + 2**30, payload=b"x")
    session.back(FIN | ACK, seq=session.server_next + 2**25)
    session.server_rst(seq=session.server_next + 12_345_678)
    assert session.live()
    gate.tick(gate.model.wanted.timeouts.half_closed_ms * MS)
    gate.sweep()
    assert session.live()


def test_12_the_servers_refusal_frees_the_slot_at_once(gate: Twin) -> None:
    session = Session(gate)
    session.syn()
    gate.tick(1 * SECOND)
    session.back(RST | ACK, seq=0, ack=session.next + 5)  # a wrong acknowledgement
    assert session.live()
    session.back(RST, seq=0)
    assert session.live()
    session.back(RST | ACK, seq=0, ack=session.next)
    assert not session.live()


def test_13_silent_session_is_counted_until_the_idle_limit_drops_it(gate: Twin) -> None:
    session = Session(gate).open()
    gate.tick(gate.model.wanted.timeouts.idle_ms * MS - 1)
    gate.sweep()
    assert session.live()
    gate.tick(1)
    gate.sweep()
    assert not session.live()
    assert session.ack().action == abi.DROP


def test_14_keepalives_keep_the_slot(gate: Twin) -> None:
    session = Session(gate).open()
    for _ in range(5):
        gate.tick(gate.model.wanted.timeouts.idle_ms * MS // 2)
        assert session.out(ACK, seq=session.next - 1).action == abi.PASS
        assert session.back(ACK).action == abi.PASS
        gate.sweep()
    assert session.live()


def test_15_dead_server_frees_the_slot_a_bounded_time_after_the_last_syn(gate: Twin) -> None:
    session = Session(gate)
    session.syn()
    gate.tick(3 * SECOND)
    session.syn()
    gate.tick(gate.model.wanted.timeouts.syn_ms * MS - 1)
    gate.sweep()
    assert session.live()
    gate.tick(1)
    gate.sweep()
    assert not session.live()
    assert sessions(gate) == 0


def test_15_a_stray_acknowledgement_before_the_answer_spoils_nothing(gate: Twin) -> None:
    session = Session(gate)
    session.syn()
    gate.tick(1 * SECOND)
    session.out(ACK, seq=5, ack=123_456)
    session.syn_ack()
    session.ack()
    session.close()
    assert not session.live()


def test_16_syn_ack_from_the_line_without_a_slot_is_dropped(gate: Twin) -> None:
    assert Session(gate).out(SYN | ACK, payload=b"").action == abi.DROP
    assert Session(gate).out(SYN | ACK, payload=b"data").action == abi.DROP
    assert not gate.kernel_slots()


def test_17_simultaneous_open_needs_a_waiting_slot(gate: Twin) -> None:
    session = Session(gate)
    assert session.back(SYN, seq=session.server_isn).action == abi.DROP
    session.syn()
    assert session.back(SYN, seq=session.server_isn).action == abi.DROP  # still held
    gate.tick(1 * SECOND)
    assert session.back(SYN, seq=session.server_isn).action == abi.PASS
    assert session.out(SYN | ACK, seq=session.isn).action == abi.PASS
    assert sessions(gate) == 1


def test_18_data_without_a_slot_is_adopted_while_the_line_has_room(gate: Twin) -> None:
    strays = [Session(gate, port=41_000 + n) for n in range(4)]
    assert [stray.say().action for stray in strays] == [abi.PASS] * 3 + [abi.DROP]
    assert not held(strays[0].say())
    assert count(gate, "adopted") == 3


def test_18_data_from_outside_is_adopted_only_while_learning(gate: Twin) -> None:
    assert Session(gate).hear().action == abi.DROP
    gate.learn(60 * SECOND)
    assert Session(gate).hear().action == abi.PASS
    assert sessions(gate) == 1


def test_18_a_line_that_nobody_answers_keeps_no_adopted_slots(gate: Twin) -> None:
    strays = [Session(gate, port=41_000 + n) for n in range(3)]
    for session in strays:
        session.say()
    gate.tick(gate.model.wanted.timeouts.syn_ms * MS)
    gate.sweep()
    assert sessions(gate) == 0


def test_18_a_stranger_who_goes_on_talking_occupies_no_line_for_longer(gate: Twin) -> None:
    gate.learn(60 * SECOND)
    stranger = Session(gate)
    for _ in range(5):
        stranger.hear()
    gate.tick(gate.model.wanted.timeouts.syn_ms * MS)
    gate.sweep()
    assert sessions(gate) == 0


def test_18_after_an_orderly_end_the_server_takes_no_slot_again(gate: Twin) -> None:
    session = Session(gate).open()
    session.close()
    assert session.hear().action == abi.DROP
    assert sessions(gate) == 0


def test_18_forged_data_from_outside_occupies_no_line_for_long(gate: Twin) -> None:
    gate.learn(60 * SECOND)
    forged = [Session(gate, port=41_000 + n) for n in range(5)]
    assert {session.hear().action for session in forged} == {abi.PASS}
    assert forged[0].rst(seq=forged[0].next).action == abi.PASS  # the line knows of no such session
    assert sessions(gate) == 4
    gate.tick(gate.model.wanted.timeouts.syn_ms * MS)
    gate.sweep()
    assert sessions(gate) == 0


def test_18_a_session_heard_first_and_answered_is_kept(gate: Twin) -> None:
    gate.learn(1 * SECOND)
    session = Session(gate)
    session.hear()
    session.ack()
    gate.tick(gate.model.wanted.timeouts.syn_ms * MS)
    gate.sweep()
    assert session.live()


def test_18_learning_adopts_beyond_the_cap_and_then_stops(gate: Twin) -> None:
    gate.learn(60 * SECOND)
    running = [Session(gate, port=41_000 + n) for n in range(10)]
    assert {session.say().action for session in running} == {abi.PASS}
    assert {session.back(ACK).action for session in running} == {abi.PASS}
    assert gate.receive(syn_frame(port=50_000)).action == abi.DROP  # a new session meets the cap
    gate.tick(60 * SECOND)
    assert Session(gate, port=42_000).say().action == abi.DROP
    assert {session.say().action for session in running} == {abi.PASS}
    assert sessions(gate) == 10


def test_18_without_payload_only_the_last_acknowledgements_pass(gate: Twin) -> None:
    assert Session(gate).ack().action == abi.DROP
    session = Session(gate).open()
    session.close()
    assert session.ack().action == abi.PASS
    assert session.back(ACK).action == abi.PASS
    gate.tick(gate.model.wanted.timeouts.linger_ms * MS)
    assert session.ack().action == abi.DROP
    assert sessions(gate) == 0


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


VLAN = bytes.fromhex("81000064")
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


def test_25_fast_open_data_is_held_whole(gate: Twin) -> None:
    session = Session(gate)
    frame = syn_frame(seq=session.isn, payload=b"EHLO example.com\r\n")
    answer = gate.receive(frame)
    assert held(answer)
    assert answer.frame == frame
    gate.tick(1 * SECOND)
    session.next += 18
    session.syn_ack()
    session.ack()
    session.close()
    assert not session.live()


def test_26_unknown_options_and_ecn_pass_byte_for_byte(gate: Twin) -> None:
    frame = segment(LINE, SERVER, (40_000, 25), SYN | ECE | CWR, options=bytes([254, 4, 1, 2, 1, 1, 1, 1]))
    answer = gate.receive(frame)
    assert answer.action == abi.PASS
    assert answer.frame == frame


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


def test_30_half_view_frees_by_the_lines_own_closing_and_makes_no_black_hole() -> None:
    with twin(dataclasses.replace(example(), view=View.HALF)) as gate:
        sessions_seen = [Session(gate, port=41_000 + n) for n in range(3)]
        for session in sessions_seen:
            session.syn()
        gate.tick(1 * SECOND)
        for session in sessions_seen:
            assert session.ack().action == abi.PASS
            assert session.say().action == abi.PASS
        assert sessions_seen[0].fin().action == abi.PASS
        assert sessions_seen[0].ack().action == abi.PASS
        sessions_seen[1].rst(seq=12)
        gate.tick(gate.model.wanted.timeouts.idle_ms * MS)
        gate.sweep()
        assert sessions(gate) == 0
        assert count(gate, "closed_fin") == count(gate, "closed_rst") == count(gate, "closed_time") == 1
        gate.compare()
        gate.check_invariants()


def test_31_without_the_daemon_the_retransmission_carries_the_delay(gate: Twin) -> None:
    session = Session(gate)
    assert held(session.syn())  # queued, and lost with the daemon
    gate.tick(999 * MS)
    assert session.syn().action == abi.DROP
    gate.tick(1 * MS)
    assert session.syn().action == abi.PASS
    session.syn_ack()
    session.ack()
    assert session.live()


def test_32_a_syn_that_slips_past_a_lost_rule_is_not_answered_early(gate: Twin) -> None:
    session = Session(gate)
    session.syn()
    assert session.syn_ack().action == abi.DROP
    assert session.ack().action == abi.DROP
    gate.tick(1 * SECOND)
    assert session.syn_ack().action == abi.PASS


def test_33_without_a_queue_the_first_syn_is_dropped_and_its_copy_passes_in_time() -> None:
    with twin(example(), hold_by_queue=False) as gate:
        session = Session(gate)
        assert session.syn().action == abi.DROP
        gate.tick(500 * MS)
        assert session.syn().action == abi.DROP
        gate.tick(500 * MS)
        assert session.syn().action == abi.PASS
        assert count(gate, "held") == 1
        gate.compare()


def test_35_a_lowered_cap_cuts_nothing_and_admits_nothing_until_below(gate: Twin) -> None:
    running = [Session(gate, port=41_000 + n).open() for n in range(3)]
    gate.set_limit("dynamic", cap=1)
    assert {session.say().action for session in running} == {abi.PASS}
    assert gate.receive(syn_frame(port=50_000)).action == abi.DROP
    running[0].close()
    running[1].close()
    assert gate.receive(syn_frame(port=50_000)).action == abi.DROP
    running[2].close()
    assert gate.receive(syn_frame(port=50_000)).action == abi.PASS


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


def test_36_icmp_that_quotes_a_session_passes_and_changes_nothing(gate: Twin) -> None:
    session = Session(gate).open()
    quoted = ipv4(LINE, SERVER, tcp(LINE, SERVER, (session.port, 25), ACK)[:8])
    unreachable = bytes([3, 1, 0, 0, 0, 0, 0, 0]) + quoted
    frame = ethernet(ipv4("198.51.100.1", LINE, unreachable, protocol=1))
    assert gate.receive(frame, Role.UPLINK).action == abi.PASS
    assert session.live()


def test_37_sweeps_that_race_with_packets_leave_every_count_right() -> None:
    """The real clock and timeouts of a millisecond: slots end under the packets' hands."""
    loaded = libbpf.load(OBJECT, pin_dir=None, sizes={"lines": 64, "slots": 128}, programs=None)
    at_once = Timeouts(syn_ms=1, idle_ms=1, half_closed_ms=1, linger_ms=1)
    wanted = dataclasses.replace(example(), timeouts=at_once)
    installed = tables.encode(wanted, tables.EMPTY, hold_by_queue=True, learning_until_ns=0)
    apply(loaded, tables.diff(tables.EMPTY, installed))
    subscriber, sweep = (loaded.programs[name] for name in ("subscriber_eth", "sweep"))
    stopping = Event()

    def churn(worker: int) -> int:
        for turn in range(4000):
            ends = (f"100.65.0.{turn % 40}", SERVER, (30_000 + worker % 2, 25))
            bpf.run_packet(subscriber, segment(*ends, SYN, seq=1))
            last = (RST, b"") if turn % 3 else (ACK, b"x")
            bpf.run_packet(subscriber, segment(*ends, last[0], seq=2, ack=9, payload=last[1]))
        return 4000

    def keep_sweeping() -> int:
        turns = 0
        while not stopping.is_set():
            bpf.run_packet(sweep, bytes(64))
            turns += 1
        return turns

    def swept() -> bool:
        bpf.run_packet(sweep, bytes(64))
        return not bpf.read_all(loaded.maps["slots"])

    with ThreadPoolExecutor(4) as pool:
        sweeping = pool.submit(keep_sweeping)
        try:
            assert sum(pool.map(churn, range(3))) == 12_000
        finally:
            stopping.set()
        assert sweeping.result() > 10
    until(swept)
    assert not bpf.read_all(loaded.maps["lines"])
    loaded.close()


def test_38_sequence_numbers_wrap(gate: Twin) -> None:
    session = Session(gate, isn=2**32 - 2, server_isn=2**32 - 3)
    session.open()
    session.say()
    session.hear()
    session.ack()
    assert session.live()
    session.close()
    assert not session.live()


def test_refusal_by_reset_answers_the_syn_in_place(gate: Twin) -> None:
    line = "100.65.0.1"
    gate.receive(syn_frame(line=line, port=1))
    frame = syn_frame(line=line, port=2, seq=4_000_000_000, options=bytes([2, 4, 5, 180]))
    answer = gate.receive(frame)
    assert answer.action == abi.REPLY
    reset = answer.frame
    assert (reset[:6], reset[6:12]) == (frame[6:12], frame[:6])
    assert (reset[26:30], reset[30:34]) == (frame[30:34], frame[26:30])
    assert reset[34:38] == frame[36:38] + frame[34:36]
    assert int.from_bytes(reset[42:46], "big") == 4_000_000_001
    assert reset[47] == RST | ACK
    assert checksum(pseudo_header(SERVER, line, len(reset) - 34) + reset[34:]) == 0
    assert gate.kernel_totals()["resets_sent"] == 1


def test_refusal_by_reset_over_ipv6_and_vlan(gate: Twin) -> None:
    line = "2001:db8:8000::1"
    tags = VLAN + b"\x86\xdd"
    for port in (1, 2):
        body = ipv6(line, SERVER6, tcp(line, SERVER6, (port, 25), SYN, seq=7, payload=b"hello"))
        answer = gate.receive(ethernet(body, tags=tags))
    reset = answer.frame
    assert answer.action == abi.REPLY
    assert reset[12:18] == tags
    assert int.from_bytes(reset[18 + 40 + 8 : 18 + 40 + 12], "big") == 7 + 1 + 5
    assert checksum(pseudo_header(SERVER6, line, len(reset) - 58) + reset[58:]) == 0


def test_exempt_destinations_are_never_limited(gate: Twin) -> None:
    for port in range(10):
        answer = gate.receive(syn_frame(port=port, server="203.0.113.25"))
        assert answer.action == abi.PASS
        assert not held(answer)
    assert not gate.kernel_slots()
    assert gate.kernel_totals()["exempt"] == 10


def test_observing_counts_and_never_limits(gate: Twin) -> None:
    line = "100.66.0.1"
    answers = [gate.receive(syn_frame(line=line, port=port)) for port in range(1, 2001)]
    assert {answer.action for answer in answers} == {abi.PASS}
    assert not any(held(answer) for answer in answers)
    observed = ("observed", 0)
    assert count(gate, "admitted", observed) == abi.UNCAPPED_SLOTS
    assert count(gate, "over_cap", observed) == abi.UNCAPPED_SLOTS - 2
    assert count(gate, "untracked", observed) == 2000 - abi.UNCAPPED_SLOTS
    assert gate.receive(segment(line, SERVER, (9, 25), SYN | FIN)).action == abi.PASS
    assert Session(gate, line=line, port=2500).ack().action == abi.PASS


def test_switching_a_class_takes_effect_with_the_next_syn(gate: Twin) -> None:
    session = Session(gate)
    session.syn()
    gate.set_limit("dynamic", mode=Mode.OBSERVE)
    assert session.syn().action == abi.PASS  # what was held is held no longer
    assert gate.receive(syn_frame(port=50_000)).action == abi.PASS
    gate.set_limit("dynamic", mode=Mode.ENFORCE, delay_ms=2000)
    assert held(gate.receive(syn_frame(port=50_001)))


def test_pools_give_the_most_specific_class_and_its_arm(gate: Twin) -> None:
    gate.receive(syn_frame(line="100.64.99.7"))
    assert count(gate, "admitted", ("observed", 1)) == 1


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
