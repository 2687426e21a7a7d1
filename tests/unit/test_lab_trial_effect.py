"""What a compressed trial finds where the truth is known, and its report."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from string import Formatter

import pytest
from rich.console import Console

from sekisho.lab import trial_facts, trial_report
from sekisho.lab.trial_effect import Compared, compared, effect_of
from sekisho.lab.trial_layout import Layout
from sekisho.lab.trial_result import TrialResult
from sekisho.lab.trial_words import WORDS
from sekisho.pages.voice import Language
from sekisho.trial.estimate import Estimate
from sekisho.trial.events import Event, What
from sekisho.trial.guardrails import What as Watched
from sekisho.trial.plan import Arm, Block, schedule
from sekisho.trial.report_values import Because, NotKnown, Report
from tests.unit.lab_trial import LAYOUT, result, trial, without

FEW = Layout(timedelta(seconds=5), pairs=5)


def primary(report: Report) -> Estimate | NotKnown:
    assert not isinstance(report.experiments, NotKnown)
    (found,) = (one for one in report.experiments if one.is_primary)
    return found.effect


def test_a_tenth_of_the_spam_is_found_with_its_interval() -> None:
    found = result(0.1)
    spam = found.effect.spam
    assert spam.change is not None
    assert -92 < spam.change.low <= spam.change.high < -87
    assert spam.off is not None
    assert spam.on == pytest.approx(spam.off / 10, rel=0.1)
    assert found.effect_holds


def test_no_change_is_no_effect() -> None:
    found = result(1.0)
    assert found.effect.spam.change is not None
    assert found.effect.spam.change.low < 0 < found.effect.spam.change.high
    assert not found.effect_holds


def test_letters_refusals_and_waits_are_told_as_differences() -> None:
    effect = result().effect
    assert effect.delivery.change is not None
    assert effect.delivery.off == pytest.approx(1.5)
    assert effect.delivery.change.low <= 1.0 <= effect.delivery.change.high
    assert (effect.refused.off, effect.held.off) == (0.0, 0.0)
    assert effect.refused.change is not None
    assert effect.refused.change.by == pytest.approx(5 * 8 * 60, rel=0.05)
    assert effect.held.change is not None
    assert effect.held.change.by == pytest.approx(8 * 60, rel=0.05)


def test_five_pairs_give_levels_and_no_interval() -> None:
    found = result(laid_out=FEW)
    for one in (found.effect.spam, found.effect.delivery, found.effect.refused):
        assert (one.pairs, one.change) == (5, None)
        assert one.off is not None
    assert not found.effect_holds
    assert primary(found.report) == NotKnown(Because.TOO_FEW_PAIRS, 5, 6)


def test_a_pair_of_which_one_side_is_not_known_is_left_out() -> None:
    blocks = [block for block in schedule(trial().plan) if block.pair is not None]

    def level(block: Block) -> float | None:
        return None if block is blocks[0] else float(block.arm is Arm.ON)

    assert compared(blocks, level, 7).pairs == LAYOUT.pairs - 1
    assert compared((), level, 7) == Compared(None, None, 0, None)


def test_the_report_is_that_of_a_registered_trial() -> None:
    report = result().report
    effect = primary(report)
    assert isinstance(effect, Estimate)
    assert effect.p == float(f"{2 / 2**LAYOUT.pairs:.2g}")
    assert -92 < effect.low_percent <= effect.high_percent < -87
    assert report.registration.no_p is None
    assert (report.coverage.blocks, report.coverage.missing) == (24, 0)
    (harm,) = report.harm
    assert (harm.caps, harm.delays_ms) == ((2, 2), (1_000, 1_000))
    assert isinstance(harm.over_cap_percent, float)
    assert harm.over_cap_percent_without == 0.0
    assert report.block_ms == 5_000


def test_what_is_registered_late_has_no_p_value() -> None:
    found = result(registered=False)
    assert found.report.registration.no_p is Because.REGISTERED_LATE
    assert "p = " not in printed(found)


def test_a_gate_that_was_not_read_for_a_block_leaves_its_pair_out() -> None:
    whole = trial()
    gone = schedule(whole.plan)[4]
    found = trial_facts.report(without(whole, gone.begin, gone.end), whole.plan.span.end, "1")
    assert found.coverage.missing == 1
    effect = primary(found)
    assert isinstance(effect, Estimate)
    assert (effect.pairs, effect.left_out) == (LAYOUT.pairs - 1, 1)
    (gate,) = found.coverage.gates
    assert gate.covered == pytest.approx(gate.expected * 23 / 24, rel=0.02)


def test_a_suspension_takes_its_pairs_out_of_all_that_is_compared() -> None:
    whole = trial()
    begin = schedule(whole.plan)[4].begin
    events = (
        Event(begin, "laboratory", What.SUSPENDED, "hot", "root"),
        Event(begin + timedelta(seconds=1), "laboratory", What.RESUMED, "cool", "root"),
    )
    suspended = replace(whole, events=events)
    assert effect_of(suspended, (), ()).refused.pairs == LAYOUT.pairs - 1
    found = trial_facts.report(suspended, whole.plan.span.end, "1")
    effect = primary(found)
    assert isinstance(effect, Estimate)
    assert effect.pairs == LAYOUT.pairs - 1
    assert [one.in_block for one in found.happened.suspensions] == [True]


def test_the_answers_of_the_commands_are_read() -> None:
    whole = trial()
    kept = whole.version
    at = "2026-11-25T09:09:59Z"
    answer = {
        "version": 1,
        "digest": kept.digest,
        "registered_at": at,
        "late": False,
        "name": "laboratory",
        "supersedes": None,
        "text": kept.text,
    }
    assert trial_facts.version(json.loads(json.dumps(answer))) == kept
    event = {"at": at, "what": "suspended", "reason": "hot", "by": "root", "uid": 0}
    (read,) = trial_facts.events({"name": "laboratory", "zone": "UTC", "events": [event]})
    assert (read.at, read.what, read.uid) == (datetime.fromisoformat(at), "suspended", 0)


def test_the_paths_of_guardrails_are_read_of_the_status_and_reported() -> None:
    days = [
        {"day": "2026-11-25", "value": 0.0, "bound": 1.0},
        {"day": "2026-11-26", "value": None, "bound": 1.0},
    ]
    answer = {"guardrails": [{"what": "bypass", "days": days}, {"what": "leases", "days": []}]}
    paths = trial_facts.paths(answer)
    assert paths == {Watched.BYPASS: ((datetime(2026, 11, 25, tzinfo=UTC), 0.0, 1.0),)}
    found = trial_facts.report(replace(trial(), paths=paths), trial().plan.span.end, "1")
    points = {one.what: one.points for one in found.guardrails}
    assert points["bypass"] == paths[Watched.BYPASS]
    assert points["leases"] == NotKnown(Because.NOT_KEPT)


def printed(found: TrialResult, language: Language = Language.EN, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    for part in trial_report.render(found, language, width):
        console.print(part, highlight=False)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def cells(line: str) -> int:
    return Console().measure(line).maximum


@pytest.mark.parametrize("language", list(Language))
def test_it_fits_a_terminal_of_80_columns(language: Language) -> None:
    lines = printed(result(), language).splitlines()
    assert max(map(cells, lines)) <= 80


def test_it_ends_with_the_effect_and_its_interval() -> None:
    text = printed(result(), width=120)
    assert "the limit (cap 2, delay 1s) changes spam by -" in text
    assert "p = 0.00049 (12 pairs give 0.00049 at least)" in text
    assert "honest letters: 120 written, 120 delivered, 0 failed (wanted: 0)" in text
    assert text.index("Report of the trial laboratory") < text.index("In 12 pairs of blocks of 5 seconds")


def test_the_chart_shows_the_lots_below_what_arrived() -> None:
    lines = printed(result()).splitlines()
    spam = next(line for line in lines if line.startswith("spam "))
    marks = next(line for line in lines if set(line.strip()) == {"█", "░"}).strip()
    bars = spam[7 : 7 + len(marks)]
    levels = {mark: [" ▁▂▃▄▅▆▇█".index(bar) for bar, at in pairs(bars, marks) if at == mark] for mark in "█░"}
    assert max(levels["█"]) <= 2 < 4 <= min(levels["░"])


def pairs(bars: str, marks: str) -> Iterable[tuple[str, str]]:
    assert len(bars) == len(marks)
    return zip(bars, marks, strict=True)


def test_few_pairs_are_said_to_be_few() -> None:
    text = printed(result(laid_out=FEW))
    assert "cannot be told from 5 pairs" in text
    row = next(line for line in text.splitlines() if "spam messages a minute" in line)
    assert row.split()[-2:] == ["–", "–"]


def test_the_json_has_the_documented_keys() -> None:
    found = json.loads(json.dumps(trial_report.as_json(result()), allow_nan=False))
    assert found["limit"] == {"mode": "enforce", "cap": 2, "delay": "1s", "excess": "drop"}
    assert (found["block_seconds"], found["washout_seconds"], found["pairs"]) == (5.0, 3.0, 12)
    assert (found["seed"], len(found["lots"]), set(found["lots"])) == (7, 24, {"on", "off"})
    assert set(found["effect"]) == {"spam", "delivery", "refused", "held"}
    assert set(found["effect"]["spam"]["change"]) == {"by", "low", "high"}
    assert found["holds"] == {"effect": True, "honest": True}
    assert found["report"]["registration"]["digest"] == found["digest"]
    assert len(found["timeline"]["spam"]) == 96


def test_every_word_is_there_in_both_languages_with_the_same_values() -> None:
    for key, both in WORDS.items():
        en, ja = ({name for _, name, _, _ in Formatter().parse(text) if name} for text in both)
        assert en == ja, key
