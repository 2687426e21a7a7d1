"""What an operator sees of a trial."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from string import Formatter
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner, Result

from sekisho.cli import app
from sekisho.cli.draw_trial import by_class, draw_day
from sekisho.cli.trial_words import WORDS, Language, say
from sekisho.trial.plan import Phase, Plan, schedule
from tests.unit.planning import DAY, HOUR, LIMITS, ON, START, plan, span, switchback
from tests.unit.test_config_trial import CLASSES, MAINTENANCE, PHASE, SWITCHBACK, TRIAL

WHOLE = CLASSES + TRIAL + PHASE + SWITCHBACK + MAINTENANCE
TOKYO = ZoneInfo("Asia/Tokyo")


def shown(file: Path, text: str, *arguments: str) -> Result:
    file.write_text(text)
    return CliRunner().invoke(app, ["trial", "plan", "--config", str(file), *arguments], prog_name="sekisho")


def in_json(file: Path, text: str) -> dict[str, Any]:
    result = shown(file, text, "--json")
    assert result.exit_code == 0
    found = json.loads(result.stdout)
    assert isinstance(found, dict)
    return found


def drawn(of: Plan, day: date) -> list[str]:
    return [draw_day(blocks, ZoneInfo(of.zone), day) for _, blocks in by_class(schedule(of))]


def test_a_plan_is_told_and_drawn(tmp_path: Path) -> None:
    result = shown(tmp_path / "x.toml", WHOLE)
    assert result.exit_code == 0
    assert "trial spring: 2027-04-01 00:00 to 2027-07-01 00:00 (Asia/Tokyo)\n" in result.stdout
    assert "blocks of 6h, wash-out 1h, seed 7\n" in result.stdout
    assert "pairs: 167; the smallest p-value that they allow is below 0.000001\n" in result.stdout
    assert "in no pair, so not compared: 3 blocks or parts; pairs lost to maintenance: 1\n" in result.stdout
    assert "maintenance windows: 1, 4 h in all" in result.stdout
    assert "outcomes, the primary first: attempts, admitted, refused, bytes, reports\n" in result.stdout
    assert "suspended by itself when: (complaints are not watched); more than 0 gate errors" in result.stdout
    assert f"2027-04-07 Wed {'1' * 48}\n" in result.stdout
    assert "2027-05-01 Sat ▓▓××××××××▓▓▒▒" in result.stdout
    assert result.stderr == ""


def test_units_are_told_and_drawn_apart(tmp_path: Path) -> None:
    shared = '[store]\nurl = "postgresql://db.example/sekisho"\n'
    units = 'units = "gates"\ngates = ["gate", "osaka"]\n'
    text = shared + WHOLE.replace(SWITCHBACK, SWITCHBACK + units)
    result = shown(tmp_path / "x.toml", text)
    assert (result.exit_code, result.stderr) == (0, "")
    assert "each gate draws lots of its own: gate, osaka\n" in result.stdout
    assert "pairs: 334;" in result.stdout
    assert "compared: 6 blocks or parts; pairs lost to maintenance: 2\n" in result.stdout
    assert "lot of" in result.stdout
    drawings = {
        name: result.stdout.split(f"\n{name}: dynamic\n")[1].split("\n\n")[0] for name in ("gate", "osaka")
    }
    assert drawings["gate"] != drawings["osaka"]
    found = in_json(tmp_path / "x.toml", text)
    assert found["plan"]["switchback"]["gates"] == ["gate", "osaka"]
    assert {one.get("unit") for one in found["blocks"]} == {None, "gate", "osaka"}


def test_a_long_plan_is_shown_at_its_ends_and_whole_in_json(tmp_path: Path) -> None:
    result = shown(tmp_path / "x.toml", WHOLE)
    blocks = in_json(tmp_path / "x.toml", WHOLE)["blocks"]
    rows = [line for line in result.stdout.splitlines() if "dynamic: " in line]
    assert len(rows) == 24
    assert f"… {len(blocks) - 24} more" in result.stdout
    assert "… 7 more days" in result.stdout


def test_the_json_has_every_block_and_the_state_of_pairs(tmp_path: Path) -> None:
    found = in_json(tmp_path / "x.toml", WHOLE)
    assert {key: found[key] for key in ("pairs", "pairs_lost_to_maintenance", "blocks_in_no_pair")} == {
        "pairs": 167,
        "pairs_lost_to_maintenance": 1,
        "blocks_in_no_pair": 3,
    }
    assert found["smallest_p"] == pytest.approx(2.0**-166)
    assert found["plan"]["zone"] == "Asia/Tokyo"
    assert found["plan"]["switchback"]["seed"] == 7
    assert found["blocks"][0] == {
        "begin": "2027-03-31T15:00:00Z",
        "end": "2027-04-07T15:00:00Z",
        "class": "dynamic",
        "arm": "phase",
        "limit": {"mode": "enforce", "cap": 3, "delay": "2s", "excess": "drop"},
        "phase": 1,
        "pair": None,
        "washout_end": None,
    }
    assert found["blocks"][1]["washout_end"] == "2027-04-07T16:00:00Z"
    pairs = [block["pair"] for block in found["blocks"] if block["pair"] is not None]
    assert len(pairs) == 2 * found["pairs"]


def test_outcomes_and_guardrails_are_told(tmp_path: Path) -> None:
    text = WHOLE.replace("[[trial.phase", 'outcomes = ["reports"]\n[[trial.phase')
    text += "[trial.guardrails]\ncomplaints_per_day = 2\n"
    assert "complaints rise above 2 a day; more than" in shown(tmp_path / "x.toml", text).stdout
    found = in_json(tmp_path / "x.toml", text)
    assert found["outcomes"] == ["reports"]
    guardrails = {
        "complaints_per_day": 2.0,
        "gate_errors": 0,
        "bypass": "1m",
        "delay_p99": "1s",
        "leases": "15m",
    }
    assert found["guardrails"] == guardrails
    text += 'difference = "refused"\nharmless = 2.5\n'
    assert "the daily share of refused sessions is higher by more than 2.5 percentage" in shown(
        tmp_path / "x.toml", text
    ).stdout.replace("\n", " ")
    assert in_json(tmp_path / "x.toml", text)["guardrails"] == {
        **guardrails,
        "difference": "refused",
        "harmless": 2.5,
    }


def test_too_few_pairs_are_told(tmp_path: Path) -> None:
    text = CLASSES + TRIAL + SWITCHBACK.replace("06-30", "04-09")
    assert "too few, 6 are needed for a p-value below 0.05" in shown(tmp_path / "x.toml", text).stdout


def test_phases_alone_are_told_to_give_no_p_value(tmp_path: Path) -> None:
    assert "no p-value comes of them" in shown(tmp_path / "x.toml", CLASSES + TRIAL + PHASE).stdout


def test_an_empty_plan_is_shown(tmp_path: Path) -> None:
    result = shown(tmp_path / "x.toml", CLASSES + TRIAL)
    assert result.exit_code == 0
    assert in_json(tmp_path / "x.toml", CLASSES + TRIAL)["blocks"] == []


def test_a_plan_is_told_in_japanese(tmp_path: Path) -> None:
    result = shown(tmp_path / "x.toml", WHOLE, "--lang", "ja")
    assert "実証実験 spring：2027-04-01 00:00 から 2027-07-01 00:00 まで（Asia/Tokyo）\n" in result.stdout
    assert f"2027-04-07 水  {'1' * 48}\n" in result.stdout


def test_seconds_are_shown_where_there_are_some(tmp_path: Path) -> None:
    begin, end = "2027-04-01T00:00:00+09:00", "2027-04-01T00:01:00+09:00"
    text = TRIAL + SWITCHBACK.replace("2027-04-08", "2027-04-01").replace('"6h"', '"5s"\nwashout = "1s"')
    text = text.replace("2027-04-01", begin).replace("2027-06-30", end)
    result = shown(tmp_path / "x.toml", CLASSES + text)
    assert "2027-04-01 00:00:05  00:00:10" in result.stdout
    assert "2027-04-01 Thu ▚ " in result.stdout


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (CLASSES, "has no [trial]: docs/trial.md tells how one is written"),
        (CLASSES + TRIAL.replace("Tokyo", "Edo"), "trial.zone"),
    ],
)
def test_what_is_no_plan_is_told(tmp_path: Path, text: str, said: str) -> None:
    result = shown(tmp_path / "x.toml", text)
    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["trial", "plan", "--config", str(tmp_path / "none.toml")])
    assert result.exit_code == 1
    assert "cannot be read: No such file or directory" in result.stderr


def test_the_hours_of_a_day_are_drawn_by_what_holds_in_them() -> None:
    of = plan(
        span(0 * DAY, 14 * DAY), switchback(span(0 * DAY, 14 * DAY)), maintenance=(span(HOUR, 2 * HOUR),)
    )
    (cells,) = drawn(of, date(2027, 1, 4))
    arms = [block.arm for block in schedule(of) if block.class_name == "dynamic"]
    assert cells[:12] in ("··××········", "▓▓××▓▓▓▓▓▓▓▓")
    assert cells[12:24] == "▒▒" + ("█" if arms[3] == "on" else "░") * 10


def test_classes_that_differ_are_drawn_apart() -> None:
    of = plan(span(0 * DAY, 2 * DAY), phases=(Phase(span(DAY, 2 * DAY), LIMITS[:1]),))
    assert [
        (names, draw_day(blocks, TOKYO, date(2027, 1, 5))) for names, blocks in by_class(schedule(of))
    ] == [(("dynamic",), "1" * 48)]
    both = plan(of.span, phases=(*of.phases, Phase(span(0 * DAY, HOUR), (("mobile", ON),))))
    assert drawn(both, date(2027, 1, 4)) == [" " * 48, "22" + " " * 46] or drawn(both, date(2027, 1, 4)) == [
        "22" + " " * 46,
        " " * 48,
    ]


def test_the_day_of_a_changed_clock_is_drawn_by_the_wall() -> None:
    begin = START.replace(month=3, day=14, hour=5)  # midnight in New York; at 2:00 it becomes 3:00
    of = plan(
        span(0 * DAY, 100 * DAY), phases=(Phase(span(begin - START, begin - START + DAY - HOUR), LIMITS),)
    )
    of = Plan(of.name, of.span, "America/New_York", of.own, of.phases)
    (cells,) = drawn(of, date(2027, 3, 14))
    assert cells == "1111  " + "1" * 42


def test_many_phases_have_signs_of_their_own() -> None:
    phases = tuple(Phase(span(n * HOUR, (n + 1) * HOUR), LIMITS[:1]) for n in range(40))
    (first,) = drawn(plan(span(0 * DAY, 2 * DAY), phases=phases), date(2027, 1, 4))
    (second,) = drawn(plan(span(0 * DAY, 2 * DAY), phases=phases), date(2027, 1, 5))
    assert first[::2] == "123456789abcdefghijklmno"
    assert second[:32:2] == "pqrstuvwxyz+++++"


def test_every_word_is_there_in_both_languages_with_the_same_values() -> None:
    for key, both in WORDS.items():
        fields = [
            {field for _, field, _, _ in Formatter().parse(both[language]) if field} for language in Language
        ]
        assert fields[0] == fields[1], key


def test_words_carry_their_values() -> None:
    assert say(Language.JA, "phase", number=3) == "段階 3"
