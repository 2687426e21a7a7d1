"""How [desk.intake] says where reports come in by mail, and for which mailboxes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator

from sekisho.config.alerts import MailAddress
from sekisho.config.listen import ClientField, Listen, ListenField, read_listen, show_listen
from sekisho.config.problems import Finding, Path
from sekisho.config.table import Table
from sekisho.config.values import fault

_LONGEST_SOCKET = 107  # bytes: sun_path less its zero (unix(7))
_EXAMPLE = '"/var/spool/postfix/private/sekisho"'

Place = Listen | PurePosixPath


def _place(value: object) -> Place:
    if not isinstance(value, str) or not value.startswith("/"):
        return read_listen(value, "127.0.0.1:2424")
    if len(value.encode()) > _LONGEST_SOCKET or not value.isprintable() or value.endswith("/"):
        raise fault(f'"{value}" cannot be the path of a socket', f"write it as in {_EXAMPLE}")
    return PurePosixPath(value)


def show_place(place: Place) -> str:
    """Write where to listen as the file does."""
    return str(place) if isinstance(place, PurePosixPath) else show_listen(place)


PlaceField = Annotated[Place, PlainValidator(_place), PlainSerializer(show_place)]


class DeskIntakeTable(Table):
    """[desk.intake]: where reports come in by mail.

    `recipients`: the mailboxes that are taken; `clients`: who may send, beside this machine.
    """

    lmtp: PlaceField | None = Field(None, examples=[_EXAMPLE])
    smtp: ListenField | None = Field(None, examples=['"127.0.0.1:2525"'])
    recipients: Annotated[tuple[MailAddress, ...], Field(min_length=1)] = Field(
        examples=['["abuse@example.net"]']
    )
    clients: tuple[ClientField, ...] = ()


def check_intake(table: DeskIntakeTable, path: Path) -> Iterator[Finding]:
    """Tell what is wrong between the values of [desk.intake]."""
    if table.lmtp is None and table.smtp is None:
        yield Finding(path, "reports come in nowhere", 'name where to listen: `lmtp = "127.0.0.1:2424"`')
    for key, place in (("lmtp", table.lmtp), ("smtp", table.smtp)):
        if isinstance(place, Listen) and not place.address.is_loopback and not table.clients:
            what = f"{show_listen(place)} is not of this machine alone, and nobody is named who may send"
            yield Finding((*path, key), what, "name the mail servers that send here in `clients`")
