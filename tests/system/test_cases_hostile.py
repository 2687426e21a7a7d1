"""The gate's cases by number, with packets that no honest client sends.

Raw frames go out at the lines' end; what is read off the servers' end is all that has passed. After
them goes a packet that nothing stops, so that "nothing has passed" is seen and not waited for.
"""

from __future__ import annotations

import itertools
import socket
import struct

import pytest

from tests.kernel.frames import (
    ACK,
    CWR,
    ECE,
    FIN,
    PSH,
    RST,
    SYN,
    URG,
    checksum,
    ethernet,
    ipv4,
    ipv6,
    segment,
    tcp,
)
from tests.system.internet import (
    ABSENT,
    DYNAMIC,
    FAMILIES,
    SERVERS,
    SINGLE,
    SLOW,
    Internet,
)
from tests.system.layouts import SERVER_MAC, UPLINK_MAC
from tests.system.sessions import Clients, Session
from tests.system.tap import Frame, Tap, tcp_of

SERVER, SERVER6 = SERVERS.values()
PORT = 40_000
MORE, OFFSET_1 = 0x2000, 0x0001
_marks = itertools.count(1)


def passed(inside: Tap, outside: Tap, line: str, frames: list[bytes]) -> list[Frame]:
    """Send frames from a line and return what of it has arrived before a packet that nothing stops."""
    mark = b"mark %d of the test" % next(_marks)
    datagram = struct.pack("!HHHH", 9, 9, 8 + len(mark), 0) + mark  # no router looks at its checksum
    if ":" in line:
        udp = ipv6(line, SERVER6, datagram, next_header=17)
    else:
        udp = ipv4(line, SERVER, datagram, protocol=17)
    inside.send([*frames, ethernet(udp)])
    outside.until(lambda seen: any(mark in one.data for one in seen))
    arrived = [one for one in outside.of(line) if mark not in one.data]
    outside.seen.clear()
    return arrived


def of_server(frame: bytes) -> bytes:
    """Return a frame as a server sends it to the gate."""
    return UPLINK_MAC + SERVER_MAC + frame[12:]


@pytest.fixture
def stray(internet: Internet) -> str:
    """An IPv4 line of raw frames alone."""
    return internet.line(raw=True)


@pytest.fixture
def stray6(internet: Internet) -> str:
    """An IPv6 line of raw frames alone."""
    return internet.line(family="ipv6", raw=True)


def established(clients: Clients, outside: Tap, line: str) -> tuple[Session, Frame]:
    """Open a session and return it with its first acknowledgement as the server saw it."""
    (session,) = clients.open(line, SERVER)
    clients.settle([session])
    assert session.is_open
    acknowledgement = next(one for one in outside.smtp(2, line=line) if one.flags == ACK)
    outside.seen.clear()
    return session, acknowledgement


def numbers(acknowledgement: Frame) -> tuple[int, int]:
    """Return the sequence number and the acknowledgement of a segment."""
    seq, ack = struct.unpack_from("!II", acknowledgement.tcp, 4)
    return seq, ack


def with_hops(frame: bytes, hops: int) -> bytes:
    """Return an IPv4 frame with another time to live."""
    header = frame[14:22] + bytes([hops]) + frame[23:24] + bytes(2) + frame[26:34]
    return frame[:14] + header[:10] + struct.pack("!H", checksum(header)) + header[12:] + frame[34:]


