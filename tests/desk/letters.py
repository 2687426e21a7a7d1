"""Reports as their senders write them, each from the same facts: what the tests know to be true."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sekisho.desk.report import HostAddress

MX = "mx.isp.example"
"""The authserv-id of the provider's own mail server."""

REPORTERS = ("fbl@reports.example.net", "abuse@trap.example.org", "postmaster@mail.example.com")
LOOPS = frozenset(one.partition("@")[2] for one in REPORTERS)


@dataclass(frozen=True)
class Facts:
    """What a report tells: `named`: the sender by its own field, `message`: the enclosed one."""

    named: HostAddress | None
    port: int | None
    date: str
    message: bytes
    number: int
    feedback: str = "abuse"

    @property
    def reporter(self) -> str:
        return REPORTERS[self.number % len(REPORTERS)]


def rfc5322(at: datetime, minutes_east: int = 0, zone: str | None = None) -> str:
    """Write a moment at an offset; `zone`: what stands for it, where that is not its digits."""
    local = at.astimezone(timezone(timedelta(minutes=minutes_east)))
    return local.strftime("%a, %d %b %Y %H:%M:%S ") + (local.strftime("%z") if zone is None else zone)


def literal(address: HostAddress) -> str:
    return f"IPv6:{address}" if address.version == 6 else str(address)


def postfix(address: HostAddress, date: str, port: int | None = None) -> str:
    del port  # it writes none
    return (
        f"from mail.victim.example (unknown [{literal(address)}])\n"
        f"\tby mx.example.net (Postfix) with ESMTP id 4XyZ12 (nested (comment))\n"
        f"\tfor <x@example.net>; {date} (any)"
    )


def exim(address: HostAddress, date: str, port: int | None = None) -> str:
    at = "" if port is None else f":{port}"
    return (
        f"from dsl.example ([{address}]{at} helo=[10.0.0.1])\n"
        f"\tby mx.example.net with esmtp (Exim 4.96)\n\t(envelope-from <a@b.example>) id 1tAbCd-0001; {date}"
    )


def exim_bare(address: HostAddress, date: str, port: int | None = None) -> str:
    at = "" if port is None else f"port={port} "
    return f"from [{address}] ({at}helo=pc) by mx.example.net with smtp (Exim 4.96) id 1tAbCd-0001; {date}"


def sendmail(address: HostAddress, date: str, port: int | None = None) -> str:
    del port
    return (
        f"from pc (dsl-7.example [{literal(address)}] (may be forged))\n"
        f"\tby mx.example.net (8.17.1/8.17.1) with ESMTP id 4A31B2C3;\n\t{date}"
    )


def exchange(address: HostAddress, date: str, port: int | None = None) -> str:
    del port
    return (
        f"from pc.local ({address}) by EX01.example.net\n (10.1.2.3) with Microsoft SMTP Server (TLS) id"
        f" 15.2.1118.40; {date}"
    )


def qmail(address: HostAddress, date: str, port: int | None = None) -> str:
    del port
    return f"from unknown (HELO mail.bank.example) ({address})\n  by mx.example.net with SMTP; {date}"


def gmail(address: HostAddress, date: str, port: int | None = None) -> str:
    del port
    return (
        f"from pc (dsl.example. [{address}])\n        by mx.google.example with ESMTP id d2si1.3.2026\n"
        f"        for <x@example.net>; {date}"
    )


def lotus(address: HostAddress, date: str, port: int | None = None) -> str:
    del port
    return (
        f"from pc ([{address}])\n          by domino.example.net (Lotus Domino Release 8.5.3FP6)\n"
        f"          with ESMTP id 2026110308111234-1234 ;\n          {date}"
    )


Writer = Callable[[HostAddress, str, int | None], str]
SERVERS: tuple[Writer, ...] = (postfix, exim, exim_bare, sendmail, exchange, qmail, gmail, lotus)
WITH_PORT: tuple[Writer, ...] = (exim, exim_bare)


def message(received: list[str], number: int) -> bytes:
    """Return a spam with these Received fields, of which the first is the top one."""
    fields = "".join(f"Received: {each}\n" for each in received)
    return (
        fields + f'Message-ID: <spam-{number}@pc>\nFrom: "Bank" <bank@example.com>\nSubject: Win {number}\n'
        "Date: Mon, 1 Jan 1990 00:00:00 +0000\n\nBuy now.\n"
    ).encode()


def delivered(data: bytes, domain: str | None = None, server: str = MX) -> bytes:
    """Return a mail as our own mail server hands it on; `domain`: it has found it to be from there."""
    found = "none" if domain is None else f"dmarc=pass (p=none) header.from={domain}"
    head = (
        f"Authentication-Results: {server};\n\t{found}\n"
        "Received: from mail.example.net (mail.example.net [192.0.2.77])\n"
        f"\tby {server} (Postfix) with ESMTPS\n\tid 4XyZ99; Thu, 5 Nov 2026 00:00:01 +0000\n"
    )
    return head.encode() + data


