"""XARF 4: what the `xarf` package lets pass is refused here."""

from __future__ import annotations

import base64
import hashlib
import json
import random
from dataclasses import replace
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekisho.desk.parse import parse
from sekisho.desk.report import Format, Incident, Refusal, Report, Trust, Why
from tests.desk import letters
from tests.desk.letters import Facts

ADDRESS = ip_address("198.51.100.7")
AT = datetime(2026, 11, 3, 8, 11, 12, tzinfo=UTC)
MESSAGE = letters.message([letters.postfix(ADDRESS, "Tue, 3 Nov 2026 08:11:12 +0000", None)], 7)
GOOD: dict[str, Any] = json.loads(
    letters.xarf(Facts(ADDRESS, 4_567, "2026-11-03T08:11:12Z", MESSAGE, 7), random.Random(2))
)


def changed(**fields: object) -> bytes:
    return json.dumps(
        {name: value for name, value in {**GOOD, **fields}.items() if value is not ...}
    ).encode()


OLD: dict[str, Any] = json.loads(
    letters.xarf_3(Facts(ADDRESS, 4_567, "2026-11-03T08:11:12Z", MESSAGE, 7), random.Random(2))
)


def old(**fields: object) -> bytes:
    matter = {**OLD["Report"], **fields}
    return json.dumps({**OLD, "Report": {k: v for k, v in matter.items() if v is not ...}}).encode()


def evidence(content: bytes = MESSAGE, **fields: object) -> bytes:
    piece = {"content_type": "message/rfc822", "payload": base64.b64encode(content).decode(), **fields}
    return changed(evidence=[piece])


def read(data: bytes) -> Report:
    parsed = parse(data)
    assert isinstance(parsed, Report), parsed
    return parsed


def only(data: bytes) -> Incident:
    (incident,) = read(data).incidents
    return incident


def why(data: bytes) -> Why:
    parsed = parse(data)
    assert isinstance(parsed, Refusal), parsed
    assert parsed.reason
    return parsed.why


def test_a_report_says_who_when_and_from_which_port() -> None:
    report = read(changed())
    (incident,) = report.incidents
    assert (report.format, report.trust, report.report_id) == (
        Format.XARF,
        Trust.STRUCTURED,
        GOOD["report_id"],
    )
    assert (report.reporter.address, report.reporter.domain) == ("abuse@trap.example.org", "trap.example.org")
    assert (incident.address, incident.port, incident.message_id) == (ADDRESS, 4_567, "<spam-7@pc>")
    assert [moment.at for moment in incident.times] == [AT]
    assert [hop.address for hop in incident.chain] == [ADDRESS]


def test_a_report_without_evidence_and_port_is_one() -> None:
    incident = only(
        changed(evidence=..., source_port=..., message_id="<m@x>", more={"x": [1]}, confidence=0.5)
    )
    assert (incident.port, incident.chain, incident.message_id) == (None, (), "<m@x>")


def test_port_25_is_the_service_s() -> None:
    assert only(changed(source_port=25)).port is None


def test_a_byte_order_mark_and_blanks_around_it_are_no_matter() -> None:
    assert read(b"\xef\xbb\xbf\r\n " + changed() + b"\n") == read(changed())


def test_a_time_without_zone_cannot_be_told() -> None:
    assert [moment.at for moment in only(changed(timestamp="2026-11-03T08:11:12")).times] == [None]


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"timestamp": "yesterday"}, Why.BAD_TIME),
        ({"timestamp": "2999-01-01T00:00:00Z"}, Why.BAD_TIME),
        ({"timestamp": "2026-02-30T00:00:00Z"}, Why.BAD_TIME),
        ({"timestamp": 1_790_000_000}, Why.MALFORMED),
        ({"source_identifier": "999.1.1.1"}, Why.BAD_ADDRESS),
        ({"source_identifier": "198.51.100.07"}, Why.BAD_ADDRESS),
        ({"source_identifier": "198.51.100.7:4567"}, Why.BAD_ADDRESS),
        ({"source_identifier": "dsl.example"}, Why.BAD_ADDRESS),
        ({"source_port": 0}, Why.MALFORMED),
        ({"source_port": "4567"}, Why.MALFORMED),
        ({"source_port": 65_536}, Why.MALFORMED),
        ({"xarf_version": "3.0.0"}, Why.MALFORMED),
        ({"xarf_version": ...}, Why.MALFORMED),
        ({"reporter": ...}, Why.MALFORMED),
        ({"reporter": {"org": "x"}}, Why.MALFORMED),
        ({"report_id": ""}, Why.MALFORMED),
        ({"category": "connection", "type": "login_attack"}, Why.NOT_MAIL),
        ({"type": "phishing"}, Why.NOT_MAIL),
        ({"protocol": "sms"}, Why.NOT_MAIL),
        ({"evidence": [{}] * 51}, Why.MALFORMED),
        ({"evidence": [{"content_type": "text/plain", "payload": "QQ=="}] * 51}, Why.MALFORMED),
        ({"tags": ["a:b"] * 10_000}, Why.MALFORMED),
    ],
)
def test_what_no_program_may_follow(fields: dict[str, object], reason: Why) -> None:
    assert why(changed(**fields)) is reason