def test_08_a_reset_that_dies_on_the_way_buys_no_session(
    internet: Internet, clients: Clients, inside: Tap, outside: Tap
) -> None:
    line = internet.line(SINGLE)
    first, acknowledgement = established(clients, outside, line)
    seq, ack = numbers(acknowledgement)
    reset = segment(line, SERVER, (first.port, 25), RST, seq=seq, ack=ack)
    assert passed(inside, outside, line, [with_hops(reset, 1)]) == []
    assert internet.slots().by_address[line] == 0
    second, _ = established(clients, outside, line)
    accepted = {one.getpeername()[1]: one for one in internet.accepted(line, 2)}
    first_server, second_server = (accepted[one.port] for one in (first, second))
    dropped = internet.counted(SINGLE)["without_slot_dropped"]
    first.socket.send(b"first")
    second.socket.send(b"second")
    second_server.settimeout(60)
    assert second_server.recv(100) == b"second"
    clients.until(lambda: internet.counted(SINGLE)["without_slot_dropped"] > dropped)
    with pytest.raises(BlockingIOError):
        first_server.recv(100, socket.MSG_DONTWAIT)
    second.close()
    second_server.close()
    first_server.settimeout(60)
    assert first_server.recv(100) == b"first"  # sent again, it takes the slot that is free
    assert internet.slots().by_address[line] == 1
    first_server.close()


@pytest.mark.parametrize("flags", [RST, FIN | ACK])
def test_09_a_wrong_checksum_leaves_nothing_that_passes_uncounted(
    internet: Internet, clients: Clients, inside: Tap, outside: Tap, flags: int
) -> None:
    line = internet.line(SINGLE)
    session, acknowledgement = established(clients, outside, line)
    seq, ack = numbers(acknowledgement)
    broken = bytearray(segment(line, SERVER, (session.port, 25), flags, seq=seq, ack=ack))
    broken[-4] ^= 0xFF
    passed(inside, outside, line, [bytes(broken)])
    session.socket.send(b"data")
    (accepted,) = internet.accepted(line, 1)
    accepted.settimeout(60)
    assert accepted.recv(100) == b"data"
    assert internet.slots().by_address[line] == 1
    accepted.close()


def test_11_a_guessed_reset_toward_the_line_changes_nothing(
    internet: Internet, clients: Clients, inside: Tap, outside: Tap
) -> None:
    line = internet.line(SINGLE)
    session, acknowledgement = established(clients, outside, line)
    _, ack = numbers(acknowledgement)
    guesses = [
        of_server(segment(SERVER, line, (25, session.port), RST, seq=ack + distance))
        for distance in (1, 1_000, 2**31, -1_000)
    ]
    outside.send(guesses)
    inside.smtp(len(guesses), line=line)
    assert internet.slots().by_address[line] == 1
    (another,) = clients.open(line, SERVER)
    refused = internet.counted(SINGLE)["refused"]
    clients.until(lambda: internet.counted(SINGLE)["refused"] > refused)
    assert another.ended is None


def test_16_no_split_handshake(internet: Internet, inside: Tap, outside: Tap, stray: str) -> None:
    frames = [
        segment(stray, SERVER, (PORT, 25), SYN | ACK, seq=1, ack=2, payload=data) for data in (b"", b"data")
    ]
    assert passed(inside, outside, stray, frames) == []
    assert internet.slots().by_address[stray] == 0


def test_17_a_server_opens_nothing_toward_a_line(
    internet: Internet, clients: Clients, inside: Tap, outside: Tap
) -> None:
    line = internet.line()
    before = internet.counted()["without_slot_dropped"]
    outside.send([of_server(segment(SERVER, line, (25, PORT), SYN, seq=7))])
    clients.until(lambda: internet.counted()["without_slot_dropped"] == before + 1)
    assert inside.of(line) == []
    assert internet.slots().by_address[line] == 0


def test_18_data_without_a_slot_takes_one_or_is_dropped(
    internet: Internet, inside: Tap, outside: Tap
) -> None:
    stray = internet.line(SINGLE, raw=True)
    data = [
        segment(stray, ABSENT, (PORT + n, 25), ACK, seq=5, ack=6, payload=b"MAIL FROM:<>\r\n")
        for n in range(3)
    ]
    bare = [segment(stray, ABSENT, (PORT + n, 25), ACK, seq=5, ack=6) for n in range(3)]
    assert passed(inside, outside, stray, bare) == []
    (adopted,) = passed(inside, outside, stray, data)
    assert adopted.tcp == tcp_of(data[0][14:])
    assert internet.slots().by_address[stray] == SINGLE.cap


