"""SpamCop's own forms: one message in its words, summaries and alerts about several addresses.

A summary tells the hour without zone and year, an alert no time at all: people read them, no program may act
on them. Web sites that spam advertises are not our matter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sekisho.desk.address import host_address
from sekisho.desk.enclosed import NOTHING, read
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import Mail, first_text
from sekisho.desk.report import Feedback, Format, Incident, Moment, Report, TimeSource, Trust, Why
from sekisho.desk.when import moment_of
from sekisho.desk.words import clean, message_id
from sekisho.desk.writer import writer

_MARK = "[ Offending message ]"
_EMAIL_FROM = re.compile(r"^[ \t]*Email from[ \t]+(\S{2,64})[ \t]*/[ \t]*(\S.{0,199})$", re.MULTILINE)
_SUMMARY = re.compile(
    r"^[ \t]*([0-9A-Fa-f:.]{2,45})[ \t]+([A-Za-z]{3}[ \t]+\d{1,2}[ \t]+\d{1,2})h/\d{1,4}"
    r"[ \t]+(\d{1,6})[ \t]+(\d{1,6})[ \t]+(\d{1,6})[ \t]+(\d{1,6})",
    re.MULTILINE,
)
_ID = re.compile(r"\bid:[ ]?(\d{1,20})")


def is_spamcop(mail: Mail) -> bool:
    """Tell whether a mail says it is SpamCop's."""
    domain = writer(mail).domain or ""
    return domain == "spamcop.net" or domain.endswith(".spamcop.net")


def email_from(text: str) -> tuple[str, str] | None:
    """Return the address and the date that SpamCop's words name before the message; None where not one."""
    found = set(_EMAIL_FROM.findall(text.partition(_MARK)[0]))
    return found.pop() if len(found) == 1 else None


def parse(mail: Mail, limits: Limits) -> Report:
    """Read what SpamCop writes in words; raise RefusedError."""
    subject = clean(mail.header.get(b"subject") or "", 200)
    words = first_text(mail, limits)
    if "summary" in subject.lower():
        incidents = _summary(words, limits)
    elif "alert" in subject.lower():
        incidents = _alert(words, limits)
    else:
        incidents = (_single(words, limits),)
    number = _ID.search(subject)
    report_id = number[1] if number else message_id(mail.header.get(b"message-id"))
    return Report(Format.SPAMCOP, Trust.STRUCTURED, writer(mail), report_id, Feedback.ABUSE, incidents)


def _single(words: str, limits: Limits) -> Incident:
    found = email_from(words)
    before, mark, after = words.partition(_MARK)
    if found is None and "Spamvertised" in before:
        raise RefusedError(Why.NOT_MAIL, "it is about a web site that mail advertises, not about who sent it")
    if found is None:
        raise RefusedError(Why.NO_SOURCE, "SpamCop's words name no address, or more than one")
    address = host_address(found[0])
    if address is None:
        raise RefusedError(Why.BAD_ADDRESS, "what SpamCop's words name is no address")
    when = moment_of("date", TimeSource.BODY, found[1].strip())
    message = read(after.encode("utf-8", "replace"), limits) if mark else NOTHING
    return Incident(address, None, (when,), message.chain, message.is_cut, message.message_id)


def _summary(words: str, limits: Limits) -> tuple[Incident, ...]:
    rows = _SUMMARY.findall(words)
    return _incidents(
        (
            (written, (Moment(TimeSource.BODY, None, f"{date}h"),), max(1, sum(map(int, counts))))
            for written, date, *counts in rows
        ),
        limits,
    )


def _alert(words: str, limits: Limits) -> tuple[Incident, ...]:
    lines = [line.strip() for line in words.splitlines() if len(line) <= 80]
    return _incidents(((line, (), 1) for line in lines if host_address(line) is not None), limits)


def _incidents(rows: Iterable[tuple[str, tuple[Moment, ...], int]], limits: Limits) -> tuple[Incident, ...]:
    found = []
    for written, times, count in rows:
        address = host_address(written)
        if address is not None:
            found.append(Incident(address, None, times, count=count))
        if len(found) > limits.incidents:
            raise RefusedError(Why.TOO_MANY_INCIDENTS, f"it names over {limits.incidents} addresses")
    if not found:
        raise RefusedError(Why.NO_SOURCE, "it names no address")
    return tuple(found)
