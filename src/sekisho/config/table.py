"""What all tables of the file have in common."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of the file: frozen, and without a key that is not known here."""

    model_config = ConfigDict(extra="forbid", frozen=True)
