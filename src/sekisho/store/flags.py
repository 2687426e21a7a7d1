"""Flags as conditions."""

from __future__ import annotations

from sqlalchemy import Column, ColumnElement, literal_column


def is_set(flag: Column[bool]) -> ColumnElement[bool]:
    """Return the condition that a flag is set, as an index of such rows has it.

    SQLAlchemy would write `= 1` for SQLite, which then takes no such index and reads all rows.
    """
    return literal_column(f"{flag.table.name}.{flag.name}")
