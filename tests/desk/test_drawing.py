"""The page about cases shows the table as it is, and the table leaves nothing open."""

from __future__ import annotations

from pathlib import Path

from sekisho.desk.case_table import TABLE, Guard
from sekisho.desk.case_values import CLOSED, State
from sekisho.desk.drawing import drawing

PAGE = Path(__file__).parents[2] / "docs" / "desk-cases.md"
MARK = "<!-- drawn by: python -m sekisho.desk.drawing -->\n"


def test_the_page_is_drawn_from_the_table() -> None:
    assert PAGE.read_text().partition(MARK)[2] == drawing()


def test_no_rule_stands_behind_one_that_always_holds() -> None:
    ended = set()
    for rule in TABLE:
        assert (rule.state, rule.event) not in ended
        if rule.guard is Guard.ALWAYS:
            ended.add((rule.state, rule.event))


def test_every_state_is_reached_and_left_but_the_dismissed() -> None:
    assert {rule.to for rule in TABLE} == set(State)
    assert {rule.state for rule in TABLE if rule.to is not rule.state} == set(State) - {State.DISMISSED}
    assert all(rule.to in CLOSED for rule in TABLE if rule.state in CLOSED)
