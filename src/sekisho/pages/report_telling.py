"""What every section of a report is made with: its parts, and how what is not known is said."""

from __future__ import annotations

from dataclasses import dataclass

from markupsafe import Markup

from sekisho.pages.report_words import say
from sekisho.pages.voice import Language, Voice
from sekisho.trial.report_values import NotKnown, Report


@dataclass(frozen=True, slots=True)
class Rows:
    """A table: its columns and rows of text."""

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report; `warned`: what is to be read first."""

    title: str
    warned: tuple[str, ...] = ()
    said: tuple[str, ...] = ()
    chart: Markup | None = None
    rows: Rows | None = None


@dataclass(frozen=True, slots=True)
class Teller:
    """A report that is told in a language."""

    report: Report
    language: Language
    voice: Voice

    def say(self, key: str, **values: object) -> str:
        """Say the words for a key with the values in them."""
        return say(self.language, key, **values)

    def heads(self, *keys: str) -> tuple[str, ...]:
        """Say the heads of columns."""
        return tuple(map(self.say, keys))

    def why(self, one: NotKnown) -> str:
        """Say why something is not known."""
        more = ""
        if one.needed is not None:
            more = self.say(
                "needs" if one.has is None else "of", has=one.has, needed=self.voice.number(one.needed)
            )
        return self.say("not_known", why=self.say(str(one.because)) + more)
