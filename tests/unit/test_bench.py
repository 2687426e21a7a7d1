"""What the bench says holds, and what it writes."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from bench import (
    accounting,
    desk_way,
    following,
    freeradius,
    history,
    lab,
    nas,
    packets,
    restart,
    rows,
    sessions,
    storm,
    ways,
)
from bench.lmtp import Handed
from bench.nas import Sent, Status
from bench.rows import Row
from sekisho.desk.attribute import Found
from sekisho.desk.records import KeptIncident
from sekisho.store import open_store


def named(found: list[Row], name: str) -> Row:
    (row,) = (row for row in found if row.name == name)
    return row


@pytest.mark.parametrize(
    ("judge", "fitting", "unfit", "wanted"),
    [
        (rows.at_least, 0.97, 0.969, ">= 0.97"),
        (rows.at_most, 0.97, 0.971, "<= 0.97"),
        (rows.above, 0.98, 0.97, "> 0.97"),
        (rows.below, 0.96, 0.97, "< 0.97"),
    ],
)
def test_bounds(
    judge: Callable[[str, float, str, float], Row], fitting: float, unfit: float, wanted: str
) -> None:
    assert judge("n", fitting, "u", 0.97) == Row("n", fitting, "u", wanted, holds=True)
    assert judge("n", unfit, "u", 0.97) == Row("n", unfit, "u", wanted, holds=False)


def test_written_rows_have_all_fields(tmp_path: Path) -> None:
    path = tmp_path / "new" / "gate.json"
    rows.write([rows.at_most("loading", 3.5, "s", 5), Row("memory", 192, "bytes")], path)
    assert json.loads(path.read_text()) == [
        {"name": "loading", "value": 3.5, "unit": "s", "wanted": "<= 5", "holds": True},
        {"name": "memory", "value": 192, "unit": "bytes", "wanted": "", "holds": None},
    ]


def test_a_ratio_is_the_median_of_the_turns_ratios() -> None:
    slow, fast = dict.fromkeys(packets.COMPARED, 100.0), dict.fromkeys(packets.COMPARED, 1000.0)
    found = list(packets.judge([slow | {ways.GATE: 98.0}, fast | {ways.GATE: 980.0}, slow]))
    ratio = named(found, "other traffic: gate over plain forwarding")
    assert (ratio.value, ratio.holds) == (0.98, True)


def test_the_gateways_part_is_what_a_session_costs_more_than_without_one() -> None:
    turn = dict.fromkeys(sessions.COMPARED, 10_000.0) | {ways.DIRECT: 20_000.0, ways.HAPROXY: 4_000.0}
    found = list(sessions.judge([turn]))
    assert named(found, "sessions, gateway's part: gate").value == pytest.approx(50)
    parts = named(found, f"sessions, gateway's part: {ways.HAPROXY} over gate")
    assert (parts.value, parts.wanted, parts.holds) == (4.0, ">= 5", False)
    loop = named(found, f"sessions: gate over {ways.HAPROXY}")
    assert (loop.value, loop.holds) == (2.5, None)


def test_the_laboratory_is_judged_by_spam_and_failed_letters() -> None:
    def phase(name: str, share: float) -> dict[str, object]:
        spam = {
            "messages_per_minute": 2000 * share,
            "arithmetic_per_minute": 70,
            "share_of_observe": share,
        }
        limit = {"cap": 2, "delay": "5s"}
        return {
            "name": name,
            "limit": limit,
            "spam": spam,
            "honest": {"delivery_seconds": {"p50": 1.0}},
        }

    phases = [phase("observe", 1.0), phase("enforce", 0.04)]
    found = list(lab.judge({"phases": phases, "letters": {"failed": 1, "delivered": 69}}))
    assert named(found, "laboratory, cap 2, delay 5s: spam, of observe") == Row(
        "laboratory, cap 2, delay 5s: spam, of observe", 4, "%", "<= 5", holds=True
    )
    assert named(found, "laboratory: honest letters failed").holds is False


def test_only_what_is_acknowledged_of_starts_is_judged() -> None:
    fitting, slow = accounting.Figures(10_000, 9_000, 1.0), accounting.Figures(9_999, 20_000, 0.0)
    first = "accounting, SQLite: 200,000 Starts: acknowledged"
    assert named(list(accounting.judge(fitting, slow)), first).holds is True
    found = list(accounting.judge(slow, fitting))
    assert named(found, first) == Row(first, 9_999, "requests/s", ">= 10000", holds=False)
    assert [row.name for row in found if row.holds is not None] == [first]


def test_lives_of_lines_start_before_they_end() -> None:
    told = list(accounting.lives(1_000, 600))
    of_one = [one.status for one in told if one.line == 1_005]
    assert of_one == [Status.START, Status.INTERIM, Status.STOP]
    assert {one.line for one in told} == {*range(1_000, 1_200)}


def test_what_was_not_acknowledged_is_an_error() -> None:
    with pytest.raises(RuntimeError, match="1 of 3 were not acknowledged"):
        _ = Sent(3, 2, 5, 1.0, np.zeros(3, np.uint64)).per_second
    assert Sent(3, 3, 0, 1.5, np.ones(3, np.uint64)).per_second == 2


def test_who_is_looked_up_in_the_history_is_found(tmp_path: Path) -> None:
    made = history.History(addresses=30, each=5)
    made.build(tmp_path / "history.db")
    store = open_store(f"sqlite:///{tmp_path}/history.db")
    try:
        assert len(made.look_up(store, 300, seed=2)) == 300
        with store.reading() as transaction:
            assert len(list(transaction.all_holdings())) == 30
            (last,) = transaction.leases_of(made.line(7, 5), made.begin(7, 5) + timedelta(days=1000))
    finally:
        store.close()
    assert (last.begin, last.end) == (made.begin(7, 5), None)


def test_look_ups_are_judged_by_the_slowest_of_a_hundred() -> None:
    found = list(history.judge([1.0] * 98 + [6.0] * 2, [0.1]))
    (judged,) = (row for row in found if row.holds is not None)
    assert (judged.name.rpartition(": ")[2], judged.value, judged.holds) == ("p99", 6.0, False)


def test_reports_are_judged_by_the_whole_way_and_by_what_is_true() -> None:
    at = datetime(2026, 11, 3, tzinfo=UTC)
    truths = {b"1": desk_way.Truth(7, at), b"2": desk_way.Truth(8, at), b"3": desk_way.Truth(9, at)}
    found = {
        b"1": [KeptIncident(1, 0, Found.ATTRIBUTED, "reports.example", moment=at, line=7)],
        b"2": [KeptIncident(2, 0, Found.ATTRIBUTED, "reports.example", moment=at, line=9)],
    }
    figures = desk_way.Figures(Handed(begin=10.0, end=10.01, again=0), end=10.02, processor_seconds=0.006)
    judged = {
        row.name.rpartition(": ")[2]: (row.value, row.holds)
        for row in desk_way.judge(figures, found, truths)
        if row.holds is not None
    }
    assert judged == {
        "attributed and stored": (pytest.approx(150), False),
        "attributed to a wrong line or moment": (1, False),
        "not attributed": (2, False),
    }


def test_ours_is_judged_beside_freeradius_by_what_each_acknowledges() -> None:
    turns = [freeradius.Turn(accounting.Figures(rate, 1_000, 1.0), 1_000) for rate in (2_000, 2_900, 9_000)]
    found = list(freeradius.judge(turns))
    (judged,) = (row for row in found if row.holds is not None)
    assert (judged.value, judged.wanted, judged.holds) == (2.9, ">= 3", False)


def test_a_boundary_is_judged_by_the_latest_and_a_suspension_beside_who_looks_each_second() -> None:
    found = [row.holds for row in following.judge([5.0, 1_000.0], [20.0, 499.0, 900.0])]
    assert found == [None, True, True, None]
    found = [row.holds for row in following.judge([5.0, 5.0, 1_001.0], [20.0, 500.0, 900.0])]
    assert found == [None, False, False, None]


def test_a_restart_is_judged_by_when_the_kernel_has_all_and_by_the_most_memory() -> None:
    found = list(restart.judge(restart.Start(2, 10, 500), restart.Start(3, 15.1, 1_025), [1.0, 2.0]))
    assert [(row.value, row.holds) for row in found if row.holds is not None] == [
        (10, True),
        (15.1, False),
        (1_025, False),
    ]


def test_a_storm_is_judged_by_the_line_that_waits_longest() -> None:
    second = 10**9
    acknowledged = np.array([1, 2, 1, 2], np.uint64) * np.uint64(second)  # Stop, Start of two lines
    seen = np.array([2.5, 3.5], np.float64) * second
    found = list(storm.judge(nas.Sent(4, 4, 1, 2.0, acknowledged), seen.astype(np.uint64), second))
    assert [(row.value, row.holds) for row in found if row.holds is not None] == [
        (0, True),
        (0, True),
        (1.5, False),
    ]


def test_a_line_that_never_gets_its_limit_is_counted() -> None:
    acknowledged = np.ones(4, np.uint64)
    found = list(storm.judge(nas.Sent(4, 3, 1, 2.0, acknowledged), np.array([5, 0], np.uint64), 1))
    assert [row.value for row in found if row.holds is False] == [1, 1]


def test_in_a_storm_each_address_goes_to_one_other_line() -> None:
    addresses = [storm.new_address(line) for line in range(storm.LINES)]
    assert sorted(addresses) == list(range(storm.LINES))
    assert all(line != address for line, address in enumerate(addresses))
