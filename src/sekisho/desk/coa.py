"""Asks a NAS to end a line's login or to change it, as packets, and reads what it answers. Pure.

A Disconnect-Request ends a login, a CoA-Request changes what it may do. Every request carries an
Event-Timestamp and, first of all, a Message-Authenticator; an answer counts only if it was made with our
secret for this very request, and its Message-Authenticator, if it has one, fits. BlastRADIUS has to put into
a request what the answer repeats: nobody without the secret can, since the request's authenticator covers it.

Sources: RFC 5176 §2, §3 (what identifies NAS and login), §3.3 (identifier, authenticators), §3.5
(Error-Cause), RFC 2869 §5.14, RFC 3162 §2, RFC 4818 §3, RFC 6911 §3.1, CVE-2024-3596.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from functools import lru_cache
from io import StringIO
from ipaddress import ip_address
from typing import Final

from pyrad.dictionary import Dictionary
from pyrad.packet import CoAPacket, PacketError

from sekisho.model import Address

PORT: Final = 3_799
LONGEST_PACKET: Final = 4_096  # bytes, RFC 2865 §3

ERROR_CAUSES: Final[Mapping[int, str]] = {
    201: "residual session context removed",
    202: "invalid EAP packet",
    401: "the NAS does not support an attribute of the request",
    402: "an attribute by which the NAS finds the login is missing",
    403: "the NAS is another than the request names",
    404: "the request is invalid",
    405: "the NAS does not support this service",
    406: "the NAS takes no such requests, or a proxy did not reach it",
    407: "an attribute of the request has a value that the NAS does not take",
    501: "the NAS prohibits it for this sender",
    502: "the request cannot be routed to the NAS",
    503: "the NAS knows no such login",
    504: "the login cannot be removed",
    505: "a proxy on the way cannot process it",
    506: "the NAS has no resources for it now",
    507: "the NAS has begun to change the login by itself",
    508: "several logins fit, and the NAS does not choose among them",
}
"""What each Error-Cause says (RFC 5176 §3.5)."""

_IPV4: Final = 4
_IPV4_BITS: Final = 32
_IPV4_BYTES: Final = 4
_NAMES: Final = """
ATTRIBUTE User-Name 1 string
ATTRIBUTE NAS-IP-Address 4 ipaddr
ATTRIBUTE Framed-IP-Address 8 ipaddr
ATTRIBUTE Filter-Id 11 string
ATTRIBUTE Reply-Message 18 string
ATTRIBUTE Class 25 octets
ATTRIBUTE Vendor-Specific 26 octets
ATTRIBUTE Session-Timeout 27 integer
ATTRIBUTE Idle-Timeout 28 integer
ATTRIBUTE NAS-Identifier 32 string
ATTRIBUTE Acct-Session-Id 44 string
ATTRIBUTE Event-Timestamp 55 date
ATTRIBUTE Message-Authenticator 80 octets
ATTRIBUTE Framed-Pool 88 string
ATTRIBUTE NAS-Filter-Rule 92 string
ATTRIBUTE NAS-IPv6-Address 95 ipv6addr
ATTRIBUTE Framed-IPv6-Prefix 97 octets
ATTRIBUTE Error-Cause 101 integer
ATTRIBUTE Delegated-IPv6-Prefix 123 octets
"""
_ERROR_CAUSE: Final = 101
_VENDORS: Final = re.compile(r"([0-9]{1,8})\.([0-9]{1,3})", re.ASCII)


class Code(IntEnum):
    """The codes of packets (RFC 5176 §2.3)."""

    DISCONNECT_REQUEST = 40
    DISCONNECT_ACK = 41
    DISCONNECT_NAK = 42
    COA_REQUEST = 43
    COA_ACK = 44
    COA_NAK = 45


REQUESTS: Final = frozenset({Code.DISCONNECT_REQUEST, Code.COA_REQUEST})

SETTABLE: Final = {
    "Filter-Id": 11,
    "Session-Timeout": 27,
    "Idle-Timeout": 28,
    "Framed-Pool": 88,
    "NAS-Filter-Rule": 92,
}
"""What a CoA-Request may set by name; anything else of a vendor as "VENDOR.TYPE"."""
NUMBERS: Final = frozenset({"Session-Timeout", "Idle-Timeout"})

Key = int | tuple[int, int]
"""The type of an attribute, or its vendor and the type there."""

Attributes = tuple[tuple[Key, bytes], ...]
"""As they go on the wire, in their order."""


class NoAnswerError(Exception):
    """What came is no answer to this request; whoever waits for one goes on waiting."""


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of a NAS."""

    code: Code
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it was sent, which each retransmission repeats; its answer fits nothing else."""

    identifier: int
    data: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a NAS has answered; `cause`: the Error-Cause, if it gave one."""

    is_acknowledged: bool
    cause: int | None = None

    def why(self) -> str:
        """Tell the cause of a refusal."""
        if self.cause is None:
            return "it is not said why"
        return ERROR_CAUSES.get(self.cause, "no cause that is known here")

    def words(self) -> str:
        """Tell it in words."""
        if self.is_acknowledged:
            return "acknowledged"
        return f"refused: {self.why()}" + ("" if self.cause is None else f" ({self.cause})")


