"""Alert rules and dashboard speak of metrics and labels that are there; Prometheus' own tool judges both.

Grafana is not at hand: of a dashboard its documented shape is checked, and nothing is drawn.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sekisho.api.metrics import families, rendered
from tests.unit.test_metrics import scrape

ETC = Path(__file__).parents[2] / "etc"
RULES = ETC / "prometheus" / "sekisho.rules.yml"
DASHBOARD = ETC / "grafana" / "sekisho.json"
FOREIGN = {"node_textfile_mtime_seconds": {"file"}}


def alerts() -> list[tuple[str, str, str]]:
    """Return name, expression and summary of each rule."""
    (group,) = yaml.safe_load(RULES.read_text())["groups"]
    return [(one["alert"], one["expr"], one["annotations"]["summary"]) for one in group["rules"]]


def panels() -> Iterator[tuple[str, str, str]]:
    """Yield title, expression and legend of each line of the dashboard."""
    for panel in json.loads(DASHBOARD.read_text())["panels"]:
        for target in panel["targets"]:
            yield panel["title"], target["expr"], target["legendFormat"]


def known() -> dict[str, set[str]]:
    """Return the labels of each sample that is scraped, by its name."""
    found = dict(FOREIGN)
    for family in families(scrape()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


SPOKEN = [*alerts(), *panels()]


@pytest.mark.parametrize(("name", "expression", "said"), SPOKEN)
def test_each_metric_and_label_is_scraped(name: str, expression: str, said: str) -> None:
    there = known()
    metrics = re.findall(r"\b(?:sekisho|node)_\w+", expression)
    assert metrics, name
    assert set(metrics) <= there.keys()
    own = set.union(*(there[one] for one in metrics))
    used = {
        label for group in re.findall(r"(?:by|on) \(([^)]*)\)", expression) for label in group.split(", ")
    }
    used |= set(re.findall(r"[{,]\s*(\w+)\s*=~?", expression))
    used |= set(re.findall(r"{{\s*(?:\$labels\.)?(\w+)\s*}}", said))
    assert used <= own
    assert expression.count("(") == expression.count(")")


def test_no_two_alerts_have_one_name() -> None:
    names = [name for name, _, _ in alerts()]
    assert len(set(names)) == len(names)


def promtool(*arguments: str, text: str = "") -> None:
    done = subprocess.run(["promtool", *arguments], input=text, capture_output=True, text=True, timeout=100)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout


def test_prometheus_takes_the_rules() -> None:
    promtool("check", "rules", str(RULES))


def test_prometheus_finds_nothing_wrong_with_the_metrics() -> None:
    promtool("check", "metrics", text=rendered(scrape()).decode())


STEADY = "0+60x60"  # a series that grows by so much each minute for an hour
SOME = "0+57x60"
ASKED = "sekisho_desk_actions_since_timestamp_seconds"
FIRING = {
    "SekishoProcessorsBusy": (
        {"sekisho_cpu_seconds_total": STEADY, "sekisho_cpu_busy_seconds_total": SOME},
        {"sekisho_cpu_seconds_total": STEADY, "sekisho_cpu_busy_seconds_total": "0+53x60"},
    ),
    "SekishoPacketsDropped": (
        {
            "sekisho_interface_packets_received_total": STEADY,
            "sekisho_interface_packets_sent_total": STEADY,
            "sekisho_interface_drops_received_total": "0+1x60",
            "sekisho_interface_drops_sent_total": "0x60",
        },
        {
            "sekisho_interface_packets_received_total": "0+60000x60",
            "sekisho_interface_packets_sent_total": "0+60000x60",
            "sekisho_interface_drops_received_total": "0+1x60",
            "sekisho_interface_drops_sent_total": "0x60",
        },
    ),
    "SekishoDelayByRetransmission": (
        {
            "sekisho_hold_released_total": "0+50x60",
            'sekisho_sessions_held_total{class="dynamic",arm="0"}': "0+20x60",
            'sekisho_sessions_held_total{class="fixed",arm="0"}': "0+40x60",
        },
        {
            "sekisho_hold_released_total": STEADY,
            'sekisho_sessions_held_total{class="dynamic",arm="0"}': "0+20x60",
            'sekisho_sessions_held_total{class="fixed",arm="0"}': "0+40x60",
        },
    ),
    "SekishoDelayLate": (
        {
            'sekisho_hold_lateness_seconds_bucket{le="0.1"}': "0+50x60",
            'sekisho_hold_lateness_seconds_bucket{le="0.2"}': "0+60x60",
            'sekisho_hold_lateness_seconds_bucket{le="+Inf"}': "0+60x60",
        },
        {
            'sekisho_hold_lateness_seconds_bucket{le="0.1"}': "0+60x60",
            'sekisho_hold_lateness_seconds_bucket{le="0.2"}': "0+60x60",
            'sekisho_hold_lateness_seconds_bucket{le="+Inf"}': "0+60x60",
        },
    ),
    "SekishoGateBypassed": ({"sekisho_gate_attached": "0x60"}, {"sekisho_gate_attached": "1x60"}),
    "SekishoHoldFull": ({"sekisho_hold_dropped_total": STEADY}, {"sekisho_hold_dropped_total": "7x60"}),
    "SekishoLettersGivenUp": (
        {'sekisho_letters_given_up_total{kind="mail"}': "0x40 1x20"},
        {'sekisho_letters_given_up_total{kind="mail"}': "3x60"},
    ),
    "SekishoDeskReportsUnread": (
        {"sekisho_desk_reports_unread": "5x60"},
        {"sekisho_desk_reports_unread": "5x40 0x20"},
    ),
    "SekishoDeskActionUnconfirmed": (
        {f'{ASKED}{{kind="line-suspension",progress="waiting"}}': "600x60"},
        {
            f'{ASKED}{{kind="line-suspension",progress="waiting"}}': "3000x60",
            f'{ASKED}{{kind="line-suspension",progress="refused"}}': "600x60",
        },
    ),
    "SekishoDeskActionRefused": (
        {'sekisho_desk_actions{kind="line-suspension",progress="refused"}': "1x60"},
        {
            'sekisho_desk_actions{kind="line-suspension",progress="refused"}': "0x60",
            'sekisho_desk_actions{kind="line-suspension",progress="waiting"}': "1x60",
        },
    ),
    "SekishoDeskNoticesWaiting": (
        {"sekisho_desk_notices_since_timestamp_seconds": "-600x60"},
        {"sekisho_desk_notices_since_timestamp_seconds": "600x60"},
    ),
    "SekishoDeskPartiesIgnored": (
        {'sekisho_desk_parties_ignored{weight="too-many"}': "0x20 2x10 0x30"},
        {'sekisho_desk_parties_ignored{weight="too-many"}': "0x60"},
    ),
    "SekishoLeasesNotArriving": (
        {'sekisho_lease_events_total{outcome="taken",source="radius"}': "9x90"},
        {'sekisho_lease_events_total{outcome="taken",source="radius"}': "0+1x90"},
    ),
}


def of_gate(name: str) -> str:
    bare, _, labels = name.rstrip("}").partition("{")
    return bare + "{" + ",".join((*filter(None, [labels]), 'gate="tokyo"')) + "}"


def test_alerts_fire_when_they_should_and_else_not(tmp_path: Path) -> None:
    summaries = {name: said.replace("{{ $labels.gate }}", "tokyo") for name, _, said in alerts()}
    severities = {
        one["alert"]: one["labels"]["severity"]
        for one in yaml.safe_load(RULES.read_text())["groups"][0]["rules"]
    }
    tests = []
    for name, sides in FIRING.items():
        for series, fires in zip(sides, (True, False), strict=True):
            fired = {
                "exp_labels": {"severity": severities[name], "gate": "tokyo"},
                "exp_annotations": {"summary": summaries[name]},
            }
            tests.append(
                {
                    "interval": "1m",
                    "input_series": [
                        {"series": of_gate(one), "values": values} for one, values in series.items()
                    ],
                    "alert_rule_test": [
                        {"eval_time": "1h", "alertname": name, "exp_alerts": [fired] if fires else []}
                    ],
                }
            )
    file = tmp_path / "alerts.yml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": tests}))
    promtool("test", "rules", str(file))


PANELS = json.loads(DASHBOARD.read_text())["panels"]
UNITS = {"cps", "short", "Bps", "s", "percentunit", "pps"}  # of Grafana's own list, as far as used


def test_the_dashboard_has_the_shape_that_grafana_documents() -> None:
    whole = json.loads(DASHBOARD.read_text())
    assert "id" not in whole, "Grafana gives it one when it is imported"
    assert re.fullmatch(r"[\w-]{1,40}", whole["uid"])
    assert whole["schemaVersion"] >= 36
    assert {one["type"] for one in whole["templating"]["list"]} == {"datasource", "query"}
    assert len({one["id"] for one in PANELS}) == len(PANELS)
    variables = {one["name"] for one in whole["templating"]["list"]} | {"__rate_interval"}
    for panel in PANELS:
        assert panel["type"] == "timeseries"
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
        refs = [target["refId"] for target in panel["targets"]]
        assert refs == list("ABCDEFGH"[: len(refs)])
        for target in panel["targets"]:
            assert set(re.findall(r"\$(\w+)", target["expr"])) <= variables


def test_panels_do_not_overlap() -> None:
    """A grid is 24 columns wide."""
    taken: set[tuple[int, int]] = set()
    for panel in PANELS:
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken
        taken |= cells
