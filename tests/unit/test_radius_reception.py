"""What becomes of datagrams: answered, dropped, remembered, and all of them counted."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest

from sekisho.lines import radius_reception
from sekisho.lines.events import Boot, Heard
from sekisho.lines.radius import Naming
from sekisho.lines.radius_reception import (
    REMEMBERED_SECONDS,
    Batch,
    Client,
    Count,
    Datagram,
    Reception,
    Reply,
)
from tests.unit.radius_packets import (
    IPV4,
    LOGIN,
    NAS,
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
    with_message_authenticator,
)

BNG1 = Client("bng1", ip_network("192.0.2.1"), SECRET, frozenset({"bng1", "192.0.2.1"}))
WIDE = Client("wide", ip_network("198.51.100.0/24"), b"the secret of many senders")
IPV6 = Client("six", ip_network("2001:db8::/64"), SECRET)
FROM = ("192.0.2.1", 40_000)
RECEIVED = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
EVENT = (START, LOGIN, USER, NAS, IPV4)


class Desk:
    """A reception with a clock, which takes all that is durable."""

    def __init__(self, *clients: Client) -> None:
        self.reception = Reception(clients or (BNG1, WIDE, IPV6), (Naming.CLASS, Naming.USER_NAME))
        self.seconds = 0.0
        self.taken: list[Heard | Boot] = []

    def bring(self, *packets: bytes, source: Sequence[object] = FROM, durable: bool = True) -> list[Reply]:
        """Hand packets in as one batch; return the answers, those of the store last."""
        batch = self.admit(*packets, source=source)
        replies = list(batch.replies)
        if durable:
            self.taken += batch.events
        return replies + self.reception.settle(batch, durable=durable, now_seconds=self.seconds)

    def admit(self, *packets: bytes, source: Sequence[object] = FROM) -> Batch:
        datagrams = [Datagram(packet, tuple(source), 0) for packet in packets]
        return self.reception.admit(datagrams, RECEIVED + timedelta(seconds=self.seconds), self.seconds)

    @property
    def counts(self) -> dict[tuple[str, Count], int]:
        return dict(self.reception.counts)


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_an_event_is_answered_when_it_is_durable(desk: Desk) -> None:
    batch = desk.admit(accounting(*EVENT))
    assert batch.replies == []
    assert [type(event) for event in batch.events] == [Heard]
    (reply,) = desk.reception.settle(batch, durable=True, now_seconds=0)
    assert (reply.to, reply.door, reply.data[0]) == (FROM, 0, 5)
    assert desk.counts == {("bng1", Count.TAKEN): 1}


def test_what_is_not_durable_is_not_answered(desk: Desk) -> None:
    assert desk.bring(accounting(*EVENT), durable=False) == []
    assert desk.counts == {("bng1", Count.NOT_DURABLE): 1}
    assert len(desk.bring(accounting(*EVENT))) == 1
    assert desk.counts[("bng1", Count.TAKEN)] == 1


def test_what_was_answered_is_answered_again_without_work(desk: Desk) -> None:
    first = desk.bring(accounting(*EVENT))
    assert desk.bring(accounting(*EVENT)) == first
    assert len(desk.taken) == 1
    assert desk.counts == {("bng1", Count.TAKEN): 1, ("bng1", Count.DUPLICATE): 1}


def test_a_copy_is_not_answered_before_the_first_is_durable(desk: Desk) -> None:
    batch = desk.admit(accounting(*EVENT), accounting(*EVENT))
    assert batch.replies == []
    assert len(batch.events) == 1
    assert desk.reception.settle(batch, durable=False, now_seconds=0) == []
    assert desk.admit(accounting(*EVENT)).replies == []


def test_a_copy_from_elsewhere_is_a_request_of_its_own(desk: Desk) -> None:
    desk.bring(accounting(*EVENT))
    (reply,) = desk.bring(accounting(*EVENT), source=("192.0.2.1", 40_001))
    assert reply.to == ("192.0.2.1", 40_001)
    assert len(desk.taken) == 2


def test_an_event_without_a_time_is_as_old_as_its_first_copy(desk: Desk) -> None:
    for _ in range(4):
        desk.bring(accounting(*EVENT), durable=False)
        desk.seconds += REMEMBERED_SECONDS * 0.9
    desk.bring(accounting(*EVENT))
    assert [event.at for event in desk.taken] == [RECEIVED]


def test_the_same_packet_much_later_is_meant(desk: Desk) -> None:
    for _ in range(2):
        desk.bring(accounting(ON, NAS))
        desk.seconds += REMEMBERED_SECONDS
    assert desk.taken == [
        Boot("bng1", RECEIVED),
        Boot("bng1", RECEIVED + timedelta(seconds=REMEMBERED_SECONDS)),
    ]


def test_repeating_does_not_prolong_the_memory(desk: Desk) -> None:
    for _ in range(3):
        desk.bring(accounting(ON, NAS))
        desk.seconds += REMEMBERED_SECONDS / 2
    assert len(desk.taken) == 2


def test_the_memory_is_bounded(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(radius_reception, "REMEMBERED", 10)
    for identifier in range(30):
        desk.bring(accounting(*EVENT, identifier=identifier))
    desk.bring()
    assert len(desk.reception._remembered) == 10
    desk.bring(*(accounting(*EVENT, identifier=identifier) for identifier in (19, 20)))
    assert desk.counts == {("bng1", Count.TAKEN): 31, ("bng1", Count.DUPLICATE): 1}


def test_the_memory_is_bounded_in_bytes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers carry the Proxy-States of their requests, which can be thousands of bytes."""
    monkeypatch.setattr(radius_reception, "REMEMBERED_BYTES", 20_000)
    states = [(33, bytes(250))] * 12
    for identifier in range(30):
        desk.bring(accounting(*EVENT, *states, identifier=identifier), durable=identifier % 2 == 0)
    desk.bring()
    held = desk.reception._remembered
    assert 0 < sum(len(one.reply.data) for one in held.values() if one.reply) <= 20_000
    desk.bring(accounting(*EVENT, *states, identifier=28))
    assert desk.counts["bng1", Count.DUPLICATE] == 1
    desk.seconds += REMEMBERED_SECONDS
    desk.bring()
    assert (len(held), desk.reception._remembered_bytes) == (0, 0)


