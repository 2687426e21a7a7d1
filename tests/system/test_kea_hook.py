"""Kea, its run_script hook and our script, with real clients: what is told of leases, and nothing lost."""

from __future__ import annotations

import signal
from contextlib import closing
from ipaddress import ip_network
from pathlib import Path

import pytest

from sekisho.model import Address
from tests.system.dhcp import SERVER, Receiver, Site
from tests.system.netns import Net
from tests.system.waiting import until


@pytest.fixture
def site(net: Net, tmp_path: Path) -> Site:
    """A wire between a server and a client."""
    server, client = net.namespace("kea"), net.namespace("client")
    net.veth(server, "s0", client, "c0")
    server.address("s0", f"{SERVER}/24", "2001:db8::1/64")
    client.run("ip", "link", "set", "c0", "up")
    return Site(server, client, tmp_path, Receiver(tmp_path / "api.sock"))


def address(text: str) -> Address:
    network = ip_network(text)
    return Address(network.network_address.packed, network.prefixlen)


FIRST = address("100.64.0.10")


def test_a_client_comes_renews_and_goes(site: Site) -> None:
    told = site.receiver
    with told.listening():
        site.kea(4)
        client = site.udhcpc()
        until(lambda: told.named("leases4_committed") == 1 and site.has_address())
        client.send_signal(signal.SIGUSR1)  # renew now
        until(lambda: told.named("leases4_committed") == 2)
        ((name, begin, end),) = told.ledger.spans(FIRST)
        assert name.startswith("01:")
        assert end is None
        client.send_signal(signal.SIGUSR2)  # give the address back
        until(lambda: told.named("lease4_release") == 1)
        ((_, same, end),) = told.ledger.spans(FIRST)
        assert end is not None
        assert begin == same < end


def test_what_happens_while_the_daemon_is_away_is_told_when_it_is_back(site: Site) -> None:
    told = site.receiver
    site.kea(4)
    client = site.udhcpc()
    until(lambda: any(site.spool.glob("part.*")) and site.has_address())
    client.send_signal(signal.SIGUSR2)
    until((site.spool / "events").exists)
    with told.listening():
        client.send_signal(signal.SIGUSR1)  # come back
        until(lambda: told.named("lease4_release") == 1 and len(told.ledger.spans(FIRST)) == 2)
        (_, _, first_end), (_, second_begin, second_end) = told.ledger.spans(FIRST)
        assert first_end is not None
        assert first_end < second_begin
        assert second_end is None
        until(lambda: not any(site.spool.glob("part.*")) and not (site.spool / "events").exists())


def test_a_line_is_named_by_its_circuit_until_its_lease_expires(site: Site) -> None:
    told = site.receiver
    with told.listening():
        site.kea(4)
        with closing(site.relay()) as relay:
            home = relay.take("ge-0/1")
            until(lambda: told.named("leases4_committed") == 1)
            relay.renew(home)
            until(lambda: told.named("leases4_committed") == 2)
            until(lambda: told.named("lease4_expire") == 1)
        ((name, _, end),) = told.ledger.spans(address(home))
        assert name == "ge-0/1"
        assert end is not None


def test_an_address_that_is_declined_is_nobody_s(site: Site) -> None:
    told = site.receiver
    with told.listening():
        site.kea(4)
        with closing(site.relay()) as relay:
            home = relay.take("ge-0/1")
            until(lambda: told.named("leases4_committed") == 1)
            relay.decline(home, "ge-0/1")
            until(lambda: told.named("lease4_decline") == 1 and told.named("leases4_committed") == 2)
        ((name, _, end),) = told.ledger.spans(address(home))
        assert name == "ge-0/1"
        assert end is not None


def test_an_address_and_a_prefix_of_ipv6(site: Site) -> None:
    told = site.receiver
    with told.listening():
        site.kea(6)
        with closing(site.dhcpv6()) as client:
            client.take()
            until(lambda: told.named("leases6_committed") == 1)
            for held in ("2001:db8::100", "2001:db8:4000::/56"):
                ((name, _, end),) = told.ledger.spans(address(held))
                assert (name, end) == ("00:03:00:01:02:aa:bb:cc:dd:01", None)
            client.release()
            until(lambda: told.named("lease6_release") == 2)
        for held in ("2001:db8::100", "2001:db8:4000::/56"):
            assert [end is None for _, _, end in told.ledger.spans(address(held))] == [False]
