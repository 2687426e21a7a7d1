"""Peaks from the kernel to the store, hour by hour, with a clock of the test's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from sekisho.api.problems import RefusalError
from sekisho.daemon.peak_keeper import PeakKeeper
from sekisho.gate import GateError
from sekisho.gate.peaks import KernelPeaks
from sekisho.measure.turns import is_whole
from sekisho.model import Address, KnownLine, Peaks, RosterChange, Stage, stage_arm
from sekisho.store import Store, StoreError, Transaction, open_store
from tests.kernel.cases import LINE, syn_frame
from tests.kernel.conftest import packed
from tests.kernel.twin import Twin
from tests.store.empty import lay_empty_store

HOUR = timedelta(hours=1)
NINE = datetime(2027, 3, 1, 9, tzinfo=UTC)


class AwayStore(Store):
    """A store that can be away."""

    is_away = False

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        if self.is_away:
            raise StoreError("the store is away")
        with super().transaction() as transaction:
            yield transaction


@dataclass
class Site:
    """A gate in the kernel, a store, and the hour."""

    gate: Twin
    store: AwayStore
    now: datetime = NINE
    is_down: bool = False
    keeper: PeakKeeper = field(init=False)

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Another daemon begins; the former one is gone, wherever it was."""
        self.keeper = PeakKeeper(self, "kyoto", self.store, utc=lambda: self.now)
        self.keeper.begin()

    @contextmanager
    def peaks(self) -> Iterator[KernelPeaks]:
        if self.is_down:
            raise RefusalError(503, "ending", "The daemon is ending", "ask again later")
        yield self.gate.peaks

    def session(self, line: str = LINE) -> None:
        self.gate.receive(syn_frame(line=line))

    def end_sessions(self) -> None:
        self.gate.tick(3600 * 10**9)
        self.gate.sweep()

    def later(self, **span: float) -> None:
        self.now += timedelta(**span)
        self.keeper.tick()

    def stored(self) -> list[Peaks]:
        with self.store.reading() as transaction:
            spans = transaction.active_lines(NINE - HOUR, NINE + 99 * HOUR, "kyoto")
            return [
                transaction.peaks_since(since, "kyoto") for since in dict.fromkeys(s.since for s in spans)
            ]

    def lines(self) -> list[int]:
        """Lines with sessions, of each stored span."""
        return [sum(sum(one.lines) for one in span.classes.values()) for span in self.stored()]


@pytest.fixture
def site(gate: Twin, tmp_path: Path) -> Iterator[Site]:
    opened = open_store(lay_empty_store(tmp_path / "store.db"))
    opened.__class__ = AwayStore
    made = Site(gate, opened)  # type: ignore[arg-type]
    yield made
    opened.close()
    gate.peaks.forget()
    while gate.peaks.fold():
        pass
    gate.peaks.forget()
    gate.model.peaks = gate.kernel_peaks()  # when it was turned is this test's matter, not the model's


def test_each_hour_is_stored_once_with_its_span(site: Site) -> None:
    site.session()
    for _ in range(59):
        site.later(minutes=1)
    assert site.stored() == []
    site.later(minutes=1)
    site.later(seconds=1)
    (hour,) = site.stored()
    assert (hour.since, hour.until, is_whole(hour)) == (NINE, NINE + HOUR, True)
    assert site.lines() == [1]


def test_an_hour_without_any_line_is_an_hour_of_zeros(site: Site) -> None:
    site.later(hours=1)
    (hour,) = site.stored()
    assert ("dynamic", 0) in hour.classes
    assert site.lines() == [0]


def test_a_daemon_that_begins_within_the_hour_makes_no_whole_one(site: Site) -> None:
    site.later(minutes=20)
    site.restart()
    site.later(minutes=40)
    site.later(hours=1)
    assert [is_whole(one) for one in site.stored()] == [True, True]  # the kernel went on counting
    site.now += timedelta(hours=2, minutes=5)
    site.restart()
    assert [is_whole(one) for one in site.stored()] == [True, True, False]
    site.later(minutes=55)
    assert [is_whole(one) for one in site.stored()] == [True, True, False, False]


@pytest.mark.parametrize("step", ["turn", "fold", "put_peaks", "forget"])
@pytest.mark.parametrize("after", [False, True])
def test_a_daemon_killed_before_or_after_any_step_loses_and_repeats_nothing(
    site: Site, monkeypatch: pytest.MonkeyPatch, step: str, after: bool
) -> None:
    of = Transaction if step == "put_peaks" else KernelPeaks
    whole = getattr(of, step)

    def broken(*asked: object) -> object:
        if after:
            whole(*asked)
        raise KeyboardInterrupt

    site.session()
    site.end_sessions()
    with monkeypatch.context() as killed:
        killed.setattr(of, step, broken)
        with pytest.raises(KeyboardInterrupt):
            site.later(hours=1)
    site.restart()
    site.later(seconds=1)
    assert site.lines() == [1]
    site.later(hours=1)
    assert site.lines() == [1, 0]


