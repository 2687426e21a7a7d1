"""X-ARF 0.2: mail whose second part is a few fields in YAML.

The YAML is read as a stream of events, not loaded: one mapping of names to plain words. Aliases, anchors,
tags and what is nested are refused, so that nothing can grow. `Port` is the service's, not the sender's.
"""

from __future__ import annotations

import yaml

from sekisho.desk.address import host_address
from sekisho.desk.enclosed import NOTHING, Enclosed, attached, read
from sekisho.desk.header import text as to_text
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import ENCLOSED, Mail, Part
from sekisho.desk.report import Feedback, Format, Incident, Report, Reporter, TimeSource, Trust, Why
from sekisho.desk.when import moment_of
from sekisho.desk.words import clean, mail_address, message_id
from sekisho.desk.writer import writer

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_LONGEST_FIELDS = 16_384  # bytes
_MOST_EVENTS = 200
_MAIL = ("spam", "spamtrap")
_ADDRESS_TYPES = ("ip-address", "ip", "ipv4", "ipv6")


def is_x_arf(mail: Mail) -> bool:
    """Tell whether a mail says it is X-ARF."""
    return _mark(mail) is not None


def parse(mail: Mail, limits: Limits) -> Report:
    """Read an X-ARF report; raise RefusedError."""
    if _mark(mail) not in {"plain", "yes"}:
        raise RefusedError(Why.UNKNOWN_FORMAT, "of X-ARF only its plain form is read")
    place, part = _fields_part(mail)
    fields = _fields(to_text(mail.content(part, _LONGEST_FIELDS + 1)))
    _refuse_other_matters(fields)
    incident = _incident(fields, _evidence(mail, place, limits))
    report_id = clean(fields.get("report-id", "")) or message_id(mail.header.get(b"message-id"))
    return Report(
        Format.X_ARF, Trust.STRUCTURED, _reporter(mail, fields), report_id, Feedback.ABUSE, (incident,)
    )


def _mark(mail: Mail) -> str | None:
    written = mail.header.get(b"x-xarf") or mail.header.get(b"x-arf")
    return None if written is None else written.strip().lower()


def _fields_part(mail: Mail) -> tuple[int, Part]:
    for at, part in enumerate(mail.parts):
        disposition = (part.header.get(b"content-disposition") or "").lower()
        if part.parameters.get("name", "").lower() == "report.txt" or "report.txt" in disposition:
            return at, part
    if len(mail.parts) < 2 or mail.parts[1].kind in ENCLOSED:
        raise RefusedError(Why.MALFORMED, "it says it is X-ARF and has no second part")
    return 1, mail.parts[1]


def _fields(text: str) -> dict[str, str]:
    if len(text) > _LONGEST_FIELDS:
        raise RefusedError(Why.MALFORMED, f"its fields are over {_LONGEST_FIELDS} bytes")
    try:
        words = _scalars(text)
    except yaml.YAMLError:
        raise RefusedError(Why.MALFORMED, "its fields are no YAML") from None
    found: dict[str, str] = {}
    for name, value in zip(words[::2], words[1::2], strict=True):
        if found.setdefault(name.strip().lower(), value) != value:
            raise RefusedError(Why.MALFORMED, "one of its fields says two things")
    return found


def _scalars(text: str) -> list[str]:
    """Return names and values in turn."""
    words: list[str] = []
    kinds: list[type[yaml.Event]] = []
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.ScalarEvent) and event.anchor is None and event.tag is None:
            words.append(event.value)
        elif isinstance(event, yaml.ScalarEvent | yaml.AliasEvent | yaml.SequenceStartEvent):
            raise RefusedError(Why.MALFORMED, "its fields are more than names and words")
        else:
            kinds.append(type(event))
        if len(words) > _MOST_EVENTS or kinds.count(yaml.MappingStartEvent) > 1:
            raise RefusedError(Why.MALFORMED, "its fields are more than names and words")
    if yaml.MappingStartEvent not in kinds or kinds.count(yaml.DocumentStartEvent) != 1:
        raise RefusedError(Why.MALFORMED, "its second part has no fields")
    return words


def _refuse_other_matters(fields: dict[str, str]) -> None:
    category, kind = fields.get("category", "").lower(), fields.get("report-type", "").lower()
    if category != "abuse" or kind not in _MAIL:
        raise RefusedError(
            Why.NOT_MAIL, f"its Category is not abuse, or its Report-Type not {' or '.join(_MAIL)}"
        )
    source_type = fields.get("source-type", "ip-address").lower()
    if source_type not in _ADDRESS_TYPES:
        raise RefusedError(Why.NO_SOURCE, f"its Source-Type is none of {', '.join(_ADDRESS_TYPES)}")


def _incident(fields: dict[str, str], evidence: Enclosed) -> Incident:
    address = host_address(fields.get("source", ""))
    if address is None:
        raise RefusedError(Why.BAD_ADDRESS, "its Source is no address")
    when = moment_of("Date", TimeSource.ARRIVAL_DATE, fields.get("date", ""))
    return Incident(address, None, (when,), evidence.chain, evidence.is_cut, evidence.message_id)


def _evidence(mail: Mail, place: int, limits: Limits) -> Enclosed:
    found = attached(mail, limits)
    if len(found) > 1:
        raise RefusedError(Why.MALFORMED, "it is one report and has more than one message in it")
    if found:
        return found[0]
    if place + 1 < len(mail.parts):
        return read(mail.content(mail.parts[place + 1], limits.header_bytes), limits)
    return NOTHING


def _reporter(mail: Mail, fields: dict[str, str]) -> Reporter:
    found = mail_address(fields.get("reported-from", ""))
    return writer(mail) if found is None else Reporter(*found)
