"""The quick reader of addresses reads as the careful one does, or leaves it to it."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic_core import PydanticCustomError

from sekisho.config.values import read_held
from sekisho.lines.quick import read_quickly
from sekisho.model import Address


def carefully(text: str) -> Address | None:
    try:
        network, ports = read_held(text)
    except PydanticCustomError:
        return None
    assert ports is None
    return Address(network.network_address.packed, network.prefixlen)


@pytest.mark.parametrize(
    "text", ["192.0.2.7", "0.0.0.0", "255.255.255.255", "2001:db8:4000:100::/56", "1::/16"]
)
def test_what_long_lists_are_made_of_is_read(text: str) -> None:
    assert read_quickly(text) == carefully(text) is not None


PIECES = st.sampled_from([*"0123456789abcdefF.:/", "::", "::/", "256", "/56", "2001:db8", "ffff", "192.0.2."])


@given(
    st.one_of(
        st.ip_addresses(v=4).map(str),
        st.ip_addresses(v=6).map(str),
        st.builds(
            lambda address, length: str(IPv6Network((address, length), strict=False)),
            st.ip_addresses(v=6),
            st.integers(0, 128),
        ),
        st.builds(lambda address, length: f"{address}/{length}", st.ip_addresses(v=6), st.integers(0, 130)),
        st.lists(PIECES, max_size=12).map("".join),
        st.lists(st.integers(0, 300).map(str), min_size=3, max_size=5).map(".".join),
    )
)
def test_whatever_it_reads_is_what_the_careful_one_reads(text: str) -> None:
    read = read_quickly(text)
    assert read is None or read == carefully(text)


@given(st.integers(0, (1 << 32) - 1))
def test_no_ipv4_address_is_left_to_the_careful_one(number: int) -> None:
    assert read_quickly(str(IPv4Address(number))) == Address(number.to_bytes(4, "big"), 32)
