"""The kernel program's structs, limits and names as Python sees them: the mirror of bpf/gate.h.

Layouts are native x86-64/arm64 C layouts, little endian. `LAYOUTS` names every field with its
offset and size; a test compares it with the BTF of the built object.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Final

from sekisho import model

SMTP_PORT: Final = 25

MAX_CLASSES: Final = 64
MAX_ARMS: Final = 16
OWN_LIMIT_ARM: Final = model.OWN_LIMIT_ARM
MAX_LIMITS: Final = 256
MAX_PREFIX_LENGTHS: Final = 8
CLASS_NAME_SIZE: Final = 32

CONCURRENCY_BUCKETS: Final = 24
LENGTH_BUCKETS: Final = 24

HOLD_MARK: Final = 0xB0000000
HOLD_MARK_MASK: Final = 0xFF000000
HOLD_BANK_SHIFT: Final = 24
MAX_BANKS: Final = 16

UNCAPPED_SLOTS: Final = 1024

LINE_IPV4: Final = 1 << 32
LINE_KNOWN: Final = 1 << 48

MODE_OBSERVE: Final = 0
MODE_ENFORCE: Final = 1
EXCESS_DROP: Final = 0
EXCESS_RESET: Final = 1

CONTROL_HALF_VIEW: Final = 1 << 0
CONTROL_HOLD_BY_QUEUE: Final = 1 << 1
CONTROL_DROP_UNKNOWN: Final = 1 << 2
CONTROL_DROP_ETHERTYPE: Final = 1 << 3

SLOT_DEAD: Final = 0
SLOT_SYN: Final = 1
SLOT_OPEN: Final = 2
SLOT_HALF: Final = 3
SLOT_CLOSED: Final = 4

SLOT_LINE_FIN: Final = 1 << 0
SLOT_SERVER_FIN: Final = 1 << 1
SLOT_SERVER_SEEN: Final = 1 << 2
SLOT_SYN_SEEN: Final = 1 << 3
SLOT_REOPENING: Final = 1 << 4
SLOT_LINE_SPOKE: Final = 1 << 5
SLOT_SERVER_SPOKE: Final = 1 << 6
SLOT_ADOPTED: Final = 1 << 7
SLOT_LINE_RESET: Final = 1 << 8

PASS: Final = -1  # TC_ACT_UNSPEC: the next program, else onward
DROP: Final = 2  # TC_ACT_SHOT
REPLY: Final = 7  # TC_ACT_REDIRECT: the packet has become a reset to the line

IPV4_PREFIX: Final = bytes(10) + b"\xff\xff"
IPV4_BITS: Final = 96  # how far an IPv4 prefix length is shifted


@dataclass(frozen=True, slots=True)
class Layout:
    """A C struct: its name in BTF, its struct format, and its fields in order.

    A field of array type is one name with its count; padding is named too.
    """

    name: str
    fields: tuple[tuple[str, str], ...]  # (name, struct code)

    @property
    def format(self) -> str:
        """Return the struct format of all fields, little endian and without implicit padding."""
        return "<" + "".join(code for _, code in self.fields)

    @property
    def size(self) -> int:
        """Return the struct's size in bytes."""
        return struct.calcsize(self.format)

    def offset(self, field: str) -> int:
        """Return where a field begins, in bytes."""
        names = [name for name, _ in self.fields]
        return struct.calcsize("<" + "".join(code for _, code in self.fields[: names.index(field)]))


