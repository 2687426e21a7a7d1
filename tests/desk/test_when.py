"""Times: a zone is known or it is not, and there is no third."""

from __future__ import annotations

import zoneinfo
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.report import TimeSource
from sekisho.desk.when import LONGEST, ZONES, UnreadableTimeError, instant, moment
from tests.desk.letters import rfc5322

TUESDAY = datetime(2026, 11, 3, 8, 11, 12, tzinfo=UTC)
moments = st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30), timezones=st.just(UTC)).map(  # noqa: DTZ001 (bounds of hypothesis are naive)
    lambda at: at.replace(microsecond=0)
)


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_an_offset_in_digits_is_heeded(at: datetime, minutes_east: int) -> None:
    assert instant(rfc5322(at, minutes_east)) == at


@given(moments, st.sampled_from(sorted(ZONES)))
def test_a_name_of_the_table_is_heeded(at: datetime, zone: str) -> None:
    assert instant(rfc5322(at, ZONES[zone], zone)) == at
    assert instant(rfc5322(at, ZONES[zone], zone.lower())) == at


@given(moments, st.integers(-14 * 60, 14 * 60))
def test_rfc_3339_is_heeded(at: datetime, minutes_east: int) -> None:
    local = (at + timedelta(minutes=minutes_east)).replace(tzinfo=None)
    sign = "+" if minutes_east >= 0 else "-"
    offset = f"{sign}{abs(minutes_east) // 60:02}:{abs(minutes_east) % 60:02}"
    assert instant(local.isoformat() + offset) == at
    assert instant(f"{local.isoformat(sep=' ')} {offset}") == at
    assert instant(at.replace(tzinfo=None).isoformat() + ".123456Z") == at


@given(st.text())
def test_whatever_is_written_is_a_time_in_utc_or_none(written: str) -> None:
    try:
        at = instant(written)
    except UnreadableTimeError:
        return
    assert at is None or at.tzinfo is UTC


@pytest.mark.parametrize(
    "written",
    [
        "Tue, 3 Nov 2026 08:11:12 +0000",
        "Tue, 3 Nov 2026 08:11:12 -0000",
        "3 Nov 2026 08:11:12 -0000",
        "Tue,  3 Nov 2026 08:11:12 GMT (a comment (in) another)",
        "Tue, 3 Nov 2026 17:11:12 +0900 (JST)",
        "Tue, 3 Nov 2026 17:11:12 +0900 (JS",
        "Tue, 3 Nov 2026 17:11:12 JST",
        "Tue, 3 Nov 2026 17:11:12 GMT+0900",
        "Tue, 3 Nov 2026 17:11:12 +09:00",
        "Tue, 3 Nov 2026 03:11:12 -0500 (EST)",
        "Tue, 03 Nov 26 08:11:12 UT",
        "Tue, 03 Nov 126 08:11:12 Z",
        "Tuesday, 03-Nov-26 08:11:12 GMT",
        "Tue Nov  3 08:11:12 2026 +0000",
        "Tue Nov  3 08:11:12 UTC 2026",
        "Tue Nov 3 09:11:12 CET 2026",
        "2026-11-03T08:11:12Z",
        "2026-11-03 08:11:12 UTC",
        "2026-11-03T08:11:12.999z",
    ],
)
def test_it_is_read_as_servers_write_it(written: str) -> None:
    assert instant(written) == TUESDAY


@pytest.mark.parametrize(
    "written",
    [
        "Tue, 3 Nov 2026 08:11:12",
        "2026-11-03T08:11:12",
        "Tue Nov  3 08:11:12 2026",
        *(
            f"Tue, 3 Nov 2026 08:11:12 {zone}"
            for zone in ("CST", "IST", "BST", "PST", "CDT", "A", "Q", "LOCAL")
        ),
        "Tue, 3 Nov 2026 08:11:12 +9900",
        "Tue, 3 Nov 2026 08:11:12 +0960",
        "Tue, 3 Nov 2026 08:11:12 900",
        "Tue, 3 Nov 2026 08:11:12 +0900 CET",
        "Wed, 3 Nov 2026 08:11:12 +0000",
    ],
)
def test_what_cannot_be_told_for_certain_is_no_time(written: str) -> None:
    assert instant(written) is None
    assert moment(TimeSource.HOP, written).written == written


@pytest.mark.parametrize(
    "written",
    [
        "",
        "yesterday",
        "Tue",
        "Tue, 3 Nov 2026",
        "Tue, 33 Nov 2026 08:11:12 +0000",
        "Sun, 29 Feb 2026 08:11:12 +0000",
        "Tue, 3 Nov 2026 25:11:12 +0000",
        "Tue, 3 Nov 2026 08:11:61 +0000",
        "Tue, 3 Nov 2999 08:11:12 +0000",
        "Tue, 3 Nov 1999 08:11:12 +0000",
        "Tue, 3 Nov 70 08:11:12 +0000",
        "Tue, 3 Nov 0 08:11:12 +0000",
        "Tue, 3 Foo 2026 08:11:12 +0000",
        "3/11/2026 08:11:12 +0000",
        "Tue, ３ Nov 2026 08:11:12 +0000",
        "2026-11-03",
        "2999-11-03T08:11:12Z",
        "Tue, 3 Nov 2026 08:11:12 +0000" + " " * LONGEST,
    ],
)
def test_what_is_no_time_of_ours_is_refused(written: str) -> None:
    with pytest.raises(UnreadableTimeError):
        instant(written)


def test_the_two_ends_of_what_years_there_are() -> None:
    assert instant("Sat, 1 Jan 2000 00:00:00 +1400") == datetime(1999, 12, 31, 10, tzinfo=UTC)
    assert instant("31 Dec 2099 23:59:60 -1400") == datetime(2100, 1, 1, 13, 59, 59, tzinfo=UTC)


def test_each_name_has_one_meaning_in_the_time_zone_database() -> None:
    seen: dict[str, set[timedelta]] = {}
    days = [datetime(year, month, 15, tzinfo=UTC) for year in (2024, 2026) for month in range(1, 13)]
    for key in zoneinfo.available_timezones():
        zone = zoneinfo.ZoneInfo(key)
        for day in days:
            local = day.astimezone(zone)
            offset = local.utcoffset()
            assert offset is not None
            seen.setdefault(local.tzname() or "", set()).add(offset)
    assert len(seen) > 50
    wrong = {
        name: seen[name] for name in ZONES if name in seen and seen[name] != {timedelta(minutes=ZONES[name])}
    }
    assert not wrong
    assert all(len(seen[name]) > 1 for name in ("CST", "IST", "PST"))
