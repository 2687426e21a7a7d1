"""What lines with open cases sent: nothing is kept or published in which a line could be recognised."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.desk.figures import SentInWeek
from sekisho.measure.cells import Ledger
from sekisho.measure.desk_figures import publish_desk, statistics
from sekisho.measure.stages import Counts, StageHour, StageOf, hours_kept, weeks_of
from sekisho.measure.windows import Size, window_at
from sekisho.model import STAGE_PARTS, ClassPeaks, Peaks, Sent, Stage, stage_arm, stage_arms

UTC_ZONE = ZoneInfo("UTC")
MONDAY = datetime(2026, 11, 23, tzinfo=UTC)
HOUR = timedelta(hours=1)
REPORTED = ("dynamic", Stage.REPORTED)
NOTHING = (Sent(0, 0),) * STAGE_PARTS

Lines = Mapping[int, Sent]
"""What each line of a stage sent in an hour: known to nobody but these tests."""


def kernel(lines: Lines, others: int, begin: datetime = MONDAY, stage: Stage = Stage.REPORTED) -> Peaks:
    """Return what the kernel tells of an hour: how many lines began sessions."""
    began = sum(one.sessions > 0 for one in lines.values())
    of_class = {("dynamic", 0): ClassPeaks((others + began,))}
    return Peaks(begin, begin + HOUR, of_class, {("dynamic", stage): began})


def counted(lines: Lines, stage: Stage = Stage.REPORTED, before: Counts | None = None) -> Counts:
    """Return what the kernel's arms have counted after them."""
    sums = dict(zip(stage_arms(stage), (before or {}).get(("dynamic", stage), NOTHING), strict=True))
    for line, sent in lines.items():
        arm = stage_arm(stage, line)
        sums[arm] = Sent(sums[arm].sessions + sent.sessions, sums[arm].octets + sent.octets)
    return {("dynamic", stage): tuple(sums.values())}


def kept(lines: Lines, others: int = 50, begin: datetime = MONDAY) -> dict[str, tuple[int, int]]:
    before = counted({line: Sent(3, 1_000) for line in range(30)})
    found = hours_kept(kernel(lines, others, begin), before, counted(lines, before=before))
    return {one.what: (one.lines, one.value) for one in found}


EVEN = {line: Sent(10, 5_000) for line in range(14)}


def test_the_sum_of_enough_lines_is_kept_and_none_of_its_parts() -> None:
    assert kept(EVEN) == {"sessions": (14, 140), "octets": (14, 70_000)}


@pytest.mark.parametrize(
    ("lines", "others"),
    [
        ({line: Sent(10, 5_000) for line in range(9)}, 50),
        (EVEN | {20: Sent(0, 5_000)} | {line: Sent(0, 1) for line in range(4, 14)}, 50),
        (EVEN | {0: Sent(500, 500_000)}, 50),
        (EVEN, 9),
        ({}, 50),
    ],
    ids=["nine", "sessions of four", "one has most", "nine others", "none"],
)
def test_what_could_be_a_lines_is_not_kept(lines: Lines, others: int) -> None:
    assert kept(lines, others) == {}


def test_octets_that_are_one_lines_leave_the_sessions() -> None:
    assert set(kept(EVEN | {0: Sent(10, 10**9)})) == {"sessions"}


@pytest.mark.parametrize("minutes", [-1, 1])
def test_an_hour_that_was_not_read_as_a_whole_is_missing(minutes: int) -> None:
    hour = replace(kernel(EVEN, 50), since=MONDAY + timedelta(minutes=minutes))
    assert list(hours_kept(hour, counted({}), counted(EVEN))) == []


@pytest.mark.parametrize("before", [{}, counted(EVEN | {9: Sent(11, 0)})], ids=["not read", "made anew"])
def test_a_difference_that_is_none_is_missing(before: Counts) -> None:
    assert not [one for one in hours_kept(kernel(EVEN, 50), before, counted(EVEN)) if one.what == "sessions"]


amounts = st.builds(Sent, st.integers(0, 60) | st.integers(0, 3_000), st.integers(0, 10**7))
hours_of_lines = st.tuples(st.sampled_from(Stage), st.dictionaries(st.integers(0, 40), amounts, max_size=25))