def report(site: Site, stage: Stage = Stage.REPORTED) -> None:
    """Let fourteen lines have an open case, and as many others none."""
    lines = range(20, 34)
    site.gate.change(
        RosterChange(
            {line: KnownLine("dynamic", counted=stage_arm(stage, line)) for line in lines},
            {Address(packed(f"100.64.0.{line}"), 32): line for line in lines},
        )
    )


def everybody_sends(site: Site) -> None:
    site.gate.model.peaks = site.gate.kernel_peaks()  # the keeper alone has turned
    for line in range(20, 48):
        site.session(f"100.64.0.{line}")
    site.end_sessions()


def kept(site: Site) -> list[tuple[int, str, int, int]]:
    with site.store.reading() as transaction:
        return [
            ((one.begin - NINE) // HOUR, one.stage, one.lines, one.value)
            for one in transaction.stage_hours()
            if one.what == "sessions"
        ]


def test_what_lines_with_open_cases_have_sent_is_kept_of_hours_that_were_read_as_a_whole(site: Site) -> None:
    report(site)
    everybody_sends(site)
    site.later(hours=1)
    assert kept(site) == [], "since when it was counted was not read"
    for _ in range(2):
        everybody_sends(site)
        site.later(hours=1)
    assert kept(site) == [(1, "reported", 14, 14), (2, "reported", 14, 14)]
    report(site, Stage.ASKED)
    everybody_sends(site)
    site.restart()
    site.later(hours=1)
    assert len(kept(site)) == 2, "the daemon began within it"
    everybody_sends(site)
    site.later(hours=1)
    assert kept(site)[2:] == [(4, "asked", 14, 14)]
    assert site.lines() == [28, 28, 28, 28, 28], "they count with their class all the same"


def test_of_few_lines_with_open_cases_nothing_is_written(site: Site) -> None:
    report(site)
    site.later(hours=1)
    for line in range(20, 29):
        site.session(f"100.64.0.{line}")
    site.later(hours=1)
    with site.store.reading() as transaction:
        assert list(transaction.stage_hours()) == []


def test_a_fold_that_fails_in_the_middle_makes_no_hour_of_a_part(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: KernelPeaks) -> bool:
        raise GateError("the kernel has no room")

    site.session()
    site.end_sessions()
    with monkeypatch.context() as failing:
        failing.setattr(KernelPeaks, "fold", fail)
        for later in (HOUR, timedelta(seconds=1)):
            with pytest.raises(GateError):
                site.later(seconds=later.total_seconds())
        assert site.stored() == []
    site.later(seconds=1)
    assert site.lines() == [1]


def test_a_store_that_is_away_is_waited_for_until_the_next_turn(site: Site) -> None:
    site.session()
    site.end_sessions()
    site.store.is_away = True
    with pytest.raises(StoreError, match="away"):
        site.later(hours=1)
    with pytest.raises(StoreError, match="away"):
        site.later(minutes=30)
    site.store.is_away = False
    site.later(minutes=1)
    assert site.lines() == [1]


def test_an_hour_that_could_not_be_stored_is_missing_not_added_to_the_next(site: Site) -> None:
    site.session()
    site.end_sessions()
    site.store.is_away = True
    for _ in range(2):
        with pytest.raises(StoreError, match="away"):
            site.later(hours=1)
    site.store.is_away = False
    site.later(minutes=1)
    (hour,) = site.stored()
    assert hour.since == NINE + HOUR
    assert site.lines() == [0]


def test_a_clock_set_back_ends_the_span_and_makes_none(site: Site) -> None:
    site.session()
    site.later(hours=-3)
    site.later(minutes=1)
    assert site.stored() == []
    site.later(hours=1)
    assert [span.since for span in site.stored()] == []  # before the span that is asked for
    assert not site.gate.peaks.counted()["dynamic", 0].met_cap


def test_without_a_store_peaks_are_forgotten_all_the_same(site: Site) -> None:
    site.keeper = PeakKeeper(site, "kyoto", None, utc=lambda: site.now)
    site.session()
    site.end_sessions()
    assert site.gate.kernel_peaks()
    site.later(hours=1)
    assert not site.gate.kernel_peaks()
    assert site.gate.peaks.folded() is None


def test_a_gate_that_is_taken_down_is_left_alone(site: Site) -> None:
    site.is_down = True
    site.later(hours=1)
    assert site.stored() == []
