"""The gate's one door to the kernel: attach or take over, read, change, count, sweep, take down.

A gate is a directory in bpffs that holds its maps and, per interface, what `links` pins. Whoever opens it
loads the program of this package against the maps that are there and puts it in the former one's place;
nobody has to be running for the gate to go on. Interface names are those of the calling thread's network
namespace. What fails is a GateError.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from itertools import product
from pathlib import Path
from typing import Final

import structlog

from sekisho.gate import Change, FullError, GateError, Tables, abi, bpf, libbpf, links, needs
from sekisho.gate.counts import counter_key, read_counters, read_totals
from sekisho.gate.packed import KEY_SIZES, joined_keys, joined_values, unpacked
from sekisho.gate.peaks import KernelPeaks
from sekisho.model import Counters, Sweep

PIN_ROOT: Final = "/sys/fs/bpf/sekisho"

_OBJECT: Final = Path(__file__).with_name("gate.bpf.o")
_ARRAYS: Final = ("class_names", "limits", "control")  # their entries of zeros are left out of Tables
_SETTINGS: Final = (*_ARRAYS, "exempt", "shared", "pools")
_FIRST: Final = bytes(4)
_ANY_PACKET: Final = bytes(64)
_LAYOUT: Final = f"layout_{sha256(repr((abi.LAYOUTS, abi.MAX_ARMS)).encode()).hexdigest()[:16]}"
_OF_USER_SPACE: Final = ("sweep", "fold")  # programs that are run, and attached nowhere
PEAKS_PER_LINE: Final = 4  # more lines have a session within an hour than at a time

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class GateSpec:
    """Which gate, on which interfaces toward the lines and toward the Internet; table sizes in entries.

    An interface in both lists is one to which both directions of port 25 are steered.
    """

    name: str
    subscriber: tuple[str, ...]
    uplink: tuple[str, ...]
    lines: int
    slots: int
    known: int
    addresses: int
    pin_root: str = PIN_ROOT


@dataclass(frozen=True, slots=True)
class GateState:
    """Where a gate's program is; `interfaces` is empty where it is not attached."""

    interfaces: tuple[links.Attachment, ...]


class KernelGate:
    """An open gate: its maps and programs. Several threads may use it at once."""

    def __init__(self, loaded: libbpf.Loaded) -> None:
        self._maps, self._loaded = loaded.maps, loaded
        self._peaks = KernelPeaks(loaded.maps, loaded.programs["fold"])
        self._swept_clean_at: int | None = None  # slots taken until a sweep that left nothing

    def installed(self) -> Tables:
        """Read what is installed, known lines `Packed`; for a new gate empty tables."""
        found = self.settings()
        with _failing("reading the gate's tables of lines"):
            lines = {name: unpacked(name, *bpf.read_joined(self._maps[name])) for name in KEY_SIZES}
        return {**found, **lines}

    def settings(self) -> Tables:
        """Read what is installed except known lines and their addresses."""
        with _failing("reading the gate's tables"):
            found = {name: bpf.read_all(self._maps[name]) for name in _SETTINGS}
        for name in _ARRAYS:
            found[name] = {key: value for key, value in found[name].items() if any(value)}
        return found

    def apply(self, changes: Iterable[Change]) -> None:
        """Write changes in their order; what came before one that failed stays written.

        Where a table of lines is full all that has room is written, in it and in those that follow; then a
        FullError is raised.
        """
        full: dict[str, FullError] = {}
        for change in changes:
            try:
                self._write(change)
            except FullError as error:
                full[change.map_name] = error
        if full:
            raise FullError("; ".join(map(str, full.values())))

    def _write(self, change: Change) -> None:
        fd = self._maps[change.map_name]
        try:
            bpf.delete_batch(fd, joined_keys(change.deletes))
            bpf.update_batch(fd, joined_keys(change.updates), joined_values(change.updates))
            if change.map_name == "class_names":
                self._count_anew(change.updates)
        except OSError as error:
            raise _refusal(change.map_name, fd, error) from error

    def known(self, key: bytes) -> bytes | None:
        """Return the entry of a line, None where it is not known."""
        with _failing("reading a line"):
            try:
                return bpf.lookup(self._maps["known"], key, abi.KNOWN_SIZE)
            except KeyError:
                return None

    def counters(self) -> Counters:
        """Read what was counted since the gate was attached, as `counts.read_counters` tells it."""
        with _failing("reading the gate's counters"):
            return read_counters(self._maps)

    def counters_id(self) -> int:
        """Return what tells these counters from all others since the boot."""
        with _failing("asking for the gate's counters"):
            return bpf.map_info(self._maps["counters"]).id

    def sweep(self) -> Sweep:
        """Let the kernel remove what time has ended; costs nothing where there cannot be anything."""
        with _failing("sweeping the gate"):
            taken = read_totals(self._maps)["slots_taken"]
            if taken == self._swept_clean_at:
                return Sweep()
            bpf.run_packet(self._loaded.programs["sweep"], _ANY_PACKET)
            swept = Sweep(*abi.unpack_sweep(bpf.lookup(self._maps["swept"], _FIRST, abi.SWEEP.size)))
        nothing_left = not (swept.sessions or swept.lingering or swept.lines)
        self._swept_clean_at = taken if nothing_left else None
        return swept

    @contextmanager
    def peaks(self) -> Iterator[KernelPeaks]:
        """Give what counts lines by their peaks."""
        with _failing("counting lines by their most sessions"):
            yield self._peaks

    def close(self) -> None:
        """Let go of the gate, which goes on."""
        self._loaded.close()

    def _count_anew(self, class_keys: Iterable[bytes]) -> None:
        """Clear the sums of classes that are new under their number."""
        numbers = [int.from_bytes(key, "little") for key in class_keys]
        for fd in (self._maps["counters"], self._maps["folded_peaks"]):
            zeros = bytes(bpf.value_room(bpf.map_info(fd)))
            for index, arm in product(numbers, range(abi.MAX_ARMS)):
                bpf.update(fd, counter_key(index, arm), zeros)


