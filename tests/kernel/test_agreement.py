"""Random packet sequences on the kernel program and the reference model: they agree on everything.

A few lines, ports and servers, so that packets meet: handshakes in and out of order, retransmissions,
data, FINs and RSTs with right and wrong numbers, junk flags, fragments, time, sweeps and changed limits.
After every step verdict and mark are equal (twin.py); after each run slots, counts and counters too, live
slots of a line equal its count, and no count exceeds what its limit allows.
"""

from __future__ import annotations

import dataclasses
import os
from contextlib import ExitStack

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from sekisho.gate import abi
from sekisho.gate.frames import Role
from sekisho.gate.slots import State
from sekisho.model import Excess, Limit, Mode, View
from tests.kernel.conftest import example
from tests.kernel.frames import ACK, FIN, PSH, RST, SYN, ethernet, ipv4, ipv6, segment, tcp
from tests.kernel.session import Session
from tests.kernel.twin import MS, Twin, twin

LINES = ("100.64.0.1", "100.64.0.2", "100.65.0.1", "100.66.0.1", "100.64.50.1", "10.9.9.9", "192.0.2.2")
LINES6 = (
    "2001:db8:4000::1",
    "2001:db8:4000:1::2",
    "2001:db8:8000::1",
    "2001:db8:5000::1",
    "::ffff:100.64.0.1",
)
PORTS = (1024, 3024, 40_000)
SEQUENCES = (0, 1, 1_000, 1_001, 5_000, 2**31, 2**32 - 1)

lines = st.sampled_from(LINES + LINES6)
ports = st.sampled_from(PORTS)
legal = st.sampled_from((SYN, SYN | ACK, ACK, ACK | PSH, FIN | ACK, RST, RST | ACK))
any_flags = st.one_of(legal, st.integers(0, 63))
sequences = st.one_of(st.sampled_from(SEQUENCES), st.integers(0, 2**32 - 1))
payloads = st.sampled_from((b"", b"", b"x", b"EHLO example.com\r\n", bytes(1400)))
roles = st.sampled_from((Role.SUBSCRIBER, Role.UPLINK, Role.STEERED))
limits = st.builds(
    Limit,
    mode=st.sampled_from(Mode),
    cap=st.sampled_from((0, 1, 2, 3, 2000)),
    delay_ms=st.sampled_from((0, 1000, 2000)),
    excess=st.sampled_from(Excess),
)


def server_of(line: str, exempt: bool) -> str:
    if ":" in line:
        return "2001:db8:ffff::25" if exempt else "2001:db8:f::25"
    return "203.0.113.25" if exempt else "198.51.100.25"


