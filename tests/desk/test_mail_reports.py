"""Reports that come as mail: what each form says, and why it is refused."""

from __future__ import annotations

import html
import random
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address

import pytest

from sekisho.desk.parse import parse
from sekisho.desk.report import Feedback, Format, Incident, Refusal, Report, TimeSource, Trust, Why
from tests.desk import letters
from tests.desk.letters import Facts

ADDRESS, OTHER, IPV6 = ip_address("198.51.100.7"), ip_address("192.0.2.9"), ip_address("2001:db8:4000::7")
DATE = "Tue, 3 Nov 2026 17:11:12 +0900"
AT = datetime(2026, 11, 3, 8, 11, 12, tzinfo=UTC)
HOP = letters.postfix(ADDRESS, DATE, None)
FACTS = Facts(ADDRESS, 4_567, DATE, letters.message([HOP], 7), 7)

FIELDS = f"Feedback-Type: abuse\nUser-Agent: Loop/1\nVersion: 1\nSource-IP: {ADDRESS}\nArrival-Date: {DATE}\n"


def arf(fields: str, third: str = "") -> bytes:
    return (
        "From: Loop <fbl@reports.example.net>\nMessage-ID: <r@loop>\n"
        "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n"
        f"--b\n\nwords\n--b\nContent-Type: message/feedback-report\n\n{fields}\n{third}--b--\n"
    ).encode()


def read(data: bytes) -> Report:
    parsed = parse(data)
    assert isinstance(parsed, Report), parsed
    return parsed


def only(data: bytes) -> Incident:
    (incident,) = read(data).incidents
    return incident


def refused(data: bytes) -> Refusal:
    parsed = parse(data)
    assert isinstance(parsed, Refusal), parsed
    return parsed


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("form", letters.STRUCTURED)
def test_what_a_structured_report_says_is_read(form: str, seed: int) -> None:
    report = read(letters.STRUCTURED[form](FACTS, random.Random(seed)))
    (incident,) = report.incidents
    assert (report.trust, report.feedback) == (Trust.STRUCTURED, Feedback.ABUSE)
    assert incident.address == ADDRESS
    assert incident.times[0].at == AT
    assert [hop.address for hop in incident.chain] == [ADDRESS]
    assert incident.message_id == "<spam-7@pc>"
    assert report.reporter.domain in {"trap.example.org", "reports.spamcop.net"}
    assert report.report_id


@pytest.mark.parametrize("form", [*letters.STRUCTURED, "hotmail"])
def test_no_spam_escapes_by_a_message_id_as_of_our_notices(form: str) -> None:
    """A program that reports it may name it as what it answers."""
    data = {**letters.STRUCTURED, "hotmail": letters.hotmail}[form](FACTS, random.Random(1))
    if not data.startswith(b"{"):
        data = b"References: <desk-gate-1-1-1-stop-request@isp.example>\n" + data
    assert read(data).incidents[0].address == ADDRESS


def test_a_report_keeps_nothing_of_what_was_written_to_whom() -> None:
    shown = repr(read(letters.arf(FACTS, random.Random(1))))
    assert "Win" not in shown
    assert "bank@example.com" not in shown
    assert "Buy now" not in shown


def test_arf_says_more_than_one_thing() -> None:
    incident = only(
        arf(FIELDS + "Source-Port: 4567\nIncidents: 12\nReceived-Date: Tue, 3 Nov 2026 08:11:13 GMT\n")
    )
    assert (incident.port, incident.count, incident.chain) == (4_567, 12, ())
    assert [moment.source for moment in incident.times] == [TimeSource.ARRIVAL_DATE, TimeSource.RECEIVED_DATE]


@pytest.mark.parametrize(
    "fields",
    [
        f"Feedback-Type: Abuse\nVersion: 0.1\nSource-IP: IPv6:{IPV6}\nReceived-Date: {DATE}\n",
        f"\nfeedback-type: abuse\nSOURCE-IP: [{IPV6}]\nArrival-Date:\n {DATE}\n",
        f"Feedback-Type: abuse\nSource-IP: {IPV6}\n\nArrival-Date: {DATE}\n",
        f"Feedback-Type: abuse\r\nSource-IP: {IPV6}\r\nArrival-Date: {DATE}\r\n",
        f"Feedback-Type: fraud\nSource-IP: {IPV6}\nSource-IP: {IPV6}\nArrival-Date: {DATE}\n",
    ],
)
def test_arf_is_read_as_it_is_really_sent(fields: str) -> None:
    incident = only(arf(fields))
    assert incident.address == IPV6
    assert [moment.at for moment in incident.times] == [AT]


