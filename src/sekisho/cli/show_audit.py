"""Puts the audit log into words."""

from __future__ import annotations

from sekisho.api.line_models import AuditRecordValue, AuditVerification


def verification_text(found: AuditVerification) -> str:
    """Tell whether the log is as it was written."""
    if found.first_broken is not None:
        return (
            f"audit log: broken at record {found.first_broken}: this record, or one before it that is gone, "
            f"was changed after it was written\nhead of what is sound: {found.head or 'none'}"
        )
    whole = f"audit log: {found.records} records, each as it was written"
    if found.forgotten_at is not None:
        whole += f"; records 1-{found.forgotten} forgotten on {found.forgotten_at:%Y-%m-%d}"
    if found.head_found is False:
        whole += ", but none has the head that was noted: the log was cut off or written anew"
    return f"{whole}\nhead: {found.head or 'none'}"


def record_text(record: AuditRecordValue) -> str:
    """Write a record in one line."""
    why = [record.purpose, f"({record.reference})" if record.reference else ""]
    parts = (
        str(record.number),
        f"{record.at:%Y-%m-%d %H:%M:%S} UTC",
        f"{record.user} ({record.uid})",
        record.action,
        record.subject,
        " ".join(filter(None, why)) or "-",
        record.outcome,
    )
    return " | ".join(parts)
