"""What is unambiguous though it is written otherwise than it should be: files' names, HTML, ports, types."""

from __future__ import annotations

import base64
import html
import random
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.desk.markup import text_of
from sekisho.desk.report import Feedback, Format, HostAddress, Why
from tests.desk import letters
from tests.desk.test_mail_reports import ADDRESS, FACTS, FIELDS, HOP, arf, only, read, refused

HEADER = f"Received: {HOP}\nMessage-ID: <spam-7@pc>\nSubject: <Win> & more"
AS_FILE = (
    'application/octet-stream; name="Spam.EML"',
    "application/octet-stream\nContent-Disposition: attachment; filename=spam.eml",
    "application/octet-stream\nContent-Disposition: attachment;\n filename*=utf-8''%E8%BF%B7%E6%83%91.eml",
    'text/plain; charset=utf-8\nContent-Disposition: attachment; filename="a b.eml"',
)


@pytest.mark.parametrize("written", ["spam", "Spam", "mail-spam"])
def test_what_is_called_spam_is_abuse(written: str) -> None:
    assert read(arf(FIELDS.replace("abuse", written))).feedback is Feedback.ABUSE


@pytest.mark.parametrize(
    ("written", "more", "address", "port"),
    [
        (f"{ADDRESS}:4711", "", ADDRESS, 4_711),
        (f"{ADDRESS}:4711", "Source-Port: 4711\n", ADDRESS, 4_711),
        (f"{ADDRESS}:25", "Source-Port: 4711\n", ADDRESS, 4_711),
        (f"{ADDRESS}:25", "", ADDRESS, None),
        (f"{ADDRESS}:0", "", ADDRESS, None),
        ("[2001:db8::7]:4711", "", ip_address("2001:db8::7"), 4_711),
        ("2001:db8::4711", "", ip_address("2001:db8::4711"), None),
    ],
)
def test_the_port_may_stand_behind_the_address(
    written: str, more: str, address: HostAddress, port: int | None
) -> None:
    incident = only(arf(FIELDS.replace(str(ADDRESS), written) + more))
    assert (incident.address, incident.port) == (address, port)


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (f"{ADDRESS}:4711\nSource-Port: 4712", Why.MALFORMED),
        (f"{ADDRESS}:4711:1", Why.BAD_ADDRESS),
        (f"{ADDRESS} :4711", Why.BAD_ADDRESS),
        (f"{ADDRESS}:4711 198.51.100.8", Why.BAD_ADDRESS),
        ("999.1.1.1:4711", Why.BAD_ADDRESS),
        ("[2001:db8::7]4711", Why.BAD_ADDRESS),
    ],
)
def test_an_address_with_something_else_behind_it_is_none(written: str, why: Why) -> None:
    assert refused(arf(FIELDS.replace(str(ADDRESS), written))).why is why


def forward_of(kind: str, message: bytes) -> bytes:
    head = (
        "From: A <a@example.net>\nContent-Type: multipart/mixed; boundary=f\n\n--f\n\nStop this\n"
        f"--f\nContent-Type: {kind}\nContent-Transfer-Encoding: base64\n\n"
    )
    return head.encode() + base64.encodebytes(message) + b"--f--\n"


@pytest.mark.parametrize("kind", AS_FILE)
def test_a_message_may_be_attached_as_a_file(kind: str) -> None:
    incident = only(forward_of(kind, FACTS.message))
    assert [hop.address for hop in incident.chain] == [ADDRESS]
    third = f"--b\nContent-Type: {kind}\n\n".encode() + FACTS.message + b"\n"
    assert [hop.address for hop in only(arf(FIELDS, third.decode())).chain] == [ADDRESS]


@pytest.mark.parametrize("kind", AS_FILE)
def test_a_report_that_is_attached_as_a_file_accuses_nobody(kind: str) -> None:
    assert refused(forward_of(kind, letters.arf(FACTS, random.Random(1)))).why is Why.REPORT_WITHIN


@pytest.mark.parametrize("name", ["spam.eml.exe", "spam.zip", "eml", ""])
def test_other_files_are_not_looked_into(name: str) -> None:
    data = forward_of(f'application/octet-stream; name="{name}"', FACTS.message)
    assert refused(data).why is Why.UNKNOWN_FORMAT


def in_html(body: str) -> bytes:
    return (
        "From: A <a@example.net>\nContent-Type: multipart/alternative; boundary=f\n\n"
        "--f\nContent-Type: text/plain\n\nsee below\n"
        "--f\nContent-Type: text/html\n\n<html><head><title>Received: no</title></head>"
        f"<body>{body}</body></html>\n--f--\n"
    ).encode()


def lines(begin: str, end: str) -> str:
    """Write the header and a text with tags around each line."""
    return "\n".join(begin + html.escape(line) + end for line in [*HEADER.split("\n"), ""]) + "Received: x"


@pytest.mark.parametrize(
    "body",
    [
        f"<p>Stop <b>this</b></p><pre class=x>{html.escape(HEADER)}\n\nBuy now</pre>",
        f"Stop this<br><br/>{lines('', '<br>')}",
        f"<blockquote>{lines('<div>', '<br></div>')}</blockquote>",
        f"<div>{lines('<p class=MsoNormal>&gt;&nbsp;', '</p>')}".replace(
            "<p class=MsoNormal>&gt;&nbsp;</p>", "<br>"
        ),
        f"<style>p</style><b>Received:</b> {html.escape(HOP)}<BR>\n\n<b>Message-ID: &lt;spam-7@pc&gt;</b>",
    ],
)
def test_headers_may_stand_in_html_alone(body: str) -> None:
    report = read(in_html(body))
    assert report.format is Format.FORWARD
    (incident,) = report.incidents
    assert [hop.address for hop in incident.chain] == [ADDRESS]
    assert all(hop.is_clear and hop.moment is not None for hop in incident.chain)
    assert incident.message_id == "<spam-7@pc>"


def test_html_without_headers_is_no_report() -> None:
    assert refused(in_html("<p>I get spam</p>")).why is Why.UNKNOWN_FORMAT


@given(st.text(alphabet="ab \n&;", max_size=30), st.text(max_size=30))
def test_text_in_a_pre_is_what_it_was_and_any_markup_has_a_text(text: str, markup: str) -> None:
    assert text_of(f"<pre>{html.escape(text)}</pre>").startswith(text)
    assert "<b>" not in text_of(f"{markup}<b>")
