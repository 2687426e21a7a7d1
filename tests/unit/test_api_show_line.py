"""What is shown of one line: its class, its limit and its leases."""

from __future__ import annotations

from datetime import timedelta
from ipaddress import ip_address

from sekisho.api.models import GivenBy
from sekisho.model import Address, Limit, Mode, PortPlan
from tests.unit.kept_lines import CASE, HOME, SHARED, Desk, listed, refused, shown


def test_a_line_is_shown_with_what_its_pool_makes_of_it(desk: Desk) -> None:
    desk.hold("home-7", HOME, -600, -60)
    desk.hold("home-7", HOME, 0)
    desk.hold("home-7", Address(ip_address("2001:db8:0:100::").packed, 56), 0)
    assert shown("home-7") == {
        "line": "home-7",
        "fixed": False,
        "class_name": "dynamic",
        "class_from": "pool",
        "limit": {"mode": "enforce", "cap": 5, "delay": "1s", "excess": "drop"},
        "limit_from": "class",
        "measures": [],
        "class_limit_given_by": "file",
        "met_cap_at": None,
        "relief": None,
        "holds": [
            {"address": "100.64.0.7", "ports": None},
            {"address": "2001:db8:0:100::/56", "ports": None},
        ],
        "leases_since": "2026-10-25T14:00:00Z",
        "leases": [
            {
                "address": "100.64.0.7",
                "ports": None,
                "begin": "2026-11-24T11:50:00Z",
                "end": "2026-11-24T11:59:00Z",
                "ending": "stop",
            },
            {
                "address": "2001:db8:0:100::/56",
                "ports": None,
                "begin": "2026-11-24T12:00:00Z",
                "end": None,
                "ending": None,
            },
            {
                "address": "100.64.0.7",
                "ports": None,
                "begin": "2026-11-24T12:00:00Z",
                "end": None,
                "ending": None,
            },
        ],
    }
    assert desk.recorded() == ("line show", "home-7", "case", "case 17", "shown")


def test_a_line_that_met_its_cap_is_shown_with_the_moment(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    desk.met_cap = desk.now - timedelta(minutes=10, microseconds=1)
    assert shown("home-7")["met_cap_at"] == "2026-11-24T13:49:59.999999Z"


def test_a_lease_that_another_line_has_ended_is_superseded(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    desk.hold("home-8", HOME, 600)
    (lease,) = shown("home-7")["leases"]
    assert (lease["end"], lease["ending"]) == ("2026-11-24T12:10:00Z", "superseded")
    assert shown("home-7")["holds"] == []
    assert shown("home-7")["class_name"] is None


def test_older_leases_are_shown_to_whoever_asks_for_them(desk: Desk) -> None:
    month = timedelta(days=31).total_seconds()
    desk.hold("home-7", HOME, -month - 600, -month)
    assert shown("home-7")["leases"] == []
    assert len(shown("home-7", since="2026-01-01T00:00:00Z")["leases"]) == 1


def test_the_ports_of_a_share_are_shown(desk: Desk) -> None:
    desk.share(SHARED, PortPlan("dynamic", offset=1, length=15))
    desk.hold("share-3", Address(SHARED, 32, 3), 0)
    assert shown("share-3")["holds"] == [{"address": "100.64.1.1", "ports": ["32771-32771"]}]
    assert shown("share-3")["leases"][0]["ports"] == ["32771-32771"]


def test_a_list_gives_a_line_its_class_before_its_pool(desk: Desk) -> None:
    desk.hold("office-17", HOME, 0)
    listed(desk, "office-17", "fixed")
    told = shown("office-17")
    assert (told["class_name"], told["class_from"], told["fixed"]) == ("fixed", "list", True)
    listed(desk, "office-17", "gone")
    told = shown("office-17")
    assert (told["class_name"], told["class_from"]) == ("dynamic", "pool")


def test_an_unknown_line_is_refused_and_that_is_recorded(desk: Desk) -> None:
    why = refused(404, "unknown-line", "/v1/lines/show", {"line": "nobody", **CASE})
    assert "'nobody'" in why
    assert desk.recorded() == ("line show", "nobody", "case", "case 17", f"refused: {why}")


def test_a_purpose_is_needed_to_see_a_line(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    assert "home-7" not in refused(422, "invalid", "/v1/lines/show", {"line": "home-7"})
    assert desk.recorded()[:2] == ("line show", "home-7")


def test_a_line_is_shown_with_the_limit_that_its_class_has_now(desk: Desk) -> None:
    desk.hold("home-7", HOME, 0)
    desk.limits = {"dynamic": (Limit(Mode.OBSERVE, 9, 0), GivenBy.TRIAL)}
    told = shown("home-7")
    assert told["limit"] == {"mode": "observe", "cap": 9, "delay": "0s", "excess": "drop"}
    assert (told["limit_from"], told["class_limit_given_by"]) == ("class", "trial")
