"""Messages made to take long: for each of the parsers' loops one that goes through it as often as it can.

Each has about 10 MB, the most that is read.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from functools import partial

_MOST = 9_900_000
_LARGEST_EVIDENCE = 5_242_880
_MIXED = b"Content-Type: multipart/mixed; boundary="
_HTML = b"From: a@b.example\nContent-Type: text/html\n\nReceived: "
_X_ARF = b"X-XARF: PLAIN\n" + _MIXED + b"a\n\n--a\n\nx\n--a\n\n"
_ARF = b"Content-Type: multipart/report; report-type=feedback-report; boundary=a\n\n--a\n\nx\n--a\n"


_REPEATED = (
    ("words", b"From: a@b.example\n\n", b"some words\r\n"),
    ("one line", b"From: a@b.example\n\n", b"x"),
    ("blank lines", b"From: a@b.example\n", b"\n"),
    ("envelopes", b"", b"From \n"),
    ("fields", b"", b"a: b\n"),
    ("a field", b"a: b\n", b" c\n"),
    ("nothing but CR", b"From: a@b.example\r\r", b"x\r"),
    ("a comment", b"Received: ", b"("),
    ("parameters", _MIXED + b"a", b';a="'),
    ("lines like a boundary", _MIXED + b"a\n\n", b"\n--ab"),
    ("a line like boundaries", _MIXED + b'"-"\n\n', b"-"),
    ("parts", _MIXED + b"a\n\n", b"\n--a"),
    ("HTML", _HTML, b"<p>x<br>"),
    ("HTML of begins", _HTML, b"<p"),
    ("HTML of a name", _HTML + b"<", b"p"),
    ("HTML of signs", _HTML, b"&a"),
    ("JSON of objects", b"", b'{"a":'),
    ("JSON of names", b"{", b'"a":1,'),
    ("JSON of a word", b'{"xarf_version":"', b"4"),
    ("lists in YAML", _X_ARF, b"["),
    ("questions in YAML", _X_ARF, b"? "),
    ("escapes in YAML", _X_ARF + b'a: "', b"\\x41"),
    ("aliases in YAML", _X_ARF + b"a: &a [x]\nb: ", b"*a "),
    ("quotes", b"From: a@b.example\n\n", b"> "),
    ("quoted fields", b"From: a@b.example\n\n", b"> Received: from x (y [192.0.2.1]) by z; now\n"),
    ("SpamCop's words", b"From: a@spamcop.net\n\n", b"Email from 192.0.2.1 / x\n"),
    ("blanks in a summary", b"From: a@spamcop.net\nSubject: summary\n\n", b"\t "),
    ("an alert", b"From: a@spamcop.net\nSubject: alert\n\n", b"192.0.2.1\n"),
    ("base64", b"Content-Type: application/json\nContent-Transfer-Encoding: base64\n\n", b"QUJD"),
    (
        "quoted-printable",
        b"Content-Type: application/json\nContent-Transfer-Encoding: quoted-printable\n\n",
        b"=41",
    ),
    ("a report's fields", _ARF + b"Content-Type: message/feedback-report\n\n", b"Source-IP: 192.0.2.1\n"),
    ("a message's field", _ARF + b"Content-Type: message/rfc822\n\nReceived: ", b"(["),
)


def _deep() -> bytes:
    return b"".join(_MIXED + b"b%d\n\n--b%d\n" % (n, n) for n in range(1_000))


def _within() -> bytes:
    layers = b"".join(_MIXED + b"b%d\n\n--b%d\n" % (n, n) for n in range(9))
    return layers + b"\nsome words\n" * (_MOST // 12)


def _hops() -> bytes:
    field = b"Received: from " + b"[192.0.2.1] ([192.0.2.2] " * 100 + b"by x; now\n"
    return b"Content-Type: message/rfc822\n\n" + field * 3_000


def _xarf(more: str) -> bytes:
    who = {"org": "a", "contact": "a@b.example", "domain": "b.example"}
    report = {
        "xarf_version": "4.2.0",
        "report_id": "x",
        "timestamp": "2026-11-03T00:00:00Z",
        "reporter": who,
        "sender": who,
        "source_identifier": "192.0.2.1",
        "category": "messaging",
        "type": "spam",
    }
    return f"{json.dumps(report)[:-1]}, {more}}}".encode()


def _evidence() -> bytes:
    content = b"z" * _LARGEST_EVIDENCE
    piece = {
        "content_type": "message/rfc822",
        "payload": base64.b64encode(content).decode(),
        "hash": f"sha512:{hashlib.sha512(content).hexdigest()}",
        "size": len(content),
    }
    return _xarf(f'"evidence": [{json.dumps(piece)}]')


def _numbers() -> bytes:
    """A report with numbers as long as JSON may have them, which nobody asks for."""
    return _xarf(f'"more": [{",".join(["1" * 4_200] * (_MOST // 4_201))}]')


def _answers() -> bytes:
    """A forward that names as many letters as a header may, each nearly the desk's."""
    field = b"References: " + b"<desk-1-1-1-1-1@> " * 1_700 + b"\n"
    return field * 8 + b"From: a@b.example\n\nReceived: from a ([192.0.2.1]) by b; x\n"


def _enclosed(header: bytes, more: bytes) -> bytes:
    """A forward of as many messages as may be, each as long as one is read."""
    message = b"--a\nContent-Type: message/rfc822\n\n" + header + more * (250_000 // len(more)) + b"\n"
    return _MIXED + b"a\n\n" + message * (_MOST // len(message))


def _recipients() -> bytes:
    return _enclosed(b"To: " + b"x" * 31_000 + b"\n" + b"Cc: a@b,\n" * 400 + b"\n", b"z")


def _repeated(start: bytes, more: bytes) -> bytes:
    return start + more * ((_MOST - len(start)) // len(more))


def _results() -> bytes:
    """A forward beneath as many results of others as a header may have."""
    results = b"Authentication-Results: x" + b";a=b" * 1_000 + b"\n"
    return results * 60 + b"From: a@b.example\n\nReceived: from a ([192.0.2.1]) by b; x\n"


HOSTILE: dict[str, Callable[[], bytes]] = {
    **{name: partial(_repeated, start, more) for name, start, more in _REPEATED},
    "deep parts": _deep,
    "parts within parts": _within,
    "many hops": _hops,
    "large evidence": _evidence,
    "long numbers": _numbers,
    "answers": _answers,
    "others' results": _results,
    "enclosed headers": partial(_enclosed, b"", b"some words\n"),
    "enclosed fields": partial(_enclosed, b"", b"a: b\n"),
    "enclosed words": partial(_enclosed, b"a: b\n\n", b"some words\n"),
    "enclosed quotes": partial(_enclosed, b"a: b\n\n", b"> > > > > > > > > >\n"),
    "enclosed encoded": partial(_enclosed, b"Content-Transfer-Encoding: quoted-printable\n\n", b"=41"),
    "enclosed recipients": _recipients,
}
"""Each by what it is; made when it is asked for."""
