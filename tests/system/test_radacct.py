"""FreeRADIUS writes its table in a real PostgreSQL, as shipped; what we read of it are the leases."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_network
from pathlib import Path

import pytest

from sekisho.lines.events import Event, login_key
from sekisho.lines.radacct import Mark
from sekisho.lines.radacct_poll import Radacct
from sekisho.lines.radius import Naming
from sekisho.model import Address
from tests.store.postgres import Postgres, server
from tests.system.accounting import SECRET, copy_installed, start_freeradius, write_into_table
from tests.system.netns import Namespace, Net
from tests.unit.ledger import Ledger

PORT = 1813
NAS = "127.0.0.1"
BEGIN = 1_795_000_000  # of the events, in seconds
# On whatever day the test runs: what ended more than a week ago would not be looked at again.
NOW = datetime.fromtimestamp(BEGIN, UTC) + timedelta(hours=1)
SITE = f"""\
server accounting {{
	listen {{
		type = acct
		ipaddr = 127.0.0.1
		port = {PORT}
	}}
	preacct {{
		acct_unique
	}}
	accounting {{
		sql
	}}
}}
"""


class Site:
    """A FreeRADIUS with its table in a database, and our reading of it."""

    def __init__(self, here: Namespace, directory: Path, postgres: Postgres, url: str) -> None:
        self._here = here
        raddb = directory / "raddb"
        copy_installed(raddb, directory)
        write_into_table(raddb, postgres, url)
        (raddb / "sites-enabled" / "accounting").write_text(SITE)
        start_freeradius(here, raddb, directory / "log")
        self.radacct = Radacct(url, (Naming.CLASS, Naming.USER_NAME), None, utc=lambda: NOW)
        self.mark, self.ledger, self.names = Mark(), Ledger(), list[str]()

    def send(self, kind: str, seconds: int, **attributes: str) -> None:
        """Have a NAS send a packet, acknowledged when it is in the table."""
        values = {
            "Acct-Session-Id": "0A1B",
            "User-Name": "alice",
            "NAS-IP-Address": NAS,
            "Framed-IP-Address": "100.64.0.1",
            **{key.replace("_", "-"): value for key, value in attributes.items()},
        }
        lines = [f'{key} = "{value}"' for key, value in values.items() if value]
        packet = [f"Acct-Status-Type = {kind}", f"Event-Timestamp = {BEGIN + seconds}", *lines]
        self._here.run(
            *("radclient", "-x", "-r", "1", "-t", "30", f"{NAS}:{PORT}", "acct", SECRET),
            text_in="\n".join(packet),
        )

    def read(self) -> None:
        """Read what is new."""
        for batch in self.radacct.poll(self.mark, NOW - timedelta(days=183)):
            assert batch.unparsable == 0
            self.names += dict.fromkeys(one.name for one in batch.heard if one.name not in self.names)
            self.ledger.take(
                Event(
                    one.kind, one.at, one.nas, one.login, self.names.index(one.name), one.rank, one.addresses
                )
                for one in batch.heard
            )
            self.mark = batch.mark

    def held(self, text: str) -> list[tuple[str, float, float | None]]:
        """Return who held an address, in seconds."""
        network = ip_network(text)
        address = Address(network.network_address.packed, network.prefixlen)
        return [
            (self.names[line], begin.timestamp() - BEGIN, None if end is None else end.timestamp() - BEGIN)
            for begin, end, line in self.ledger.held(address)
        ]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with server() as running:
        yield running


@pytest.fixture
def site(net: Net, tmp_path: Path, postgres: Postgres) -> Iterator[Site]:
    made = Site(net.namespace("radacct"), tmp_path, postgres, postgres.make_database())
    yield made
    made.radacct.close()


def test_a_session_from_its_start_to_its_stop(site: Site) -> None:
    site.send("Start", 0, Delegated_IPv6_Prefix="2001:db8:4000:100::/56")
    site.read()
    assert site.held("100.64.0.1") == [("alice", 0, None)]
    assert site.held("2001:db8:4000:100::/56") == [("alice", 0, None)]
    site.send("Interim-Update", 600, Delegated_IPv6_Prefix="2001:db8:4000:100::/56")
    site.send("Stop", 900, Delegated_IPv6_Prefix="2001:db8:4000:100::/56")
    site.read()
    assert site.held("100.64.0.1") == [("alice", 0, 900)]
    assert site.held("2001:db8:4000:100::/56") == [("alice", 0, 900)]


def test_packets_that_are_lost_or_late(site: Site) -> None:
    site.send("Interim-Update", 600)
    site.read()
    assert site.held("100.64.0.1") == [("alice", 600, None)]
    site.send("Stop", 900, Acct_Session_Time="900")
    site.send("Start", 0)
    site.read()
    assert site.held("100.64.0.1") == [("alice", 0, 900)]


def test_a_session_s_id_that_is_used_again(site: Site) -> None:
    site.send("Start", 0)
    site.send("Stop", 100)
    site.read()
    site.send("Start", 500)
    site.read()
    assert site.held("100.64.0.1") == [("alice", 0, 100), ("alice", 500, None)]


def test_the_next_login_on_an_address_ends_one_whose_stop_was_lost(site: Site) -> None:
    site.send("Start", 0)
    site.read()
    site.send("Start", 1_000, Acct_Session_Id="0A1C", User_Name="bob")
    site.read()
    assert site.held("100.64.0.1") == [("alice", 0, 1_000), ("bob", 1_000, None)]


@pytest.mark.parametrize("kind", ["Accounting-On", "Accounting-Off"])
def test_a_nas_that_starts_anew_ends_its_sessions(site: Site, kind: str) -> None:
    site.send("Start", 0)
    site.send("Start", 10, Acct_Session_Id="0A1C", User_Name="bob", Framed_IP_Address="100.64.0.2")
    site.read()
    site.send(kind, 700, Framed_IP_Address="", User_Name="")
    site.read()
    assert site.held("100.64.0.1") == [("alice", 0, 700)]
    assert site.held("100.64.0.2") == [("bob", 10, 700)]


def test_a_login_is_known_by_the_same_key_as_by_radius(site: Site) -> None:
    site.send("Start", 0)
    site.read()
    assert set(site.ledger.logins) == {login_key(NAS, "0A1B", "alice")}
