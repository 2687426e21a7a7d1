"""Whom an acknowledgement may reach."""

from __future__ import annotations

import pytest

from sekisho.desk.parse import parse
from sekisho.desk.report import Answerable, Report

FORWARD = """Return-Path: <{path}>
Authentication-Results: mx.example.net; {results}
Received: from mx.example.org by mx.example.net; Tue, 24 Nov 2026 10:00:00 +0000
From: Ann <ann@example.org>
Subject: spam
Message-ID: <1@example.org>
{more}
> Received: from pc (pc [100.64.0.1]) by mx.example.org; Tue, 24 Nov 2026 09:00:00 +0000
> Subject: buy
"""
PASSED = "dmarc=pass header.from=example.org"


def thanked(path: str = "ann@example.org", results: str = PASSED, more: str = "") -> Answerable | None:
    data = FORWARD.format(path=path, results=results, more=f"{more}\n" if more else "")
    report = parse(data.encode(), servers={"mx.example.net"})
    assert isinstance(report, Report)
    return report.answerable


def test_a_person_whose_mail_is_proved_to_be_theirs_is_answered() -> None:
    assert thanked() == Answerable("ann@example.org", "<1@example.org>")
    assert thanked("ann+spam@mail.example.org") is not None
    assert thanked(more="Auto-Submitted: no\nPrecedence: first-class") is not None


@pytest.mark.parametrize(
    "results", ["none", "dmarc=fail header.from=example.org", "spf=pass smtp.mailfrom=a.example"]
)
def test_nobody_is_answered_whose_mail_anybody_may_have_written(results: str) -> None:
    assert thanked(results=results) is None


@pytest.mark.parametrize(
    "path",
    [
        "",
        " ",
        "victim@example.com",
        "MAILER-DAEMON@example.org",
        "noreply@example.org",
        "owner-list@example.org",
        "list-request@example.org",
        "bounces+77@example.org",
        "a@example.org, victim@example.com",
        '"a b"@example.org',
    ],
)
def test_nobody_is_answered_at_an_address_of_others_or_of_machines(path: str) -> None:
    assert thanked(path) is None


@pytest.mark.parametrize(
    "field",
    [
        "Precedence: bulk",
        "Precedence:  List ",
        "List-Id: <x.example.org>",
        "List-Unsubscribe: <mailto:x@example.org>",
        "Feedback-ID: x",
        "X-Auto-Response-Suppress: All",
    ],
)
def test_no_bulk_is_answered(field: str) -> None:
    assert thanked(more=field) is None


def test_an_id_that_cannot_be_repeated_is_not() -> None:
    data = FORWARD.format(path="ann@example.org", results=PASSED, more="").replace("<1@example.org>", "<1 @>")
    report = parse(data.encode(), servers={"mx.example.net"})
    assert isinstance(report, Report)
    assert report.answerable == Answerable("ann@example.org", "")
