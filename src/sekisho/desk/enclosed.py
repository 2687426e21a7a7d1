"""The message a report is about, of which only its way and its id are read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sekisho.desk.header import end_of_header, lenient, with_newlines, without_envelope
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.markup import text_of
from sekisho.desk.mime import ENCLOSED, Mail, Part, file_name, first_text
from sekisho.desk.received import hop
from sekisho.desk.report import Hop, Why
from sekisho.desk.words import message_id

_NAMES = frozenset({b"received", b"message-id"})
_QUOTE = re.compile(r"[> \t|]{0,20}")
_FIELD = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,60}:")
_RECEIVED = re.compile(r"^[> \t|]{0,20}Received:", re.MULTILINE)


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


def in_words(mail: Mail, limits: Limits) -> tuple[bytes, str] | None:
    """Return what `in_text` finds in the words of a mail, as they are or in HTML."""
    plain = in_text(first_text(mail, limits))
    return plain or in_text(text_of(first_text(mail, limits, "text/html")))


def in_text(words: str) -> tuple[bytes, str] | None:
    """Return the header that stands in a text, from its first Received field on, and what follows it.

    None where there is none. It may be quoted, and programs may have broken its lines anew.
    """
    first = _RECEIVED.search(words)
    if first is None:
        return None
    fields: list[str] = []
    at = first.start()
    for line in words[at:].split("\n"):
        at += len(line) + 1
        bare = _QUOTE.sub("", line, count=1)
        if not bare.strip():
            break
        fields.append(bare if _FIELD.match(bare) else " " + bare)
    return "\n".join(fields).encode("utf-8", "replace"), words[at:]
