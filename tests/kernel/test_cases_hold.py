"""Cases of the gate about the delay: retransmissions, new sequence numbers, and a hold that is lost."""

from __future__ import annotations

import dataclasses

from sekisho.gate import abi
from tests.kernel.cases import count, held, sessions, syn_frame
from tests.kernel.conftest import example
from tests.kernel.frames import ACK
from tests.kernel.session import Session
from tests.kernel.twin import MS, SECOND, Twin, twin


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