def test_the_fields_may_have_another_type() -> None:
    assert only(arf(FIELDS).replace(b"message/feedback-report", b"text/plain")).address == ADDRESS


def test_the_message_may_be_a_text_after_the_fields() -> None:
    third = f"--b\nContent-Type: text/plain\n\n>From a@b Tue\nReceived: {HOP}\n\nx\n"
    assert [hop.address for hop in only(arf(FIELDS, third)).chain] == [ADDRESS]


@pytest.mark.parametrize("port", ["25", "0", "65536", "x", "-1", "４５６７", ""])
def test_a_port_that_is_none_is_unknown(port: str) -> None:
    assert only(arf(FIELDS + f"Source-Port: {port}\n")).port is None


@pytest.mark.parametrize(
    ("written", "feedback"),
    [
        ("not-spam", Feedback.NOT_SPAM),
        ("opt-out", Feedback.OPT_OUT),
        ("opt-out-list", Feedback.OPT_OUT),
        ("auth-failure", Feedback.AUTH_FAILURE),
    ],
)
def test_what_is_no_abuse_says_so(written: str, feedback: Feedback) -> None:
    report = read(arf(FIELDS.replace("abuse", written)))
    assert report.feedback is feedback
    assert not report.feedback.is_abuse


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        (FIELDS.replace("Feedback-Type: abuse\n", ""), Why.MALFORMED),
        (FIELDS.replace("abuse", "other"), Why.UNKNOWN_TYPE),
        (FIELDS.replace("abuse", "praise"), Why.UNKNOWN_TYPE),
        (FIELDS + "Feedback-Type: not-spam\n", Why.MALFORMED),
        (FIELDS + f"Source-IP: {OTHER}\n", Why.MALFORMED),
        (FIELDS + f"Arrival-Date: {DATE} x\n", Why.MALFORMED),
        (FIELDS + "Source-Port: 5000\nSource-Port: 6000\n", Why.MALFORMED),
        (FIELDS.replace(str(ADDRESS), "999.1.1.1"), Why.BAD_ADDRESS),
        (FIELDS.replace(str(ADDRESS), "198.51.100.0/24"), Why.BAD_ADDRESS),
        (FIELDS.replace(str(ADDRESS), "198.51.100.xxx"), Why.BAD_ADDRESS),
        (FIELDS.replace(f"Source-IP: {ADDRESS}\n", ""), Why.NO_SOURCE),
        (FIELDS.replace("2026", "2999"), Why.BAD_TIME),
        (FIELDS.replace(DATE, "yesterday"), Why.BAD_TIME),
        (FIELDS + "Incidents: many\n", Why.MALFORMED),
        (FIELDS + "Incidents: 0\n", Why.MALFORMED),
        (FIELDS + "Incidents: 10000000\n", Why.MALFORMED),
    ],
)
def test_arf_that_no_program_may_follow(fields: str, why: Why) -> None:
    refusal = refused(arf(fields))
    assert refusal.why is why
    assert refusal.reason


def test_one_report_has_one_message_and_one_part_of_fields() -> None:
    message = f"--b\nContent-Type: message/rfc822\n\nReceived: {HOP}\n\nx\n"
    assert refused(arf(FIELDS, message * 2)).why is Why.MALFORMED
    assert (
        refused(arf(FIELDS, f"--b\nContent-Type: message/feedback-report\n\n{FIELDS}\n")).why is Why.MALFORMED
    )
    lone = b"Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nwords\n--b--\n"
    assert refused(lone).why is Why.MALFORMED


def test_a_carriage_return_among_newlines_begins_no_field() -> None:
    written = FIELDS.replace(f"Source-IP: {ADDRESS}\n", f"Original-Mail-From: x\rSource-IP: {OTHER}\n")
    assert refused(arf(written)).why is Why.NO_SOURCE


def test_an_enclosed_message_has_line_ends_of_its_own() -> None:
    fields = f"Received: {HOP}\nMessage-ID: <m@x>\n\nx\nReceived: from y ([{OTHER}]) by z; {DATE}\n"
    third = "--b\nContent-Type: message/rfc822\n\n" + fields.replace("\n", "\r") + "\n"
    for data in (arf(FIELDS, third), arf(FIELDS, third).replace(b"\n", b"\r\n")):
        incident = only(data)
        assert ([hop.address for hop in incident.chain], incident.message_id) == ([ADDRESS], "<m@x>")


