"""Frozen values that travel between the office and the gate.

Nothing here does anything: no sockets, no clock, no files. A value that crosses machines in a
fleet is built from these types only, so all of them are plain and comparable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Final, NamedTuple

Network = IPv4Network | IPv6Network


class Mode(StrEnum):
    """What a class's limit does: count only, or limit."""

    OBSERVE = "observe"
    ENFORCE = "enforce"


class Excess(StrEnum):
    """What happens to a session beyond the cap."""

    DROP = "drop"
    RESET = "reset"


class Policy(StrEnum):
    """What happens to packets the gate has no rule for."""

    PASS = "pass"
    DROP = "drop"


class View(StrEnum):
    """Which directions of a session the gate sees."""

    FULL = "full"
    HALF = "half"


@dataclass(frozen=True, slots=True)
class Limit:
    """The limit of a class or of one line: cap in sessions, delay in milliseconds."""

    mode: Mode
    cap: int
    delay_ms: int
    excess: Excess = Excess.DROP


@dataclass(frozen=True, slots=True)
class Pool:
    """A prefix whose addresses are handed to lines of one class.

    `line_length` is the prefix length in bits of one line (IPv4: 32).
    """

    prefix: Network
    line_length: int
    class_name: str
    arm: int = 0


OWN_LIMIT_ARM: Final = 1
"""Lines with a limit of their own, apart from their class: they are few, so what they did is told nowhere."""


class Stage(StrEnum):
    """How far the case of a line has come that has no limit of its own."""

    REPORTED = "reported"  # until the stop request
    ASKED = "asked"  # after it


STAGE_PARTS: Final = 7
"""So many arms a stage has, each line in one of them: no line has done more than the largest."""


def stage_arms(stage: Stage) -> range:
    """Return the arms of a stage, which count towards the class too."""
    first = OWN_LIMIT_ARM + 1 + STAGE_PARTS * (*Stage,).index(stage)
    return range(first, first + STAGE_PARTS)


def stage_arm(stage: Stage, line: int) -> int:
    """Return the arm in which a line is counted."""
    return stage_arms(stage)[line % STAGE_PARTS]


@dataclass(frozen=True, slots=True)
class KnownLine:
    """A line known by name: its class, and its own limit where it has one.

    `counted`: the arm of its stage, 0 where it has none.
    """

    class_name: str
    limit: Limit | None = None
    counted: int = 0

    @property
    def arm(self) -> int:
        """Return the arm in which the gate counts it."""
        return self.counted if self.limit is None else OWN_LIMIT_ARM


class Address(NamedTuple):
    """What a line holds: a whole address or prefix, or one port set of an IPv4 address.

    `network` is the packed address (4 or 16 bytes), `length` its prefix length in bits,
    `port_set` None or the number of the set.
    """

    network: bytes
    length: int
    port_set: int | None = None


@dataclass(frozen=True, slots=True)
class PortPlan:
    """How an IPv4 address is divided among lines by port.

    MAP-E (RFC 7597 §5.1): `offset` bits, then `length` bits of port-set id. Blocks (CGN):
    `size` ports each, counted from `first`. `class_name` judges packets without a readable port.
    """

    class_name: str
    offset: int = 0
    length: int = 0
    first: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Timeouts:
    """How long a slot waits in silence, in milliseconds."""

    syn_ms: int = 30_000
    idle_ms: int = 900_000  # above the 10 minutes RFC 5321 §4.5.3.2.6 gives the end of DATA
    half_closed_ms: int = 120_000
    linger_ms: int = 5_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """All that the office wants from a gate; `Wanted` in, kernel tables out.

    Lines are numbered below 2**48; `addresses` and `lines` use these numbers.
    """

    classes: Mapping[str, Limit]
    pools: tuple[Pool, ...] = ()
    exempt: tuple[Network, ...] = ()
    lines: Mapping[int, KnownLine] = field(default_factory=dict)
    addresses: Mapping[Address, int] = field(default_factory=dict)
    port_plans: Mapping[bytes, PortPlan] = field(default_factory=dict)
    timeouts: Timeouts = Timeouts()
    view: View = View.FULL
    unknown_source: Policy = Policy.PASS
    unknown_ethertype: Policy = Policy.PASS


@dataclass(frozen=True, slots=True)
class Roster:
    """The lines known beside the configuration, what they hold now, and how they share; as in `Wanted`."""

    lines: Mapping[int, KnownLine] = field(default_factory=dict)
    addresses: Mapping[Address, int] = field(default_factory=dict)
    port_plans: Mapping[bytes, PortPlan] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RosterChange:
    """What becomes another in a roster; None: no longer known, no longer held."""

    lines: Mapping[int, KnownLine | None] = field(default_factory=dict)
    addresses: Mapping[Address, int | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ClassCounters:
    """Sums and histograms of one class and arm since the gate was attached.

    `concurrency` and `length` are bucket counts; `sekisho.gate.abi` gives the bucket edges.
    """

    attempted: int = 0
    admitted: int = 0
    refused: int = 0
    over_cap: int = 0
    untracked: int = 0
    held: int = 0
    retransmissions_dropped: int = 0
    early_dropped: int = 0
    adopted: int = 0
    without_slot_passed: int = 0
    without_slot_dropped: int = 0
    closed_fin: int = 0
    closed_rst: int = 0
    closed_time: int = 0
    unjudgeable: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    concurrency: tuple[int, ...] = ()
    length: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums of what belongs to no class; not those in which lines with a limit of their own stand out."""

    unknown_source: int = 0
    unknown_ethertype: int = 0
    exempt: int = 0
    lines_full: int = 0
    slots_full: int = 0
    busy: int = 0
    peaks_full: int = 0


@dataclass(frozen=True, slots=True)
class Counters:
    """What a gate has counted: per (class name, arm), and in total."""

    classes: Mapping[tuple[str, int], ClassCounters]
    totals: Totals


@dataclass(frozen=True, slots=True)
class ClassPeaks:
    """Lines of one class and arm by the most sessions that each had at once, and how many met their cap.

    `lines` are bucket counts; `sekisho.gate.abi` gives the bucket edges.
    """

    lines: tuple[int, ...] = ()
    met_cap: int = 0


@dataclass(frozen=True, slots=True)
class Peaks:
    """The peaks of all lines of a gate between two moments, per (class name, arm).

    `stages`: of how many of them it is certain that they began sessions while their cases were so far.
    """

    since: datetime
    until: datetime
    classes: Mapping[tuple[str, int], ClassPeaks]
    stages: Mapping[tuple[str, Stage], int] = field(default_factory=dict)


class Sent(NamedTuple):
    """What lines have sent: sessions that were admitted, and IP octets of these."""

    sessions: int
    octets: int


class Active(NamedTuple):
    """How many lines of a class had sessions in a span at a gate, and how many of them met their cap."""

    since: datetime
    until: datetime
    class_name: str
    lines: int
    met_cap: int


@dataclass(frozen=True, slots=True)
class Sweep:
    """What one sweep left (live sessions, lingering slots, lines) and what it removed."""

    sessions: int = 0
    lingering: int = 0
    lines: int = 0
    expired: int = 0
    slots_removed: int = 0
    lines_removed: int = 0