@settings(max_examples=150, deadline=None)
@given(st.lists(hours_of_lines, min_size=1, max_size=8), st.integers(0, 30))
def test_whoever_has_all_that_is_kept_and_told_sees_no_line(
    hours: Sequence[tuple[Stage, Lines]], others: int
) -> None:
    """Of each sum ten lines have some, and none more than half, hour by hour and week by week."""
    total: Counts = {("dynamic", stage): NOTHING for stage in Stage}
    rows: list[StageHour] = []
    truth: defaultdict[StageOf, list[Lines]] = defaultdict(list)
    for number, (stage, lines) in enumerate(hours):
        begin = MONDAY + number * HOUR
        after = {**total, **counted(lines, stage, total)}
        for one in hours_kept(kernel(lines, others, begin, stage), total, after):
            assert_hidden([lines], one.what, one.value)
            assert others >= 10
            rows.append(one)
            truth[StageOf(MONDAY, "dynamic", stage, one.what)].append(lines)
        total = after
    weeks = weeks_of(rows, UTC_ZONE)
    assert weeks.keys() == truth.keys()
    window = window_at(Size.WEEK, MONDAY, UTC_ZONE)
    figures, _ = publish_desk({}, weeks, [window], ["dynamic"], Ledger(), UTC_ZONE)
    told = {(one.stage, one.what): one for week in figures.weeks for one in week.sent}
    for of, some in truth.items():
        sent = told[of.stage, of.what]
        assert sent.count is not None
        assert sent.line_hours == sum(sum(line.sessions > 0 for line in each.values()) for each in some)
        assert_hidden(some, of.what, sent.count)


def assert_hidden(hours: Sequence[Lines], what: str, value: int) -> None:
    by_line: defaultdict[int, int] = defaultdict(int)
    for lines in hours:
        for line, sent in lines.items():
            by_line[line] += getattr(sent, what)
    assert sum(by_line.values()) == value
    assert 2 * max(by_line.values()) <= value
    assert sum(any(lines.get(line, Sent(0, 0)).sessions for lines in hours) for line in by_line) >= 10


def test_a_week_is_told_with_its_line_hours_and_what_a_line_had_in_an_hour() -> None:
    rows = [
        StageHour(MONDAY + number * HOUR, "dynamic", Stage.ASKED, "sessions", 12, 90) for number in range(5)
    ]
    rows.append(rows[0])  # another gate's
    weeks = weeks_of(rows, UTC_ZONE)
    window = window_at(Size.WEEK, MONDAY, UTC_ZONE)
    figures, ledger = publish_desk({}, weeks, [window], ["dynamic", "fixed"], Ledger(), UTC_ZONE)
    (week,) = figures.weeks
    assert SentInWeek(Stage.ASKED, "sessions", 540, 72, 7.5) in week.sent
    others = [one for one in week.sent if (one.stage, one.what) != (Stage.ASKED, "sessions")]
    assert {(one.count, one.line_hours, one.mean) for one in others} == {(None, None, None)}
    assert {one.statistic for one in ledger.shapes} < set(statistics("dynamic"))
    again, _ = publish_desk({}, {}, [window], ["dynamic"], ledger, UTC_ZONE)
    assert (again.weeks, again.differing) == (figures.weeks, 2), "what was shown stays"


def test_an_hour_that_two_weeks_share_is_in_neither() -> None:
    """In a zone of half hours the week begins within an hour of UTC."""
    zone = ZoneInfo("Asia/Kolkata")
    begin = window_at(Size.WEEK, MONDAY, zone).begin - timedelta(minutes=30)
    rows = [
        StageHour(begin + number * HOUR, "dynamic", Stage.ASKED, "octets", 12, 90) for number in range(-1, 2)
    ]
    assert [one.total.value for one in weeks_of(rows, zone).values()] == [90, 90]


def test_statistics_are_one_of_each_class_stage_and_kind() -> None:
    names = [*statistics("dynamic"), *statistics("fixed")]
    assert len(set(names)) == len(names) == 2 * (2 + 2 * len([*product(Stage, Sent._fields)]))
