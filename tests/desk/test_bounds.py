"""Whatever its size and shape, a message is read or refused, within 100 ms of processor time."""

from __future__ import annotations

import time

import pytest

from sekisho.desk.limits import Limits
from sekisho.desk.parse import LIMITS, parse
from sekisho.desk.report import Parsed, Refusal, Report, Why
from tests.desk.hostile import HOSTILE

_LONGEST_SECONDS = 0.1
_TRIES = 5  # a pause of the machine is no fault of the parser's

RECEIVED = "Received: from x ([198.51.100.7]) by y; Tue, 3 Nov 2026 08:11:12 +0000\n"


def why(data: bytes, limits: Limits = LIMITS) -> Why:
    parsed = parse(data, limits)
    assert isinstance(parsed, Refusal), parsed
    assert parsed.reason
    return parsed.why


def timed(data: bytes) -> tuple[Parsed, float]:
    begin = time.process_time()
    parsed = parse(data)
    return parsed, time.process_time() - begin


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_made_to_take_long_does_not(name: str) -> None:
    data = HOSTILE[name]()
    for _ in range(_TRIES):
        parsed, taken = timed(data)
        if taken < _LONGEST_SECONDS:
            break
    assert isinstance(parsed, Report | Refusal)
    assert taken < _LONGEST_SECONDS


@pytest.mark.parametrize("data", [b"", b"\r\n \t\n", b"\xef\xbb\xbf"])
def test_nothing_is_empty(data: bytes) -> None:
    assert why(data) is Why.EMPTY


def test_a_message_of_50_mb_is_refused_for_its_size() -> None:
    assert why(b"From: a@b.example\n\n" + b"x" * 50_000_000) is Why.TOO_LARGE
    assert why(b"x" * 101, Limits(message_bytes=100)) is Why.TOO_LARGE
    assert why(b"x" * 100, Limits(message_bytes=100)) is not Why.TOO_LARGE


def nested(layers: int) -> bytes:
    begins = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(layers))
    ends = "".join(f"\n--b{n}--\n" for n in reversed(range(layers)))
    return f"From: a@b.example\n{begins}Content-Type: message/rfc822\n\n{RECEIVED}\nx\n{ends}".encode()


def test_parts_within_parts_are_read_ten_deep() -> None:
    assert isinstance(parse(nested(10)), Report)
    assert why(nested(11)) is Why.TOO_DEEP
    assert why(nested(1_000)) is Why.TOO_DEEP


def test_a_thousand_enclosed_messages_are_not_opened() -> None:
    inner = b"Content-Type: message/rfc822\n\n" * 1_000
    assert why(b"From: a@b.example\n" + inner + RECEIVED.encode()) is Why.REPORT_WITHIN


def test_a_hundred_parts_are_read() -> None:
    def parts(count: int) -> bytes:
        return b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--a\n\nx\n" * count + b"--a--\n"

    assert why(parts(99)) is Why.UNKNOWN_FORMAT
    assert why(parts(101)) is Why.TOO_MANY_PARTS
    assert why(b"Content-Type: multipart/mixed; boundary=a\n\n" + b"--ax\n" * 20_000) is Why.TOO_MANY_PARTS


def test_the_header_of_a_report_has_its_bounds() -> None:
    assert why(b"a: b\n" * 501 + b"\nx") is Why.TOO_MANY_HEADERS
    assert why(b"a: " + b"b" * 32_769 + b"\n\nx") is Why.LONG_HEADER
    assert why(b"a: b\n" + b" c\n" * 100_000 + b"\nx") is Why.LONG_HEADER
    assert why(b"Content-Type: multipart/mixed; boundary=" + b"a" * 201 + b"\n\nx") is Why.MALFORMED


@pytest.mark.parametrize(
    ("start", "end"),
    [
        ("", "X: y\n" * 2_000),
        ("X: y\n" * 2_000, ""),
        ("Subject: " + "x" * 100_000 + "\n", ""),
        ("Subject: x\n" + " y\n" * 50_000, ""),
        ("no field\n\tnor its rest\n: nor this\n", ""),
    ],
)
def test_a_spammer_s_header_does_not_refuse_a_report(start: str, end: str) -> None:
    data = f"From: a@b.example\nContent-Type: message/rfc822\n\n{start}{RECEIVED}{end}\nx\n"
    report = parse(data.encode())
    assert isinstance(report, Report)
    (incident,) = report.incidents
    assert [str(hop.address) for hop in incident.chain] == ["198.51.100.7"]
    assert not incident.is_cut


@pytest.mark.parametrize("header", [RECEIVED * 31, RECEIVED + "X: y\n" * 60_000, RECEIVED * 1_000])
def test_what_is_beyond_the_bound_of_a_chain_is_said(header: str) -> None:
    report = parse(f"From: a@b.example\nContent-Type: message/rfc822\n\n{header}\nx\n".encode())
    assert isinstance(report, Report)
    (incident,) = report.incidents
    assert incident.is_cut
    assert len(incident.chain) <= LIMITS.hops


def test_a_part_that_is_not_the_base64_it_says_is_refused() -> None:
    head = b"Content-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n"
    assert why(head + b"A===") is Why.MALFORMED


def test_too_many_addresses_are_refused() -> None:
    rows = "".join(f"198.51.{n // 250}.{n % 250}\n" for n in range(1_001))
    head = "From: a@spamcop.net\nSubject: alert\n\n"
    assert why((head + rows).encode()) is Why.TOO_MANY_INCIDENTS
