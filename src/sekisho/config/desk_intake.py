"""How [desk.intake] says where reports come in, by mail and over HTTP, and for which mailboxes."""

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
    """[desk.intake]: where reports come in, by mail and over HTTP.

    `recipients`: the mailboxes that are taken; `clients`: who may send mail, beside this machine;
    `tokens_file`: whose each token of HTTP is.
    """

    lmtp: PlaceField | None = Field(None, examples=[_EXAMPLE])
    smtp: ListenField | None = Field(None, examples=['"127.0.0.1:2525"'])
    http: ListenField | None = Field(None, examples=['"127.0.0.1:8025"'])
    tokens_file: Annotated[str, Field(strict=True, min_length=1)] | None = Field(
        None, examples=['"secrets/reporters"']
    )
    recipients: Annotated[tuple[MailAddress, ...], Field(min_length=1)] = Field(
        examples=['["abuse@example.net"]']
    )
    clients: tuple[ClientField, ...] = ()


def check_intake(table: DeskIntakeTable, path: Path) -> Iterator[Finding]:
    """Tell what is wrong between the values of [desk.intake]."""
    if table.lmtp is None and table.smtp is None and table.http is None:
        yield Finding(path, "reports come in nowhere", 'name where to listen: `lmtp = "127.0.0.1:2424"`')
    for key, place in (("lmtp", table.lmtp), ("smtp", table.smtp)):
        if isinstance(place, Listen) and not place.address.is_loopback and not table.clients:
            what = f"{show_listen(place)} is not of this machine alone, and nobody is named who may send"
            yield Finding((*path, key), what, "name the mail servers that send here in `clients`")
    if table.http is not None and not table.http.address.is_loopback:
        what = (
            f"{show_listen(table.http)} is not of this machine alone, and tokens would go there in the clear"
        )
        yield Finding((*path, "http"), what, "write 127.0.0.1, and let a web server with TLS stand before it")
    if (table.http is None) != (table.tokens_file is None):
        what = "HTTP needs both: where to listen, and whose each token is"
        way_out = 'write http = "127.0.0.1:8025" and tokens_file = "secrets/reporters", or neither'
        yield Finding((*path, "http"), what, way_out)
