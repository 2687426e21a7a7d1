"""Rows of FreeRADIUS's table: what they say of lines, however often they are read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from ipaddress import ip_address, ip_interface, ip_network
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.lines.events import Event, Kind, login_key
from sekisho.lines.radacct import (
    Mark,
    NoZoneError,
    UnparsableRowError,
    heard,
    later,
    read_mark,
    read_row,
    show_mark,
)
from sekisho.lines.radius import Naming
from sekisho.model import Address
from tests.unit.ledger import Ledger

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW = NOON + timedelta(days=1)
NAMING = (Naming.CLASS, Naming.USER_NAME)
TOKYO = ZoneInfo("Asia/Tokyo")


def address(text: str) -> Address:
    network = ip_network(text)
    return Address(network.network_address.packed, network.prefixlen)


def minutes(count: float) -> datetime:
    return NOON + timedelta(minutes=count)


def values(**more: object) -> dict[str, object]:
    """A row as PostgreSQL gives it."""
    return {
        "radacctid": 7,
        "acctsessionid": "0A1B",
        "username": "alice",
        "nasipaddress": ip_address("198.51.100.1"),
        "acctstarttime": NOON,
        "acctupdatetime": NOON,
        "acctstoptime": None,
        "framedipaddress": ip_address("100.64.0.1"),
        "framedipv6address": None,
        "framedipv6prefix": ip_interface("2001:db8:0:1::/64"),
        "delegatedipv6prefix": ip_interface("2001:db8:4000:100::/56"),
        "class": "0x6f66666963652d3137",
        **more,
    }


def said(**more: object) -> list[tuple[Kind, datetime]]:
    return [(one.kind, one.at) for one in heard(read_row(values(**more), None), NAMING, NOW)]


def test_a_row_of_a_session_that_goes_on() -> None:
    (one,) = heard(read_row(values(), None), NAMING, NOW)
    assert (one.kind, one.at, one.nas, one.name, one.rank) == (
        Kind.INTERIM,
        NOON,
        "198.51.100.1",
        "office-17",
        0,
    )
    assert one.login == login_key("198.51.100.1", "0A1B", "alice")
    assert set(one.addresses) == {
        address("100.64.0.1"),
        address("2001:db8:0:1::/64"),
        address("2001:db8:4000:100::/56"),
    }


def test_what_a_row_says_as_its_session_goes_on() -> None:
    assert said(acctupdatetime=minutes(10)) == [(Kind.INTERIM, NOON), (Kind.INTERIM, minutes(10))]
    ended: dict[str, object] = {"acctupdatetime": minutes(20), "acctstoptime": minutes(20)}
    assert said(**ended) == [(Kind.INTERIM, NOON), (Kind.STOP, minutes(20))]
    assert said(acctstarttime=None, **ended) == [(Kind.STOP, minutes(20))]
    assert said(acctstarttime=None, acctupdatetime=minutes(3)) == [(Kind.INTERIM, minutes(3))]
    assert said(acctstarttime=None, acctupdatetime=None) == []


def test_a_session_s_id_that_is_used_again() -> None:
    again = {"acctstarttime": minutes(30), "acctupdatetime": minutes(30), "acctstoptime": minutes(20)}
    assert said(**again) == [(Kind.STOP, minutes(20)), (Kind.START, minutes(30))]


@pytest.mark.parametrize(
    ("text", "naming", "name", "rank"),
    [
        ("0x6f66666963652d3137", NAMING, "office-17", 0),
        ("office-17", NAMING, "office-17", 0),
        ("0x00ff", NAMING, "alice", 1),
        ("0xzz", NAMING, "alice", 1),
        ("", NAMING, "alice", 1),
        (None, NAMING, "alice", 1),
        ("office-17", (Naming.USER_NAME,), "alice", 0),
    ],
)
def test_the_name_of_a_line(text: str | None, naming: tuple[Naming, ...], name: str, rank: int) -> None:
    row = read_row(values(**{"class": text}), None)
    assert {(one.name, one.rank) for one in heard(row, naming, NOW)} == {(name, rank)}


def test_a_table_without_the_newer_columns() -> None:
    older = {key: value for key, value in values().items() if "ipv6" not in key and key != "class"}
    (one,) = heard(read_row(older, None), NAMING, NOW)
    assert (one.addresses, one.name) == ((address("100.64.0.1"),), "alice")


@pytest.mark.parametrize("text", ["0.0.0.0", "::", "255.255.255.254", "", None])
def test_what_is_no_address(text: str | None) -> None:
    nothing = {"framedipv6prefix": None, "delegatedipv6prefix": None}
    assert read_row(values(framedipaddress=text, **nothing), None).addresses == ()


def test_times_are_utc_whatever_the_database_gives() -> None:
    in_tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    assert read_row(values(acctstarttime=in_tokyo), None).start == NOON
    assert read_row(values(acctstarttime=datetime(2026, 11, 24, 21)), TOKYO).start == NOON  # noqa: DTZ001
    assert read_row(values(acctstarttime="2026-11-24 21:00:00"), TOKYO).start == NOON
    assert read_row(values(acctstarttime=""), TOKYO).start is None


def test_a_time_without_a_zone_is_refused_where_nobody_says_which() -> None:
    with pytest.raises(NoZoneError):
        read_row(values(acctupdatetime=datetime(2026, 11, 24, 21)), None)  # noqa: DTZ001


@pytest.mark.parametrize(
    "more",
    [
        {"acctsessionid": ""},
        {"nasipaddress": None},
        {"nasipaddress": "bng1"},
        {"framedipaddress": "somewhere"},
        {"acctstarttime": "yesterday"},
        {"username": None, "class": ""},
        {"acctstarttime": NOW + timedelta(hours=2)},
        {"acctupdatetime": datetime(1970, 1, 1, tzinfo=UTC)},
    ],
)
def test_a_row_that_says_nothing_that_could_be_kept(more: dict[str, object]) -> None:
    with pytest.raises(UnparsableRowError):
        heard(read_row(values(**more), None), NAMING, NOW)


def test_how_far_a_table_is_read() -> None:
    mark = Mark()
    for number, update in ((5, minutes(3)), (9, minutes(1)), (7, None)):
        mark = later(mark, read_row(values(radacctid=number, acctupdatetime=update), None), NOW)
    assert mark == Mark(9, minutes(3), 0)
    ahead = read_row(values(acctupdatetime=NOW + timedelta(days=365)), None)
    assert later(mark, ahead, NOW).update == NOW


@pytest.mark.parametrize("mark", [Mark(), Mark(7, NOON, 2_000)])
def test_a_mark_survives_as_a_text(mark: Mark) -> None:
    assert read_mark(show_mark(mark)) == mark


STATES: tuple[dict[str, object], ...] = (
    {},
    {"acctupdatetime": minutes(10)},
    {"acctupdatetime": minutes(20)},
    {"acctupdatetime": minutes(30), "acctstoptime": minutes(30)},
)


@given(st.lists(st.sampled_from(range(4))))
def test_whichever_states_of_a_row_are_seen_its_last_one_decides(seen: list[int]) -> None:
    """A poll may miss states and read others again: once the last is read, the leases are the same."""
    ledger = Ledger()
    for state in (*sorted(seen), 3):
        ledger.take(
            Event(one.kind, one.at, one.nas, one.login, 1, one.rank, one.addresses)
            for one in heard(read_row(values(**STATES[state]), None), NAMING, NOW)
        )
    assert list(ledger.held(address("100.64.0.1"))) == [(NOON, minutes(30), 1)]
