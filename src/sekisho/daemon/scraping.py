"""Reads what the metrics of a running daemon are made of."""

from __future__ import annotations

from collections.abc import Callable

from sekisho.api.lines import LinesOffice
from sekisho.api.metrics import Scrape
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.equipment import EquipmentReader
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.minute_reader import MinuteReader
from sekisho.daemon.office import RunningOffice
from sekisho.daemon.postman import Postmen


def scraping(
    keeper: Keeper,
    office: RunningOffice,
    equipment: EquipmentReader,
    lines: LinesOffice | None,
    minutes: MinuteReader | None,
    postmen: Postmen | None,
) -> Callable[[], Scrape]:
    """Return what reads them; `lines`, `minutes` and `postmen` are None where there is no store."""
    attempts = Attempts()
    return lambda: Scrape(
        status=office.status(),
        counters=office.counters(),
        lateness=keeper.hold.state().lateness,
        lines=None if lines is None else lines.status(),
        minutes_waiting=None if minutes is None else minutes.waiting,
        letters_given_up=None if postmen is None else postmen.given_up,
        equipment=attempts.attempt("reading the equipment for metrics", equipment.scraped),
    )
