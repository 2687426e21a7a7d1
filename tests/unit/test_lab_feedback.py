"""What recipients report of spam, as the desk reads it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network

import pytest

from sekisho.desk.attribute import Asked, ours, prepare
from sekisho.desk.parse import parse
from sekisho.desk.report import Feedback, Format, Report, Trust
from sekisho.lab import feedback

NOW = datetime(2026, 11, 30, 12, 0, 9, tzinfo=UTC)
AT = datetime(2026, 11, 30, 12, 0, 5, tzinfo=UTC)
DELIVERED = b"""\
Return-Path: <bot-1@spam.example>
X-Original-To: victim@victims.example
Delivered-To: victim@victims.example
Received: from bot-1.example (unknown [100.64.0.16])
\tby mx.north.example (Postfix) with SMTP id 4jdc7415r1zNF1R
\tfor <victim@victims.example>; Mon, 30 Nov 2026 21:00:05 +0900 (JST)
Received: from forged (unknown [100.64.0.11])
\tby mx.north.example (Postfix) with SMTP id 4jdc7415r1zNF1Q; Mon, 30 Nov 2026 21:00:05 +0900 (JST)
From: <bot-1@spam.example>
Message-Id: <698e.0003.0000@bot-1.example>

1XXXXX
"""
LOG = """\
Nov 30 12:00:04 mx postfix/smtpd[7]: connect from unknown[100.64.0.16]:40000
Nov 30 12:00:05 mx postfix/smtpd[7]: 4jdc7415r1zNF1R: client=unknown[100.64.0.16]:39306
Nov 30 12:00:05 mx postfix/smtpd[8]: 4jdc7415r1zNF1S: client=unknown[100.64.0.16]:39422
"""


def test_spam_is_read_by_the_field_of_the_server_that_took_it_in() -> None:
    spam = feedback.read_spam(DELIVERED)
    assert (spam.server, spam.address, spam.queue_id) == (
        "mx.north.example",
        "100.64.0.16",
        "4jdc7415r1zNF1R",
    )
    assert (spam.at, spam.original) == (AT, DELIVERED)


@pytest.mark.parametrize("field", [b"", b"Received: from bot ([100.64.0.16]) by mx (smtp-sink); now\n"])
def test_what_postfix_did_not_write_is_a_fault(field: bytes) -> None:
    with pytest.raises(ValueError, match="no Received field of Postfix"):
        feedback.read_spam(field + b"From: <bot-1@spam.example>\n\n")


def test_the_port_is_the_one_that_was_logged_of_the_message() -> None:
    assert feedback.ports(LOG) == {"4jdc7415r1zNF1R": 39306, "4jdc7415r1zNF1S": 39422}


def reported(spam: feedback.Spam) -> Report:
    found = parse(feedback.report(spam, 39306, "abuse@north.example", "abuse@isp.example", NOW))
    assert isinstance(found, Report), found
    return found


def test_the_desk_reads_it_as_an_arf_report_that_field_and_chain_agree_on() -> None:
    found = reported(feedback.read_spam(DELIVERED))
    assert (found.format, found.trust, found.feedback) == (Format.ARF, Trust.STRUCTURED, Feedback.ABUSE)
    assert (found.reporter.address, found.reporter.domain) == ("abuse@north.example", "north.example")
    (incident,) = found.incidents
    assert (incident.address, incident.port) == (ip_address("100.64.0.16"), 39306)
    assert [moment.at for moment in incident.times] == [AT]
    assert incident.message_id == "<698e.0003.0000@bot-1.example>"
    our = ours([ip_network("100.64.0.0/16")], [])
    asked = prepare(found.feedback, incident, our, NOW, timedelta(seconds=1))
    assert isinstance(asked, Asked)
    assert asked.basis.is_corroborated
    assert {(ip_address(one.network), one.port, one.at) for one in asked.questions} == {
        (ip_address("100.64.0.16"), 39306, AT)
    }


def test_what_never_was_reads_as_what_was_delivered() -> None:
    spam = feedback.made_up("mx.north.example", "100.64.0.16", "abc123", AT)
    assert feedback.read_spam(spam.original) == spam
    (incident,) = reported(spam).incidents
    assert incident.chain[0].address == ip_address("100.64.0.16")


def test_two_messages_are_two_reports() -> None:
    spam = feedback.read_spam(DELIVERED)
    assert reported(spam).report_id != reported(replace(spam, queue_id="4jdc7415r1zNF1S")).report_id
