"""What people forward: messages attached in full, or their headers in the text or HTML, quoted or not.

Nothing in it is a field of a report: address and time come from the Received fields alone. What machines
send of themselves, as bounces and answers of the absent, is no complaint.
"""

from __future__ import annotations

from sekisho.desk.enclosed import Enclosed, attached, in_words, read
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import Mail
from sekisho.desk.report import Feedback, Format, Incident, Report, Trust, Why
from sekisho.desk.words import message_id
from sekisho.desk.writer import writer


def parse(mail: Mail, limits: Limits) -> Report:
    """Read a forward; raise RefusedError where it is none, or names no server that sent the message."""
    _refuse_of_machines(mail)
    messages = attached(mail, limits) or _in_words(mail, limits)
    told = [message for message in messages if message.chain]
    if not told:
        raise RefusedError(Why.UNKNOWN_FORMAT, "it is no report in a form we know, and has no headers in it")
    if not any(hop.address for message in told for hop in message.chain):
        raise RefusedError(Why.NO_SOURCE, "its headers name no server that sent the message")
    report_id = message_id(mail.header.get(b"message-id"))
    incidents = tuple(_incident(message) for message in told)
    return Report(Format.FORWARD, Trust.PLAIN, writer(mail), report_id, Feedback.ABUSE, incidents)


def _refuse_of_machines(mail: Mail) -> None:
    automatic = (mail.header.get(b"auto-submitted") or "no").strip().lower()
    if mail.kind == "multipart/report":
        raise RefusedError(Why.UNKNOWN_FORMAT, "it is a report of mail's delivery or reading, not of abuse")
    if not automatic.startswith("no"):
        raise RefusedError(Why.UNKNOWN_FORMAT, "a machine has written it, in no form we know")


def _incident(message: Enclosed) -> Incident:
    return Incident(None, None, (), message.chain, message.is_cut, message.message_id)


def _in_words(mail: Mail, limits: Limits) -> list[Enclosed]:
    found = in_words(mail, limits)
    return [] if found is None else [read(found[0], limits)]