def arf(facts: Facts, dice: random.Random) -> bytes:
    fields = [f"Feedback-Type: {facts.feedback}"]
    if dice.random() < 0.8:
        fields += ["User-Agent: Loop/1.0", dice.choice(("Version: 1", "Version: 0.1"))]
    if facts.named is not None:
        fields.append(f"Source-IP: {dice.choice((str(facts.named), literal(facts.named)))}")
    if facts.port is not None:
        fields.append(f"Source-Port: {facts.port}")
    if facts.date:
        fields.append(f"{dice.choice(('Arrival-Date', 'Received-Date'))}: {facts.date}")
    fields.append("Reported-Domain: dsl.example")
    kind = dice.choice(("message/rfc822", "text/rfc822-headers", "message/rfc822"))
    enclosed = facts.message if kind == "message/rfc822" else facts.message.partition(b"\n\n")[0] + b"\n"
    head = (
        f"From: Reports <{facts.reporter}>\nTo: abuse@isp.example\nSubject: Abuse\n"
        "Date: Thu, 5 Nov 2026 00:00:00 +0000\n"
        f"Message-ID: <report-{facts.number}@loop>\nMIME-Version: 1.0\n"
        'Content-Type: multipart/report; report-type=feedback-report;\n\tboundary="=_b 1"\n\n'
        "--=_b 1\nContent-Type: text/plain\n\nThis is an email abuse report.\n\n"
        "--=_b 1\nContent-Type: message/feedback-report\n\n" + "\n".join(fields) + "\n\n"
        f"--=_b 1\nContent-Type: {kind}\nContent-Disposition: inline\n\n"
    )
    return head.encode() + enclosed + b"\n--=_b 1--\n"


def anonymised(facts: Facts, dice: random.Random) -> bytes:
    """Write ARF as those do who name nobody: no recipient, a header alone."""
    del dice
    return (
        (
            f"From: <{facts.reporter}>\nSubject: FBL\nMessage-ID: <anon-{facts.number}@loop>\n"
            "Content-Type: multipart/report; boundary=b; report-type=feedback-report\n\n"
            "--b\nContent-Type: text/plain\n\nRedacted.\n--b\nContent-Type: message/feedback-report\n\n"
            f"Feedback-Type: {facts.feedback}\nUser-Agent: JMRP/2026\nVersion: 1\n"
            f"Original-Rcpt-To: <redacted>\nSource-IP: {facts.named}\n"
            + (f"Source-Port: {facts.port}\n" if facts.port is not None else "")
            + f"Arrival-Date: {facts.date}\n--b\nContent-Type: message/rfc822-headers\n\n"
        ).encode()
        + facts.message.partition(b"\n\n")[0]
        + b"\nTo: redacted\n--b--\n"
    )


def x_arf(facts: Facts, dice: random.Random) -> bytes:
    del dice
    return (
        (
            f"From: {facts.reporter}\nSubject: abuse report\nX-XARF: PLAIN\n"
            f"Message-ID: <xarf-{facts.number}@x>\n"
            'Content-Type: multipart/mixed; boundary="Abuse-42"; charset=utf8\n\n'
            "--Abuse-42\nContent-Type: text/plain\n\nDear team\n"
            '--Abuse-42\nContent-Type: text/plain; charset=utf-8; name="report.txt"\n\n'
            f"---\nReported-From: {facts.reporter}\nCategory: abuse\nReport-Type: spam\n"
            "Service: smtp\nPort: 25\n"
            f"Version: 0.2\nUser-Agent: xarf-gen 1.0\nDate: {facts.date}\nSource-Type: ip-address\n"
            f'Source: "{facts.named}"\nReport-ID: {facts.number}@x\nAttachment: message/rfc822\n'
            "--Abuse-42\nContent-Type: message/rfc822\n\n"
        ).encode()
        + facts.message
        + b"--Abuse-42--\n"
    )


def xarf(facts: Facts, dice: random.Random) -> bytes:
    piece = {
        "content_type": "message/rfc822",
        "payload": base64.b64encode(facts.message).decode(),
        "size": len(facts.message),
        "hash": f"sha256:{hashlib.sha256(facts.message).hexdigest()}",
    }
    who = {"org": "Loop", "contact": facts.reporter, "domain": facts.reporter.partition("@")[2]}
    report = {
        "xarf_version": "4.2.0",
        "report_id": f"00000000-0000-4000-8000-{facts.number:012d}",
        "timestamp": facts.date,
        "reporter": who,
        "sender": who,
        "source_identifier": str(facts.named),
        "source_port": facts.port or 25,
        "category": "messaging",
        "type": "spam",
        "protocol": "smtp",
        "smtp_from": "a@b.example",
        "evidence_source": "spamtrap",
        "evidence": [piece],
    }
    text = json.dumps(report, indent=dice.choice((None, 1)))
    if dice.random() < 0.5:
        return text.encode()
    return (
        (
            f"From: {facts.reporter}\nMessage-ID: <j{facts.number}@x>\n"
            "Content-Type: multipart/mixed; boundary=j\n\n"
            "--j\nContent-Type: text/plain\n\nSee the attachment.\n"
            "--j\nContent-Type: application/json; name=xarf.json\nContent-Transfer-Encoding: base64\n\n"
        ).encode()
        + base64.encodebytes(text.encode())
        + b"--j--\n"
    )


