"""From calls of Kea's hook to leases, through the store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest

from sekisho.api.line_models import EventsAnswer, KeaCall
from sekisho.daemon.intake import Intake
from sekisho.daemon.kea_calls import KeaCalls
from sekisho.lines.events import Heard
from sekisho.lines.kea import KeaNaming
from sekisho.lines.roster import Treatment
from sekisho.lines.static import pool_classes
from sekisho.model import Address
from sekisho.plan import file_limits
from sekisho.store import Store, StoreError, open_store
from tests.store.empty import lay_empty_store
from tests.unit.kept_lines import parsed

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOME = Address(ip_address("100.64.0.7").packed, 32)
LEASE = {"ADDRESS": "100.64.0.7", "HWADDR": "02:00:00:00:00:07", "STATE": "default"}
CIRCUIT = {"QUERY4_OPTION_82_SUB_OPTION_1": "0x" + b"ge-0/1".hex()}


def call(event: str, seconds: float, variables: Mapping[str, str]) -> KeaCall:
    at = (NOON + timedelta(seconds=seconds)).isoformat()
    return KeaCall.model_validate({"event": event, "at": at, "variables": variables})


def committed(seconds: float, **more: str) -> KeaCall:
    lease = {f"LEASES4_AT0_{key}": value for key, value in LEASE.items()}
    return call("leases4_committed", seconds, {"LEASES4_SIZE": "1", **lease, **more})


def released(seconds: float) -> KeaCall:
    return call("lease4_release", seconds, {f"LEASE4_{key}": value for key, value in LEASE.items()})


class Site:
    """Kea's calls, and what was taken of them before it was settled."""

    def __init__(self, store: Store) -> None:
        self.store = store
        config = parsed()
        treatment = Treatment(pool_classes(config), file_limits(config))
        self.intake = Intake(
            store, treatment=lambda: treatment, rules=tuple, tell=lambda _: None, utc=lambda: NOON
        )
        self.waiting: list[Heard] = []
        self.naming = (KeaNaming.CIRCUIT_ID, KeaNaming.HARDWARE)
        self.calls = KeaCalls(
            store,
            lambda: self.naming,
            settle=self.settle,
            take=self.waiting.extend,
            utc=lambda: NOON + timedelta(hours=2),
        )

    def settle(self) -> None:
        self.intake.take(tuple(self.waiting))
        self.waiting.clear()

    def take(self, *calls: KeaCall) -> EventsAnswer:
        return self.calls.take_calls(calls)

    def held(self) -> str | None:
        """Return which line holds the address."""
        self.settle()
        with self.store.reading() as transaction:
            holding = transaction.holdings([HOME]).get(HOME)
            return None if holding is None else transaction.line_names([holding.line])[holding.line]


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with closing(open_store(lay_empty_store(tmp_path / "gate.db"))) as store:
        yield Site(store)


def test_a_lease_is_held_until_it_is_given_back(site: Site) -> None:
    assert site.take(committed(0, **CIRCUIT)) == EventsAnswer(taken=1, unparsable=0)
    assert site.held() == "ge-0/1"
    site.take(released(60))
    assert site.held() is None


def test_a_renewal_without_the_relay_is_the_same_line_s(site: Site) -> None:
    site.take(committed(0, **CIRCUIT))
    site.take(committed(60))
    site.take(committed(120), committed(180))
    assert site.held() == "ge-0/1"
    site.take(released(240), committed(300))
    assert site.held() == "02:00:00:00:00:07"


def test_what_cannot_be_read_is_counted_and_holds_up_nothing(site: Site) -> None:
    answer = site.take(
        call("lease4_dreamt_of", 0, {}),
        call("leases4_committed", 0, {"LEASES4_SIZE": "many"}),
        committed(0, **CIRCUIT),
        call("leases4_committed", 0, {"LEASES4_SIZE": "1", "LEASES4_AT0_HWADDR": "02:00:00:00:00:08"}),
    )
    assert answer == EventsAnswer(taken=1, unparsable=3)
    assert site.held() == "ge-0/1"
    assert site.calls.counts == {"taken": 1, "unparsable": 3}


def test_a_lease_that_nothing_names_is_counted(site: Site) -> None:
    site.naming = (KeaNaming.CIRCUIT_ID, KeaNaming.REMOTE_ID)
    assert site.take(committed(0)) == EventsAnswer(taken=0, unparsable=1)
    assert site.held() is None


def test_what_says_nothing_of_a_lease_is_taken_as_such(site: Site) -> None:
    assert site.take(call("lease4_renew", 0, {})) == EventsAnswer(taken=0, unparsable=0)
    assert site.take() == EventsAnswer(taken=0, unparsable=0)


def test_with_the_store_away_nothing_is_taken(site: Site) -> None:
    def away() -> None:
        raise StoreError("store: its disk is full")

    calls = KeaCalls(
        site.store, lambda: site.naming, settle=away, take=lambda _: pytest.fail("taken"), utc=lambda: NOON
    )
    with pytest.raises(StoreError):
        calls.take_calls([committed(0, **CIRCUIT)])
    assert not calls.counts


@pytest.mark.parametrize("seconds", [-40 * 86_400, 10_000 * 86_400])
def test_a_time_that_cannot_be_is_that_of_the_receipt(site: Site, seconds: float) -> None:
    site.take(call("leases4_committed", seconds, committed(0).variables))
    assert [one.at for one in site.waiting] == [NOON + timedelta(hours=2)]
    assert site.calls.counts["clock"] == 1
