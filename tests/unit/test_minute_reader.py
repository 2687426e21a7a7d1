"""Minutes of a daemon without the daemon: clocks, counters and a store of the test's own."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sekisho.api.app import Peer
from sekisho.api.problems import RefusalError
from sekisho.api.trial_models import ReasonRequest
from sekisho.daemon import minute_reader
from sekisho.daemon.forgetter import MINUTES_KEPT, Forgetter
from sekisho.daemon.kept import Kept
from sekisho.daemon.minute_reader import MinuteReader, Moment
from sekisho.gate import GateError
from sekisho.measure.equipment import CPU, Equipment, Meter
from sekisho.measure.readings import Timing, Why
from sekisho.model import ClassCounters, Counters, Totals
from sekisho.store import StoreError
from sekisho.store.minutes_asked import Asked, Per, Sum
from tests.system.waiting import until
from tests.unit.configuring import good
from tests.unit.keeping import TEXT
from tests.unit.trial_site import PHASE, AwayStore, Site, day, site_on

MINUTE = timedelta(minutes=1)
ALL = Asked(day(-99), day(999))
WHY = ReasonRequest(reason="the router is hot")
PEER = Peer(uid=0, pid=1)


@dataclass
class Counting:
    """A gate whose counters the test sets, with the trial of a site."""

    site: Site
    attempted: int = 0
    id: int = 1
    failing: Exception | None = None

    @property
    def kept(self) -> Kept:
        return self.site.keeper.kept

    def counters(self) -> Counters:
        if self.failing is not None:
            raise self.failing
        return Counters({("dynamic", 0): ClassCounters(attempted=self.attempted)}, Totals())

    def counters_id(self) -> int:
        return self.id


@dataclass
class Reading:
    """A reader that the test drives, step by step."""

    site: Site
    gate: Counting
    started_at: datetime
    readers: list[MinuteReader] = field(default_factory=list)
    equipment: Callable[[], Equipment] | None = None

    @property
    def reader(self) -> MinuteReader:
        return self.readers[-1]

    def restart(self, boot: str = "boot") -> None:
        """Begin as a new process does; the former had written what it had read."""
        if self.readers:
            self.reader.write()
        self.readers.append(
            MinuteReader(self.gate, self.site.store, boot=boot, clocks=self.clocks, equipment=self.equipment)
        )
        self.reader.read()
        self.reader.write()

    def clocks(self) -> Moment:
        steady = self.site.clocks.steady + timedelta(days=1)
        return Moment(self.site.now, steady // timedelta(microseconds=1) * 1_000)

    def later(self, by: timedelta, more: int) -> None:
        """Let time pass and sessions be tried, and look."""
        self.site.pass_to(self.site.now + by)
        self.gate.attempted += more
        self.reader.read_if_due()

    def minutes(self) -> list[Sum]:
        self.reader.write()
        with self.site.store.reading() as transaction:
            return list(transaction.counted(ALL, Per.MINUTE, ("attempted",)))

    def counted(self) -> list[tuple[int, int, str]]:
        """Return minute, count and timing of each row."""
        return [
            ((one.begin - self.started_at) // MINUTE, one.sums[0], one.timing.name) for one in self.minutes()
        ]

    def marks(self) -> list[Why]:
        self.reader.write()
        with self.site.store.reading() as transaction:
            return [one.why for one in transaction.counted_marks(ALL.begin, ALL.end)]


@contextmanager
def reading_on(directory: Path, number: float) -> Iterator[Reading]:
    with site_on(directory, number) as site:
        site.start()
        made = Reading(site, Counting(site), site.now)
        made.restart()
        yield made


def test_each_minute_has_what_was_counted_in_it_and_nothing_is_read_in_between(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made:
        for more in (3, 0, 5):
            waiting = made.reader.waiting
            made.later(MINUTE / 2, more)
            assert made.reader.waiting == waiting
            made.later(MINUTE / 2, more)
            assert made.reader.waiting == waiting + 1
        assert made.counted() == [(0, 6, "KNOWN"), (1, 0, "KNOWN"), (2, 10, "KNOWN")]
        assert made.marks() == []


def test_the_next_look_is_at_the_minute_or_when_something_else_may_hold(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made:
        assert made.reader.read_if_due() == minute_reader.LOOK
        made.site.pass_to(made.site.now + MINUTE - timedelta(milliseconds=300))
        assert made.reader.read_if_due() == timedelta(milliseconds=300)


def test_a_killed_daemon_that_starts_again_counts_nothing_twice_and_loses_nothing(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made:
        made.later(MINUTE, 3)
        made.later(MINUTE / 4, 4)
        made.site.pass_to(made.site.now + MINUTE / 4)
        made.restart()
        made.later(MINUTE / 2, 1)
        assert sum(one.sums[0] for one in made.minutes()) == made.gate.attempted
        assert made.counted() == [(0, 3, "KNOWN"), (1, 5, "KNOWN")]


def test_a_span_without_a_daemon_is_missing_and_its_count_belongs_to_no_minute(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made:
        made.gate.attempted = 7
        made.site.pass_to(made.site.now + 5 * MINUTE)
        made.restart()
        assert made.counted() == [(0, 7, "LONG")]
        assert made.marks() == [Why.NOT_READ]


@pytest.mark.parametrize("boot", ["boot", "another"])
def test_counters_that_began_anew_are_told(tmp_path: Path, boot: str) -> None:
    with reading_on(tmp_path, 1) as made:
        made.later(MINUTE, 9)
        made.gate.attempted = 2
        made.gate.id += boot == "boot"
        made.site.pass_to(made.site.now + MINUTE)
        made.restart(boot)
        assert made.counted() == [(0, 9, "KNOWN"), (1, 2, "PARTIAL")]
        assert made.marks() == [Why.COUNTERS_ANEW]


def test_while_the_store_is_away_minutes_wait_and_none_is_lost(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made:
        made.site.store.is_away = True
        for more in (1, 2, 3):
            made.later(MINUTE, more)
            with pytest.raises(StoreError):
                made.reader.write()
        assert made.reader.waiting == 3
        made.site.store.is_away = False
        assert made.counted() == [(0, 1, "KNOWN"), (1, 2, "KNOWN"), (2, 3, "KNOWN")]
        assert (made.reader.waiting, made.marks()) == (0, [])


def test_a_store_that_is_away_for_too_long_leaves_a_span_that_was_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(minute_reader, "MOST_WAITING", 2)
    with reading_on(tmp_path, 1) as made:
        made.site.store.is_away = True
        for more in (1, 2, 3, 4):
            made.later(MINUTE, more)
        made.site.store.is_away = False
        assert made.counted() == [(0, 6, "LONG"), (3, 4, "KNOWN")]
        assert made.marks() == [Why.NOT_READ]


def test_a_switch_of_the_plan_splits_its_minute(tmp_path: Path) -> None:
    with reading_on(tmp_path, 3 - 0.5 / 1440) as made:
        made.later(MINUTE / 2, 3)
        until(lambda: made.gate.kept.over_file() == PHASE)
        made.later(MINUTE / 100, 0)
        made.later(MINUTE, 4)
        found = [(one.held.arm, one.held.phase, one.sums[0], one.timing) for one in made.minutes()]
        assert [one for one in found if one[2]] == [
            ("outside", None, 3, Timing.KNOWN),
            ("phase", 1, 4, Timing.KNOWN),
        ]
        assert made.marks() == []


def test_a_suspension_and_its_end_split_their_minutes(tmp_path: Path) -> None:
    with reading_on(tmp_path, 3) as made:
        made.later(MINUTE / 4, 1)
        made.site.office.suspend(WHY, PEER)
        made.later(timedelta(), 0)
        made.later(MINUTE / 4, 2)
        made.site.office.resume(WHY, PEER)
        made.later(timedelta(), 0)
        made.restart()
        made.later(MINUTE / 2, 4)
        found = {(one.held.arm, one.held.since, one.sums[0], one.timing) for one in made.minutes()}
        begun, ended = day(3) + MINUTE / 4, day(3) + MINUTE / 2
        assert {one for one in found if one[2]} == {
            ("phase", day(3), 1, Timing.KNOWN),
            ("maintenance", begun, 2, Timing.KNOWN),
            ("phase", ended, 4, Timing.KNOWN),
        }
        assert made.marks() == []


def test_equipment_that_cannot_be_read_is_missing_and_counts_go_on(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made, capture_logs() as logs:
        busy: list[int | None] = [0, None, 5, 8]

        def equipment() -> Equipment:
            if (now := busy.pop(0)) is None:
                raise OSError("/proc/stat: no such file")
            return Equipment({CPU: Meter("boot", (2 * now, now, 0))})

        made.equipment = equipment
        made.site.pass_to(made.site.now + MINUTE)
        made.restart()
        for more in (1, 2, 3):
            made.later(MINUTE, more)
        assert made.counted() == [(0, 0, "KNOWN"), (1, 1, "KNOWN"), (2, 2, "KNOWN"), (3, 3, "KNOWN")]
        with made.site.store.reading() as transaction:
            rows = list(transaction.equipment_minutes(ALL.begin, ALL.end))
        assert [(row.begin - made.started_at, row.counts.busy_ms) for row in rows] == [(3 * MINUTE, 3)]
        assert made.marks() == [Why.EQUIPMENT_NOT_READ] * 2
    assert [one["event"] for one in logs if one.get("undone") == "reading the equipment"] != []


def test_a_clock_that_is_set_back_is_read_at_once(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made:
        made.later(MINUTE, 1)
        made.site.set_clock(made.site.now - 60 * MINUTE)
        made.later(timedelta(seconds=1), 2)
        assert Why.CLOCK_BACK in made.marks()
        assert sum(one.sums[0] for one in made.minutes()) == 3


def test_its_threads_read_write_and_survive_a_gate_that_fails(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made:
        made.restart()
        made.gate.failing = GateError("no")
        made.reader.start()
        try:
            made.gate.failing = None
            made.gate.attempted = 5
            made.site.pass_to(made.site.now + MINUTE)
            made.reader.look()
            until(lambda: made.reader.waiting == 0 and bool(made.minutes()))
            made.reader.check()
        finally:
            made.reader.stop()
        assert sum(one.sums[0] for one in made.minutes()) == 5
        with pytest.raises(GateError, match="has ended, our fault"):
            made.reader.check()


def test_a_gate_that_is_taken_down_is_read_no_more(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made:
        made.gate.failing = RefusalError(503, "ending", "The daemon is ending", "ask again later")
        made.later(MINUTE, 1)
        assert made.reader.waiting == 0


def test_minutes_are_forgotten_and_hours_stay(tmp_path: Path) -> None:
    with reading_on(tmp_path, 1) as made:
        made.later(MINUTE, 3)
        made.reader.write()
        store: AwayStore = made.site.store
        now = made.site.now
        forgetter = Forgetter(store, config=lambda: good(TEXT), utc=lambda: now)
        for now in (made.site.now + MINUTES_KEPT - 2 * MINUTE, made.site.now + MINUTES_KEPT + 60 * MINUTE):
            for _ in range(20):
                forgetter.step()
            left = bool(made.minutes())
            assert left == (now < made.site.now + MINUTES_KEPT)
        with store.reading() as transaction:
            hours = list(transaction.counted(ALL, Per.HOUR, ("attempted",)))
        assert [one.sums for one in hours] == [(3,)]
