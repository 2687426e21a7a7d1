"""Takes reports in from files, one after the other, and asks what became of them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

from sekisho.api.client import AnswerError, AwayError, ask, send
from sekisho.cli.common import fail, meant
from sekisho.desk.mailbox import is_of_maildir, messages
from sekisho.desk.parse import LIMITS

_CHUNK: Final = 1 << 20
_PATIENCE_SECONDS: Final = 30.0  # until the daemon has read what it has taken
_PAUSE_SECONDS: Final = 0.1


def take_files(
    paths: Iterable[Path], reporter: str | None, name: str | None, config: Path | None
) -> Iterator[dict[str, Any]]:
    """Yield what became of each report in files and Maildirs.

    Files that cannot be read, or have none in them, are told as failed. `reporter`: the domain that
    all are from, for which whoever asks vouches. Raises typer.Exit where the daemon does not answer.
    """
    gate = meant(name, config)
    taken: list[tuple[str, int, bool]] = []
    for path in paths:
        try:
            for place, file in _files(path):
                before = len(taken)
                for number, original in enumerate(_read(file), 1):
                    answer = _sent(gate, original, reporter)
                    taken.append((f"{place}:{number}", answer["report"], answer["is_new"]))
                if len(taken) == before:
                    yield _failed(place, "there is no report in it: it is empty, or blank")
        except OSError as error:
            yield _failed(str(path), f"cannot be read: {error.strerror}")
    until = time.monotonic() + _PATIENCE_SECONDS
    for where, number, is_new in taken:
        yield {"where": where, "is_new": is_new, **_became(gate, number, until)}


def told(outcome: dict[str, Any]) -> str:
    """Put what became of a report into a line."""
    if outcome["state"] == "failed":
        return f"{outcome['where']}: {outcome['why']}"
    known = "" if outcome["is_new"] else ", known already"
    found = ", ".join(
        one["found"] + ("" if one["case"] is None else f" (case {one['case']})")
        for one in outcome["incidents"]
    )
    words = [outcome["state"], *([found] if found else []), *([outcome["why"]] if outcome["why"] else [])]
    return f"{outcome['where']}: report {outcome['report']}{known}: {': '.join(words)}"


def _failed(where: str, why: str) -> dict[str, Any]:
    return {"where": where, "state": "failed", "why": why}


def _files(path: Path) -> Iterator[tuple[str, Path]]:
    """Yield a file, or those of a directory: of a Maildir its messages, else all that are no directories."""
    if not path.is_dir():
        yield str(path), path
        return
    found = sorted(one for one in path.rglob("*") if one.is_file())
    of_maildir = [one for one in found if is_of_maildir(one)]
    for one in of_maildir or found:
        yield str(one), one


def _read(file: Path) -> Iterator[bytes]:
    with file.open("rb") as opened:
        yield from messages(iter(lambda: opened.read(_CHUNK), b""), LIMITS.message_bytes)


def _sent(gate: str, original: bytes, reporter: str | None) -> Any:
    path = "/v1/desk/reports" + ("" if reporter is None else f"?reporter={quote(reporter, safe='')}")
    try:
        return send(gate, path, original, "application/octet-stream")
    except (AnswerError, AwayError) as error:
        raise fail(error) from error


def _became(gate: str, number: int, until: float) -> Any:
    """Return what became of a report, or that it is unread yet."""
    while True:
        try:
            answer = ask(gate, "GET", f"/v1/desk/reports/{number}")
        except (AnswerError, AwayError) as error:
            raise fail(error) from error
        if answer["state"] != "unread" or time.monotonic() > until:
            return answer
        time.sleep(_PAUSE_SECONDS)
