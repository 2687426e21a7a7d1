"""How [[desk.nas]] says which NAS is asked to end or to change the logins of which lines."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated

from pydantic import Field, PlainSerializer, PlainValidator

from sekisho.config.table import Table
from sekisho.config.values import Name, NetworkField, fault, read_text, toml
from sekisho.desk.coa import PORT, Attributes, attribute
from sekisho.desk.logins import Nas
from sekisho.lines.events import MOST_ATTRIBUTE_BYTES

Server = tuple[str, int]


def _server(value: object) -> Server:
    text = read_text(value, f"192.0.2.1:{PORT}")
    host, colon, port = text.rpartition(":") if "]:" in text or text.count(":") == 1 else (text, "", "")
    number = port if colon else str(PORT)
    try:
        address = ip_address(host.removeprefix("[").removesuffix("]"))
        is_port = number.isascii() and number.isdigit() and 1 <= int(number) <= 65_535
    except ValueError:
        is_port = False
    if not is_port or address.is_unspecified or address.is_multicast:
        way_out = f'write it as in "192.0.2.1:{PORT}" or "[2001:db8::1]:{PORT}"'
        raise fault(f'"{text}" is no address and port of a NAS', way_out)
    return str(address), int(number)


def _identity(value: object) -> str:
    text = read_text(value, "bng1")
    if not 1 <= len(text.encode()) <= MOST_ATTRIBUTE_BYTES:
        what = f"a NAS-Identifier has 1 to {MOST_ATTRIBUTE_BYTES} bytes, this one {len(text.encode())}"
        raise fault(what, 'write what the NAS calls itself, or an address of its own: "192.0.2.1"')
    try:
        return str(ip_address(text))
    except ValueError:
        return text


def _shown(server: Server) -> str:
    host, port = server
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _attributes(value: object) -> dict[str, str | int]:
    if not isinstance(value, dict):
        raise fault(f"{toml(value)} is no table of attributes", 'write it as in { "Filter-Id" = "closed" }')
    for name, one in value.items():
        if isinstance(one, bool) or not isinstance(one, str | int):
            raise fault(f"{name} has no text and no number", 'write it as in { "Filter-Id" = "closed" }')
        try:
            attribute(name, one)
        except ValueError as error:
            raise fault(
                str(error), 'write it as in { "Filter-Id" = "closed", "4874.65" = "closed" }'
            ) from None
    return value


Written = Annotated[dict[str, str | int], PlainValidator(_attributes)]


class NasTable(Table):
    """[[desk.nas]]: a NAS, the file with the secret shared with it, and of which addresses it has the logins.

    `nas`: what it calls itself, as accounting tells: its NAS-Identifier or an address of its own; `user`:
    where accounting tells no Acct-Session-Id, the line's name is its User-Name there. `suspend`: what a
    CoA-Request sets; without it a Disconnect-Request ends the login. `restore`: what sets it back.
    """

    name: Name = Field(examples=['"bng1"'])
    address: Annotated[Server, PlainValidator(_server), PlainSerializer(_shown)] = Field(
        examples=[f'"192.0.2.1:{PORT}"']
    )
    secret_file: Annotated[str, Field(strict=True, min_length=1)] = Field(examples=['"secrets/bng1-coa"'])
    pools: tuple[NetworkField, ...] = Field(examples=['["100.64.0.0/16"]'])
    nas: Annotated[str, PlainValidator(_identity)] | None = None
    user: Annotated[bool, Field(strict=True)] = False
    suspend: Written = Field({})
    restore: Written = Field({})

    def value(self) -> Nas:
        """Return it as a value."""
        return Nas(self.name, self.pools, self.nas, self.user, _packed(self.suspend), _packed(self.restore))


def _packed(written: Mapping[str, str | int]) -> Attributes:
    return tuple(attribute(name, value) for name, value in written.items())
