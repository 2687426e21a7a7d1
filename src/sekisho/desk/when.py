"""Times as mail servers and reporters write them, to UTC or to "cannot be told".

Python's parser of dates gives a time *without* zone for `JST`, `CET` and `-0000`, and an address would go to
the wrong line without anybody noticing. Here a zone is known or it is not. `-0000` (RFC 5322 §3.3) is UTC: it
is the sender's place that is unknown, not the time. Names that mean different zones in different countries,
as CST, IST, BST and PST, are unknown, and so are the military letters (RFC 5322 §4.3).
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from sekisho.desk.limits import RefusedError
from sekisho.desk.report import Moment, TimeSource, Why
from sekisho.desk.words import clean

LONGEST = 200  # characters
FIRST_YEAR, LAST_YEAR = 2000, 2099

ZONES = {
    **dict.fromkeys(("UT", "UTC", "GMT", "Z", "WET"), 0),
    **dict.fromkeys(("CET", "WEST", "MET"), 60),
    **dict.fromkeys(("CEST", "MEST", "EET", "SAST"), 120),
    **dict.fromkeys(("EEST", "MSK"), 180),
    "PKT": 300,
    "WIB": 420,
    **dict.fromkeys(("HKT", "WITA", "AWST", "SGT"), 480),
    **dict.fromkeys(("JST", "KST", "WIT"), 540),
    **dict.fromkeys(("AEST",), 600),
    **dict.fromkeys(("AEDT",), 660),
    "NZST": 720,
    "NZDT": 780,
    "HST": -600,
    "AKST": -540,
    "AKDT": -480,
    **dict.fromkeys(("MST", "PDT"), -420),
    "MDT": -360,
    "EST": -300,
    "EDT": -240,
}
"""Minutes east of UTC. A test compares them with the time-zone database: each has one meaning."""

_MONTHS = {
    name: number
    for number, name in enumerate(
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"], start=1
    )
}
_DAYS = {name: number for number, name in enumerate(["mon", "tue", "wed", "thu", "fri", "sat", "sun"])}
_WIDEST = timedelta(hours=14)

_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d{1,9})?)?(Z|z|[+-].*)?")
_ISO = re.compile(r"(\d{4})-(\d\d)-(\d\d)(?:[Tt](.+))?")
_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d\d):?(\d\d)")
_SHORT_DATE = re.compile(r"(\d{1,2})-([A-Za-z]{3,9})-(\d{2,4})")
_COMMENT = re.compile(r"\([^()]*(?:\)|$)")  # the innermost; one that was cut off has no end
_DEEPEST_COMMENT = 3


class UnreadableTimeError(ValueError):
    """What is written is no time, or one in which there was no mail of ours; the peer's fault."""


def moment(source: TimeSource, written: str) -> Moment:
    """Return the time that is written; raise UnreadableTimeError where none is."""
    return Moment(source, instant(written), clean(written, LONGEST))


def moment_of(field: str, source: TimeSource, written: str) -> Moment:
    """Return the time that a report's field says; raise RefusedError, which names the field."""
    try:
        return moment(source, written)
    except UnreadableTimeError as error:
        raise RefusedError(Why.BAD_TIME, f"its {field} cannot be read: {error}") from None


def instant(written: str) -> datetime | None:
    """Return the time in UTC, None where its zone is not known or its day of the week is another's.

    Reads RFC 5322 with its obsolete forms, asctime and RFC 3339; raises UnreadableTimeError.
    """
    if len(written) > LONGEST or not written.isascii():
        raise UnreadableTimeError("it is longer than any date, or holds what no date does")
    bare = written
    for _ in range(_DEEPEST_COMMENT):
        bare = _COMMENT.sub(" ", bare)
    words = bare.replace(",", " ").split()
    day_name = _DAYS.get(words[0][:3].lower()) if words and words[0].rstrip(".").isalpha() else None
    if day_name is not None:
        words = words[1:]
    local, zones = _local(words)
    offset = _offset(zones)
    if offset is None or (day_name is not None and local.weekday() != day_name):
        return None
    return (local - offset).replace(tzinfo=UTC)


def _local(words: list[str]) -> tuple[datetime, list[str]]:
    """Return the time without its zone, and the words that should be the zone."""
    if not words:
        raise UnreadableTimeError("it is empty")
    iso = _ISO.fullmatch(words[0])
    if iso is not None:
        rest = [iso[4], *words[1:]] if iso[4] else words[1:]
        return _assemble(iso[1], iso[2], iso[3], rest)
    short = _SHORT_DATE.fullmatch(words[0])
    if short is not None:
        return _assemble(short[3], _month(short[2]), short[1], words[1:])
    if len(words) < 4:
        raise UnreadableTimeError("it is no date")
    if words[0].isdigit():
        return _assemble(words[2], _month(words[1]), words[0], words[3:])
    return _asctime(words)


def _asctime(words: list[str]) -> tuple[datetime, list[str]]:
    """Read `Nov 3 08:11:12 2026`, with a zone before or after the year, or none."""
    years = [word for word in words[3:] if word.isdigit()]
    if len(years) != 1:
        raise UnreadableTimeError("it is no date")
    rest = [word for word in words[3:] if not word.isdigit()]
    return _assemble(years[0], _month(words[0]), words[1], [words[2], *rest])


def _assemble(year: str, month: str, day: str, rest: list[str]) -> tuple[datetime, list[str]]:
    clock = _CLOCK.fullmatch(rest[0]) if rest else None
    if clock is None or not (year.isdigit() and month.isdigit() and day.isdigit() and len(day) <= 2):
        raise UnreadableTimeError("it has no time of day")
    second = min(int(clock[3] or 0), 59)  # a leap second is written 60
    if int(clock[3] or 0) > 60:
        raise UnreadableTimeError("there is no such second")
    try:
        local = datetime(_year(year), int(month), int(day), int(clock[1]), int(clock[2]), second)  # noqa: DTZ001 (its zone comes after it)
    except ValueError:
        raise UnreadableTimeError("there is no such day or hour") from None
    return local, [clock[4], *rest[1:]] if clock[4] else rest[1:]


def _year(text: str) -> int:
    """Return the year; of two or three digits as RFC 5322 §4.3 says."""
    if len(text) not in {2, 3, 4}:
        raise UnreadableTimeError("it has no year")
    year = int(text)
    if len(text) == 3 or (len(text) == 2 and year >= 50):
        year += 1900
    elif len(text) == 2:
        year += 2000
    if not FIRST_YEAR <= year <= LAST_YEAR:
        raise UnreadableTimeError(f"its year is not between {FIRST_YEAR} and {LAST_YEAR}")
    return year


def _month(name: str) -> str:
    number = _MONTHS.get(name[:3].lower())
    if number is None:
        raise UnreadableTimeError("it has no month")
    return str(number)


def _offset(words: list[str]) -> timedelta | None:
    """Return the offset that all words agree on; None where there is none or one is unknown."""
    offsets = {_zone(word) for word in words}
    return offsets.pop() if len(offsets) == 1 else None


def _zone(word: str) -> timedelta | None:
    found = _OFFSET.fullmatch(word.upper())
    if found is None:
        minutes = ZONES.get(word.upper())
        return None if minutes is None else timedelta(minutes=minutes)
    size = timedelta(hours=int(found[2]), minutes=int(found[3]))
    if size > _WIDEST or int(found[3]) >= 60:
        return None
    return -size if found[1] == "-" else size
