"""How a table says where to listen and who may send."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, PlainSerializer, PlainValidator

from sekisho.config.values import NetworkField, fault, read_text
from sekisho.model import Network

_LISTEN = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([0-9.]+)):([0-9]{1,5})", re.ASCII)
_LAST_PORT = 65_535
_WIDEST = {4: 8, 6: 32}  # bits of a client's prefix, by the version of IP


class Listen(NamedTuple):
    """A local address and a port."""

    address: IPv4Address | IPv6Address
    port: int


def read_listen(value: object, example: str) -> Listen:
    """Read an address with a port; raise a fault that tells the way out, with an example."""
    text = read_text(value, example)
    match = _LISTEN.fullmatch(text)
    try:
        listen = Listen(ip_address(match[1] or match[2]), int(match[3])) if match else None
    except ValueError:
        listen = None
    if listen is None or not 1 <= listen.port <= _LAST_PORT:
        port = example.rpartition(":")[2]
        raise fault(
            f'"{text}" is no address with a port', f'write it as in "{example}" or "[2001:db8::1]:{port}"'
        )
    if listen.address.is_unspecified:
        raise fault(
            f'"{text}" is every address of this machine, and answers might leave from another than was asked',
            "name each address to which clients send",
        )
    return listen


def _listen(value: object) -> Listen:
    return read_listen(value, "127.0.0.1:1813")


def show_listen(listen: Listen) -> str:
    """Write where to listen as the file does."""
    shown = f"[{listen.address}]" if listen.address.version == 6 else f"{listen.address}"
    return f"{shown}:{listen.port}"


def _client(network: Network) -> Network:
    if network.prefixlen == 0 or int(network.network_address) == 0:
        raise fault(f'"{network}" would let anyone send', "name the address or the prefix of this client")
    widest = _WIDEST[network.version]
    if network.prefixlen < widest:
        raise fault(
            f'"{network}" is wider than any network of one operator',
            f"name the address of this client, or a prefix of /{widest} or longer",
        )
    return network


def _nas(value: object) -> str:
    text = read_text(value, "bng1")
    if not text or not text.isprintable():
        raise fault(f"{text!r} names no NAS", "write its NAS-Identifier, or else its NAS-IP-Address")
    try:
        return str(ip_address(text))
    except ValueError:
        return text


ListenField = Annotated[Listen, PlainValidator(_listen), PlainSerializer(show_listen)]
ClientField = Annotated[NetworkField, AfterValidator(_client)]
NasField = Annotated[str, PlainValidator(_nas)]
