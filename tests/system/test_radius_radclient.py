"""Single packets as FreeRADIUS's radclient makes them, over both protocols."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Network, ip_network
from pathlib import Path

import pytest

from sekisho.lines.events import Boot, Kind, login_key
from sekisho.lines.radius_reception import Client, Count
from sekisho.lines.radius_server import RadiusServer
from sekisho.model import Address
from tests.system.accounting import CLIENTS, OURS, SECRET, Site, counted
from tests.system.netns import Net

START = "Acct-Status-Type = Start\nAcct-Session-Id = s1\nUser-Name = alice\nNAS-Identifier = bng1\n"
IPV6 = f"[::1]:{OURS}"


@pytest.fixture
def site(net: Net, tmp_path: Path) -> Site:
    return Site(net.namespace("radius"), tmp_path)


@pytest.fixture
def server(site: Site) -> Iterator[RadiusServer]:
    with site.serving() as made:
        yield made


def prefix(network: str) -> Address:
    parsed = IPv6Network(network)
    return Address(parsed.network_address.packed, parsed.prefixlen)


@pytest.mark.parametrize("to", [f"127.0.0.1:{OURS}", IPV6])
@pytest.mark.parametrize(
    "more", ["", "Message-Authenticator = 0x00\n", "Proxy-State = 0x0102\nProxy-State = 0x03\n"]
)
def test_a_start_is_taken_and_the_answer_is_good(
    site: Site, server: RadiusServer, to: str, more: str
) -> None:
    done = site.radclient(START + "Framed-IP-Address = 100.64.0.7\n" + more, to=to)
    assert done.returncode == 0, done.stdout
    (event,) = site.ledger.heard
    assert (event.kind, event.nas, event.name) == (Kind.START, "bng1", "alice")
    assert event.login == login_key("bng1", "s1", "alice")
    assert event.addresses == (Address(IPv4Address("100.64.0.7").packed, 32),)
    assert counted(server) == {Count.TAKEN: 1}


def test_every_address_and_the_class_are_taken(site: Site, server: RadiusServer) -> None:
    attributes = [
        'Class = "line-17"',
        "Framed-IP-Address = 255.255.255.254",
        "Framed-IPv6-Prefix = 2001:db8:1:2::/64",
        "Framed-IPv6-Prefix += 2001:db8:3::/48",
        "Delegated-IPv6-Prefix = 2001:db8:4000::/56",
        "Delegated-IPv6-Prefix += 2001:db8:5000::/36",
        "Framed-IPv6-Address = 2001:db8::7",
        "Event-Timestamp = 1700000000",
    ]
    assert site.radclient(START + "\n".join(attributes) + "\n").returncode == 0
    (event,) = site.ledger.heard
    assert (event.name, event.rank) == ("line-17", 0)
    assert event.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert event.addresses == tuple(
        prefix(one)
        for one in (
            *("2001:db8:1:2::/64", "2001:db8:3::/48"),
            *("2001:db8:4000::/56", "2001:db8:5000::/36"),
            "2001:db8::7/128",
        )
    )
    assert counted(server) == {Count.TAKEN: 1}


def test_each_status_is_answered(site: Site, server: RadiusServer) -> None:
    statuses = (
        "Start",
        "Interim-Update",
        "Stop",
        "Accounting-On",
        "Accounting-Off",
        "Failed",
        "Tunnel-Start",
    )
    for status in statuses:
        assert site.radclient(START.replace("Start", status)).returncode == 0, status
    assert [event.kind for event in site.ledger.heard] == [Kind.START, Kind.INTERIM, Kind.STOP]
    assert [type(event) for event in site.ledger.boots] == [Boot, Boot]
    assert counted(server) == {Count.TAKEN: 5, Count.IGNORED: 2}


@pytest.mark.parametrize(
    "lost", ["Acct-Status-Type = Start\n", "Acct-Session-Id = s1\n", "User-Name = alice\n"]
)
def test_what_cannot_be_kept_is_acknowledged(site: Site, server: RadiusServer, lost: str) -> None:
    assert site.radclient(START.replace(lost, "")).returncode == 0
    assert site.ledger.events == []
    assert counted(server) == {Count.UNPARSABLE: 1}


def test_a_status_server_is_answered(site: Site, server: RadiusServer) -> None:
    assert site.radclient("Message-Authenticator = 0x00\n", "status").returncode == 0
    assert site.radclient("Message-Authenticator = 0x00\n", "status", to=IPV6).returncode == 0
    assert counted(server) == {Count.STATUS: 2}


def test_a_wrong_secret_gets_no_answer_and_no_lease(site: Site, server: RadiusServer) -> None:
    done = site.radclient(START, secret=SECRET[::-1], seconds=1)
    assert done.returncode != 0
    assert "No reply from server" in done.stderr + done.stdout
    assert site.ledger.events == []
    assert counted(server) == {Count.FORGED: 1}


def test_an_access_request_gets_no_answer(site: Site, server: RadiusServer) -> None:
    assert site.radclient("User-Name = alice\nUser-Password = x\n", "auth", seconds=1).returncode != 0
    assert counted(server) == {Count.UNEXPECTED: 1}


def test_an_unknown_client_gets_no_answer(site: Site) -> None:
    with site.serving(
        [Client("elsewhere", ip_network("192.0.2.0/24"), SECRET.encode()), CLIENTS[1]]
    ) as server:
        assert site.radclient(START, seconds=1).returncode != 0
        assert site.radclient(START, to=IPV6).returncode == 0
        assert server.state().counts == {("", Count.UNKNOWN_CLIENT): 1, ("::1", Count.TAKEN): 1}


def test_a_store_that_refuses_gets_the_packet_again_and_the_sender_its_answer(
    site: Site, server: RadiusServer
) -> None:
    site.ledger.refusing = True
    assert site.radclient(START, seconds=1).returncode != 0
    assert counted(server) == {Count.NOT_DURABLE: 1}
    assert server.state().trouble is not None
    site.ledger.refusing = False
    assert site.radclient(START).returncode == 0
    assert server.state().trouble is None
    assert len(site.ledger.events) == 1


def test_a_thousand_packets_are_all_acknowledged(site: Site, server: RadiusServer) -> None:
    packets = (START.replace("s1", f"s{number}") for number in range(1_000))
    done = site.radclient("\n".join(packets))
    assert done.returncode == 0
    assert done.stdout.count("Received Accounting-Response") == 1_000
    assert len({event.login for event in site.ledger.heard}) == 1_000
    assert counted(server) == {Count.TAKEN: 1_000}