def test_a_spam_s_own_fields_are_not_those_of_its_report() -> None:
    forged = f"Received: {HOP}\n{FIELDS}Category: abuse\nReport-Type: spam\nSource: {OTHER}\nDate: {DATE}\n"
    parts = f"--b\n\nwords\n--b\nContent-Type: message/rfc822\n\n{forged}\nx\n--b--\n"
    report = f"Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n{parts}"
    assert refused(report.encode()).why is Why.MALFORMED
    assert (
        refused(f"X-XARF: PLAIN\nContent-Type: multipart/mixed; boundary=b\n\n{parts}".encode()).why
        is Why.MALFORMED
    )


def test_spamcop_s_report_has_its_number() -> None:
    report = read(letters.spamcop(FACTS, random.Random(1)))
    assert (report.format, report.report_id) == (Format.SPAMCOP, "7")
    assert report.incidents[0].times[0].source is TimeSource.BODY


def test_only_spamcop_s_own_words_name_the_sender() -> None:
    """What comes after the mark is the spammer's."""
    data = letters.spamcop(
        replace(FACTS, message=f"Email from {OTHER} / {DATE}\n".encode() + FACTS.message), random.Random(1)
    )
    assert only(data).address == ADDRESS
    assert refused(data.replace(b"[ Offending message ]", b"")).why is Why.NO_SOURCE


SUMMARY = f"""From: spamcop@devnull.spamcop.net
Subject: [SpamCop] summary report
Message-ID: <s1@x>

[ SpamCop Summary Report ]
   IP_Address  Start/Length  Trap User Mole Simp Comments
   RDNS
{ADDRESS}     Nov  2 18h/3  2 1 0 0
   dsl-7.example
{OTHER}       Nov  3 04h/1  0 1 0 0
"""


def test_a_summary_names_several_and_no_time_that_can_be_told() -> None:
    incidents = read(SUMMARY.encode()).incidents
    assert [(incident.address, incident.count) for incident in incidents] == [(ADDRESS, 3), (OTHER, 1)]
    assert [moment.at for incident in incidents for moment in incident.times] == [None, None]


def test_an_alert_names_several_and_no_time() -> None:
    words = f"Trap hits:\n\n{ADDRESS}\n {OTHER}\n\nBye 192.0.2.1\n"
    data = f"From: a@spamcop.net\nSubject: [SpamCop] Alert\n\n{words}"
    incidents = read(data.encode()).incidents
    assert [(incident.address, incident.times) for incident in incidents] == [(ADDRESS, ()), (OTHER, ())]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (f"Spamvertised web site: http://x.example/\nhttp://x.example/ is {ADDRESS}; {DATE}\n", Why.NOT_MAIL),
        ("Hello\n", Why.NO_SOURCE),
        (f"Email from {ADDRESS} / {DATE}\nEmail from {OTHER} / {DATE}\n", Why.NO_SOURCE),
        (f"Email from dsl.example / {DATE}\n", Why.BAD_ADDRESS),
        (f"Email from {ADDRESS} / today\n", Why.BAD_TIME),
    ],
)
def test_spamcop_s_words_that_no_program_may_follow(words: str, why: Why) -> None:
    assert refused(f"From: 1@reports.spamcop.net\nSubject: [SpamCop] x\n\n{words}".encode()).why is why
    assert refused(SUMMARY.partition("\n\n")[0].encode() + b"\n\nnothing\n").why is Why.NO_SOURCE


def test_hotmail_s_old_form_has_its_time_from_the_hop() -> None:
    report = read(letters.hotmail(FACTS, random.Random(1)))
    (incident,) = report.incidents
    assert (report.format, incident.address, incident.times) == (Format.HOTMAIL, ADDRESS, ())
    hop = incident.chain[0].moment
    assert hop is not None
    assert hop.at == AT
    data = letters.hotmail(FACTS, random.Random(1))
    assert refused(data.replace(str(ADDRESS).encode(), b"nowhere", 1)).why is Why.BAD_ADDRESS
    assert refused(data.replace(b"message/rfc822", b"text/html")).why is Why.MALFORMED


