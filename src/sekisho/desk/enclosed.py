"""The message a report is about, of which only its way and its id are read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sekisho.desk.header import end_of_header, lenient, with_newlines, without_envelope
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.mime import ENCLOSED, Mail, Part, file_name
from sekisho.desk.received import hop
from sekisho.desk.report import Hop, Why
from sekisho.desk.words import message_id

_NAMES = frozenset({b"received", b"message-id"})


@dataclass(frozen=True, slots=True)
class Enclosed:
    """The hops of a message from the top, whether there were more than are kept, and its id."""

    chain: tuple[Hop, ...] = ()
    is_cut: bool = False
    message_id: str | None = None


NOTHING = Enclosed()


def read(data: bytes, limits: Limits) -> Enclosed:
    """Read the header of an enclosed message, or what is there of it; never raises."""
    message = without_envelope(with_newlines(data[: limits.header_bytes]))
    end, _ = end_of_header(message, 0, len(message))
    header = lenient(message[:end], limits, _NAMES)
    received = header.all(b"received")
    hops = tuple(hop(value) for value in received[: limits.hops])
    is_cut = header.is_cut or len(received) > limits.hops or end >= limits.header_bytes
    return Enclosed(hops, is_cut, message_id(header.get(b"message-id")))


def enclosed_parts(mail: Mail) -> list[Part]:
    """Return the parts of a mail that are messages, or headers of such, if only by their file's name."""
    return [part for part in mail.parts if part.kind in ENCLOSED or file_name(part).endswith(".eml")]


def contents(mail: Mail, limits: Limits) -> Iterator[bytes]:
    """Yield the begin of each message that is attached to a mail, without its envelope.

    Raises RefusedError where their headers, which take the time, are too long together.
    """
    total = 0
    for part in enclosed_parts(mail):
        message = without_envelope(mail.content(part, limits.header_bytes))
        total += end_of_header(message, 0, len(message))[0]
        if total > limits.all_headers_bytes:
            raise RefusedError(Why.LONG_HEADER, f"headers within of over {limits.all_headers_bytes} bytes")
        yield message


def attached(mail: Mail, limits: Limits) -> list[Enclosed]:
    """Return the messages that are attached to a mail, or whose headers are; raise RefusedError."""
    return [read(message, limits) for message in contents(mail, limits)]
