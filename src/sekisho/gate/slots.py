"""What one packet means for the slot of its session: the reference model's heart (mirror of bpf/slot.h).

Theory of operation. A session of a line takes a slot and keeps it until it is proven closed:

    state    means                              leaves by
    SYN      admitted; held until release_at    SYN-ACK → OPEN; a RST to the SYN or after it → CLOSED
    OPEN     answered                           a FIN → HALF; a RST in the window → CLOSED
    HALF     one side has closed                both FINs acknowledged, a RST in the window → CLOSED
    CLOSED   free again, lingers                time

In the half view, where no server is heard, the line's own next packet opens and its FIN closes.

Silence beyond the state's timeout closes a slot too. Numbers are TCP's, in sequence space (RFC 9293 §3.4).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

from sekisho.gate.frames import Packet, TcpFlag
from sekisho.gate.whose import Subject
from sekisho.model import Limit, Mode, Timeouts

NANOSECONDS_PER_MS: Final = 1_000_000
STALE_ACK: Final = 65_536  # bytes that an acknowledgement may lie back and still be the session's
LINE_WINDOW: Final = 1 << 30  # bytes that the line's may lie ahead of what was acknowledged (RFC 7323 §2.3)
SERVER_WINDOW: Final = 1 << 24  # the same for the server's, as far as is usual
SEQUENCE: Final = 1 << 32


class State(Enum):
    """The states of a slot."""

    SYN = auto()
    OPEN = auto()
    HALF = auto()
    CLOSED = auto()


class Outcome(Enum):
    """What a slot says of a packet."""

    NO_SLOT = auto()
    GO = auto()
    HOLD = auto()
    RETRANSMISSION = auto()
    EARLY = auto()
    LINGER = auto()
    REFUSED_OPEN = auto()


class Closing(Enum):
    """How a slot came free, by the counter's name."""

    BY_FIN = "closed_fin"
    BY_RST = "closed_rst"
    BY_TIME = "closed_time"


@dataclass(slots=True)
class Slot:
    """One session's slot; times in nanoseconds."""

    subject: Subject
    opened: int
    state: State = State.SYN
    release_at: int = 0
    until: int = 0
    syn_seen: bool = False
    syn: int = 0
    syn_end: int = 0
    line_spoke: bool = False
    line_end: int = 0
    server_seen: bool = False
    server_end: int = 0
    line_ack: int = 0
    server_ack: int = 0
    line_fin: int | None = None
    server_fin: int | None = None
    reopening: bool = False
    server_spoke: bool = False
    adopted: bool = False
    line_reset: bool = False
    closing: Closing | None = None


@dataclass(frozen=True, slots=True)
class Moment:
    """What a slot needs to know besides the packet; `now` in nanoseconds."""

    now: int
    limit: Limit
    timeouts: Timeouts
    half_view: bool

    @property
    def enforcing(self) -> bool:
        """Tell whether the limit limits."""
        return self.limit.mode is Mode.ENFORCE

    @property
    def delay(self) -> int:
        """Return how long a new session is held, in nanoseconds."""
        return self.limit.delay_ms * NANOSECONDS_PER_MS if self.enforcing else 0

    def later(self, milliseconds: int) -> int:
        """Return the time that lies so far ahead, in nanoseconds."""
        return self.now + milliseconds * NANOSECONDS_PER_MS


def judge(slot: Slot, packet: Packet, from_line: bool, moment: Moment) -> Outcome:
    """Judge a packet by its slot and note what it proves; `slot.closing` says if and how it came free."""
    if slot.state is not State.CLOSED and moment.now >= slot.until:
        close(slot, Closing.BY_TIME, moment)
    if slot.state is State.CLOSED:
        last = not packet.payload and TcpFlag.SYN not in packet.flags
        return Outcome.LINGER if last and moment.now < slot.until else Outcome.NO_SLOT
    return (_judge_line if from_line else _judge_server)(slot, packet, moment)


def begin(slot: Slot, packet: Packet, moment: Moment) -> None:
    """Make it the slot of a new session, begun by its SYN."""
    _note_syn(slot, packet, moment)
    slot.state, slot.line_end = State.SYN, slot.syn_end
    slot.server_ack = (packet.seq + 1) % SEQUENCE
    slot.until = slot.release_at + moment.timeouts.syn_ms * NANOSECONDS_PER_MS


