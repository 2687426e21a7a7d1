"""What may be published: played from the side of whoever wants to know more."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import linprog

from sekisho.measure.bins import BINS, SESSION_LENGTH, SESSIONS_AT_ONCE, binned
from sekisho.measure.cells import Cell, Dimension, Ledger, Place, Secret, Table, with_totals
from sekisho.measure.judge import NotPublishableError
from sekisho.measure.publish import Shown, publish
from sekisho.measure.rules import Rules
from sekisho.measure.windows import Size, Window, parts, window_at

TOKYO = ZoneInfo("Asia/Tokyo")
RULES = Rules()
MONDAY = datetime(2026, 11, 23, tzinfo=TOKYO)
HOUR = timedelta(hours=1)
DAY_1 = window_at(Size.DAY, MONDAY, TOKYO)
CLASS = Dimension("class", ("dynamic", "fixed", "office"), apart=True)
ARM = Dimension("arm", ("on", "off"))
GATE = Dimension("gate", ("tokyo", "osaka"), apart=True)
Values = Mapping[tuple[str, ...], int]
Cells = dict[tuple[str, ...], Cell]
Numbers = NDArray[np.float64]


def lines(shape: Sequence[Dimension], counts: Iterable[int], window: Window = DAY_1) -> Table:
    """A table of how many lines; each is one of what is counted."""
    places = product(*(one.values for one in shape))
    cells = {place: Cell(count, count, min(count, 1)) for place, count in zip(places, counts, strict=True)}
    return Table("lines", window, tuple(shape), cells)


def shown(table: Table, ledger: Ledger | None = None) -> Shown:
    return publish(table, ledger or Ledger(), RULES, TOKYO)[0]


def test_cells_of_many_lines_are_shown_with_their_total() -> None:
    found = shown(lines([CLASS], [100, 10, 50]))
    assert found.cells == {("dynamic",): 100, ("fixed",): 10, ("office",): 50, (None,): 160}


def test_a_cell_of_few_lines_is_suppressed_and_another_so_that_the_total_does_not_tell() -> None:
    found = shown(lines([CLASS], [100, 9, 50]))
    assert found.cells == {("dynamic",): 100, ("fixed",): None, ("office",): None, (None,): 159}


@pytest.mark.parametrize(("shape", "suppressed"), [((CLASS,), 2), ((CLASS, ARM), 4), ((CLASS, ARM, GATE), 8)])
def test_no_more_is_suppressed_than_one_cell_needs(shape: tuple[Dimension, ...], suppressed: int) -> None:
    size = int(np.prod([len(one.values) for one in shape]))
    found = shown(lines(shape, [9, *range(100, 99 + size)]))
    assert list(found.cells.values()).count(None) == suppressed


def test_a_table_of_few_lines_shows_nothing() -> None:
    assert set(shown(lines([CLASS], [3, 2, 1])).cells.values()) == {None}


def test_an_empty_cell_is_of_few_lines() -> None:
    assert shown(lines([CLASS], [100, 0, 50])).cells["fixed",] is None


@pytest.mark.parametrize(("largest", "is_shown"), [(501, False), (500, True), (None, True)])
def test_a_cell_that_one_line_dominates_is_suppressed(largest: int | None, is_shown: bool) -> None:
    cells: Cells = {(name,): Cell(50, 1_000, 100) for name in CLASS.values}
    cells["fixed",] = Cell(50, 1_000, largest)
    found = shown(Table("sessions", DAY_1, (CLASS,), cells))
    assert (found.cells["fixed",] is not None) is is_shown


def test_totals_count_lines_that_may_be_in_several_cells_once() -> None:
    cells: Cells = {("on",): Cell(8, 80, 30), ("off",): Cell(6, 60, 30)}
    made = with_totals(Table("sessions", DAY_1, (ARM,), cells))
    assert made[None,] == Cell(8, 140, 60)
    apart: Cells = {("tokyo",): Cell(8, 80, 30), ("osaka",): Cell(6, 60)}
    assert with_totals(Table("sessions", DAY_1, (GATE,), apart))[None,] == Cell(14, 140, None)
    both: Cells = {(a, g): Cell(6, 10, 1) for a in ARM.values for g in GATE.values}
    assert with_totals(Table("sessions", DAY_1, (ARM, GATE), both))[None, None] == Cell(12, 40, 2)


# The attacker knows every published number and that counts are whole and not negative, and works with the
# smallest cells there are: every published cell, of whatever table, is a sum of them.

_ENOUGH = 100_000  # more than there is of anything


@dataclass
class Attacker:
    """Whoever has all tables; `dimensions` and `windows` together make the smallest cells."""

    tables: Sequence[Shown]
    dimensions: Sequence[Dimension]
    windows: Sequence[Window]

    def __post_init__(self) -> None:
        self._values = list(product(*(one.values for one in self.dimensions)))
        cells = [(one, at, value) for one in self.tables for at, value in one.cells.items()]
        known = [(self._sum(one, at), value) for one, at, value in cells if value is not None]
        self.hidden = [(one, at) for one, at, value in cells if value is None]
        self._known = np.array([row for row, _ in known])
        self._totals = [value for _, value in known]

    def width(self, table: Shown, at: Place) -> float:
        """Return how wide the interval is to which a cell can be narrowed."""
        return -self._least(-self._sum(table, at)) - self._least(self._sum(table, at))

    def narrowest(self) -> float:
        return min((self.width(*one) for one in self.hidden), default=np.inf)

    def _least(self, goal: Numbers) -> float:
        known = {"A_eq": self._known, "b_eq": self._totals} if self._totals else {}
        found = linprog(goal, **known, bounds=(0, _ENOUGH), integrality=1)
        assert found.success, found.message
        return float(found.fun)

    def _sum(self, table: Shown, at: Place) -> Numbers:
        """Return which of the smallest cells a cell is the sum of."""
        wanted = dict(zip((one.name for one in table.shape), at, strict=True))
        names = [one.name for one in self.dimensions]
        return np.array(
            [
                float(
                    table.window.begin <= window.begin
                    and window.end <= table.window.end
                    and all(
                        wanted.get(name) in (None, value) for name, value in zip(names, values, strict=True)
                    )
                )
                for window in self.windows
                for values in self._values
            ]
        )


COUNTS = st.one_of(st.integers(0, 12), st.integers(0, 3), st.integers(10, 400))


@settings(max_examples=25)
@given(st.data())
def test_no_suppressed_cell_of_a_table_is_narrowed(data: st.DataObject) -> None:
    shape = data.draw(st.sampled_from([[CLASS], [CLASS, ARM], [CLASS, GATE], [CLASS, ARM, GATE]]))
    size = int(np.prod([len(one.values) for one in shape]))
    found = shown(lines(shape, data.draw(st.lists(COUNTS, min_size=size, max_size=size))))
    assert Attacker([found], shape, [DAY_1]).narrowest() >= RULES.fewest - 1e-6


@settings(max_examples=15)
@given(st.lists(COUNTS, min_size=12, max_size=12), st.permutations([(CLASS, ARM), (CLASS, GATE), (CLASS,)]))
def test_no_suppressed_cell_is_narrowed_by_another_table(
    counts: list[int], shapes: list[tuple[Dimension, ...]]
) -> None:
    whole = [CLASS, ARM, GATE]
    joint = dict(zip(product(*(one.values for one in whole)), counts, strict=True))
    ledger, tables = Ledger(), []
    for shape in shapes:
        try:
            one, ledger = publish(folded(joint, whole, shape), ledger, RULES, TOKYO)
        except NotPublishableError:
            continue
        tables.append(one)
    assert tables
    assert Attacker(tables, whole, [DAY_1]).narrowest() >= RULES.fewest - 1e-6


def folded(joint: Values, whole: Sequence[Dimension], shape: Sequence[Dimension]) -> Table:
    """Add up to a table of fewer dimensions; every line is in one cell."""
    kept = [whole.index(one) for one in shape]
    sums = dict.fromkeys(product(*(one.values for one in shape)), 0)
    for place, count in joint.items():
        sums[tuple(place[at] for at in kept)] += count
    return lines(shape, sums.values())


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(1, 5_000), st.booleans()), min_size=6, max_size=6))
def test_what_one_line_dominates_stays_open_by_half_of_it(found: list[tuple[int, bool]]) -> None:
    places = list(product(CLASS.values, ARM.values))
    dominated = {at for at, (_, is_one) in zip(places, found, strict=True) if is_one}
    cells: Cells = {
        at: Cell(50, value, value if at in dominated else 0)
        for at, (value, _) in zip(places, found, strict=True)
    }
    made = shown(Table("sessions", DAY_1, (CLASS, ARM), cells))
    attacker = Attacker([made], [CLASS, ARM], [DAY_1])
    assert all(made.cells[at] is None for at in dominated)
    assert all(attacker.width(made, at) >= cells[at].value / 2 for at in dominated)


@settings(max_examples=5)
@given(st.lists(st.lists(COUNTS, min_size=3, max_size=3), min_size=7, max_size=7))
def test_no_suppressed_cell_is_narrowed_by_days_and_their_week(counts: list[list[int]]) -> None:
    week = window_at(Size.WEEK, MONDAY, TOKYO)
    days = parts(week, TOKYO)
    ledger, tables = Ledger(), []
    for day, some in zip(days, counts, strict=True):
        one, ledger = publish(lines([CLASS], some, day), ledger, RULES, TOKYO)
        tables.append(one)
    sums = [sum(each) for each in zip(*counts, strict=True)]
    tables.append(publish(lines([CLASS], sums, week), ledger, RULES, TOKYO)[0])
    assert Attacker(tables, [CLASS], days).narrowest() >= RULES.fewest - 1e-6


def test_the_attacker_finds_what_is_only_left_out() -> None:
    """Or the tests above could not fail."""
    found = Shown(
        "lines", DAY_1, (CLASS,), {("dynamic",): 100, ("fixed",): None, ("office",): 50, (None,): 159}
    )
    assert Attacker([found], [CLASS], [DAY_1]).narrowest() == pytest.approx(0)


# Windows, bins, and what was published before.


def test_what_was_published_is_answered_alike() -> None:
    first, ledger = publish(lines([CLASS], [100, 9, 50]), Ledger(), RULES, TOKYO)
    assert publish(lines([CLASS], [100, 9, 50]), ledger, RULES, TOKYO) == (first, ledger)


def test_another_number_for_what_was_published_is_refused() -> None:
    _, ledger = publish(lines([CLASS], [100, 20, 50]), Ledger(), RULES, TOKYO)
    with pytest.raises(NotPublishableError, match="was published with another number: the first stays"):
        publish(lines([CLASS], [101, 20, 50]), ledger, RULES, TOKYO)
    with pytest.raises(NotPublishableError, match="was published with another number"):
        publish(lines([CLASS, ARM], [51, 50, 10, 10, 25, 25]), ledger, RULES, TOKYO)


def test_what_cannot_be_known_of_a_secret_is_not_told_by_a_later_table() -> None:
    _, ledger = publish(lines([CLASS], [100, 9, 50]), Ledger(), RULES, TOKYO)
    second = shown(lines([CLASS, ARM], [50, 50, 9, 0, 25, 25]), ledger)
    assert second.cells["fixed", None] is None
    assert second.cells["office", None] is None
    assert second.cells["dynamic", None] == 100


@pytest.mark.parametrize("shift", [timedelta(minutes=1), HOUR, -HOUR])
def test_a_shifted_window_is_refused(shift: timedelta) -> None:
    window = Window(DAY_1.begin + shift, DAY_1.end + shift, Size.DAY)
    with pytest.raises(
        NotPublishableError, match="is no day of Asia/Tokyo: publish whole hours, days or weeks"
    ):
        shown(lines([CLASS], [100, 20, 50], window))


def test_a_grid_of_another_zone_is_refused() -> None:
    _, ledger = publish(lines([CLASS], [100, 20, 50]), Ledger(), RULES, TOKYO)
    utc = ZoneInfo("UTC")
    window = window_at(Size.DAY, MONDAY, utc)
    with pytest.raises(NotPublishableError, match="which overlaps, was published before"):
        publish(lines([CLASS], [100, 20, 50], window), ledger, RULES, utc)


def test_an_hour_after_its_day_is_refused() -> None:
    _, ledger = publish(lines([CLASS], [100, 20, 50]), Ledger(), RULES, TOKYO)
    hour = window_at(Size.HOUR, MONDAY, TOKYO)
    with pytest.raises(NotPublishableError, match="smaller ones first"):
        publish(lines([CLASS], [50, 10, 20], hour), ledger, RULES, TOKYO)


def test_a_day_after_only_some_of_its_hours_is_refused() -> None:
    ledger = Ledger()
    hours = parts(DAY_1, TOKYO)
    for hour in hours[:-1]:
        _, ledger = publish(lines([CLASS], [50, 10, 20], hour), ledger, RULES, TOKYO)
    day = lines([CLASS], [1_200, 240, 480])
    other = lines([CLASS], [1_200, 240, 481])
    with pytest.raises(
        NotPublishableError, match=r"from 2026-11-23 14:00 UTC in this shape.*publish it first"
    ):
        publish(day, ledger, RULES, TOKYO)
    _, ledger = publish(lines([CLASS], [50, 10, 20], hours[-1]), ledger, RULES, TOKYO)
    with pytest.raises(NotPublishableError, match="does not add up with what was published before"):
        publish(other, ledger, RULES, TOKYO)
    assert publish(day, ledger, RULES, TOKYO)[0].cells["fixed",] == 240


def test_the_next_day_has_nothing_to_do_with_the_one_before() -> None:
    _, ledger = publish(lines([CLASS], [100, 9, 50]), Ledger(), RULES, TOKYO)
    tuesday = window_at(Size.DAY, MONDAY + timedelta(days=1), TOKYO)
    found, ledger = publish(lines([CLASS], [90, 20, 40], tuesday), ledger, RULES, TOKYO)
    assert None not in found.cells.values()
    assert sum(isinstance(one, Secret) for one in ledger.cells.values()) == 2


def test_tables_that_go_round_in_a_circle_are_refused() -> None:
    _, ledger = publish(lines([CLASS, ARM], [50] * 6), Ledger(), RULES, TOKYO)
    _, ledger = publish(lines([CLASS, GATE], [50] * 6), ledger, RULES, TOKYO)
    with pytest.raises(NotPublishableError, match="round in a circle"):
        publish(lines([ARM, GATE], [75] * 4), ledger, RULES, TOKYO)


def test_other_values_of_a_dimension_at_the_same_time_are_refused() -> None:
    _, ledger = publish(lines([CLASS], [50] * 3), Ledger(), RULES, TOKYO)
    other = Dimension("class", ("dynamic", "others"), apart=True)
    with pytest.raises(NotPublishableError, match="'class' had other values"):
        publish(lines([other, ARM], [50] * 4), ledger, RULES, TOKYO)


def test_bins_are_fixed() -> None:
    own = Dimension(SESSIONS_AT_ONCE, ("1-4", "5 or more"))
    with pytest.raises(NotPublishableError, match="has fixed bins: 1, 2, 3, 4-5"):
        shown(lines([own], [50, 50]))
    fixed = Dimension(SESSIONS_AT_ONCE, BINS[SESSIONS_AT_ONCE])
    assert None not in shown(lines([fixed], [50] * len(fixed.values))).cells.values()


@pytest.mark.parametrize(
    ("shape", "cells", "told"),
    [
        ((), {}, "one to 3 dimensions"),
        ((ARM, ARM), {}, "each once"),
        ((Dimension("a", ()),), {}, "needs values"),
        ((ARM,), {("up",): Cell(1, 1)}, "no cell"),
        ((ARM,), {("on", "off"): Cell(1, 1)}, "no cell"),
        ((ARM,), {("on",): Cell(0, 1)}, "cannot be"),
        ((ARM,), {("on",): Cell(1, -1)}, "cannot be"),
        ((ARM,), {("on",): Cell(1, 2**51)}, "cannot be"),
        ((ARM,), {("on",): Cell(1, 1, 2)}, "cannot be"),
    ],
)
def test_what_is_no_table_is_refused(
    shape: tuple[Dimension, ...], cells: Mapping[tuple[str, ...], Cell], told: str
) -> None:
    with pytest.raises(NotPublishableError, match=told):
        shown(Table("lines", DAY_1, shape, cells))


def test_bins_are_sums_of_buckets() -> None:
    assert list(binned(SESSIONS_AT_ONCE, range(1, 25)).values()) == [
        1,
        2,
        3,
        4 + 5,
        6 + 7 + 8 + 9 + 10,
        sum(range(11, 17)),
        17 + 18,
        sum(range(19, 25)),
    ]
    assert sum(binned(SESSION_LENGTH, range(24)).values()) == sum(range(24))
    assert binned(SESSION_LENGTH, (1, 1)) == dict.fromkeys(BINS[SESSION_LENGTH], 0) | {"under 1 s": 2}


@pytest.mark.parametrize(("zone", "hours"), [("Asia/Tokyo", 24), ("Asia/Kolkata", 24), ("Europe/Paris", 25)])
def test_windows_fill_their_day(zone: str, hours: int) -> None:
    where = ZoneInfo(zone)
    day = window_at(Size.DAY, datetime(2026, 10, 25, 12, tzinfo=UTC), where)
    found = parts(day, where)
    assert (len(found), found[0].begin, found[-1].end) == (hours, day.begin, day.end)
    assert all(window_at(Size.HOUR, one.begin, where) == one for one in found)
    week = window_at(Size.WEEK, day.begin, where)
    assert parts(week, where)[-1] == day
    assert parts(found[0], where) == ()


def test_the_document_names_the_bins() -> None:
    told = (Path(__file__).parents[2] / "docs" / "publishing.md").read_text()
    for name, bins in BINS.items():
        assert f"| `{name}` | {', '.join(bins)} |" in told