@pytest.mark.parametrize("seed", range(8))
def test_a_forward_has_everything_from_the_headers(seed: int) -> None:
    report = read(letters.forward(FACTS, random.Random(seed)))
    (incident,) = report.incidents
    assert (report.format, report.trust) == (Format.FORWARD, Trust.PLAIN)
    assert (incident.address, incident.port, incident.times) == (None, None, ())
    assert [hop.address for hop in incident.chain] == [ADDRESS]
    assert report.reporter.address == "abuse@trap.example.org"


def test_a_forward_whose_lines_were_broken_anew_is_read() -> None:
    quoted = f">Received: from x (x\n>[{ADDRESS}])\n> by y with SMTP;\n>Tue, 3 Nov 2026\n>17:11:12 +0900\n"
    (hop,) = only(f"From: a@b.example\n\nlook:\n{quoted}".encode()).chain
    assert hop.address == ADDRESS
    assert hop.moment is not None
    assert hop.moment.at == AT


def test_a_forward_of_several_has_an_incident_for_each() -> None:
    part = b"--f\nContent-Type: message/rfc822\n\n" + FACTS.message
    data = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=f\n\n" + part * 3 + b"--f--\n"
    assert len(read(data).incidents) == 3


@pytest.mark.parametrize(
    "form", [letters.arf, letters.x_arf, letters.spamcop, letters.hotmail, letters.anonymised]
)
def test_a_forward_of_a_report_accuses_nobody(form: Callable[[Facts, random.Random], bytes]) -> None:
    """The hops of what is enclosed are those of the report, not of the spam."""
    report = f"Received: {HOP}\n".encode() + form(FACTS, random.Random(1))
    head = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=f\n\n"
    data = head + b"--f\nContent-Type: message/rfc822\n\n" + report + b"\n--f--\n"
    assert refused(data).why is Why.REPORT_WITHIN


@pytest.mark.parametrize(
    "text",
    [
        f"Received: {HOP}\nTo: abuse@isp.example\n\nYour customer sends me spam!\n",
        f"> Received: {HOP}\n> To: The Desk <desk@isp.example>\n>\n> Your customer sends me spam!\n",
        f"Received: {HOP}\nTo: x@y.example\n\nLook:\n> Received: from x ([{OTHER}]) by y; {DATE}\n",
        f"Received: {HOP}\n\nReceived: from x ([{OTHER}]) by y; {DATE}\n\nTo: x@y.example\n",
    ],
)
@pytest.mark.parametrize("kind", ["text/plain", "text/html"])
def test_a_forward_of_a_complaint_in_words_accuses_nobody(text: str, kind: str) -> None:
    head = f"From: a@b.example\nTo: desk@isp.example\nContent-Type: {kind}\n\nlook:\n"
    body = text if kind == "text/plain" else f"<pre>{html.escape(text)}</pre>"
    assert refused(f"{head}{body}".encode()).why is Why.REPORT_WITHIN


MULTIPART = "Content-Type: multipart/mixed; boundary=i\n"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("To: The Desk <ABUSE@isp.example>\n", "Your customer sends me spam!\n"),
        ("Cc: x@y.example, Desk@ISP.example\n", "Your customer sends me spam!\n"),
        ("To: x@y.example\n", f"Look:\n\n> Received: {HOP}\n"),
        (
            "To: x@y.example\n" + MULTIPART,
            f"--i\n\nx\n--i\nContent-Type: message/rfc822\n\nReceived: {HOP}\n",
        ),
        (
            "To: x@y.example\n" + MULTIPART,
            f"--i\nContent-Type: text/html; name=spam.eml\n\nReceived: {HOP}\n",
        ),
    ],
)
def test_a_forward_of_a_complaint_accuses_nobody(head: str, body: str) -> None:
    complaint = f"Received: {HOP}\nFrom: victim@example.org\n{head}\n{body}"
    outer = "From: a@b.example\nTo: desk@isp.example\nContent-Type: multipart/mixed; boundary=f\n\n"
    data = f"{outer}--f\nContent-Type: message/rfc822\n\n{complaint}\n--f--\n"
    assert refused(data.encode()).why is Why.REPORT_WITHIN