@pytest.mark.parametrize(
    ("attributes", "count"),
    [
        ((number(40, 15), LOGIN, USER), Count.IGNORED),
        ((LOGIN, USER), Count.UNPARSABLE),
        ((START, USER), Count.UNPARSABLE),
        ((START, LOGIN), Count.UNPARSABLE),
        ((*EVENT, (55, b"1")), Count.UNPARSABLE),
    ],
)
def test_what_says_nothing_is_acknowledged_even_without_a_store(
    desk: Desk, attributes: tuple[Attribute, ...], count: Count
) -> None:
    (reply,) = desk.bring(accounting(*attributes), durable=False)
    assert reply.data[0] == 5
    assert desk.taken == []
    assert desk.counts == {("bng1", count): 1}


def test_a_broken_record_is_acknowledged_with_its_proxy_states(desk: Desk) -> None:
    (reply,) = desk.bring(signed(encode([START, (33, b"state")]) + b"\x01\x01"))
    assert reply.data[20:] == encode([(33, b"state")])
    assert desk.counts == {("bng1", Count.UNPARSABLE): 1}


def test_a_status_server_is_answered_even_without_a_store(desk: Desk) -> None:
    packet = with_message_authenticator(code=12, authenticator=b"0123456789abcdef")
    assert len(desk.bring(packet, durable=False)) == 1
    assert desk.counts == {("bng1", Count.STATUS): 1}


@pytest.mark.parametrize(
    ("packet", "source", "client", "count"),
    [
        (accounting(*EVENT), ("192.0.2.2", 1), "", Count.UNKNOWN_CLIENT),
        (accounting(*EVENT), ("2001:db8:0:1::1", 1, 0, 0), "", Count.UNKNOWN_CLIENT),
        (b"", ("203.0.113.1", 1), "", Count.UNKNOWN_CLIENT),
        (accounting(*EVENT), ("198.51.100.9", 1), "wide", Count.FORGED),  # with the secret of another
        (accounting(*EVENT, secret=b"guessed"), FROM, "bng1", Count.FORGED),
        (accounting(*EVENT)[:-1], FROM, "bng1", Count.MALFORMED),
        (b"", FROM, "bng1", Count.MALFORMED),
        (b"\1" + accounting(*EVENT)[1:], FROM, "bng1", Count.UNEXPECTED),
    ],
)
def test_what_is_dropped_is_counted(
    desk: Desk, packet: bytes, source: Sequence[object], client: str, count: Count
) -> None:
    assert desk.bring(packet, source=source) == []
    assert desk.taken == []
    assert desk.counts == {(client, count): 1}


