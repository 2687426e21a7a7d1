"""Counts of reports by line and hour: of proved ones alone, and of none that came too late."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from sekisho.desk.case_values import Event, Kind, What
from sekisho.desk.figures import CaseTimes, ReportedHour
from sekisho.desk.trust import Weight
from sekisho.store import Store
from tests.store.test_desk import happen, opened, put
from tests.store.values import at

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def test_proved_reports_are_counted_by_line_and_hour(store: Store) -> None:
    with store.transaction() as transaction:
        assert transaction.first_report() is None
        one, other = opened(transaction), opened(transaction, line=2)
        put(transaction, one, b"a", seconds=60)
        put(transaction, one, b"b", "example.org", seconds=3_599, weight=Weight.WEAK)
        put(transaction, one, b"c", seconds=3_600)
        put(transaction, other, b"d", seconds=61)
        put(transaction, other, b"e", seconds=62, weight=Weight.CLAIMED)
        put(transaction, other, b"f", seconds=86_400 * 9)
    with store.reading() as transaction:
        assert transaction.first_report() == at(60)
        found = set(transaction.reported_hours(at(0), at(86_400), DAY))
        assert not set(transaction.reported_hours(at(0), at(86_400), -HOUR))
    assert found == {
        ReportedHour("dynamic", 1, at(0), 2),
        ReportedHour("dynamic", 1, at(3_600), 1),
        ReportedHour("dynamic", 2, at(0), 1),
    }


def test_what_followed_of_a_case_is_told_with_its_first_moment(store: Store) -> None:
    person = Event(What.APPROVE, "sato", "it is true")
    with store.transaction() as transaction:
        opened(transaction, line=7)
        case = opened(transaction, line=8)
        for event, seconds in (
            (person, 3_600),
            (replace(person, what=What.SUSPEND, kind=Kind.PORT25), 7_200),
            (replace(person, what=What.HOLD), 7_300),
            (replace(person, what=What.RELEASE), 7_400),  # it is limited, and was asked before
            (replace(person, what=What.SUSPEND, kind=Kind.PORT25), 9_000),
        ):
            case = happen(transaction, case, event, at(seconds))[0].case
    with store.reading() as transaction:
        assert set(transaction.case_times()) == {
            CaseTimes("dynamic", 7, at(0), None, None),
            CaseTimes("dynamic", 8, at(0), at(3_600), at(7_200)),
        }
