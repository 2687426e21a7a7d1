from __future__ import annotations

from datetime import UTC, datetime
from hashlib import md5

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.packet import CoAPacket

from sekisho.desk.coa import (
    Answer,
    NoAnswerError,
    Sent,
    _dictionary,
    attribute,
    change,
    decode,
    disconnect,
    encode,
    of_login,
)
from sekisho.model import Address

NOW = datetime(2026, 4, 1, 3, tzinfo=UTC)
SECRET = b"a secret of these tests"
ONE = Address(bytes((100, 64, 0, 1)), 32)
PREFIX = Address(bytes.fromhex("20010db8400001000000000000000000"), 56)


def heard(sent: Sent) -> CoAPacket:
    return CoAPacket(packet=sent.data, secret=SECRET, dict=_dictionary())


def reply(
    sent: Sent, code: int, cause: int | None = None, secret: bytes = SECRET, *, signed: bool = True
) -> bytes:
    packet = heard(sent).CreateReply()
    packet.code, packet.secret = code, secret
    if signed:
        packet.add_message_authenticator()
    if cause is not None:
        packet[101] = [cause.to_bytes(4, "big")]
    data: bytes = packet.ReplyPacket()
    return data


def test_a_request_is_signed_and_names_the_login() -> None:
    sent = encode(disconnect(of_login([ONE, PREFIX], user="alice", nas="bng1")), 7, SECRET, NOW)
    packet = heard(sent)
    assert (packet.code, packet.id) == (40, 7)
    assert packet.VerifyCoARequest()
    assert packet.verify_message_authenticator()
    assert packet["Event-Timestamp"] == [int(NOW.timestamp())]
    assert (packet["User-Name"], packet["NAS-Identifier"]) == (["alice"], ["bng1"])
    assert packet["Framed-IP-Address"] == ["100.64.0.1"]
    assert packet[123] == [bytes((0, 56)) + PREFIX.network[:7]]
    assert sent.data[20] == 80, "the Message-Authenticator goes first"


@pytest.mark.parametrize(
    ("nas", "attribute_of_it"),
    [
        ("bng1", (32, b"bng1")),
        ("192.0.2.1", (4, bytes((192, 0, 2, 1)))),
        ("2001:db8::1", (95, bytes.fromhex("20010db8") + bytes(11) + b"\1")),
    ],
)
def test_a_nas_is_named_by_what_it_calls_itself(nas: str, attribute_of_it: tuple[int, bytes]) -> None:
    login = of_login([ONE], nas=nas)
    assert login[0] == attribute_of_it
    kind, value = attribute_of_it
    packet = CoAPacket(packet=encode(disconnect(login), 0, SECRET, NOW).data, secret=SECRET)
    assert packet[kind] == [value]


def test_a_change_has_attributes_of_its_own_and_of_vendors() -> None:
    wanted = [attribute("Session-Timeout", 60), attribute("4874.65", "closed"), attribute("4874.65", "twice")]
    packet = heard(encode(change(of_login([ONE]), wanted), 0, SECRET, NOW))
    assert packet.code == 43
    assert packet["Session-Timeout"] == [60]
    assert packet[(4874, 65)] == [b"closed", b"twice"]
    assert attribute("2011.29", 7) == ((2011, 29), bytes((0, 0, 0, 7)))


def test_only_what_names_one_login_is_told() -> None:
    with pytest.raises(ValueError, match="nothing"):
        of_login([Address(ONE.network, 32, 3), Address(bytes((100, 64, 0, 0)), 24)])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("User-Password", "x"),
        ("0.1", "x"),
        ("4874.256", "x"),
        ("²874.1", "x"),
        ("Filter-Id", ""),
        ("Filter-Id", "x" * 254),
        ("4874.65", "x" * 248),
        ("Filter-Id", 1),
        ("Session-Timeout", "60"),
        ("Session-Timeout", 1 << 32),
        ("Session-Timeout", -1),
    ],
)
def test_what_no_attribute_may_be(name: str, value: str | int) -> None:
    with pytest.raises(ValueError, match=r"."):
        attribute(name, value)


@pytest.mark.parametrize(("code", "first"), [(40, 41), (43, 44)])
@pytest.mark.parametrize("signed", [True, False])
def test_answers_are_read(code: int, first: int, signed: bool) -> None:
    login = of_login([ONE])
    sent = encode(disconnect(login) if code == 40 else change(login, []), 3, SECRET, NOW)
    assert decode(reply(sent, first, signed=signed), sent, SECRET) == Answer(True)
    refused = decode(reply(sent, first + 1, 506, signed=signed), sent, SECRET)
    assert refused == Answer(False, 506)
    assert refused.words() == "refused: the NAS has no resources for it now (506)"
    assert decode(reply(sent, first + 1), sent, SECRET).words() == "refused: it is not said why"


def test_what_is_no_answer() -> None:
    sent = encode(disconnect(of_login([ONE])), 3, SECRET, NOW)
    other = encode(disconnect(of_login([PREFIX])), 3, SECRET, NOW)
    for data in (
        b"",
        sent.data,
        reply(sent, 44),
        reply(sent, 41, secret=b"another"),
        reply(other, 41),
        bytes((41, 4)) + reply(sent, 41)[2:],
    ):
        with pytest.raises(NoAnswerError):
            decode(data, sent, SECRET)


def test_an_answer_whose_message_authenticator_does_not_fit_is_none() -> None:
    """As whoever forges one by BlastRADIUS leaves it: the authenticator of the packet fits."""
    sent = encode(disconnect(of_login([ONE])), 3, SECRET, NOW)

    def signed(attributes: bytes) -> bytes:
        head = bytes((41, 3, 0, 20 + len(attributes)))
        hidden = md5(head + sent.data[4:20] + attributes + SECRET, usedforsecurity=False)
        return head + hidden.digest() + attributes

    assert decode(signed(b""), sent, SECRET) == Answer(True)
    with pytest.raises(NoAnswerError):
        decode(signed(bytes((80, 18)) + bytes(16)), sent, SECRET)


def test_a_cause_of_another_size_is_none() -> None:
    sent = encode(disconnect(of_login([ONE])), 3, SECRET, NOW)
    packet = heard(sent).CreateReply()
    packet.code = 42
    packet[101] = [b"\x01"]
    assert decode(packet.ReplyPacket(), sent, SECRET) == Answer(False, None)


@given(st.data())
def test_nobody_without_the_secret_answers(data: st.DataObject) -> None:
    sent = encode(disconnect(of_login([ONE])), 3, SECRET, NOW)
    right = reply(sent, 42, 503)
    changed = bytearray(right)
    for place in data.draw(st.lists(st.integers(0, len(right) - 1), min_size=1, max_size=4)):
        changed[place] ^= data.draw(st.integers(0, 255))
    cut = bytes(changed)[: data.draw(st.integers(0, len(right)))]
    if cut != right:
        with pytest.raises(NoAnswerError):
            decode(cut, sent, SECRET)