def open_gate(spec: GateSpec) -> KernelGate:
    """Attach a gate, or take over the one that is pinned under its name; its tables are left as they are.

    A new gate's tables are empty: it passes everything until they are written. GateError names all that
    the machine lacks, an interface that is not there or has another gate on it, or a pinned map of another
    size or layout.
    """
    needs.require(needs.read_machine())
    needs.require_bpffs(spec.pin_root)
    with _failing(f"attaching gate {spec.name!r}"):
        pin_dir = _pin_dir(spec.name, spec.pin_root)
        interfaces = {links.find_interface(name): role for name, role in _roles(spec).items()}
        for interface in interfaces:
            _refuse_other_gate(interface, pin_dir)
            _warn_of_bridge(interface)
        is_new = not pin_dir.exists()
        try:
            return _open(spec, interfaces, pin_dir)
        except (GateError, OSError):
            if is_new:
                remove_gate(spec.name, spec.pin_root)
            raise


def remove_gate(name: str, pin_root: str = PIN_ROOT) -> None:
    """Detach a gate and remove all that belongs to it, and nothing of another program.

    Filters (clsact) are found only in the network namespace in which they are.
    """
    pin_dir = _pin_dir(name, pin_root)
    with _failing(f"removing gate {name!r}"):
        for interface in links.named(pin_dir):
            links.detach(interface, pin_dir)
        links.detach_filters(pin_dir)
        for path in pin_dir.glob("*"):
            path.rmdir() if path.is_dir() else path.unlink()
        for directory in (pin_dir, pin_dir.parent):
            if directory.exists() and not any(directory.iterdir()):
                directory.rmdir()


def gate_state(name: str, pin_root: str = PIN_ROOT) -> GateState:
    """Tell where a gate is attached, whether or not anybody has it open."""
    with _failing(f"looking for gate {name!r}"):
        return GateState(tuple(links.attached(_pin_dir(name, pin_root))))


def read_pinned(name: str, pin_root: str = PIN_ROOT) -> tuple[Tables, Counters]:
    """Read classes, limits and counters of an attached gate, whether or not anybody has it open."""
    pin_dir = _pin_dir(name, pin_root)
    with _failing(f"reading the tables in {pin_dir}, which takes root"), ExitStack() as closing:
        _refuse_other_layout(pin_dir)
        maps: dict[str, int] = {}
        for table in ("class_names", "limits", "counters", "totals"):
            maps[table] = bpf.get_pinned(str(pin_dir / table))
            closing.callback(os.close, maps[table])
        tables = {table: bpf.read_all(maps[table]) for table in ("class_names", "limits")}
        return tables, read_counters(maps)


