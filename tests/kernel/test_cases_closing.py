"""Cases of the gate about when a slot is free again: FIN, RST, silence, and what only looks like an end."""

from __future__ import annotations

import dataclasses

from sekisho.gate import abi
from sekisho.gate.frames import Role
from sekisho.model import View
from tests.kernel.cases import LINE, SERVER, count, held, sessions
from tests.kernel.conftest import example
from tests.kernel.frames import ACK, FIN, RST, ethernet, ipv4, segment, tcp
from tests.kernel.session import Session
from tests.kernel.twin import MS, SECOND, Twin, twin


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


def test_36_icmp_that_quotes_a_session_passes_and_changes_nothing(gate: Twin) -> None:
    session = Session(gate).open()
    quoted = ipv4(LINE, SERVER, tcp(LINE, SERVER, (session.port, 25), ACK)[:8])
    unreachable = bytes([3, 1, 0, 0, 0, 0, 0, 0]) + quoted
    frame = ethernet(ipv4("198.51.100.1", LINE, unreachable, protocol=1))
    assert gate.receive(frame, Role.UPLINK).action == abi.PASS
    assert session.live()


def test_38_sequence_numbers_wrap(gate: Twin) -> None:
    session = Session(gate, isn=2**32 - 2, server_isn=2**32 - 3)
    session.open()
    session.say()
    session.hear()
    session.ack()
    assert session.live()
    session.close()
    assert not session.live()
