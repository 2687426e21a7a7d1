"""The tables of known lines in the kernel: full ones, and deleting what need not be there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from ipaddress import ip_network

import pytest

from sekisho.gate import Change, FullError, Tables, abi, libbpf, tables
from sekisho.gate.kernel import KernelGate
from sekisho.gate.roster import known_rows, line_changes, read_known
from sekisho.lines.roster import SUSPENDED_LIMIT
from sekisho.model import Address, KnownLine, Limit, Mode, RosterChange, Wanted
from tests.kernel.twin import OBJECT

ROOM = 1_000
LINE = KnownLine("dynamic")
WANTED = Wanted({"dynamic": Limit(Mode.ENFORCE, 2, 0)}, lines={1: LINE, 2: LINE})


EXEMPT = (ip_network("203.0.113.0/24"),)


def ipv4(number: int) -> Address:
    return Address((0x0A000000 + number).to_bytes(4, "big"), 32)


WANTED_FULL = replace(WANTED, addresses={ipv4(number): 1 for number in range(ROOM)})


@pytest.fixture
def gate() -> Iterator[KernelGate]:
    """A loaded gate that is attached nowhere."""
    sizes = {"lines": 16, "slots": 16, "known": ROOM, "addresses": ROOM}
    made = KernelGate(libbpf.load(OBJECT, pin_dir=None, sizes=sizes, programs={"sweep", "fold"}))
    try:
        yield made
    finally:
        made.close()


def install(gate: KernelGate, wanted: Wanted) -> Tables:
    """Bring the gate to what is wanted; return its settings."""
    before = gate.installed()
    after = tables.encode(wanted, before, hold_by_queue=True, learning_until_ns=1)
    gate.apply(tables.diff(before, after))
    return tables.settings(after)


def holders(gate: KernelGate) -> Counter[int]:
    """Count the addresses of each line."""
    lines = gate.installed()["addresses"].values()
    return Counter(int.from_bytes(line, "little") - abi.LINE_KNOWN for line in lines)


def test_in_a_full_table_what_is_there_still_changes_and_goes(gate: KernelGate) -> None:
    settings = install(gate, WANTED_FULL)
    new = {ipv4(ROOM + number): 2 for number in range(3)}
    moved, gone = dict.fromkeys(map(ipv4, range(0, ROOM, 100)), 2), {ipv4(1): None}
    with pytest.raises(FullError, match=r"1000 entries, 2 more found none: raise addresses in \[gate\]"):
        gate.apply(line_changes(RosterChange({}, {**new, **moved, **gone}), settings))
    assert holders(gate) == {1: ROOM - len(moved) - 1, 2: len(moved) + 1}


def test_a_full_table_does_not_keep_the_others_from_changing(gate: KernelGate) -> None:
    lines = dict.fromkeys(range(ROOM + 1), LINE)
    with pytest.raises(FullError, match="table known"):
        install(gate, Wanted(WANTED.classes, lines=lines, addresses={ipv4(0): 0}, exempt=EXEMPT))
    found = gate.installed()
    assert (len(found["known"]), len(found["addresses"]), len(found["exempt"])) == (ROOM, 1, 1)


def test_what_is_deleted_need_not_be_there(gate: KernelGate) -> None:
    install(gate, Wanted(WANTED.classes, lines=dict.fromkeys(range(0, 900, 3), LINE)))
    gate.apply([Change("known", deletes=tuple(map(abi.pack_line, range(899))))])
    assert list(gate.installed()["known"]) == []
    install(gate, WANTED)
    gate.apply([Change("known", deletes=(abi.pack_line(8), abi.pack_line(1), abi.pack_line(9)))])
    assert list(gate.installed()["known"]) == [abi.pack_line(2)]


def test_many_entries_are_read_as_they_were_written(gate: KernelGate) -> None:
    install(gate, WANTED_FULL)
    assert gate.installed()["addresses"] == {
        abi.pack_address_key(*address): abi.pack_line(1) for address in WANTED_FULL.addresses
    }
    assert list(tables.diff(gate.installed(), gate.installed())) == []


def test_one_line_is_read_as_it_is_treated(gate: KernelGate) -> None:
    closed = KnownLine("dynamic", SUSPENDED_LIMIT)
    settings = install(gate, replace(WANTED, lines={1: LINE, 2: closed}))

    def treated(line: int) -> KnownLine | None:
        value = gate.known(known_rows((line,)).tobytes())
        return None if value is None else read_known(value, settings)

    assert [treated(line) for line in (1, 2, 3)] == [LINE, closed, None]
