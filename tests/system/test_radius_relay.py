"""FreeRADIUS relays accounting as etc/freeradius has it: whatever becomes of us, nothing is lost."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sekisho.lines.events import Kind
from sekisho.lines.radius_reception import Count
from tests.system.accounting import THEIRS, Site, counted
from tests.system.netns import Net
from tests.system.waiting import until

PACKETS = 100
FIRST = 1_700_000_000
UNANSWERING = (3, 2, 7)  # Debian 13's: in an outage it answers only some of what it cannot relay at once


@pytest.fixture
def site(net: Net, tmp_path: Path) -> Site:
    return Site(net.namespace("radius"), tmp_path)


def version() -> tuple[int, ...]:
    """FreeRADIUS's."""
    told = subprocess.run(["freeradius", "-v"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"Version (\d+)\.(\d+)\.(\d+)", told)
    assert match is not None, told
    return tuple(map(int, match.groups()))


def starts(first: int) -> str:
    """Starts of so many lines; each happened a second after the one before."""
    return "\n".join(
        "Acct-Status-Type = Start\n"
        f"Acct-Session-Id = s{number}\n"
        f"User-Name = user{number}\n"
        "NAS-Identifier = bng1\n"
        f"Framed-IP-Address = 100.64.{number >> 8}.{number & 255}\n"
        f"Event-Timestamp = {FIRST + number}\n"
        for number in range(first, first + PACKETS)
    )


def bring(site: Site, first: int) -> None:
    """Have accounting arrive at FreeRADIUS, which answers when it is safe there."""
    done = site.radclient(starts(first), to=f"127.0.0.1:{THEIRS}")
    assert done.returncode == 0, done.stdout[-2_000:]
    assert done.stdout.count("Received Accounting-Response") == PACKETS


def all_taken(site: Site, number: int) -> Callable[[], bool]:
    return lambda: len({event.name for event in site.ledger.heard}) == number


@pytest.mark.parametrize("at_once", [False, True], ids=["written down first", "at once"])
def test_nothing_is_lost_while_we_are_away_or_our_store_is(site: Site, at_once: bool) -> None:
    if at_once and version() >= UNANSWERING:
        pytest.skip("FreeRADIUS 3.2.7 does not run Fail-Accounting for all that it cannot relay")
    site.freeradius(at_once=at_once)
    bring(site, 0)  # nobody is there yet
    assert any(site.spool.iterdir())
    site.ledger.refusing = True
    with site.serving() as server:
        until(lambda: counted(server)[Count.NOT_DURABLE] > 0)  # we are back, and our store is not
        assert site.ledger.events == []
        site.ledger.refusing = False
        until(all_taken(site, PACKETS), 120)
        bring(site, PACKETS)
        until(all_taken(site, 2 * PACKETS), 120)
    bring(site, 2 * PACKETS)  # away again
    with site.serving():
        until(all_taken(site, 3 * PACKETS), 120)
        until(lambda: not any(site.spool.iterdir()))  # and nothing stands behind
    assert {event.kind for event in site.ledger.heard} == {Kind.START}
    for event in site.ledger.heard:
        number = int(event.name.removeprefix("user"))
        assert event.at == datetime.fromtimestamp(FIRST + number, UTC)
        (address,) = event.addresses
        assert address.network == bytes((100, 64, number >> 8, number & 255))


def test_what_cannot_be_kept_does_not_stop_what_stands_behind_it(site: Site) -> None:
    site.freeradius()
    nameless = "Acct-Status-Type = Start\nAcct-Session-Id = s\nNAS-Identifier = bng1\n"
    strange = "Acct-Status-Type = Failed\nAcct-Session-Id = s\nNAS-Identifier = bng1\n"
    for attributes in (nameless, strange, starts(0)):
        assert site.radclient(attributes, to=f"127.0.0.1:{THEIRS}").returncode == 0
    with site.serving() as server:
        until(all_taken(site, PACKETS))
        counts = counted(server)
    assert (counts[Count.UNPARSABLE], counts[Count.IGNORED]) == (1, 1)
