"""What guardrails know, their paths, complaints and blocklist entries, in the store."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import inf

from sekisho.store import Store
from sekisho.store.guardrails import EVERY_GATE
from sekisho.trial.blocklist import Entered, Of
from sekisho.trial.complaints import Complaint
from sekisho.trial.events import Event, What
from sekisho.trial.guardrails import What as Watched
from sekisho.trial.plan import Span
from sekisho.trial.watching import Point
from tests.store.values import at

FIRST, SECOND = date(2027, 4, 1), date(2027, 4, 2)
COMPLAINT = Complaint(at(0), SECOND, 2, "苦情", "root", 0)
ERRORS = Point(Watched.GATE_ERRORS, 1.0, 0.0, at(0))


def test_complaints_only_grow_and_add_up_by_day(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_complaint("spring", COMPLAINT)
        transaction.add_complaint("spring", replace(COMPLAINT, day=FIRST, count=5))
        transaction.add_complaint("autumn", replace(COMPLAINT, count=9))
        transaction.add_complaint("spring", COMPLAINT)
    with store.reading() as transaction:
        told = transaction.complaints_after("spring", 0)
        assert [replace(one, number=0) for one in told] == [
            COMPLAINT,
            replace(COMPLAINT, day=FIRST, count=5),
            COMPLAINT,
        ]
        assert transaction.complaints_after("spring", told[1].number) == told[2:]
        assert list(transaction.complaints_by_day("spring").items()) == [(FIRST, 5), (SECOND, 4)]
        assert transaction.complaints_by_day("winter") == {}


def test_of_blocklist_entries_the_last_number_holds_and_all_stay(store: Store) -> None:
    hour, day = (Of("dynamic", Span(at(0), at(seconds))) for seconds in (3_600, 86_400))
    with store.transaction() as transaction:
        for of, count in ((hour, 3), (day, 0), (hour, 4)):
            transaction.add_blocklist_count("spring", Entered(at(9), of, count, "", "root", 0))
        transaction.add_blocklist_count("autumn", Entered(at(9), hour, 9, "訂正", "root", 0))
    with store.reading() as transaction:
        assert transaction.blocklist_counts("spring") == {hour: 4, day: 0}
        assert transaction.blocklist_counts("autumn") == {hour: 9}
        assert transaction.blocklist_counts("winter") == {}
        assert transaction.blocklist_until("spring") == {"dynamic": day.span.end}


def test_a_path_has_the_highest_of_each_day(store: Store) -> None:
    beyond = Point(Watched.DELAY_P99, inf, 200.0, at(5))
    with store.transaction() as transaction:
        transaction.raise_paths("spring", [(FIRST, ERRORS), (FIRST, beyond), (SECOND, ERRORS)])
    with store.transaction() as transaction:
        lower, higher = replace(ERRORS, value=0.5), replace(ERRORS, value=3.0, at=at(9))
        transaction.raise_paths("spring", [(FIRST, lower), (SECOND, higher)])
        transaction.raise_paths("spring", [(FIRST, replace(beyond, value=1.0))])
        transaction.raise_paths("autumn", [(FIRST, ERRORS)])
    with store.reading() as transaction:
        assert transaction.guardrail_paths("spring") == {
            Watched.GATE_ERRORS: ((FIRST, ERRORS), (SECOND, replace(ERRORS, value=3.0, at=at(9)))),
            Watched.DELAY_P99: ((FIRST, beyond),),
        }
        assert transaction.guardrail_paths("winter") == {}


def test_what_is_known_is_replaced_and_resumptions_are_told_apart(store: Store) -> None:
    with store.transaction() as transaction:
        assert transaction.watches("spring", "east") == ()
        assert transaction.resumptions("spring") == 0
        transaction.put_watch("spring", "east", "first")
        transaction.put_watch("spring", "east", "second")
        transaction.put_watch("spring", "west", "the other's")
        transaction.add_trial_event(Event(at(0), "spring", What.SUSPENDED, "", "root", 0))
        transaction.add_trial_event(Event(at(0), "autumn", What.RESUMED, "", "root", 0))
        assert transaction.resumptions("spring") == 0
        transaction.add_trial_event(Event(at(0), "spring", What.RESUMED, "", "root", 0))
        first = transaction.resumptions("spring")
        transaction.add_trial_event(Event(at(0), "spring", What.RESUMED, "", "root", 0))
    with store.reading() as transaction:
        assert transaction.watches("spring", "east") == ("second",)
        assert transaction.resumptions("spring") > first > 0


def test_each_gate_knows_its_own_and_what_all_begin_with(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.put_watch("spring", EVERY_GATE, "resumed")
        transaction.put_watch("spring", "east", "own")
        transaction.put_watch("autumn", "east", "another's")
    with store.reading() as transaction:
        assert transaction.watches("spring", "east") == ("own", "resumed")
        assert transaction.watches("spring", "west") == ("resumed",)
