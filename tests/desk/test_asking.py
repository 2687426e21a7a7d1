"""Which logins are asked for, and what answers mean together, whatever NASes there are and say."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from random import Random

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from sekisho.desk.actions import PASSING, Do, Happened, Progress, actions_of, step
from sekisho.desk.asked import Became, Part
from sekisho.desk.asking import CLOCKS, NO_NAS, NO_RESTORE, Ask, Settled, happened, plan, seen, settle
from sekisho.desk.case_values import Event, Kind, What
from sekisho.desk.cases import decide, open_case
from sekisho.desk.coa import Answer, attribute, disconnect, of_login
from sekisho.desk.logins import Line, Nas, mark_of
from sekisho.desk.policy import Policy
from sekisho.lines.events import Login, OpenLogin, Said
from sekisho.model import Address

NOW = datetime(2027, 4, 1, tzinfo=UTC)
SECOND = timedelta(seconds=1)
FREE = Policy(grave=frozenset())
SUSPENDED = decide(
    open_case(7, 17, "dynamic", NOW), Event(What.SUSPEND, "yamada", "grave", Kind.LINE), NOW, FREE
)
IMPOSE = actions_of(SUSPENDED.case, SUSPENDED.changes, NOW)[0]
LIFT = replace(IMPOSE, do=Do.LIFT)
CLOSED, OPEN = (attribute("Filter-Id", "closed"),), (attribute("Filter-Id", "open"),)
CAUSES = (None, 201, 401, 404, 501, 502, 503, 506)


def network(number: int) -> Address:
    return Address(bytes((100, 64, number, 1)), 32)


def nas(number: int, *, suspends: bool = False, restores: bool = False, user: bool = False) -> Nas:
    pool = ip_network((bytes((100, 64, number, 0)), 24))
    suspend = CLOSED if suspends else ()
    return Nas(f"bng{number}", (pool,), None, user, suspend, OPEN if suspends and restores else ())


def login(number: int, begin: datetime = NOW, *, session: str = "8100001f") -> OpenLogin:
    known = Login("bng", 17, 0, begin, begin, begin, (begin,), said=Said(session, "alice"))
    return OpenLogin(bytes((number,)) * 16, begin, (network(number),), known)


NASES = st.lists(
    st.builds(nas, st.integers(0, 3), suspends=st.booleans(), restores=st.booleans(), user=st.booleans()),
    max_size=4,
    unique_by=lambda one: one.name,
)
BEGUN = st.builds(lambda hours: NOW + hours * timedelta(hours=1), st.integers(-5, -1))
LOGINS = st.lists(
    st.builds(login, st.integers(0, 4), BEGUN, session=st.sampled_from(("", "8100001f"))),
    max_size=4,
    unique_by=mark_of,
)
LISTED = st.sampled_from(((), (network(2),)))
LINES = st.builds(Line, st.sampled_from((None, "alice")), LOGINS.map(tuple), LISTED)
PARTS = st.lists(st.builds(Part, st.sampled_from(Became), st.none(), st.sampled_from(CAUSES)), max_size=5)


def line(*logins: OpenLogin, listed: tuple[Address, ...] = ()) -> Line:
    return Line("alice", logins, listed)


@given(PARTS, st.randoms())
@example([Part(Became.REFUSED, None, 404), Part(Became.REFUSED, None, 506)], Random(1))
def test_of_many_answers_the_one_that_may_still_change_decides(parts: list[Part], random: Random) -> None:
    what, cause = happened(parts)
    random.shuffle(parts)
    assert happened(parts)[0] is what
    after = step(step(IMPOSE, Happened.ASKED, NOW), what, NOW, cause, tuple(parts))
    became = {one.became for one in parts}
    refused = {one.cause for one in parts if one.became is Became.REFUSED}
    if {Became.SILENT, Became.NOT_ASKED} & became or refused & PASSING:
        assert (after.progress, after.due is None) == (Progress.WAITING, False)
    elif refused:
        assert (after.progress, after.due) == (Progress.REFUSED, None)
    else:
        assert after.progress is Progress.ACKNOWLEDGED
    assert (after.timeouts == 1) == (Became.SILENT in became)
    assert (after.cause in refused) if refused else (after.cause is None)
    assert after.parts == tuple(parts)


@given(LINES, NASES)
def test_each_login_of_a_suspended_line_is_asked_for_or_it_is_told_why_not(
    one: Line, nases: list[Nas]
) -> None:
    made = plan(IMPOSE, one, nases, {})
    assert len(made.asks) + len(made.parts) == len(one.logins) + bool(one.listed)
    assert all(part.became is Became.NOT_ASKED and part.why for part in made.parts)
    assert seen(made) is (Happened.NOT_SEEN if one.logins or one.listed else Happened.SEEN)


@given(LINES, NASES)
def test_a_lift_concerns_what_may_be_changed_alone(one: Line, nases: list[Nas]) -> None:
    made = plan(LIFT, one, nases, {})
    changing = [each.name for each in nases if each.suspend]
    assert {ask.nas for ask in made.asks} <= {each.name for each in nases if each.restore}
    if not changing:
        assert (made.asks, made.parts, seen(made)) == ((), (), Happened.SEEN)


@given(LOGINS, NASES)
def test_a_lift_is_over_when_the_line_has_logged_in_anew(logins: list[OpenLogin], nases: list[Nas]) -> None:
    """Whatever nobody could be asked for: it began before."""
    anew = tuple(one._replace(begin=LIFT.asked_for + CLOCKS + SECOND) for one in logins)
    made = plan(LIFT, line(*anew), nases, {})
    assert (made.asks, made.parts, seen(made)) == ((), (), Happened.SEEN)


def test_what_nothing_sets_back_is_waited_for_until_the_next_login() -> None:
    some = [nas(1, suspends=True)]
    assert plan(LIFT, line(login(1)), some, {}).parts == (Part(Became.NOT_ASKED, why=NO_RESTORE),)
    assert plan(LIFT, line(login(1, NOW + SECOND)), some, {}).parts == ()
    assert plan(LIFT, line(listed=(network(1),)), some, {}).parts == (Part(Became.NOT_ASKED, why=NO_RESTORE),)


def test_what_can_be_set_back_is_also_where_the_clock_of_a_nas_is_fast() -> None:
    some = [nas(1, suspends=True, restores=True)]
    (ask,) = plan(LIFT, line(login(1, NOW + CLOCKS)), some, {}).asks
    assert ask.request.attributes[-1:] == OPEN


def test_a_login_at_no_nas_or_that_nothing_names_is_told_of() -> None:
    unnamed = plan(IMPOSE, line(login(1, session="")), [nas(1)], {})
    assert unnamed.asks == ()
    assert "accounting tells no Acct-Session-Id" in unnamed.parts[0].why
    assert plan(IMPOSE, line(login(2)), [nas(1)], {}).parts == (Part(Became.NOT_ASKED, why=NO_NAS),)
    by_name = plan(IMPOSE, line(login(1, session="")), [nas(1, user=True)], {})
    assert by_name.asks[0].request.attributes == of_login([network(1)], user="alice")


def test_a_login_is_asked_for_at_the_nas_that_accounting_names() -> None:
    """Though its address is of another's pools; by an address that lines share it is not named."""
    by_name = replace(nas(2), identifier="bng")
    (ask,) = plan(IMPOSE, line(login(1)), [nas(1), by_name], {}).asks
    assert (ask.nas, ask.request.attributes[0]) == ("bng2", (32, b"bng"))
    shared = login(1)._replace(addresses=(network(1)._replace(port_set=3),))
    (ask,) = plan(IMPOSE, line(shared), [by_name], {}).asks
    assert ask.request.attributes == of_login([], session="8100001f", user="alice", nas="bng")
    assert plan(IMPOSE, line(shared), [nas(1)], {}).parts == (Part(Became.NOT_ASKED, why=NO_NAS),)
    unnamed = login(1, session="")._replace(addresses=shared.addresses)
    assert plan(IMPOSE, line(unnamed), [replace(by_name, user=True)], {}).asks == ()


