"""The daemon's minutes: what they add up to is what the kernel counted, whatever is killed in between."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import reduce

import pytest

from sekisho.gate.kernel import read_pinned
from sekisho.measure.equipment import EquipmentCounts, added_equipment
from sekisho.measure.readings import SUMS, EquipmentRow, Mark, Timing, Why, added
from sekisho.model import ClassCounters
from sekisho.store import Store, open_store
from sekisho.store.minutes_asked import Asked, Per, Sum
from tests.system.lines_scene import Scene
from tests.system.scene import Daemon
from tests.system.waiting import until

# A reading each tenth of a second: minutes are what they are, and readings of one minute add up.
OFTEN = """
from datetime import timedelta
from sekisho.daemon.minute_reader import MinuteReader
MinuteReader.__init__.__kwdefaults__["following"] = lambda now: now + timedelta(seconds=0.1)
from sekisho.cli import main
main()
"""
LINE = "100.64.0.5"
ALL = (datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))


def up(scene: Scene) -> Daemon:
    daemon = scene.start(sys.executable, "-c", OFTEN)
    daemon.wait_for("READY=1")
    return daemon


@contextmanager
def stored(scene: Scene) -> Iterator[Store]:
    store = open_store(f"sqlite:///{scene.store}")
    try:
        yield store
    finally:
        store.close()


def rows(scene: Scene, per: Per = Per.MINUTE) -> list[Sum]:
    with stored(scene) as store, store.reading() as transaction:
        return list(transaction.counted(Asked(*ALL), per, SUMS))


def marks(scene: Scene) -> list[Mark]:
    with stored(scene) as store, store.reading() as transaction:
        return transaction.counted_marks(*ALL)


def summed(found: list[Sum], class_name: str = "dynamic") -> list[int]:
    mine = [one.sums for one in found if one.class_name == class_name]
    return [sum(column) for column in zip(*mine, strict=True)] or [0] * len(SUMS)


def in_kernel(scene: Scene) -> list[int]:
    """Return the sums of the class in the kernel, over all arms."""
    _, counters = read_pinned(scene.name)
    whole = ClassCounters()
    for (name, _), counted in counters.classes.items():
        whole = added(whole, counted) if name == "dynamic" else whole
    return [getattr(whole, name) for name in SUMS]


def is_whole(scene: Scene) -> bool:
    return summed(rows(scene)) == in_kernel(scene)


def try_in_vain(scene: Scene, times: int) -> None:
    """Try sessions of a line that is at its cap."""
    for _ in range(times):
        with pytest.raises(ConnectionRefusedError):
            scene.connect(LINE)


def test_minutes_and_hours_add_up_to_the_kernels_counters_over_kills_and_restarts(lines_scene: Scene) -> None:
    daemon = up(lines_scene)
    with lines_scene.connect(LINE), lines_scene.connect(LINE):
        try_in_vain(lines_scene, 3)
        until(lambda: is_whole(lines_scene))
        assert in_kernel(lines_scene)[SUMS.index("attempted")] == 5
        try_in_vain(lines_scene, 2)
        daemon.end(signal.SIGKILL)
        try_in_vain(lines_scene, 2)
        assert not is_whole(lines_scene), "nobody reads"
        daemon = up(lines_scene)
        until(lambda: is_whole(lines_scene))
        try_in_vain(lines_scene, 1)
    daemon.end()
    assert is_whole(lines_scene), "an end reads for the last time"
    found = rows(lines_scene)
    assert summed(rows(lines_scene, Per.HOUR)) == summed(found)
    assert {one.timing for one in found} <= {Timing.KNOWN, Timing.LONG}
    assert all(one.begin.second == 0 for one in found)


def test_a_gate_that_was_taken_down_counts_anew_and_that_is_marked(lines_scene: Scene) -> None:
    daemon = up(lines_scene)
    with lines_scene.connect(LINE), lines_scene.connect(LINE):
        try_in_vain(lines_scene, 2)
        until(lambda: is_whole(lines_scene))
        before = summed(rows(lines_scene))
        lines_scene.sekisho("gate", "down")
        daemon.ended()
        daemon = up(lines_scene)
        with lines_scene.connect(LINE), lines_scene.connect(LINE):
            try_in_vain(lines_scene, 1)
    daemon.end()
    assert [one.why.name for one in marks(lines_scene)].count("COUNTERS_ANEW") == 1
    sessions = slice(3)  # attempted, admitted, refused; packets of the sessions before may come at any time
    expected = [one + other for one, other in zip(before, in_kernel(lines_scene), strict=True)]
    assert summed(rows(lines_scene))[sessions] == expected[sessions]


def equipment(scene: Scene) -> list[EquipmentRow]:
    with stored(scene) as store, store.reading() as transaction:
        return list(transaction.equipment_minutes(*ALL))


def test_the_equipment_is_in_the_minutes_over_a_kill_and_an_interface_that_is_made_anew(
    lines_scene: Scene,
) -> None:
    lines_scene.write(('cap = 2\ndelay = "0s"', 'cap = 2\ndelay = "100ms"'))
    daemon = up(lines_scene)

    def whole() -> EquipmentCounts:
        return reduce(added_equipment, (one.counts for one in equipment(lines_scene)), EquipmentCounts())

    def anew() -> int:
        return [one.why for one in marks(lines_scene)].count(Why.EQUIPMENT_ANEW)

    with lines_scene.connect(LINE), lines_scene.connect(LINE):
        until(lambda: (whole().held, sum(whole().late)) == (2, 2))
    found = whole()
    assert found.cpu_ms >= found.busy_ms > 0
    assert found.daemon_ms > 0
    assert min(found.received, found.sent) >= 6, "three packets open a session"
    assert (found.unreleased, found.hold_dropped) == (0, 0)
    assert {one.timing for one in equipment(lines_scene)} == {Timing.KNOWN}
    daemon.end(signal.SIGKILL)
    daemon = up(lines_scene)
    until(lambda: anew() == 1)
    received = whole().received
    lines_scene.gate.run("ip", "link", "delete", "up0")
    lines_scene.gate.run("ip", "link", "add", "up0", "type", "veth")
    until(lambda: anew() >= 2)
    daemon.end()
    assert whole().received >= received
