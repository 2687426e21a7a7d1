"""Cases of the gate about packets that come without a slot: answers, openings from outside, data."""

from __future__ import annotations

from sekisho.gate import abi
from tests.kernel.cases import count, held, sessions, syn_frame
from tests.kernel.frames import ACK, SYN
from tests.kernel.session import Session
from tests.kernel.twin import MS, SECOND, Twin


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
