"""What records say: pyrad makes them or reads them too."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from io import StringIO
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyrad.dictionary import Dictionary
from pyrad.packet import AcctPacket

from sekisho.lines.events import MOST_ATTRIBUTE_BYTES, Boot, Heard, Kind, Said, login_key, said
from sekisho.lines.radius import Naming, Record, UnparsableError, is_naming, read_record, tell, time_of
from sekisho.lines.radius_packet import read_request
from sekisho.model import Address
from tests.unit.radius_packets import (
    INTERIM,
    IPV4,
    LOGIN,
    NAS,
    OFF,
    ON,
    SECRET,
    START,
    STOP,
    USER,
    Attribute,
    accounting,
    encode,
    number,
    signed,
)

DICTIONARY = Dictionary(
    StringIO(
        """
ATTRIBUTE User-Name 1 string
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE Framed-IP-Address 8 ipaddr
ATTRIBUTE Class 25 octets
ATTRIBUTE NAS-Identifier 32 string
ATTRIBUTE Acct-Status-Type 40 integer
ATTRIBUTE Acct-Delay-Time 41 integer
ATTRIBUTE Acct-Session-Id 44 string
ATTRIBUTE Event-Timestamp 55 date
ATTRIBUTE NAS-IPv6-Address 95 ipv6addr
ATTRIBUTE Framed-IPv6-Prefix 97 ipv6prefix
ATTRIBUTE Delegated-IPv6-Prefix 123 ipv6prefix
ATTRIBUTE Framed-IPv6-Address 168 ipv6addr
"""
    )
)
RECEIVED = datetime(2026, 3, 4, 5, 6, 7, 890, tzinfo=UTC)
BOTH = (Naming.CLASS, Naming.USER_NAME)

words = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=40)
ipv4 = st.integers(1, 0xFFFFFFFD).map(IPv4Address)
ipv6 = st.integers(0, (1 << 128) - 1).map(IPv6Address)
prefixes = st.tuples(ipv6, st.integers(0, 128)).map(lambda one: IPv6Network(one, strict=False))
moments = st.integers(0, (1 << 32) - 1).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))


def record(*attributes: Attribute) -> Record:
    return read_record(read_request(accounting(*attributes), SECRET))


def told(*attributes: Attribute, naming: tuple[Naming, ...] = BOTH) -> Heard | Boot | None:
    read = record(*attributes)
    return tell(read, at=time_of(read, RECEIVED)[0], source="192.0.2.250", naming=naming)


def heard(*attributes: Attribute, naming: tuple[Naming, ...] = BOTH) -> Heard:
    one = told(*attributes, naming=naming)
    assert isinstance(one, Heard)
    return one


def prefix(network: str) -> bytes:
    """A prefix attribute with no more bytes than its length asks for."""
    parsed = IPv6Network(network)
    return bytes((0, parsed.prefixlen)) + parsed.network_address.packed[: (parsed.prefixlen + 7) // 8]


def address(network: IPv6Network | IPv4Address | IPv6Address) -> Address:
    if isinstance(network, IPv6Network):
        return Address(network.network_address.packed, network.prefixlen)
    return Address(network.packed, network.max_prefixlen)


@given(
    status=st.integers(0, (1 << 32) - 1),
    login=words,
    user=words,
    nas=words,
    classes=st.lists(words, max_size=3),
    happened=moments,
    delay=st.integers(0, (1 << 32) - 1),
    framed=st.lists(ipv4, max_size=2),
    prefixed=st.lists(prefixes, max_size=3),
    delegated=st.lists(prefixes, max_size=3),
    whole=st.lists(ipv6, max_size=2),
)
def test_what_pyrad_writes_is_read(
    *,
    status: int,
    login: str,
    user: str,
    nas: str,
    classes: list[str],
    happened: datetime,
    delay: int,
    framed: list[IPv4Address],
    prefixed: list[IPv6Network],
    delegated: list[IPv6Network],
    whole: list[IPv6Address],
) -> None:
    packet = AcctPacket(secret=SECRET, dict=DICTIONARY)
    packet["Acct-Status-Type"] = status
    packet["Acct-Session-Id"] = login
    packet["User-Name"] = user
    packet["NAS-Identifier"] = nas
    packet["Class"] = [one.encode() for one in classes]
    packet["Event-Timestamp"] = int(happened.timestamp())
    packet["Acct-Delay-Time"] = delay
    packet["Framed-IP-Address"] = [str(one) for one in framed]
    packet["Framed-IPv6-Prefix"] = [str(one) for one in prefixed]
    packet["Delegated-IPv6-Prefix"] = [str(one) for one in delegated]
    packet["Framed-IPv6-Address"] = [str(one) for one in whole]
    held: list[IPv4Address | IPv6Address | IPv6Network] = [*framed, *prefixed, *delegated, *whole]
    addresses = tuple(address(one) for one in held)
    read = read_record(read_request(packet.RequestPacket(), SECRET))
    assert read == Record(status, login, user, nas, tuple(classes), happened, delay, addresses)


SIZES = {1: 3, 4: 4, 8: 4, 25: 3, 32: 3, 40: 4, 41: 4, 44: 3, 55: 4, 95: 16, 97: 10, 123: 9, 168: 16}
anything = st.sampled_from(sorted(SIZES)).flatmap(
    lambda kind: st.tuples(
        st.just(kind), st.binary(min_size=SIZES[kind], max_size=SIZES[kind]) | st.binary(max_size=20)
    )
)


@given(st.lists(anything))
def test_anything_is_read_as_pyrad_reads_it_or_refused(pairs: list[Attribute]) -> None:
    sent = accounting(START, *pairs)
    packet = AcctPacket(packet=sent, secret=SECRET, dict=DICTIONARY)
    try:
        values = {name: packet[name] for name in DICTIONARY.attributes if name in packet}
    except ValueError:
        values = {}
    try:
        read = read_record(read_request(sent, SECRET))
    except UnparsableError:
        short = any(kind in (95, 168) and len(value) != 16 for kind, value in pairs)
        assert short or not values  # pyrad fills IPv6 addresses up
        return
    assert read.status == 1
    if values:
        assert read.addresses == expected_addresses(values)
        assert read.delay_seconds == values.get("Acct-Delay-Time", [0])[0]
        seconds = values.get("Event-Timestamp", [None])[0]
        assert read.happened == (None if seconds is None else datetime.fromtimestamp(seconds, UTC))


def expected_addresses(values: dict[str, list[str]]) -> tuple[Address, ...]:
    none = ("0.0.0.0", "255.255.255.254", "255.255.255.255")
    framed = [IPv4Address(one) for one in values.get("Framed-IP-Address", []) if one not in none]
    names = ("Framed-IPv6-Prefix", "Delegated-IPv6-Prefix", "Framed-IPv6-Address")
    ipv6 = [IPv6Network(one) for name in names for one in values.get(name, [])]
    return (*(address(one) for one in framed), *(address(one) for one in ipv6))


def test_a_start_becomes_an_event() -> None:
    assert heard(START, LOGIN, USER, NAS, IPV4, (25, b"line-17"), number(55, 1_700_000_000)) == Heard(
        kind=Kind.START,
        at=datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC),
        nas="bng1",
        login=login_key("bng1", "00001a2b", "alice@example.net"),
        name="line-17",
        rank=0,
        addresses=(Address(bytes((100, 64, 0, 7)), 32),),
        said=Said("00001a2b", "alice@example.net"),
    )


@pytest.mark.parametrize(
    ("status", "kind"), [(START, Kind.START), (STOP, Kind.STOP), (INTERIM, Kind.INTERIM)]
)
def test_each_status_is_its_kind(status: Attribute, kind: Kind) -> None:
    assert heard(status, LOGIN, USER).kind is kind


@pytest.mark.parametrize("status", [ON, OFF])
def test_accounting_on_and_off_are_boots(status: Attribute) -> None:
    assert told(status, NAS, number(55, 1_700_000_000)) == Boot(
        "bng1", datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    )


@pytest.mark.parametrize("status", [0, 4, 5, 6, 9, 10, 14, 15, (1 << 32) - 1])
def test_of_other_statuses_nothing_is_kept(status: int) -> None:
    assert told(number(40, status), NAS) is None


def test_the_nas_is_what_it_calls_itself_else_its_address_else_the_senders() -> None:
    ipv4, ipv6 = (4, bytes((192, 0, 2, 1))), (95, IPv6Address("2001:db8::1").packed)
    assert heard(START, LOGIN, USER, ipv6, ipv4, NAS).nas == "bng1"
    assert heard(START, LOGIN, USER, ipv6, ipv4, (32, b"")).nas == "192.0.2.1"
    assert heard(START, LOGIN, USER, ipv6).nas == "2001:db8::1"
    assert heard(START, LOGIN, USER).nas == "192.0.2.250"


def test_a_login_is_known_by_nas_id_and_user() -> None:
    one = heard(START, LOGIN, USER, NAS).login
    assert heard(STOP, LOGIN, USER, NAS, IPV4).login == one
    assert heard(START, (44, b"00001a2c"), USER, NAS).login != one
    assert heard(START, LOGIN, (1, b"bob"), NAS).login != one
    assert heard(START, LOGIN, USER, (32, b"bng2")).login != one


def test_the_first_attribute_that_is_there_names_the_line() -> None:
    line = (25, b"line-17")
    assert (heard(START, LOGIN, USER, line).name, heard(START, LOGIN, USER, line).rank) == ("line-17", 0)
    assert (heard(START, LOGIN, USER).name, heard(START, LOGIN, USER).rank) == ("alice@example.net", 1)
    only_user = heard(START, LOGIN, USER, line, naming=(Naming.USER_NAME,))
    assert (only_user.name, only_user.rank) == ("alice@example.net", 0)
    reverse = heard(START, LOGIN, line, naming=(Naming.USER_NAME, Naming.CLASS))
    assert (reverse.name, reverse.rank) == ("line-17", 1)


def test_a_class_that_is_made_anew_for_each_login_names_no_line() -> None:
    assert not is_naming("ai:0123456789abcdef0123456789abcdef")
    assert is_naming("ai:0123")
    assert is_naming("circuit 7")


@pytest.mark.parametrize("opaque", [b"", b"\x9e\x05\xff", b"line\0", b"  ", b"\n", "line\u202e".encode()])
def test_a_class_that_is_no_text_names_no_line(opaque: bytes) -> None:
    assert heard(START, LOGIN, USER, (25, opaque)).name == "alice@example.net"
    assert heard(START, LOGIN, USER, (25, opaque), (25, b"line-17")).name == "line-17"


def test_a_line_without_a_name_cannot_be_kept() -> None:
    with pytest.raises(UnparsableError, match="names the line"):
        told(START, LOGIN, USER, naming=(Naming.CLASS,))


@given(st.binary(max_size=60))
def test_names_are_texts_that_every_store_takes(value: bytes) -> None:
    one = heard(START, LOGIN, (1, b"x" + value), (32, b"y" + value))
    assert one.name.isprintable()
    assert one.nas.isprintable()
    one.name.encode()


@given(st.binary(min_size=1, max_size=30), st.binary(min_size=1, max_size=30))
def test_different_names_stay_different(one: bytes, other: bytes) -> None:
    names = {heard(START, LOGIN, (1, value)).name for value in (one, other) if b"\\" not in value}
    assert len(names) == len({value for value in (one, other) if b"\\" not in value})


@pytest.mark.parametrize("value", ["255.255.255.255", "255.255.255.254", "0.0.0.0"])
def test_what_stands_for_no_address_yet_is_none(value: str) -> None:
    assert heard(START, LOGIN, USER, (8, IPv4Address(value).packed)).addresses == ()


def test_all_prefixes_are_taken_however_short_they_are_written() -> None:
    one = heard(
        *(START, LOGIN, USER, IPV4),
        *((97, prefix("2001:db8:1:2::/64")), (97, prefix("2001:db8:3::/48"))),
        *((123, prefix("2001:db8:4000::/56")), (123, prefix("2001:db8:5000::/36"))),
        (168, IPv6Address("2001:db8::7").packed),
    )
    networks = [
        "2001:db8:1:2::/64",
        "2001:db8:3::/48",
        "2001:db8:4000::/56",
        "2001:db8:5000::/36",
        "2001:db8::7/128",
    ]
    assert one.addresses == (
        Address(bytes((100, 64, 0, 7)), 32),
        *(address(IPv6Network(network)) for network in networks),
    )


def test_bits_beyond_a_prefix_do_not_count() -> None:
    written = (97, bytes((0, 60)) + IPv6Address("2001:db8:0:1fff:ffff::").packed)
    assert heard(START, LOGIN, USER, written).addresses == (address(IPv6Network("2001:db8:0:1ff0::/60")),)


@pytest.mark.parametrize(
    "attributes",
    [
        (LOGIN, USER),  # no status
        (START, USER),  # no login
        (START, USER, (44, b"")),
        (START, LOGIN),  # no line
        ((40, b"\0\1"), LOGIN, USER),
        (START, LOGIN, USER, (8, bytes(5))),
        (START, LOGIN, USER, (41, bytes(3))),
        (START, LOGIN, USER, (55, bytes(8))),
        (START, LOGIN, USER, (4, bytes(16))),
        (START, LOGIN, USER, (95, bytes(4))),
        (START, LOGIN, USER, (97, b"\0")),
        (START, LOGIN, USER, (97, bytes((0, 129)) + bytes(16))),
        (START, LOGIN, USER, (123, bytes((0, 64)) + bytes(17))),
        (START, LOGIN, USER, (168, bytes(15))),
    ],
)
def test_what_cannot_be_kept_is_unparsable(attributes: tuple[Attribute, ...]) -> None:
    with pytest.raises(UnparsableError):
        told(*attributes)


def test_a_record_with_a_broken_attribute_is_unparsable() -> None:
    request = read_request(signed(encode((START, LOGIN, USER)) + b"\x08\xff"), SECRET)
    with pytest.raises(UnparsableError):
        read_record(request)


AHEAD = timedelta(seconds=5)


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


@pytest.mark.parametrize(
    ("attributes", "at", "clock_is_wrong"),
    [
        ((), RECEIVED, False),
        ((number(41, 90),), RECEIVED - timedelta(seconds=90), False),
        ((number(55, 1_700_000_000),), datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), False),
        ((number(55, 1_700_000_000), number(41, 90)), datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC), False),
        ((number(55, seconds(RECEIVED + AHEAD)),), RECEIVED, False),
        ((number(55, seconds(RECEIVED)), number(41, 90)), RECEIVED - timedelta(seconds=90), False),
        ((number(55, seconds(RECEIVED + AHEAD) + 1),), RECEIVED, True),
        ((number(55, seconds(RECEIVED + AHEAD) + 1), number(41, 90)), RECEIVED - timedelta(seconds=90), True),
        ((number(55, 946_684_800),), datetime(2000, 1, 1, tzinfo=UTC), False),
        ((number(55, 946_684_799),), RECEIVED, True),
        ((number(55, 0), number(41, 90)), RECEIVED - timedelta(seconds=90), True),
        ((number(55, (1 << 32) - 1),), RECEIVED, True),
        ((number(41, (1 << 32) - 1),), RECEIVED, True),
    ],
)
def test_when_it_happened(attributes: tuple[Attribute, ...], at: datetime, clock_is_wrong: bool) -> None:
    assert time_of(record(START, LOGIN, USER, *attributes), RECEIVED) == (at, clock_is_wrong)


@pytest.mark.parametrize("ahead", [0, 3, 30, 7_200])
def test_a_packet_and_its_repetition_have_one_time_however_fast_the_clock(ahead: int) -> None:
    said = number(55, seconds(RECEIVED) + ahead)
    first, _ = time_of(record(START, LOGIN, USER, said), RECEIVED)
    for late in (6, 40, 86_400):
        again, _ = time_of(
            record(START, LOGIN, USER, said, number(41, late)), RECEIVED + timedelta(seconds=late)
        )
        assert abs(again - first) < timedelta(seconds=1)


def test_what_no_attribute_has_room_for_names_no_login() -> None:
    most = "é" * (MOST_ATTRIBUTE_BYTES // 2)
    assert said("1", most) == Said("1", most)
    assert said("1", most + "éé") == said(most + "éé", "") == Said()