@pytest.mark.parametrize(
    ("head", "body", "why"),
    [
        ("", "Your customer sends me spam!", Why.UNKNOWN_FORMAT),
        ("", "Received: by x; Tue, 3 Nov 2026 17:11:12 +0900\n", Why.NO_SOURCE),
        ("Auto-Submitted: auto-replied\n", f"Received: {HOP}\n", Why.UNKNOWN_FORMAT),
        (
            "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n",
            "--b--",
            Why.UNKNOWN_FORMAT,
        ),
        ("Content-Type: application/zip\n", "PK\x03\x04", Why.UNKNOWN_FORMAT),
    ],
)
def test_mail_that_is_no_report(head: str, body: str, why: Why) -> None:
    assert refused(f"From: a@b.example\n{head}\n{body}".encode()).why is why


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("Category: abuse", "Category: info", Why.NOT_MAIL),
        ("Report-Type: spam", "Report-Type: login-attack", Why.NOT_MAIL),
        ("Report-Type: spam", "Report-Type: not-spam", Why.NOT_MAIL),
        ("Source-Type: ip-address", "Source-Type: uri", Why.NO_SOURCE),
        (f'Source: "{ADDRESS}"', "Source: 999.1.1.1", Why.BAD_ADDRESS),
        (f'Source: "{ADDRESS}"', "Sauce: x", Why.BAD_ADDRESS),
        (DATE, "yesterday", Why.BAD_TIME),
        (DATE, "2999-11-03T00:00:00Z", Why.BAD_TIME),
        ("Version: 0.2", "Version: &a [*a, *a]", Why.MALFORMED),
        ("Version: 0.2", "Version: &a x", Why.MALFORMED),
        ("Version: 0.2", "Version: {a: b}", Why.MALFORMED),
        ("Version: 0.2", "Version: !!python/object/apply:os.system [x]", Why.MALFORMED),
        ("Version: 0.2", f'Source: "{OTHER}"', Why.MALFORMED),
        ("Version: 0.2", "Version: 'x", Why.MALFORMED),
        ("Version: 0.2", "...\n---\na: b", Why.MALFORMED),
        ("Version: 0.2", "\n".join(f"a{n}: b" for n in range(200)), Why.MALFORMED),
        ("X-XARF: PLAIN", "X-XARF: SECURE", Why.UNKNOWN_FORMAT),
    ],
)
def test_x_arf_that_no_program_may_follow(before: str, after: str, why: Why) -> None:
    data = letters.x_arf(FACTS, random.Random(1)).decode()
    assert before in data
    assert refused(data.replace(before, after).encode()).why is why


def test_x_arf_s_port_is_the_service_s_and_its_time_has_a_zone_or_none() -> None:
    data = letters.x_arf(FACTS, random.Random(1)).replace(b"Port: 25", b"Port: 4567")
    assert only(data).port is None
    assert [
        moment.at for moment in only(data.replace(DATE.encode(), b"2026-11-03 17:11:12 +0900")).times
    ] == [AT]
    assert [moment.at for moment in only(data.replace(DATE.encode(), b"2026-11-03 17:11:12")).times] == [None]


@pytest.mark.parametrize(
    ("field", "address", "domain"),
    [
        ("From: fbl@Reports.Example.NET", "fbl@Reports.Example.NET", "reports.example.net"),
        ('From: "trusted@bank.example" <x@evil.example>', "x@evil.example", "evil.example"),
        ("From: x@evil.example (<trusted@bank.example>)", "x@evil.example", "evil.example"),
        ("From: <x@evil.example> <trusted@bank.example>", None, None),
        ("From: x@evil.example, trusted@bank.example", None, None),
        ("From: trusted@bank.example <x@evil.example>", "x@evil.example", "evil.example"),
        ("From: Nobody", None, None),
        ("From: a@b.example\nFrom: c@d.example", None, None),
        ("To: x@y.example", None, None),
    ],
)
def test_the_reporter_is_who_the_field_names(field: str, address: str | None, domain: str | None) -> None:
    data = arf(FIELDS).replace(b"From: Loop <fbl@reports.example.net>", field.encode())
    reporter = read(data).reporter
    assert (reporter.address, reporter.domain) == (address, domain)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r", b"\r\r\n"])
@pytest.mark.parametrize("start", [b"", b"From fbl@x Tue Nov  3 08:11:12 2026\n", b">From x\n\n", b"\n\n"])
def test_line_ends_and_envelopes_change_nothing(end: bytes, start: bytes) -> None:
    for form, write in letters.STRUCTURED.items():
        data = write(FACTS, random.Random(2))
        if form != "xarf":
            assert read((start + data).replace(b"\n", end)) == read(data)
