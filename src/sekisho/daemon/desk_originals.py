"""Opens originals of reports: to read them as reports, and for whoever may see them."""

from __future__ import annotations

from collections.abc import Collection

from sekisho.api.problems import RefusalError
from sekisho.desk.parse import parse
from sekisho.desk.records import KeptReport
from sekisho.desk.report import Parsed
from sekisho.sealing import NoKeyError, Sealer, SealError

NOT_KEPT = "its original is not kept"


def read_original(kept: KeptReport, sealer: Sealer, servers: Collection[str]) -> Parsed | str:
    """Return what a report says, or why that cannot be told. Raises NoKeyError."""
    if kept.original is None:
        return NOT_KEPT
    try:
        original = sealer.open(kept.original, kept.digest)
    except NoKeyError:
        raise
    except SealError as error:
        return str(error)
    return parse(original, servers=servers)


def opened_original(number: int, kept: KeptReport | None, sealer: Sealer, title: str) -> bytes | None:
    """Return the original of a report; None where none is kept. RefusalError of a title where it is shut."""
    if kept is None or kept.original is None:
        return None
    try:
        return sealer.open(kept.original, kept.digest)
    except SealError as error:
        raise RefusalError(409, "sealed", title, f"report {number}: {error}") from error
