"""Guardrails minute by minute: what is not known changes nothing, and no clock or restart counts twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.gate.releases import LATENESS_EDGES_MS
from sekisho.model import Limit, Mode
from sekisho.trial.complaints import Complaint, why_not_counted
from sekisho.trial.guardrails import ALPHA, LEAST_DAYS, Breach, What
from sekisho.trial.plan import Plan, Span
from sekisho.trial.protocol import Difference, Guardrails, HarmOutcome, TrialProtocol
from sekisho.trial.watch_written import read_watch, written_watch
from sekisho.trial.watching import (
    LEAST_HELD,
    Errors,
    Measured,
    Seen,
    Shares,
    Unknown,
    Watch,
    begun,
    days_due,
    look,
    missing,
    points,
    said,
    share_difference,
)

BEGIN = datetime(2026, 4, 1, tzinfo=UTC)
FIRST = BEGIN.date()
MINUTE = timedelta(minutes=1)
PLAN = Plan(
    "spring", Span(BEGIN, BEGIN + timedelta(days=60)), "UTC", (("dynamic", Limit(Mode.ENFORCE, 5, 1_000)),)
)
ALL = Guardrails(complaints_per_day=2.0, difference=Difference(HarmOutcome.REFUSED, 5.0))
RULES = TrialProtocol(PLAN, guardrails=ALL)
FEW = 0, *(0,) * (len(LATENESS_EDGES_MS) - 1), 0
FINE = (200, *FEW[1:])


def measured(minutes: float, **more: Any) -> Measured:
    """What is measured so many minutes after the begin, where nothing is wrong."""
    at = BEGIN + minutes * MINUTE
    fine = Measured(
        at=at,
        boot="boot",
        uptime_ns=int(minutes * 60e9),
        process="first",
        errors=Errors("run", 7),
        dropped=0,
        astray=(),
        late=FINE,
        leases=3,
        complaints=(),
    )
    return replace(fine, **more)


def complaint(number: int, count: int = 1, day: date = FIRST) -> Complaint:
    return Complaint(BEGIN, day, count, "a call", "root", 0, number)


def after(looks: Sequence[Measured], watch: Watch | None = None) -> tuple[Watch, tuple[Seen, ...]]:
    watch = watch or begun(BEGIN)
    seen: tuple[Seen, ...] = ()
    for one in looks:
        watch, seen = look(watch, RULES, one)
    return watch, seen


def breaches(seen: Sequence[Seen]) -> tuple[Breach, ...]:
    return tuple(one.breach for one in seen if one.breach is not None)


def of(seen: Sequence[Seen], what: What) -> Seen:
    (found,) = (one for one in seen if one.what is what)
    return found


def test_where_nothing_is_wrong_nothing_is_passed() -> None:
    watch, seen = after([measured(n) for n in range(1_000)])
    assert watch.passed == ()
    assert {one.what for one in seen} == set(What)
    assert {point.what for point in points(seen, BEGIN)} == set(What) - {What.DIFFERENCE}
    assert of(seen, What.DIFFERENCE).why == f"0 of {LEAST_DAYS} days"
    assert of(seen, What.GATE_ERRORS).value == 0.0


def test_errors_of_a_minute_stop_it_once_they_are_more_than_tolerated() -> None:
    watch, seen = after([measured(0)])
    assert of(seen, What.GATE_ERRORS).value is None, "what was before is not known"
    _, seen = after([measured(1, errors=Errors("run", 9))], watch)
    (breach,) = breaches(seen)
    assert (breach.what, breach.value, breach.bound) == (What.GATE_ERRORS, 2.0, 0.0)
    assert said(breach) == "gate errors: 2 a minute, tolerated 0"
    _, seen = after([measured(1, errors=Errors("run", 7), dropped=1)], watch)
    assert [one.what for one in breaches(seen)] == [What.GATE_ERRORS], "a held packet without room is one"


def test_errors_are_neither_lost_nor_counted_twice_over_what_cannot_be_read() -> None:
    away = Unknown("away")
    watch, _ = after([measured(0, dropped=99), *(measured(n, errors=away, dropped=4) for n in range(1, 4))])
    watch, seen = look(watch, RULES, measured(4, errors=Errors("run", 15)))
    assert of(seen, What.GATE_ERRORS).value == 5.0, "8 and 12 dropped, in 4 minutes; 99 were from before"
    _, seen = look(watch, RULES, measured(5, errors=Errors("run", 15)))
    assert of(seen, What.GATE_ERRORS).value == 0.0
    _, seen = look(watch, RULES, measured(5, errors=Errors("another", 3)))
    assert of(seen, What.GATE_ERRORS).value == 3.0, "counters that began anew"


def test_a_bypass_stops_it_when_it_has_lasted() -> None:
    watch, seen = after([measured(0), measured(1, astray=("up0",))])
    assert of(seen, What.BYPASS).value == 0.0
    assert watch.passed == ()
    _, seen = after([measured(1.9, astray=Unknown("?")), measured(2, astray=("up0",))], watch)
    (breach,) = breaches(seen)
    assert (breach.value, breach.bound, breach.since) == (60.0, 60.0, BEGIN + MINUTE)
    _, seen = after([measured(1.5), measured(2, astray=("up0",))], watch)
    assert breaches(seen) == (), "it was well meanwhile"


@given(st.timedeltas(timedelta(days=-300), timedelta(days=300)))
def test_no_jump_of_the_clock_shortens_patience_nor_makes_complaints_expected(by: timedelta) -> None:
    watch, _ = after([measured(0), measured(1, astray=("up0",))])
    jumped = measured(1.5, astray=("up0",))
    watch, seen = look(watch, RULES, replace(jumped, at=max(BEGIN, jumped.at + by)))
    assert watch.passed == ()
    assert watch.complaints.expected == pytest.approx(2 * 1.5 / 1_440)
    _, seen = look(watch, RULES, measured(2, astray=("up0",)))
    assert [one.what for one in breaches(seen)] == [What.BYPASS]


def test_sessions_held_too_long_stop_it_when_there_are_enough_to_tell() -> None:
    beyond = (*FEW[:-1], 3)
    watch, seen = after([measured(0, late=FEW), measured(1, late=beyond)])
    assert of(seen, What.DELAY_P99).why == f"3 of {LEAST_HELD} sessions held, of which it can be told"
    _, seen = after([measured(2, late=(97, *FEW[1:]))], watch)
    (breach,) = breaches(seen)
    assert (breach.what, breach.value, breach.bound) == (What.DELAY_P99, inf, 1_000.0)
    assert "by more than is measured ms" in said(breach)
    watch, seen = after([measured(2, late=(297, *FEW[1:]))], watch)
    assert of(seen, What.DELAY_P99).value == 1.0, "3 of 300 are 1 in 100"
    assert watch.late == ()


def test_leases_that_do_not_arrive_stop_it_and_a_time_without_a_daemon_is_none() -> None:
    watch, seen = after([measured(n, leases=0) for n in range(16)])
    assert of(seen, What.LEASES).value == 900.0
    assert watch.passed == ()
    away, seen = look(watch, RULES, measured(99, leases=0))
    assert of(seen, What.LEASES).value == 900.0, "nobody listened"
    _, seen = look(away, RULES, measured(100, leases=0))
    assert [one.what for one in breaches(seen)] == [What.LEASES], "nor was it forgotten"
    _, seen = look(watch, RULES, measured(16, leases=1))
    assert of(seen, What.LEASES).value == 0.0
    _, seen = look(watch, RULES, measured(16, leases=None))
    assert What.LEASES not in {one.what for one in seen}, "there is no source"


def test_complaints_stop_it_when_they_are_evidence_and_each_counts_once() -> None:
    looks = [measured(0, complaints=(complaint(1),)), measured(720, complaints=(complaint(2, 2),))]
    watch, seen = after(looks)
    assert (watch.complaints.count, watch.complaint) == (3, 2)
    assert watch.complaints.expected == pytest.approx(1.0)
    assert watch.passed == ()
    again, _ = look(watch, RULES, measured(720, complaints=(complaint(1), complaint(2, 2))))
    assert again.complaints.count == 3
    _, seen = look(watch, RULES, measured(721, complaints=(complaint(3, 9),)))
    (breach,) = breaches(seen)
    assert breach.what is What.COMPLAINTS
    assert breach.value >= breach.bound == 1 / ALPHA
    _, seen = look(watch, RULES, measured(721, complaints=(complaint(3, 99, date(2026, 3, 31)),)))
    assert breaches(seen) == (), "of a day before"
    _, seen = look(watch, RULES, measured(721, complaints=Unknown("the store is away")))
    assert (of(seen, What.COMPLAINTS).value, of(seen, What.COMPLAINTS).why) == (None, "the store is away")


def test_a_daily_difference_stops_it_when_its_interval_is_above_what_is_harmless() -> None:
    watch = begun(BEGIN)
    assert days_due(watch, RULES, BEGIN + timedelta(days=1.5)) == (), "the first day is none from its begin"
    seen: tuple[Seen, ...] = ()
    for n in range(2, 30):
        now = n * 1_440 + 10
        due = days_due(watch, RULES, BEGIN + now * MINUTE)
        assert due == (BEGIN.date() + timedelta(days=n - 1),)
        found = Unknown("no session while limited") if n == 5 else 20.0 + n % 3
        watch, seen = look(watch, RULES, measured(now, days={due[0]: found}))
        if n == 5:
            assert of(seen, What.DIFFERENCE).why == f"3 of {LEAST_DAYS} days; 2026-04-05: {found.why}"  # type: ignore[union-attr]
        if breaches(seen):
            break
    (breach,) = breaches(seen)
    assert (n, breach.what, breach.bound) == (12, What.DIFFERENCE, 5.0)
    assert 5.0 < breach.value < 21.0
    assert days_due(watch, RULES, BEGIN + timedelta(days=n, minutes=11)) == ()


def test_a_share_of_nothing_is_not_known() -> None:
    assert share_difference([Shares((10, 100), (5, 100))]) == pytest.approx(5.0)
    assert share_difference([Shares((0, 0), (5, 100))]) == Unknown("no session while limited")
    assert share_difference([Shares((1, 5), (0, 0))]) == Unknown("no session while not limited")
    assert share_difference([]) == Unknown("no session while limited")
    apart = [Shares((1, 5)), Shares(unlimited=(1, 5))]
    assert share_difference(apart) == Unknown("no unit was both limited and not")


def test_units_that_differ_by_themselves_are_no_difference() -> None:
    busy, quiet = Shares((300, 900), (100, 300)), Shares((1, 100), (9, 900))  # on at other hours of the day
    assert share_difference([busy, quiet]) == pytest.approx(0.0)
    assert share_difference([busy, quiet, Shares((0, 50), (0, 0))]) == pytest.approx(0.0)
    worse = Shares((330, 900), (100, 300))
    weights = 900 * 300 / 1_200, 100 * 900 / 1_000
    assert share_difference([worse, quiet]) == pytest.approx(100 / 30 * weights[0] / sum(weights))


def test_planned_maintenance_stops_nothing_and_what_came_in_it_is_not_held_against_it() -> None:
    out: dict[str, Any] = {"astray": ("up0",), "leases": 0}
    late, errors = (*FEW[:-1], 9), Errors("run", 99)
    resting = [measured(n, errors=errors, late=late, **out, resting=True) for n in range(2, 60)]
    watch, seen = after([measured(0), measured(1, **out), *resting])
    assert watch.passed == ()
    hard = [one for one in seen if one.what not in (What.COMPLAINTS, What.DIFFERENCE)]
    assert {one.why for one in hard} == {"the plan's maintenance"}
    _, seen = after([measured(60, errors=errors, **out)], watch)
    assert watch.passed == ()


LOOKS = st.lists(
    st.fixed_dictionaries(
        {},
        optional={
            "errors": st.sampled_from([Unknown("?"), Errors("run", 7), Errors("run", 9), Errors("b", 1)]),
            "dropped": st.integers(0, 1),
            "astray": st.sampled_from([(), ("up0",), Unknown("?")]),
            "late": st.sampled_from([FEW, FINE, (*FEW[:-1], 2)]),
            "leases": st.sampled_from([None, 0, 1]),
            "boot": st.sampled_from(["boot", "another"]),
            "resting": st.booleans(),
        },
    ),
    max_size=25,
)


@given(LOOKS, st.lists(st.integers(0, 24), max_size=5), st.lists(st.integers(0, 24), max_size=5))
def test_a_restart_between_any_two_looks_changes_nothing(
    looks: list[dict[str, Any]], restarts: list[int], complained: list[int]
) -> None:
    def through(*, restarting: bool) -> list[tuple[Seen, ...]]:
        watch, told = begun(BEGIN), []
        for n, more in enumerate(looks):
            new = tuple(complaint(number + 1) for number, at in enumerate(sorted(complained)) if at <= n)
            watch, seen = look(watch, RULES, measured(n, **more, complaints=new))
            told.append(seen)
            if restarting and n in restarts:
                before, watch = watch, read_watch(written_watch(watch))
                assert watch == before
        assert watch.complaints.count == sum(at < len(looks) for at in complained)
        return told

    assert through(restarting=True) == through(restarting=False)


@given(LOOKS)
def test_what_is_unknown_has_a_reason_and_stops_nothing(
    looks: list[dict[str, Any]],
) -> None:
    watch = begun(BEGIN)
    for n, more in enumerate(looks):
        watch, seen = look(watch, RULES, measured(n, **more))
        for one in seen:
            assert (one.value is None) == (one.why is not None)
            assert one.value is not None or one.breach is None


@given(LOOKS)
def test_what_was_passed_is_known_until_it_is_begun_anew_each_once(looks: list[dict[str, Any]]) -> None:
    watch = begun(BEGIN)
    passed: list[Breach] = []
    for n, more in enumerate(looks):
        watch, seen = look(watch, RULES, measured(n, **more))
        passed += [one for one in breaches(seen) if one.what not in {other.what for other in passed}]
    assert list(watch.passed) == passed


def test_what_a_process_alone_knew_is_missing_where_it_was_killed() -> None:
    assert missing(begun(BEGIN), "second") is None
    watch, _ = after([measured(0), measured(1)])
    assert missing(watch, "first") is None
    assert "from 2026-04-01T00:01:00+00:00 on are not known" in (missing(watch, "second") or "")
    ended, _ = after([measured(2, process="")], watch)
    assert missing(ended, "second") is None


def test_a_text_of_another_is_no_state() -> None:
    for text in ("", "{}", '{"since": 3}', "[]"):
        with pytest.raises(ValueError, match="no state of guardrails"):
            read_watch(text)


def test_complaints_of_days_that_cannot_be_are_refused() -> None:
    now = BEGIN + timedelta(days=3)
    assert why_not_counted(PLAN, date(2026, 4, 4), now) is None
    assert why_not_counted(PLAN, date(2026, 4, 1), now) is None
    assert "is to come" in (why_not_counted(PLAN, date(2026, 4, 5), now) or "")
    assert "is no day of the trial" in (why_not_counted(PLAN, date(2026, 3, 31), now) or "")
    late = PLAN.span.end + timedelta(days=3)
    assert why_not_counted(PLAN, date(2026, 5, 30), late) is None
    assert "is no day of the trial" in (why_not_counted(PLAN, date(2026, 5, 31), late) or "")