@pytest.mark.parametrize(
    "fields",
    [
        {"payload": "no base64!"},
        {"payload": "QUJ"},
        {"payload": "関所"},
        {"size": len(MESSAGE) + 1},
        {"size": 0},
        {"hash": "sha256:" + "0" * 64},
        {"hash": "sha256:" + hashlib.sha256(MESSAGE).hexdigest()[:32]},
        {"hash": hashlib.sha256(MESSAGE).hexdigest()},
        {"hash": "crc32:00000000"},
        {"hash": "sha256:" + "０" * 64},
        {"hash": ""},
    ],
)
def test_evidence_that_is_not_what_it_says(fields: dict[str, Any]) -> None:
    assert why(evidence(**fields)) is Why.BAD_EVIDENCE


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha512"])
def test_evidence_that_is_what_it_says(algorithm: str) -> None:
    digits = hashlib.new(algorithm, MESSAGE).hexdigest()
    for written in (digits, digits.upper()):
        incident = only(evidence(size=len(MESSAGE), hash=f"{algorithm}:{written}"))
        assert [hop.address for hop in incident.chain] == [ADDRESS]


def test_evidence_of_another_kind_is_checked_and_not_read() -> None:
    assert only(evidence(content_type="application/zip")).chain == ()
    assert why(evidence(content_type="application/zip", size=1)) is Why.BAD_EVIDENCE


def test_too_much_evidence_and_two_messages_are_refused() -> None:
    assert why(evidence(b"x" * 5_242_881)) is Why.BAD_EVIDENCE
    assert why(changed(evidence=GOOD["evidence"] * 2)) is Why.BAD_EVIDENCE


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    )
)
@settings(max_examples=25)
def test_no_field_can_be_anything(value: object) -> None:
    changes = (changed(**{name: value}) for name in GOOD)
    olds = (old(**{name: value}) for name in OLD["Report"])
    assert all(isinstance(parse(data), Report | Refusal) for data in (*changes, *olds))


@pytest.mark.parametrize("data", [b"{", b'{"a":' * 100_000, b"{}", b'{"xarf_version": "\\ud800"}', b"{\xff}"])
def test_what_is_no_json_is_refused(data: bytes) -> None:
    assert why(data) is Why.MALFORMED


@pytest.mark.parametrize(
    ("good", "once", "twice"),
    [
        (changed(), b'"timestamp": ', b'"timestamp": "2026-11-03T08:11:12Z", "timestamp": '),
        (changed(), b'"timestamp": ', b'"time\\u0073tamp": "2026-11-03T09:11:12Z", "timestamp": '),
        (changed(), b'"size": ', b'"size": 1, "size": '),
        (changed(more=[{"a": 1}]), b'{"a": 1}', b'{"a": 1, "b": 1, "a": 2}'),
        (old(), b'"SourceIp": ', b'"SourceIp": "198.51.100.8", "SourceIp": '),
        (old(), b'"Report": ', b'"Report": {}, "Report": '),
    ],
)
def test_what_names_one_thing_twice_is_refused(good: bytes, once: bytes, twice: bytes) -> None:
    """Whoever has looked at it before us may have believed the other one."""
    read(good)
    assert why(good.replace(once, twice, 1)) is Why.MALFORMED


def test_a_long_number_that_is_not_asked_for_is_no_matter() -> None:
    assert read(changed(more=...).replace(b"{", b'{"more": ' + b"1" * 4_000 + b", ", 1)) == read(changed())


def test_version_3_says_the_same_with_other_names_and_has_no_number() -> None:
    assert read(old()) == replace(read(changed()), report_id=None)
    elsewhere = old(
        ReportClass="Messaging",
        SourceIp=...,
        SourcePort=...,
        Source={"IP": str(ADDRESS), "Port": 4_567},
        Samples=...,
        Attachment=[{"ContentType": "message/rfc822", "Data": base64.b64encode(MESSAGE).decode()}],
    )
    assert read(elsewhere) == read(old())
    plain = [{"ContentType": "message/rfc822", "Base64Encoded": False, "Payload": MESSAGE.decode()}]
    assert read(old(Samples=plain)) == read(old())
    head = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=j\n\n"
    assert read(head + b"--j\nContent-Type: application/json\n\n" + old() + b"\n--j--\n") == read(old())


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"ReportType": "LoginAttack"}, Why.NOT_MAIL),
        ({"ReportClass": "Content", "ReportType": "Phishing"}, Why.NOT_MAIL),
        ({"Date": "2999-01-01T00:00:00Z"}, Why.BAD_TIME),
        ({"Date": ...}, Why.MALFORMED),
        ({"SourceIp": "999.1.1.1"}, Why.BAD_ADDRESS),
        ({"SourceIp": ...}, Why.MALFORMED),
        ({"SourceIp": ..., "Source": "198.51.100.7"}, Why.MALFORMED),
        ({"SourcePort": "x"}, Why.MALFORMED),
        ({"Samples": [{"ContentType": "message/rfc822", "Payload": "no base64!"}]}, Why.BAD_EVIDENCE),
        ({"Samples": OLD["Report"]["Samples"] * 2}, Why.BAD_EVIDENCE),
        ({"Tags": ["a:b"] * 10_000}, Why.MALFORMED),
    ],
)
def test_version_3_that_no_program_may_follow(fields: dict[str, object], reason: Why) -> None:
    assert why(old(**fields)) is reason


def test_two_reports_in_a_mail_are_refused() -> None:
    part = b"--j\nContent-Type: application/xarf+json\n\n" + changed() + b"\n"
    head = b"From: a@b.example\nContent-Type: multipart/mixed; boundary=j\n\n"
    assert read(head + part + b"--j--\n") == read(changed())
    assert why(head + part * 2 + b"--j--\n") is Why.MALFORMED
