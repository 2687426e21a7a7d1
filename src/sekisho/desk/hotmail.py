"""Hotmail's junk mail reports (JMRP) before they were ARF: a subject and the message."""

from __future__ import annotations

import re

from sekisho.desk.address import host_address
from sekisho.desk.enclosed import attached
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import Mail
from sekisho.desk.report import Feedback, Format, Incident, Report, Trust, Why
from sekisho.desk.words import message_id
from sekisho.desk.writer import writer

_SUBJECT = re.compile(r"complaint about message from\s+(\S{1,64})", re.IGNORECASE)


def is_hotmail(mail: Mail) -> bool:
    """Tell whether a mail has the subject of these reports."""
    return _SUBJECT.match((mail.header.get(b"subject") or "").strip()) is not None


def parse(mail: Mail, limits: Limits) -> Report:
    """Read a report whose time is that of the message's hop; raise RefusedError."""
    subject = _SUBJECT.match((mail.header.get(b"subject") or "").strip())
    address = host_address(subject[1].rstrip(".,;")) if subject is not None else None
    if address is None:
        raise RefusedError(Why.BAD_ADDRESS, "its subject names no address")
    messages = attached(mail, limits)
    if len(messages) != 1:
        raise RefusedError(Why.MALFORMED, f"it has {len(messages)} messages in it instead of one")
    found = messages[0]
    incident = Incident(address, None, (), found.chain, found.is_cut, found.message_id)
    report_id = message_id(mail.header.get(b"message-id"))
    return Report(Format.HOTMAIL, Trust.STRUCTURED, writer(mail), report_id, Feedback.ABUSE, (incident,))
