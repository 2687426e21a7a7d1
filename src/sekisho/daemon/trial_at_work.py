"""The trial in a running daemon, and what the interface asks of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from sekisho.config import Checked, Config
from sekisho.daemon.attached import interfaces_now
from sekisho.daemon.desk_letters import noting
from sekisho.daemon.guardrail_gauges import Gauges
from sekisho.daemon.guardrail_keeper import GuardrailKeeper
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.minute_reader import read_clocks
from sekisho.daemon.postman import Postmen, delivering
from sekisho.daemon.sources import Sources
from sekisho.daemon.trial_keeper import TrialKeeper
from sekisho.daemon.trial_office import RunningTrial
from sekisho.gate.machine import boot_id
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


@dataclass(frozen=True)
class TrialAtWork:
    """The trial that the gate follows, its guardrails, and who tells of them."""

    keeper: TrialKeeper
    guardrails: GuardrailKeeper
    postmen: Postmen

    def check(self) -> None:
        """Raise GateError where a thread of theirs has ended by itself."""
        self.keeper.check()
        self.guardrails.check()
        self.postmen.check()


@contextmanager
def following(
    trial: TrialKeeper,
    keeper: Keeper,
    sources: Sources,
    directory: Path,
    *,
    utc: Callable[[], datetime],
    on_change: Callable[[], object],
) -> Iterator[TrialAtWork]:
    """Let the gate follow the trial; `on_change` is called each time it does.

    `directory`: of the configuration, and of the secrets that it names.
    """

    def in_force() -> Config:
        return keeper.kept.config

    with ExitStack() as stack:
        trial.start(keeper, on_change)
        stack.callback(trial.stop)
        store, boot = trial.journal.store, boot_id()
        postmen = stack.enter_context(delivering(store, in_force, directory, utc, noting(in_force)))
        gauges = Gauges(
            keeper,
            boot=boot,
            interfaces=lambda: frozenset(one.name for one in interfaces_now(keeper.kept.config.gate.name)),
            taken=sources.taken,
        )
        guardrails = GuardrailKeeper(
            trial,
            gauges,
            store,
            config=lambda: keeper.kept.config,
            boot=boot,
            clocks=read_clocks,
            on_letters=postmen.look,
        )
        guardrails.start()
        stack.callback(guardrails.stop)
        yield TrialAtWork(trial, guardrails, postmen)


def running_trial(trial: TrialAtWork, keeper: Keeper, utc: Callable[[], datetime]) -> RunningTrial:
    """Return what answers questions about the trial."""
    return RunningTrial(
        trial.keeper.journal.store,
        trial.keeper,
        kept=lambda: keeper.kept,
        utc=utc,
        looked=lambda: trial.guardrails.looked,
    )