def test_19_illegal_flags_pass_nowhere(internet: Internet, inside: Tap, outside: Tap, stray: str) -> None:
    before = internet.counted()["unjudgeable"]
    legal = {SYN, SYN | ACK, RST, RST | ACK, ACK, FIN | ACK}
    illegal = [flags for flags in range(256) if flags & (FIN | SYN | RST | ACK) not in legal]
    frames = [
        segment(stray, SERVER, (PORT, 25), flags, seq=1, ack=1, payload=payload)
        for flags in illegal
        for payload in (b"", b"x" * 40)
    ]
    assert {0, SYN | FIN, SYN | RST, FIN | SYN | RST | PSH | ACK | URG} <= set(illegal)
    assert passed(inside, outside, stray, frames) == []
    assert internet.counted()["unjudgeable"] == before + len(frames)
    assert internet.slots().by_address[stray] == 0
    assert internet.accepted(stray) == []


def fragments(line: str, port: int) -> list[bytes]:
    """Return the fragments of a SYN with data, whose first one holds the whole TCP header."""
    whole = tcp(line, SERVER if ":" not in line else SERVER6, (PORT, port), SYN, seq=77, payload=b"x" * 60)
    return [fragment(line, whole[:24], 0, True), fragment(line, whole[24:], 3, False)]


def fragment(line: str, part: bytes, offset: int, more: bool, next_header: int = 6) -> bytes:
    """Return one fragment; `offset` in units of eight bytes."""
    if ":" not in line:
        return ethernet(ipv4(line, SERVER, part, fragment=offset | (MORE if more else 0)))
    header = bytes([next_header, 0, *(offset << 3 | more).to_bytes(2, "big"), 0, 0, 0, 7])
    return ethernet(ipv6(line, SERVER6, header + part, next_header=44))


@pytest.mark.parametrize("family", FAMILIES)
def test_20_21_no_session_out_of_fragments(
    internet: Internet, inside: Tap, outside: Tap, family: str
) -> None:
    line, server = internet.line(family=family, raw=True), SERVERS[family]
    internet.listen(80)
    inside.send(fragments(line, 80))
    answers = inside.until(
        lambda _: bool(inside.of(line))
    )  # such fragments are taken where nothing stops them
    assert any(tcp_of(one.packet)[:2] == b"\x00\x50" for one in answers if one in inside.of(line))
    whole = tcp(line, server, (PORT, 25), SYN, seq=77, payload=b"x" * 60)
    disguise = tcp(line, server, (PORT, 80), ACK, seq=77, payload=b"x" * 60)
    first, last = fragments(line, 25)
    short = [fragment(line, whole[:8], 0, True), fragment(line, whole[8:], 1, False)]
    rewriting = [fragment(line, disguise[:24], 0, True), fragment(line, whole[8:], 1, False)]
    overlapping = [fragment(line, disguise[:24], 0, True), first, last]
    for frames in (
        [first, last],
        [last, first],
        short,
        short[::-1],
        rewriting,
        overlapping,
        overlapping[::-1],
    ):
        arrived = passed(inside, outside, line, frames)
        assert not any(first[-24:] in one.data or short[0][-8:] in one.data for one in arrived)
    assert internet.slots().by_address[line] == 0
    assert internet.accepted(line) == []
    assert not [one for one in inside.of(line) if tcp_of(one.packet)[:2] == b"\x00\x19"]


def test_21_an_atomic_fragment_is_a_packet_like_any(
    internet: Internet, inside: Tap, outside: Tap, stray6: str
) -> None:
    whole = tcp(stray6, SERVER6, (PORT, 25), SYN, seq=77)
    frame = fragment(stray6, whole, 0, False)
    assert passed(inside, outside, stray6, [frame]) == []  # held
    outside.until(lambda _: bool(outside.of(stray6)))
    (arrived,) = outside.of(stray6)
    assert arrived.packet[40:] == frame[54:]
    inside.until(lambda _: any(one.is_smtp and one.flags == SYN | ACK for one in inside.of(stray6)))
    assert internet.slots().by_address[stray6] == 1


