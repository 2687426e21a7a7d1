"""How [trial.notice.LANGUAGE] is written: what the public is told that is no value of the plan."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator

from sekisho.config.table import Table
from sekisho.config.values import fault, read_text

LANGUAGES = ("en", "ja")
_LONGEST = 500


def _told(value: object) -> str:
    text = read_text(value, "Example Communications")
    printable = all(part.isprintable() for part in text.splitlines())
    if not (text.strip() and len(text) <= _LONGEST and printable):
        raise fault(f"{text!r} tells nothing", f"write up to {_LONGEST} letters that can be printed")
    return text.strip()


Told = Annotated[str, PlainValidator(_told)]


class NoticeTable(Table):
    """[trial.notice.LANGUAGE]: who announces the trial, where to turn, and what classes are called there."""

    provider: Told = Field(examples=['"Example Communications"'])
    contact: Told = Field(examples=['"Support, +81 3 0000 0000, 9:00 to 17:00"'])
    classes: dict[str, Told] = Field({})
