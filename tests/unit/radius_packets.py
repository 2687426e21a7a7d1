"""Accounting packets as a NAS makes them, by code of their own: nothing of `sekisho` signs them."""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Iterable

SECRET = b"a secret of some length"

Attribute = tuple[int, bytes]

START = (40, b"\0\0\0\1")
STOP = (40, b"\0\0\0\2")
INTERIM = (40, b"\0\0\0\3")
ON = (40, b"\0\0\0\7")
OFF = (40, b"\0\0\0\10")
LOGIN = (44, b"00001a2b")
USER = (1, b"alice@example.net")
NAS = (32, b"bng1")
IPV4 = (8, bytes((100, 64, 0, 7)))


def number(kind: int, value: int) -> Attribute:
    """An attribute that holds an integer or a time."""
    return kind, struct.pack("!I", value)


def encode(attributes: Iterable[Attribute]) -> bytes:
    """The attributes as they travel."""
    return b"".join(bytes((kind, 2 + len(value))) + value for kind, value in attributes)


def accounting(*attributes: Attribute, identifier: int = 1, secret: bytes = SECRET) -> bytes:
    """A signed Accounting-Request."""
    return signed(encode(attributes), identifier, secret)


def signed(attributes: bytes, identifier: int = 1, secret: bytes = SECRET) -> bytes:
    """A signed Accounting-Request of encoded attributes, whatever these are worth (RFC 2866 §3)."""
    head = struct.pack("!BBH", 4, identifier, 20 + len(attributes))
    return (
        head
        + hashlib.md5(head + bytes(16) + attributes + secret, usedforsecurity=False).digest()
        + attributes
    )


def with_message_authenticator(
    *attributes: Attribute, code: int = 4, authenticator: bytes = bytes(16), secret: bytes = SECRET
) -> bytes:
    """A request with a Message-Authenticator as FreeRADIUS makes it: over this authenticator."""
    rest = encode(attributes)
    head = struct.pack("!BBH", code, 1, 20 + 18 + len(rest)) + authenticator
    value = hmac.digest(secret, head + b"\x50\x12" + bytes(16) + rest, "md5")
    if code == 4:
        return signed(b"\x50\x12" + value + rest, 1, secret)
    return head + b"\x50\x12" + value + rest