class Agreement(RuleBasedStateMachine):
    """Every rule sends frames to both, or lets time pass on both."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.gate: Twin = self._stack.enter_context(twin(example(), lines=8, slots=12))
        self.sessions: dict[tuple[str, int], Session] = {}

    @initialize(half=st.booleans(), learning=st.booleans())
    def begin(self, half: bool, learning: bool) -> None:
        if half:
            self.gate.want(dataclasses.replace(example(), view=View.HALF))
        if learning:
            self.gate.learn(2500 * MS)

    def _session(self, line: str, port: int) -> Session:
        fresh = Session(self.gate, line=line, port=port, server=server_of(line, exempt=False))
        return self.sessions.setdefault((line, port), fresh)

    @rule(line=lines, port=ports, isn=st.sampled_from((1_000, 2**32 - 1)))
    def syn(self, line: str, port: int, isn: int) -> None:
        session = Session(self.gate, line=line, port=port, server=server_of(line, exempt=False), isn=isn)
        self.sessions[line, port] = session
        session.syn()

    @precondition(lambda self: self.sessions)
    @rule(
        data=st.data(),
        step=st.sampled_from(
            ("syn", "syn_ack", "ack", "say", "hear", "fin", "server_fin", "rst", "server_rst")
        ),
    )
    def continue_session(self, data: st.DataObject, step: str) -> None:
        key = data.draw(st.sampled_from(sorted(self.sessions)))
        getattr(self.sessions[key], step)()

    @rule(line=lines, port=ports, payload=payloads)
    def refused_by_server(self, line: str, port: int, payload: bytes) -> None:
        session = self._session(line, port)
        session.back(RST | ACK, seq=0, ack=session.next, payload=payload)

    @rule(
        line=lines,
        port=ports,
        flags=any_flags,
        seq=sequences,
        ack=sequences,
        payload=payloads,
        role=roles,
        inward=st.booleans(),
        exempt=st.booleans(),
    )
    def junk(
        self,
        line: str,
        port: int,
        flags: int,
        seq: int,
        ack: int,
        payload: bytes,
        role: Role,
        inward: bool,
        exempt: bool,
    ) -> None:
        server = server_of(line, exempt)
        ends = (server, line, (25, port)) if inward else (line, server, (port, 25))
        self.gate.receive(segment(*ends, flags, seq=seq, ack=ack, payload=payload), role)

    @rule(
        line=st.sampled_from(LINES),
        cut=st.integers(0, 60),
        fragment=st.sampled_from((0, 0x2000, 1, 0x2001, 2)),
        role=roles,
    )
    def ipv4_piece(self, line: str, cut: int, fragment: int, role: Role) -> None:
        server = server_of(line, exempt=False)
        body = tcp(line, server, (PORTS[0], 25), SYN, payload=bytes(40))[:cut]
        self.gate.receive(ethernet(ipv4(line, server, body, fragment=fragment)), role)

    @rule(
        line=st.sampled_from(LINES6),
        chain=st.lists(st.sampled_from((0, 43, 44, 51, 60, 135)), max_size=10),
        left=st.integers(0, 1),
        role=roles,
    )
    def ipv6_chain(self, line: str, chain: list[int], left: int, role: Role) -> None:
        server = server_of(line, exempt=bool(left))
        body = tcp(line, server, (PORTS[1], 25), SYN, seq=1_000)
        upper = 6
        for header in reversed(chain):
            fields = (
                bytes([upper, 4, 0, 0]) + bytes(20)
                if header == 51
                else bytes([upper, 0, 0, left * (header == 43)]) + bytes(4)
            )
            body, upper = fields + body, header
        self.gate.receive(ethernet(ipv6(line, server, body, next_header=upper)), role)

    @rule(line=st.sampled_from(LINES), position=st.integers(14, 60), value=st.integers(0, 255), role=roles)
    def damaged(self, line: str, position: int, value: int, role: Role) -> None:
        frame = bytearray(
            segment(line, server_of(line, exempt=False), (PORTS[2], 25), SYN, payload=bytes(20))
        )
        frame[position] = value
        self.gate.receive(bytes(frame), role)

    @rule(milliseconds=st.sampled_from((0, 1, 500, 999, 1000, 5000, 30_000, 120_000, 900_000)))
    def wait(self, milliseconds: int) -> None:
        self.gate.tick(milliseconds * MS)

    @rule()
    def sweep(self) -> None:
        self.gate.sweep()

    @rule()
    def turn(self) -> None:
        self.gate.turn()

    @rule(name=st.sampled_from(("dynamic", "reset", "observed")), limit=limits)
    def change_limit(self, name: str, limit: Limit) -> None:
        self.gate.set_limit(name, **{f.name: getattr(limit, f.name) for f in dataclasses.fields(limit)})

    @invariant()
    def counts_are_slots(self) -> None:
        model = self.gate.model
        live: dict[int, int] = {}
        for slot in model.slots.values():
            if slot.state is not State.CLOSED:
                live[slot.subject.line] = live.get(slot.subject.line, 0) + 1
        assert live == {line: count for line, count in model.sessions.items() if count}
        assert all(count <= max(2000, abi.UNCAPPED_SLOTS) for count in live.values())

    def teardown(self) -> None:
        self.gate.compare()
        self.gate.check_invariants()
        self._stack.close()


class CapHolds(RuleBasedStateMachine):
    """With limits that stay, no line ever has more live slots than its cap."""

    def __init__(self) -> None:
        super().__init__()
        self._stack = ExitStack()
        self.gate: Twin = self._stack.enter_context(twin(example(), lines=8, slots=64))

    @rule(
        line=st.sampled_from(("100.64.0.1", "2001:db8:4000::1")),
        port=st.integers(1, 9),
        flags=legal,
        seq=sequences,
        ack=sequences,
        payload=payloads,
        inward=st.booleans(),
    )
    def packet(
        self, line: str, port: int, flags: int, seq: int, ack: int, payload: bytes, inward: bool
    ) -> None:
        server = server_of(line, exempt=False)
        ends = (server, line, (25, port)) if inward else (line, server, (port, 25))
        role = Role.UPLINK if inward else Role.SUBSCRIBER
        self.gate.receive(segment(*ends, flags, seq=seq, ack=ack, payload=payload), role)

    @rule(milliseconds=st.sampled_from((1, 1000, 31_000)))
    def wait(self, milliseconds: int) -> None:
        self.gate.tick(milliseconds * MS)

    @rule()
    def sweep(self) -> None:
        self.gate.sweep()

    @invariant()
    def never_beyond_the_cap(self) -> None:
        cap = self.gate.model.wanted.classes["dynamic"].cap
        assert all(count <= cap for count in self.gate.kernel_sessions().values())

    def teardown(self) -> None:
        self.gate.compare()
        self.gate.check_invariants()
        self._stack.close()


def _budget(examples: int) -> settings:
    times = int(os.environ.get("SEKISHO_FUZZ_TIMES", "1"))
    return settings(
        max_examples=examples * times,
        stateful_step_count=60,
        print_blob=True,
        suppress_health_check=list(HealthCheck),
    )


TestAgreement = Agreement.TestCase
TestAgreement.settings = _budget(250)
TestCapHolds = CapHolds.TestCase
TestCapHolds.settings = _budget(60)
