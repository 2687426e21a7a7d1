"""Whether our own mail server says whose a mail is, whatever the sender has written in its name."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.authentication import LONGEST, MOST_FIELDS, is_authentic
from sekisho.desk.header import Header
from sekisho.desk.parse import parse
from sekisho.desk.report import Report
from tests.desk import letters
from tests.desk.letters import MX, Facts, delivered
from tests.desk.test_mail_reports import FACTS

SERVERS = frozenset({MX})
TRUE = f"{MX}; dmarc=pass header.from=example.net"


def header(*fields: str, name: bytes = b"authentication-results") -> Header:
    """A header with these fields at its top, and what the sender wrote below."""
    own = ((name, field.encode()) for field in fields)
    return Header((*own, (b"received", b"from x by y"), (b"from", b"fbl@example.net")))


def is_believed(*fields: str, domain: str = "example.net") -> bool:
    return is_authentic(header(*fields), domain, SERVERS)


@pytest.mark.parametrize(
    "field",
    [
        TRUE,
        f"{MX.upper()}; DMARC=Pass Header.From=Example.NET",
        f"{MX} 1; dkim=pass header.d=example.net",
        f'{MX}; dkim=pass (2048 bits; "x") header.d=mail.example.net header.i=@x.example header.b="a/b="',
        f'{MX}; dkim=fail reason="a; b" header.d=example.net; dkim=pass header.i=@example.net',
        f"{MX};\tspf=pass (sender (nested) is \\) permitted) smtp.mailfrom=bounce@m.example.net; dmarc=none",
        f"{MX}; spf = pass smtp.mailfrom = example.net",
        f"{MX}; iprev=pass smtp.remote-ip=192.0.2.1; dkim=pass header.d=example.net header.a=rsa-sha256",
        f'{MX}; spf=pass smtp.mailfrom="a b"@example.net',
        f"{MX}; dmarc=pass (p=REJECT sp=REJECT dis=NONE) header.from=example.net policy.dmarc=reject",
    ],
)
def test_what_mail_servers_write_is_read(field: str) -> None:
    assert is_believed(field)
    assert not is_believed(field, domain="example.org")
    assert not is_authentic(header(field), "example.net", frozenset({"mx.other.example"}))


@pytest.mark.parametrize(
    "field",
    [
        f"{MX}; none",
        f"{MX}",
        f"{MX}; dkim=fail header.d=example.net",
        f"{MX}; dkim=pass header.d=example.org",
        f"{MX}; dkim=pass header.s=example.net",
        f"{MX}; spf=pass smtp.helo=example.net",
        f"{MX}; spf=softfail smtp.mailfrom=example.net",
        f"{MX}; dkim=pass header.d=example.net; dmarc=fail header.from=example.net",
        f"{MX}; dmarc=pass header.from=mail.example.net",  # of another From than the one that is read here
        f"{MX}; dkim=pass header.d=net",
        f"{MX}; dkim=pass header.d=example.net header.d=example.org",
        f"{MX}; arc=pass header.d=example.net",
        f"{MX}; (dkim=pass header.d=example.net)",
        f'{MX}; spf=fail reason="; dkim=pass header.d=example.net"',
        f'{MX}; spf=pass smtp.mailfrom="x@example.net"@evil.example',
        f"{MX}; spf=pass smtp.mailfrom=x; dkim=pass header.d=example.net @evil.example",
        f"{MX}; spf=fail (unfinished; dkim=pass header.d=example.net",
        f'{MX}; spf=fail reason="unfinished; dkim=pass header.d=example.net',
        f"{MX}); dkim=pass header.d=example.net",
        f"{MX} x; dkim=pass header.d=example.net",
        f"{MX} ; dkim=pass header.d=example.net {'x' * LONGEST}",
        f"other.example; {MX}; dkim=pass header.d=example.net",
        "dkim=pass header.d=example.net",
        "",
    ],
)
def test_what_says_less_or_something_else_is_not_believed(field: str) -> None:
    assert not is_believed(field)
    assert not is_believed(field, TRUE.replace("dmarc", "x-own"))


@pytest.mark.parametrize(
    "field",
    [
        f'Authentication-Results: "{MX}"; dmarc=pass header.from=trap.example.org',
        f"Authentication-Results: (x) {MX}; dmarc=pass header.from=trap.example.org",
        f"Authentication-Results:\u00a0{MX}; dmarc=pass header.from=trap.example.org",
        f"Authentication-Results\v: {MX}; dmarc=pass header.from=trap.example.org",
        f"Authentication-Results\f: {MX}; dmarc=pass header.from=trap.example.org",
    ],
)
def test_what_a_filter_of_forged_fields_may_overlook_is_not_believed(field: str) -> None:
    plain = f"Authentication-Results: {MX}; dmarc=pass header.from=trap.example.org"
    for written, authenticated in ((plain, "trap.example.org"), (field, None)):
        report = parse(f"{written}\n".encode() + letters.arf(FACTS, random.Random(1)), servers=SERVERS)
        assert isinstance(report, Report)
        assert report.authenticated == authenticated


def test_only_what_stands_at_the_top_is_ours() -> None:
    own = f"{MX}; dkim=none"
    assert is_believed(TRUE, f"{MX}; spf=none", own)  # one field for each of several programs
    assert is_believed(f"{MX}; arc=none", TRUE)  # which says nothing of whom it is from
    for above in (f"{MX}; spf=none", f"{MX}; none", MX, f"{own}; spf=pass smtp.mailfrom=evil.example"):
        assert not is_believed(above, TRUE)  # what stands beneath may be the sender's
    assert is_believed("filter.other.example; dkim=fail", TRUE)  # of a host that has handed it on to us
    others = ["filter.other.example; dkim=fail"] * MOST_FIELDS
    assert (is_believed(*others[1:], TRUE), is_believed(*others, TRUE)) == (True, False)
    assert not is_believed(own, f"{MX}; dkim=pass header.d=example.net")
    assert not is_believed(f"{MX}; dmarc=fail", TRUE)
    assert not is_believed(f"{MX}; dkim=pass header.d=example.net", f"{MX}; dmarc=fail")
    assert not is_believed(f"{MX}; spf=none (", TRUE)  # who makes ours unreadable gains nothing
    assert not is_believed(f"{MX}; spf=none", "other.example; dkim=pass", TRUE)
    fields = (
        (b"authentication-results", f"{MX}; spf=none".encode()),
        (b"received", b"from x by y"),
        (b"authentication-results", TRUE.encode()),
    )
    assert not is_authentic(Header(fields), "example.net", SERVERS)
    # A server that writes at the end and takes nothing away: theirs stands at the top.
    assert not is_authentic(Header(fields[::-1]), "example.net", SERVERS)
    beneath = (*fields[:0:-1], (b"authentication-results", b"none of ours (; dkim=fail"))
    assert is_authentic(Header(beneath), "example.net", SERVERS)
    assert not is_authentic(header(TRUE, name=b"x-authentication-results"), "example.net", SERVERS)
    assert not is_authentic(header(TRUE), "example.net", frozenset())


@given(st.text(alphabet=st.sampled_from('abz.;=()"\\@/ \t'), max_size=60), st.booleans())
def test_no_word_of_the_sender_in_a_field_of_ours_makes_a_failure_a_success(
    word: str, is_quoted: bool
) -> None:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"')
    comment = escaped.replace("(", "\\(").replace(")", "\\)")
    said = f'reason="{escaped}"' if is_quoted else f"({comment})"
    assert not is_believed(f"{MX}; spf=fail {said} smtp.mailfrom=example.net; dkim=none")
    assert is_believed(f"{MX}; spf=pass {said} smtp.mailfrom=example.net; dkim=none")


@given(st.text(max_size=200))
def test_any_field_is_read_without_an_error(field: str) -> None:
    is_believed(field)


@pytest.mark.parametrize("form", letters.STRUCTURED)
def test_a_report_is_authenticated_in_every_form_or_not_at_all(form: str) -> None:
    data = letters.STRUCTURED[form](FACTS, random.Random(1))
    if data.startswith(b"{"):
        assert _authenticated(data) is None
        return
    domain = "reports.spamcop.net" if form.startswith("spamcop") else FACTS.reporter.partition("@")[2]
    assert _authenticated(data) is None
    assert _authenticated(delivered(data)) is None
    assert _authenticated(delivered(data, domain)) == domain
    assert _authenticated(delivered(data, "evil.example")) is None
    assert _authenticated(delivered(data, domain, "mx.evil.example")) is None
    assert _authenticated(delivered(delivered(data, domain))) is None  # theirs beneath ours
    two = delivered(data, domain).replace(b"From:", b"From: a@b.example\nFrom:", 1)
    assert _authenticated(two) is None


def test_who_is_named_in_a_report_is_not_who_wrote_it() -> None:
    facts = Facts(FACTS.named, None, FACTS.date, FACTS.message, 7)
    data = letters.x_arf(facts, random.Random(1)).replace(b"From: ", b"From: x@evil.example\nX-Was: ", 1)
    report = parse(delivered(data, "evil.example"), servers=SERVERS)
    assert isinstance(report, Report)
    assert (report.reporter.domain, report.authenticated) == ("trap.example.org", "evil.example")


def _authenticated(data: bytes) -> str | None:
    report = parse(data, servers=SERVERS)
    assert isinstance(report, Report)
    return report.authenticated
