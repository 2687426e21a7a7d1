"""Who wrote a report, as its `From:` says."""

from __future__ import annotations

from sekisho.desk.mime import Mail
from sekisho.desk.report import Reporter
from sekisho.desk.words import mail_address


def writer(mail: Mail) -> Reporter:
    """Return the reporter of a mail; two `From:` fields, or none that can be read, name nobody."""
    fields = mail.header.all(b"from")
    found = mail_address(fields[0]) if len(fields) == 1 else None
    return Reporter(None, None) if found is None else Reporter(*found)
