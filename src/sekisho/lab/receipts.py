"""What arrived, from the receivers' own files.

smtp-sink writes each message to a file of its own, with the client's address and the message's
headers in front, and closes it when it answers the end of DATA: the file's mtime is the arrival.
A file is empty until then, since smtp-sink writes when its buffer is full (4 kB; the laboratory's
messages are smaller) or closed. Messages of sessions that break are removed by smtp-sink itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from sekisho.lab.programs import LETTER_HEADER

_CLIENT = re.compile(r"^X-Client-Addr: (?:ipv6:)?(\S+)$", re.MULTILINE | re.IGNORECASE)
_LETTER = re.compile(rf"^{LETTER_HEADER}: (\S+)$", re.MULTILINE)
_SESSIONS = re.compile(rb"sess=(\d+)")


@dataclass(frozen=True, slots=True)
class Receipt:
    """One message at a receiver: from which line, which letter (None: spam), when, over which protocol.

    `at` in seconds since the epoch.
    """

    line: str
    letter: str | None
    at: float
    ipv6: bool = False


def parse(text: str, at: float, lines: Mapping[str, str]) -> Receipt:
    """Read one of smtp-sink's files; `lines` maps addresses to lines.

    Raises ValueError when the file names no client or one that is no line.
    """
    client = _CLIENT.search(text)
    if client is None:
        raise ValueError("a receiver's file names no client: is this smtp-sink another version?")
    if client[1] not in lines:
        raise ValueError(f"a message came from {client[1]}, which is no line of the laboratory")
    letter = _LETTER.search(text)
    return Receipt(lines[client[1]], letter[1] if letter else None, at, ipv6=":" in client[1])


def collect(directory: Path, lines: Mapping[str, str]) -> list[Receipt]:
    """Take the finished messages out of a receiver's directory."""
    receipts = []
    with os.scandir(directory) as entries:
        for entry in entries:
            status = entry.stat()
            if status.st_size:
                path = Path(entry.path)
                receipts.append(parse(path.read_text(errors="replace"), status.st_mtime, lines))
                path.unlink()
    return receipts


def sessions(counters: Path) -> int:
    """Read the newest of the running counters that smtp-sink has written: sessions ended."""
    with counters.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - 256))
        found = _SESSIONS.findall(file.read())
    # The last one may be half written; the one before it is at most one session older.
    return int(found[-2]) if len(found) > 1 else 0
