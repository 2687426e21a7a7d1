"""Values as bytes, and back."""

from __future__ import annotations

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.lines.events import Boot, Heard, Kind, Login, Said
from sekisho.model import Address
from sekisho.store.heard_packing import pack_batch, unpack_batch
from sekisho.store.moments import from_us, to_us
from sekisho.store.packing import pack_address, pack_login, unpack_address, unpack_login
from tests.store.values import HOME, PREFIX, SHARED, addresses, at, logins, moments


@given(addresses)
def test_an_address_comes_back(address: Address) -> None:
    assert unpack_address(pack_address(address)) == address


@given(addresses, addresses)
def test_two_addresses_have_two_keys(one: Address, other: Address) -> None:
    assert (pack_address(one) == pack_address(other)) == (one == other)


def test_keys_are_as_short_as_they_can_be() -> None:
    assert [len(pack_address(address)) for address in (HOME, SHARED, PREFIX)] == [5, 7, 17]


@given(moments)
def test_a_moment_comes_back(moment: datetime) -> None:
    assert from_us(to_us(moment)) == moment


def test_a_moment_without_a_zone_is_no_moment() -> None:
    naive = datetime(2026, 11, 24)  # noqa: DTZ001 - what is to be refused
    with pytest.raises(TypeError):
        to_us(naive)


@given(logins)
def test_a_login_comes_back(login: Login) -> None:
    assert unpack_login(login.nas, login.line, pack_login(login)) == login


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
heard = st.one_of(
    st.builds(Boot, texts, moments),
    st.builds(
        Heard,
        kind=st.sampled_from(Kind),
        at=moments,
        nas=texts,
        login=st.binary(min_size=16, max_size=16),
        name=texts,
        rank=st.integers(0, 255),
        addresses=st.lists(addresses, max_size=4).map(tuple),
        said=st.builds(Said, texts, texts),
    ),
)


@given(st.lists(heard, max_size=6))
def test_what_was_heard_comes_back(batch: list[Heard | Boot]) -> None:
    assert list(unpack_batch(pack_batch(batch))) == batch


def test_a_batch_of_another_form_is_refused() -> None:
    with pytest.raises(ValueError, match="form 9"):
        list(unpack_batch(b"\x09"))


def test_a_batch_of_an_older_sekisho_is_read_without_what_it_did_not_keep() -> None:
    one = Heard(Kind.START, at(0), "bng1", bytes(16), "alice", 0, (HOME,))
    packed = pack_batch([one])
    assert list(unpack_batch(b"\x01" + packed[1:-2])) == [one]
