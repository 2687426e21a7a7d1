"""The metrics: of the same values as the answers, with labels that name no line, and as documented."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from sekisho.api.line_models import LinesStatus
from sekisho.api.metric_names import COUNTERS, HOLD_COUNTERS, TOTALS
from sekisho.api.metrics import (
    CONCURRENCY_EDGES,
    LATENESS_EDGES_SECONDS,
    LENGTH_EDGES_SECONDS,
    Scrape,
    families,
    rendered,
)
from sekisho.api.models import BlockValue, CountersValue, HoldStatus, TrialBrief
from sekisho.desk.actions import Progress
from sekisho.desk.case_values import Kind
from sekisho.desk.workload import Waiting, Workload
from sekisho.gate.abi import concurrency_bucket, length_bucket
from sekisho.measure.equipment import EquipmentCounts
from sekisho.measure.readings import SUMS
from sekisho.model import ClassCounters, Totals
from sekisho.trial.plan import Arm
from sekisho.trial.standing import State
from tests.unit.fake_daemon import NOW, FakeOffice

LABELS = {
    "gate",
    "class",
    "arm",
    "le",
    "block",
    "phase",
    "source",
    "outcome",
    "kind",
    "why",
    "progress",
    "weight",
}
DOC = Path(__file__).parents[2] / "docs" / "metrics.md"

WORKLOAD = Workload(
    unread=3,
    queued={"bad-time": 2, "not-attributed": 1},
    proposals=4,
    marked=2,
    actions={(Kind.LINE, Progress.REFUSED): Waiting(5, NOW)},
    notices=Waiting(6, NOW),
    ignored={"too-many": 7},
)


def scrape(state: State = State.RUNNING, lines: LinesStatus | None = None) -> Scrape:
    status = FakeOffice().status()
    block = BlockValue(begin=NOW, end=NOW, arm=Arm.ON, phase=None, pair=1, washout_end=NOW)
    classes = {name: one.model_copy(update={"block": block}) for name, one in status.classes.items()}
    trial = TrialBrief(name="spring", state=state)
    counted = ClassCounters(attempted=20, concurrency=(4, 2), length=(0, 0, 3))
    return Scrape(
        status.model_copy(update={"classes": classes, "trial": trial}),
        CountersValue(classes={"dynamic": {"0": counted, "1": ClassCounters()}}, totals=Totals()),
        (7, 1),
        lines
        or LinesStatus(
            store="ok",
            lines=5,
            addresses_held=6,
            reliefs=1,
            gate_is_whole=True,
            counts={"intake": {"waiting": 2, "misfits": 3}, "radius": {"taken": 9}},
        ),
        4,
        EquipmentCounts(cpu_ms=9_000, busy_ms=4_500, received=70, sent_dropped=3, highest=12),
        {"webhook": 0, "mail": 2},
        WORKLOAD,
    )


def read(text: bytes) -> dict[str, float]:
    """Return each sample by name and labels."""
    found = {}
    for family in text_string_to_metric_families(text.decode()):
        for sample in family.samples:
            labels = ",".join(f"{key}={value}" for key, value in sorted(sample.labels.items()))
            found[f"{sample.name}{{{labels}}}"] = sample.value
    return found


def test_values_are_those_of_the_answers() -> None:
    found = read(rendered(scrape()))
    assert found["sekisho_sessions{class=dynamic,gate=gate}"] == 3
    assert found["sekisho_sessions_attempted_total{arm=0,class=dynamic,gate=gate}"] == 20
    assert found["sekisho_limit_delay_seconds{class=dynamic,gate=gate}"] == 1
    assert found["sekisho_slots_table_full_total{gate=gate}"] == 4
    assert found["sekisho_hold_waiting{gate=gate}"] == 2
    assert found["sekisho_letters_given_up_total{gate=gate,kind=mail}"] == 2
    assert found["sekisho_letters_given_up_total{gate=gate,kind=webhook}"] == 0
    assert found["sekisho_trial_block_info{block=on,class=dynamic,gate=gate,phase=}"] == 1
    assert found["sekisho_journal_waiting{gate=gate}"] == 2
    assert found["sekisho_lease_events_total{gate=gate,outcome=taken,source=radius}"] == 9
    assert found["sekisho_readings_waiting{gate=gate}"] == 4
    assert found["process_cpu_seconds_total{}"] > 0
    assert found["sekisho_cpu_busy_seconds_total{gate=gate}"] == 4.5
    assert found["sekisho_interface_packets_received_total{gate=gate}"] == 70
    assert found["sekisho_interface_drops_sent_total{gate=gate}"] == 3
    assert found["sekisho_hold_waiting_highest{gate=gate}"] == 12


def test_what_waits_at_the_desk_is_told_and_what_does_not_is_zero() -> None:
    found = {key: value for key, value in read(rendered(scrape())).items() if key.startswith("sekisho_desk")}
    kind = "gate=gate,kind=line-suspension"
    assert found["sekisho_desk_reports_unread{gate=gate}"] == 3
    assert found["sekisho_desk_reports_queued{gate=gate,why=bad-time}"] == 2
    assert found["sekisho_desk_proposals{gate=gate}"] == 4
    assert found["sekisho_desk_cases_marked{gate=gate}"] == 2
    assert found[f"sekisho_desk_actions{{{kind},progress=refused}}"] == 5
    assert found[f"sekisho_desk_actions{{{kind},progress=waiting}}"] == 0
    since = "sekisho_desk_actions_since_timestamp_seconds"
    assert [key for key in found if key.startswith(since)] == [f"{since}{{{kind},progress=refused}}"]
    assert found[f"{since}{{{kind},progress=refused}}"] == NOW.timestamp()
    assert found["sekisho_desk_notices_waiting{gate=gate}"] == 6
    assert found["sekisho_desk_notices_since_timestamp_seconds{gate=gate}"] == NOW.timestamp()
    assert found["sekisho_desk_parties_ignored{gate=gate,weight=too-many}"] == 7
    assert found["sekisho_desk_parties_ignored{gate=gate,weight=doubted}"] == 0


def test_histograms_are_cumulative_and_have_real_edges() -> None:
    found = read(rendered(scrape()))

    def bucket(name: str, le: str, labels: str = "arm=0,class=dynamic,") -> float:
        return found[f"sekisho_{name}_bucket{{{labels}gate=gate,le={le}}}"]

    concurrency = [bucket("concurrent_sessions", le) for le in ("1.0", "2.0", "16.0", "32.0", "+Inf")]
    assert concurrency == [4, 6, 6, 6, 6]
    length = [bucket("session_length_seconds", le) for le in ("0.003", "0.007", "+Inf")]
    assert length == [0, 3, 3]
    lateness = [bucket("hold_lateness_seconds", le, "") for le in ("0.001", "0.002", "+Inf")]
    assert lateness == [7, 8, 8]
    assert LATENESS_EDGES_SECONDS[0] == 0.001


@given(st.integers(1, 10_000))
def test_edges_of_sessions_at_once_are_the_kernels(sessions: int) -> None:
    assert bucket_of(sessions, CONCURRENCY_EDGES) == concurrency_bucket(sessions)


@given(st.integers(0, 10**8))
def test_edges_of_lengths_are_the_kernels(milliseconds: int) -> None:
    # the kernel's milliseconds are cut off: what ends within one has lasted that long at most
    assert bucket_of((milliseconds + 0.999) / 1_000, LENGTH_EDGES_SECONDS) == length_bucket(milliseconds)


def bucket_of(value: float, edges: tuple[float, ...]) -> int:
    return next((number for number, edge in enumerate(edges) if value <= edge), len(edges))


@pytest.mark.parametrize(
    ("state", "running", "suspended"),
    [(State.RUNNING, 1, 0), (State.SUSPENDED, 0, 1), (State.NOT_STARTED, 0, 0), (State.OVER, 0, 0)],
)
def test_the_state_of_the_trial(state: State, running: int, suspended: int) -> None:
    found = read(rendered(scrape(state)))
    assert found["sekisho_trial_running{gate=gate}"] == running
    assert found["sekisho_trial_suspended{gate=gate}"] == suspended


def test_a_store_that_is_away_has_no_sums_and_no_zeros_in_their_place() -> None:
    away = LinesStatus(store="its disk is full", gate_is_whole=False, counts={"intake": {}})
    found = read(rendered(scrape(lines=away)))
    assert found["sekisho_store_up{gate=gate}"] == 0
    assert not any(name.startswith(("sekisho_lines{", "sekisho_journal_waiting")) for name in found)


def test_without_store_trial_and_hold_their_metrics_are_not_there() -> None:
    whole = scrape()
    status = whole.status.model_copy(update={"trial": None, "hold": None})
    without = whole._replace(status=status, lines=None, minutes_waiting=None, equipment=None, desk=None)
    names = [one.name for one in families(without)]
    left_out = "sekisho_(trial|hold|store|lines$|lease|readings|journal|cpu|interface_|desk)"
    assert not [name for name in names if re.match(left_out, name)]
    assert "sekisho_sessions_attempted" in names


def test_every_count_has_a_name_of_its_own() -> None:
    assert tuple(COUNTERS) == SUMS
    assert list(TOTALS) == [one.name for one in fields(Totals)]
    assert HOLD_COUNTERS.keys() <= HoldStatus.model_fields.keys()
    names = [one.name for one in families(scrape())]
    assert len(set(names)) == len(names)


def test_no_other_labels_than_those_that_name_no_line() -> None:
    found = set()
    for family in text_string_to_metric_families(rendered(scrape()).decode()):
        for sample in family.samples:
            found |= set(sample.labels)
    assert found == LABELS


def rows(found: Iterator[Metric]) -> list[str]:
    """Return the rows of the table in the documentation."""
    written = []
    for one in found:
        name = one.name + {"counter": "_total", "info": "_info"}.get(one.type, "")
        labels = sorted({label for sample in one.samples for label in sample.labels} - {"gate", "le"})
        shown = ", ".join(f"`{label}`" for label in labels)
        written.append(f"| `{name}` | {one.type} | {shown} | {one.documentation} |")
    return written


def test_the_documentation_has_all_metrics_and_no_others() -> None:
    found = [line for line in DOC.read_text().splitlines() if line.startswith("| `sekisho_")]
    assert found == rows(families(scrape()))
