"""Cases of the gate about limits: changed ones, refusal by reset, observing, exempt destinations."""

from __future__ import annotations

from sekisho.gate import abi
from sekisho.model import Mode
from tests.kernel.cases import SERVER, SERVER6, count, held, syn_frame
from tests.kernel.frames import (
    ACK,
    FIN,
    RST,
    SYN,
    VLAN,
    checksum,
    ethernet,
    ipv6,
    pseudo_header,
    segment,
    tcp,
)
from tests.kernel.session import Session
from tests.kernel.twin import Twin


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