ADDRESS_KEY: Final = Layout("address_key", (("address", "16s"), ("set", "I"), ("length", "I")))
KNOWN: Final = Layout("known", (("class", "H"), ("limit", "H"), ("arm", "B"), ("pad", "3x")))
PORT_PLAN: Final = Layout(
    "port_plan", (("class", "H"), ("first", "H"), ("size", "H"), ("offset", "B"), ("length", "B"))
)
PREFIX_KEY: Final = Layout("prefix_key", (("length", "I"), ("address", "16s")))
POOL: Final = Layout("pool", (("class", "H"), ("line_length", "B"), ("arm", "B")))
LIMIT: Final = Layout("limit", (("cap", "I"), ("delay_ms", "H"), ("bank", "B"), ("mode_excess", "B")))
CONTROL: Final = Layout(
    "control",
    (
        ("learning_until", "Q"),
        ("test_clock", "Q"),
        ("flags", "I"),
        ("syn_timeout_ms", "I"),
        ("idle_timeout_ms", "I"),
        ("half_closed_timeout_ms", "I"),
        ("linger_ms", "I"),
        ("prefix_lengths", "8s"),
        ("pad", "4x"),
    ),
)
LINE: Final = Layout("line", (("lock", "I"), ("sessions", "I"), ("owner", "Q")))
PEAK: Final = Layout(
    "peak", (("lock", "I"), ("sessions", "I"), ("class", "H"), ("arm", "B"), ("met_cap", "B"))
)
PEAK_SIDES: Final = Layout(
    "peak_sides", (("odd", "I"), ("since", "I"), ("folded_since", "I"), ("folded_until", "I"))
)
FOLD_STATE: Final = Layout("fold_state", (("lines", "I"),))
FOLDED_PEAKS: Final = Layout("folded_peaks", (("lines", f"{CONCURRENCY_BUCKETS}Q"), ("met_cap", "Q")))
SLOT_KEY: Final = Layout("slot_key", (("line", "16s"), ("server", "16s"), ("port", "H"), ("ipv6", "H")))
SLOT: Final = Layout(
    "slot",
    (
        ("lock", "I"),
        ("class", "H"),
        ("flags", "H"),
        ("fingerprint", "Q"),
        ("until", "Q"),
        ("release_at", "Q"),
        ("line_end", "I"),
        ("server_end", "I"),
        ("line_ack", "I"),
        ("server_ack", "I"),
        ("limit", "H"),
        ("state", "B"),
        ("arm", "B"),
        ("pad", "4x"),
        ("syn", "I"),
        ("syn_end", "I"),
        ("line_fin", "I"),
        ("server_fin", "I"),
        ("line", "Q"),
        ("opened", "Q"),
    ),
)
COUNTER_SUMS: Final = (
    "attempted",
    "admitted",
    "refused",
    "over_cap",
    "untracked",
    "held",
    "retransmissions_dropped",
    "early_dropped",
    "adopted",
    "without_slot_passed",
    "without_slot_dropped",
    "closed_fin",
    "closed_rst",
    "closed_time",
    "unjudgeable",
    "bytes_out",
    "bytes_in",
)
COUNTERS: Final = Layout(
    "counters",
    (
        *((name, "Q") for name in COUNTER_SUMS),
        ("concurrency", f"{CONCURRENCY_BUCKETS}Q"),
        ("length", f"{LENGTH_BUCKETS}Q"),
    ),
)
TOTAL_SUMS: Final = (
    "unknown_source",
    "unknown_ethertype",
    "exempt",
    "resets_sent",
    "slots_taken",
    "lines_full",
    "slots_full",
    "busy",
    "peaks_full",
)
TOTALS: Final = Layout("totals", tuple((name, "Q") for name in TOTAL_SUMS))
SWEEP: Final = Layout(
    "sweep",
    (
        ("sessions", "I"),
        ("lingering", "I"),
        ("lines", "I"),
        ("expired", "I"),
        ("slots_removed", "I"),
        ("lines_removed", "I"),
    ),
)

LAYOUTS: Final = (
    ADDRESS_KEY,
    KNOWN,
    PORT_PLAN,
    PREFIX_KEY,
    POOL,
    LIMIT,
    CONTROL,
    LINE,
    PEAK,
    PEAK_SIDES,
    FOLD_STATE,
    FOLDED_PEAKS,
    SLOT_KEY,
    SLOT,
    COUNTERS,
    TOTALS,
    SWEEP,
)

U32: Final = "<I"
U64: Final = "<Q"


def address16(packed: bytes) -> bytes:
    """Return a packed IPv4 or IPv6 address as the 16 bytes the kernel program uses."""
    return packed if len(packed) == 16 else IPV4_PREFIX + packed


def length128(packed: bytes, length: int) -> int:
    """Return a prefix length counted in the 128-bit form."""
    return length if len(packed) == 16 else length + IPV4_BITS


