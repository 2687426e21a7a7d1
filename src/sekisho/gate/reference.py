"""The gate in Python: the reference model that the kernel program must agree with.

Pure. One call takes a frame, the interface's role and the time, and answers verdict and mark;
`Reference` holds what the kernel holds in maps. Clear before fast: the kernel program's tests
run both over the same packets and compare verdicts, marks, counters and slots.

Whatever passes has a slot, except the last acknowledgements of a closed session, exempt
destinations, and everything while a class observes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from sekisho.gate import abi
from sekisho.gate.frames import Packet, Reading, Role, read
from sekisho.gate.slots import (
    NANOSECONDS_PER_MS,
    Closing,
    Moment,
    Outcome,
    Slot,
    State,
    adopt,
    begin,
    close,
    is_syn,
    judge,
    may_adopt,
)
from sekisho.gate.whose import Subject, find, is_exempt
from sekisho.model import OWN_LIMIT_ARM, Excess, Limit, Mode, Policy, View, Wanted


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate does with a frame: `abi.PASS`, `abi.DROP` or `abi.REPLY`; and its mark."""

    action: int
    mark: int = 0


@dataclass(frozen=True, slots=True)
class Peak:
    """The most sessions that a line has had at once since a turn, by what class and arm it was then."""

    sessions: int
    met_cap: bool
    class_name: str
    arm: int


Key = tuple[bytes, int, bytes, bool]
"""The line's address and port, the server's address, and whether they are IPv6's."""

MET_CAP_KEPT_NS: Final = 24 * 3600 * 1000 * NANOSECONDS_PER_MS
_PASS: Final = Verdict(abi.PASS)
_DROP: Final = Verdict(abi.DROP)


