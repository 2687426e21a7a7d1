"""A gate and a hold without a kernel, and a keeper on both."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from datetime import UTC, datetime

from sekisho.config import Checked, Config, parse
from sekisho.daemon.keeper import Keeper
from sekisho.gate import Change, FullError, GateError, Tables, abi
from sekisho.gate.hold import HoldState
from sekisho.gate.indices import banks, class_names, index_key, limits_by_index
from sekisho.gate.packed import KEY_SIZES
from sekisho.gate.peaks import KernelPeaks
from sekisho.gate.tables import settings
from sekisho.model import Address, Counters, KnownLine, Limit, Roster, Sweep, Totals
from sekisho.plan import installed_limits, line_numbers
from sekisho.trial.standing import Standing
from tests.unit.configuring import DYNAMIC, FIXED, GATE, POOL

TEXT = GATE + POOL + DYNAMIC + FIXED
NOW = datetime(2026, 4, 1, tzinfo=UTC)
NOW_NS = 10**12
IDLE = HoldState(
    banks={},
    late_p50_ms=None,
    late_p99_ms=None,
    rules_restored=0,
    queues_lost=0,
    alive=True,
    lateness=(0,) * 16,
)


NOBODY = Roster()
ALL_TABLES = (*KEY_SIZES, "class_names", "limits", "control", "exempt", "shared", "pools")
ARRAYS = ("limits", "class_names", "control")


class FakeGate:
    """The kernel's tables as dictionaries; an array's entries of zeros are left out, as in the real one."""

    def __init__(self, story: list[str]) -> None:
        self.tables: dict[str, dict[bytes, bytes]] = {name: {} for name in ALL_TABLES}
        self.room = dict.fromkeys(KEY_SIZES, 100)
        self.story = story
        self.writes: list[Change] = []
        self.failing = ""

    def installed(self) -> Tables:
        return {name: dict(entries) for name, entries in self.tables.items()}

    def known(self, key: bytes) -> bytes | None:
        return self.tables["known"].get(key)

    def settings(self) -> Tables:
        return settings(self.installed())

    def apply(self, changes: Iterable[Change]) -> None:
        full = False
        for change in changes:
            if change.map_name == self.failing:
                self.failing = ""
                raise GateError(f"{change.map_name} is full")
            self.story.append(f"write {change.map_name}")
            self.writes.append(change)
            entries = self.tables[change.map_name]
            for key in change.deletes:
                entries.pop(key, None)
            for key, value in change.updates.items():
                if key not in entries and len(entries) >= self.room.get(change.map_name, 1_000):
                    full = True
                    continue
                entries.pop(key, None)
                if any(value) or change.map_name not in ARRAYS:
                    entries[key] = value
            self.nothing_dangles()
        if full:
            raise FullError("raise addresses in [gate]")

    def nothing_dangles(self) -> None:
        """See that a packet that comes now meets no reference to something that is not there."""
        known, limits = self.tables["known"], self.tables["limits"]
        assert set(self.tables["addresses"].values()) <= set(known)
        for value in known.values():
            assert all(index_key(index) in limits for index in abi.unpack_known(value)[:2])

    def counters(self) -> Counters:
        return Counters({}, Totals())

    def counters_id(self) -> int:
        return 1

    def sweep(self) -> Sweep:
        return Sweep(sessions=3)

    def peaks(self) -> AbstractContextManager[KernelPeaks]:
        raise GateError("nothing is counted here")

    def close(self) -> None:
        self.story.append("close")


class FakeHold:
    def __init__(self, story: list[str], banks: Mapping[int, int]) -> None:
        self.banks = banks
        self.alive = True
        self.failing = 0
        self.story = story

    def set_banks(self, banks: Mapping[int, int]) -> None:
        self.banks = dict(banks)
        self.failing -= 1
        if self.failing == 0:  # after it has changed something, as the real one may
            raise GateError("a rule is refused")
        self.story.append(f"hold {sorted(banks.values())}")

    def state(self) -> HoldState:
        return replace(IDLE, alive=self.alive)

    def take_highest(self) -> int:
        return 0

    def stop(self) -> None:
        self.story.append("stop")


class Scene:
    """A keeper on fakes, and the file that it reads."""

    def __init__(
        self,
        gate: FakeGate | None = None,
        roster: Roster | None = NOBODY,
        text: str = TEXT,
        trial: Callable[[Config], Standing | None] = lambda _: None,
        hold_failing: int = 0,
    ) -> None:
        self.story: list[str] = []
        self.gate = gate or FakeGate(self.story)
        self.gate.story = self.story
        self.hold = FakeHold(self.story, banks(self.gate.tables))
        self.hold.failing = hold_failing
        self.text = text
        self.slow_read: Callable[[], Checked] | None = None
        self.roster: Roster | None = roster
        self.numbers: Callable[[Iterable[str]], Mapping[str, int]] = line_numbers
        self.roster_asked: Callable[[], object] = lambda: None
        config = self.read().config
        assert config is not None
        self.keeper = Keeper(
            self.gate,
            self.hold,
            config,
            file="sekisho.toml",
            read=self.read,
            roster=self.ask_roster,
            numbers=self.ask_numbers,
            trial=trial,
            utc=lambda: NOW,
            monotonic_ns=lambda: NOW_NS,
        )

    def read(self) -> Checked:
        return self.slow_read() if self.slow_read else parse(self.text.encode())

    def set_roster(self, roster: Roster | None) -> None:
        """Let this be the roster, and have it brought in."""
        self.roster = roster
        self.keeper.reload_roster()

    def ask_roster(self, config: Config) -> Roster | None:
        self.asked_by = config
        self.roster_asked()
        return self.roster

    def ask_numbers(self, names: Iterable[str]) -> Mapping[str, int]:
        return self.numbers(names)

    @property
    def in_kernel(self) -> dict[str, Limit]:
        return installed_limits(self.gate.tables)


def lines_in_kernel(gate: FakeGate) -> Roster:
    """Return the lines that the kernel knows, and who holds which address in it."""
    names = {index: name for name, index in class_names(gate.tables).items()}
    limits = limits_by_index(gate.tables)
    lines = {}
    for key, value in gate.tables["known"].items():
        index, limit, arm = abi.unpack_known(value)
        own = limits[limit] if limit >= abi.MAX_CLASSES else None
        lines[_number(key)] = KnownLine(names[index], own, 0 if own else arm)
        assert arm == lines[_number(key)].arm
    addresses = gate.tables["addresses"].items()
    return Roster(lines, {_address(key): _number(value) for key, value in addresses})


def _number(line: bytes) -> int:
    return int.from_bytes(line, "little") - abi.LINE_KNOWN


def _address(key: bytes) -> Address:
    network, number, length = struct.unpack(abi.ADDRESS_KEY.format, key)
    if network.startswith(abi.IPV4_PREFIX):
        network, length = network[12:], length - abi.IPV4_BITS
    return Address(network, length, number - 1 if number else None)
