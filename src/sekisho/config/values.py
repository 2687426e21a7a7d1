"""How single values of the configuration are read: durations, networks, names."""

from __future__ import annotations

import re
from functools import lru_cache
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Network, NetmaskValueError, ip_network
from typing import Annotated, NamedTuple

from pydantic import AfterValidator, Field, PlainSerializer, PlainValidator
from pydantic_core import PydanticCustomError

from sekisho.config.rules import cap_fault, delay_fault
from sekisho.durations import WAY_OUT, format_ms, parse_ms
from sekisho.model import Network

FAULT = "sekisho"  # the error type of every fault found here
NAME_SIZE = 31  # bytes of a class name in the kernel's table, without its end
INTERFACE_SIZE = 15  # IFNAMSIZ - 1
EXEMPT_WAY_OUT = 'name your own mail servers; to limit nobody, write mode = "observe" in the classes'
_NAME = re.compile(rf"[A-Za-z0-9_-]{{1,{NAME_SIZE}}}", re.ASCII)
_IPV4_IN_IPV6 = 96  # bits of ::ffff:0:0/96
_SHARED = re.compile(r"([0-9.]+):([0-9]{1,5})-([0-9]{1,5})", re.ASCII)
_LAST_PORT = 65_535


class Held(NamedTuple):
    """What a line holds: a network, or one IPv4 address with ports `first` to `last`."""

    network: Network
    ports: tuple[int, int] | None = None


def fault(what: str, way_out: str) -> PydanticCustomError:
    """Build the error that carries what is wrong and the way out."""
    shown = what.encode(errors="replace").decode()  # half a surrogate pair can be in no answer
    return PydanticCustomError(FAULT, "{what}: {way_out}", {"what": shown, "way_out": way_out})


def words(fault: PydanticCustomError) -> tuple[str, str]:
    """Return what is wrong and the way out, as the error carries them."""
    context = fault.context or {}
    return str(context["what"]), str(context["way_out"])


def read_text(value: object, example: str) -> str:
    """Return a text of the file; raise a fault that tells how to write one."""
    if not isinstance(value, str):
        raise fault(f"{toml(value)} is not a text in quotes", f'write it as in "{example}"')
    return value


def toml(value: object) -> str:
    """Show a value as the file has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"' if isinstance(value, str) else str(value)


def _duration(value: object) -> int:
    text = read_text(value, "1s")
    try:
        return parse_ms(text)
    except ValueError as error:
        raise fault(str(error), WAY_OUT) from None


@lru_cache(maxsize=64)  # the lines that share an address stand together
def read_network(text: str) -> Network:
    """Read an address or a prefix; raise a fault that tells the way out."""
    try:
        network = IPv6Network(text) if ":" in text else IPv4Network(text)
    except (AddressValueError, NetmaskValueError, ValueError):
        raise _network_fault(text) from None
    if isinstance(network, IPv6Network) and _is_ipv4(network):
        raise fault(f'"{text}" is an IPv4 address inside IPv6', "write it as IPv4")
    return network


def _is_ipv4(network: IPv6Network) -> bool:
    return network.prefixlen >= _IPV4_IN_IPV6 and network.network_address.ipv4_mapped is not None


def _network_fault(text: str) -> PydanticCustomError:
    try:
        meant = ip_network(text, strict=False)
    except ValueError:
        return fault(f'"{text}" is no address or prefix', 'write it as in "192.0.2.0/24" or "2001:db8::/32"')
    return fault(f'"{text}" has bits set beyond its length', f'write "{meant}" if that is what you mean')


def _network(value: object) -> Network:
    return read_network(read_text(value, "192.0.2.0/24"))


def _ipv4(value: object) -> IPv4Network:
    network = _network(value)
    if not isinstance(network, IPv4Network):
        raise fault(f'"{network}" is not IPv4', 'write it as in "192.0.2.0/24"')
    return network


def _ipv6(value: object) -> IPv6Network:
    network = _network(value)
    if not isinstance(network, IPv6Network):
        raise fault(f'"{network}" is not IPv6', 'write it as in "2001:db8::/40"')
    return network


def _exempt(value: object) -> Network:
    network = _network(value)
    if network.prefixlen == 0:
        raise fault(f'"{network}" exempts every server there is', EXEMPT_WAY_OUT)
    return network


def _cap(value: int) -> int:
    if (wrong := cap_fault(value)) is not None:
        raise fault(*wrong)
    return value


def _delay(value: int) -> int:
    if (wrong := delay_fault(value)) is not None:
        raise fault(*wrong)
    return value


def _held(value: object) -> Held:
    return read_held(read_text(value, "192.0.2.7"))


def read_held(text: str) -> Held:
    """Read what a line holds; raise a fault that tells the way out."""
    shared = _SHARED.fullmatch(text)
    if shared is None:
        return Held(read_network(text))
    network = read_network(shared[1])
    first, last = int(shared[2]), int(shared[3])
    if not first <= last <= _LAST_PORT:
        raise fault(
            f'"{text}" has no such ports', 'write the first and the last port as in "192.0.2.7:1024-2047"'
        )
    if last - first == _LAST_PORT:
        raise fault(f'"{text}" is every port', "write the address alone")
    return Held(network, (first, last))


def show_held(held: Held) -> str:
    """Write what a line holds as the file does."""
    if held.ports is None:
        return str(held.network)
    return f"{IPv4Address(int(held.network.network_address))}:{held.ports[0]}-{held.ports[1]}"


def read_name(value: object) -> str:
    """Read the name of a class or a gate; raise a fault that tells the way out."""
    text = read_text(value, "dynamic")
    if not _NAME.fullmatch(text):
        raise fault(
            f'"{text}" cannot name a class or a gate (it becomes a file name and part of an address)',
            f"use 1 to {NAME_SIZE} of A-Z a-z 0-9 _ -",
        )
    return text


def _interface(value: object) -> str:
    text = read_text(value, "eth0")
    fits = 0 < len(text.encode()) <= INTERFACE_SIZE and text not in (".", "..")
    if not fits or any(character in "/:" or character.isspace() for character in text):
        raise fault(f'"{text}" cannot be the name of an interface', "take a name from `ip -brief link`")
    return text


Duration = Annotated[int, PlainValidator(_duration), PlainSerializer(format_ms)]
Delay = Annotated[Duration, AfterValidator(_delay)]
Cap = Annotated[int, Field(strict=True), AfterValidator(_cap)]
NetworkField = Annotated[Network, PlainValidator(_network), PlainSerializer(str)]
Ipv4Field = Annotated[IPv4Network, PlainValidator(_ipv4), PlainSerializer(str)]
Ipv6Field = Annotated[IPv6Network, PlainValidator(_ipv6), PlainSerializer(str)]
ExemptField = Annotated[Network, PlainValidator(_exempt), PlainSerializer(str)]
HeldField = Annotated[Held, PlainValidator(_held), PlainSerializer(show_held)]
Name = Annotated[str, PlainValidator(read_name)]
Interface = Annotated[str, PlainValidator(_interface)]
