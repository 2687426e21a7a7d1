"""XARF 4: reports as JSON.

The `xarf` package takes a time without zone, "yesterday", the year 2999, the address 999.1.1.1 and evidence
with a wrong hash for good. So the form is checked here by a model, and time, address and evidence one by one.
"""

from __future__ import annotations

import binascii
import hashlib
import hmac
import json
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sekisho.desk.address import host_address, source_port
from sekisho.desk.enclosed import NOTHING, Enclosed, read
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import Mail
from sekisho.desk.report import (
    Feedback,
    Format,
    HostAddress,
    Incident,
    Report,
    Reporter,
    TimeSource,
    Trust,
    Why,
)
from sekisho.desk.when import moment_of
from sekisho.desk.words import clean, mail_address, message_id

_MARKS = (b'"xarf_version"', b'"ReporterInfo"')  # of XARF 4, and of 3
_MAIL = frozenset({"spam", "bulk_messaging"})
_ENCLOSED = frozenset({"message/rfc822", "text/email", "text/rfc822-headers"})
_ALGORITHMS = {"md5": 32, "sha1": 40, "sha256": 64, "sha512": 128}  # hexadecimal digits
_MOST_MARKS = 5_000  # in JSON: what stands between its values, also where they are words
_LARGEST = 5_242_880  # bytes of one piece of evidence: the schema's
_SPACE = str.maketrans("", "", " \t\r\n")


class Model(BaseModel):
    """A form of JSON, of which nothing is converted and what is not named here is passed over."""

    model_config = ConfigDict(strict=True, extra="ignore", frozen=True)


_Form = TypeVar("_Form", bound=Model)


class Contact(Model):
    """Who reports, or hands a report on."""

    org: str = Field(max_length=200)
    contact: str = Field(max_length=320)
    domain: str = Field(max_length=253)


class Evidence(Model):
    """One piece of evidence; `payload`: in base64, `size`: in bytes."""

    content_type: str = Field(max_length=200)
    payload: str
    hash: str | None = Field(default=None, max_length=200)
    size: int | None = Field(default=None, ge=0, le=_LARGEST)


class Written(Model):
    """What is read of a report; https://xarf.org/schemas/v4/ has the rest."""

    xarf_version: str = Field(pattern=r"^4\.[0-9]{1,4}\.[0-9]{1,4}$")
    report_id: str = Field(min_length=1, max_length=100)
    timestamp: str = Field(max_length=100)
    reporter: Contact
    sender: Contact
    source_identifier: str = Field(max_length=255)
    source_port: int | None = Field(default=None, ge=1, le=65_535)
    category: str = Field(max_length=40)
    type: str = Field(max_length=40)
    protocol: str | None = Field(default=None, max_length=40)
    message_id: str | None = Field(default=None, max_length=1_000)
    evidence: tuple[Evidence, ...] = Field(default=(), max_length=50, strict=False)


def parts(mail: Mail, limits: Limits) -> list[bytes]:
    """Return the reports, of whatever version, that are parts of a mail."""
    found = [part for part in mail.parts if part.kind == "application/json" or part.kind.endswith("+json")]
    contents = [mail.content(part, limits.message_bytes) for part in found]
    return [content for content in contents if any(mark in content for mark in _MARKS)]


def is_of_version_3(data: bytes) -> bool:
    """Tell whether a report has the names of XARF 3 and not those of 4."""
    return [mark in data for mark in _MARKS] == [False, True]


def parse(data: bytes, limits: Limits) -> Report:
    """Read a report; raise RefusedError."""
    return judged(read_json(data, Written), limits)


def read_json(data: bytes, form: type[_Form]) -> _Form:
    """Read JSON of a form; raise RefusedError where it is none, or names one thing twice."""
    if sum(map(data.count, (b",", b":", b"[", b"{"))) > _MOST_MARKS:
        raise RefusedError(Why.MALFORMED, "it is no XARF report: it has too many values in it")
    try:
        found = form.model_validate_json(data)
    except ValidationError as error:
        raise RefusedError(Why.MALFORMED, _words(error)) from None
    json.loads(data, object_pairs_hook=_refuse_twice, parse_int=str)  # long numbers take time
    return found


