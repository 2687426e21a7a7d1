"""The parts of a report, found by their boundaries without recursion; nothing is unpacked.

Only multiparts are opened. What is in an enclosed message stays closed: its header is read as text, and no
archive is ever looked into.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sekisho.desk.header import Header, end_of_header, strict, with_newlines, without_crlf, without_envelope
from sekisho.desk.header import text as to_text
from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.report import Why

ENCLOSED = frozenset(
    {
        *("message/rfc822", "message/global", "message/partial", "message/rfc822-headers"),
        *("message/global-headers", "text/rfc822-headers", "text/rfc822"),
    }
)
"""Types of a part that is a message or its header."""

_LONGEST_TYPE = 2_048  # characters of a Content-Type that are read
_LONGEST_BOUNDARY = 200  # RFC 2046 §5.1.1 has 70
_LONGEST_PADDING = 100  # bytes after a boundary on its line
_MOST_LOOKALIKES = 10_000  # lines that begin as a boundary and are none

_PARAMETER = re.compile(r';\s*([A-Za-z0-9*_-]{1,40})\s*=\s*(?:"([^"]*)"|([^;\s]*))')
_SPACE = bytes(range(0x21))


@dataclass(frozen=True, slots=True)
class Part:
    """A part that is no multipart; its content is `data[begin:end]` of the mail."""

    kind: str
    parameters: dict[str, str]
    header: Header
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class Mail:
    """A message with LF line ends, its header, the type of the whole, and the parts in their order."""

    data: bytes
    header: Header
    kind: str
    parameters: dict[str, str]
    parts: tuple[Part, ...]

    def content(self, part: Part, most: int) -> bytes:
        """Return the content of a part, decoded, with LF line ends, up to `most` bytes."""
        raw = self.data[part.begin : min(part.end, part.begin + 2 * most)]
        encoding = (part.header.get(b"content-transfer-encoding") or "").strip().lower()
        return with_newlines(_decoded(raw, encoding)[:most])


def read(data: bytes, limits: Limits) -> Mail:
    """Take a message apart; raise RefusedError where it exceeds the limits."""
    mail = without_envelope(without_crlf(data))
    end, body = end_of_header(mail, 0, len(mail))
    header = strict(mail[:end], limits)
    kind, parameters = _type(header)
    found: list[Part] = []
    waiting = [(Part(kind, parameters, header, body, len(mail)), 0)]
    while waiting:
        part, depth = waiting.pop()
        if not part.kind.startswith("multipart/") or not part.parameters.get("boundary"):
            found.append(part)
            continue
        if depth >= limits.depth:
            raise RefusedError(Why.TOO_DEEP, f"parts within parts deeper than {limits.depth}")
        inner = [(each, depth + 1) for each in _children(mail, part, limits)]
        waiting += reversed(inner)
        if len(waiting) + len(found) > limits.parts:
            raise RefusedError(Why.TOO_MANY_PARTS, f"over {limits.parts} parts")
    return Mail(mail, header, kind, parameters, tuple(found))


def _children(data: bytes, part: Part, limits: Limits) -> Iterator[Part]:
    digest = "message/rfc822" if part.kind == "multipart/digest" else "text/plain"
    for count, (begin, end) in enumerate(_between(data, part), start=1):
        if count > limits.parts:
            raise RefusedError(Why.TOO_MANY_PARTS, f"over {limits.parts} parts")
        stop, body = end_of_header(data, begin, end)
        header = strict(data[begin:stop], limits)
        kind, parameters = _type(header, digest)
        yield Part(kind, parameters, header, min(body, end), end)


def _between(data: bytes, part: Part) -> Iterator[tuple[int, int]]:
    """Yield where the content between the boundary's lines begins and ends; the last may lack its end."""
    mark = b"--" + part.parameters["boundary"].encode()
    begin: int | None = None
    for at, line_end, is_last in _boundaries(data, part, mark):
        if begin is not None:
            yield begin, max(begin, at - 1)  # the newline before the boundary is the boundary's
        if is_last:
            return
        begin = line_end
    if begin is not None:
        yield begin, part.end


def _boundaries(data: bytes, part: Part, mark: bytes) -> Iterator[tuple[int, int, bool]]:
    """Yield where each line of a boundary begins, where the next begins, and whether it is the last."""
    at, lookalikes = part.begin - 1, 0  # a body begins after a newline
    while (at := data.find(b"\n" + mark, at, part.end)) >= 0:
        after = at + 1 + len(mark)
        newline = data.find(b"\n", after, min(part.end, after + _LONGEST_PADDING))
        line_end = part.end if newline < 0 else newline + 1
        rest = data[after : min(line_end, after + _LONGEST_PADDING)].strip()
        if rest in {b"", b"--"}:
            yield at + 1, line_end, rest == b"--"
            at = line_end - 1
            continue
        lookalikes += 1
        if lookalikes > _MOST_LOOKALIKES:
            raise RefusedError(Why.TOO_MANY_PARTS, "too many lines that look like a boundary")
        at = after


def _type(header: Header, default: str = "text/plain") -> tuple[str, dict[str, str]]:
    value = (header.get(b"content-type") or default)[:_LONGEST_TYPE]
    kind = value.partition(";")[0].strip().lower()
    found = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(value)}
    if len(found.get("boundary", "")) > _LONGEST_BOUNDARY:
        raise RefusedError(Why.MALFORMED, f"a boundary of over {_LONGEST_BOUNDARY} characters")
    return kind or default, found


def _decoded(raw: bytes, encoding: str) -> bytes:
    if encoding == "quoted-printable":
        return binascii.a2b_qp(raw)
    if encoding == "base64":
        bare = raw.translate(None, _SPACE)
        try:
            return binascii.a2b_base64(bare[: len(bare) // 4 * 4])
        except binascii.Error:
            raise RefusedError(Why.MALFORMED, "a part says it is base64 and is not") from None
    return raw


def file_name(part: Part) -> str:
    """Return the name that a part has as a file, in lower case; empty where it has none."""
    disposition = (part.header.get(b"content-disposition") or "")[:_LONGEST_TYPE]
    said = {name.lower(): quoted or bare for name, quoted, bare in _PARAMETER.findall(disposition)}
    names = (said.get("filename"), said.get("filename*"), part.parameters.get("name"))
    return next((name.strip().lower() for name in names if name), "")


def first_text(mail: Mail, limits: Limits, kind: str = "text/plain") -> str:
    """Return the first text of a type in a mail, empty where there is none."""
    part = next((part for part in mail.parts if part.kind == kind), None)
    return "" if part is None else to_text(mail.content(part, limits.text_bytes))