def disconnect(login: Attributes) -> Request:
    """Ask to end a login; `login`: by what it is found (`of_login`)."""
    return Request(Code.DISCONNECT_REQUEST, login)


def change(login: Attributes, attributes: Iterable[tuple[Key, bytes]]) -> Request:
    """Ask to change a login; `attributes`: what it is to have (`attribute`)."""
    return Request(Code.COA_REQUEST, (*login, *attributes))


def of_login(
    addresses: Sequence[Address], *, session: str = "", user: str = "", nas: str | None = None
) -> Attributes:
    """Return the attributes by which a NAS finds a login: what it holds, its ids, and the NAS itself.

    All have to fit (RFC 5176 §3): whoever has the address by now has another `session` (Acct-Session-Id).
    Of IPv4 only a whole address names a login; `nas`: a NAS-Identifier, or an address that the NAS calls its
    own. ValueError where nothing names a login.
    """
    ids = ((1, user), (44, session))
    found: list[tuple[Key, bytes]] = [(kind, text.encode()) for kind, text in ids if text]
    for address in addresses:
        if len(address.network) == _IPV4_BYTES:
            if address.length == _IPV4_BITS and address.port_set is None:
                found.append((8, address.network))
        else:
            found.append(_ipv6(address))
    if not found:
        raise ValueError("nothing names the login")
    return tuple(found if nas is None else [_identity(nas), *found])


def _identity(nas: str) -> tuple[Key, bytes]:
    """Return NAS-IP-Address, NAS-IPv6-Address or NAS-Identifier."""
    try:
        address = ip_address(nas)
    except ValueError:
        return 32, nas.encode()
    return 4 if address.version == _IPV4 else 95, address.packed


def _ipv6(address: Address) -> tuple[Key, bytes]:
    """Return Framed-IPv6-Address, Framed-IPv6-Prefix or Delegated-IPv6-Prefix, as the length tells."""
    if address.length == 128:
        return 168, address.network
    used = address.network[: -(-address.length // 8)]
    return 97 if address.length == 64 else 123, bytes((0, address.length)) + used


def attribute(name: str, value: str | int) -> tuple[Key, bytes]:
    """Return an attribute for `change`; ValueError says what cannot be of its name or value."""
    key = _key(name)
    if isinstance(key, int) and isinstance(value, int) != (name in NUMBERS):
        raise ValueError(f"the value of {name} is {'a number' if name in NUMBERS else 'a text'}")
    if isinstance(value, int):
        if not 0 <= value < 1 << 32:
            raise ValueError(f"{value} is no number of 32 bits")
        return key, value.to_bytes(4, "big")
    data = value.encode()
    longest = 247 if isinstance(key, tuple) else 253  # bytes, RFC 2865 §5 and §5.26
    if not 1 <= len(data) <= longest:
        raise ValueError(f"a value has 1 to {longest} bytes, this one {len(data)}")
    return key, data


def encode(request: Request, identifier: int, secret: bytes, now: datetime) -> Sent:
    """Make the packet of a request; its Event-Timestamp is `now`, and it stays the same at each try."""
    packet = CoAPacket(int(request.code), identifier, secret, dict=_dictionary())
    packet.add_message_authenticator()
    for key, value in request.attributes:
        packet.setdefault(key, []).append(value)
    packet[55] = [int(now.timestamp()).to_bytes(4, "big")]
    data = packet.RequestPacket()
    if len(data) > LONGEST_PACKET:
        raise ValueError(f"a request of {len(data)} bytes cannot be: {LONGEST_PACKET} are the most")
    return Sent(identifier, data)


def decode(data: bytes, sent: Sent, secret: bytes) -> Answer:
    """Read the answer to a request. NoAnswerError where it is none, or nobody with our secret made it."""
    request_code = Code(sent.data[0])
    request = CoAPacket(request_code, sent.identifier, secret, sent.data[4:20], dict=_dictionary())
    acknowledged, refused = request_code + 1, request_code + 2
    try:
        reply = request.CreateReply(packet=data)
    except (PacketError, ValueError, KeyError, IndexError) as error:
        raise NoAnswerError(f"what came is no packet: {error}") from error
    if reply.code not in (acknowledged, refused):
        raise NoAnswerError(f"code {reply.code} is no answer to this request")
    if not request.VerifyReply(reply, data):
        raise NoAnswerError(
            "its authenticator does not fit: the NAS has another secret, or somebody else answers"
        )
    return Answer(reply.code == acknowledged, _cause(reply))


def _cause(reply: CoAPacket) -> int | None:
    values = reply.get(_ERROR_CAUSE) or []
    is_number = bool(values) and isinstance(values[0], bytes) and len(values[0]) == 4
    return int.from_bytes(values[0], "big") if is_number else None


def _key(name: str) -> Key:
    if name in SETTABLE:
        return SETTABLE[name]
    match = _VENDORS.fullmatch(name)
    if match is not None and 0 < int(match[1]) < 1 << 24 and 0 < int(match[2]) <= 255:
        return int(match[1]), int(match[2])
    known = ", ".join(SETTABLE)
    raise ValueError(f'"{name}" is neither of {known}, nor a vendor\'s attribute as in "4874.65"')


@lru_cache(maxsize=1)
def _dictionary() -> Dictionary:
    return Dictionary(StringIO(_NAMES))