_address_key = struct.Struct(ADDRESS_KEY.format)
_known = struct.Struct(KNOWN.format)
_port_plan = struct.Struct(PORT_PLAN.format)
_prefix_key = struct.Struct(PREFIX_KEY.format)
_pool = struct.Struct(POOL.format)
_limit = struct.Struct(LIMIT.format)
_control = struct.Struct(CONTROL.format)
_sweep = struct.Struct(SWEEP.format)


def pack_address_key(packed: bytes, length: int, port_set: int | None = None) -> bytes:
    """Return the key of `addresses` for a packed address or prefix, or one port set of it."""
    number = 0 if port_set is None else port_set + 1
    return _address_key.pack(address16(packed), number, length128(packed, length))


def pack_line(number: int) -> bytes:
    """Return the u64 of a known line, its number being below 2**48."""
    return struct.pack(U64, LINE_KNOWN | number)


def pack_known(class_index: int, limit_index: int, arm: int) -> bytes:
    """Return the value of `known`."""
    return _known.pack(class_index, limit_index, arm)


KNOWN_SIZE = _known.size


def unpack_known(value: bytes) -> tuple[int, int, int]:
    """Return (class index, limit index, arm)."""
    class_index, limit_index, arm = _known.unpack(value)
    return class_index, limit_index, arm


def pack_port_plan(class_index: int, first: int, size: int, offset: int, length: int) -> bytes:
    """Return the value of `shared`."""
    return _port_plan.pack(class_index, first, size, offset, length)


def port_plan_class(value: bytes) -> int:
    """Return the class index in a value of `shared`."""
    return int(_port_plan.unpack(value)[0])


def pack_prefix_key(packed: bytes, length: int) -> bytes:
    """Return the key of `pools` and `exempt`."""
    return _prefix_key.pack(length128(packed, length), address16(packed))


def pack_pool(class_index: int, line_length: int, arm: int) -> bytes:
    """Return the value of `pools`; `line_length` in the 128-bit form."""
    return _pool.pack(class_index, line_length, arm)


def pack_limit(cap: int, delay_ms: int, bank: int, mode: int, excess: int) -> bytes:
    """Return the eight bytes of one limit, written and read as one word."""
    return _limit.pack(cap, delay_ms, bank, mode | excess << 4)


def unpack_limit(value: bytes) -> tuple[int, int, int, int, int]:
    """Return (cap, delay_ms, bank, mode, excess)."""
    cap, delay_ms, bank, both = _limit.unpack(value)
    return cap, delay_ms, bank, both & 15, both >> 4


def pack_control(
    *,
    learning_until: int,
    flags: int,
    syn_timeout_ms: int,
    idle_timeout_ms: int,
    half_closed_timeout_ms: int,
    linger_ms: int,
    prefix_lengths: tuple[int, ...] = (),
    test_clock: int = 0,
) -> bytes:
    """Return control[0]; times are CLOCK_MONOTONIC nanoseconds where not named otherwise."""
    return _control.pack(
        learning_until,
        test_clock,
        flags,
        syn_timeout_ms,
        idle_timeout_ms,
        half_closed_timeout_ms,
        linger_ms,
        bytes(prefix_lengths).ljust(MAX_PREFIX_LENGTHS, b"\0"),
    )


def unpack_control(value: bytes) -> dict[str, int | bytes]:
    """Return control[0] by field name."""
    names = [name for name, code in CONTROL.fields if not code.endswith("x")]
    return dict(zip(names, _control.unpack(value), strict=True))


def unpack_sweep(value: bytes) -> tuple[int, ...]:
    """Return swept[0]: the fields of `SWEEP` in order."""
    return _sweep.unpack(value)


def concurrency_bucket(sessions: int) -> int:
    """Return the bucket of a concurrency: 1..16 one by one, then 17-32, 33-64, …"""
    if sessions <= 16:
        return max(sessions, 1) - 1
    return min(16 + ((sessions - 1) >> 4).bit_length() - 1, CONCURRENCY_BUCKETS - 1)


def length_bucket(milliseconds: int) -> int:
    """Return the bucket of a session length: log2 of (milliseconds + 1)."""
    return min((milliseconds + 1).bit_length() - 1, LENGTH_BUCKETS - 1)
