"""Whoever works backward from what a report tells finds no count of a block."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction
from math import exp, log, log1p
from random import Random
from typing import Any

from sekisho.desk.figures import ReportedHour
from sekisho.measure.reported import ReportedHours
from sekisho.pages.report import report_page
from sekisho.pages.voice import Language
from sekisho.trial.estimate import Estimate
from sekisho.trial.guardrails import What
from sekisho.trial.plan import Arm, Plan, schedule
from sekisho.trial.protocol import Outcome, TrialProtocol
from sekisho.trial.report import make_report
from sekisho.trial.report_values import NotKnown
from sekisho.trial.report_written import written_report
from sekisho.trial.told import LEAST_PAIRS_OF_FEW
from tests.unit.planning import DAY, HOUR, span
from tests.unit.test_trial_report import DRAWN, END, PLAN, Hour, facts_of, hours, report


def four_days(block: timedelta) -> Plan:
    """Return the plan of four workdays, of which each part of two days is a pair."""
    days = span(0 * DAY, 4 * DAY)
    return replace(PLAN, span=days, switchback=replace(DRAWN, span=days, block=block))


SHORT = four_days(8 * HOUR)
"""Of six pairs, of which an end of the interval is one pair's change."""
LONGER = four_days(6 * HOUR)


def effect(written: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = written["experiments"][0]["effect"]
    return found


def pairs_of(plan: Plan, rows: Sequence[Hour]) -> dict[int, dict[Arm, int]]:
    """Return what was tried in the blocks of each pair after their wash-out."""
    found: dict[int, dict[Arm, int]] = {}
    for block in schedule(plan):
        if block.pair is not None:
            begin = block.washout_end or block.begin
            tried = sum(one.sums[0] for one in rows if begin <= one.begin < block.end)
            found.setdefault(block.pair, {})[block.arm] = tried
    return found


def ratios(pairs: Mapping[int, Mapping[Arm, int]]) -> set[Fraction]:
    return {Fraction(one[Arm.ON] + 1, one[Arm.OFF] + 1) for one in pairs.values()}


def test_an_end_of_an_interval_is_no_fraction_of_counts() -> None:
    rows = list(hours(SHORT))
    found, truth = effect(written_report(report(SHORT, rows))), ratios(pairs_of(SHORT, rows))
    assert found["pairs"] == 6
    for percent in (found["low_percent"], found["high_percent"]):
        near = [one for one in truth if abs(one - 1 - Fraction(percent) / 100) < Fraction(1, 1_000)]
        assert near  # it is still the change of a pair
        assert Fraction(1 + percent / 100).limit_denominator(20_000) not in truth


def test_two_reports_one_pair_apart_do_not_give_away_its_counts() -> None:
    rows = list(hours(LONGER))
    pairs = pairs_of(LONGER, rows)
    last = max(pairs)
    blocks = [block for block in schedule(LONGER) if block.pair == last]
    earlier = [one for one in rows if not any(of.begin <= one.begin < of.end for of in blocks)]
    later, before = (effect(written_report(report(LONGER, found))) for found in (rows, earlier))
    assert later["pairs"] == before["pairs"] + 1
    (truth,) = ratios({last: pairs[last]})
    worked_out = exp(summed(later) - summed(before))
    assert abs(log(worked_out) - log(truth)) < 0.03  # so much of it is in what is told
    assert Fraction(worked_out).limit_denominator(20_000) != truth


def summed(found: Mapping[str, Any]) -> float:
    """Return the sum of the logarithms of all pairs, as far as what is told has it."""
    logarithm: float = found["pairs"] * log1p(found["change_percent"] / 100)
    return logarithm


def test_one_session_more_or_less_is_not_seen() -> None:
    rows = list(hours(SHORT))
    told = written_report(report(SHORT, rows))
    for number in (7, 31, 55):
        tried, *rest = rows[number].sums
        more = [*rows[:number], replace(rows[number], sums=(tried + 1, *rest)), *rows[number + 1 :]]
        assert written_report(report(SHORT, more))["experiments"][0] == told["experiments"][0]


def test_a_change_has_one_decimal_and_of_reports_none() -> None:
    reports = reports_of(PLAN, LEAST_PAIRS_OF_FEW)
    for told, places in ((effect(written_report(report())), 1), (reports, 0)):
        for key in ("change_percent", "low_percent", "high_percent"):
            assert told[key] == round(told[key], places)


def test_reports_are_shown_as_they_are_told() -> None:
    found = report()
    assert not isinstance(found.experiments, NotKnown)
    tried = found.experiments[0].effect
    assert isinstance(tried, Estimate)
    whole = replace(tried, change_percent=-12.0, low_percent=-20.0, high_percent=3.0)
    of_reports = replace(found.experiments[0], outcome=Outcome.REPORTS, effect=whole)
    page = report_page(replace(found, experiments=(of_reports,)), Language.EN)
    assert "<td>-12\u00a0%</td><td>-20 … +3\u00a0%</td>" in page


def test_reports_of_few_pairs_have_no_answer() -> None:
    few = {"not_known": "too-few-pairs", "has": 6, "needed": LEAST_PAIRS_OF_FEW}
    assert reports_of(SHORT, 6) == few


def reports_of(plan: Plan, least: int) -> dict[str, Any]:
    """Return what is told of reports, of which a block has a few."""
    random = Random(3)
    rows = [
        ReportedHour("dynamic", random.randrange(50), block.begin + 2 * HOUR, random.randrange(1, 6))
        for block in schedule(plan)
    ]
    counted = ReportedHours(plan.span, rows)
    facts = replace(facts_of(plan), protocol=TrialProtocol(plan, (Outcome.REPORTS,)))
    made = make_report(facts, lambda name, _: counted.series(name))
    assert made.planned_pairs >= least
    return effect(written_report(made))


def test_the_paths_of_guardrails_are_told_by_three_digits() -> None:
    path = {What.DIFFERENCE: ((END, 1 / 3, 2_000 / 3),)}
    found = written_report(make_report(replace(facts_of(PLAN), paths=path), lambda *_: ()))
    (points,) = [one["points"] for one in found["guardrails"] if one["what"] == What.DIFFERENCE]
    assert [point[1:] for point in points] == [[0.333, 667.0]]
