"""The load on the equipment while something is limited and while nothing is, in the report."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.measure.coverage import coverage
from sekisho.measure.equipment import EquipmentCounts
from sekisho.measure.equipment_compared import PLACES, compared
from sekisho.measure.readings import VARIOUS, EquipmentRow, Held, Timing, held_by
from sekisho.measure.trial_hours import TrialHours
from sekisho.model import Mode
from sekisho.pages.report import report_sections
from sekisho.pages.voice import Language
from sekisho.store.equipment import EquipmentSum, Load
from sekisho.trial.estimate import Estimate
from sekisho.trial.plan import holds
from sekisho.trial.protocol import OF_EQUIPMENT, USUAL, Outcome, TrialProtocol
from sekisho.trial.registration import Version, register
from sekisho.trial.report import Facts, make_report
from sekisho.trial.report_values import Because, Compared, Complaints, NotKnown, Published, Report
from sekisho.trial.report_written import written_report
from sekisho.trial.series import Series
from tests.unit.planning import DAY, HOUR, START
from tests.unit.test_trial_report import END, PLAN, hours

ON, OFF = Held("on"), Held("off")
LATE = (900, 60, 40, *(0,) * 13)
BUSY = EquipmentCounts(
    cpu_ms=1_000_000,
    busy_ms=400_000,
    softirq_ms=100_000,
    daemon_ms=20_000,
    received=7_200_000,
    sent=7_200_000,
    sent_dropped=144,
    highest=345,
    hold_dropped=20,
    held=2_000,
    unreleased=100,
    late=LATE,
)


def of(held: Held, counts: EquipmentCounts = BUSY, timing: Timing = Timing.KNOWN) -> EquipmentSum:
    return EquipmentSum(held, timing, HOUR, counts)


def figures(*hours: EquipmentSum) -> dict[str, Compared]:
    return {one.what: one for one in compared(PLAN, hours)}


def test_limited_and_free_hours_stand_side_by_side() -> None:
    idle = replace(BUSY, busy_ms=100_000, held=0, unreleased=0, late=(0,) * 16, hold_dropped=0, highest=0)
    found = figures(of(ON), of(OFF, idle))
    assert (found["cpu_percent"].limited, found["cpu_percent"].free) == (40, 10)
    assert found["softirq_percent"].limited == 10
    assert found["daemon_percent"].limited == 2
    assert found["packets_per_second"].limited == 2_000
    assert found["dropped_per_million"].limited == 10
    assert (found["late_p50_ms"].limited, found["late_p99_ms"].limited) == (1, 3)
    assert (found["hold_dropped_percent"].limited, found["by_retransmission_percent"].limited) == (1, 5)
    assert found["late_p99_ms"].free == NotKnown(Because.TOO_FEW_SESSIONS, None, 1_000)
    assert {one.effect for one in found.values()} == {NotKnown(Because.NOT_TESTED)}


@pytest.mark.parametrize(("highest", "below"), [(0, 10), (9, 10), (10, 100), (345, 1_000), (1_000, 10_000)])
def test_the_most_that_waited_at_once_is_told_by_powers_of_ten(highest: int, below: int) -> None:
    assert figures(of(ON, replace(BUSY, highest=highest)))["hold_highest_below"].limited == below


def test_wash_outs_and_gates_whose_classes_differ_are_left_out() -> None:
    other = replace(BUSY, busy_ms=1_000_000)
    found = figures(of(ON), of(replace(ON, washout=True), other), of(Held(VARIOUS), other))
    assert found["cpu_percent"].limited == 40
    assert found["cpu_percent"].free == NotKnown(Because.NOT_COUNTED)
    assert compared(PLAN, [of(Held(VARIOUS))]) == ()
    assert compared(PLAN, []) == ()


def test_what_was_not_read_in_time_counts_for_retransmission_alone() -> None:
    partial = replace(BUSY, busy_ms=1_000_000, held=2_000, unreleased=2_000)
    found = figures(of(ON), of(ON, partial, Timing.PARTIAL))
    assert found["cpu_percent"].limited == 40
    assert found["by_retransmission_percent"].limited == 52.5


@given(st.integers(-5_000, 5_000), st.integers(0, 5_000))
def test_a_share_is_from_0_to_100_or_not_told(unreleased: int, held: int) -> None:
    found = figures(of(ON, replace(BUSY, held=held, unreleased=unreleased)))[
        "by_retransmission_percent"
    ].limited
    assert isinstance(found, NotKnown) == (held < 1_000)
    assert isinstance(found, NotKnown) or 0 <= found <= 100


def equipment(times: float, gates: Sequence[str] = ("tokyo", "osaka")) -> Iterator[EquipmentRow]:
    """Gates whose processors are busier by a factor while something is limited."""
    random = Random(7)
    for gate in gates:
        begin = PLAN.span.begin
        while begin < PLAN.span.end:
            block = holds(PLAN, begin).get("dynamic")
            held = Held() if block is None else held_by(block, begin)
            limited = block is not None and block.limit.mode is Mode.ENFORCE
            busy = round(random.gauss(400_000, 20_000) * (times if limited else 1))
            counts = replace(BUSY, busy_ms=busy, received=round(random.gauss(10**6, 10**4)), sent_dropped=0)
            yield EquipmentRow(gate, held, begin, Timing.KNOWN, HOUR, counts)
            begin += HOUR


def as_load(row: EquipmentRow) -> Load:
    sums = (row.counts.busy_ms, row.counts.received, row.counts.sent_dropped, 0, 0, 0)
    return Load(row.gate, "dynamic", 0, row.held, row.timing, row.begin, row.covered, sums)


def reported(outcomes: tuple[Outcome, ...], rows: Sequence[EquipmentRow]) -> Report:
    protocol = TrialProtocol(PLAN, outcomes)
    version = register((), protocol, START - DAY)
    assert isinstance(version, Version)
    of_sessions = TrialHours(PLAN, hours(PLAN))
    of_equipment = TrialHours(PLAN, [as_load(row) for row in rows], PLACES)

    def counted(name: str, outcome: Outcome) -> tuple[Series, ...]:
        return (of_equipment if outcome in OF_EQUIPMENT else of_sessions).series(name, outcome)

    sums = [EquipmentSum(row.held, row.timing, row.covered, row.counts) for row in rows]
    return make_report(
        Facts(
            protocol=protocol,
            versions=(version,),
            events=(),
            made_at=END,
            program="1",
            policy="ab",
            coverage=coverage(PLAN, of_sessions, ("tokyo",), (), END),
            harm=(),
            reliefs_at_least=0,
            complaints=Complaints(0, 0.0),
            published=Published((), 0, 0),
            equipment=compared(PLAN, sums),
        ),
        counted,
    )


def test_what_is_registered_has_its_interval_and_what_is_not_is_not_tested() -> None:
    found = reported((Outcome.ATTEMPTS, Outcome.CPU, Outcome.DROPS), list(equipment(1.2)))
    by_name = {one.what: one.effect for one in found.equipment}
    effect = by_name["cpu_percent"]
    assert isinstance(effect, Estimate)
    assert effect.low_percent < 20 < effect.high_percent
    assert effect.high_percent - effect.low_percent < 5
    assert by_name["packets_per_second"] == NotKnown(Because.NOT_TESTED)
    assert by_name["dropped_per_million"] == NotKnown(Because.NONE_WHILE_OFF)
    assert not isinstance(found.experiments, NotKnown)
    assert [(one.class_name, one.outcome) for one in found.experiments] == [
        ("dynamic", Outcome.ATTEMPTS),
        (None, Outcome.CPU),
        (None, Outcome.DROPS),
    ]


def test_without_an_outcome_of_it_there_are_plain_numbers_on_page_and_in_json() -> None:
    found = reported(USUAL, list(equipment(1.0)))
    assert {one.effect for one in found.equipment} == {NotKnown(Because.NOT_TESTED)}
    for language in Language:
        _, _, sections = report_sections(found, language)
        titles = [one.title for one in sections]
        section = sections[
            titles.index("機器への負荷" if language is Language.JA else "The load on the equipment")
        ]
        assert section.rows is not None
        assert {row[3] for row in section.rows.rows} == {
            "検定なし" if language is Language.JA else "not tested"
        }
    written = json.loads(json.dumps(written_report(found), allow_nan=False))["equipment"]
    assert [one["what"] for one in written] == [one.what for one in found.equipment]
    assert written[0]["effect"] == {"not_known": "not-tested"}


def test_without_any_equipment_read_the_report_says_so() -> None:
    found = reported((*USUAL, Outcome.CPU), [])
    assert found.equipment == ()
    _, _, sections = report_sections(found, Language.EN)
    (section,) = [one for one in sections if one.title == "The load on the equipment"]
    assert section.warned == ("not known: nothing was counted",)


def test_an_hour_that_was_not_as_planned_is_left_out() -> None:
    rows = list(equipment(1.2))
    spoilt = [
        replace(row, held=Held("maintenance"), counts=replace(row.counts, busy_ms=10**9))
        if row.begin.hour == 3
        else row
        for row in rows
    ]
    (with_all, without) = (
        TrialHours(PLAN, [as_load(row) for row in some], PLACES).series("dynamic", Outcome.CPU)
        for some in (rows, spoilt)
    )
    assert max(cell.count for series in without for cell in series.cells) < 10**9
    assert sum(len(series.cells) for series in without) < sum(len(series.cells) for series in with_all)
