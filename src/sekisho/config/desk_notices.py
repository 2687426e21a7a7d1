"""How [desk.notices] says who writes to customers, in which languages, and with whose templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator

from sekisho.config.notice import Told
from sekisho.config.places import Zone
from sekisho.config.problems import Finding, Path
from sekisho.config.table import Table
from sekisho.config.values import fault


def _yes_or_no(value: object) -> bool:
    if not isinstance(value, bool):
        raise fault("it is neither true nor false", "write true or false")
    return value


YesNo = Annotated[bool, PlainValidator(_yes_or_no), PlainSerializer(bool)]


class WordsTable(Table):
    """[desk.notices.LANGUAGE]: who writes, and where customers can turn."""

    provider: Told = Field(examples=['"Example Communications"'])
    contact: Told = Field(examples=['"Support, +81 3 0000 0000, 9:00 to 17:00"'])


class NoticesTable(Table):
    """[desk.notices]: what customers are told, in the languages that have a table.

    `templates`: a directory with templates in place of the shipped ones; `zone`: in which times are told;
    `acknowledge`: a person who reports is told that the report has arrived.
    """

    templates: Annotated[str, Field(strict=True, min_length=1)] | None = None
    zone: Zone = "Asia/Tokyo"
    acknowledge: YesNo = False
    ja: WordsTable | None = None
    en: WordsTable | None = None

    @property
    def words(self) -> Mapping[str, WordsTable]:
        """Return the languages there are, Japanese first."""
        both = {"ja": self.ja, "en": self.en}
        return {language: words for language, words in both.items() if words is not None}


def check_notices(path: Path, notices: NoticesTable | None, *, is_told: bool) -> Iterator[Finding]:
    """Tell where no language is there; `is_told`: one was told of already."""
    if notices is not None and not notices.words and not is_told:
        way_out = "add [desk.notices.ja] or [desk.notices.en], with `provider` and `contact`"
        yield Finding(path, "there is no language to write in", way_out)
