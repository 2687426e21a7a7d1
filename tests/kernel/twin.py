"""The kernel program and the reference model side by side: the same packets, the same clock."""

from __future__ import annotations

import dataclasses
import struct
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import sekisho.gate
from sekisho.gate import abi, bpf, libbpf, tables
from sekisho.gate.counts import read_counters
from sekisho.gate.frames import Role
from sekisho.gate.indices import banks, class_names
from sekisho.gate.packed import KEY_SIZES, joined_keys, joined_values, unpacked
from sekisho.gate.peaks import KernelPeaks
from sekisho.gate.reference import Key, Peak, Reference, Verdict
from sekisho.gate.roster import line_changes, settings_for
from sekisho.gate.slots import Slot, State
from sekisho.model import Counters, RosterChange, Wanted

OBJECT = Path(sekisho.gate.__file__).with_name("gate.bpf.o")
PROGRAMS = {Role.SUBSCRIBER: "subscriber_eth", Role.UPLINK: "uplink_eth", Role.STEERED: "steered_eth"}
STATES = {
    abi.SLOT_SYN: State.SYN,
    abi.SLOT_OPEN: State.OPEN,
    abi.SLOT_HALF: State.HALF,
    abi.SLOT_CLOSED: State.CLOSED,
}
COMPARED = (
    *("opened", "release_at", "until", "syn", "syn_end"),
    *("line_end", "server_end", "line_ack", "server_ack"),
)
FLAGS = {
    "server_seen": abi.SLOT_SERVER_SEEN,
    "syn_seen": abi.SLOT_SYN_SEEN,
    "reopening": abi.SLOT_REOPENING,
    "line_spoke": abi.SLOT_LINE_SPOKE,
    "server_spoke": abi.SLOT_SERVER_SPOKE,
    "adopted": abi.SLOT_ADOPTED,
    "line_reset": abi.SLOT_LINE_RESET,
}
MS = 1_000_000
SECOND = 1000 * MS
SLOT_FIELDS = [name for name, code in abi.SLOT.fields if not code.endswith("x")]


class DisagreementError(AssertionError):
    """The kernel program and the reference model answered differently."""


@dataclass(frozen=True)
class Answer:
    """What the kernel program did with a frame."""

    action: int
    mark: int
    frame: bytes


