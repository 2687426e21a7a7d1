"""Whose cases are open and how far they have come, and what such lines have sent by the hour."""

from __future__ import annotations

import pytest

from sekisho.desk.case_values import Event, Kind, State, What
from sekisho.desk.trust import Weight
from sekisho.measure.stages import StageHour
from sekisho.model import Stage
from sekisho.store import Store
from tests.store.test_desk import LINE, happen, opened, put
from tests.store.values import at


def person(what: What, kind: Kind | None = None) -> Event:
    return Event(what, "yamada", "it goes on", kind, login=1_000)


@pytest.mark.parametrize(
    ("weight", "stage"), [(Weight.CLAIMED, None), (Weight.DOUBTED, None), (Weight.WEAK, Stage.REPORTED)]
)
def test_a_line_is_reported_once_somebody_is_proved_to_have_done_it(
    store: Store, weight: Weight, stage: Stage | None
) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        assert transaction.stages() == {}
        put(transaction, case, b"one", weight=weight)
        assert transaction.stages().get(LINE) is stage
        assert transaction.stages_of([LINE, 7]).get(LINE) is stage


@pytest.mark.parametrize(
    ("what", "after", "stage"),
    [
        (person(What.APPROVE), State.STOP_REQUESTED, Stage.ASKED),
        (person(What.SUSPEND, Kind.LINE), State.PROPOSED, Stage.ASKED),
        (person(What.SUSPEND, Kind.PORT25), State.SUSPENDED, None),
        (person(What.HOLD), State.HELD, None),
        (person(What.DISMISS), State.DISMISSED, None),
    ],
)
def test_a_line_is_asked_until_it_is_suspended_or_its_case_is_over(
    store: Store, what: Event, after: State, stage: Stage | None
) -> None:
    with store.transaction() as transaction:
        case = opened(transaction)
        put(transaction, case, b"one")
        decision, _ = happen(transaction, case, what, at(60))
        assert decision.case.state is after
        assert transaction.stages() == transaction.stages_of([LINE]) == ({LINE: stage} if stage else {})


def test_hours_are_told_as_they_were_kept_and_once(store: Store) -> None:
    first = StageHour(at(0), "dynamic", Stage.ASKED, "octets", 12, 2**40)
    second = first._replace(begin=at(3_600))
    with store.transaction() as transaction:
        transaction.put_stage_hours("kyoto", [second, first])
        transaction.put_stage_hours("kyoto", [first])
        transaction.put_stage_hours("osaka", [first])
        transaction.put_stage_hours("osaka", [])
    with store.reading() as transaction:
        assert list(transaction.stage_hours()) == [first, first, second]
