"""Headers of mail: fields by name, unfolded; and the line ends before that."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass

from sekisho.desk.limits import Limits, RefusedError
from sekisho.desk.report import Why

_MOST_ENVELOPES = 4
_BLANK = re.compile(rb"[ \t]*\n(?:[ \t]*\n)*")


@dataclass(frozen=True, slots=True)
class Header:
    """Fields in their order, names in lower case; `is_cut`: there was more than is read."""

    fields: tuple[tuple[bytes, bytes], ...]
    is_cut: bool = False

    def get(self, name: bytes) -> str | None:
        """Return the first field of a name (lower case), None where there is none."""
        return next((text(value) for each, value in self.fields if each == name), None)

    def all(self, name: bytes) -> list[str]:
        """Return all fields of a name (lower case)."""
        return [text(value) for each, value in self.fields if each == name]


def text(value: bytes) -> str:
    """Return what may be 8-bit text of any charset; what is no UTF-8 becomes U+FFFD."""
    return value.decode("utf-8", "replace")


def without_crlf(data: bytes) -> bytes:
    """Return a mail with LF line ends, as it has CRLF, or CR alone; a CR among others stays, for its part."""
    if b"\r" not in data:
        return data
    if b"\n" not in data.rstrip(b"\n"):
        return data.replace(b"\r", b"\n")
    return data.replace(b"\r\r\n", b"\n").replace(b"\r\n", b"\n")


def with_newlines(data: bytes) -> bytes:
    """Return a part with LF line ends, whatever it has.

    A CR among lines that end otherwise is no line end: who could write one would write fields.
    """
    return without_crlf(data).replace(b"\r", b" ")


def without_envelope(data: bytes) -> bytes:
    """Return a message without the blank lines and the mbox `From ` or `>From ` lines before its header."""
    at = 0
    for _ in range(_MOST_ENVELOPES):
        found = _BLANK.match(data, at)
        at = at if found is None else found.end()
        if not data.startswith((b"From ", b">From "), at):
            break
        end = data.find(b"\n", at)
        at = len(data) if end < 0 else end + 1
    return data[at:] if at else data


def end_of_header(data: bytes, begin: int, end: int) -> tuple[int, int]:
    """Return where the header that begins there ends, and where what follows its blank line begins."""
    if data[begin : begin + 1] == b"\n":
        return begin, begin + 1
    at = data.find(b"\n\n", begin, end)
    return (end, end) if at < 0 else (at, at + 2)


def strict(data: bytes, limits: Limits) -> Header:
    """Read a header; raise RefusedError where it exceeds the limits."""
    if len(data) > limits.header_bytes:
        raise RefusedError(Why.LONG_HEADER, f"a header of over {limits.header_bytes} bytes")
    fields = _fields(data, limits.fields + 1, None)
    if len(fields) > limits.fields:
        raise RefusedError(Why.TOO_MANY_HEADERS, f"over {limits.fields} fields in a header")
    if any(len(value) > limits.field_bytes for _, value in fields):
        raise RefusedError(Why.LONG_HEADER, f"a header field of over {limits.field_bytes} bytes")
    return Header(tuple(fields))


def lenient(data: bytes, limits: Limits, names: Collection[bytes]) -> Header:
    """Read the fields of these names as far as the limits go: a spammer's header refuses no report."""
    fields = _fields(data[: limits.header_bytes], limits.fields + 1, names)
    is_cut = len(data) > limits.header_bytes or len(fields) > limits.fields
    return Header(
        tuple((name, value[: limits.field_bytes]) for name, value in fields[: limits.fields]), is_cut
    )


def _fields(data: bytes, most: int, names: Collection[bytes] | None) -> list[tuple[bytes, bytes]]:
    """Return up to `most` fields, of these names or of all; lines that are no field are passed over."""
    found: list[tuple[bytes, bytes]] = []
    name, lines = b"", [b""]
    for line in data.split(b"\n"):
        if line[:1] in (b" ", b"\t"):
            lines.append(line.strip())
            continue
        if name:
            found.append((name, b" ".join(lines)))
            if len(found) >= most:
                return found
        name, lines = _begin(line, names)
    if name:
        found.append((name, b" ".join(lines)))
    return found


def _begin(line: bytes, names: Collection[bytes] | None) -> tuple[bytes, list[bytes]]:
    """Return the name and the first line of a field; an empty name where it is none or none of these."""
    before, colon, after = line.partition(b":")
    name = before.rstrip(b" \t").lower()  # as RFC 5322 §4.5 has it; other controls would hide it from filters
    if not colon or not name or b" " in name or (names is not None and name not in names):
        return b"", []
    return name, [after.strip()]
