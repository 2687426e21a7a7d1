"""How [alerts] says whom to tell: a webhook, and people by mail."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, NamedTuple
from urllib.parse import urlsplit

from pydantic import Field, PlainSerializer, PlainValidator

from sekisho.config.problems import Finding, Severity
from sekisho.config.table import Table
from sekisho.config.values import fault, read_text

_SMTP_PORT = 25
_LAST_PORT = 65_535
_SERVER = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([A-Za-z0-9.-]+))(?::([0-9]{1,5}))?", re.ASCII)
_ADDRESS = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*", re.ASCII)
_LONGEST_ADDRESS = 254  # RFC 5321 with its path
_LOOPBACK = ("localhost", "127.0.0.1", "::1")


class MailServer(NamedTuple):
    """Where mail is handed over."""

    host: str
    port: int


def _url(value: object) -> str:
    text = read_text(value, "https://hooks.example.net/sekisho")
    way_out = 'write it as in "https://hooks.example.net/sekisho"'
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise fault(f'"{text}" is no url', way_out) from None
    if not is_url or not text.isascii() or not text.isprintable() or " " in text:
        raise fault(f'"{text}" is no url of a webhook', way_out)
    if parts.username is not None or parts.password is not None:
        raise fault(
            "a password stands in it, and whoever may read this file reads it",
            "take it out: what is sent is signed by the secret of `secret_file`",
        )
    return text


def _server(value: object) -> MailServer:
    text = read_text(value, "mail.example.net:25")
    match = _SERVER.fullmatch(text)
    port = int(match[3] or _SMTP_PORT) if match else 0
    if match is None or not 1 <= port <= _LAST_PORT:
        raise fault(
            f'"{text}" is no mail server', 'write it as in "mail.example.net:25" or "[2001:db8::25]:25"'
        )
    return MailServer(match[1] or match[2], port)


def show_server(server: MailServer) -> str:
    """Write a mail server as the file does."""
    return f"[{server.host}]:{server.port}" if ":" in server.host else f"{server.host}:{server.port}"


def read_address(value: object) -> str:
    """Return a mail address; raise a fault that tells how to write one."""
    text = read_text(value, "noc@example.net")
    if not _ADDRESS.fullmatch(text) or len(text) > _LONGEST_ADDRESS:
        raise fault(f'"{text}" is no mail address', 'write the address alone, as in "noc@example.net"')
    return text


Url = Annotated[str, PlainValidator(_url)]
Server = Annotated[MailServer, PlainValidator(_server), PlainSerializer(show_server)]
MailAddress = Annotated[str, PlainValidator(read_address)]


class WebhookTable(Table):
    """[alerts.webhook]: where alerts are posted, and the file with the secret that signs them."""

    url: Url = Field(examples=['"https://hooks.example.net/sekisho"'])
    secret_file: Annotated[str, Field(strict=True, min_length=1)] = Field(examples=['"secrets/webhook"'])


class MailTable(Table):
    """[alerts.mail]: who is told by mail, from which address, and the server that takes it."""

    server: Server = Field(examples=['"mail.example.net:25"'])
    sender: MailAddress = Field(alias="from", examples=['"sekisho@example.net"'])
    to: tuple[MailAddress, ...] = Field(examples=['["noc@example.net"]'])


class AlertsTable(Table):
    """[alerts]: who is told when a guardrail has stopped the trial."""

    webhook: WebhookTable | None = None
    mail: MailTable | None = None


def check_alerts(alerts: AlertsTable | None) -> Iterator[Finding]:
    """Tell what is wrong between the values of [alerts]."""
    if alerts is None:
        return
    if alerts.mail is not None:
        path = ("alerts", "mail", "to")
        if not alerts.mail.to:
            yield Finding(path, "nobody is told", 'name who is, as in ["noc@example.net"]')
        for index, address in enumerate(alerts.mail.to):
            if address in alerts.mail.to[:index]:
                yield Finding((*path, index), f'"{address}" is named twice', "name it once")
    if alerts.webhook is not None:
        parts = urlsplit(alerts.webhook.url)
        if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
            what = "what is sent can be read on its way, though not changed: it is signed"
            yield Finding(("alerts", "webhook", "url"), what, "write an https url", Severity.WARNING)
