"""A store with nothing in it, as a copy: to make one by the migrations takes longer than most tests."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from sekisho.store import open_store


def lay_empty_store(file: Path) -> str:
    """Write a SQLite store of the newest schema and return its url."""
    file.write_bytes(_empty_store())
    return f"sqlite:///{file}"


@cache
def _empty_store() -> bytes:
    with TemporaryDirectory(prefix="sekisho-empty.") as directory:
        file = Path(directory, "store.db")
        open_store(f"sqlite:///{file}").close()
        return file.read_bytes()
