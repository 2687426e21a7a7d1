"""What was published: kept with when and by whom, and asked again by every later question."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from sekisho.measure.cells import Cell, Dimension, Ledger, Secret, Table
from sekisho.measure.judge import NotPublishableError
from sekisho.measure.publish import publish, release
from sekisho.measure.rules import Rules
from sekisho.measure.windows import Size, Window, parts, window_at
from sekisho.store import Store, StoreError

TOKYO = ZoneInfo("Asia/Tokyo")
RULES = Rules()
MONDAY = datetime(2026, 11, 23, tzinfo=TOKYO)
NOW = datetime(2026, 12, 1, tzinfo=UTC)
WEEK = window_at(Size.WEEK, MONDAY, TOKYO)
CLASS = Dimension("class", ("dynamic", "fixed", "office"), apart=True)
ARM = Dimension("arm", ("on", "off"))
Cells = dict[tuple[str, ...], Cell]


def table(window: Window = WEEK, more: int = 0, few: int = 3) -> Table:
    counts = {("dynamic",): 100 + more, ("fixed",): few, ("office",): 50}
    cells: Cells = {place: Cell(count, count, 1) for place, count in counts.items()}
    return Table("lines", window, (CLASS,), cells)


def published(store: Store, *tables: Table, by: str = "hanako") -> None:
    for one in tables:
        with store.transaction() as transaction:
            before = transaction.ledger(one.statistic, one.window.begin, one.window.end)
            _, after = publish(one, before, RULES, TOKYO)
            transaction.remember(before, after, NOW, by)


def test_the_ledger_comes_back_as_it_was_with_when_by_whom_and_a_digest(store: Store) -> None:
    _, ledger = publish(table(), Ledger(), RULES, TOKYO)
    published(store, table())
    with store.reading() as transaction:
        assert transaction.ledger("lines", WEEK.begin, WEEK.end) == ledger
        (one,) = transaction.released("lines", WEEK.begin, WEEK.end)
        assert transaction.ledger("sessions", WEEK.begin, WEEK.end) == Ledger()
    assert (one.published, one.at, one.by) == (*ledger.shapes, NOW, "hanako")
    assert len(one.digest) == 64


def test_a_suppressed_number_is_not_even_kept(store: Store) -> None:
    published(store, table())
    with store.reading() as transaction:
        states = transaction.ledger("lines", WEEK.begin, WEEK.end).cells.values()
    assert sorted(one for one in states if not isinstance(one, Secret)) == [100, 153]


def test_a_table_is_shown_again_as_it_was_whatever_is_counted_by_now(store: Store) -> None:
    published(store, table())
    with store.reading() as transaction:
        ledger = transaction.ledger("lines", WEEK.begin, WEEK.end)
    again, late = (release(one, ledger, RULES, TOKYO) for one in (table(), table(more=7)))
    assert again.shown == late.shown
    assert (again.differs, late.differs) == (False, True)
    assert (again.ledger, late.ledger) == (ledger, ledger)
    with pytest.raises(NotPublishableError, match="the first stays; say in words what was wrong"):
        publish(table(more=7), ledger, RULES, TOKYO)


@pytest.mark.parametrize("first_smaller", [False, True])
def test_windows_that_overlap_are_refused_with_the_way_out(store: Store, *, first_smaller: bool) -> None:
    day = parts(WEEK, TOKYO)[2]
    one, other = (table(day), table()) if first_smaller else (table(), table(day))
    published(store, one)
    with pytest.raises(NotPublishableError, match=r"smaller ones first|publish it first"):
        published(store, other)
    shifted = Window(day.begin + timedelta(minutes=1), day.end + timedelta(minutes=1), Size.DAY)
    with pytest.raises(NotPublishableError, match="publish whole hours, days or weeks"):
        published(store, table(shifted))
    with store.reading() as transaction:
        assert len(transaction.released("lines", WEEK.begin, WEEK.end)) == 1


def test_all_days_and_then_their_week_are_one_after_the_other(store: Store) -> None:
    days = [table(day, few=20) for day in parts(WEEK, TOKYO)]
    cells = {place: Cell(7 * count, 7 * count, 1) for place, (count, *_) in days[0].cells.items()}
    published(store, *days, Table("lines", WEEK, (CLASS,), cells))
    with store.reading() as transaction:
        assert len(transaction.ledger("lines", WEEK.begin, WEEK.end).shapes) == 8


def test_two_who_publish_the_same_at_once_do_not_both(store: Store) -> None:
    before = Ledger()
    _, after = publish(table(), before, RULES, TOKYO)
    published(store, table())
    with pytest.raises(StoreError), store.transaction() as transaction:
        transaction.remember(before, after, NOW, "taro")
    with store.reading() as transaction:
        assert [one.by for one in transaction.released("lines", WEEK.begin, WEEK.end)] == ["hanako"]


def test_shapes_with_arms_and_names_beyond_ascii_come_back(store: Store) -> None:
    shape = (Dimension("種別", ("動的", "固定"), apart=True), ARM)
    cells: Cells = {("動的", "on"): Cell(50, 70, 3), ("固定", "off"): Cell(40, 90, 4)}
    published(store, Table("lines", WEEK, shape, cells))
    with store.reading() as transaction:
        (one,) = transaction.ledger("lines", WEEK.begin, WEEK.end).shapes
    assert one.shape == shape
