"""What people are told a report may mean: every address of ours in it, at every time."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given

from sekisho.desk.attribute import SKEW, Question, prepare
from sekisho.desk.report import Feedback, Incident, TimeSource
from sekisho.desk.suspects import MOST_QUESTIONS, suspected, suspects
from tests.desk.test_attribute import (
    ABROAD,
    HOUR,
    INCIDENTS,
    LINE,
    NOW,
    OTHER,
    OUR,
    PLAIN,
    SERVER,
    SHARED,
    hop,
    moment,
)


def test_field_and_hops_are_asked_for_each_at_its_times() -> None:
    disagreeing = replace(PLAIN, chain=(hop(ABROAD), hop(OTHER, NOW - HOUR), hop(SERVER)))
    assert suspected(disagreeing, OUR) == (LINE, OTHER)
    assert suspects(disagreeing, OUR, SKEW) == (
        Question(LINE.packed, None, NOW, SKEW),
        Question(OTHER.packed, None, NOW, SKEW),
        Question(OTHER.packed, None, NOW - HOUR, SKEW),
    )


def test_a_time_without_zone_is_no_question_until_somebody_names_one() -> None:
    undated = replace(PLAIN, times=(moment(TimeSource.ARRIVAL_DATE, None),))
    assert suspects(undated, OUR, SKEW) == ()
    assert suspects(undated, OUR, SKEW, NOW) == (Question(LINE.packed, None, NOW, SKEW),)


def test_ports_are_those_of_the_address() -> None:
    ported = Incident(SHARED, 2_000, PLAIN.times, (hop(SHARED, NOW, 3_000), hop(LINE, NOW, 4_000)))
    asked = [(one.network, one.port) for one in suspects(ported, OUR, SKEW)]
    assert asked == [(SHARED.packed, 2_000), (SHARED.packed, 3_000), (LINE.packed, 4_000)]


def test_of_many_the_first_are_asked() -> None:
    hops = tuple(hop(LINE, NOW - number * timedelta(minutes=1)) for number in range(30))
    assert len(suspects(Incident(None, None, (), hops), OUR, SKEW)) == MOST_QUESTIONS


@given(INCIDENTS)
def test_whatever_attribution_asks_people_are_told_too(incident: Incident) -> None:
    asked = prepare(Feedback.ABUSE, incident, OUR, NOW)
    told = suspects(incident, OUR, SKEW)
    if len(told) < MOST_QUESTIONS:
        assert set(getattr(asked, "questions", ())) <= set(told)
