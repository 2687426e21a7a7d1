"""RADIUS packets: who can have sent one, its attributes, and the answer to it.

Sources: RFC 2865 §3 and §5.33, RFC 2866 §3, RFC 2869 §5.14, RFC 5997.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

ACCOUNTING_REQUEST: Final = 4
ACCOUNTING_RESPONSE: Final = 5
STATUS_SERVER: Final = 12

USER_NAME: Final = 1
NAS_IP_ADDRESS: Final = 4
FRAMED_IP_ADDRESS: Final = 8
CLASS: Final = 25
NAS_IDENTIFIER: Final = 32
PROXY_STATE: Final = 33
ACCT_STATUS_TYPE: Final = 40
ACCT_DELAY_TIME: Final = 41
ACCT_SESSION_ID: Final = 44
EVENT_TIMESTAMP: Final = 55
MESSAGE_AUTHENTICATOR: Final = 80
NAS_IPV6_ADDRESS: Final = 95
FRAMED_IPV6_PREFIX: Final = 97
DELEGATED_IPV6_PREFIX: Final = 123
FRAMED_IPV6_ADDRESS: Final = 168

LONGEST_PACKET: Final = 4_096  # bytes, RFC 2865 §3
HEADER_BYTES: Final = 20

_WANTED = frozenset(
    (
        *(USER_NAME, NAS_IP_ADDRESS, FRAMED_IP_ADDRESS, CLASS, NAS_IDENTIFIER, PROXY_STATE),
        *(ACCT_STATUS_TYPE, ACCT_DELAY_TIME, ACCT_SESSION_ID, EVENT_TIMESTAMP, MESSAGE_AUTHENTICATOR),
        *(NAS_IPV6_ADDRESS, FRAMED_IPV6_PREFIX, DELEGATED_IPV6_PREFIX, FRAMED_IPV6_ADDRESS),
    )
)
_HEADER = struct.Struct("!BBH16s")
_HEAD = struct.Struct("!BBH")  # the header before its authenticator
_AUTHENTICATOR_AT = _HEAD.size
_ZEROS = bytes(16)
_MESSAGE_AUTHENTICATOR_HEAD = bytes((MESSAGE_AUTHENTICATOR, 2 + len(_ZEROS)))


class MalformedError(Exception):
    """What came is no RADIUS packet; the peer's fault."""


class UnexpectedError(Exception):
    """The packet is none that an accounting server gets; the peer's fault."""


class ForgedError(Exception):
    """An authenticator does not fit: the secret is another, or somebody else has sent or changed it."""


class Request(NamedTuple):
    """An authenticated request: the values of the attributes named above by type, in their order.

    `is_whole`: every attribute could be read; else `attributes` has those before the broken one.
    """

    code: int
    identifier: int
    authenticator: bytes
    attributes: Mapping[int, Sequence[bytes]]
    is_whole: bool


def read_request(data: bytes, secret: bytes) -> Request:
    """Read an Accounting-Request or a Status-Server, and see that a client with this secret has sent it.

    Errors: MalformedError, UnexpectedError, ForgedError. Source: RFC 2866 §3, RFC 5997 §3.
    """
    if len(data) < HEADER_BYTES:
        raise MalformedError(f"{len(data)} bytes are less than a header")
    code, identifier, length, authenticator = _HEADER.unpack_from(data)
    if not HEADER_BYTES <= length <= min(len(data), LONGEST_PACKET):
        raise MalformedError(f"a length of {length} cannot be, where {len(data)} bytes came")
    packet = data[:length]  # what is beyond is padding
    if code == ACCOUNTING_REQUEST:
        packet = packet[:_AUTHENTICATOR_AT] + _ZEROS + packet[HEADER_BYTES:]
        if not hmac.compare_digest(_md5(packet + secret), authenticator):
            raise ForgedError("the Request Authenticator does not fit")
    elif code != STATUS_SERVER:
        raise UnexpectedError(f"code {code} is neither Accounting-Request nor Status-Server")
    attributes, end = _attributes(packet)
    signatures = attributes.get(MESSAGE_AUTHENTICATOR)
    if signatures is None and code == STATUS_SERVER:
        raise ForgedError("a Status-Server without a Message-Authenticator")
    if signatures is not None and not _is_signed(packet, signatures, secret):
        raise ForgedError("the Message-Authenticator does not fit")
    return Request(code, identifier, authenticator, attributes, end == length)


def answer(request: Request, secret: bytes) -> bytes:
    """Return the Accounting-Response to a request, with its Proxy-States in their order.

    That to a Status-Server is signed, since FreeRADIUS may ask for it.
    """
    states = request.attributes.get(PROXY_STATE, ())
    attributes = b"".join([bytes((PROXY_STATE, 2 + len(state))) + state for state in states])
    is_signed = request.code == STATUS_SERVER
    length = HEADER_BYTES + len(attributes) + (2 + len(_ZEROS) if is_signed else 0)
    head = _HEAD.pack(ACCOUNTING_RESPONSE, request.identifier, length)
    if is_signed:
        unsigned = head + request.authenticator + _MESSAGE_AUTHENTICATOR_HEAD + _ZEROS + attributes
        attributes = _MESSAGE_AUTHENTICATOR_HEAD + hmac.digest(secret, unsigned, "md5") + attributes
    return head + _md5(head + request.authenticator + attributes + secret) + attributes


def _attributes(packet: bytes) -> tuple[dict[int, list[bytes]], int]:
    """Return the attributes up to one that is broken, and where the reading ended."""
    found: dict[int, list[bytes]] = {}
    at, end = HEADER_BYTES, len(packet)
    while at + 2 <= end:
        kind, size = packet[at], packet[at + 1]
        if size < 2 or at + size > end:
            break
        if kind in _WANTED:
            value = packet[at + 2 : at + size]
            if kind in found:
                found[kind].append(value)
            else:
                found[kind] = [value]
        at += size
    return found, at


def _is_signed(packet: bytes, signatures: Sequence[bytes], secret: bytes) -> bool:
    """Tell whether the one Message-Authenticator fits; `packet` has the authenticator that was signed.

    That is zeros in an Accounting-Request, as in RFC 5176 §3.4 and as FreeRADIUS sends it.
    """
    if len(signatures) != 1 or len(signatures[0]) != len(_ZEROS):
        return False
    at = packet.index(_MESSAGE_AUTHENTICATOR_HEAD + signatures[0], HEADER_BYTES) + 2
    unsigned = packet[:at] + _ZEROS + packet[at + len(_ZEROS) :]
    return hmac.compare_digest(hmac.digest(secret, unsigned, "md5"), signatures[0])


def _md5(data: bytes) -> bytes:
    return hashlib.md5(data, usedforsecurity=False).digest()  # the protocol knows no other
