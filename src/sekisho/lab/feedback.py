"""A recipient's side of the desk: spam as its server saw it, and the report about it. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import Message
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.mime.text import MIMEText
from email.utils import format_datetime, parsedate_to_datetime

# As Postfix writes its Received field, and its log with smtpd_client_port_logging.
_RECEIVED = re.compile(
    r"from \S+ \(unknown \[(?P<address>[0-9a-f.:]+)\]\)\s+"
    r"by (?P<server>\S+) \(Postfix\) with E?SMTP id (?P<id>\w+)[^;]*;\s+(?P<date>[^()]+)"
)
_CLIENT = re.compile(r": (?P<id>\w+): client=unknown\[[0-9a-f.:]+\]:(?P<port>\d+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Spam:
    """A spam message as the server saw it that took it in: from where, when, and all of it.

    `server`: its name; `queue_id`: under which its log speaks of it.
    """

    server: str
    address: str
    queue_id: str
    at: datetime
    original: bytes


def read_spam(original: bytes) -> Spam:
    """Read a delivered message by the topmost Received field, which the server that took it in has written.

    Raises ValueError where that is not Postfix's.
    """
    found = _RECEIVED.match(str(message_from_bytes(original)["Received"] or ""))
    if found is None:
        raise ValueError("a delivered message has no Received field of Postfix: is this another version?")
    at = parsedate_to_datetime(found["date"].strip()).astimezone(UTC)
    return Spam(found["server"], found["address"], found["id"], at, original)


def made_up(server: str, address: str, queue_id: str, at: datetime) -> Spam:
    """Write a message that a server would have taken in from an address, had there been one."""
    original = (
        f"Received: from there.example (unknown [{address}])\n"
        f"\tby {server} (Postfix) with SMTP id {queue_id};\n\t{format_datetime(at)}\n"
        f"From: <sender@there.example>\nMessage-Id: <{queue_id}@there.example>\n\nnever sent\n"
    )
    return Spam(server, address, queue_id, at, original.encode())


def ports(log: str) -> Mapping[str, int]:
    """Return the client's port of each message, by its queue id, as Postfix has logged it."""
    return {found["id"]: int(found["port"]) for found in _CLIENT.finditer(log)}


def report(spam: Spam, port: int, sender: str, recipient: str, now: datetime) -> bytes:
    """Write a report of spam in ARF (RFC 5965; `Source-Port` is RFC 6692's) with the whole message in it.

    `port`: the client's; `sender`: the abuse desk of the server's operator.
    """
    mail = MIMEMultipart("report", policy=policy.SMTP, report_type="feedback-report")
    mail["From"], mail["To"], mail["Date"] = sender, recipient, format_datetime(now)
    mail["Message-ID"] = f"<{spam.queue_id}@{spam.server}>"
    mail["Subject"] = f"spam from {spam.address}"
    words = f"This is a report about a message that {spam.server} received from {spam.address}.\n"
    mail.attach(MIMEText(words, "plain", "us-ascii"))
    mail.attach(_fields(spam, port))
    enclosed: Message = message_from_bytes(spam.original)
    mail.attach(MIMEMessage(enclosed))
    return mail.as_bytes()


def _fields(spam: Spam, port: int) -> MIMENonMultipart:
    part = MIMENonMultipart("message", "feedback-report")
    fields = {
        "Feedback-Type": "abuse",
        "User-Agent": "Postmaster/1",
        "Version": "1",
        "Arrival-Date": format_datetime(spam.at),
        "Reporting-MTA": f"dns; {spam.server}",
        "Source-IP": spam.address,
        "Source-Port": str(port),
    }
    part.set_payload("".join(f"{name}: {value}\r\n" for name, value in fields.items()))
    return part
