"""Alert rules and dashboard speak of metrics and labels that are there."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from sekisho.api.metrics import families
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


def test_panels_do_not_overlap() -> None:
    places = [
        (one["gridPos"]["x"], one["gridPos"]["y"]) for one in json.loads(DASHBOARD.read_text())["panels"]
    ]
    assert len(set(places)) == len(places)