def option(next_header: int) -> bytes:
    """An IPv6 options header with nothing but padding."""
    return bytes([next_header, 0, 1, 4, 0, 0, 0, 0])


def test_22_extension_headers_are_walked_up_to_a_bound(
    internet: Internet, inside: Tap, outside: Tap, stray6: str
) -> None:
    whole = tcp(stray6, SERVER6, (PORT, 25), SYN, seq=1)
    authentication = bytes([6, 4, 0, 0]) + bytes(20)
    chain = option(60) + option(51) + authentication + whole
    walked = ethernet(ipv6(stray6, SERVER6, chain, next_header=0))
    deep = ethernet(ipv6(stray6, SERVER6, option(60) * 9 + option(6) + whole, next_header=60))
    cut = ethernet(ipv6(stray6, SERVER6, option(60) + b"\x06", next_header=60))
    assert passed(inside, outside, stray6, [walked, deep, cut]) == []
    outside.until(lambda _: bool(outside.of(stray6)))
    (arrived,) = outside.of(stray6)
    assert arrived.packet[40:] == chain
    assert internet.slots().by_address[stray6] == 1


def test_23_options_and_wrong_lengths(internet: Internet, inside: Tap, outside: Tap, stray: str) -> None:
    body = tcp(stray, SERVER, (PORT, 25), SYN)
    wrong = [
        ipv4(stray, SERVER, body, total=500),
        ipv4(stray, SERVER, body, total=19),
        ipv4(stray, SERVER, body, total=30),
        ipv4(stray, SERVER, body, first_byte=0x44),
        ipv4(stray, SERVER, body, first_byte=0x4F),
        ipv4(stray, SERVER, body, first_byte=0x55),
        ipv4(stray, SERVER, tcp(stray, SERVER, (PORT, 25), SYN, data_offset=4)),
        ipv4(stray, SERVER, tcp(stray, SERVER, (PORT, 25), SYN, data_offset=15)),
        ipv4(stray, SERVER, body[:12]),
    ]
    with_options = ipv4(stray, SERVER, body, options=b"\x01" * 8)
    frames = [ethernet(packet, kind=0x0800) for packet in [*wrong, with_options]]
    assert passed(inside, outside, stray, frames) == []  # the last one is held
    outside.until(lambda _: bool(outside.of(stray)))
    (arrived,) = outside.of(stray)
    assert (arrived.packet[20:28], arrived.tcp) == (b"\x01" * 8, body)
    assert internet.slots().by_address[stray] == 1


@pytest.mark.parametrize("family", FAMILIES)
def test_26_unknown_options_and_ecn_arrive_byte_for_byte(
    internet: Internet, inside: Tap, outside: Tap, family: str
) -> None:
    line = internet.line(SLOW, family, raw=True)
    options = bytes([254, 4, 1, 2, 253, 6, 9, 9, 9, 9, 1, 0])
    frame = segment(
        line, SERVERS[family], (PORT, 25), SYN | ECE | CWR, seq=5, options=options, payload=b"early data"
    )
    assert passed(inside, outside, line, [frame]) == []
    (arrived,) = outside.smtp(1, line=line)
    assert arrived.tcp == tcp_of(frame[14:])


def test_37_many_strays_take_no_more_than_their_line_may_hold(
    internet: Internet, inside: Tap, outside: Tap, stray: str
) -> None:
    frames = [
        segment(stray, SERVER, (1024 + n, 25), flags, seq=n, ack=n, payload=payload)
        for n in range(2000)
        for flags, payload in ((SYN, b""), (ACK, b"data"), (ACK, b""), (RST, b""), (FIN | ACK, b"x"))
    ]
    passed(inside, outside, stray, frames)
    assert internet.slots().by_address[stray] <= DYNAMIC.cap
