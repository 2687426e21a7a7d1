"""How values that point at lists, databases and clocks of others are read."""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import PlainValidator

from sekisho.config.values import fault, read_text

LIST_ENDINGS = (".csv", ".toml")
_URL = re.compile(r"[a-z0-9]+(?:\+[a-z0-9_]+)?://.*", re.ASCII)
_STORE_URL = re.compile(r"sqlite:////|postgresql(?:\+psycopg)?://", re.ASCII)
_PASSWORD = re.compile(r"[^/@]*://[^/@]*:[^@]*@|[^?]*\?(?:.*&)?(?:ssl)?password=", re.ASCII)


def _list_file(value: object) -> str:
    text = read_text(value, "lines.csv")
    if PurePath(text).suffix not in LIST_ENDINGS:
        raise fault(f'"{text}" ends neither in .csv nor in .toml', "write the list in one of them")
    return text


def _store_url(value: object) -> str:
    text = read_text(value, "sqlite:////var/lib/sekisho/gate.db")
    if _PASSWORD.match(text):
        raise fault(
            "a password stands in it, and whoever may read this file reads it",
            'write it into a file for PostgreSQL, and name that by "?passfile=…" at the end of the url',
        )
    if not _STORE_URL.match(text):
        raise fault(
            f'"{text}" is no url of a store',
            'write it as in "sqlite:////var/lib/sekisho/gate.db" or "postgresql://sekisho@db.example/sekisho"',
        )
    return text


def _database_url(value: object) -> str:
    text = read_text(value, "postgresql+psycopg:///radius")
    if _PASSWORD.match(text):
        raise fault(
            "a password stands in it, and whoever may read this file reads it",
            "write the url into a file that only the daemon may read, and name that by `url_file`",
        )
    if not _URL.fullmatch(text):
        raise fault(f'"{text}" is no url of a database', 'write it as in "postgresql+psycopg:///radius"')
    return text


def _zone(value: object) -> str:
    text = read_text(value, "Asia/Tokyo")
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise fault(f'"{text}" is no time zone known here', 'write it as in "Asia/Tokyo"') from None
    return text


ListFile = Annotated[str, PlainValidator(_list_file)]
DatabaseUrl = Annotated[str, PlainValidator(_database_url)]
Zone = Annotated[str, PlainValidator(_zone)]
StoreUrl = Annotated[str, PlainValidator(_store_url)]