def adopt(slot: Slot, packet: Packet, from_line: bool, moment: Moment) -> None:
    """Make it the slot of a session that runs already."""
    end = _end(packet)
    fin = end if TcpFlag.FIN in packet.flags else None
    slot.state = State.OPEN if fin is None else State.HALF
    slot.release_at, slot.server_seen, slot.line_spoke = moment.now, True, from_line
    slot.adopted, slot.server_spoke = True, not from_line
    if from_line:
        slot.line_end, slot.server_ack, slot.line_fin = end, packet.seq, fin
        slot.server_end = slot.line_ack = packet.ack
    else:
        slot.server_end, slot.line_ack, slot.server_fin = end, packet.seq, fin
        slot.line_end = slot.server_ack = packet.ack
    # Anybody may have sent it: the other side's word is waited for like an answer.
    slot.until = moment.later(moment.timeouts.idle_ms if moment.half_view else moment.timeouts.syn_ms)


def close(slot: Slot, how: Closing, moment: Moment) -> None:
    """Free a slot; after a proof of closing it lingers for the last acknowledgements."""
    slot.state, slot.closing = State.CLOSED, how
    slot.until = moment.later(0 if how is Closing.BY_TIME else moment.timeouts.linger_ms)


def is_syn(packet: Packet) -> bool:
    """Tell whether a packet asks for a new session."""
    return packet.flags == TcpFlag.SYN


def may_adopt(packet: Packet) -> bool:
    """Tell whether a packet may take a slot without a SYN: data of a running session."""
    return packet.payload > 0 and not packet.flags & (TcpFlag.SYN | TcpFlag.RST)


def _judge_line(slot: Slot, packet: Packet, moment: Moment) -> Outcome:
    if is_syn(packet):
        return _judge_syn(slot, packet, moment)
    if _held(slot, moment):
        return Outcome.EARLY
    if TcpFlag.RST in packet.flags:
        if moment.enforcing and moment.now < slot.release_at:
            return Outcome.EARLY
        if _resets_server(slot, packet, moment):
            _line_reset(slot, moment)
        return Outcome.GO
    if TcpFlag.SYN in packet.flags:
        return Outcome.GO
    if slot.state is State.SYN:
        if not moment.half_view:
            return Outcome.GO
        slot.state = State.OPEN
    slot.line_spoke = True
    ahead = (_end(packet) - slot.server_ack) % SEQUENCE
    if _after(_end(packet), slot.line_end) and ahead <= LINE_WINDOW:
        slot.line_end = _end(packet)
    _note_line_ack(slot, packet, moment)
    return _note_fin(slot, packet, moment, from_line=True)


def _judge_syn(slot: Slot, packet: Packet, moment: Moment) -> Outcome:
    waiting = moment.enforcing and moment.now < slot.release_at
    if slot.syn_seen and not slot.line_spoke and slot.syn == packet.seq:
        if waiting:
            return Outcome.RETRANSMISSION
        if slot.state is State.SYN:
            slot.until = moment.later(moment.timeouts.syn_ms)
        return Outcome.GO
    if slot.state is State.SYN:
        begin(slot, packet, moment)
    else:
        _note_syn(slot, packet, moment)
        slot.reopening, slot.line_spoke = True, False
        slot.until = max(slot.until, slot.release_at + moment.timeouts.syn_ms * NANOSECONDS_PER_MS)
    if waiting:
        return Outcome.RETRANSMISSION
    return Outcome.HOLD if moment.delay else Outcome.GO


def _judge_server(slot: Slot, packet: Packet, moment: Moment) -> Outcome:
    if _held(slot, moment):
        return Outcome.EARLY
    if is_syn(packet):
        return Outcome.GO if slot.state is State.SYN else Outcome.REFUSED_OPEN
    if TcpFlag.SYN in packet.flags:
        return _judge_syn_ack(slot, packet, moment)
    if TcpFlag.RST in packet.flags:
        if _resets_line(slot, packet):
            close(slot, Closing.BY_RST, moment)
        return Outcome.GO
    if slot.state is State.SYN or not _is_plausible(slot, packet):
        return Outcome.GO
    if _after(_end(packet), slot.server_end):
        slot.server_end = _end(packet)
    if _after(packet.ack, slot.server_ack):
        slot.server_ack = packet.ack
    slot.server_spoke = True
    return _note_fin(slot, packet, moment, from_line=False)


def _judge_syn_ack(slot: Slot, packet: Packet, moment: Moment) -> Outcome:
    if moment.enforcing and moment.now < slot.release_at:
        return Outcome.EARLY
    if _answers_syn(slot, packet):
        slot.state, slot.reopening, slot.line_spoke = State.OPEN, False, False
        slot.server_spoke, slot.adopted = True, False
        slot.line_fin = slot.server_fin = None
        slot.line_end, slot.server_seen = slot.syn_end, True
        slot.server_end = slot.line_ack = (packet.seq + 1) % SEQUENCE
        slot.server_ack = packet.ack
        slot.until = moment.later(moment.timeouts.syn_ms)
    return Outcome.GO


