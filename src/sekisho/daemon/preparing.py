"""Has queues and their rules ready before the trial needs them, so that a boundary is a write alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress

import structlog

from sekisho.daemon.applying import RunningHold
from sekisho.gate import GateError, Tables
from sekisho.gate.indices import NOTHING_AHEAD, banks, banks_ahead

log = structlog.get_logger()


class Ahead:
    """The banks of a hold that wait for delays to come."""

    def __init__(self, hold: RunningHold) -> None:
        self._hold = hold
        self._refused: Mapping[int, int] = NOTHING_AHEAD
        self.banks: Mapping[int, int] = NOTHING_AHEAD
        """Bank → ms, those in use at the last look included."""

    def prepare(self, delays_ms: Iterable[int], tables: Tables) -> None:
        """Be ready for delays, the next first; `tables`: what is in the kernel.

        What is refused is told, and not tried again before something else is wanted: each boundary then does
        it for itself.
        """
        delays = tuple(delays_ms)
        wanted = banks_ahead(delays, tables, self.banks) if delays else NOTHING_AHEAD
        if wanted == self._refused and delays:
            return
        used = banks(tables)
        self._refused = NOTHING_AHEAD
        if {**wanted, **used} != {**self.banks, **used} and not self._have({**wanted, **used}):
            self._refused, wanted = wanted, NOTHING_AHEAD
            with suppress(GateError):  # the rules' guard tries on
                self._hold.set_banks(used)
        self.banks = wanted

    def _have(self, wanted: Mapping[int, int]) -> bool:
        try:
            self._hold.set_banks(wanted)
        except GateError as error:
            log.warning("no queues ready for the trial's delays to come", why=str(error))
            return False
        return True
