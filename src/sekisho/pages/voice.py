"""Dates, durations and numbers in the words of a language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Literal
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.lists import format_list
from babel.numbers import format_decimal
from babel.units import format_unit

from sekisho.trial.plan import Span

_UNITS = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000))
_LENGTH: Mapping[str, Literal["long", "short"]] = {
    "en": "long",
    "ja": "short",
}  # Babel has no long one for ja
_DATE = {"en": "EEEE, d MMMM y", "ja": "y年M月d日（E）"}
_CLOCK = {"en": "HH:mm", "ja": "H:mm"}
_MIDNIGHT = {"en": "{date}, 24:00", "ja": "{date} 24:00"}
_JOINED = {"en": "{date}, {clock}", "ja": "{date} {clock}"}
_SPAN = {"en": "{begin} to {end}", "ja": "{begin} から {end} まで"}
_RANGE = {"en": "{low} to {high}", "ja": "{low}～{high}"}


class Language(StrEnum):
    """A language in which pages are."""

    EN = "en"
    JA = "ja"


@dataclass(frozen=True, slots=True)
class Voice:
    """A language, and the zone whose times are told."""

    language: Language
    zone: ZoneInfo

    def moment(self, moment: datetime) -> str:
        """Write a moment, which is aware."""
        return self._told(_JOINED, moment, self._clock(moment))

    def day(self, moment: datetime) -> str:
        """Write the day of a moment."""
        return format_datetime(moment, _DATE[self.language], tzinfo=self.zone, locale=str(self.language))

    def end(self, moment: datetime) -> str:
        """Write when something ends: midnight is the end of the day before."""
        wall = moment.astimezone(self.zone)
        if wall.time() != time():
            return self.moment(moment)
        before = moment - timedelta(microseconds=1)
        return self._told(_MIDNIGHT, before, "")

    def span(self, span: Span) -> str:
        """Write from when to when."""
        return _SPAN[self.language].format(begin=self.moment(span.begin), end=self.end(span.end))

    def duration(self, milliseconds: int) -> str:
        """Write a duration in the largest unit that needs no fraction, else in seconds."""
        for unit, size in _UNITS:
            if milliseconds and milliseconds % size == 0:
                return self._unit(milliseconds // size, unit)
        return self._unit(milliseconds / 1_000, "second")

    def durations(self, ends: tuple[int, int]) -> str:
        """Write the shortest and longest, once where they are alike."""
        return self._range(*(self.duration(one) for one in ends))

    def numbers(self, ends: tuple[int, int]) -> str:
        """Write the least and the most, once where they are alike."""
        return self._range(*(self.number(one) for one in ends))

    def number(self, number: float, decimals: int = 1) -> str:
        """Write a number, with so many decimals at the most."""
        return format_decimal(number, "#,##0." + "#" * decimals, locale=str(self.language))

    def listed(self, words: Sequence[str]) -> str:
        """Write words as a list in a sentence."""
        return format_list(list(words), locale=str(self.language))

    def _unit(self, number: float, kind: str) -> str:
        unit, length = f"duration-{kind}", _LENGTH[self.language]
        text = format_unit(number, unit, length, "#,##0.###", locale=str(self.language))
        return text.replace(" ", "") if self.language is Language.JA else text

    def _range(self, low: str, high: str) -> str:
        return low if low == high else _RANGE[self.language].format(low=low, high=high)

    def _clock(self, moment: datetime) -> str:
        seconds = ":ss" if moment.second else ""
        return format_datetime(
            moment, _CLOCK[self.language] + seconds, tzinfo=self.zone, locale=str(self.language)
        )

    def _told(self, form: dict[str, str], moment: datetime, clock: str) -> str:
        return form[self.language].format(date=self.day(moment), clock=clock)