def _held(slot: Slot, moment: Moment) -> bool:
    return slot.state is State.SYN and moment.enforcing and moment.now < slot.release_at


def _note_syn(slot: Slot, packet: Packet, moment: Moment) -> None:
    slot.syn_seen, slot.syn = True, packet.seq
    slot.syn_end = (packet.seq + 1 + packet.payload) % SEQUENCE
    slot.release_at = moment.now + moment.delay


def _note_line_ack(slot: Slot, packet: Packet, moment: Moment) -> None:
    if not slot.server_seen:
        slot.server_seen, slot.server_end, slot.line_ack = True, packet.ack, packet.ack
        return
    if moment.half_view and _after(packet.ack, slot.server_end):
        slot.server_end = packet.ack
    if _after(packet.ack, slot.line_ack) and not _after(packet.ack, slot.server_end):
        slot.line_ack = packet.ack


def _line_reset(slot: Slot, moment: Moment) -> None:
    """Free the slot; an adopted session's, once the line has spoken, only soon.

    Else many sessions could share one slot by resets that never arrive.
    """
    if not slot.adopted or not slot.line_spoke or moment.half_view:
        close(slot, Closing.BY_RST, moment)
        slot.line_reset = True
    else:
        slot.until = min(slot.until, moment.later(moment.timeouts.half_closed_ms))


def _is_plausible(slot: Slot, packet: Packet) -> bool:
    return _within(packet.ack, slot.server_ack - STALE_ACK, slot.line_end) and _within(
        packet.seq, slot.line_ack - STALE_ACK, slot.line_ack + SERVER_WINDOW
    )


def _resets_server(slot: Slot, packet: Packet, moment: Moment) -> bool:
    if moment.half_view:
        return True
    if slot.state is State.SYN:
        return _within(packet.seq, slot.syn + 1, slot.syn_end)
    return _within(packet.seq, slot.server_ack, slot.line_end)


def _resets_line(slot: Slot, packet: Packet) -> bool:
    if TcpFlag.ACK in packet.flags and _answers_syn(slot, packet):
        return True
    return slot.state is not State.SYN and _within(packet.seq, slot.line_ack, slot.server_end)


def _answers_syn(slot: Slot, packet: Packet) -> bool:
    waiting = slot.syn_seen and (slot.state is State.SYN or slot.reopening)
    return waiting and _within(packet.ack, slot.syn + 1, slot.syn_end)


def _note_fin(slot: Slot, packet: Packet, moment: Moment, *, from_line: bool) -> Outcome:
    """Note a FIN, prolong the session where the packet does, and close it where both have closed.

    Once one side has closed, only the line's data prolongs it, and the server's until the line closes.
    What the server says prolongs only what the line has taken part in.
    """
    prolongs = slot.state is not State.HALF
    if packet.payload and (from_line or slot.line_fin is None):
        prolongs = True
    if TcpFlag.FIN in packet.flags:
        slot.state = State.HALF
        if from_line:
            slot.line_fin = _end(packet)
        else:
            slot.server_fin = _end(packet)
    if prolongs and slot.line_spoke:
        _stay(slot, moment)
    both = _acknowledged(slot.line_fin, slot.server_ack) and _acknowledged(slot.server_fin, slot.line_ack)
    if both or (moment.half_view and slot.line_fin is not None):
        close(slot, Closing.BY_FIN, moment)
    return Outcome.GO


def _stay(slot: Slot, moment: Moment) -> None:
    """Begin the wait anew; what the server has not confirmed is waited for like an answer."""
    confirmed = not slot.adopted or slot.server_spoke or moment.half_view
    if slot.state is State.HALF:
        slot.until = moment.later(moment.timeouts.half_closed_ms)
    else:
        slot.until = moment.later(moment.timeouts.idle_ms if confirmed else moment.timeouts.syn_ms)


def _acknowledged(fin: int | None, ack: int) -> bool:
    return fin is not None and not _after(fin, ack)


def _after(a: int, b: int) -> bool:
    return 0 < (a - b) % SEQUENCE < SEQUENCE // 2


def _within(number: int, first: int, last: int) -> bool:
    return (number - first) % SEQUENCE <= (last - first) % SEQUENCE


def _end(packet: Packet) -> int:
    return (packet.seq + packet.payload + (TcpFlag.FIN in packet.flags)) % SEQUENCE
