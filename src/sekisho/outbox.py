"""What is to be told to others: letters, when each is tried again, and how a webhook is signed. Pure.

A letter is written in the transaction of what it tells of, and is sent afterwards: so none is lost, and each
has one id at every try, by which whoever gets it twice can tell.
"""

from __future__ import annotations

import hmac
import json
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from hashlib import sha256
from typing import Any, Final

FIRST_WAIT: Final = timedelta(seconds=5)
LONGEST_WAIT: Final = timedelta(minutes=15)
MOST_TRIES: Final = 480  # five days of them (RFC 5321 §4.5.4.1); counted, as a clock may be set

SECRET_PREFIX: Final = b"whsec_"
_SECRET_SIZES: Final = range(24, 65)  # bytes, as Standard Webhooks has it
SECRET_WAY_OUT: Final = 'write one by chance: (umask 077; echo "whsec_$(openssl rand -base64 32)" > FILE)'


class Kind(StrEnum):
    """How a letter goes."""

    WEBHOOK = "webhook"
    MAIL = "mail"


@dataclass(frozen=True, slots=True)
class Letter:
    """What is told, as JSON: the body of a webhook, or what a mail to one address has.

    That is `to`, `subject` and `text`, perhaps `from`, and `answers` where it answers a mail.

    `id`: the same at every try, of letters, digits, "_" and "-". `created`: aware UTC. `thread`: letters of
    one go in the order in which they were written, None: by itself.
    """

    id: str
    kind: Kind
    payload: str
    created: datetime
    thread: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """A letter that is not sent yet, how often it was tried, and why the last try failed."""

    letter: Letter
    attempts: int = 0
    why: str | None = None


def mail(
    letter_id: str,
    to: str,
    subject: str,
    text: str,
    created: datetime,
    *,
    sender: str | None = None,
    answers: str | None = None,
    thread: str | None = None,
) -> Letter:
    """Write a mail to one address; `sender`: None: that of alerts; `answers`: the Message-ID answered."""
    told = {"to": to, "subject": subject, "text": text}
    more = {"from": sender, "answers": answers}
    told |= {key: value for key, value in more.items() if value is not None}
    return Letter(letter_id, Kind.MAIL, _json(told), created, thread)


def webhook(letter_id: str, body: Mapping[str, Any], created: datetime) -> Letter:
    """Write what is posted to a webhook."""
    return Letter(letter_id, Kind.WEBHOOK, _json(body), created)


def wait_after(attempts: int) -> timedelta:
    """Return how long to wait after so many failed tries, at least one: twice as long each time."""
    doublings = min(attempts - 1, 16)  # far beyond the longest wait
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def read_webhook_secret(text: bytes) -> bytes:
    """Read a secret as Standard Webhooks writes it; ValueError says what is wrong with another."""
    if not text.startswith(SECRET_PREFIX):
        raise ValueError('a webhook\'s secret begins with "whsec_"')
    try:
        secret = b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except Error:
        raise ValueError('what follows "whsec_" is no base64') from None
    if len(secret) not in _SECRET_SIZES:
        raise ValueError(f"the secret has {len(secret)} bytes, which are not 24 to 64")
    return secret


def signed(letter: Letter, secret: bytes, now: datetime) -> dict[str, str]:
    """Return the headers by which the receiver knows a letter as ours (www.standardwebhooks.com, 1.0)."""
    at = str(int(now.timestamp()))
    content = f"{letter.id}.{at}.{letter.payload}".encode()
    signature = b64encode(hmac.new(secret, content, sha256).digest()).decode()
    return {"webhook-id": letter.id, "webhook-timestamp": at, "webhook-signature": f"v1,{signature}"}


def _json(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
