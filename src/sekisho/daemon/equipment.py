"""Reads what the equipment of a running gate has counted, for its minutes and for whoever scrapes."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Protocol

from sekisho.daemon.kept import Kept
from sekisho.gate.hold import HoldState
from sekisho.gate.machine import read_meters
from sekisho.measure.equipment import (
    DAEMON,
    HOLD,
    Equipment,
    EquipmentCounts,
    Meter,
    added_equipment,
    difference,
)


class MeasuredHold(Protocol):
    """What is needed of the hold."""

    def state(self) -> HoldState:
        """Return what is held, released and dropped, and how late."""

    def take_highest(self) -> int:
        """Return the most that was held at once since this was asked last."""


class MeasuredGate(Protocol):
    """What is needed of the gate's keeper."""

    @property
    def kept(self) -> Kept:
        """Return what is in force."""

    @property
    def hold(self) -> MeasuredHold:
        """Return the hold."""


class EquipmentReader:
    """Reads the equipment of one gate; any thread may."""

    def __init__(self, gate: MeasuredGate, boot: str) -> None:
        self._gate, self._boot = gate, boot
        self._scraping = threading.Lock()
        self._last: Equipment | None = None
        self._whole = EquipmentCounts()

    def read(self) -> Equipment:
        """Read it for a minute: the hold's highest begins anew. OSError or ValueError where it cannot be."""
        return replace(self._read(), highest=self._gate.hold.take_highest())

    def scraped(self) -> EquipmentCounts:
        """Return sums that only grow, whatever began anew, and the highest since the last minute.

        Raises as `read` does.
        """
        with self._scraping:
            new = self._read()
            if self._last is not None:
                counts, _ = difference(self._last, new, 0)
                self._whole = added_equipment(self._whole, counts)
            self._last = new
            return replace(self._whole, highest=max(new.highest, new.waiting))

    def _read(self) -> Equipment:
        meters: Mapping[str, Meter] = read_meters(self._gate.kept.config.gate.interfaces, self._boot)
        state = self._gate.hold.state()
        # Its counts live in this process, and begin anew with it.
        hold = Meter(meters[DAEMON].run, (state.dropped, *state.lateness))
        waiting = sum(bank.held for bank in state.banks.values())
        return Equipment({**meters, HOLD: hold}, waiting, state.highest)
