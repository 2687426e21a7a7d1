"""How moments, addresses, ends and texts of a question are read, and what is said of others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from sekisho.api.reading import Said, read_address, read_moment, read_until

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "text",
    [
        "2026-11-24T12:00:00Z",
        "2026-11-24t12:00:00z",
        "2026-11-24 12:00:00Z",
        "2026-11-24T21:00:00+09:00",
        "2026-11-24T04:30:00-07:30",
        "2026-11-24T12:00:00-00:00",
        "2026-11-24T12:00:00.000Z",
    ],
)
def test_a_moment_is_read_in_its_zone(text: str) -> None:
    assert read_moment(text) == NOON
    assert read_moment(text).tzinfo is UTC


def test_a_fraction_of_a_second_is_kept() -> None:
    assert read_moment("2026-11-24T12:00:00.25Z") == NOON + timedelta(milliseconds=250)


@given(
    st.datetimes(datetime(1971, 1, 1), datetime(2999, 1, 1)),  # noqa: DTZ001 - hypothesis adds the zone
    st.integers(-23 * 60, 23 * 60),
)
def test_every_moment_that_is_written_is_read(naive: datetime, offset_minutes: int) -> None:
    moment = naive.replace(tzinfo=timezone(timedelta(minutes=offset_minutes)))
    assert read_moment(moment.isoformat()) == moment


@pytest.mark.parametrize("text", ["2026-11-24T12:00:00", "2026-11-24 12:00:00.5"])
def test_a_moment_without_a_zone_is_refused_with_the_way_out(text: str) -> None:
    for read in (read_moment, read_until):
        with pytest.raises(ValueError, match=f'"{text}" has no zone.*: add it: "{text}Z" for UTC'):
            read(text)


@pytest.mark.parametrize(
    "value",
    [
        *("", "yesterday", "2026-11-24", "2026-11-24T12:00Z", "20261124T120000Z", "2026-W48-2T12:00:00Z"),
        *("2026-11-24T12:00:00JST", "2026-11-24T12:00:00+0900", " 2026-11-24T12:00:00Z", "1764000000"),
        *("２０２６-11-24T12:00:00Z", 1_764_000_000, None, ["2026-11-24T12:00:00Z"]),
    ],
)
def test_what_is_no_moment_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match="is no moment: write date, time and zone as RFC 3339"):
        read_moment(value)


@pytest.mark.parametrize(
    "text",
    ["2026-13-24T12:00:00Z", "2026-11-31T12:00:00Z", "2026-11-24T24:30:00Z", "2026-11-24T12:00:00+99:00"],
)
def test_a_moment_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no moment there is"):
        read_moment(text)


def test_the_first_and_the_last_moment_have_no_room_for_another_zone() -> None:
    for text in ("0001-01-01T00:00:00+09:00", "9999-12-31T23:59:59-09:00"):
        with pytest.raises(ValueError, match="is no moment there is"):
            read_moment(text)


def test_an_end_is_the_end_of_a_day_or_a_moment() -> None:
    assert read_until("2026-11-23") == datetime(2026, 11, 24, tzinfo=UTC)
    assert read_until("2026-11-24T21:00:00+09:00") == NOON


@pytest.mark.parametrize("value", ["", "tomorrow", "24.11.2026", 5, None])
def test_what_is_no_date_is_refused(value: object) -> None:
    with pytest.raises(ValueError, match='is no date: write the last day as in "2026-12-31"'):
        read_until(value)


@pytest.mark.parametrize("text", ["2026-02-29", "9999-12-31", "0000-01-01"])
def test_a_day_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no day there is"):
        read_until(text)


def test_an_address_is_one_address() -> None:
    assert str(read_address("192.0.2.7")) == "192.0.2.7"
    assert str(read_address("2001:DB8:0::7")) == "2001:db8::7"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("192.0.2.0/24", "is not one address"),
        ("192.0.2.07", "is not one address"),
        ("host.example", "is not one address"),
        ("", "is not one address"),
        (3_221_225_991, "is not one address"),
        (None, "is not one address"),
        ("::ffff:192.0.2.7", 'is an IPv4 address inside IPv6: write "192.0.2.7"'),
        ("fe80::1%eth0", "is an address of one machine's link"),
    ],
)
def test_what_is_not_one_address_is_refused(value: object, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_address(value)


@pytest.mark.parametrize(("text", "said"), [("  ", "the text is empty"), ("a\nb", "cannot be printed")])
def test_a_text_that_would_hide_in_a_log_is_refused(text: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(Said).validate_python(text)


def test_a_text_is_taken_as_it_is() -> None:
    assert TypeAdapter(Said).validate_python(" 案件 17 ") == "案件 17"
