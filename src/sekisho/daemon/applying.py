"""Gate and hold, which change together: no packet is released early on the way from one state to another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import AbstractContextManager
from typing import Protocol

from sekisho.gate import Change, FullError, GateError, Tables
from sekisho.gate.hold import HoldState
from sekisho.gate.indices import NOTHING_AHEAD, banks
from sekisho.gate.peaks import KernelPeaks
from sekisho.gate.releases import cover
from sekisho.gate.tables import diff
from sekisho.model import Counters, Sweep


class OpenGate(Protocol):
    """What the daemon needs of `gate.kernel.KernelGate`. Each raises GateError."""

    def installed(self) -> Tables:
        """Read the kernel's tables."""

    def settings(self) -> Tables:
        """Read the kernel's tables except those of known lines."""

    def apply(self, changes: Iterable[Change]) -> None:
        """Write changes in their order; FullError at the end where lines found no room."""

    def known(self, key: bytes) -> bytes | None:
        """Return the entry of a line, None where it is not known."""

    def counters(self) -> Counters:
        """Read what was counted."""

    def counters_id(self) -> int:
        """Return what tells these counters from others since the boot."""

    def sweep(self) -> Sweep:
        """Remove what time has ended."""

    def peaks(self) -> AbstractContextManager[KernelPeaks]:
        """Give what counts lines by their peaks."""

    def close(self) -> None:
        """Let go; everything stays attached."""


class RunningHold(Protocol):
    """What the daemon needs of `gate.hold.Hold`."""

    def set_banks(self, banks: Mapping[int, int]) -> None:
        """Hold by these delays (bank → ms)."""

    def state(self) -> HoldState:
        """Tell what is held."""

    def take_highest(self) -> int:
        """Return the most that was held at once since this was asked last."""

    def stop(self) -> None:
        """Give the queues up."""


def apply(
    gate: OpenGate,
    hold: RunningHold,
    before: Tables,
    after: Tables,
    changes: Iterable[Change],
    ahead: Mapping[int, int] = NOTHING_AHEAD,
) -> FullError | None:
    """Bring kernel and hold from one state to another by changes; return whether lines found no room.

    `ahead`: banks that the hold has ready for delays to come, before and after (bank → ms).
    Raises GateError for anything else that fails, with all of it taken back.
    """
    old, new = {**ahead, **banks(before)}, {**ahead, **banks(after)}
    full = None
    try:
        if old != new:
            hold.set_banks(cover(old, new))
        full = _write(gate, changes)
        if old != new:
            hold.set_banks(new)
    except GateError:
        gate.apply(diff(gate.installed(), before))
        hold.set_banks(old)
        raise
    return full


def _write(gate: OpenGate, changes: Iterable[Change]) -> FullError | None:
    try:
        gate.apply(changes)
    except FullError as error:
        return error
    return None
