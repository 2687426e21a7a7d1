"""Who held an address at a moment, asked over a real socket and a real store."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from sekisho.model import Address, PortPlan
from tests.unit.kept_lines import BLOCKS, HOME, SHARED, Desk, asked, at, shown


def found(address: str, seconds: float, **more: Any) -> tuple[str, str | None, list[str]]:
    answer = asked(address, seconds, **more)
    return answer["answer"], answer["line"], [one["line"] for one in answer["candidates"]]


def test_the_answer_has_the_written_keys(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0, 600)
    assert asked("100.64.0.7", 60) == {
        "address": "100.64.0.7",
        "port": None,
        "at": "2026-11-24T12:01:00Z",
        "answer": "held",
        "line": "home-7",
        "candidates": [
            {
                "line": "home-7",
                "begin": "2026-11-24T12:00:00Z",
                "end": "2026-11-24T12:10:00Z",
                "ending": "stop",
            }
        ],
        "skew_seconds": 5.0,
    }


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-5.001, ("nobody", None, [])),
        (-5, ("ambiguous", None, ["home-7"])),
        (0, ("held", "home-7", ["home-7"])),
        (594.999, ("held", "home-7", ["home-7"])),
        (595, ("ambiguous", None, ["home-7", "home-8"])),
        (604.999, ("ambiguous", None, ["home-7", "home-8"])),
        (605, ("held", "home-8", ["home-8"])),
    ],
)
def test_around_a_boundary_the_candidates_are_named(
    desk: Desk, seconds: float, expected: tuple[str, str | None, list[str]]
) -> None:
    desk.hold("home-7", HOME, 0)
    desk.hold("home-8", HOME, 600)
    assert found("100.64.0.7", seconds) == expected


def test_an_ipv6_address_is_found_by_the_most_specific_prefix(desk: Desk) -> None:
    desk.hold("wide", Address(ip_address("2001:db8:0:100::").packed, 56), 0)
    desk.hold("narrow", Address(ip_address("2001:db8:0:1ff::").packed, 64), 0, 600)
    assert found("2001:db8:0:1ff::25", 60) == ("held", "narrow", ["narrow"])
    assert found("2001:db8:0:1fe::25", 60) == ("held", "wide", ["wide"])
    assert found("2001:db8:0:1ff::25", 900) == ("held", "wide", ["wide"])
    assert found("2001:db8:0:1ff::25", 601) == ("ambiguous", None, ["narrow", "wide"])
    assert found("2001:db8:0:200::25", 60) == ("nobody", None, [])


@pytest.mark.parametrize(
    ("port", "line"),
    [
        (1_023, None),
        (1_024, "share-0"),
        (2_031, "share-0"),
        (2_032, "share-1"),
        (3_039, "share-1"),
        (3_040, None),
    ],
)
def test_a_shared_address_is_found_by_its_port(desk: Desk, port: int, line: str | None) -> None:
    desk.share(SHARED, BLOCKS)
    for number in (0, 1):
        desk.hold(f"share-{number}", Address(SHARED, 32, number), 0)
    assert asked("100.64.1.1", 60, port=port)["line"] == line
    assert desk.recorded()[1] == f"100.64.1.1 port {port} at 2026-11-24T12:01:00+00:00"


def test_a_shared_address_without_a_port_is_nobodys_fault(desk: Desk) -> None:
    desk.share(SHARED, BLOCKS)
    desk.hold("share-0", Address(SHARED, 32, 0), 0)
    assert found("100.64.1.1", 60) == ("port-needed", None, [])


def test_where_the_plan_of_ports_has_just_changed_both_may_be_right(desk: Desk) -> None:
    desk.share(SHARED, BLOCKS)
    desk.hold("old", Address(SHARED, 32, 1), 0)
    with desk.store.transaction() as transaction:
        transaction.set_port_plans({SHARED: PortPlan("dynamic", first=1_024, size=2_016)}, at(600))
    desk.hold("new", Address(SHARED, 32, 0), 600)
    assert found("100.64.1.1", 590, port=2_100) == ("held", "old", ["old"])
    assert found("100.64.1.1", 603, port=2_100)[0] == "ambiguous"
    assert set(found("100.64.1.1", 603, port=2_100)[2]) == {"old", "new"}
    assert found("100.64.1.1", 610, port=2_100) == ("held", "new", ["new"])


def test_before_an_address_was_shared_one_line_had_it_whole(desk: Desk) -> None:
    desk.hold("whole", Address(SHARED, 32), 0)
    with desk.store.transaction() as transaction:
        transaction.set_port_plans({SHARED: BLOCKS}, at(600))
    desk.hold("share-0", Address(SHARED, 32, 0), 600)
    assert found("100.64.1.1", 60, port=1_024) == ("held", "whole", ["whole"])
    assert found("100.64.1.1", 60, port=80) == ("held", "whole", ["whole"])
    assert found("100.64.1.1", 598, port=1_024)[0] == "ambiguous"
    assert found("100.64.1.1", 900, port=1_024) == ("held", "share-0", ["share-0"])
    assert found("100.64.1.1", 900, port=5_000) == ("nobody", None, [])  # whose Stop of the whole was lost
    assert found("100.64.1.1", 60) == ("port-needed", None, [])


def test_what_was_acknowledged_counts_at_once(desk: Desk) -> None:
    desk.hear("home-7", HOME, 0)
    assert found("100.64.0.7", 60) == ("held", "home-7", ["home-7"])
    desk.hear("home-8", HOME, 600)
    assert shown("home-7")["holds"] == []


def test_what_is_no_longer_kept_is_not_called_nobodys(desk: Desk) -> None:
    assert found("100.64.0.7", -timedelta(days=200).total_seconds()) == ("not-kept", None, [])
    desk.hold("home-7", HOME, -timedelta(days=190).total_seconds())
    assert found("100.64.0.7", -timedelta(days=189).total_seconds())[0] == "held"