def xarf_3(facts: Facts, dice: random.Random) -> bytes:
    """Write JSON as it was before XARF 4: other names, no number, no hash."""
    report = {
        "Version": "3",
        "ReporterInfo": {
            "ReporterOrg": "Loop",
            "ReporterOrgDomain": facts.reporter.partition("@")[2],
            "ReporterOrgEmail": facts.reporter,
        },
        "Disclosure": True,
        "Report": {
            "ReportClass": "Activity",
            "ReportType": dice.choice(("Spam", "spam")),
            "Date": facts.date,
            "SourceIp": str(facts.named),
            "SourcePort": facts.port or 25,
            "DestinationPort": 25,
            "Samples": [
                {
                    "ContentType": "message/rfc822",
                    "Base64Encoded": True,
                    "Payload": base64.b64encode(facts.message).decode(),
                }
            ],
        },
    }
    return json.dumps(report).encode()


def spamcop(facts: Facts, dice: random.Random) -> bytes:
    del dice
    return (
        f'From: "SpamCop user" <{facts.number}@reports.spamcop.net>\nTo: abuse@isp.example\n'
        f"Subject: [SpamCop ({facts.named}) id:{facts.number}]Win\nPrecedence: list\n"
        f"Message-ID: <rid_{facts.number}@msgid.spamcop.net>\nX-Mailer: https://www.spamcop.net/ v5.3.0\n\n"
        "[ SpamCop V5.3.0 ]\nThis message is brief for your comfort.  Please use links below for details.\n\n"
        f"Email from {facts.named} / {facts.date}\nhttps://www.spamcop.net/w3m?i=z{facts.number}zabcz\n\n"
        "[ Offending message ]\n"
    ).encode() + facts.message


def spamcop_arf(facts: Facts, dice: random.Random) -> bytes:
    """Write SpamCop's ARF without a Source-IP, which stands in its words."""
    lacking = Facts(None, facts.port, facts.date, facts.message, facts.number, facts.feedback)
    plain = arf(lacking, dice).replace(
        facts.reporter.encode(), f"{facts.number}@reports.spamcop.net".encode()
    )
    words = f"[ SpamCop V5 ]\nEmail from {facts.named} / {facts.date}\n".encode()
    return plain.replace(b"This is an email abuse report.\n", words)


def hotmail(facts: Facts, dice: random.Random) -> bytes:
    del dice
    return (
        (
            f"From: staff@hotmail.example\nTo: abuse@isp.example\n"
            f"Subject: complaint about message from {facts.named}\n"
            f'Message-ID: <hm{facts.number}@x>\nContent-Type: multipart/mixed;\n boundary="_h_"\n\n'
            "--_h_\nContent-Type: message/rfc822\nContent-Disposition: inline\n\n"
            "X-HmXmrOriginalRecipient: x@hotmail.example\n"
        ).encode()
        + facts.message
        + b"--_h_--\n"
    )


def forward(facts: Facts, dice: random.Random) -> bytes:
    head = (
        f"From: A Person <{facts.reporter}>\nTo: abuse@isp.example\nSubject: Fwd: spam\n"
        f"Message-ID: <f{facts.number}@x>\n"
    )
    if dice.random() < 0.5:
        return (
            (
                head
                + "Content-Type: multipart/mixed; boundary=f\n\n--f\n\nPlease stop this.\n"
                + "--f\nContent-Type: message/rfc822\n\n"
            ).encode()
            + facts.message
            + b"\n--f--\n"
        )
    if dice.random() < 0.2:
        shown = html.escape(facts.message.decode("utf-8", "replace"))
        body = f"Please stop this:<blockquote><pre>{shown}</pre></blockquote>"
        return f"{head}Content-Type: text/html\n\n<html><body>{body}</body></html>\n".encode()
    quote = dice.choice((b"", b"> ", b">> "))
    lines = b"\n".join(quote + line for line in facts.message.split(b"\n"))
    return head.encode() + b"\nPlease stop this:\n\n" + lines


STRUCTURED = {
    "arf": arf,
    "anonymised": anonymised,
    "x-arf": x_arf,
    "xarf": xarf,
    "spamcop": spamcop,
    "spamcop-arf": spamcop_arf,
}
"""Those that name a sender and a time of their own; `hotmail` names no time, `forward` neither."""
