"""From bytes to a report or a typed refusal, in whatever form it came.

    {…                                      XARF 4, or 3
    mail that answers one of the desk's     refused: people read what customers answer
         with a feedback report             ARF, also SpamCop's and anonymised ones
         with XARF in a part                the same
         with X-XARF                        X-ARF 0.2
         from SpamCop                       its words, summaries, alerts
         "complaint about message from …"   Hotmail's
         with a message or headers in it    a forward; of a report: refused, or it would accuse its sender

Sizes are judged before anything is read. What cannot be understood is refused with the reason, for people.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sekisho.desk import arf, forward, hotmail, mime, spamcop, x_arf, xarf, xarf3
from sekisho.desk.answering import answerable
from sekisho.desk.authentication import is_authentic
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import Mail
from sekisho.desk.nested import is_nested
from sekisho.desk.notices import names_letter
from sekisho.desk.report import Parsed, Refusal, Report, Trust, Why
from sekisho.desk.writer import writer

LIMITS = Limits()

_ANSWERED = (b"in-reply-to", b"references")

_START = 4_096  # bytes that may be blank

_BLANK = b" \t\r\n\xef\xbb\xbf"  # with the mark of byte order that some editors write


def parse(data: bytes, limits: Limits = LIMITS, servers: Collection[str] = ()) -> Parsed:
    """Return the report, or the refusal with its reason; raises nothing.

    `servers`: the authserv-ids of the mail servers that are believed, in lower case.
    """
    try:
        return _parse(data, limits, servers)
    except RefusedError as refused:
        return Refusal(refused.why, refused.reason)


def _parse(data: bytes, limits: Limits, servers: Collection[str]) -> Report:
    if len(data) > limits.message_bytes:
        raise RefusedError(Why.TOO_LARGE, f"{len(data)} bytes, over {limits.message_bytes}")
    start = data[:_START].lstrip(_BLANK)
    if not start:
        raise RefusedError(Why.EMPTY, "it is empty")
    if start.startswith(b"{"):
        return _of_json(data.strip(_BLANK), limits)
    mail = mime.read(data, limits)
    report, author = _of_mail(mail, limits), _authenticated(mail, servers)
    if author is None:
        return report
    domain = author.rpartition("@")[2]
    # What has a form was made by a program, which sends many and reads no thanks.
    thanked = answerable(mail.header, domain) if report.trust is Trust.PLAIN else None
    return replace(report, authenticated=domain, author=author, answerable=thanked)


def _authenticated(mail: Mail, servers: Collection[str]) -> str | None:
    """Return the address in a mail's `From:`, in lower case, where a server of ours says it is from there."""
    by = writer(mail)
    if by.address is None or by.domain is None or not is_authentic(mail.header, by.domain, servers):
        return None
    return f"{by.address.partition('@')[0].lower()}@{by.domain}"


def _of_mail(mail: Mail, limits: Limits) -> Report:
    if arf.is_arf(mail):
        return arf.parse(mail, limits)
    json = _json(mail, limits)
    if json is not None:
        return _of_json(json, limits)
    if x_arf.is_x_arf(mail):
        return x_arf.parse(mail, limits)
    if spamcop.is_spamcop(mail):
        return spamcop.parse(mail, limits)
    if hotmail.is_hotmail(mail):
        return hotmail.parse(mail, limits)
    # A program's report is one, whatever Message-ID the spam has that it names.
    if any(names_letter(value) for name in _ANSWERED for value in mail.header.all(name)):
        raise RefusedError(Why.ANSWER, "it answers a notice or an acknowledgement of ours")
    if is_nested(mail, limits):
        raise RefusedError(Why.REPORT_WITHIN, "it encloses a report, whose sender is no spammer: send that")
    return forward.parse(mail, limits)


def _of_json(data: bytes, limits: Limits) -> Report:
    return xarf3.parse(data, limits) if xarf.is_of_version_3(data) else xarf.parse(data, limits)


def _json(mail: Mail, limits: Limits) -> bytes | None:
    """Return the JSON of an XARF report that is in a mail, None where there is none."""
    found = xarf.parts(mail, limits)
    if len(found) > 1:
        raise RefusedError(Why.MALFORMED, "it has more than one XARF report in it")
    return found[0] if found else None
