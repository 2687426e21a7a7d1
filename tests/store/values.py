"""Values for the tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from sekisho.lines.events import Ending, Lease, Login, Named, Said
from sekisho.model import Address

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOME, OTHER = Address(bytes([100, 64, 0, 1]), 32), Address(bytes([100, 64, 0, 2]), 32)
SHARED = Address(bytes([192, 0, 2, 1]), 32, 7)
PREFIX = Address(bytes.fromhex("20010db8000100000000000000000000"), 56)
ADDRESSES = (HOME, OTHER, SHARED, PREFIX)


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def login_of(number: int) -> bytes:
    return number.to_bytes(16, "big")


def lease(
    begin: float, end: float | None = None, line: int = 1, address: Address = HOME, login: int | None = None
) -> Lease:
    ending = None if end is None else Ending.STOP
    key = login_of(line if login is None else login)
    return Lease(address, at(begin), key, line, None if end is None else at(end), ending)


moments = st.integers(-(10**15), 4 * 10**15).map(
    lambda us: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=us)
)
addresses = st.one_of(
    st.builds(Address, st.binary(min_size=4, max_size=4), st.integers(0, 32), st.none()),
    st.builds(Address, st.binary(min_size=4, max_size=4), st.just(32), st.integers(0, 65_535)),
    st.builds(Address, st.binary(min_size=16, max_size=16), st.integers(0, 128), st.none()),
)
logins = st.builds(
    Login,
    nas=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20),
    line=st.integers(0, 2**48 - 1),
    rank=st.integers(0, 255),
    line_at=moments,
    first=moments,
    seen=moments,
    starts=st.lists(moments, max_size=4).map(tuple),
    stops=st.lists(moments, max_size=4).map(tuple),
    named=st.dictionaries(
        addresses, st.builds(Named, moments, moments, st.lists(moments, max_size=3).map(tuple)), max_size=4
    ),
    said=st.builds(Said, *[st.text(st.characters(exclude_categories=["Cs"]), max_size=40)] * 2),
)
