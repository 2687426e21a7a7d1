"""What guardrails measure of a running gate and its sources, since they looked last."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

from sekisho.api.problems import RefusalError
from sekisho.daemon.kept import Kept
from sekisho.gate import GateError
from sekisho.gate.hold import HoldState
from sekisho.model import Counters
from sekisho.trial.watching import Errors, Unknown


class RunningHold(Protocol):
    """What is needed of the hold."""

    def state(self) -> HoldState:
        """Return how it stands."""


class GaugedGate(Protocol):
    """What is needed of the gate's keeper. Reading counters raises GateError, RefusalError at the end."""

    @property
    def kept(self) -> Kept:
        """Return what is in force."""

    @property
    def hold(self) -> RunningHold:
        """Return the hold."""

    def counters(self) -> Counters:
        """Read what was counted."""

    def counters_id(self) -> int:
        """Return what tells these counters from others since the boot."""


class Gauged(NamedTuple):
    """As in `trial.watching.Measured`."""

    errors: Errors | Unknown
    dropped: int
    astray: tuple[str, ...] | Unknown
    late: tuple[int, ...]
    leases: int | None


class Gauges:
    """One gate's. `boot` names the machine's boot; `interfaces`: where it is attached now, or GateError.

    `taken`: what sources told so far that was kept; None: there is no source.
    """

    def __init__(
        self,
        gate: GaugedGate,
        *,
        boot: str,
        interfaces: Callable[[], frozenset[str]],
        taken: Callable[[], int | None],
    ) -> None:
        self._gate, self._boot, self._interfaces, self._taken = gate, boot, interfaces, taken
        # Hold and sources count from the daemon's start, as this does.
        self._drops = 0
        self._late: tuple[int, ...] = ()
        self._leases = 0

    def read(self) -> Gauged:
        """Read all; what cannot be read is unknown."""
        hold = self._gate.hold.state()
        return Gauged(
            self._errors(), self._dropped(hold), self._astray(), self._lateness(hold), self._new_leases()
        )

    def _errors(self) -> Errors | Unknown:
        try:
            totals = self._gate.counters().totals
            run = f"{self._boot}/{self._gate.counters_id()}"
        except (GateError, RefusalError) as error:
            return Unknown(f"the counters cannot be read: {error}")
        return Errors(run, totals.lines_full + totals.slots_full)

    def _dropped(self, hold: HoldState) -> int:
        """Count held packets for which there was no room, of banks that are gone too."""
        before, self._drops = self._drops, hold.dropped
        return hold.dropped - before

    def _astray(self) -> tuple[str, ...] | Unknown:
        try:
            on = self._interfaces()
        except GateError as error:
            return Unknown(f"where the gate is attached cannot be read: {error}")
        return tuple(name for name in self._gate.kept.config.gate.interfaces if name not in on)

    def _lateness(self, hold: HoldState) -> tuple[int, ...]:
        before = self._late or (0,) * len(hold.lateness)
        self._late = hold.lateness
        return tuple(now - then for now, then in zip(hold.lateness, before, strict=False))

    def _new_leases(self) -> int | None:
        taken = self._taken()
        if taken is None:
            return None
        new = taken - self._leases if taken >= self._leases else taken  # they may be counted anew
        self._leases = taken
        return new