@pytest.mark.parametrize(
    ("source", "client"),
    [(("198.51.100.255", 9), "wide"), (("2001:db8::ffff:1", 9, 0, 0), "six")],
)
def test_a_client_may_be_a_prefix(desk: Desk, source: Sequence[object], client: str) -> None:
    secret = WIDE.secret if client == "wide" else SECRET
    (reply,) = desk.bring(accounting(START, LOGIN, USER, OTHER_NAS, secret=secret), source=source)
    assert reply.to == tuple(source)
    assert desk.counts == {(client, Count.TAKEN): 1}


def test_a_wrong_clock_is_counted_besides(desk: Desk) -> None:
    desk.bring(accounting(*EVENT, number(55, 0)))
    assert desk.counts == {("bng1", Count.TAKEN): 1, ("bng1", Count.CLOCK): 1}
    assert desk.taken[0].at == RECEIVED


def test_other_clients_and_secrets_hold_from_then_on(desk: Desk) -> None:
    desk.reception.set_clients((Client("bng1", BNG1.network, b"a new secret"),), (Naming.USER_NAME,))
    desk.bring(accounting(*EVENT))
    desk.bring(accounting(*EVENT, (25, b"line-17"), secret=b"a new secret"))
    desk.bring(accounting(*EVENT), source=("2001:db8::1", 1, 0, 0))
    assert desk.counts == {
        ("bng1", Count.FORGED): 1,
        ("bng1", Count.TAKEN): 1,
        ("", Count.UNKNOWN_CLIENT): 1,
    }
    assert [event.name for event in desk.taken if isinstance(event, Heard)] == ["alice@example.net"]


OTHER_NAS = (32, b"bng2")
RELAY = Client("relay", ip_network("192.0.2.2"), SECRET)
RELAYED = ("192.0.2.2", 40_000)


@pytest.mark.parametrize(
    ("clients", "packet", "source", "count"),
    [
        # whose NASes are listed speaks of these, and of itself
        ((BNG1, RELAY), (ON, NAS), FROM, Count.TAKEN),
        ((BNG1, RELAY), (ON, (4, bytes((192, 0, 2, 1)))), FROM, Count.TAKEN),
        ((BNG1, RELAY), (ON,), FROM, Count.TAKEN),
        ((BNG1, RELAY), (ON, OTHER_NAS), FROM, Count.NOT_THEIRS),
        ((BNG1, RELAY), (START, LOGIN, USER, OTHER_NAS, IPV4), FROM, Count.NOT_THEIRS),
        ((BNG1,), (ON, OTHER_NAS), FROM, Count.NOT_THEIRS),
        # whose are not speaks of what nobody lists, and ends no whole NAS but itself
        ((BNG1, RELAY), (START, LOGIN, USER, OTHER_NAS, IPV4), RELAYED, Count.TAKEN),
        ((BNG1, RELAY), (STOP, LOGIN, USER, NAS), RELAYED, Count.NOT_THEIRS),
        ((BNG1, RELAY), (ON, NAS), RELAYED, Count.NOT_THEIRS),
        ((BNG1, RELAY), (ON, OTHER_NAS), RELAYED, Count.NOT_THEIRS),
        ((BNG1, RELAY), (ON, (4, bytes((192, 0, 2, 2)))), RELAYED, Count.TAKEN),
        # the only sender is trusted with all of it
        ((RELAY,), (ON, NAS), RELAYED, Count.TAKEN),
        ((Client("wide", ip_network("192.0.2.0/30"), SECRET),), (ON, NAS), RELAYED, Count.NOT_THEIRS),
    ],
)
def test_a_client_speaks_of_its_own_nases(
    clients: tuple[Client, ...], packet: tuple[Attribute, ...], source: Sequence[object], count: Count
) -> None:
    desk = Desk(*clients)
    (reply,) = desk.bring(accounting(*packet), source=source)
    assert reply.data[0] == 5
    assert [one for _, one in desk.counts] == [count]
    assert len(desk.taken) == (count is Count.TAKEN)


