"""Whether a message that a forward encloses is itself a report or a complaint.

Its hops are then those of somebody who reports: read as spam it would accuse him. What encloses a message, or
has the header of one in its text, tells of that one, and so does what was written to an abuse mailbox
(RFC 2142 §4) or to where the forward itself goes. Spam may look like that too: people read it.
"""

from __future__ import annotations

import re

from sekisho.desk import arf, hotmail, mime, spamcop, x_arf, xarf
from sekisho.desk.enclosed import contents, enclosed_parts
from sekisho.desk.forward import has_header
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import Mail, first_text

_FORMS = (arf.is_arf, x_arf.is_x_arf, spamcop.is_spamcop, hotmail.is_hotmail)
_RECIPIENTS = (b"to", b"cc")
_BETWEEN = re.compile(r"[\s<>\"(),:;]+")  # what parts addresses


def is_nested(outer: Mail, limits: Limits) -> bool:
    """Tell whether a message within a mail, as much as is read of it, is a report or a complaint."""
    recipients = _recipients(outer)
    for message in contents(outer, limits):
        try:
            inner = mime.read(message, limits)
        except RefusedError:
            continue
        if _tells_of_another(inner, limits) or _is_complaint(inner, recipients):
            return True
    return False


def _tells_of_another(mail: Mail, limits: Limits) -> bool:
    is_report = any(is_of_form(mail) for is_of_form in _FORMS) or bool(xarf.parts(mail, limits))
    return is_report or bool(enclosed_parts(mail)) or has_header(first_text(mail, limits))


def _is_complaint(mail: Mail, recipients: set[str]) -> bool:
    found = _recipients(mail)
    return not found.isdisjoint(recipients) or any(each.startswith("abuse@") for each in found)


def _recipients(mail: Mail) -> set[str]:
    fields = (value for name in _RECIPIENTS for value in mail.header.all(name))
    return {word.lower() for value in fields for word in _BETWEEN.split(value) if "@" in word}
