"""What the gate's tables in the kernel say of lines: who holds an address, how many sessions a line has."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from sekisho.gate import abi, bpf
from sekisho.lab.topology import Addresses

PINS = Path("/sys/fs/bpf/sekisho")


@dataclass(frozen=True)
class Tables:
    """The open tables of an attached gate."""

    addresses: int
    known: int
    lines: int

    def holder(self, held: Addresses) -> int | None:
        """Return the line that holds an IPv4 address and a prefix; None while nobody holds both."""
        holders = {self._holder(network) for network in (held.ipv4, held.prefix)}
        return holders.pop() if len(holders) == 1 else None

    def is_free(self, held: Addresses) -> bool:
        """Tell whether nobody holds the IPv4 address, nor the prefix."""
        return all(self._holder(network) is None for network in (held.ipv4, held.prefix))

    def sessions(self, line: int) -> int:
        """Return how many sessions the gate counts for a line now, over all of its addresses."""
        value = _value(self.lines, struct.pack(abi.U64, line), abi.LINE.size)
        return struct.unpack(abi.LINE.format, value)[1] if value else 0

    def known_lines(self) -> int:
        """Count the lines that the gate knows."""
        return len(bpf.read_all(self.known))

    def _holder(self, network: str) -> int | None:
        parsed = ip_network(network)
        key = abi.pack_address_key(parsed.network_address.packed, parsed.prefixlen)
        value = _value(self.addresses, key, struct.calcsize(abi.U64))
        return int.from_bytes(value, "little") if value else None


@contextmanager
def tables(gate: str) -> Iterator[Tables]:
    """Open the tables of an attached gate, by its name. Raises OSError."""
    opened: list[int] = []
    try:
        for name in ("addresses", "known", "lines"):
            opened.append(bpf.get_pinned(str(PINS / gate / name)))  # noqa: PERF401 - a failure closes those before
        yield Tables(*opened)
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _value(descriptor: int, key: bytes, size: int) -> bytes | None:
    try:
        return bpf.lookup(descriptor, key, size)
    except KeyError:
        return None
