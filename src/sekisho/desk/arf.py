"""ARF, the abuse reporting format (RFC 5965, RFC 6692), as it is really sent.

Any version, with or without User-Agent, `Received-Date` for `Arrival-Date`, `spam` for `abuse`, `IPv6:`
before an address or its port behind, the fields' part under another type, the message in full, as its header
or not at all. Where the fields of a report contradict each other, people read it.
"""

from __future__ import annotations

from sekisho.desk.address import address_and_port, host_address, written_port
from sekisho.desk.enclosed import NOTHING, Enclosed, attached, read
from sekisho.desk.header import Header, strict
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import ENCLOSED, Mail, Part, first_text
from sekisho.desk.report import (
    Feedback,
    Format,
    HostAddress,
    Incident,
    Moment,
    Report,
    TimeSource,
    Trust,
    Why,
)
from sekisho.desk.spamcop import email_from, is_spamcop
from sekisho.desk.when import moment_of
from sekisho.desk.words import message_id
from sekisho.desk.writer import writer

_TYPES = {
    "opt-out-list": Feedback.OPT_OUT,
    "spam": Feedback.ABUSE,
    "mail-spam": Feedback.ABUSE,
    **{one.value: one for one in Feedback},
}
_TIMES = (
    (b"arrival-date", TimeSource.ARRIVAL_DATE),
    (b"received-date", TimeSource.RECEIVED_DATE),
)
_LONGEST_FIELDS = 65_536  # bytes
_MOST_DIGITS = 6  # of a number of incidents


def is_arf(mail: Mail) -> bool:
    """Tell whether a mail is a feedback report, or says so."""
    is_named = mail.kind == "multipart/report" and _report_type(mail) == "feedback-report"
    return is_named or any(part.kind == "message/feedback-report" for part in mail.parts)


def parse(mail: Mail, limits: Limits) -> Report:
    """Read a feedback report; raise RefusedError."""
    place, part = _fields_part(mail)
    content = mail.content(part, _LONGEST_FIELDS)
    fields = strict(content, limits)
    enclosed = _enclosed(mail, place, limits)
    incident = _incident(fields, enclosed, _body_address(mail, fields, limits))
    return Report(
        Format.SPAMCOP if is_spamcop(mail) else Format.ARF,
        Trust.STRUCTURED,
        writer(mail),
        message_id(mail.header.get(b"message-id")),
        _feedback(fields),
        (incident,),
    )


def _fields_part(mail: Mail) -> tuple[int, Part]:
    found = [at for at, part in enumerate(mail.parts) if part.kind == "message/feedback-report"]
    if len(found) > 1:
        raise RefusedError(Why.MALFORMED, "it has more than one part of type message/feedback-report")
    if found:
        return found[0], mail.parts[found[0]]
    if len(mail.parts) < 2 or mail.parts[1].kind in ENCLOSED:
        raise RefusedError(Why.MALFORMED, "it says it is a feedback report and has no such part")
    return 1, mail.parts[1]


def _enclosed(mail: Mail, place: int, limits: Limits) -> Enclosed:
    """Return the message the report is about: attached, or as text after the report's fields."""
    found = attached(mail, limits)
    if len(found) > 1:
        raise RefusedError(Why.MALFORMED, "it is one report and has more than one message in it")
    if found:
        return found[0]
    if place + 1 < len(mail.parts):
        return read(mail.content(mail.parts[place + 1], limits.header_bytes), limits)
    return NOTHING


def _incident(fields: Header, enclosed: Enclosed, in_body: HostAddress | None) -> Incident:
    address, port = _source(fields)
    address = address or in_body
    if address is None and not any(hop.address for hop in enclosed.chain):
        raise RefusedError(Why.NO_SOURCE, "it names no Source-IP, and its message no server that sent it")
    return Incident(
        address,
        port,
        _times(fields),
        enclosed.chain,
        enclosed.is_cut,
        enclosed.message_id,
        _count(_only(fields, b"incidents")),
    )


def _source(fields: Header) -> tuple[HostAddress | None, int | None]:
    """Return the sender's address and port; some write both into one field."""
    written, port = _only(fields, b"source-ip"), written_port(_only(fields, b"source-port"))
    if written is None:
        return None, port
    found = address_and_port(written)
    if found is None:
        raise RefusedError(Why.BAD_ADDRESS, "its Source-IP is no address")
    address, other = found
    if None not in (port, other) and port != other:
        raise RefusedError(Why.MALFORMED, "its Source-IP has another port than its Source-Port")
    return address, port or other


def _only(fields: Header, name: bytes) -> str | None:
    """Return what a field says that may be there once; raise RefusedError where it says different things."""
    values = {value.strip() for value in fields.all(name)}
    if len(values) > 1:
        raise RefusedError(Why.MALFORMED, f"it has more than one {name.decode().title()}")
    return (values.pop() or None) if values else None


def _times(fields: Header) -> tuple[Moment, ...]:
    said = ((name, source, _only(fields, name)) for name, source in _TIMES)
    return tuple(
        moment_of(name.decode().title(), source, written)
        for name, source, written in said
        if written is not None
    )


def _feedback(fields: Header) -> Feedback:
    written = _only(fields, b"feedback-type")
    if written is None:
        raise RefusedError(Why.MALFORMED, "it has no Feedback-Type")
    found = _TYPES.get(written.lower())
    if found is None:
        raise RefusedError(Why.UNKNOWN_TYPE, f"its Feedback-Type is none of {', '.join(_TYPES)}")
    return found


def _count(written: str | None) -> int:
    if written is None:
        return 1
    if not (written.isascii() and written.isdigit() and len(written) <= _MOST_DIGITS and int(written)):
        raise RefusedError(Why.MALFORMED, f"its Incidents is no number of up to {_MOST_DIGITS} digits")
    return int(written)


def _body_address(mail: Mail, fields: Header, limits: Limits) -> HostAddress | None:
    """Return the address that SpamCop's words name, whose fields sometimes lack it."""
    if fields.get(b"source-ip") or not is_spamcop(mail):
        return None
    found = email_from(first_text(mail, limits))
    return None if found is None else host_address(found[0])


def _report_type(mail: Mail) -> str:
    return mail.parameters.get("report-type", "").lower()
