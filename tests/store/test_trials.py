"""What was registered of a trial, and what happened to it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sekisho.store import Store, StoreError
from sekisho.trial.events import Event, Suspension, What
from sekisho.trial.registration import Version
from tests.store.values import at

FIRST = Version(1, at(0), "aa" * 32, '{"plan":"春"}')
SECOND = Version(2, at(5), "bb" * 32, '{"plan":"夏"}', supersedes=FIRST.digest)
SUSPENDED = Event(at(1), "spring", What.SUSPENDED, "the router is hot", "root", 0)
RESUMED = Event(at(2), "spring", What.RESUMED, "it is cool", "root", 0)


def test_versions_are_told_in_order_and_by_trial(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_trial_version("spring", FIRST)
        transaction.add_trial_version("spring", SECOND)
        transaction.add_trial_version("autumn", replace(FIRST, late=True))
    with store.reading() as transaction:
        assert transaction.trial_versions("spring") == (FIRST, SECOND)
        assert transaction.trial_versions("autumn") == (replace(FIRST, late=True),)
        assert transaction.trial_versions("winter") == ()


def test_a_number_is_given_once(store: Store) -> None:
    with store.transaction() as transaction:
        transaction.add_trial_version("spring", FIRST)
    with pytest.raises(StoreError), store.transaction() as transaction:
        transaction.add_trial_version("spring", replace(SECOND, number=1))
    with store.reading() as transaction:
        assert transaction.trial_versions("spring") == (FIRST,)


def test_the_log_is_in_the_order_of_writing_whatever_the_clock_says(store: Store) -> None:
    earlier = replace(RESUMED, at=at(-100), uid=None)
    with store.transaction() as transaction:
        for event in (SUSPENDED, earlier, replace(SUSPENDED, trial="autumn")):
            transaction.add_trial_event(event)
    with store.reading() as transaction:
        assert transaction.trial_events("spring") == (SUSPENDED, earlier)
        assert transaction.trial_suspension("spring") is None
        assert transaction.trial_suspension("autumn") == Suspension(at(1), "root", "the router is hot", 0)


def test_a_trial_is_suspended_by_who_did_it_first(store: Store) -> None:
    again = Event(at(3), "spring", What.SUSPENDED, "complaints rose", "guardrail complaints")
    with store.transaction() as transaction:
        assert transaction.trial_suspension("spring") is None
        for event in (
            SUSPENDED,
            RESUMED,
            again,
            replace(SUSPENDED, at=at(4)),
            Event(at(5), "spring", What.BREACH, "", ""),
        ):
            transaction.add_trial_event(event)
    with store.reading() as transaction:
        assert transaction.trial_suspension("spring") == Suspension(at(3), again.by, again.reason)
