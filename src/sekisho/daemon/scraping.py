"""Reads what the metrics of a running daemon are made of."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sekisho.api.lines import LinesOffice
from sekisho.api.metrics import Scrape
from sekisho.daemon.attempts import Attempts
from sekisho.daemon.desk_at_work import DeskAtWork
from sekisho.daemon.equipment import EquipmentReader
from sekisho.daemon.keeper import Keeper
from sekisho.daemon.minute_reader import MinuteReader
from sekisho.daemon.office import RunningOffice
from sekisho.daemon.postman import Postmen
from sekisho.desk.workload import Workload


def scraping(
    keeper: Keeper,
    office: RunningOffice,
    equipment: EquipmentReader,
    lines: LinesOffice | None,
    minutes: MinuteReader | None,
    postmen: Postmen | None,
    desk: DeskAtWork | None,
    utc: Callable[[], datetime],
) -> Callable[[], Scrape]:
    """Return what reads them; `lines`, `minutes` and `postmen` are None where there is no store."""
    attempts = Attempts()

    def workload() -> Workload | None:
        if desk is None:
            return None
        with desk.store.reading() as transaction:
            return transaction.workload(utc())

    return lambda: Scrape(
        status=office.status(),
        counters=office.counters(),
        lateness=keeper.hold.state().lateness,
        lines=None if lines is None else lines.status(),
        minutes_waiting=None if minutes is None else minutes.waiting,
        letters_given_up=None if postmen is None else postmen.given_up,
        equipment=attempts.attempt("reading the equipment for metrics", equipment.scraped),
        desk=attempts.attempt("counting what waits at the desk for metrics", workload),
    )
