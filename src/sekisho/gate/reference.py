"""The gate in Python: the reference model that the kernel program must agree with.

Pure. One call takes a frame, the interface's role and the time, and answers verdict and mark;
`Reference` holds what the kernel holds in maps. Clear before fast: the kernel program's tests
run both over the same packets and compare verdicts, marks, counters and slots.

Theory of operation. A session of a line takes a slot and keeps it until it is proven closed:

    state    means                              leaves by
    SYN      admitted; held until release_at    SYN-ACK or the line's own ACK → OPEN
    OPEN     answered                           a FIN → HALF; a RST in the window → CLOSED
    HALF     one side has closed                both FINs acknowledged, a RST → CLOSED
    CLOSED   free again, lingers                time

Silence beyond the state's timeout closes a slot too. Whatever passes has a slot, except the last
acknowledgements of a closed session, and everything while a class observes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from ipaddress import IPv6Address, ip_address
from typing import Final

from sekisho.gate import abi
from sekisho.gate.frames import Packet, Reading, Role, TcpFlag, read
from sekisho.model import Address, Excess, Limit, Mode, Policy, PortPlan, View, Wanted

NANOSECONDS_PER_MS: Final = 1_000_000
STALE_ACK: Final = 65_536
SEQUENCE: Final = 1 << 32


class State(Enum):
    """The states of a slot."""

    SYN = auto()
    OPEN = auto()
    HALF = auto()
    CLOSED = auto()


class Outcome(Enum):
    """What a packet's slot says of the packet."""

    NO_SLOT = auto()
    GO = auto()
    HOLD = auto()
    RETRANSMISSION = auto()
    EARLY = auto()
    LINGER = auto()
    REFUSED_OPEN = auto()


@dataclass(frozen=True, slots=True)
class Subject:
    """A line as an address names it; `line` is 0 where the port would be needed to tell."""

    line: int
    class_name: str
    arm: int
    own_limit: Limit | None = None


