"""Brings gate and hold to what configuration, operator and office want, by the difference alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import NamedTuple

import structlog

from sekisho.config import Config
from sekisho.daemon.applying import OpenGate, RunningHold, apply
from sekisho.gate import FullError, Tables
from sekisho.gate.roster import fitting, ipv6_lengths
from sekisho.gate.tables import diff, encode, encode_around, learning_until, settings
from sekisho.model import Roster, Wanted
from sekisho.plan import Overrides, before_roster, wanted, with_roster

log = structlog.get_logger()


class Told(NamedTuple):
    """What the office says of lines by a configuration: numbers by name, and the roster, if it is known."""

    numbers: Mapping[str, int]
    roster: Roster | None


def reconcile(
    gate: OpenGate,
    hold: RunningHold,
    config: Config,
    overrides: Overrides,
    told: Told,
    *,
    former: Roster,
    ahead: Mapping[int, int],
    monotonic_ns: Callable[[], int],
) -> tuple[Roster, Tables, FullError | None]:
    """Bring the kernel to what is wanted by the difference; `former`: the lines of the file before.

    `ahead`: banks that the hold has ready (bank → ms).

    Return the lines of the file, the settings, and what had no room. Raises GateError, with nothing changed.
    """
    found = gate.installed()
    until_ns = learning_until(found) or monotonic_ns() + config.gate.learn_ms * 1_000_000
    by_file = wanted(config, overrides, told.numbers)
    if told.roster is None:
        now = before_roster(by_file, config, found["shared"])
        tables, misfits = encode_around(now, former, found, hold_by_queue=True, learning_until_ns=until_ns)
    else:
        both, misfits = _with_fitting(by_file, told.roster)
        tables = encode(both, found, hold_by_queue=True, learning_until_ns=until_ns)
    full = apply(gate, hold, found, tables, diff(found, tables), ahead) or misfits
    if full is not None:
        log.error("some lines are not known to the gate", why=str(full))
    return Roster(by_file.lines, by_file.addresses, by_file.port_plans), settings(tables), full


def _with_fitting(by_file: Wanted, known: Roster) -> tuple[Wanted, FullError | None]:
    """Return what is wanted with all of a roster that has room, and what has none."""
    addresses, misfits = fitting(known.addresses, ipv6_lengths(by_file.addresses))
    return with_roster(by_file, replace(known, addresses=addresses)), misfits
