"""What a gate's equipment has counted at a moment, read from the kernel's texts, and the difference of two.

Counts that grow and begin anew together are a meter: the machine's processors, the daemon, the hold, each
interface. A difference is never negative: what began anew has counted all that it shows since the last look.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from sekisho.gate.releases import LATENESS_EDGES_MS

CPU: Final = "cpu"
DAEMON: Final = "daemon"
HOLD: Final = "hold"
INTERFACE: Final = "interface "  # before its name

_IDLE: Final = (3, 4)  # of a line of /proc/stat: idle, and waiting for a disk
_INTERRUPTS: Final = 6  # softirq
_TIMES: Final = 8  # up to what the host took; guests' are in the user's time already
_UTIME, _STIME, _STARTED = 11, 12, 19  # of /proc/PID/stat behind the name, proc_pid_stat(5)
_RECEIVED: Final = (1, 3)  # packets and drops of a line of /proc/net/dev
_SENT: Final = (9, 11)


@dataclass(frozen=True, slots=True)
class Meter:
    """Counts that grow together; `run` names them: another one where they began anew."""

    run: str
    counts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Equipment:
    """What was counted by a moment, by meter; without any it could not be read.

    `waiting`: SYNs in the hold then; `highest`: the most since the reading before.
    """

    meters: Mapping[str, Meter]
    waiting: int = 0
    highest: int = 0


UNREAD: Final = Equipment({})


@dataclass(frozen=True, slots=True)
class EquipmentCounts:
    """What the equipment did in a span.

    `cpu_ms`: time of all cores, busy or not, of it `busy_ms`, and of that `softirq_ms`, in which packets are
    forwarded, the kernel program included; `daemon_ms`: of the daemon's process. `received`, `sent`: packets
    of all of the gate's interfaces. `highest`: the most SYNs that the hold had at once; `hold_dropped`: that
    it had no room for. `held`: sessions that had to wait; `unreleased`: of them those that the hold did not
    send on, so that a retransmission did. `late`: SYNs by `LATENESS_EDGES_MS`, and beyond.
    """

    cpu_ms: int = 0
    busy_ms: int = 0
    softirq_ms: int = 0
    daemon_ms: int = 0
    received: int = 0
    received_dropped: int = 0
    sent: int = 0
    sent_dropped: int = 0
    highest: int = 0
    hold_dropped: int = 0
    held: int = 0
    unreleased: int = 0
    late: tuple[int, ...] = (0,) * (len(LATENESS_EDGES_MS) + 1)


EQUIPMENT_SUMS: Final = tuple(
    one.name for one in fields(EquipmentCounts) if one.name not in ("highest", "late")
)
"""What adds up over time; of `highest` the most counts, and `late` adds up bucket by bucket."""


def cpu_meter(stat: str, ticks: int, run: str) -> Meter:
    """Read /proc/stat; `ticks` a second. ValueError where it is none."""
    line = stat.split("\n", 1)[0].split()
    if line[:1] != ["cpu"] or len(line) <= _TIMES:
        raise ValueError(f"/proc/stat begins with {line[:1]}, and not with the time of all processors")
    times = [int(one) * 1_000 // ticks for one in line[1 : _TIMES + 1]]
    whole = sum(times)
    return Meter(run, (whole, whole - sum(times[place] for place in _IDLE), times[_INTERRUPTS]))


def process_meter(stat: str, ticks: int, boot: str) -> Meter:
    """Read /proc/PID/stat; a process is told by its number, when it started, and the boot."""
    number = stat.split(" ", 1)[0]
    rest = stat.rpartition(")")[2].split()  # a name may have spaces and parentheses
    milliseconds = (int(rest[_UTIME]) + int(rest[_STIME])) * 1_000 // ticks
    return Meter(f"{boot}/{number}/{rest[_STARTED]}", (milliseconds,))


def interface_counts(dev: str) -> dict[str, tuple[int, ...]]:
    """Read /proc/net/dev: name → packets and drops received, packets and drops sent."""
    found = {}
    for line in dev.splitlines()[2:]:
        name, _, counts = line.rpartition(":")  # a name may have a colon
        columns = counts.split()
        found[name.strip()] = tuple(int(columns[place]) for place in (*_RECEIVED, *_SENT))
    return found


def difference(last: Equipment, new: Equipment, held: int) -> tuple[EquipmentCounts, bool]:
    """Return what was counted in between, and whether something of it is lost.

    `held`: sessions that had to wait in between.
    """
    names = last.meters.keys() | new.meters.keys()
    found = {name: _since(name, last.meters.get(name), new.meters.get(name)) for name in names}
    is_cut = any(lost for _, lost in found.values())
    whole, busy, softirq = _of(found, CPU, 3)
    (daemon,) = _of(found, DAEMON, 1)
    dropped, *late = _of(found, HOLD, len(LATENESS_EDGES_MS) + 2)
    links = [_of(found, name, 4) for name in names if name.startswith(INTERFACE)]
    received, received_dropped, sent, sent_dropped = map(sum, zip(*links, (0,) * 4, strict=True))
    counts = EquipmentCounts(
        cpu_ms=whole,
        busy_ms=busy,
        softirq_ms=softirq,
        daemon_ms=daemon,
        received=received,
        received_dropped=received_dropped,
        sent=sent,
        sent_dropped=sent_dropped,
        highest=max(new.highest, new.waiting),
        hold_dropped=dropped,
        held=held,
        # Added up over readings only what waits at both ends is left of what waits in between.
        unreleased=held - sum(late) - (new.waiting - last.waiting),
        late=tuple(late),
    )
    return counts, is_cut


def added_equipment(one: EquipmentCounts, other: EquipmentCounts) -> EquipmentCounts:
    """Add up what was counted in two spans."""
    sums: dict[str, int] = {name: getattr(one, name) + getattr(other, name) for name in EQUIPMENT_SUMS}
    late = tuple(a + b for a, b in zip(one.late, other.late, strict=True))
    return EquipmentCounts(**sums, highest=max(one.highest, other.highest), late=late)


def _since(name: str, before: Meter | None, now: Meter | None) -> tuple[tuple[int, ...] | None, bool]:
    """Return what a meter counted, None for nothing, and whether some of it is lost."""
    if before is None or now is None:
        return None, True
    steps = tuple(b - a for a, b in zip(before.counts, now.counts, strict=True))
    if name == CPU and before.run == now.run:  # the kernel lets time of a disk's wait go back a little
        return tuple(max(0, step) for step in steps), False
    if before.run != now.run or min(steps) < 0:
        return now.counts, True
    return steps, False


def _of(found: Mapping[str, tuple[tuple[int, ...] | None, bool]], name: str, size: int) -> tuple[int, ...]:
    return found.get(name, (None, False))[0] or (0,) * size
