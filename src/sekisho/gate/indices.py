"""Which number a class, a delay or a limit of single lines has in the kernel, and keeps.

Indices outlive a reload: held sessions and counters refer to them. So whoever gives one looks at what is
installed, and prefers numbers that nothing installed uses, since packets meet the tables while they change.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from sekisho.gate import GateError, Tables, abi
from sekisho.model import Excess, Limit, Mode

_MODES: Final = {Mode.OBSERVE: abi.MODE_OBSERVE, Mode.ENFORCE: abi.MODE_ENFORCE}
_EXCESSES: Final = {Excess.DROP: abi.EXCESS_DROP, Excess.RESET: abi.EXCESS_RESET}
_Item = TypeVar("_Item")

NOTHING_AHEAD: Final[Mapping[int, int]] = {}


def class_names(tables: Tables) -> dict[str, int]:
    """Return which index each class has."""
    names = tables.get("class_names", {})
    return {name.rstrip(b"\0").decode(): int.from_bytes(key, "little") for key, name in names.items()}


def limits_by_index(tables: Tables) -> dict[int, Limit]:
    """Return the limit at each index: below MAX_CLASSES those of classes, the others of single lines."""
    return {int.from_bytes(key, "little"): _unpack(value) for key, value in tables.get("limits", {}).items()}


def own_limits(tables: Tables) -> dict[Limit, int]:
    """Return which index each limit of single lines has."""
    return {limit: index for index, limit in limits_by_index(tables).items() if index >= abi.MAX_CLASSES}


def banks(tables: Tables) -> dict[int, int]:
    """Return the delay (ms) of each bank of queues in use."""
    unpacked = map(abi.unpack_limit, tables.get("limits", {}).values())
    return {bank: delay_ms for _, delay_ms, bank, _, _ in unpacked if delay_ms}


def class_index(classes: Mapping[str, int], name: str) -> int:
    """Return a class's index; GateError where the configuration has no such class."""
    try:
        return classes[name]
    except KeyError:
        known = ", ".join(sorted(classes)) or "none"
        raise GateError(f"class {name!r} is not in the config; there are: {known}") from None


def assign_classes(names: Iterable[str], installed: Tables) -> dict[str, int]:
    """Give each class its index. GateError where there are too many, or a name is too long."""
    names = list(names)
    for name in names:
        if len(name.encode()) >= abi.CLASS_NAME_SIZE:
            raise GateError(f"class name {name!r} is longer than {abi.CLASS_NAME_SIZE - 1} bytes: shorten it")
    way_out = "give classes that are treated alike one name"
    return _assign(names, class_names(installed), range(abi.MAX_CLASSES), "classes", way_out)


def assign_banks(
    delays_ms: Iterable[int], installed: Tables, ahead: Mapping[int, int] = NOTHING_AHEAD
) -> dict[int, int]:
    """Give each delay its bank of queues; `ahead`: banks that are ready for delays to come (bank → ms).

    GateError where there are too many.
    """
    used = banks(installed)
    by_delay = {delay_ms: bank for bank, delay_ms in ahead.items() if bank not in used}
    by_delay |= {delay_ms: bank for bank, delay_ms in used.items()}
    delays = (delay_ms for delay_ms in delays_ms if delay_ms)
    way_out = "give some limits the same delay"
    return _assign(delays, by_delay, range(abi.MAX_BANKS), "different delays", way_out)


def banks_ahead(delays_ms: Iterable[int], tables: Tables, before: Mapping[int, int]) -> dict[int, int]:
    """Return banks (bank → ms) for delays to come, the next first, beside those in use.

    A delay keeps the bank that it had `before`. Where there is no room for all, the last have none.
    """
    wanted = dict.fromkeys(delay_ms for delay_ms in (*banks(tables).values(), *delays_ms) if delay_ms)
    found = assign_banks(list(wanted)[: abi.MAX_BANKS], tables, before)
    return {bank: delay_ms for delay_ms, bank in found.items()}


def assign_own_limits(limits: Iterable[Limit], installed: Tables) -> dict[Limit, int]:
    """Give each limit of single lines its index. GateError where there are too many."""
    room = range(abi.MAX_CLASSES, abi.MAX_LIMITS)
    way_out = "put lines that are limited alike into a class"
    return _assign(limits, own_limits(installed), room, "different limits of single lines", way_out)


def pack_limit(limit: Limit, banks_by_delay: Mapping[int, int]) -> bytes:
    """Return a limit as the kernel reads it."""
    bank = banks_by_delay.get(limit.delay_ms, 0)
    return abi.pack_limit(limit.cap, limit.delay_ms, bank, _MODES[limit.mode], _EXCESSES[limit.excess])


def index_key(index: int) -> bytes:
    """Return the key of an array's entry."""
    return index.to_bytes(4, "little")


def _unpack(value: bytes) -> Limit:
    cap, delay_ms, _bank, mode, excess = abi.unpack_limit(value)
    return Limit(
        mode=Mode.ENFORCE if mode == abi.MODE_ENFORCE else Mode.OBSERVE,
        cap=cap,
        delay_ms=delay_ms,
        excess=Excess.RESET if excess == abi.EXCESS_RESET else Excess.DROP,
    )


def _assign(
    wanted: Iterable[_Item], installed: Mapping[_Item, int], room: range, what: str, way_out: str
) -> dict[_Item, int]:
    """Give the items their installed numbers, else free ones, and only then those that become free now."""
    items = dict.fromkeys(wanted)
    if len(items) > len(room):
        raise GateError(f"{len(items)} {what}, the gate has room for {len(room)}: {way_out}")
    kept = {item: installed[item] for item in items if item in installed}
    used = set(installed.values())
    free = [number for number in room if number not in used]
    freed = sorted(used - set(kept.values()))
    return kept | dict(zip((item for item in items if item not in kept), (*free, *freed), strict=False))