def judged(written: Written, limits: Limits) -> Report:
    """Return the report that is written; raise RefusedError where it is not about mail, or not sound."""
    _refuse_other_matters(written)
    address = _address(written)
    when = moment_of("timestamp", TimeSource.ARRIVAL_DATE, written.timestamp)
    evidence = _evidence(written, limits)
    incident = Incident(
        address,
        None if written.source_port is None else source_port(written.source_port),
        (when,),
        evidence.chain,
        evidence.is_cut,
        evidence.message_id or message_id(written.message_id),
    )
    return Report(
        Format.XARF,
        Trust.STRUCTURED,
        _reporter(written.reporter),
        clean(written.report_id) or None,
        Feedback.ABUSE,
        (incident,),
    )


def _refuse_twice(pairs: list[tuple[str, object]]) -> None:
    """Refuse an object that has a name twice: whoever looked at it before may have believed the other."""
    if len({name for name, _ in pairs}) != len(pairs):
        raise RefusedError(Why.MALFORMED, "it is no XARF report: a name stands twice in one of its objects")


def _words(error: ValidationError) -> str:
    """Return what is wrong without what was written."""
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(step) for step in first["loc"])
    return clean(f"it is no XARF report: {place or 'it'}: {first['msg']}")


def _refuse_other_matters(written: Written) -> None:
    if written.category != "messaging" or written.type not in _MAIL or written.protocol not in {None, "smtp"}:
        raise RefusedError(Why.NOT_MAIL, "its category, type and protocol are not those of spam by mail")


def _address(written: Written) -> HostAddress:
    address = host_address(written.source_identifier)
    if address is None:
        raise RefusedError(Why.BAD_ADDRESS, "its source_identifier is no address")
    return address


def _evidence(written: Written, limits: Limits) -> Enclosed:
    """Check all evidence against its hash and size, and return the message among it."""
    messages = []
    for number, piece in enumerate(written.evidence, start=1):
        content = _content(piece, number)
        if piece.content_type.partition(";")[0].strip().lower() in _ENCLOSED:
            messages.append(content)
    if len(messages) > 1:
        raise RefusedError(Why.BAD_EVIDENCE, "it is one report and has more than one message as evidence")
    return read(messages[0], limits) if messages else NOTHING


def _content(piece: Evidence, number: int) -> bytes:
    try:
        content = binascii.a2b_base64(piece.payload.translate(_SPACE), strict_mode=True)
    except ValueError:  # binascii.Error, and of text that is not ASCII
        raise RefusedError(Why.BAD_EVIDENCE, f"evidence {number} is not base64") from None
    if len(content) > _LARGEST:
        raise RefusedError(Why.BAD_EVIDENCE, f"evidence {number} is over {_LARGEST} bytes")
    if piece.size is not None and piece.size != len(content):
        raise RefusedError(Why.BAD_EVIDENCE, f"evidence {number} has not the size that is written")
    if piece.hash is not None and not _has_hash(content, piece.hash):
        raise RefusedError(Why.BAD_EVIDENCE, f"evidence {number} has not the hash that is written")
    return content


def _has_hash(content: bytes, written: str) -> bool:
    algorithm, _, digits = written.partition(":")
    if not digits.isascii() or _ALGORITHMS.get(algorithm) != len(digits):
        return False
    found = hashlib.new(algorithm, content, usedforsecurity=False).hexdigest()
    return hmac.compare_digest(found, digits.lower())


def _reporter(contact: Contact) -> Reporter:
    found = mail_address(contact.contact)
    domain = clean(contact.domain).lower().strip(".") or (found[1] if found else None)
    return Reporter(found[0] if found else None, domain or None)