@dataclass(slots=True)
class Slot:
    """One session's slot; times in nanoseconds, numbers in sequence space."""

    subject: Subject
    state: State
    opened: int
    release_at: int
    until: int
    syn_seen: bool = False
    syn: int = 0
    syn_end: int = 0
    line_end: int = 0
    server_seen: bool = False
    server_end: int = 0
    line_ack: int = 0
    server_ack: int = 0
    line_fin: int | None = None
    server_fin: int | None = None
    reopening: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate does with a frame: `abi.PASS`, `abi.DROP` or `abi.REPLY`; and its mark."""

    action: int
    mark: int = 0


Key = tuple[bytes, int, bytes]  # line's address and port, server's address

_PASS: Final = Verdict(abi.PASS)
_DROP: Final = Verdict(abi.DROP)


def _after(a: int, b: int) -> bool:
    return 0 < (a - b) % SEQUENCE < SEQUENCE // 2


def _within(number: int, first: int, last: int) -> bool:
    return (number - first) % SEQUENCE <= (last - first) % SEQUENCE


def _acknowledged(fin: int | None, ack: int) -> bool:
    return fin is not None and not _after(fin, ack)


def _is_syn(packet: Packet) -> bool:
    return packet.flags == TcpFlag.SYN


def _end(packet: Packet) -> int:
    return (packet.seq + packet.payload + (TcpFlag.FIN in packet.flags)) % SEQUENCE


@dataclass(slots=True)
class Reference:
    """A gate with its slots, counts and counters; `banks` maps delays to banks as encoded."""

    wanted: Wanted
    banks: Mapping[int, int]
    hold_by_queue: bool = True
    learning_until: int = 0
    max_lines: int = 1 << 17
    max_slots: int = 1 << 18
    slots: dict[Key, Slot] = field(default_factory=dict)
    sessions: dict[int, int] = field(default_factory=dict)
    counters: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)

    def receive(self, frame: bytes, role: Role, now: int) -> Verdict:
        """Judge one Ethernet frame that arrives at `now` (nanoseconds)."""
        reading, packet = read(frame, role)
        if reading is Reading.OTHER:
            return _PASS
        if packet is None:
            self.totals["unknown_ethertype"] += 1
            return _DROP if self.wanted.unknown_ethertype is Policy.DROP else _PASS
        if reading is Reading.UNJUDGEABLE:
            return self._unjudgeable(packet, role)
        return _Visit(self, packet, reading is Reading.SMTP_OUT, now).judge()

    def sweep(self, now: int) -> None:
        """Remove what time has ended."""
        for key, slot in list(self.slots.items()):
            if now >= slot.until:
                if slot.state is not State.CLOSED:
                    self.close(slot, "closed_time", now)
                del self.slots[key]
        self.sessions = {line: count for line, count in self.sessions.items() if count}

    def limit(self, subject: Subject) -> Limit:
        """Return the limit in force for a line."""
        return subject.own_limit or self.wanted.classes[subject.class_name]

    def count(self, subject: Subject, name: str, number: int = 1) -> None:
        """Add to a counter of the line's class and arm."""
        self.counters[subject.class_name, subject.arm, name] += number

    def close(self, slot: Slot, how: str, now: int) -> None:
        """Free a slot: charge its line no longer, and count how it came free."""
        linger_ms = 0 if how == "closed_time" else self.wanted.timeouts.linger_ms
        slot.state = State.CLOSED
        slot.until = now + linger_ms * NANOSECONDS_PER_MS
        self.sessions[slot.subject.line] -= 1
        self.count(slot.subject, how)
        bucket = abi.length_bucket((now - slot.opened) // NANOSECONDS_PER_MS)
        self.count(slot.subject, f"length[{bucket}]")

    def find(self, address: bytes, ipv6: bool, port: int | None) -> Subject | None:
        """Return the line that holds a 16-byte address, or None for a source in no pool."""
        if ipv6 and address.startswith(abi.IPV4_PREFIX):
            return None
        packed = address if ipv6 else address[12:]
        number = self.wanted.addresses.get(Address(packed, len(packed) * 8))
        if number is not None:
            return self._known(number)
        if not ipv6 and packed in self.wanted.port_plans:
            return self._shared(packed, port, self.wanted.port_plans[packed])
        return self._by_prefix(packed) or self._by_pool(packed)

    def _known(self, number: int) -> Subject:
        line = self.wanted.lines[number]
        return Subject(abi.LINE_KNOWN | number, line.class_name, line.arm, line.limit)

    def _shared(self, packed: bytes, port: int | None, plan: PortPlan) -> Subject | None:
        if port is None:
            return Subject(0, plan.class_name, 0)
        port_set = _port_set(plan, port)
        if port_set is None:
            return None
        number = self.wanted.addresses.get(Address(packed, 32, port_set))
        return None if number is None else self._known(number)

    def _by_prefix(self, packed: bytes) -> Subject | None:
        if len(packed) == 4:
            return None
        for length in sorted({a.length for a in self.wanted.addresses if len(a.network) == 16}, reverse=True):
            number = self.wanted.addresses.get(Address(_mask(packed, length), length))
            if number is not None:
                return self._known(number)
        return None

    def _by_pool(self, packed: bytes) -> Subject | None:
        address = ip_address(packed)
        pools = [p for p in self.wanted.pools if p.prefix.version == address.version and address in p.prefix]
        if not pools:
            return None
        pool = max(pools, key=lambda p: p.prefix.prefixlen)
        if isinstance(address, IPv6Address):
            line = int.from_bytes(_mask(packed, pool.line_length)[:8], "big")
        else:
            line = abi.LINE_IPV4 | int(address)
        return Subject(line, pool.class_name, pool.arm)

    def _unjudgeable(self, packet: Packet, role: Role) -> Verdict:
        subject = None
        if Role.SUBSCRIBER in role:
            subject = self.find(packet.source, packet.ipv6, None)
        if subject is None and Role.UPLINK in role:
            subject = self.find(packet.destination, packet.ipv6, None)
        if subject is None:
            return _PASS
        self.count(subject, "unjudgeable")
        return _DROP if self.limit(subject).mode is Mode.ENFORCE else _PASS


def _mask(packed: bytes, length: int) -> bytes:
    kept = int.from_bytes(packed, "big") >> (128 - length) << (128 - length)
    return kept.to_bytes(16, "big")


def _port_set(plan: PortPlan, port: int) -> int | None:
    if plan.size:
        return None if port < plan.first else (port - plan.first) // plan.size
    if plan.offset and port >> (16 - plan.offset) == 0:
        return None
    return port >> (16 - plan.offset - plan.length) & ((1 << plan.length) - 1)


class _Visit:
    """One packet of port 25 on its way through the gate."""

    def __init__(self, gate: Reference, packet: Packet, from_line: bool, now: int) -> None:
        self.gate, self.packet, self.from_line, self.now = gate, packet, from_line, now
        ends = (packet.source, packet.source_port, packet.destination)
        if not from_line:
            ends = (packet.destination, packet.destination_port, packet.source)
        self.key: Key = ends
        self.timeouts = gate.wanted.timeouts
        self.half_view = gate.wanted.view is View.HALF
        self.limit = Limit(Mode.OBSERVE, 0, 0)

    def judge(self) -> Verdict:
        slot = self.gate.slots.get(self.key)
        if slot is None:
            return self._stranger()
        self.limit = self.gate.limit(slot.subject)
        outcome = self._judge_slot(slot)
        if outcome is Outcome.NO_SLOT:
            return self._stranger()
        return self._carry_out(outcome, slot.subject)

    @property
    def _enforcing(self) -> bool:
        return self.limit.mode is Mode.ENFORCE

    @property
    def _delay(self) -> int:
        return self.limit.delay_ms * NANOSECONDS_PER_MS if self._enforcing else 0

    def _later(self, milliseconds: int) -> int:
        return self.now + milliseconds * NANOSECONDS_PER_MS

    # What the slot says.

    def _judge_slot(self, slot: Slot) -> Outcome:
        if slot.state is not State.CLOSED and self.now >= slot.until:
            self.gate.close(slot, "closed_time", self.now)
        if slot.state is State.CLOSED:
            last = not self.packet.payload and TcpFlag.SYN not in self.packet.flags
            return Outcome.LINGER if last and self.now < slot.until else Outcome.NO_SLOT
        return self._from_line(slot) if self.from_line else self._from_server(slot)

    def _held(self, slot: Slot) -> bool:
        return slot.state is State.SYN and self._enforcing and self.now < slot.release_at

    def _from_line(self, slot: Slot) -> Outcome:
        packet = self.packet
        if _is_syn(packet):
            return self._syn(slot)
        if self._held(slot):
            return Outcome.EARLY
        if TcpFlag.RST in packet.flags:
            if self._resets_server(slot):
                self.gate.close(slot, "closed_rst", self.now)
            return Outcome.GO
        if TcpFlag.SYN in packet.flags:
            return Outcome.GO
        if slot.state is State.SYN:
            slot.state = State.OPEN
        if _after(_end(packet), slot.line_end):
            slot.line_end = _end(packet)
        self._note_line_ack(slot)
        if TcpFlag.FIN in packet.flags:
            slot.line_fin, slot.state = _end(packet), State.HALF
        return self._stay(slot)

    def _syn(self, slot: Slot) -> Outcome:
        if slot.syn_seen and slot.syn == self.packet.seq:
            if self._enforcing and self.now < slot.release_at:
                return Outcome.RETRANSMISSION
            if slot.state is State.SYN:
                slot.until = self._later(self.timeouts.syn_ms)
            return Outcome.GO
        if slot.state is State.SYN:
            self._begin(slot)
        else:
            self._note_syn(slot)
            slot.reopening = True
            slot.until = max(slot.until, slot.release_at + self.timeouts.syn_ms * NANOSECONDS_PER_MS)
        return Outcome.HOLD if self._delay else Outcome.GO

    def _note_syn(self, slot: Slot) -> None:
        slot.syn_seen, slot.syn = True, self.packet.seq
        slot.syn_end = (self.packet.seq + 1 + self.packet.payload) % SEQUENCE
        slot.release_at = self.now + self._delay

    def _begin(self, slot: Slot) -> None:
        self._note_syn(slot)
        slot.state, slot.line_end = State.SYN, slot.syn_end
        slot.server_ack = (self.packet.seq + 1) % SEQUENCE
        slot.until = slot.release_at + self.timeouts.syn_ms * NANOSECONDS_PER_MS

    def _note_line_ack(self, slot: Slot) -> None:
        ack = self.packet.ack
        if not slot.server_seen:
            slot.server_seen, slot.server_end, slot.line_ack = True, ack, ack
            return
        if self.half_view and _after(ack, slot.server_end):
            slot.server_end = ack
        if _after(ack, slot.line_ack) and not _after(ack, slot.server_end):
            slot.line_ack = ack

    def _resets_server(self, slot: Slot) -> bool:
        if self.half_view:
            return True
        if slot.state is State.SYN:
            return _within(self.packet.seq, slot.syn + 1, slot.syn_end)
        return _within(self.packet.seq, slot.server_ack, slot.line_end)

    def _from_server(self, slot: Slot) -> Outcome:
        packet = self.packet
        if self._held(slot):
            return Outcome.EARLY
        if _is_syn(packet):
            return Outcome.GO if slot.state is State.SYN else Outcome.REFUSED_OPEN
        if TcpFlag.SYN in packet.flags:
            return self._syn_ack(slot)
        if TcpFlag.RST in packet.flags:
            if self._resets_line(slot):
                self.gate.close(slot, "closed_rst", self.now)
            return Outcome.GO
        if slot.state is State.SYN or not _within(packet.ack, slot.server_ack - STALE_ACK, slot.line_end):
            return Outcome.GO
        if _after(_end(packet), slot.server_end):
            slot.server_end = _end(packet)
        if _after(packet.ack, slot.server_ack):
            slot.server_ack = packet.ack
        if TcpFlag.FIN in packet.flags:
            slot.server_fin, slot.state = _end(packet), State.HALF
        return self._stay(slot)

    def _answers_syn(self, slot: Slot) -> bool:
        if not slot.syn_seen or not (slot.state is State.SYN or slot.reopening):
            return False
        return _within(self.packet.ack, slot.syn + 1, slot.syn_end)

    def _syn_ack(self, slot: Slot) -> Outcome:
        if self._enforcing and self.now < slot.release_at:
            return Outcome.EARLY
        if self._answers_syn(slot):
            slot.state, slot.reopening, slot.line_fin, slot.server_fin = State.OPEN, False, None, None
            slot.line_end, slot.server_seen = slot.syn_end, True
            slot.server_end = slot.line_ack = (self.packet.seq + 1) % SEQUENCE
            slot.server_ack = self.packet.ack
            slot.until = self._later(self.timeouts.syn_ms)
        return Outcome.GO

    def _resets_line(self, slot: Slot) -> bool:
        if TcpFlag.ACK in self.packet.flags and self._answers_syn(slot):
            return True
        if slot.state is State.SYN:
            return False
        return _within(self.packet.seq, slot.line_ack, slot.server_end)

    def _stay(self, slot: Slot) -> Outcome:
        half = slot.state is State.HALF
        slot.until = self._later(self.timeouts.half_closed_ms if half else self.timeouts.idle_ms)
        both = _acknowledged(slot.line_fin, slot.server_ack) and _acknowledged(slot.server_fin, slot.line_ack)
        if both or (self.half_view and slot.line_fin is not None):
            self.gate.close(slot, "closed_fin", self.now)
        return Outcome.GO

    # What follows from it.

    def _carry_out(self, outcome: Outcome, subject: Subject) -> Verdict:
        dropped = {Outcome.RETRANSMISSION: "retransmissions_dropped", Outcome.EARLY: "early_dropped"}
        if outcome in dropped:
            self.gate.count(subject, dropped[outcome])
            return _DROP
        if outcome is Outcome.LINGER:
            self.gate.count(subject, "without_slot_passed")
            return _PASS
        if outcome is Outcome.REFUSED_OPEN:
            return self._without_slot(subject)
        if outcome is Outcome.HOLD:
            return self._hold(subject)
        return self._pass(subject)

    def _pass(self, subject: Subject, mark: int = 0) -> Verdict:
        self.gate.count(subject, "bytes_out" if self.from_line else "bytes_in", self.packet.length)
        return Verdict(abi.PASS, mark)

    def _hold(self, subject: Subject) -> Verdict:
        if not self.gate.hold_by_queue or not self.packet.queueable:
            return _DROP
        bank = self.gate.banks[self.limit.delay_ms]
        return self._pass(subject, abi.HOLD_MARK | bank << abi.HOLD_BANK_SHIFT)

    def _without_slot(self, subject: Subject) -> Verdict:
        self.gate.count(subject, "without_slot_dropped" if self._enforcing else "without_slot_passed")
        return _DROP if self._enforcing else _PASS

    # No live slot.

    def _stranger(self) -> Verdict:
        packet, gate = self.packet, self.gate
        address, port, server = self.key
        if not packet.detour and _is_exempt(gate.wanted, server):
            gate.totals["exempt"] += 1
            return _PASS
        subject = gate.find(address, packet.ipv6, port or None)
        if subject is None:
            gate.totals["unknown_source"] += 1
            refused = self.from_line and gate.wanted.unknown_source is Policy.DROP
            return _DROP if refused else _PASS
        self.limit = gate.limit(subject)
        if not subject.line:
            return self._without_slot(subject)
        if self.from_line and _is_syn(packet):
            return self._open(subject)
        if packet.payload and not packet.flags & (TcpFlag.SYN | TcpFlag.RST):
            return self._adopt(subject)
        return self._without_slot(subject)

    def _open(self, subject: Subject) -> Verdict:
        gate = self.gate
        gate.count(subject, "attempted")
        bound = self.limit.cap if self._enforcing else max(self.limit.cap, abi.UNCAPPED_SLOTS)
        sessions = self._take(subject, bound)
        if not sessions:
            return self._refuse(subject) if self._enforcing else self._untracked(subject)
        slot = Slot(subject, State.SYN, opened=self.now, release_at=0, until=0)
        self._begin(slot)
        gate.slots[self.key] = slot
        gate.count(subject, "admitted")
        gate.count(subject, f"concurrency[{abi.concurrency_bucket(sessions)}]")
        if not self._enforcing and sessions > self.limit.cap:
            gate.count(subject, "over_cap")
        if not self._delay:
            return self._pass(subject)
        gate.count(subject, "held")
        return self._hold(subject)

    def _refuse(self, subject: Subject) -> Verdict:
        self.gate.count(subject, "refused")
        if self.limit.excess is Excess.DROP:
            return _DROP
        self.gate.totals["resets_sent"] += 1
        return Verdict(abi.REPLY)

    def _untracked(self, subject: Subject) -> Verdict:
        self.gate.count(subject, "untracked")
        return _PASS

    def _adopt(self, subject: Subject) -> Verdict:
        learning = self.now < self.gate.learning_until
        capped = self._enforcing and not learning
        bound = self.limit.cap if capped else max(self.limit.cap, abi.UNCAPPED_SLOTS)
        if not self._take(subject, bound):
            return self._without_slot(subject)
        self.gate.slots[self.key] = self._adopted(subject)
        self.gate.count(subject, "adopted")
        return self._pass(subject)

    def _adopted(self, subject: Subject) -> Slot:
        packet, end = self.packet, _end(self.packet)
        fin = TcpFlag.FIN in packet.flags
        slot = Slot(subject, State.HALF if fin else State.OPEN, self.now, self.now, 0)
        slot.until = self._later(self.timeouts.half_closed_ms if fin else self.timeouts.idle_ms)
        slot.server_seen = True
        if self.from_line:
            slot.line_end, slot.server_ack = end, packet.seq
            slot.server_end = slot.line_ack = packet.ack
            slot.line_fin = end if fin else None
        else:
            slot.server_end, slot.line_ack = end, packet.seq
            slot.line_end = slot.server_ack = packet.ack
            slot.server_fin = end if fin else None
        return slot

    def _take(self, subject: Subject, bound: int) -> int:
        """Take a slot of the line: its count with the slot, or 0 where there is no room."""
        gate = self.gate
        if bound == 0:
            return 0
        if subject.line not in gate.sessions and len(gate.sessions) >= gate.max_lines:
            gate.totals["lines_full"] += 1
            return 0
        if gate.sessions.get(subject.line, 0) >= bound:
            return 0
        if self.key not in gate.slots and len(gate.slots) >= gate.max_slots:
            gate.totals["slots_full"] += 1
            gate.sessions.setdefault(subject.line, 0)
            return 0
        gate.sessions[subject.line] = gate.sessions.get(subject.line, 0) + 1
        return gate.sessions[subject.line]


def _is_exempt(wanted: Wanted, server: bytes) -> bool:
    mapped = server.startswith(abi.IPV4_PREFIX)
    address = ip_address(server[12:] if mapped else server)
    return any(address.version == n.version and address in n for n in wanted.exempt)
