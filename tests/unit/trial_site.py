"""A daemon's trial with a gate, clocks and a store of the test's own, and the plan of some days of April."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sekisho.config import Config
from sekisho.daemon.trial_keeper import TrialKeeper
from sekisho.daemon.trial_office import RunningTrial
from sekisho.model import Limit, Mode
from sekisho.store import Store, StoreError
from sekisho.store.late import LateStore
from sekisho.trial.events import What
from sekisho.trial.following import Clocks
from sekisho.trial.standing import Standing
from tests.unit.keeping import TEXT, FakeGate, Scene

DYNAMIC, FIXED = Limit(Mode.ENFORCE, 5, 1_000), Limit(Mode.OBSERVE, 20, 0)
TRIAL = """[trial]
name = "spring"
from = 2026-04-02
to = 2026-04-30
zone = "UTC"
classes = ["dynamic", "fixed"]
[[trial.phase]]
from = 2026-04-03
to = 2026-04-03
class.dynamic = { cap = 3, delay = "2s" }
class.fixed = { mode = "enforce", delay = "4s" }
[[trial.phase]]
from = 2026-04-04
to = 2026-04-04
class.dynamic = { mode = "observe" }
"""
PHASE = {"dynamic": Limit(Mode.ENFORCE, 3, 2_000), "fixed": Limit(Mode.ENFORCE, 20, 4_000)}
OWN = {"dynamic": DYNAMIC, "fixed": FIXED}


def day(number: float) -> datetime:
    return datetime.fromisoformat("2026-03-31T00:00:00+00:00") + timedelta(days=number)


class AwayStore(LateStore):
    """A store that can be away."""

    is_away = False

    def _opened(self) -> Store:
        if self.is_away:
            raise StoreError("store: its disk is full: make room")
        self.open()
        return super()._opened()


class Site:
    """A daemon's trial, without the daemon; its clocks are the test's."""

    def __init__(self, url: str, now: datetime, gate: FakeGate | None = None) -> None:
        self.clocks = Clocks(now, timedelta())
        self.store = AwayStore(url)
        self.gate = gate
        self.started = False

    def build(self, text: str = TEXT + TRIAL) -> Site:
        """Make all as a daemon does before it starts."""
        self.trial = TrialKeeper(self.store, clocks=lambda: self.clocks)
        self.scene = Scene(self.gate, text=text, trial=self._standing)
        self.gate = self.scene.gate
        self.keeper = self.scene.keeper
        self.office = RunningTrial(
            self.store, self.trial, kept=lambda: self.keeper.kept, utc=lambda: self.now
        )
        return self

    def start(self, text: str = TEXT + TRIAL) -> Site:
        self.build(text).trial.start(self.keeper)
        self.started = True
        return self

    def _standing(self, config: Config) -> Standing | None:
        self.trial.expect(config)
        return self.trial.standing(config)

    @property
    def now(self) -> datetime:
        return self.clocks.wall

    def pass_to(self, now: datetime) -> None:
        """Let time pass by both clocks, and let it be seen."""
        self.clocks = Clocks(now, self.clocks.steady + (now - self.now))
        self.trial.look()

    def set_clock(self, now: datetime) -> None:
        """Set the clock on the wall."""
        self.clocks = Clocks(now, self.clocks.steady)
        self.trial.look()

    @property
    def in_kernel(self) -> dict[str, Limit]:
        return self.scene.in_kernel

    def events(self) -> list[tuple[What, str]]:
        with self.store.reading() as transaction:
            return [(one.what, one.reason) for one in transaction.trial_events("spring")]

    def kinds(self) -> list[What]:
        return [what for what, _ in self.events()]

    def close(self) -> None:
        self.store.is_away = False
        if self.started:
            self.trial.stop()
        self.store.close()


@contextmanager
def site_at(url: str, number: float, gate: FakeGate | None = None) -> Iterator[Site]:
    made = Site(url, day(number), gate)
    try:
        yield made
    finally:
        made.close()


def site_on(directory: Path, number: float, gate: FakeGate | None = None) -> AbstractContextManager[Site]:
    """Make a site with a file of its own as its store."""
    return site_at(file_in(directory), number, gate)


def file_in(directory: Path) -> str:
    """Return the url of a file as a store."""
    return f"sqlite:///{directory / 'store.db'}"