def test_what_is_no_user_name_names_no_login() -> None:
    long = Line("x" * 254, (login(1, session=""),), ())
    assert plan(IMPOSE, long, [nas(1, user=True)], {}).asks == ()


@pytest.mark.parametrize("cause", CAUSES)
def test_a_login_is_asked_for_no_more_when_nothing_is_to_be_done_with_it(cause: int | None) -> None:
    (ask,) = plan(IMPOSE, line(login(1)), [nas(1)], {}).asks
    known = settle(ask, Answer(False, cause), None)
    assert (known is None) == (cause in PASSING)
    if known is None:
        return
    settled = {ask.mark: known}
    again = plan(IMPOSE, line(login(1)), [nas(1)], settled)
    assert (again.asks, again.parts) == ((), (known.part,))
    assert seen(again) is (Happened.SEEN if cause in (201, 503) else None)
    other = plan(IMPOSE, line(login(1), login(1, NOW + SECOND)), [nas(1)], settled)
    assert len(other.asks) == 1, "its next login is another"


def test_what_accounting_goes_on_to_tell_of_is_not_gone() -> None:
    (ask,) = plan(IMPOSE, line(login(1)), [nas(1)], {}).asks
    gone = settle(ask, Answer(False, 503), None)
    assert gone == Settled(Part(Became.GONE, "bng1", 503, "the NAS knows no such login"), NOW)
    known = login(1)
    assert known.login is not None
    later = known._replace(login=replace(known.login, seen=NOW + SECOND))
    (back,) = plan(IMPOSE, line(later), [nas(1)], {ask.mark: gone}).asks
    assert settle(back, Answer(False, 503), gone) == gone


def test_what_nothing_will_show_is_not_said_to_be_seen() -> None:
    changing = [nas(1, suspends=True)]
    (change,) = plan(IMPOSE, line(login(1)), changing, {}).asks
    known = settle(change, Answer(True), None)
    assert known is not None
    assert seen(plan(IMPOSE, line(login(1)), changing, {change.mark: known})) is Happened.NOT_SHOWN
    (ended,) = plan(IMPOSE, line(login(1)), [nas(1)], {}).asks
    assert settle(ended, Answer(True), None) is None, "accounting will tell of its end"
    by_list = Ask("bng1", None, disconnect(of_login([network(1)])))
    for answer in (Answer(True), Answer(False, 503)):
        known = settle(by_list, answer, None)
        assert known is not None
        assert seen(plan(IMPOSE, line(listed=(network(1),)), [nas(1)], {None: known})) is Happened.NOT_SHOWN
