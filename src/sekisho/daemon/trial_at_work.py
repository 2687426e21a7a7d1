"""The trial in a running daemon, and what the interface asks of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sekisho.config import Checked, Config
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.trial_keeper import TrialKeeper
from sekisho.daemon.trial_office import RunningTrial
from sekisho.store import Store
from sekisho.trial.following import Clocks


def kept_trial(config: Config, store: Store, utc: Callable[[], datetime]) -> TrialKeeper:
    """Learn of the trial from the store, before the gate asks how it stands."""
    trial = TrialKeeper(store, clocks=lambda: Clocks(utc(), timedelta(seconds=time.monotonic())))
    trial.expect(config)
    return trial


def expecting(checked: Checked, trial: TrialKeeper | None) -> Checked:
    """Learn of the trial of a configuration that is to come into force."""
    if trial is not None and checked.config is not None:
        trial.expect(checked.config)
    return checked


@contextmanager
def following(trial: TrialKeeper, keeper: Keeper, on_change: Callable[[], object]) -> Iterator[None]:
    """Let the gate follow the trial; `on_change` is called each time it does."""
    trial.start(keeper, on_change)
    try:
        yield
    finally:
        trial.stop()


def running_trial(trial: TrialKeeper, keeper: Keeper, utc: Callable[[], datetime]) -> RunningTrial:
    """Return what answers questions about the trial."""
    return RunningTrial(trial.journal.store, trial, kept=lambda: keeper.kept, utc=utc)
