"""The report as text, chart and JSON."""

from __future__ import annotations

import io
import json
from collections import Counter

from rich.console import Console

from sekisho.lab import lines, measure, report
from sekisho.lab.accounting import Status
from sekisho.lab.measure import GateCounts, Letter, Reading, Span
from sekisho.lab.phases import MINIMUM_SECONDS, plan
from sekisho.lab.receipts import Receipt
from sekisho.lab.result import Result

BOTS = {"bot-1": 10}


def result() -> Result:
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
    both = [Receipt("bot-1", None, 12.5, ipv6=True), *receipts]
    twofold = [lines.twofold("bot-1", span, most, both) for span, most in zip(spans, (10, 2, 9), strict=True)]
    answered = Counter({Status.START: 4, Status.STOP: 4})
    accounting = lines.figures(2, answered, 16, [0.02, 0.04], tuple(twofold))
    return Result("abc", 70.0, found, in_all, accounting, measure.timeline(receipts, begins, 70, 1))


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


def test_the_report_tells_of_lines_and_of_the_one_with_both_protocols() -> None:
    printed = text(200)
    assert "lines: 2 known by accounting, 4 came up, 16 changes of leases" in printed
    assert "from acknowledgement to the gate: median 0.030 s, worst 0.040 s" in printed
    assert (
        "IPv4 and IPv6 (bot-1): sessions at most at once 2 in enforce (cap 2), 9 in raised (cap 10)"
        in printed
    )
    row = next(row for row in printed.splitlines() if "sessions at most at once" in row)
    assert row.split()[-5:] == ["10", "2", "=", "cap", "9"]


def test_the_json_tells_of_lines() -> None:
    found = json.loads(json.dumps(report.as_json(result())))
    assert found["lines"]["known"] == 2
    assert (found["lines"]["starts"], found["lines"]["interims"], found["lines"]["stops"]) == (4, 0, 4)
    assert found["lines"]["seconds_to_gate"] == {"median": 0.03, "worst": 0.04}
    assert found["lines"]["twofold"][0] == {
        "line": "bot-1",
        "phase": "observe",
        "sessions_at_most": 10,
        "ipv4_messages": 100,
        "ipv6_messages": 1,
    }
    assert found["holds"]["lines"] is True