@pytest.mark.parametrize(
    ("addresses", "kept"),
    [
        ((), 0),
        ((IPV4,), 1),
        ((IPV4, (97, b"\0\x40" + bytes.fromhex("20010db8000100ff"))), 2),
        ((IPV4, (97, b"\0\x40" + bytes.fromhex("20010db8000200ff"))), 1),
        (((97, b"\0\x20" + bytes.fromhex("20010db8")),), 0),
        (((8, bytes((100, 65, 0, 7))),), 0),
    ],
)
def test_a_client_speaks_of_its_own_pools(addresses: tuple[Attribute, ...], kept: int) -> None:
    pools = (ip_network("100.64.0.0/16"), ip_network("2001:db8:1::/48"))
    desk = Desk(Client("bng1", BNG1.network, SECRET, pools=pools))
    assert len(desk.bring(accounting(START, LOGIN, USER, NAS, *addresses))) == 1
    (heard,) = desk.taken
    assert isinstance(heard, Heard)
    assert all(any(ip_address(one.network) in pool for pool in pools) for one in heard.addresses)
    assert len(heard.addresses) == kept
    left_out = {("bng1", Count.NOT_IN_POOLS): 1} if kept < len(addresses) else {}
    assert desk.counts == {("bng1", Count.TAKEN): 1, **left_out}


def test_a_client_does_not_show_its_secret() -> None:
    assert "secret of" not in repr(WIDE)


CORPUS = (
    accounting(*EVENT, (25, b"line-17"), number(55, 1_700_000_000), (97, b"\0\x40" + bytes(8)), (33, b"a")),
    accounting(STOP, LOGIN, USER, NAS, number(41, 7), (123, b"\0\x38" + bytes(7)), (168, bytes(16))),
    accounting(ON, (4, bytes((192, 0, 2, 1)))),
    with_message_authenticator(*EVENT),
    with_message_authenticator(code=12, authenticator=b"0123456789abcdef"),
)


def mutated(chance: random.Random, packet: bytes) -> bytes:
    """A packet with some bytes changed, left out, put in or doubled."""
    changed = bytearray(packet)
    for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
        at = chance.randrange(len(changed) + 1)
        span = slice(at, at + chance.choice((1, 1, 2, 8)))
        change = chance.randrange(4)
        if change == 0:
            changed[span] = chance.randbytes(len(changed[span]))
        elif change == 1:
            del changed[span]
        elif change == 2:
            changed[at:at] = chance.randbytes(chance.choice((1, 2, 8, 300)))
        else:
            changed[at:at] = changed[span]
    return bytes(changed)


def test_of_100_000_mutated_packets_none_is_taken_and_all_are_counted(desk: Desk) -> None:
    chance = random.Random(20_260_304)
    sent, same = 0, 0
    for _ in range(200):
        packets = [mutated(chance, chance.choice(CORPUS)) for _ in range(500)]
        packets = [packet for packet in packets if not packet.startswith(CORPUS)]  # padding changes nothing
        sent, same = sent + len(packets), same + 500 - len(packets)
        assert desk.bring(*packets) == []
    assert desk.taken == []
    assert same < 5_000
    assert {count for _, count in desk.counts} == {Count.FORGED, Count.MALFORMED, Count.UNEXPECTED}
    assert sum(desk.counts.values()) == sent


def test_of_100_000_mutated_and_signed_records_each_is_acknowledged_and_counted(desk: Desk) -> None:
    chance = random.Random(4_030_206_202)
    bodies = [packet[20:] for packet in CORPUS[:3]]
    sent = answered = 0
    for _ in range(200):
        made = (mutated(chance, chance.choice(bodies)) for _ in range(500))
        packets = {signed(body, chance.randrange(256)) for body in made}
        replies = desk.bring(*packets)
        sent += len(packets)
        forged = desk.counts.get(("bng1", Count.FORGED), 0)  # a Message-Authenticator has come in by chance
        assert {reply.data[0] for reply in replies} == {5}
        answered += len(replies)
        assert answered + forged == sent
    assert len(desk.taken) == desk.counts["bng1", Count.TAKEN]
    assert forged < sent / 10
    assert min(desk.counts["bng1", count] for count in (Count.TAKEN, Count.UNPARSABLE, Count.IGNORED)) > 1_000
