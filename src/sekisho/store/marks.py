"""How far sources that are asked have been read."""

from __future__ import annotations

from sqlalchemy import select

from sekisho.store.door import Door
from sekisho.store.schema import source_mark


class Marks(Door):
    """Marks in a transaction; what they mean is for whoever asks the source."""

    def mark(self, source: str) -> str | None:
        """Return how far a source has been read, None where it never was."""
        found = select(source_mark.c.mark).where(source_mark.c.source == source)
        return self._connection.execute(found).scalar_one_or_none()

    def put_mark(self, source: str, mark: str) -> None:
        """Write how far a source has been read."""
        self._many.put(source_mark, [(source, mark)])