@dataclass(slots=True)
class Reference:
    """A gate with its slots, counts and counters; `banks` maps delays (ms) to banks as encoded."""

    wanted: Wanted
    banks: Mapping[int, int]
    hold_by_queue: bool = True
    learning_until: int = 0
    max_lines: int = 1 << 17
    max_slots: int = 1 << 18
    max_peaks: int = 1 << 18
    slots: dict[Key, Slot] = field(default_factory=dict)
    sessions: dict[int, int] = field(default_factory=dict)
    counters: Counter[tuple[str, int, str]] = field(default_factory=Counter)
    totals: Counter[str] = field(default_factory=Counter)
    peaks: dict[int, Peak] = field(default_factory=dict)
    met_cap: dict[int, int] = field(default_factory=dict)
    folded: Counter[tuple[str, int, str]] = field(default_factory=Counter)

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
        from_line = reading is Reading.SMTP_OUT
        if not from_line and Role.FROM_LINES_ONLY in role and not self._is_line(packet):
            return _PASS
        return self._judge(_Visit(packet, from_line, now))

    def sweep(self, now: int) -> None:
        """Remove what time has ended."""
        for key, slot in list(self.slots.items()):
            if now < slot.until:
                continue
            if slot.state is not State.CLOSED:
                close(slot, Closing.BY_TIME, self._moment(now, self._limit(slot.subject)))
                self._count_closing(slot, now)
            del self.slots[key]
        self.sessions = {line: count for line, count in self.sessions.items() if count}

    def turn(self, now: int) -> None:
        """Count all lines by their peaks, and forget these; what is open counts for the time after it too."""
        past, self.peaks = self.peaks, {}
        for line, peak in past.items():
            if peak.sessions:
                bucket = abi.concurrency_bucket(peak.sessions)
                self.folded[peak.class_name, peak.arm, f"lines[{bucket}]"] += 1
                self.folded[peak.class_name, peak.arm, "met_cap"] += peak.met_cap
            open_now = self.sessions.get(line, 0)
            if open_now:
                arm = peak.arm if peak.arm == OWN_LIMIT_ARM else 0
                self._note_peak(line, Peak(open_now, False, peak.class_name, arm))
        self.met_cap = {line: at for line, at in self.met_cap.items() if now - at < MET_CAP_KEPT_NS}

    def _is_line(self, packet: Packet) -> bool:
        return find(self.wanted, packet.source, packet.ipv6, packet.source_port) is not None

    def _unjudgeable(self, packet: Packet, role: Role) -> Verdict:
        subject = None
        if Role.TO_SERVERS in role:
            subject = find(self.wanted, packet.source, packet.ipv6, None)
        if subject is None and Role.TO_LINES in role:
            subject = find(self.wanted, packet.destination, packet.ipv6, None)
        if subject is None:
            return _PASS
        self._count(subject, "unjudgeable")
        return _DROP if self._limit(subject).mode is Mode.ENFORCE else _PASS

    def _judge(self, visit: _Visit) -> Verdict:
        slot = self.slots.get(visit.key)
        if slot is None:
            return self._judge_stranger(visit)
        moment = self._moment(visit.now, self._limit(slot.subject))
        was_live = slot.state is not State.CLOSED
        outcome = judge(slot, visit.packet, visit.from_line, moment)
        if was_live and slot.state is State.CLOSED:
            self._count_closing(slot, visit.now)
        if outcome is Outcome.NO_SLOT:
            return self._judge_stranger(visit)
        return self._carry_out(outcome, visit, slot.subject, moment)

    def _carry_out(self, outcome: Outcome, visit: _Visit, subject: Subject, moment: Moment) -> Verdict:
        dropped = {Outcome.RETRANSMISSION: "retransmissions_dropped", Outcome.EARLY: "early_dropped"}
        if outcome in dropped:
            self._count(subject, dropped[outcome])
            return _DROP
        if outcome is Outcome.LINGER:
            self._count(subject, "without_slot_passed")
            return _PASS
        if outcome is Outcome.REFUSED_OPEN:
            return self._without_slot(subject, moment)
        if outcome is Outcome.HOLD:
            return self._hold(visit, subject, moment)
        return self._pass(visit, subject)

    def _judge_stranger(self, visit: _Visit) -> Verdict:
        """Judge a packet of port 25 whose session has no live slot."""
        packet = visit.packet
        address, port, server, _ = visit.key
        if not packet.detour and is_exempt(self.wanted, server):
            self.totals["exempt"] += 1
            return _PASS
        subject = find(self.wanted, address, packet.ipv6, port or None)
        if subject is None:
            return self._unknown_source(visit)
        moment = self._moment(visit.now, self._limit(subject))
        if not subject.line:
            return self._without_slot(subject, moment)
        if visit.from_line and is_syn(packet):
            return self._open(visit, subject, moment)
        if may_adopt(packet):
            return self._adopt(visit, subject, moment)
        return self._without_slot(subject, moment)

    def _unknown_source(self, visit: _Visit) -> Verdict:
        if not visit.from_line:
            return _PASS
        self.totals["unknown_source"] += 1
        return _DROP if self.wanted.unknown_source is Policy.DROP else _PASS

    def _open(self, visit: _Visit, subject: Subject, moment: Moment) -> Verdict:
        self._count(subject, "attempted")
        sessions = self._take(visit.key, subject, moment, _bound(moment.limit, capped=moment.enforcing))
        if not sessions:
            return self._refuse(subject, moment)
        slot = Slot(subject, visit.now)
        begin(slot, visit.packet, moment)
        self.slots[visit.key] = slot
        self._count(subject, "admitted")
        self._count(subject, f"concurrency[{abi.concurrency_bucket(sessions)}]")
        if not moment.enforcing and sessions > moment.limit.cap:
            self._count(subject, "over_cap")
        if not moment.delay:
            return self._pass(visit, subject)
        self._count(subject, "held")
        return self._hold(visit, subject, moment)

    def _refuse(self, subject: Subject, moment: Moment) -> Verdict:
        if not moment.enforcing:
            self._count(subject, "untracked")
            return _PASS
        self._count(subject, "refused")
        if moment.limit.excess is Excess.DROP:
            return _DROP
        self.totals["resets_sent"] += 1
        return Verdict(abi.REPLY)

    def _adopt(self, visit: _Visit, subject: Subject, moment: Moment) -> Verdict:
        learning = visit.now < self.learning_until
        lingering = self.slots.get(visit.key)
        doubted = lingering is not None and lingering.line_reset
        if not visit.from_line and not learning and not doubted:
            return self._without_slot(subject, moment)
        capped = moment.enforcing and not learning
        if not self._take(visit.key, subject, moment, _bound(moment.limit, capped=capped)):
            return self._without_slot(subject, moment)
        slot = Slot(subject, visit.now)
        adopt(slot, visit.packet, visit.from_line, moment)
        self.slots[visit.key] = slot
        self._count(subject, "adopted")
        return self._pass(visit, subject)

    def _take(self, key: Key, subject: Subject, moment: Moment, bound: int) -> int:
        """Take a slot of the line: its count with the slot, or 0 where there is no room."""
        open_now = self.sessions.get(subject.line)
        if bound == 0 or (open_now or 0) >= bound:
            if moment.enforcing:
                self._note_met_cap(subject, (open_now or 0) if bound else 0, moment.now)
            return 0
        if open_now is None and len(self.sessions) >= self.max_lines:
            self.totals["lines_full"] += 1
            return 0
        self.sessions.setdefault(subject.line, 0)
        self.totals["slots_taken"] += 1
        if key not in self.slots and len(self.slots) >= self.max_slots:
            self.totals["slots_full"] += 1
            return 0
        self.sessions[subject.line] += 1
        sessions = self.sessions[subject.line]
        self._note_peak(subject.line, Peak(sessions, False, subject.class_name, subject.arm))
        return sessions

    def _note_met_cap(self, subject: Subject, sessions: int, now: int) -> None:
        self._note_peak(subject.line, Peak(sessions, True, subject.class_name, subject.arm))
        self.met_cap[subject.line] = now

    def _note_peak(self, line: int, seen: Peak) -> None:
        peak = self.peaks.get(line)
        if peak is None and len(self.peaks) >= self.max_peaks:
            self.totals["peaks_full"] += 1
        elif peak is None:
            self.peaks[line] = seen
        elif seen.sessions > peak.sessions or seen.met_cap > peak.met_cap:
            most, met_cap = max(peak.sessions, seen.sessions), peak.met_cap or seen.met_cap
            self.peaks[line] = Peak(most, met_cap, seen.class_name, seen.arm)

    def _pass(self, visit: _Visit, subject: Subject, mark: int = 0) -> Verdict:
        self._count(subject, "bytes_out" if visit.from_line else "bytes_in", visit.packet.length)
        return Verdict(abi.PASS, mark)

    def _hold(self, visit: _Visit, subject: Subject, moment: Moment) -> Verdict:
        if not self.hold_by_queue or not visit.packet.queueable:
            return _DROP
        bank = self.banks[moment.limit.delay_ms]
        return self._pass(visit, subject, abi.HOLD_MARK | bank << abi.HOLD_BANK_SHIFT)

    def _without_slot(self, subject: Subject, moment: Moment) -> Verdict:
        self._count(subject, "without_slot_dropped" if moment.enforcing else "without_slot_passed")
        return _DROP if moment.enforcing else _PASS

    def _moment(self, now: int, limit: Limit) -> Moment:
        return Moment(now, limit, self.wanted.timeouts, half_view=self.wanted.view is View.HALF)

    def _limit(self, subject: Subject) -> Limit:
        return subject.own_limit or self.wanted.classes[subject.class_name]

    def _count(self, subject: Subject, name: str, number: int = 1) -> None:
        self.counters[subject.class_name, subject.arm, name] += number

    def _count_closing(self, slot: Slot, now: int) -> None:
        """Charge the line no longer, and count how its slot came free."""
        if slot.closing is None:
            return
        self.sessions[slot.subject.line] -= 1
        self._count(slot.subject, slot.closing.value)
        bucket = abi.length_bucket((now - slot.opened) // NANOSECONDS_PER_MS)
        self._count(slot.subject, f"length[{bucket}]")


@dataclass(frozen=True, slots=True)
class _Visit:
    """One packet of port 25 at the gate."""

    packet: Packet
    from_line: bool
    now: int

    @property
    def key(self) -> Key:
        packet = self.packet
        if self.from_line:
            return packet.source, packet.source_port, packet.destination, packet.ipv6
        return packet.destination, packet.destination_port, packet.source, packet.ipv6


def _bound(limit: Limit, *, capped: bool) -> int:
    return limit.cap if capped else max(limit.cap, abi.UNCAPPED_SLOTS)
