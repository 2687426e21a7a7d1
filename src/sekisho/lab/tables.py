"""What the gate's tables in the kernel say: who holds an address, a line's sessions, all that was counted."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import ip_network
from pathlib import Path

from sekisho.gate import abi, bpf
from sekisho.gate.counts import read_counters
from sekisho.gate.indices import limits_by_index
from sekisho.lab.topology import Addresses
from sekisho.model import Counters, Limit

PINS = Path("/sys/fs/bpf/sekisho")
_NAMES = ("addresses", "known", "lines", "limits", "class_names", "counters", "totals")


@dataclass(frozen=True)
class Tables:
    """The open tables of an attached gate."""

    by_name: Mapping[str, int]

    def holder(self, held: Addresses) -> int | None:
        """Return the line that holds an IPv4 address and a prefix; None while nobody holds both."""
        holders = {self._holder(network) for network in (held.ipv4, held.prefix)}
        return holders.pop() if len(holders) == 1 else None

    def is_free(self, held: Addresses) -> bool:
        """Tell whether nobody holds the IPv4 address, nor the prefix."""
        return all(self._holder(network) is None for network in (held.ipv4, held.prefix))

    def sessions(self, line: int) -> int:
        """Return how many sessions the gate counts for a line now, over all of its addresses."""
        value = _value(self.by_name["lines"], struct.pack(abi.U64, line), abi.LINE.size)
        return struct.unpack(abi.LINE.format, value)[1] if value else 0

    def limit(self, line: int) -> Limit | None:
        """Return the limit of a line, its class's or its own; None where the gate knows no such line."""
        value = _value(self.by_name["known"], struct.pack(abi.U64, line), abi.KNOWN_SIZE)
        if value is None:
            return None
        limits = limits_by_index({"limits": bpf.read_all(self.by_name["limits"])})
        return limits[abi.unpack_known(value)[1]]

    def known_lines(self) -> int:
        """Count the lines that the gate knows."""
        return len(bpf.read_all(self.by_name["known"]))

    def counters(self) -> Counters:
        """Read what the gate has counted, as its daemon does."""
        return read_counters(self.by_name)

    def _holder(self, network: str) -> int | None:
        parsed = ip_network(network)
        key = abi.pack_address_key(parsed.network_address.packed, parsed.prefixlen)
        value = _value(self.by_name["addresses"], key, struct.calcsize(abi.U64))
        return int.from_bytes(value, "little") if value else None


@contextmanager
def tables(gate: str) -> Iterator[Tables]:
    """Open the tables of an attached gate, by its name. Raises OSError."""
    opened: dict[str, int] = {}
    try:
        for name in _NAMES:
            opened[name] = bpf.get_pinned(str(PINS / gate / name))
        yield Tables(opened)
    finally:
        for descriptor in opened.values():
            os.close(descriptor)


def _value(descriptor: int, key: bytes, size: int) -> bytes | None:
    try:
        return bpf.lookup(descriptor, key, size)
    except KeyError:
        return None