class Twin:
    """A loaded gate that is attached nowhere, and its model; every call is checked on both."""

    def __init__(
        self, loaded: libbpf.Loaded, wanted: Wanted, sizes: dict[str, int], hold_by_queue: bool
    ) -> None:
        self._loaded = loaded
        self._hold_by_queue = hold_by_queue
        self.now = 1000 * SECOND
        self.tables = tables.encode(wanted, tables.EMPTY, hold_by_queue=hold_by_queue, learning_until_ns=0)
        apply(self._loaded, tables.diff(tables.EMPTY, self.tables))
        self.model = Reference(
            wanted,
            self._banks(),
            hold_by_queue,
            max_lines=sizes["lines"],
            max_slots=sizes["slots"],
            max_peaks=sizes["peaks_even"],
        )
        self.peaks = KernelPeaks(loaded.maps, loaded.programs["fold"])
        self.tick(0)

    # Both at once.

    def receive(self, frame: bytes, role: Role = Role.SUBSCRIBER) -> Answer:
        """Give one frame to both, and compare what they answer."""
        run = bpf.run_packet(self._loaded.programs[PROGRAMS[role]], frame, ifindex=1)
        got = Verdict(run.retval, run.mark)
        expected = self.model.receive(frame, role, self.now)
        if got != expected:
            raise DisagreementError(
                f"kernel {got}, model {expected} on {frame.hex()} at {self.now} as {role}"
            )
        return Answer(run.retval, run.mark, run.data)

    def sweep(self) -> None:
        """Remove what time has ended."""
        bpf.run_packet(self._loaded.programs["sweep"], bytes(64))
        self.model.sweep(self.now)
        self.compare()

    def turn(self) -> None:
        """End the hour: count lines by their peaks, and forget these."""
        self.peaks.turn(datetime.fromtimestamp(self.now // SECOND, UTC))
        while self.peaks.fold():
            pass
        self.model.turn(self.now)
        self.compare()

    def tick(self, nanoseconds: int) -> None:
        """Let time pass."""
        self.now += nanoseconds
        self._write_control(test_clock=self.now)

    def learn(self, nanoseconds: int) -> None:
        """Open the learning window."""
        self.model.learning_until = self.now + nanoseconds
        self._write_control(learning_until=self.model.learning_until)

    def want(self, wanted: Wanted) -> None:
        """Change what is wanted, by diff."""
        after = tables.encode(
            wanted,
            self.tables,
            hold_by_queue=self._hold_by_queue,
            learning_until_ns=self.model.learning_until,
        )
        apply(self._loaded, tables.diff(self.tables, after))
        self.tables = after
        self.model.wanted, self.model.banks = wanted, self._banks()
        self.tick(0)

    def change(self, change: RosterChange) -> None:
        """Change some lines, without looking at the others."""
        before = tables.settings(self.tables)
        after = settings_for(change, before)
        apply(self._loaded, tables.diff(before, after))
        apply(self._loaded, line_changes(change, after))
        lines = {name: unpacked(name, *bpf.read_joined(self._loaded.maps[name])) for name in KEY_SIZES}
        self.tables = {**after, **lines}
        wanted = self.model.wanted
        known, held = {**wanted.lines, **change.lines}, {**wanted.addresses, **change.addresses}
        self.model.wanted = dataclasses.replace(
            wanted,
            lines={number: line for number, line in known.items() if line is not None},
            addresses={address: number for address, number in held.items() if number is not None},
        )
        self.model.banks = self._banks()
        self.tick(0)

    def set_limit(self, class_name: str, **fields: object) -> None:
        """Change one class's limit."""
        limit = dataclasses.replace(self.model.wanted.classes[class_name], **fields)  # type: ignore[arg-type]
        self.want(
            dataclasses.replace(self.model.wanted, classes={**self.model.wanted.classes, class_name: limit})
        )

    def compare(self) -> None:
        """Compare slots, lines' counts and counters of both."""
        assert self.kernel_slots() == {key: _shape(slot) for key, slot in self.model.slots.items()}
        kernel_lines, model_lines = self.kernel_sessions(), dict(self.model.sessions)
        assert kernel_lines == model_lines
        assert self.kernel_counters() == +self.model.counters
        assert self.kernel_totals() == +self.model.totals
        assert self.kernel_peaks() == self.model.peaks
        assert self.kernel_met_cap() == self.model.met_cap
        assert self.kernel_folded() == +self.model.folded

    def check_invariants(self) -> None:
        """Live slots of each line equal its count; no line without slots has a count."""
        live = Counter(line for line, state, *_ in self.kernel_slots().values() if state is not State.CLOSED)
        assert +live == +Counter(self.kernel_sessions())

    # The kernel's side.

    def kernel_slots(self) -> dict[Key, tuple[object, ...]]:
        found: dict[Key, tuple[object, ...]] = {}
        for key, value in bpf.read_all(self._loaded.maps["slots"]).items():
            slot = dict(zip(SLOT_FIELDS, struct.unpack(abi.SLOT.format, value), strict=True))
            line, server, port, ipv6 = struct.unpack(abi.SLOT_KEY.format, key)
            flags = slot["flags"]
            found[line, port, server, bool(ipv6)] = (
                slot["line"],
                STATES[slot["state"]],
                *(slot[name] for name in COMPARED),
                *(bool(flags & bit) for bit in FLAGS.values()),
                slot["line_fin"] if flags & abi.SLOT_LINE_FIN else None,
                slot["server_fin"] if flags & abi.SLOT_SERVER_FIN else None,
            )
        return found

    def kernel_sessions(self) -> dict[int, int]:
        values = bpf.read_all(self._loaded.maps["lines"])
        found = {}
        for key, value in values.items():
            _, sessions, owner = struct.unpack(abi.LINE.format, value)
            (number,) = struct.unpack(abi.U64, key)
            assert owner == number
            found[number] = sessions
        return found

    def kernel_peaks(self) -> dict[int, Peak]:
        """What is noted now; the other side has nothing once it is folded."""
        odd, *_ = struct.unpack(
            abi.PEAK_SIDES.format, bpf.lookup(self._loaded.maps["peak_sides"], bytes(4), 16)
        )
        noted, left = ("peaks_odd", "peaks_even") if odd else ("peaks_even", "peaks_odd")
        assert not bpf.read_all(self._loaded.maps[left])
        names = {index: name for name, index in class_names(self.tables).items()}
        found = {}
        for key, value in bpf.read_all(self._loaded.maps[noted]).items():
            _, sessions, class_index, arm, met_cap = struct.unpack(abi.PEAK.format, value)
            found[int.from_bytes(key, "little")] = Peak(sessions, bool(met_cap), names[class_index], arm)
        return found

    def kernel_met_cap(self) -> dict[int, int]:
        read = bpf.read_all(self._loaded.maps["met_cap"])
        return {int.from_bytes(line, "little"): int.from_bytes(at, "little") for line, at in read.items()}

    def kernel_folded(self) -> Counter[tuple[str, int, str]]:
        return self._by_arm("folded_peaks", _PEAK_NAMES, abi.FOLDED_PEAKS)

    def kernel_counters(self) -> Counter[tuple[str, int, str]]:
        return self._by_arm("counters", _COUNTER_NAMES, abi.COUNTERS)

    def told(self) -> Counters:
        """Return what the daemon reads of it."""
        return read_counters(self._loaded.maps)

    def _by_arm(self, table: str, fields: Iterable[str], layout: abi.Layout) -> Counter[tuple[str, int, str]]:
        """Read all arms, also the one that the daemon leaves unread."""
        found: Counter[tuple[str, int, str]] = Counter()
        names = {index: name for name, index in class_names(self.tables).items()}
        for key, value in bpf.read_all(self._loaded.maps[table]).items():
            (index,) = struct.unpack(abi.U32, key)
            for name, number in zip(fields, _sum_over_cpus(value, layout), strict=True):
                if number:
                    found[names[index // abi.MAX_ARMS], index % abi.MAX_ARMS, name] += number
        return found

    def kernel_totals(self) -> Counter[str]:
        ((_, value),) = bpf.read_all(self._loaded.maps["totals"]).items()
        return +Counter(dict(zip(abi.TOTAL_SUMS, _sum_over_cpus(value, abi.TOTALS), strict=True)))

    def _banks(self) -> dict[int, int]:
        return {delay_ms: bank for bank, delay_ms in banks(self.tables).items()}

    def _write_control(self, **fields: int) -> None:
        fd = self._loaded.maps["control"]
        control = bytearray(bpf.lookup(fd, bytes(4), abi.CONTROL.size))
        for name, number in fields.items():
            struct.pack_into("<Q", control, {"learning_until": 0, "test_clock": 8}[name], number)
        bpf.update(fd, bytes(4), bytes(control))


def apply(loaded: libbpf.Loaded, changes: Iterable[sekisho.gate.Change]) -> None:
    """Write changes into a loaded gate's maps."""
    for change in changes:
        fd = loaded.maps[change.map_name]
        bpf.delete_batch(fd, joined_keys(change.deletes))
        bpf.update_batch(fd, joined_keys(change.updates), joined_values(change.updates))


_COUNTER_NAMES = [
    *abi.COUNTER_SUMS,
    *(f"concurrency[{i}]" for i in range(abi.CONCURRENCY_BUCKETS)),
    *(f"length[{i}]" for i in range(abi.LENGTH_BUCKETS)),
]
_PEAK_NAMES = [*(f"lines[{i}]" for i in range(abi.CONCURRENCY_BUCKETS)), "met_cap"]


def _sum_over_cpus(value: bytes, layout: abi.Layout) -> list[int]:
    return [sum(column) for column in zip(*struct.iter_unpack(layout.format, value), strict=True)]


def _shape(slot: Slot) -> tuple[object, ...]:
    return (
        slot.subject.line,
        slot.state,
        *(getattr(slot, name) for name in COMPARED),
        *(getattr(slot, name) for name in FLAGS),
        slot.line_fin,
        slot.server_fin,
    )


def _sizes_of_lines(lines: int) -> dict[str, int]:
    return {"lines": lines, "peaks_even": 2 * lines, "peaks_odd": 2 * lines}


@cache
def _load(lines: int, slots: int) -> libbpf.Loaded:
    """Load once for the whole run: the verifier's work takes longer than all the tests."""
    sizes = {"slots": slots, "addresses": 4096, "known": 4096, **_sizes_of_lines(lines)}
    return libbpf.load(OBJECT, pin_dir=None, sizes=sizes, rodata_test_clock=True)


def _empty(loaded: libbpf.Loaded) -> None:
    for fd in loaded.maps.values():
        info, entries = bpf.map_info(fd), bpf.read_all(fd)
        if info.type in (bpf.MapType.ARRAY, bpf.MapType.PERCPU_ARRAY):
            bpf.update_batch(fd, joined_keys(entries), bytes(len(joined_values(entries))))
        else:
            bpf.delete_batch(fd, joined_keys(entries))


@contextmanager
def twin(
    wanted: Wanted, *, lines: int = 1024, slots: int = 4096, hold_by_queue: bool = True
) -> Iterator[Twin]:
    """Give a gate with the test clock that is as new; nothing is pinned or attached."""
    loaded = _load(lines, slots)
    _empty(loaded)
    yield Twin(loaded, wanted, {"slots": slots, **_sizes_of_lines(lines)}, hold_by_queue)
