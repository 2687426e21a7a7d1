"""Whether a message that a forward encloses is itself a report or a complaint.

Its hops are then those of somebody who reports: read as spam it would accuse him. What encloses a message, or
has the header of one in its text, tells of that one, and so does what was written to an abuse mailbox
(RFC 2142 §4) or to where the forward itself goes. In a text a second header may also be the rest of the
first, whose lines were drawn apart. Spam may look like that too: people read it.
"""

from __future__ import annotations

import re

from sekisho.desk import arf, hotmail, mime, spamcop, x_arf, xarf
from sekisho.desk.enclosed import contents, enclosed_parts, in_text, in_words, read
from sekisho.desk.header import Header, lenient
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import Mail, first_text

_FORMS = (arf.is_arf, x_arf.is_x_arf, spamcop.is_spamcop, hotmail.is_hotmail)
_RECIPIENTS = (b"to", b"cc")
_BETWEEN = re.compile(r"[\s<>\"(),:;]+")  # what parts addresses


def is_nested(outer: Mail, limits: Limits) -> bool:
    """Tell whether a message within a mail, as much as is read of it, is a report or a complaint."""
    recipients = _recipients(outer.header)
    if enclosed_parts(outer):
        return any(_is_nested(message, recipients, limits) for message in contents(outer, limits))
    found = in_words(outer, limits)
    if found is None:
        return False
    header, rest = found
    return _has_header(rest, limits) or _is_complaint(lenient(header, limits, _RECIPIENTS), recipients)


def _is_nested(message: bytes, recipients: set[str], limits: Limits) -> bool:
    try:
        inner = mime.read(message, limits)
    except RefusedError:
        return False
    return _tells_of_another(inner, limits) or _is_complaint(inner.header, recipients)


def _tells_of_another(mail: Mail, limits: Limits) -> bool:
    is_report = any(is_of_form(mail) for is_of_form in _FORMS) or bool(xarf.parts(mail, limits))
    return is_report or bool(enclosed_parts(mail)) or _has_header(first_text(mail, limits), limits)


def _has_header(words: str, limits: Limits) -> bool:
    """Tell whether the header of a message stands in a text, with a field that a server may have written."""
    found = in_text(words)
    return found is not None and any(hop.address or hop.by for hop in read(found[0], limits).chain)


def _is_complaint(header: Header, recipients: set[str]) -> bool:
    found = _recipients(header)
    return not found.isdisjoint(recipients) or any(each.startswith("abuse@") for each in found)


def _recipients(header: Header) -> set[str]:
    fields = (value for name in _RECIPIENTS for value in header.all(name))
    return {word.lower() for value in fields for word in _BETWEEN.split(value) if "@" in word}
