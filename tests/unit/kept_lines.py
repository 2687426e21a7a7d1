"""A daemon that keeps lines: the real store and interface, without a kernel, at a time of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from sekisho.api import client
from sekisho.api.client import socket_path
from sekisho.api.models import GivenBy
from sekisho.audit import Record
from sekisho.config import Config
from sekisho.daemon.lines_office import KeptLines, Surroundings
from sekisho.daemon.lists import write_leases, write_lines
from sekisho.lines.events import Ending, Holding, Lease
from sekisho.lines.list_change import ListChange, compare
from sekisho.lines.records import ListedLine
from sekisho.lines.roster import Treatment
from sekisho.lines.static import LIST, StaticList, pool_classes, static_login
from sekisho.model import Address, Limit, PortPlan
from sekisho.plan import file_limits
from sekisho.store import Store, StoreError, Transaction, open_store
from tests.store.empty import lay_empty_store
from tests.unit.configuring import DYNAMIC, FIXED, GATE, IPV6_POOL, POOL, good
from tests.unit.fake_daemon import FakeOffice, running

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
NOW = NOON + timedelta(hours=2)
SKEW = timedelta(seconds=5)
HOME = Address(ip_address("100.64.0.7").packed, 32)
BLOCKS = PortPlan("dynamic", first=1_024, size=1_008)
SHARED = ip_address("100.64.1.1").packed
CASE = {"purpose": "case", "reference": "case 17"}
RELIEF = {"line": "home-7", "until": "2026-12-31", "reason": "runs a server of its own"}
SECRETS = ("home-7", "home-8", "office-17", "100.64.", "2001:db8", "case 17", "own server")
CONFIG = GATE + POOL + IPV6_POOL + DYNAMIC + FIXED


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def parsed(more: str = "") -> Config:
    return good(CONFIG + more)


@dataclass
class Desk:
    """The store behind a running daemon, and what the daemon has told of changes."""

    store: Store
    database: Path
    now: datetime = NOW
    is_whole: bool = True
    config: Config = field(default_factory=parsed)
    limits: Mapping[str, tuple[Limit, GivenBy]] = field(
        default_factory=lambda: {name: (limit, GivenBy.FILE) for name, limit in file_limits(parsed()).items()}
    )
    busy: str = ""
    met_cap: datetime | None = None
    changed: list[set[int]] = field(default_factory=list)
    heard: list[tuple[str, Address, float]] = field(default_factory=list)

    def hold(self, line: str, address: Address, begin: float, end: float | None = None) -> None:
        """Let a line hold an address from a second after noon on."""
        with self.store.transaction() as transaction:
            number = transaction.number_lines([line])[line]
            login = static_login("test", f"{line} {begin}")
            until, ending = (None, None) if end is None else (at(end), Ending.STOP)
            transaction.change_leases((), [Lease(address, at(begin), login, number, until, ending)])
            holding = Holding(number, login, static=False) if end is None else None
            transaction.put_holdings({address: holding})

    def hear(self, line: str, address: Address, begin: float) -> None:
        """Acknowledge that a line holds an address, before it is among the leases."""
        self.heard.append((line, address, begin))

    def settle(self) -> None:
        if self.busy:
            raise StoreError(self.busy)
        while self.heard:
            self.hold(*self.heard.pop())

    def share(self, network: bytes, plan: PortPlan) -> None:
        with self.store.transaction() as transaction:
            transaction.set_port_plans({network: plan}, NOON - timedelta(days=1))

    def records(self) -> list[Record]:
        with self.store.reading() as transaction:
            return list(transaction.records())

    def recorded(self) -> tuple[str, str, str, str, str]:
        """Return what the last record says was done, of what, why, for what, and what came of it."""
        entry = self.records()[-1].entry
        return entry.action, entry.subject, entry.purpose, entry.reference, entry.outcome

    def put_list(
        self,
        lines: StaticList,
        record: Callable[[Transaction, ListChange], object],
        *,
        config: Config,
        dry_run: bool,
    ) -> ListChange:
        """Compare with the list before, and write what the lines are."""
        assert config == self.config
        with self.store.transaction() as transaction:
            change = compare(transaction, lines, LIST, StaticList())
            record(transaction, change)
            if not dry_run:
                write_lines(transaction, change, self.now)
                write_leases(transaction, change, LIST, self.now)
        return change


@contextmanager
def desk_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Run a daemon that keeps lines on the socket of gate "gate"."""
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    config, database = parsed(), tmp_path / "gate.db"
    treatment = Treatment(pool_classes(config), file_limits(config))
    with closing(open_store(lay_empty_store(database))) as store, capture_logs() as logged:
        desk = Desk(store, database)
        around = Surroundings(
            utc=lambda: desk.now,
            config=lambda: desk.config,
            treatment=lambda: treatment,
            limits=lambda: desk.limits,
            skew=lambda: SKEW,
            settle=desk.settle,
            kept_since=lambda: desk.now - timedelta(days=183),
            gate_is_whole=lambda: desk.is_whole,
            counts=lambda: {"radius": {"taken": 7, "unsent": 0}, "intake": {"outside": 0}},
            put_list=desk.put_list,
            met_cap=lambda _: desk.met_cap,
            on_change=lambda lines: desk.changed.append(set(lines)),
        )
        with running(FakeOffice(), lines=KeptLines(store, around)):
            yield desk
    told = str(logged)
    assert not any(secret in told for secret in SECRETS), "the log leaves the machine"


def raw(method: str, path: str, **how: object) -> httpx.Response:
    """Ask as any program may, and return the whole answer."""
    transport = httpx.HTTPTransport(uds=str(socket_path("gate")))
    with httpx.Client(transport=transport, base_url="http://sekisho") as asker:
        return asker.request(method, path, **how)  # type: ignore[arg-type]


def listed(desk: Desk, line: str, class_name: str, *, fixed: bool = True) -> None:
    with desk.store.transaction() as transaction:
        number = transaction.number_lines([line])[line]
        transaction.set_lines([ListedLine(number, line, class_name, fixed)])


def asked(address: str, seconds: float, **more: Any) -> dict[str, Any]:
    """Ask who held an address some seconds after noon; return the answer."""
    question = {"address": address, "at": at(seconds).isoformat(), **CASE, **more}
    answer = raw("POST", "/v1/lines/holder", json=question)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


def shown(line: str, **more: Any) -> dict[str, Any]:
    """Ask to be shown a line; return the answer."""
    answer = raw("POST", "/v1/lines/show", json={"line": line, **CASE, **more})
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    told: dict[str, Any] = answer.json()
    return told


def refused(status: int, kind: str, path: str, body: Any) -> str:
    """Ask what is refused; return why."""
    answer = raw("POST", path, json=body)
    problem = answer.json()
    assert (answer.status_code, problem["type"]) == (status, f"urn:sekisho:problem:{kind}")
    assert answer.headers["cache-control"] == "no-store"
    return str(problem["detail"])
