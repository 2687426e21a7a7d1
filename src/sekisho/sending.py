"""Sends letters: posts webhooks, and hands mail over to the operator's server. One try each.

SendError says why a try failed. A letter that somebody has taken is sent, whatever comes after that.
"""

from __future__ import annotations

import json
import smtplib
import socket
import ssl
from contextlib import suppress
from datetime import datetime
from email.errors import MessageError
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final

import httpx

from sekisho.outbox import Letter, signed

_ANSWER: Final = "auto-replied"
_FOR_GOOD: Final = range(500, 600)
TIMEOUT_SECONDS: Final = 10.0  # of each step


# What the email library raises for a header that it cannot read or write.
_UNWRITABLE: Final = (ValueError, LookupError, TypeError, AttributeError, MessageError)


class SendError(Exception):
    """Why a letter is not sent; whoever tries again may succeed."""


class RefusedError(SendError):
    """Why a letter will never be sent: the next try would be answered alike (RFC 5321 §4.2.1)."""


def post_webhook(letter: Letter, url: str, secret: bytes, now: datetime) -> None:
    """Post a letter; any answer of 200 to 299 means that it was taken. Raises SendError."""
    headers = {**signed(letter, secret, now), "content-type": "application/json"}
    try:
        # Nobody asked for a proxy of the environment, nor for what a redirection names.
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, trust_env=False) as client,
            client.stream("POST", url, content=letter.payload.encode(), headers=headers) as answer,
        ):
            status = answer.status_code
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SendError(f"the webhook cannot be reached: {type(error).__name__}: {error}") from error
    if not httpx.codes.is_success(status):
        raise SendError(f"the webhook answered {status}, and only 200 to 299 mean that it has taken it")


def send_mail(letter: Letter, host: str, port: int, sender: str) -> None:
    """Hand a mail over; encrypted where the server offers it (RFC 7435). Raises SendError, RefusedError."""
    try:
        message = _message(letter, sender)
        message.as_bytes()  # or what cannot be written would only show on its way
    except _UNWRITABLE as error:
        why = f"it cannot be written as a mail ({type(error).__name__}): see to its recipient"
        raise RefusedError(why) from None
    try:
        server = smtplib.SMTP(host, port, local_hostname=socket.gethostname(), timeout=TIMEOUT_SECONDS)
    except (OSError, smtplib.SMTPException) as error:
        raise SendError(f"mail server {host}:{port} cannot be reached: {_told(error)}") from error
    try:
        server.ehlo_or_helo_if_needed()
        if server.has_extn("starttls"):
            server.starttls(context=_whoever())
        # What answers comes from nobody, so that nothing can answer it (RFC 3834 §3.3).
        is_answer = message["Auto-Submitted"] == _ANSWER
        server.send_message(message, from_addr="" if is_answer else None)
    except (OSError, smtplib.SMTPException) as error:
        server.close()
        kind = RefusedError if _is_for_good(error) else SendError
        raise kind(f"mail server {host}:{port} has not taken it: {_told(error)}") from error
    with suppress(OSError, smtplib.SMTPException):  # it has taken it
        server.quit()
    server.close()


def _message(letter: Letter, sender: str) -> EmailMessage:
    told = json.loads(letter.payload)
    sender = told.get("from", sender)
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = sender, told["to"], told["subject"]
    message["Date"] = format_datetime(letter.created)
    message["Message-ID"] = f"<{letter.id}@{sender.rpartition('@')[2]}>"
    answered = told.get("answers")
    # RFC 3834: no machine shall answer it.
    message["Auto-Submitted"] = "auto-generated" if answered is None else _ANSWER
    if answered:
        message["In-Reply-To"] = message["References"] = answered
    # In ASCII on its way, since a server need not take eight bits.
    message.set_content(told["text"], cte=None if told["text"].isascii() else "base64")
    return message


def _whoever() -> ssl.SSLContext:
    """Encrypt whoever answers: without it the mail would go in the clear."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _is_for_good(error: OSError | smtplib.SMTPException) -> bool:
    """Tell whether a server refuses this recipient or this message; a refused sender is ours to mend."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        return all(code in _FOR_GOOD for code, _ in error.recipients.values())
    if isinstance(error, smtplib.SMTPDataError):
        return error.smtp_code in _FOR_GOOD
    return isinstance(error, smtplib.SMTPNotSupportedError)  # it lacks SMTPUTF8, which the address needs


def _told(error: OSError | smtplib.SMTPException) -> str:
    """Tell what a server said, in a line; of addresses nothing."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        codes = sorted({code for code, _ in error.recipients.values()})
        return f"the recipient is refused ({', '.join(map(str, codes))})"
    if isinstance(error, smtplib.SMTPResponseException):
        said = error.smtp_error
        words = said.decode(errors="replace") if isinstance(said, bytes) else str(said)
        return f"{error.smtp_code} {_without_addresses(words)}"
    return f"{type(error).__name__}: {_without_addresses(str(error))}"


def _without_addresses(words: str) -> str:
    """Return what a server said in a line; it may have repeated a customer's address."""
    return " ".join("<address>" if "@" in word else word for word in words.split())
