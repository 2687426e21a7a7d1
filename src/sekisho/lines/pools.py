"""Which pool an address comes from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable

from sekisho.model import Address, Pool

ClassOf = Callable[[Address], str | None]


def class_finder(pools: Iterable[Pool]) -> ClassOf:
    """Return a function that tells the class of the most specific pool that holds an address, or None."""
    tables: dict[int, dict[int, dict[int, str]]] = {4: defaultdict(dict), 16: defaultdict(dict)}
    for pool in pools:
        packed, length = pool.prefix.network_address.packed, pool.prefix.prefixlen
        tables[len(packed)][length][_upper(packed, length)] = pool.class_name
    ordered = {size: sorted(by_length.items(), reverse=True) for size, by_length in tables.items()}

    def class_of(address: Address) -> str | None:
        for length, classes in ordered[len(address.network)]:
            if length <= address.length:
                found = classes.get(_upper(address.network, length))
                if found is not None:
                    return found
        return None

    return class_of


def _upper(packed: bytes, length: int) -> int:
    return int.from_bytes(packed, "big") >> (len(packed) * 8 - length)
