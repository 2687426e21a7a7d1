"""Fetches what is no JSON, a case's bundle or a report's original, and verifies a bundle."""

from __future__ import annotations

import os
from io import BytesIO
from pathlib import Path
from typing import Any

from sekisho.api.client import AnswerError, AwayError, fetch
from sekisho.bundle import Checked, check
from sekisho.cli.common import fail, meant
from sekisho.signing import SignError, Verifier


def fetch_file(path: str, file: Path, question: dict[str, Any], name: str | None, config: Path | None) -> int:
    """Fetch what is answered into a new file; return how many bytes it has. Raises typer.Exit."""
    gate = meant(name, config)
    try:
        # Nobody else may read it, and what is there already is not written over.
        made = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(made, "wb") as into:
            try:
                fetch(gate, path, question, into)
            except BaseException:
                file.unlink()
                raise
            return into.tell()
    except OSError as error:
        raise fail(f"{file} cannot be written: {error.strerror}") from error
    except (AnswerError, AwayError) as error:
        raise fail(error) from error


def fetch_bytes(path: str, question: dict[str, Any], name: str | None, config: Path | None) -> bytes:
    """Return what is answered. Raises typer.Exit."""
    into = BytesIO()
    try:
        fetch(meant(name, config), path, question, into)
    except (AnswerError, AwayError) as error:
        raise fail(error) from error
    return into.getvalue()


def verify_bundle(file: Path, key: Path) -> Checked:
    """Tell all that is wrong with a bundle. Raises typer.Exit where it or the key cannot be read."""
    try:
        verifier = Verifier(key.read_bytes())
        with file.open("rb") as opened:
            return check(opened, verifier.is_signed)
    except OSError as error:
        raise fail(f"{error.filename} cannot be read: {error.strerror}") from error
    except SignError as error:
        raise fail(f"{key}: {error}") from error
