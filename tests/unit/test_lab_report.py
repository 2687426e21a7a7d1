"""The report as text, chart and JSON."""

from __future__ import annotations

import io
import json

from rich.console import Console

from sekisho.lab import measure, report
from sekisho.lab.measure import GateCounts, Letter, Reading, Span
from sekisho.lab.phases import MINIMUM_SECONDS, plan
from sekisho.lab.receipts import Receipt

BOTS = {"bot-1": 10}


def result() -> measure.Result:
    observe, enforce, raised = plan(MINIMUM_SECONDS)
    begins = [("observe", 0.0), ("enforce", 20.0), ("raised", 50.0)]
    spans = [
        Span(phase, Reading(at + 10, 0, GateCounts(0, 0, 0)), Reading(at + 20, 10, GateCounts(1, 2, 3)))
        for phase, (_, at) in zip((observe, enforce, raised), begins, strict=True)
    ]
    receipts = [Receipt("bot-1", None, at / 10) for at in range(200)]
    receipts += [Receipt("bot-1", None, 35.0), Receipt("home", "home-0", 18.0)]
    letters = [Letter("home-0", "home", False, 12.0)]
    found = measure.figures(spans, receipts, letters, set(), BOTS)
    in_all = measure.letters_in_all(letters, receipts, set(), "", 0)
    return measure.Result("abc", 70.0, found, in_all, measure.timeline(receipts, begins, 70, 1))


def text(width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    for part in report.render(result(), width):
        console.print(part)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_report_fits_a_terminal_of_80_columns() -> None:
    printed = text(80)
    assert max(len(line) for line in printed.splitlines()) <= 80
    for word in ("observe", "enforce", "raised", "bot-1", "refused", "spam in enforce: 1.0 %"):
        assert word in printed


def test_the_chart_shows_where_each_phase_begins() -> None:
    chart = next(line for line in text(120).splitlines() if "│observe" in line)
    assert chart.index("│enforce") - chart.index("│observe") == 20
    assert chart.index("│raised") - chart.index("│observe") == 50


def test_a_single_arrival_is_seen_beside_many() -> None:
    assert report.bars([0, 1, 100]) == " ▁█"
    assert report.bars([0, 0]) == "  "


def test_neighbours_are_merged_without_loss() -> None:
    assert report.merged([1, 2, 3, 4, 5], 2) == [3, 7, 5]


def test_the_json_has_the_documented_keys() -> None:
    phases = json.loads(json.dumps(report.as_json(result())))["phases"]
    assert [phase["name"] for phase in phases] == ["observe", "enforce", "raised"]
    enforce = phases[1]
    assert enforce["limit"] == {"mode": "enforce", "cap": 2, "delay": "5s", "excess": "drop"}
    assert enforce["seconds"] == 10
    assert enforce["spam"]["messages_per_minute"] == 6
    assert enforce["spam"]["sessions_per_minute"] == 60
    assert enforce["gate"] == {"admitted": 1, "refused": 2, "held": 3}
    assert phases[0]["honest"]["delivery_seconds"] == {"p50": 6.0, "p95": 6.0}
    assert (phases[0]["honest"]["delivered"], phases[0]["honest"]["failed"]) == (1, 0)
