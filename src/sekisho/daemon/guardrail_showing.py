"""Puts guardrails, what people entered, and alerts into the values of the interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from math import isfinite
from typing import Any, Final, NamedTuple

from sekisho.api.models import GivenUpValue
from sekisho.api.trial_models import (
    AlertsValue,
    BlocklistClassValue,
    ComplaintDayValue,
    GuardrailDayValue,
    GuardrailValue,
)
from sekisho.daemon.guardrail_keeper import Looked
from sekisho.store import StoreError, Transaction
from sekisho.store.guardrails import Paths
from sekisho.store.outbox import GivenUp, LettersWaiting
from sekisho.trial.guardrails import What
from sekisho.trial.obeying import Obeying
from sekisho.trial.registration import Version
from sekisho.trial.watching import UNITS, Seen

MOST_DAYS: Final = 14
MOST_GIVEN_UP: Final = 100  # letters


class KeptOfTrial(NamedTuple):
    """What the store knows of a trial."""

    versions: tuple[Version, ...]
    complaints: Mapping[date, int]
    blocklist_until: Mapping[str, datetime]
    paths: Paths
    waiting: LettersWaiting
    given_up: tuple[GivenUp, ...]
    gates: tuple[Obeying, ...]


def kept_of_trial(transaction: Transaction, trial: str) -> KeptOfTrial:
    """Read what the store knows."""
    return KeptOfTrial(
        transaction.trial_versions(trial),
        transaction.complaints_by_day(trial),
        transaction.blocklist_until(trial),
        transaction.guardrail_paths(trial),
        transaction.letters_waiting(),
        transaction.letters_given_up(MOST_GIVEN_UP),
        transaction.obeying(trial),
    )


def guardrails_shown(trial: str, looked: Looked | None, kept: KeptOfTrial | StoreError) -> dict[str, Any]:
    """Show what guardrails see and have seen, as keys of the status."""
    of_it = looked if looked is not None and looked.trial == trial else None
    paths: Paths = {} if isinstance(kept, StoreError) else kept.paths
    shown: dict[str, Any] = {
        "looked_at": None if of_it is None else of_it.at,
        "guardrails": _values(() if of_it is None else of_it.seen, paths),
    }
    if isinstance(kept, StoreError):
        return shown
    waiting, given_up = kept.waiting, tuple(GivenUpValue(**one._asdict()) for one in kept.given_up)
    return {
        **shown,
        "complaints": tuple(ComplaintDayValue(day=day, count=one) for day, one in kept.complaints.items()),
        "blocklist": tuple(
            BlocklistClassValue(class_name=name, until=end) for name, end in kept.blocklist_until.items()
        ),
        "alerts": AlertsValue(
            waiting=waiting.letters, since=waiting.since, why=waiting.why, given_up=given_up
        ),
    }


def _values(seen: Sequence[Seen], paths: Paths) -> tuple[GuardrailValue, ...]:
    now = {one.what: one for one in seen}
    return tuple(_value(what, now.get(what), paths) for what in What if what in now or what in paths)


def _value(what: What, seen: Seen | None, paths: Paths) -> GuardrailValue:
    days = tuple(
        GuardrailDayValue(day=day, value=_finite(point.value), bound=point.bound)
        for day, point in paths.get(what, ())[-MOST_DAYS:]
    )
    value = None if seen is None else seen.value
    return GuardrailValue(
        what=what,
        unit=UNITS[what],
        bound=days[-1].bound if seen is None else seen.bound,
        value=None if value is None else _finite(value),
        beyond=value is not None and not isfinite(value),
        not_known="it is not watched now" if seen is None else seen.why,
        days=days,
    )


def _finite(value: float) -> float | None:
    return value if isfinite(value) else None
