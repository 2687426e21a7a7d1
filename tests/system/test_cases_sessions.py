"""The gate's cases by number, on real sessions: what opens them is the kernel's own TCP.

The network is drawn in `internet`; cases that need the daemon killed or the rules gone are in
`test_cases_faults`, raw frames in `test_cases_hostile`, other links in `test_cases_links`.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Iterable

import pytest

from sekisho.api.client import ask
from tests.system.internet import (
    CLOSED,
    DYNAMIC,
    EXEMPT,
    FAMILIES,
    NOBODY,
    OFFICE,
    SERVERS,
    SHARED,
    SINGLE,
    SLOW,
    STRICT,
    Internet,
)
from tests.system.sessions import Clients, Session, opened
from tests.system.tap import Tap
from tests.system.waiting import until

SYN, ACK = 0x02, 0x10


def hang_up(clients: Iterable[Session], servers: Iterable[socket.socket]) -> None:
    """Close sessions from both ends."""
    for client in clients:
        client.close()
    for server in servers:
        server.close()


@pytest.mark.parametrize("family", FAMILIES)
def test_01_03_exactly_cap_sessions_and_the_others_when_there_is_room(
    internet: Internet, clients: Clients, family: str
) -> None:
    line, before = internet.line(family=family), internet.counted()
    sessions = clients.open(line, SERVERS[family], DYNAMIC.cap + 4)
    clients.until(lambda: len(opened(sessions)) >= DYNAMIC.cap)
    # Each of the others is refused once more when it tries again.
    clients.until(lambda: internet.counted()["refused"] >= before["refused"] + 2 * 4)
    assert len(opened(sessions)) == internet.slots().by_address[line] == DYNAMIC.cap
    accepted = internet.accepted(line, DYNAMIC.cap)
    assert len(accepted) == DYNAMIC.cap
    hang_up(opened(sessions), accepted)
    waiting = [one for one in sessions if not one.is_open]
    clients.until(lambda: len(opened(waiting)) >= DYNAMIC.cap)
    assert len(opened(waiting)) == internet.slots().by_address[line] == DYNAMIC.cap
    hang_up(opened(waiting), internet.accepted(line, DYNAMIC.cap))
    clients.settle(sessions)
    assert all(one.is_open and one.took >= DYNAMIC.delay for one in sessions)


def test_01_other_lines_are_unaffected_by_one_that_floods(internet: Internet, clients: Clients) -> None:
    flood = clients.open(internet.line(), SERVERS["ipv4"], 200)
    others = [one for _ in range(5) for one in clients.open(internet.line(), SERVERS["ipv4"])]
    clients.settle(others)
    assert all(one.is_open and one.took >= DYNAMIC.delay for one in others)
    assert len(opened(flood)) <= DYNAMIC.cap


@pytest.mark.parametrize("family", FAMILIES)
def test_04_a_syn_sent_again_during_the_hold_is_dropped_and_one_goes_on(
    internet: Internet, clients: Clients, outside: Tap, family: str
) -> None:
    line, before = internet.line(SLOW, family), internet.counted(SLOW)
    sessions = clients.open(line, SERVERS[family], SLOW.cap)
    clients.settle(sessions)
    assert all(one.is_open and one.took >= SLOW.delay for one in sessions)
    counted = internet.counted(SLOW)
    assert counted["attempted"] == before["attempted"] + SLOW.cap
    assert counted["retransmissions_dropped"] >= before["retransmissions_dropped"] + SLOW.cap
    assert len([one for one in outside.smtp(line=line) if one.flags == SYN]) == SLOW.cap


def test_05_a_syn_sent_again_after_its_release_passes_at_once(
    internet: Internet, clients: Clients, outside: Tap
) -> None:
    line, before = internet.line(SLOW), internet.counted(SLOW)
    rule = f"inet lossy input ip saddr {line} tcp dport 25 drop"
    internet.servers.run(
        "nft",
        "-f",
        "-",
        text_in=f"""
        add table inet lossy
        add chain inet lossy input {{ type filter hook input priority 0; }}
        add rule {rule}""",
    )
    clients.open(line, SERVERS["ipv4"])
    outside.smtp(1, line=line)  # released, and lost on the way to the server
    internet.servers.run("nft", "delete", "table", "inet", "lossy")
    clients.settle(clients.sessions)
    (session,) = clients.sessions
    assert session.is_open
    first, second = (one.at_ns for one in outside.smtp(2, line=line)[:2])
    assert second - first < SLOW.delay * 1e9  # its own timer, and no second delay
    counted = internet.counted(SLOW)
    assert counted["held"] == before["held"] + 1
    assert internet.slots().by_address[line] == 1


def test_06_another_syn_from_the_same_port_restarts_the_delay(internet: Internet, clients: Clients) -> None:
    line = internet.line(SLOW)
    (given_up,) = clients.open(line, SERVERS["ipv4"])
    port = given_up.port
    clients.until(lambda: time.monotonic() >= given_up.begun + SLOW.delay / 3)
    given_up.close()
    (session,) = clients.open(line, SERVERS["ipv4"], source_port=port)
    clients.settle([session])
    assert session.is_open
    assert session.took >= SLOW.delay
    assert internet.slots().by_address[line] == 1


def test_07_a_client_that_lost_its_session_opens_it_anew_and_is_counted_once(
    internet: Internet, clients: Clients
) -> None:
    line = internet.line(SINGLE)
    (lost,) = clients.open(line, SERVERS["ipv4"])
    clients.settle([lost])
    port = lost.port
    lost.vanish()
    (session,) = clients.open(line, SERVERS["ipv4"], source_port=port)
    clients.settle([session])
    assert session.is_open
    assert session.took >= SINGLE.delay
    assert internet.slots().by_address[line] == 1


def test_10_a_session_that_only_the_line_has_closed_is_counted(internet: Internet, clients: Clients) -> None:
    line = internet.line(SINGLE)
    (session,) = clients.open(line, SERVERS["ipv4"])
    clients.settle([session])
    (server,) = internet.accepted(line, 1)
    session.socket.shutdown(socket.SHUT_WR)
    server.settimeout(60)
    assert server.recv(100) == b""
    server.sendall(b"there is more")
    session.socket.settimeout(60)
    assert session.socket.recv(100) == b"there is more"
    assert internet.slots().by_address[line] == 1
    server.close()
    assert session.socket.recv(100) == b""
    until(lambda: internet.slots().by_address[line] == 0)


@pytest.mark.parametrize("family", FAMILIES)
def test_12_a_server_that_refuses_is_heard_and_frees_the_slot_at_once(
    internet: Internet, clients: Clients, family: str
) -> None:
    line = internet.line(SINGLE, family)
    for _ in range(3):  # each needs the one slot there is
        (session,) = clients.open(line, CLOSED[family])
        clients.settle([session])
        assert session.error == errno.ECONNREFUSED
        assert SINGLE.delay <= session.took < 1  # and not by trying again
    assert internet.slots().by_address[line] == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_refusal_by_reset_is_told_at_once(internet: Internet, clients: Clients, family: str) -> None:
    line = internet.line(STRICT, family)
    (held,) = clients.open(line, SERVERS[family])
    refused = clients.open(line, SERVERS[family], 3)
    clients.settle(refused)
    assert {one.error for one in refused} == {errno.ECONNREFUSED}
    assert max(one.took for one in refused) < STRICT.delay
    assert held.ended is None
    assert internet.slots().by_address[line] == STRICT.cap


def test_25_fast_open_data_arrives_whole_after_the_delay(
    internet: Internet, clients: Clients, outside: Tap
) -> None:
    line, data = internet.line(SLOW), bytes(range(256)) * 4
    internet.lines.sysctl("net.ipv4.tcp_fastopen", 0x5)  # client, without a cookie
    internet.servers.sysctl("net.ipv4.tcp_fastopen", 0x202)  # server, without a cookie
    listener = internet.listeners["ipv4", 25]
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_FASTOPEN, 16)
    session = clients.namespace.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    with session:
        session.setblocking(False)
        session.bind((line, 0))
        begun = time.monotonic()
        assert session.sendto(data, 0x20000000, (SERVERS["ipv4"], 25)) == len(data)  # MSG_FASTOPEN
        (syn, *_) = outside.smtp(1, line=line)
        assert time.monotonic() - begun >= SLOW.delay
        assert syn.flags == SYN
        assert syn.tcp[(syn.tcp[12] >> 4) * 4 :] == data
        taken = internet.accepted(line, 1)
        with taken[0] as accepted:
            accepted.settimeout(60)
            assert accepted.recv(len(data), socket.MSG_WAITALL) == data


def exactly_cap(internet: Internet, clients: Clients, sessions: list[Session]) -> None:
    """See that cap sessions of a dynamic line are established when the others have tried again."""
    clients.until(lambda: len(opened(sessions)) >= DYNAMIC.cap)
    refused, waiting = internet.counted()["refused"], len(sessions) - DYNAMIC.cap
    clients.until(lambda: internet.counted()["refused"] >= refused + waiting)
    assert len(opened(sessions)) == DYNAMIC.cap


@pytest.mark.parametrize("family", FAMILIES)
def test_27_a_source_in_no_pool_passes_and_is_counted(
    internet: Internet, clients: Clients, family: str
) -> None:
    before = internet.counters()["totals"]["unknown_source"]
    sessions = clients.open(NOBODY[family], SERVERS[family], 3 * DYNAMIC.cap)
    clients.settle(sessions)
    assert len(opened(sessions)) == len(sessions)
    assert internet.counters()["totals"]["unknown_source"] >= before + len(sessions)
    assert internet.slots().by_address[NOBODY[family]] == 0


@pytest.mark.parametrize("family", FAMILIES)
def test_exempt_servers_are_reached_without_limit(internet: Internet, clients: Clients, family: str) -> None:
    line, kind = internet.line(STRICT, family), {"ipv4": socket.AF_INET, "ipv6": socket.AF_INET6}[family]
    with internet.servers.call(lambda: socket.create_server((EXEMPT[family], 25), family=kind, backlog=64)):
        sessions = clients.open(line, EXEMPT[family], 10)
        clients.settle(sessions)
        assert len(opened(sessions)) == len(sessions)
        assert max(one.took for one in sessions) < STRICT.delay
        assert internet.slots().by_address[line] == 0


def test_28_lines_that_share_an_address_are_told_apart_by_their_ports(
    internet: Internet, clients: Clients
) -> None:
    ports = {"left": (1024, 2047), "right": (2048, 3071)}
    of = {
        name: [one for port in both for one in clients.open(SHARED, SERVERS["ipv4"], source_port=port)]
        for name, both in ports.items()
    }
    clients.until(lambda: all(opened(sessions) for sessions in of.values()))
    refused = internet.counted(SINGLE)["refused"]
    clients.until(lambda: internet.counted(SINGLE)["refused"] >= refused + len(of))
    assert [len(opened(sessions)) for sessions in of.values()] == [SINGLE.cap, SINGLE.cap]
    assert all(one.took >= SINGLE.delay for sessions in of.values() for one in opened(sessions))


def test_29_one_count_for_all_that_a_known_line_holds(internet: Internet, clients: Clients) -> None:
    sessions = [
        one
        for address in OFFICE
        for one in clients.open(address, SERVERS["ipv6" if ":" in address else "ipv4"], 2)
    ]
    exactly_cap(internet, clients, sessions)
    slots = internet.slots()
    assert sum(slots.by_address[address] for address in OFFICE) == DYNAMIC.cap


def test_29_one_count_for_all_addresses_of_an_ipv6_line(internet: Internet, clients: Clients) -> None:
    first = internet.line(family="ipv6")
    sessions = [
        one
        for host in range(1, DYNAMIC.cap + 3)
        for one in clients.open(f"{first.removesuffix('::1')}::{host}", SERVERS["ipv6"])
    ]
    exactly_cap(internet, clients, sessions)


def test_36_an_icmp_error_that_quotes_a_session_reaches_it_and_frees_nothing(
    internet: Internet, clients: Clients
) -> None:
    line = internet.line(SINGLE)
    internet.servers.run(
        "nft",
        "-f",
        "-",
        text_in=f"""
        add table inet closing
        add chain inet closing input {{ type filter hook input priority 0; }}
        add rule inet closing input ip saddr {line} reject with icmp type admin-prohibited""",
    )
    made = clients.namespace.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_STREAM))
    made.setsockopt(socket.SOL_IP, 11, 1)  # IP_RECVERR: told of what else were a passing trouble
    (session,) = clients.open(line, SERVERS["ipv4"])
    session.socket.setsockopt(socket.SOL_IP, 11, 1)
    made.close()
    clients.settle([session])
    internet.servers.run("nft", "delete", "table", "inet", "closing")
    assert session.error == errno.EHOSTUNREACH
    assert session.took >= SINGLE.delay
    assert internet.slots().by_address[line] == 1


def test_35_a_lowered_cap_cuts_nothing_and_admits_nobody_until_below(
    internet: Internet, clients: Clients
) -> None:
    line = internet.line()
    running = clients.open(line, SERVERS["ipv4"], DYNAMIC.cap)
    clients.settle(running)
    accepted = internet.accepted(line, DYNAMIC.cap)
    try:
        internet.sekisho("gate", "set", "dynamic", "--cap", "1")
        (late,) = clients.open(line, SERVERS["ipv4"])
        refused = internet.counted()["refused"]
        for client, server in zip(running, accepted, strict=True):
            client.socket.send(b"still here")
            server.settimeout(60)
            assert server.recv(100) == b"still here"
        hang_up(running[1:], accepted[1:])
        clients.until(lambda: internet.counted()["refused"] > refused)
        assert late.ended is None
        hang_up(running[:1], accepted[:1])
        clients.settle([late])
    finally:
        ask(internet.name, "POST", "/v1/gate/classes/dynamic/limit", {"cap": DYNAMIC.cap})
    assert late.is_open
    assert internet.slots().by_address[line] == 1
