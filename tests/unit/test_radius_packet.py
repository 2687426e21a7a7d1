"""Packets of a NAS against pyrad: who has sent one, what is in it, what the answer is."""

from __future__ import annotations

import struct
from io import StringIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary
from pyrad.packet import AcctPacket, Packet

from sekisho.lines.radius_packet import (
    ForgedError,
    MalformedError,
    UnexpectedError,
    answer,
    read_request,
)
from tests.unit.radius_packets import (
    LOGIN,
    SECRET,
    START,
    USER,
    Attribute,
    accounting,
    encode,
    signed,
    with_message_authenticator,
)

EMPTY = Dictionary(StringIO())
OURS = (1, 4, 8, 25, 32, 33, 40, 41, 44, 55, 95, 97, 123, 168)

attributes = st.lists(
    st.tuples(
        st.sampled_from(OURS) | st.integers(1, 255).filter(lambda kind: kind not in (26, 80)),
        st.binary(min_size=1, max_size=253),
    ),
    max_size=14,
)


def grouped(pairs: list[Attribute]) -> dict[int, list[bytes]]:
    found: dict[int, list[bytes]] = {}
    for kind, value in pairs:
        if kind in OURS:
            found.setdefault(kind, []).append(value)
    return found


@given(attributes, st.integers(0, 255), st.binary(min_size=1, max_size=64))
def test_what_pyrad_signs_is_read_as_pyrad_wrote_it(
    pairs: list[Attribute], identifier: int, secret: bytes
) -> None:
    packet = AcctPacket(id=identifier, secret=secret, dict=EMPTY)
    for kind, value in pairs:
        packet.setdefault(kind, []).append(value)
    request = read_request(packet.RequestPacket(), secret)
    assert request.is_whole
    assert (request.code, request.identifier) == (4, identifier)
    assert request.attributes == grouped(pairs)


@given(attributes, st.booleans())
def test_pyrad_takes_the_answer(pairs: list[Attribute], with_authenticator: bool) -> None:
    packet = AcctPacket(secret=SECRET, dict=EMPTY)
    if with_authenticator:
        packet.add_message_authenticator()
    for kind, value in pairs:
        packet.setdefault(kind, []).append(value)
    sent = packet.RequestPacket()
    reply = answer(read_request(sent, SECRET), SECRET)
    decoded = packet.CreateReply(packet=reply)
    assert packet.VerifyReply(decoded, reply)
    assert decoded.code == 5
    assert decoded.get(33, []) == [value for kind, value in pairs if kind == 33]


def test_proxy_states_come_back_in_their_order() -> None:
    states = [(33, bytes([n]) * (n + 1)) for n in range(5)]
    sent = accounting(START, states[0], USER, *states[1:3], LOGIN, *states[3:])
    assert answer(read_request(sent, SECRET), SECRET)[20:] == encode(states)


def test_a_status_server_is_answered_as_freeradius_asks_for() -> None:
    sent = with_message_authenticator((33, b"x"), code=12, authenticator=b"0123456789abcdef")
    reply = answer(read_request(sent, SECRET), SECRET)
    asked = Packet(packet=sent, secret=SECRET, dict=EMPTY)
    decoded = asked.CreateReply(packet=reply)
    assert asked.VerifyReply(decoded, reply, enforce_ma=True)
    assert (decoded.code, decoded[33]) == (5, [b"x"])


def test_a_message_authenticator_that_fits_is_taken() -> None:
    assert read_request(with_message_authenticator(START, LOGIN), SECRET).is_whole


@pytest.mark.parametrize(
    "packet",
    [
        accounting(START, LOGIN, secret=b"another secret"),
        accounting(START, (80, bytes(16))),  # well signed, but for this
        accounting(START, (80, b"short")),
        signed(with_message_authenticator(START)[20:38] * 2 + encode([START])),  # two of them
        with_message_authenticator(code=12, authenticator=bytes(16), secret=b"another secret"),
        struct.pack("!BBH", 12, 1, 20) + bytes(16),  # a Status-Server that nobody has signed
    ],
)
def test_what_does_not_fit_is_forged(packet: bytes) -> None:
    with pytest.raises(ForgedError):
        read_request(packet, SECRET)


@given(st.data())
def test_one_changed_bit_is_noticed(data: st.DataObject) -> None:
    packet = accounting(START, LOGIN, USER)
    bit = data.draw(st.integers(0, 8 * len(packet) - 1))
    changed = bytearray(packet)
    changed[bit // 8] ^= 1 << bit % 8
    with pytest.raises((ForgedError, MalformedError, UnexpectedError)):
        read_request(bytes(changed), SECRET)


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        accounting(START)[:19],
        accounting(START)[:-1],  # less than its length says
        struct.pack("!BBH", 4, 1, 19) + bytes(16),
        struct.pack("!BBH", 4, 1, 4_097) + bytes(4_093),
    ],
)
def test_what_is_no_packet_is_malformed(packet: bytes) -> None:
    with pytest.raises(MalformedError):
        read_request(packet, SECRET)


@pytest.mark.parametrize("code", [1, 2, 3, 5, 11, 40, 43, 255])
def test_other_kinds_of_packets_are_unexpected(code: int) -> None:
    with pytest.raises(UnexpectedError, match=str(code)):
        read_request(struct.pack("!BBH", code, 1, 20) + bytes(16), SECRET)


def test_padding_is_passed_over() -> None:
    request = read_request(accounting(START, LOGIN) + b"\0\xff" * 20, SECRET)
    assert request.is_whole
    assert request.attributes == grouped([START, LOGIN])


@pytest.mark.parametrize("rest", [b"\x2c", b"\x2c\0", b"\x2c\1", b"\x2c\4a", b"\0\0"])
def test_a_broken_attribute_ends_the_reading(rest: bytes) -> None:
    request = read_request(signed(encode([START, (33, b"state")]) + rest), SECRET)
    assert not request.is_whole
    assert request.attributes == grouped([START, (33, b"state")])
    assert answer(request, SECRET)[20:] == encode([(33, b"state")])


def test_the_longest_packet_is_read() -> None:
    packet = accounting(START, *[(25, bytes(253))] * 15, (25, bytes(243)))
    assert len(packet) == 4_096
    assert len(read_request(packet, SECRET).attributes[25]) == 16