def load(spec: GateSpec, programs: Iterable[str], pin_dir: str | None) -> libbpf.Loaded:
    """Load programs of the gate and those of user space, with the spec's sizes of tables.

    Raises as `libbpf.load`.
    """
    sizes = {"lines": spec.lines, "slots": spec.slots, "known": spec.known, "addresses": spec.addresses}
    sizes |= dict.fromkeys(("peaks_even", "peaks_odd"), PEAKS_PER_LINE * spec.lines)
    return libbpf.load(_OBJECT, pin_dir=pin_dir, sizes=sizes, programs={*programs, *_OF_USER_SPACE})


def _open(spec: GateSpec, interfaces: Mapping[links.Interface, str], pin_dir: Path) -> KernelGate:
    pin_dir.mkdir(parents=True, exist_ok=True)
    _refuse_other_layout(pin_dir)
    (pin_dir / _LAYOUT).mkdir(exist_ok=True)
    programs = {i: f"{role}_{'eth' if i.has_ethernet_header else 'ip'}" for i, role in interfaces.items()}
    loaded = load(spec, programs.values(), str(pin_dir))
    try:
        by_tcx = links.has_tcx()
        for interface, program in programs.items():
            links.attach(interface, loaded.programs[program], pin_dir, by_tcx=by_tcx)
        for name in links.named(pin_dir) - {interface.name for interface in interfaces}:
            links.detach(name, pin_dir)
        links.detach_filters(pin_dir, kept={interface.index for interface in interfaces})
    except (GateError, OSError):
        loaded.close()
        raise
    return KernelGate(loaded)


def _pin_dir(name: str, pin_root: str) -> Path:
    return Path(pin_root) / name


def _roles(spec: GateSpec) -> dict[str, str]:
    steered = set(spec.subscriber) & set(spec.uplink)
    roles = dict.fromkeys(spec.subscriber, "subscriber") | dict.fromkeys(spec.uplink, "uplink")
    return roles | dict.fromkeys(steered, "steered")


def _refuse_other_gate(interface: links.Interface, pin_dir: Path) -> None:
    other = links.other_gate_on(interface, pin_dir)
    if other is not None:
        raise GateError(
            f"interface {interface.name} has gate {other!r} on it: take that one down first, "
            "or give this one the same [gate] name to take it over"
        )


def _warn_of_bridge(interface: links.Interface) -> None:
    ports = links.bridge_ports(interface)
    if ports is not None:
        log.warning(
            "a bridge is named: only what the machine routes comes by it, what it bridges meets no limit; "
            "for that name its ports",
            interface=interface.name,
            ports=ports,
        )


def _refuse_other_layout(pin_dir: Path) -> None:
    """Compare how structs and arms are laid out with the mark that whoever made the maps has left."""
    found = [path.name for path in pin_dir.glob("layout_*")]
    if found and found != [_LAYOUT]:
        raise GateError(
            f"the tables in {pin_dir} were made by another version of sekisho: "
            f"run `sekisho gate down` first (running sessions are counted anew)"
        )


def _refusal(map_name: str, fd: int, error: OSError) -> GateError:
    """Return what to raise where the kernel refuses a write, with what to do where a table is full."""
    if error.errno not in {errno.E2BIG, errno.ENOSPC}:
        return GateError(f"writing table {map_name}: {error}")
    room = f"writing table {map_name}: it has room for {bpf.map_info(fd).max_entries} entries"
    if map_name not in KEY_SIZES:
        return GateError(f"{room}: use fewer")
    way_out = f"raise {map_name} in [gate] and take the gate down and up"
    return FullError(f"{room}, {error.strerror}: {way_out}")


@contextmanager
def _failing(doing: str) -> Iterator[None]:
    """Raise a GateError for an OSError."""
    try:
        yield
    except OSError as error:
        raise GateError(f"{doing}: {error}") from error
