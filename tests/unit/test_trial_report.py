"""The report of a trial, made of counts whose truth is known."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from string import Formatter
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.measure.coverage import coverage
from sekisho.measure.harm import complaints, harm, reliefs_at_least
from sekisho.measure.readings import Held, Mark, Timing, Why, held_by
from sekisho.measure.trial_hours import TrialHours
from sekisho.model import Limit, Mode
from sekisho.pages.report import report_page, report_sections
from sekisho.pages.report_words import WORDS
from sekisho.pages.voice import Language
from sekisho.trial.estimate import Estimate
from sekisho.trial.events import Event, What
from sekisho.trial.notice import values
from sekisho.trial.plan import Arm, Phase, Plan, Span, Units, at_gate, holds, schedule
from sekisho.trial.protocol import Outcome, TrialProtocol
from sekisho.trial.registration import Version, register
from sekisho.trial.report import Facts, as_it_was, make_report
from sekisho.trial.report_values import Because, Compared, Complaints, MetCap, NotKnown, Published, Report
from sekisho.trial.report_written import written_report
from tests.unit.planning import DAY, HOUR, ON, START, span, switchback
from tests.unit.test_trial_units import with_units

OBSERVED = Limit(Mode.OBSERVE, 5, 1_000)
WEEKS = span(0 * DAY, 28 * DAY)
DRAWN = replace(switchback(WEEKS), on=(("dynamic", ON),))
PLAN = Plan("spring", WEEKS, "Asia/Tokyo", (("dynamic", OBSERVED),), switchback=DRAWN)
END = PLAN.span.end + DAY


@dataclass(frozen=True)
class Hour:
    gate: str
    class_name: str
    arm_number: int
    held: Held
    timing: Timing
    begin: datetime
    covered: timedelta
    sums: tuple[int, ...]


def hours(
    plan: Plan, gates: Sequence[str] = ("tokyo",), times: float = 0.9, name: str = "dynamic"
) -> Iterator[Hour]:
    """What gates count where a limit multiplies what is tried."""
    random = Random(7)
    for gate in gates:
        begin = plan.span.begin
        while begin < plan.span.end:
            block = holds(plan, begin).get(name)
            held = Held() if block is None else held_by(block, begin)
            limited = block is not None and block.limit.mode is Mode.ENFORCE
            tried = round(random.gauss(2_000, 60) * (times if limited else 1))
            refused = tried // 10 if limited else 0
            over_cap = 0 if limited else tried // 20  # counted while observing alone
            sums = (tried, tried - refused, refused, tried * 4_000, over_cap, tried if limited else 0)
            yield Hour(gate, name, 0, held, Timing.KNOWN, begin, HOUR, sums)
            begin += HOUR


def versions(plan: Plan, at: datetime) -> tuple[Version, ...]:
    version = register((), TrialProtocol(plan), at)
    assert isinstance(version, Version)
    return (version,)


BEFORE = versions(PLAN, START - DAY)
MET = {"dynamic": MetCap(37.5, 4.2)}


def report(
    plan: Plan = PLAN,
    rows: Sequence[Hour] | None = None,
    registered: Sequence[Version] = BEFORE,
    events: Sequence[Event] = (),
    gates: Sequence[str] = ("tokyo",),
    marks: Sequence[Mark] = (),
    now: datetime = END,
    loads: Sequence[Compared] = (),
) -> Report:
    held = as_it_was(plan, events, now)
    read = TrialHours(held, list(hours(plan)) if rows is None else rows)
    facts = facts_of(plan, read, registered, events, gates, marks, now, loads)
    return make_report(facts, read.series)


def facts_of(
    plan: Plan,
    read: TrialHours | None = None,
    registered: Sequence[Version] = BEFORE,
    events: Sequence[Event] = (),
    gates: Sequence[str] = ("tokyo",),
    marks: Sequence[Mark] = (),
    now: datetime = END,
    loads: Sequence[Compared] = (),
) -> Facts:
    """Return what is known beside the counts; `read`: None: nothing was read."""
    held = as_it_was(plan, events, now)
    read = TrialHours(held, ()) if read is None else read
    return Facts(
        protocol=TrialProtocol(plan),
        versions=registered,
        events=events,
        made_at=now,
        program="1",
        policy="ab",
        coverage=coverage(held, read, gates, marks, now),
        harm=harm(held, read, {"dynamic": values([ON])}, MET, {"dynamic": 43}, loads, {}),
        reliefs_at_least=reliefs_at_least(0),
        complaints=complaints(Span(START, START + 8 * DAY), {START.date(): 3}, 0.5),
        published=Published((), 0, 0, Because.NOT_COUNTED),
    )


def primary(found: Report) -> Estimate | NotKnown:
    assert not isinstance(found.experiments, NotKnown)
    return found.experiments[0].effect


def keys(value: Any) -> set[str]:
    if isinstance(value, dict):
        return set(value).union(*(keys(one) for one in value.values()))
    return set().union(*(keys(one) for one in value)) if isinstance(value, list) else set()


def texts(found: Report, language: Language = Language.EN) -> str:
    _, first, sections = report_sections(found, language)
    return "\n".join((*first, *(line for one in sections for line in (one.title, *one.warned, *one.said))))


def event(after: timedelta, what: What, reason: str = "hot") -> Event:
    return Event(START + after, "spring", what, reason, "root", 0)


def test_the_effect_of_a_registered_trial_has_its_interval_and_its_p_value() -> None:
    found = report()
    effect = primary(found)
    assert isinstance(effect, Estimate)
    assert effect.low_percent < -10 < effect.high_percent
    assert effect.high_percent < -8
    assert effect.p is not None
    assert 0 < effect.p < 0.001
    assert effect.p == float(f"{effect.p:.2g}")
    assert f"<td>{effect.p:.5f}</td>" in report_page(found, Language.EN), "not 5e-05"
    assert found.registration.no_p is None
    assert "p" in keys(written_report(found))
    assert "<th>p</th>" in report_page(found, Language.EN)


def test_the_primary_outcome_is_told_in_a_sentence() -> None:
    assert "Primary outcome, dynamic: attempts -9.9\u00a0% with the limit on; 95 % interval -1" in texts(
        report()
    )
    none = report(rows=list(hours(PLAN, times=1.0)))
    assert "Primary outcome, dynamic: no change of attempts is shown; " in texts(none)
    assert "主要な評価項目（dynamic）：接続の試みの変化は示されない" in texts(none, Language.JA)


CHANGED = replace(PLAN, switchback=replace(DRAWN, seed=8))


@pytest.mark.parametrize(
    ("registered", "why"),
    [
        ((), Because.NOT_REGISTERED),
        (versions(PLAN, START + DAY), Because.REGISTERED_LATE),
        (versions(CHANGED, START - DAY), Because.REGISTERED_OTHERWISE),
        (
            (*versions(CHANGED, START - DAY), replace(versions(PLAN, START + DAY)[0], number=2, late=False)),
            Because.CHANGED_AFTER_BEGIN,
        ),
    ],
    ids=lambda one: str(one) if isinstance(one, Because) else None,
)
def test_what_was_not_registered_beforehand_has_no_p_value(
    registered: Sequence[Version], why: Because
) -> None:
    found = report(registered=registered)
    assert found.registration.no_p is why
    assert isinstance(primary(found), Estimate)
    assert "p" not in keys(written_report(found))
    for language in Language:
        page = report_page(found, language)
        assert "<th>p</th>" not in page
        assert "<th>p 値</th>" not in page
    assert "No p-value stands in this report" in texts(found)


@settings(max_examples=15)
@given(st.integers(-72, 72))
def test_a_p_value_stands_there_only_if_it_was_registered_by_the_begin(after: int) -> None:
    found = report(rows=(), registered=versions(PLAN, START + after * HOUR))
    assert (found.registration.no_p is None) is (after <= 0)


def test_maintenance_that_came_up_later_keeps_the_p_value_and_is_told() -> None:
    plan = replace(PLAN, maintenance=(span(3 * DAY, 3 * DAY + HOUR),))
    second = register(BEFORE, TrialProtocol(plan), START + DAY)
    assert isinstance(second, Version)
    found = report(plan, registered=(*BEFORE, second))
    assert found.registration.no_p is None
    assert "The plan was registered in 2 versions" in texts(found)


@pytest.mark.parametrize(
    ("before", "after", "is_chosen"),
    [
        ([], [(2, 3)], True),  # of days that are over
        ([(2, 3)], [], True),
        ([(2, 3)], [(2, 4)], True),
        ([(2, 8)], [(2, 7)], False),  # it ends earlier than was meant
        ([(2, 3)], [(2, 3), (6, 7)], False),
        ([(6, 7)], [], False),
        ([], [(5, 6)], False),  # from now on
    ],
)
def test_nobody_chooses_afterwards_what_is_compared(
    before: list[tuple[int, int]], after: list[tuple[int, int]], is_chosen: bool
) -> None:
    plans = [
        replace(PLAN, maintenance=tuple(span(begin * DAY, end * DAY) for begin, end in windows))
        for windows in (before, after)
    ]
    first = versions(plans[0], START - DAY)
    second = register(first, TrialProtocol(plans[1]), START + 5 * DAY)
    assert isinstance(second, Version)
    found = report(plans[1], (), registered=(*first, second))
    assert found.registration.no_p is (Because.MAINTENANCE_AFTERWARDS if is_chosen else None)


def test_a_trial_that_goes_on_has_no_p_value_and_no_pairs_that_are_to_come() -> None:
    middle = START + 14 * DAY
    rows = [one for one in hours(PLAN) if one.begin < middle]
    found = report(rows=rows, now=middle)
    assert found.registration.no_p is Because.NOT_OVER
    assert "the trial goes on" in texts(found)
    assert not isinstance(found.experiments, NotKnown)
    effect = found.experiments[0].effect
    assert isinstance(effect, Estimate)
    assert (effect.p, effect.left_out) == (None, 0)
    assert effect.pairs == found.planned_pairs // 2


def test_what_another_trial_did_before_is_neither_harm_nor_another_doing_of_this_one() -> None:
    earlier = [
        replace(one, begin=one.begin - 28 * DAY, sums=(2_000, 0, 2_000, 0, 0, 0)) for one in hours(PLAN)
    ]
    found = report(rows=[*earlier, *hours(PLAN)])
    assert found == report()


def test_a_gate_that_did_not_report_is_told() -> None:
    found = report(gates=("tokyo", "osaka"))
    assert [one.covered > 0 for one in found.coverage.gates] == [True, False]
    assert found.coverage.missing == found.coverage.blocks > 0
    assert "Gate osaka did not report at all." in texts(found)
    assert "関所 osaka からの報告がまったくない。" in texts(found, Language.JA)


def test_gates_that_drew_for_themselves_are_judged_by_their_own_lots() -> None:
    plan = with_units(PLAN, Units.GATES, ("osaka", "tokyo"))
    rows = [hour for gate in ("osaka", "tokyo") for hour in hours(at_gate(plan, gate), (gate,))]
    found = report(plan, rows, versions(plan, START - DAY), gates=("osaka", "tokyo"))
    effect = primary(found)
    assert isinstance(effect, Estimate)
    assert (effect.pairs, effect.left_out) == (found.planned_pairs, 0)
    assert effect.low_percent < -10 <= effect.high_percent < 0
    assert effect.p is not None
    assert [one.otherwise for one in found.coverage.gates] == [0, 0]
    assert (found.coverage.blocks, found.coverage.missing) == (
        found.planned_pairs,
        0,
    )  # of both, each pair has two
    _, _, sections = report_sections(found, Language.EN)
    (rows_of_units,) = [one.rows for one in sections if one.title.startswith("Units")]
    assert rows_of_units is not None
    pairs = str(found.planned_pairs // 2)
    assert rows_of_units.rows == (("dynamic", "osaka", pairs, "0"), ("dynamic", "tokyo", pairs, "0"))


def test_units_without_counts_and_gates_without_lots_are_told() -> None:
    plan = with_units(PLAN, Units.GATES, ("osaka", "tokyo"))
    rows = [*hours(at_gate(plan, "tokyo")), *hours(PLAN, ("nara",))]
    found = report(plan, rows, gates=("osaka", "tokyo"))
    effect = primary(found)
    assert isinstance(effect, Estimate)
    assert (effect.pairs, effect.left_out) == (found.planned_pairs // 2, found.planned_pairs // 2)
    assert "dynamic: osaka drew lots, but no pair there has enough counted" in texts(found)
    assert "Gate osaka did not report at all." in texts(found)
    assert "Gate nara draws no lots by the plan" in texts(found)
    assert "Gate nara did not report" not in texts(found)
    without = report(plan, [one for one in rows if one.gate != "nara"], gates=("osaka", "tokyo")).coverage
    assert (found.coverage.missing, found.coverage.days) == (without.missing, without.days)
    assert "関所 nara は計画上の抽選の単位でなく" in texts(found, Language.JA)
    assert [one["planned"] for one in written_report(found)["coverage"]["gates"]] == [True, True, False]


def test_refused_sessions_of_another_gate_are_none_while_off() -> None:
    plan = with_units(PLAN, Units.GATES, ("osaka", "tokyo"))
    rows = [hour for gate in ("osaka", "tokyo") for hour in hours(at_gate(plan, gate), (gate,))]
    found = report(plan, rows, gates=("osaka", "tokyo")).experiments
    assert not isinstance(found, NotKnown)
    (refused,) = [one for one in found if one.outcome is Outcome.REFUSED]
    assert refused.effect == NotKnown(Because.NONE_WHILE_OFF)


def test_classes_that_are_units_have_one_primary_answer_together() -> None:
    own = (("dynamic", OBSERVED), ("mobile", OBSERVED))
    drawn = replace(DRAWN, on=(("dynamic", ON), ("mobile", ON)), units=Units.CLASSES)
    plan = replace(PLAN, own=own, switchback=drawn)
    rows = [hour for name, _ in own for hour in hours(plan, name=name)]
    found = report(plan, rows, versions(plan, START - DAY))
    assert not isinstance(found.experiments, NotKnown)
    assert [
        (one.class_name, one.is_primary) for one in found.experiments if one.outcome is Outcome.ATTEMPTS
    ] == [
        (None, True),
        ("dynamic", False),
        ("mobile", False),
    ]
    effect = primary(found)
    assert isinstance(effect, Estimate)
    assert effect.pairs == found.planned_pairs
    assert effect.low_percent < -10 < effect.high_percent < 0
    assert "(all classes)" in report_page(found, Language.EN)
    assert "（全種別）" in report_page(found, Language.JA)


def test_units_that_come_after_the_begin_leave_no_p_value() -> None:
    plan = with_units(PLAN, Units.GATES, ("tokyo",))
    second = register(BEFORE, TrialProtocol(plan), START + DAY)
    assert isinstance(second, Version)
    assert report(plan, (), (*BEFORE, second)).registration.no_p is Because.CHANGED_AFTER_BEGIN


@pytest.mark.parametrize(
    ("tested", "said"),
    [
        (1, None),
        (2, "Other p-values: 1; by chance alone one or more is below 0.05 in some 5 %"),
        (6, "Other p-values: 5; by chance alone one or more is below 0.05 in some 23 %"),
    ],
)
def test_how_many_p_values_chance_makes_is_told_by_how_many_there_are(tested: int, said: str | None) -> None:
    found = report()
    assert not isinstance(found.experiments, NotKnown)
    primary = found.experiments[0]
    others = (replace(primary, is_primary=False),) * (tested - 1)
    told = texts(replace(found, experiments=(primary, *others)))
    assert "by chance alone" not in told if said is None else said in told


def test_several_primary_outcomes_are_no_independent_confirmations() -> None:
    found = report()
    assert not isinstance(found.experiments, NotKnown)
    told = texts(replace(found, experiments=found.experiments[:1] * 2))
    assert "one of 2 is below 0.05 in some 10 % by chance" in told
    assert "Only the primary outcome" not in told


def test_hours_that_are_missing_are_counted() -> None:
    rows = [one for one in hours(PLAN) if not START + DAY <= one.begin < START + 2 * DAY]
    marks = [Mark("tokyo", None, START + DAY, START + 2 * DAY, Why.NOT_READ)]
    (gate,) = report(rows=rows, marks=marks).coverage.gates
    assert (gate.silent_hours, gate.covered, gate.expected) == (24, 27 * 24, 28 * 24)
    assert gate.marks == {"not_read": 1}
    days = dict(report(rows=rows).coverage.days)
    assert sorted(days.values())[:2] == [0.0, 1.0]
    effect = primary(report(rows=rows))
    assert isinstance(effect, Estimate)
    assert effect.left_out >= 2


def test_a_clock_that_jumped_is_told_and_its_rows_count_for_nothing() -> None:
    rows = [replace(one, timing=Timing.CLOCK) if one.begin == START + DAY else one for one in hours(PLAN)]
    found = report(rows=rows, events=[event(DAY, What.CLOCK_JUMPED)])
    assert found.coverage.gates[0].doubtful == {"clock": 1}
    assert found.happened.clock_jumps == 1
    assert "Jumps of the clock: 1; what came twice by them" in texts(found)


def test_hours_that_a_clock_set_back_made_twice_are_left_out_and_told() -> None:
    block = next(one for one in schedule(PLAN) if one.arm is Arm.ON and one.pair is not None)
    again = (block.washout_end or block.begin) + HOUR
    rows = list(hours(PLAN))
    place = next(number for number, one in enumerate(rows) if one.begin == again)
    twice = replace(rows[place], covered=HOUR / 2)
    found = report(rows=[*rows[: place + 1], twice, *rows[place + 1 :]])
    without = report(rows=[*rows[:place], *rows[place + 1 :]])
    assert found.coverage.gates[0].doubtful == {"again": 1}
    assert found.experiments == without.experiments != report().experiments
    assert "hours counted twice 1" in report_page(found, Language.EN)


def test_a_clock_that_is_set_by_seconds_leaves_nothing_out() -> None:
    rows = [replace(one, covered=HOUR + timedelta(seconds=30)) for one in hours(PLAN)]
    assert report(rows=rows).experiments == report().experiments


def test_a_suspension_in_the_middle_of_a_block_takes_its_pair_out_and_is_told() -> None:
    events = [event(DAY + 2 * HOUR, What.SUSPENDED), event(DAY + 3 * HOUR, What.RESUMED)]
    found = report(events=events)
    (one,) = found.happened.suspensions
    assert (one.begin, one.end, one.in_block) == (START + DAY + 2 * HOUR, START + DAY + 3 * HOUR, True)
    whole, less = primary(report()), primary(found)
    assert isinstance(whole, Estimate)
    assert isinstance(less, Estimate)
    assert less.pairs == whole.pairs - 1
    assert "their pairs are left out" in texts(found)


def test_a_suspension_that_goes_on_ends_with_the_report() -> None:
    found = report(events=[event(DAY, What.SUSPENDED)], now=START + 2 * DAY)
    assert found.happened.suspensions[0].end is None
    assert "(going on)" in texts(found)


def test_a_suspension_before_the_begin_is_none_of_the_trial() -> None:
    events = [event(-2 * DAY, What.SUSPENDED), event(-DAY, What.RESUMED)]
    assert report(events=events).happened.suspensions == ()


def test_a_breach_is_told() -> None:
    passed = replace(event(DAY, What.BREACH, "by 2 s"), by="guardrail delay-p99", uid=None)
    found = report(events=[passed])
    said = "A guardrail was passed Tuesday, 5 January 2027, 00:00: delay, 99th percentile (by 2 s)."
    assert said in texts(found)
    assert "遅延の 99 パーセンタイル（by 2 s）。" in texts(found, Language.JA)


def test_guardrails_that_could_not_see_all_are_told() -> None:
    found = report(events=[event(DAY, What.UNWATCHED), event(2 * DAY, What.UNWATCHED)])
    assert found.happened.unwatched == 2
    assert "Daemons that ended without a last look, so that guardrails could not see all: 2." in texts(found)


def test_too_few_blocks_give_no_answer() -> None:
    few = replace(PLAN, span=span(0 * DAY, 2 * DAY), switchback=replace(DRAWN, span=span(0 * DAY, 2 * DAY)))
    assert primary(report(few)) == NotKnown(Because.TOO_FEW_PAIRS, 4, 6)
    found = report(few)
    assert "too few pairs of blocks (4 of 6 needed)" in report_page(found, Language.EN)


def test_a_trial_that_has_not_begun_says_so() -> None:
    assert report(rows=(), now=START - HOUR).experiments == NotKnown(Because.NOT_BEGUN)


def test_nothing_that_was_counted_is_no_number() -> None:
    found = report(rows=())
    assert primary(found) == NotKnown(Because.NOT_COUNTED)
    assert isinstance(found.harm[0].over_cap_percent, NotKnown)


def test_reports_are_not_made_up() -> None:
    found = report()
    assert not isinstance(found.experiments, NotKnown)
    assert found.experiments[-1].outcome is Outcome.REPORTS
    assert found.experiments[-1].effect == NotKnown(Because.NO_DESK)


def test_what_is_never_refused_while_off_has_no_per_cent() -> None:
    found = report()
    assert not isinstance(found.experiments, NotKnown)
    (refused,) = [one for one in found.experiments if one.outcome is Outcome.REFUSED]
    assert refused.effect == NotKnown(Because.NONE_WHILE_OFF)


def test_an_hour_that_is_left_out_is_no_hour_without_a_reading() -> None:
    rows = [
        replace(one, held=Held()) if START <= one.begin < START + DAY else one
        for one in hours(PLAN)
        if one.begin != START + 2 * DAY
    ]
    (gate,) = report(rows=rows).coverage.gates
    assert gate.otherwise > 10
    assert gate.silent_hours == 1


def test_hours_in_which_the_gate_did_otherwise_are_left_out() -> None:
    """As where the daemon was away while a block began."""
    block = next(one for one in schedule(PLAN) if one.arm is Arm.ON)
    rows = [
        replace(one, held=replace(one.held, arm="off")) if block.begin <= one.begin < block.end else one
        for one in hours(PLAN)
    ]
    found = report(rows=rows)
    assert found.coverage.gates[0].otherwise == 6
    assert found.coverage.missing == 1


def test_the_harm_stands_there_in_numbers_or_is_said_to_be_unknown() -> None:
    (one,) = report().harm
    assert (one.caps, one.delays_ms) == ((3, 3), (2_000, 2_000))
    assert one.most_sessions_an_hour == 3 * (3_600 // 2 + 1)
    assert (one.over_cap_percent, one.over_cap_percent_without, one.held_percent) == (10.0, 5.0, 100.0)
    assert (one.met_cap_lines, one.met_cap_percent, one.lines_the_cap_would_meet) == (37.5, 4.2, 43)
    assert one.delay_seen_ms == NotKnown(Because.NOT_COUNTED)
    titles = [section.title for section in report_sections(report(), Language.EN)[2]]
    assert titles.index("The harm") == titles.index("The effect, by lot (experiment)") + 1


def test_the_delay_that_ordinary_lines_saw_is_the_limits_with_what_the_hold_added() -> None:
    def seen(late_99: float | NotKnown) -> object:
        late = (Compared("late_p50_ms", 2.0, 0.0), Compared("late_p99_ms", late_99, 0.0))
        return report(loads=late).harm[0].delay_seen_ms

    assert seen(50.0) == (2_002, 2_050)
    beyond = NotKnown(Because.BEYOND_THE_LAST)
    assert seen(beyond) == beyond


def test_without_a_delay_nothing_is_delayed() -> None:
    none = harm(PLAN, TrialHours(PLAN, []), {"dynamic": values([replace(ON, delay_ms=0)])}, {}, {}, (), {})
    assert none[0].delay_seen_ms == (0, 0)
    assert none[0].most_sessions_an_hour == NotKnown(Because.NO_DELAY)


def test_complaints_stand_beside_those_that_were_to_be_expected() -> None:
    assert report().complaints == Complaints(3, 4.0)
    assert complaints(Span(START, END), {}, None) == Complaints(
        NotKnown(Because.NOT_ENTERED), NotKnown(Because.NO_RATE)
    )
    nobody = replace(report(), complaints=complaints(Span(START, START + 8 * DAY), {}, 14.0))
    assert "not known: none was entered" in report_page(nobody, Language.EN)
    harm_of_all = report_sections(report(), Language.EN)[2][2].rows
    assert harm_of_all is not None
    assert [row[2] for row in harm_of_all.rows[-2:]] == ["3", "4"]


def test_phases_are_observed_and_never_have_a_p_value() -> None:
    phases = (
        Phase(span(0 * DAY, 14 * DAY), (("dynamic", OBSERVED),)),
        Phase(span(14 * DAY, 28 * DAY), (("dynamic", ON),)),
    )
    plan = Plan("spring", WEEKS, "Asia/Tokyo", (("dynamic", OBSERVED),), phases)
    found = report(plan, registered=versions(plan, START - DAY))
    assert found.experiments == NotKnown(Because.NO_SWITCHBACK)
    steps = found.observed[0].steps
    assert not isinstance(steps, NotKnown)
    assert steps[0].low_percent < -10 < steps[0].high_percent
    assert "p" not in keys(written_report(found))
    assert "it proves no cause" in texts(found)


def test_few_reliefs_are_not_told_and_many_by_tens() -> None:
    assert reliefs_at_least(9) == NotKnown(Because.SUPPRESSED)
    assert [reliefs_at_least(count) for count in (10, 19, 20)] == [10, 10, 20]


def test_rows_of_the_gates_own_arms_add_up() -> None:
    rows = list(hours(PLAN))
    zero = [replace(one, arm_number=1, sums=(0,) * 6) for one in rows]
    assert report(rows=[*rows, *zero]) == report(rows=rows)


def test_the_json_is_plain_and_says_why_something_is_not_known() -> None:
    found = json.loads(json.dumps(written_report(report()), allow_nan=False))
    assert found["registration"]["no_p"] is None
    assert found["span"] == {"begin": "2027-01-03T15:00:00Z", "end": "2027-01-31T15:00:00Z"}
    assert found["harm"][0]["delay_seen_ms"] == {"not_known": "not-counted"}
    assert found["complaints"] == {"entered": 3, "expected": 4.0}
    assert found["experiments"][0]["effect"]["pairs"] == 56


def test_the_page_needs_nothing_from_elsewhere() -> None:
    reason = "<script>alert(1)</script>"
    found = report(events=[event(DAY, What.BREACH, reason)])
    for language in Language:
        page = report_page(found, language)
        assert "<script" not in page
        assert "src=" not in page
        assert "href=" not in page
        assert "//" not in page
        assert page.count("<svg") == 3  # effect, harm, days that were read


@pytest.mark.parametrize(
    ("language", "said"), [(Language.EN, "blocks of 6 hours"), (Language.JA, "6時間ごと")]
)
def test_it_says_how_long_its_blocks_are(language: Language, said: str) -> None:
    assert said in report_page(report(), language)
    phases = report(replace(PLAN, switchback=None))
    assert phases.block_ms is None
    assert said not in report_page(phases, language)


def test_every_word_is_there_in_both_languages_with_the_same_values() -> None:
    for key, both in WORDS.items():
        en, ja = ({name for _, name, _, _ in Formatter().parse(text) if name} for text in both)
        assert en == ja, key
    for because in Because:
        assert str(because) in WORDS
    for kind in (*Timing, *Why):
        assert kind is Timing.KNOWN or kind.name.lower() in WORDS


def test_a_report_names_its_versions_and_its_policy() -> None:
    for language in Language:
        text = texts(report(), language)
        assert BEFORE[0].digest in text
        assert "ab" in text
    assert Span(START, PLAN.span.end) == report().span
