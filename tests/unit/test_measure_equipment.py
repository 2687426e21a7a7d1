"""What the equipment counted: read from the kernel's texts, and never twice, negative or made up."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.measure.equipment import (
    CPU,
    DAEMON,
    EQUIPMENT_SUMS,
    HOLD,
    INTERFACE,
    UNREAD,
    Equipment,
    EquipmentCounts,
    Meter,
    added_equipment,
    cpu_meter,
    difference,
    interface_counts,
    process_meter,
)
from sekisho.measure.minutes import MINUTE, count
from sekisho.measure.readings import VARIOUS, Held, Reading, Timing, Why, held_by_gate
from sekisho.model import ClassCounters

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
OFF = Held("off", since=NOON - MINUTE, until=NOON + timedelta(hours=1))
STAT = "cpu  100 10 50 1000 40 5 20 7 90 0\ncpu0 100 10 50 1000 40 5 20 7 90 0\nintr 1 2\n"
DEV = """Inter-| Receive | Transmit
 face |bytes packets errs drop fifo frame compressed multicast|bytes packets errs drop fifo colls carrier
    lo: 1000      10    0    0    0     0          0         0  1000      10    0    0    0    0       0 0
bng0.7: 5000      50    1    2    3     0          0         0  6000      60    4    5    6    0       0 0
eth0:1:7000       70    0    9    0     0          0         0  8000      80    0    1    0    0       0 0
"""


def test_the_time_of_all_cores_without_what_was_idle_is_busy() -> None:
    meter = cpu_meter(STAT, 100, "boot")
    assert meter == Meter("boot", (12_320, 1_920, 200)), "guests' time is in the user's"


def test_a_text_without_the_time_of_all_cores_is_refused() -> None:
    for text in ("", "cpu0 1 2 3 4 5 6 7 8\n", "cpu 1 2 3\n"):
        with pytest.raises(ValueError, match="/proc/stat begins"):
            cpu_meter(text, 100, "boot")


def test_a_process_is_told_by_number_start_and_boot_whatever_it_is_called() -> None:
    rest = " ".join(["S", *map(str, range(1, 11)), "200", "30", *["0"] * 6, "4711", *["0"] * 30])
    assert process_meter(f"17 (a) b (c)) {rest}\n", 100, "boot") == Meter("boot/17/4711", (2_300,))


def test_packets_and_drops_of_interfaces_by_their_names() -> None:
    assert interface_counts(DEV) == {
        "lo": (10, 0, 10, 0),
        "bng0.7": (50, 2, 60, 5),
        "eth0:1": (70, 9, 80, 1),
    }


def test_the_texts_of_this_machine_are_read() -> None:
    ticks = os.sysconf("SC_CLK_TCK")
    whole, busy, softirq = cpu_meter(Path("/proc/stat").read_text(), ticks, "").counts
    assert whole >= busy >= softirq >= 0
    assert process_meter(Path("/proc/self/stat").read_text(), ticks, "").run.startswith(f"/{os.getpid()}/")
    assert "lo" in interface_counts(Path("/proc/thread-self/net/dev").read_text())


def meters(busy: int = 0, links: dict[str, Meter] | None = None, hold: Meter | None = None) -> Equipment:
    return Equipment(
        {
            CPU: Meter("boot", (busy * 2, busy, 0)),
            DAEMON: Meter("boot/1/1", (busy,)),
            HOLD: hold or Meter("boot/1/1", (0,) * 17),
            **(links or {}),
        }
    )


def test_time_that_went_back_is_none_and_loses_nothing() -> None:
    last, new = Equipment({CPU: Meter("b", (10, 5, 1))}), Equipment({CPU: Meter("b", (9, 6, 1))})
    assert difference(last, new, 0) == (EquipmentCounts(busy_ms=1), False)


@pytest.mark.parametrize(
    ("before", "after", "received", "is_lost"),
    [
        (Meter("b/1", (5, 0, 0, 0)), Meter("b/1", (9, 0, 0, 0)), 4, False),
        (Meter("b/1", (5, 0, 0, 0)), Meter("b/2", (9, 0, 0, 0)), 9, True),  # made anew
        (Meter("b/1", (5, 0, 0, 0)), Meter("b/1", (3, 0, 0, 0)), 3, True),  # set to zero by its driver
        (None, Meter("b/1", (9, 0, 0, 0)), 0, True),  # since when it counts is not known
        (Meter("b/1", (5, 0, 0, 0)), None, 0, True),
    ],
)
def test_an_interface_that_began_anew_counted_all_that_it_shows(
    before: Meter | None, after: Meter | None, received: int, is_lost: bool
) -> None:
    def having(one: Meter | None) -> Equipment:
        return meters(links={} if one is None else {f"{INTERFACE}up0": one})

    counts, lost = difference(having(before), having(after), 0)
    assert (counts.received, lost) == (received, is_lost)


@dataclass
class Gate:
    """A gate whose truth is known: what was counted, and what one sees of it."""

    links: dict[str, list[int]] = field(default_factory=lambda: {"up0": [1, 0], "bng0": [2, 0]})
    made: int = 2
    daemon: int = 1
    late: int = 0
    waiting: int = 0
    held: int = 0
    busy: int = 0
    packets: int = 0  # all there ever were
    lost: int = 0  # of these, with an interface, before anybody looked
    at: int = 0

    def seen(self) -> Reading:
        links = {
            f"{INTERFACE}{name}": Meter(f"boot/{index}", (count, 0, 0, 0))
            for name, (index, count) in self.links.items()
        }
        hold = Meter(f"boot/{self.daemon}", (0, self.late, *(0,) * 15))
        found = replace(meters(self.busy, links, hold), waiting=self.waiting)
        return Reading(
            "tokyo",
            "boot/7",
            NOON + self.at * MINUTE,
            10**15 + self.at * 60 * 10**9,
            {("dynamic", 0): ClassCounters(held=self.held)},
            {"dynamic": OFF},
            found,
        )

    def step(self, what: str, size: int) -> None:
        self.busy += size
        match what:
            case "packets":
                self.links["up0"][1] += size
                self.packets += size
            case "anew":
                self.made += 1
                self.links["up0"] = [self.made, size]
                self.packets += size
            case "hold":
                self.held += size
                self.waiting += size
            case "release":
                size = min(size, self.waiting)
                self.waiting -= size
                self.late += size
            case "restart":  # what waits is dropped with the queues, and comes back by retransmission
                self.daemon += 1
                self.waiting = self.late = 0


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["packets", "anew", "hold", "release", "restart", "read", "read", "again", "unread"]),
        st.integers(0, 50),
    ),
    max_size=40,
)


@given(STEPS)
def test_nothing_is_counted_twice_negative_or_beyond_the_truth(steps: list[tuple[str, int]]) -> None:
    gate, whole, rows = Gate(), EquipmentCounts(), 0
    last = gate.seen()
    for what, size in [*steps, ("read", 0)]:
        gate.step(what, size)
        if what == "again":
            assert count(last, last).equipment is None
        elif what in ("read", "unread"):
            gate.at += 1
            new = gate.seen() if what == "read" else replace(gate.seen(), equipment=UNREAD)
            counted = count(last, new)
            last = counted.last
            missing = counted.equipment is None
            assert missing == (Why.EQUIPMENT_NOT_READ in [one.why for one in counted.marks])
            if counted.equipment is not None:
                found, rows = counted.equipment.counts, rows + 1
                sums = [getattr(found, name) for name in EQUIPMENT_SUMS if name != "unreleased"]
                assert min(*sums, *found.late, found.highest) >= 0
                whole = added_equipment(whole, found)
    assert whole.busy_ms <= gate.busy
    assert whole.received <= gate.packets
    assert whole.held <= gate.held
    if "unread" not in [what for what, _ in steps]:
        assert (whole.busy_ms, whole.held) == (gate.busy, gate.held)
        if "anew" not in [what for what, _ in steps]:
            assert whole.received == gate.packets
        # What neither went on by the hold nor waits is left to retransmission.
        assert whole.unreleased == whole.held - sum(whole.late) - gate.waiting >= 0


def test_missing_minutes_are_marked_and_the_first_reading_counts_nothing() -> None:
    gate = Gate()
    first = gate.seen()
    assert count(None, first).equipment is None
    gate.at, gate.busy = 1, 5
    unread = count(first, replace(gate.seen(), equipment=UNREAD))
    assert (unread.equipment, [one.why for one in unread.marks]) == (None, [Why.EQUIPMENT_NOT_READ])
    gate.at = 2
    after = count(unread.last, gate.seen())
    assert (after.equipment, [one.why for one in after.marks]) == (None, [Why.EQUIPMENT_NOT_READ])
    gate.at, gate.busy = 30, 9
    late = count(after.last, gate.seen())
    assert late.equipment is not None
    assert (late.equipment.timing, late.equipment.counts.busy_ms) == (Timing.LONG, 4)
    assert [one.why for one in late.marks] == [Why.NOT_READ]


def test_where_nobody_reads_equipment_there_is_none_and_no_mark() -> None:
    gate = Gate()
    first = replace(gate.seen(), equipment=None)
    gate.at = 1
    counted = count(first, replace(gate.seen(), equipment=None))
    assert (counted.equipment, counted.marks) == (None, ())


def test_a_minute_in_which_the_arm_changed_belongs_to_neither() -> None:
    gate = Gate()
    first = gate.seen()
    gate.at = 1
    on = Held("on", since=NOON + MINUTE / 2)
    row = count(first, replace(gate.seen(), held={"dynamic": on})).equipment
    assert row is not None
    assert row.timing is Timing.MIXED


def test_a_gate_has_the_arm_of_its_classes_that_are_in_a_trial() -> None:
    on = Held("on", since=NOON)
    assert held_by_gate({}) == Held()
    assert held_by_gate({"dynamic": on, "fixed": Held()}) == on
    assert held_by_gate({"dynamic": on, "fixed": replace(on, until=NOON + MINUTE)}) == on
    assert held_by_gate({"dynamic": on, "fixed": OFF}).arm == VARIOUS
