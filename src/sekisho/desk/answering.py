"""Whom the acknowledgement of a report may reach: a person who was proved to have written it, nobody else.

It goes to the envelope's sender (RFC 3834 §4), which has to be of the organisation that a mail server of ours
has authenticated: an address that somebody else has written there would get mail that it never asked for.
"""

from __future__ import annotations

import re

from sekisho.desk.header import Header
from sekisho.desk.report import Answerable
from sekisho.desk.trust import is_aligned
from sekisho.desk.words import mail_address

_ADDRESS = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,8}", re.ASCII
)
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,128}@[A-Za-z0-9.-]{1,128}>", re.ASCII)
_BULK = frozenset({"bulk", "junk", "list", "auto_reply"})
_NOBODY = frozenset(
    {"mailer-daemon", "postmaster", "no-reply", "noreply", "do-not-reply", "donotreply", "nobody"}
)
_LISTS_BEGIN = ("owner-", "bounce-", "bounces-", "bounce+", "bounces+")
_LISTS_END = ("-request", "-bounces", "-owner", "-relay")
_OF_LISTS = b"list-"
_MACHINES = frozenset(
    {b"feedback-id", b"x-auto-response-suppress", b"x-autoreply", b"x-autorespond", b"x-loop"}
)


def answerable(header: Header, authenticated: str) -> Answerable | None:
    """Return whom the acknowledgement of a mail may reach, None where nobody may be (RFC 3834 §2, RFC 6650).

    `authenticated`: the domain from which it is proved to be.
    """
    found = mail_address(header.get(b"return-path") or "")
    if found is None or not is_aligned(found[1], authenticated):
        return None
    address = found[0]
    if not _ADDRESS.fullmatch(address) or _is_of_nobody(address) or _is_of_a_machine(header):
        return None
    message_id = header.get(b"message-id") or ""
    return Answerable(address, message_id if _MESSAGE_ID.fullmatch(message_id) else "")


def _is_of_nobody(address: str) -> bool:
    user = address.partition("@")[0].lower()
    return user in _NOBODY or user.startswith(_LISTS_BEGIN) or user.endswith(_LISTS_END)


def _is_of_a_machine(header: Header) -> bool:
    automatic = (header.get(b"auto-submitted") or "no").partition(";")[0].strip().lower() != "no"
    is_bulk = (header.get(b"precedence") or "").strip().lower() in _BULK
    return automatic or is_bulk or any(n.startswith(_OF_LISTS) or n in _MACHINES for n, _ in header.fields)
