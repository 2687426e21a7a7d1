"""Tells which gates of one store do as the trial stands, and waits a moment for those still to hear."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from sekisho.api.trial_models import TrialGateValue
from sekisho.store import Store
from sekisho.trial.obeying import Obeying, outstanding

LONGEST_SECONDS: Final = 3.0  # a gate that must look by itself does so within one, and writes it then
_AGAIN_SECONDS: Final = 0.02


def wait_for_others(
    store: Store, trial: str, here: Obeying, utc: Callable[[], datetime], longest: float = LONGEST_SECONDS
) -> tuple[Obeying, ...]:
    """Wait until the gates that are heard of obey what the one here does, or no longer; return all others.

    `longest`: in seconds. Raises StoreError.
    """
    end = time.monotonic() + longest
    while True:
        others = of_others(store, trial, here.gate)
        if not outstanding(others, here.suspended, utc()) or time.monotonic() >= end:
            return others
        time.sleep(_AGAIN_SECONDS)


def of_others(store: Store, trial: str, gate: str) -> tuple[Obeying, ...]:
    """Return what the other gates of a trial wrote last. Raises StoreError."""
    with store.reading() as transaction:
        return tuple(one for one in transaction.obeying(trial) if one.gate != gate)


def gate_values(
    suspended: datetime | None, here: Obeying, others: Iterable[Obeying], planned: Iterable[str]
) -> tuple[TrialGateValue, ...]:
    """Show each gate by name, and whether it does as it should; `suspended`: since when the trial is.

    `planned`: those that the plan names, which may never have been heard of.
    """
    known = {one.gate: one for one in (here, *others)}
    names = sorted({*known, *planned})
    return tuple(_value(name, known.get(name), suspended, here.heard) for name in names)


def _value(name: str, one: Obeying | None, suspended: datetime | None, now: datetime) -> TrialGateValue:
    if one is None:
        return TrialGateValue(name=name, obeys=False, heard=None, silent=True)
    obeys, is_silent = one.suspended == suspended, one.is_silent(now)
    return TrialGateValue(name=name, obeys=obeys and not is_silent, heard=one.heard, silent=is_silent)
