"""A daemon without a kernel: the real server and interface on a socket of the test's own."""

from __future__ import annotations

import asyncio
import pwd
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from sekisho.api.app import Peer, create_app
from sekisho.api.client import socket_path
from sekisho.api.desk import DeskOffice
from sekisho.api.lines import LinesOffice
from sekisho.api.models import (
    ClassStatus,
    ConfigStatus,
    CountersValue,
    DaemonStatus,
    DownAnswer,
    HoldStatus,
    InterfaceStatus,
    LimitAnswer,
    LimitValue,
    ReloadAnswer,
    Status,
)
from sekisho.api.problems import RefusalError
from sekisho.api.trial import TrialOffice
from sekisho.daemon.server import Server, listening
from sekisho.gate import GateError
from sekisho.model import ClassCounters, Limit, Mode, Totals
from sekisho.plan import LimitChange

NOW = datetime(2026, 4, 1, 12, 0, tzinfo=UTC)
FILE = Limit(Mode.ENFORCE, 5, 1_000)


@dataclass
class FakeOffice:
    """An office with one class; it writes down who asked for what."""

    limit: Limit = FILE
    status_failure: str = ""
    asked: list[tuple[str, Peer]] = field(default_factory=list)

    def status(self) -> Status:
        if self.status_failure:
            raise GateError(self.status_failure)
        dynamic = ClassStatus(
            **LimitValue.of(self.limit).model_dump(),
            file=LimitValue.of(FILE),
            overridden=self.limit != FILE,
            sessions=3,
            held_now=2,
            attempted=20,
            admitted=12,
            refused=8,
        )
        return Status(
            name="gate",
            state="enforcing, delay by hold",
            attached=True,
            enforcing=True,
            delay_by="hold",
            sessions=3,
            classes={"dynamic": dynamic},
            totals={"lines_full": 0, "slots_full": 4},
            interfaces=(
                InterfaceStatus(name="bng0", role="subscriber", hook="tcx", program="0a", since=NOW),
            ),
            hold=HoldStatus(
                held=2,
                released=10,
                dropped=0,
                late_p50_ms=1,
                late_p99_ms=2.5,
                rules_restored=0,
                queues_lost=0,
            ),
            config=ConfigStatus(file="sekisho.toml", digest="00", loaded_at=NOW),
            daemon=DaemonStatus(pid=1, version="0", started_at=NOW),
        )

    def counters(self) -> CountersValue:
        return CountersValue(classes={"dynamic": {"0": ClassCounters(attempted=20)}}, totals=Totals(exempt=1))

    def set_limit(self, class_name: str, change: LimitChange, peer: Peer) -> LimitAnswer:
        self.asked.append((f"set {class_name}", peer))
        if class_name != "dynamic":
            raise RefusalError(
                404, "unknown-class", "There is no such class", f"there is no class {class_name!r}"
            )
        self.limit = change.of(self.limit)
        warnings = ("after 6s some have given up",) if self.limit.delay_ms > 5_000 else ()
        limit, file = LimitValue.of(self.limit), LimitValue.of(FILE)
        return LimitAnswer(class_name=class_name, limit=limit, file=file, warnings=warnings)

    def reload(self, peer: Peer) -> ReloadAnswer:
        self.asked.append(("reload", peer))
        problems = ["sekisho.toml:6: error: one", "sekisho.toml:7: error: two"]
        raise RefusalError(409, "refused-file", "The file has errors", "; ".join(problems), problems)

    def down(self, peer: Peer) -> DownAnswer:
        self.asked.append(("down", peer))
        return DownAnswer(name="gate", state="not attached")


@contextmanager
def running(
    office: FakeOffice,
    name: str = "gate",
    lines: LinesOffice | None = None,
    guest: pwd.struct_passwd | None = None,
    trial: TrialOffice | None = None,
    desk: DeskOffice | None = None,
) -> Iterator[FakeOffice]:
    """Answer for an office on the gate's socket until the test ends; `guest` may only tell of leases."""
    started = threading.Event()

    async def tell_started() -> None:
        started.set()

    guests = () if guest is None else (guest.pw_uid,)
    server = Server(create_app(office, lines, trial, desk=desk), on_started=tell_started, guests=guests)
    with listening(socket_path(name), None if guest is None else guest.pw_gid) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve([listener])))
        thread.start()
        try:
            assert started.wait(timeout=30)
            yield office
        finally:
            server.should_exit = True
            thread.join()
