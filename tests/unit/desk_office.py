"""A desk behind the daemon's interface, for the commands, and a gate that takes what it is told."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from sekisho.api import client
from sekisho.cli import app
from sekisho.daemon.desk_doors import Inbox
from sekisho.daemon.desk_export import Keys
from sekisho.daemon.desk_measures import GateActions
from sekisho.daemon.desk_office import RunningDesk
from sekisho.daemon.desk_settler import DeskSettler
from sekisho.daemon.intake import Intake
from sekisho.desk.policy import Policy
from sekisho.lines.events import Holding, Lease
from sekisho.lines.records import ListedLine
from sekisho.lines.roster import SUSPENDED_LIMIT, Treatment
from sekisho.model import Address, KnownLine, RosterChange
from sekisho.signing import Signer
from tests.desk.world import World
from tests.unit.desk_site import SOON, TREATMENT, Site, about, lease_of, site_of
from tests.unit.fake_daemon import FakeOffice, running

OWN = Policy().own_limit
LIMITED = KnownLine("dynamic", OWN)
SUSPENDED = KnownLine("dynamic", SUSPENDED_LIMIT)
FREE = KnownLine("dynamic")
NOW_AT = Address(ip_address("198.19.0.1").packed, 32)  # what the line holds when the desk looks at it


@dataclass
class Office:
    """A desk behind the daemon's interface, and a gate that takes what it is told."""

    site: Site
    lease: Lease
    settler: DeskSettler
    intake: Intake
    kernel: dict[int, KnownLine] = field(default_factory=dict)
    is_deaf: bool = False
    gate: GateActions | None = None

    def told(self, change: RosterChange) -> None:
        if not self.is_deaf:
            self.kernel.update({line: known for line, known in change.lines.items() if known is not None})

    def actions(self) -> GateActions:
        return GateActions(
            self.site.store,
            refresh=self.intake.refresh,
            wanted=self.intake.known_line,
            in_kernel=self.kernel.get,
            utc=lambda: self.site.now,
        )

    def act(self) -> None:
        """Ask, and look."""
        self.gate = self.gate or self.actions()
        self.gate.step()
        self.gate.step()

    def report(self, *numbers: int) -> None:
        """Let reports of parties come in and be read."""
        self.take(*(about(self.lease, number) for number in numbers))

    def take(self, *originals: bytes) -> None:
        """Let originals come in and be read."""
        self.site.take(*originals)
        while self.settler.step():
            pass

    @property
    def in_kernel(self) -> KnownLine:
        return self.kernel[self.lease.line]

    def progress(self) -> list[tuple[str, str, str]]:
        with self.site.store.reading() as transaction:
            return [(one.do, one.kind, one.progress) for one in transaction.case_actions(1)]

    def recorded(self) -> list[tuple[str, str, str]]:
        with self.site.store.reading() as transaction:
            entries = [record.entry for record in transaction.records()]
        return [(one.action, one.subject, one.outcome) for one in entries if one.action.startswith("desk")]


@contextmanager
def office_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, provider: World) -> Iterator[Office]:
    """Open a desk for commands: they find it as a daemon."""
    monkeypatch.setattr(client, "SOCKETS", tmp_path)
    lease = lease_of(provider)
    with site_of(tmp_path / "a.db", provider, SOON) as site:
        site.now = lease.begin + timedelta(hours=2)
        with site.store.transaction() as transaction:
            transaction.change_leases((), [Lease(NOW_AT, site.now, b"now", lease.line)])
            lines = sorted({one.line for one in provider.leases})
            transaction.set_lines(ListedLine(one, f"L-{one:04}", None, fixed=False) for one in lines)
            transaction.put_holdings({NOW_AT: Holding(lease.line, b"now", static=False)})
        treatment = Treatment(TREATMENT.class_of, TREATMENT.classes, own={"dynamic": OWN})
        intake = Intake(
            site.store,
            treatment=lambda: treatment,
            rules=tuple,
            tell=lambda change: made.told(change),  # noqa: PLW0108 - it is made below
            utc=lambda: site.now,
        )
        made = Office(site, lease, site.settler(), intake)
        inbox = Inbox(site.store, site.sealer, lambda: site.now, _reading(made))
        desk = RunningDesk(
            site.store,
            desk=site.desk,
            inbox=inbox,
            keys=Keys(site.sealer, _no_key),
            gate="gate",
            utc=lambda: site.now,
            on_change=lambda: None,
            unopened=lambda: made.settler.unopened,
            settle_lines=site.settle_lines,
        )
        with running(FakeOffice(), desk=desk):
            yield made


def _no_key() -> Signer:
    raise AssertionError("nothing is signed here")


def _reading(office: Office):  # type: ignore[no-untyped-def]
    def read() -> None:
        while office.settler.step():
            pass

    return read


def sekisho(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["desk", *arguments], prog_name="sekisho")


def told(*arguments: str) -> str:
    result = sekisho(*arguments)
    assert result.exit_code == 0, result.stderr
    return result.output


def refused(*arguments: str) -> str:
    result = sekisho(*arguments)
    assert (result.exit_code, result.stdout) == (1, ""), result.output
    return result.stderr
