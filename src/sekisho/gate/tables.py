"""What the office wants, as the exact bytes of the gate's kernel tables, and the way from one to another.

Indices outlive a reload: a class keeps its number (held sessions and counters refer to it), a limit of
single lines its entry, and a delay its bank of queues. So `encode` looks at what is installed, and
prefers numbers that nothing installed uses, since packets meet the tables while they change.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping
from typing import Final, TypeVar

from sekisho.gate import Change, GateError, Tables, abi
from sekisho.model import Address, Excess, KnownLine, Limit, Mode, Policy, Pool, PortPlan, View, Wanted

EMPTY: Final[Tables] = {}

_CONTROL_KEY: Final = bytes(4)
_MODES: Final = {Mode.OBSERVE: abi.MODE_OBSERVE, Mode.ENFORCE: abi.MODE_ENFORCE}
_EXCESSES: Final = {Excess.DROP: abi.EXCESS_DROP, Excess.RESET: abi.EXCESS_RESET}
_FLAGS_AT: Final = struct.calcsize("<QQ")  # behind learning_until and test_clock
_HOST_SIZE: Final = 16
_HOST_BITS: Final = 128
_line = struct.Struct(abi.U64)
_address_key = struct.Struct(abi.ADDRESS_KEY.format)
_Entries = dict[bytes, bytes]
_Item = TypeVar("_Item")


def encode(wanted: Wanted, installed: Tables, *, hold_by_queue: bool, learning_until_ns: int) -> Tables:
    """Encode all that is wanted, keeping the numbers that `installed` (EMPTY at first) has given.

    `learning_until_ns`: CLOCK_MONOTONIC; for a gate taken over what `learning_until` tells.
    GateError where the kernel's tables have no room for so many classes, delays or limits.
    """
    classes = _class_indices(wanted.classes, class_names(installed))
    own_limits = dict.fromkeys(line.limit for line in wanted.lines.values() if line.limit is not None)
    limits = (*wanted.classes.values(), *own_limits)
    delays = _assign_banks((limit.delay_ms for limit in limits), banks(installed))
    indices = _own_limit_indices(own_limits, installed)
    lines = {number: _line.pack(abi.LINE_KNOWN | number) for number in wanted.lines}
    return {
        "class_names": {
            _u32(i): name.encode().ljust(abi.CLASS_NAME_SIZE, b"\0") for name, i in classes.items()
        },
        "limits": {
            **{_u32(classes[name]): _pack_limit(limit, delays) for name, limit in wanted.classes.items()},
            **{_u32(index): _pack_limit(limit, delays) for limit, index in indices.items()},
        },
        "control": {_CONTROL_KEY: _control(wanted, hold_by_queue, learning_until_ns)},
        "exempt": {
            abi.pack_prefix_key(net.network_address.packed, net.prefixlen): b"\1" for net in wanted.exempt
        },
        "known": _known(wanted.lines, lines, classes, indices),
        "shared": {ip: _port_plan(plan, classes) for ip, plan in wanted.port_plans.items()},
        "addresses": _addresses(wanted.addresses, lines),
        "pools": dict(_pool(pool, classes) for pool in wanted.pools),
    }


def class_names(tables: Tables) -> dict[str, int]:
    """Return which index each class has."""
    names = tables.get("class_names", {})
    return {name.rstrip(b"\0").decode(): int.from_bytes(key, "little") for key, name in names.items()}


def banks(tables: Tables) -> dict[int, int]:
    """Return the delay (ms) of each bank of queues in use."""
    unpacked = map(abi.unpack_limit, tables.get("limits", {}).values())
    return {bank: delay_ms for _, delay_ms, bank, _, _ in unpacked if delay_ms}


def learning_until(tables: Tables) -> int:
    """Return until when sessions are adopted beyond the cap (CLOCK_MONOTONIC ns); 0 at first."""
    control = tables.get("control", {}).get(_CONTROL_KEY)
    return int(abi.unpack_control(control)["learning_until"]) if control else 0


def limit_change(tables: Tables, class_name: str, limit: Limit) -> tuple[Change, Tables]:
    """Give a class another limit: the one write that does it, and the tables after it."""
    classes = class_names(tables)
    key = _u32(_class_index(classes, class_name))
    others = [abi.unpack_limit(value)[1] for k, value in tables["limits"].items() if k != key]
    value = _pack_limit(limit, _assign_banks([*others, limit.delay_ms], banks(tables)))
    return Change("limits", updates=((key, value),)), {**tables, "limits": {**tables["limits"], key: value}}


def diff(installed: Tables, wanted: Tables) -> tuple[Change, ...]:
    """Return the changes that make `wanted` of `installed`, to be applied in this order.

    No packet meets a reference to something that is not there yet or not there any more, none is
    dropped as unknown before its pool is there, and no pool captures a known line's address.
    """
    early, late = _control_writes(installed, wanted)
    changes = (
        Change("class_names", updates=_updates("class_names", installed, wanted)),
        Change("limits", updates=_updates("limits", installed, wanted)),
        Change("control", updates=tuple((_CONTROL_KEY, value) for value in early)),
        Change("exempt", updates=_updates("exempt", installed, wanted)),
        Change("known", updates=_updates("known", installed, wanted)),
        _both("shared", installed, wanted),
        _both("addresses", installed, wanted),
        Change("pools", updates=_updates("pools", installed, wanted)),
        Change("pools", deletes=_deletes("pools", installed, wanted)),
        Change("exempt", deletes=_deletes("exempt", installed, wanted)),
        Change("known", deletes=_deletes("known", installed, wanted)),
        Change("limits", updates=_cleared("limits", installed, wanted)),
        Change("class_names", updates=_cleared("class_names", installed, wanted)),
        Change("control", updates=tuple((_CONTROL_KEY, value) for value in late)),
    )
    return tuple(change for change in changes if change.deletes or change.updates)


def _both(name: str, installed: Tables, wanted: Tables) -> Change:
    return Change(name, _deletes(name, installed, wanted), _updates(name, installed, wanted))


def _updates(name: str, installed: Tables, wanted: Tables) -> tuple[tuple[bytes, bytes], ...]:
    before, after = installed.get(name), wanted.get(name, {})
    if not before:
        return tuple(after.items())
    return tuple(item for item in after.items() if before.get(item[0]) != item[1])


def _deletes(name: str, installed: Tables, wanted: Tables) -> tuple[bytes, ...]:
    after = wanted.get(name, {})
    return tuple(key for key in installed.get(name, {}) if key not in after)


def _cleared(name: str, installed: Tables, wanted: Tables) -> tuple[tuple[bytes, bytes], ...]:
    """Return the writes of zeros by which an array's entries end."""
    return tuple((key, bytes(len(installed[name][key]))) for key in _deletes(name, installed, wanted))


def _control_writes(installed: Tables, wanted: Tables) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
    """Return what to write into control before and after the other tables.

    The learning window has to be there before the pools, dropping unknown sources only after them.
    """
    before = installed.get("control", {}).get(_CONTROL_KEY, bytes(abi.CONTROL.size))
    after = wanted.get("control", {}).get(_CONTROL_KEY, before)
    if before == after:
        return (), ()
    if _flags(after) & ~_flags(before) & abi.CONTROL_DROP_UNKNOWN:
        return (_with_flags(after, _flags(after) & ~abi.CONTROL_DROP_UNKNOWN),), (after,)
    return (after,), ()


def _flags(control: bytes) -> int:
    return int(abi.unpack_control(control)["flags"])


def _with_flags(control: bytes, flags: int) -> bytes:
    return control[:_FLAGS_AT] + _u32(flags) + control[_FLAGS_AT + 4 :]


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


def _class_indices(wanted: Iterable[str], installed: Mapping[str, int]) -> dict[str, int]:
    names = list(wanted)
    for name in names:
        if len(name.encode()) >= abi.CLASS_NAME_SIZE:
            raise GateError(f"class name {name!r} is longer than {abi.CLASS_NAME_SIZE - 1} bytes: shorten it")
    way_out = "give classes that are treated alike one name"
    return _assign(names, installed, range(abi.MAX_CLASSES), "classes", way_out)


def _class_index(classes: Mapping[str, int], name: str) -> int:
    try:
        return classes[name]
    except KeyError:
        known = ", ".join(sorted(classes)) or "none"
        raise GateError(f"class {name!r} is not in the config; there are: {known}") from None


def _assign_banks(delays_ms: Iterable[int], installed: Mapping[int, int]) -> dict[int, int]:
    by_delay = {delay_ms: bank for bank, delay_ms in installed.items()}
    delays = (delay_ms for delay_ms in delays_ms if delay_ms)
    way_out = "give some limits the same delay"
    return _assign(delays, by_delay, range(abi.MAX_BANKS), "different delays", way_out)


def _own_limit_indices(limits: Iterable[Limit], installed: Tables) -> dict[Limit, int]:
    entries = ((int.from_bytes(key, "little"), value) for key, value in installed.get("limits", {}).items())
    by_limit = {_unpack_limit(value): index for index, value in entries if index >= abi.MAX_CLASSES}
    room = range(abi.MAX_CLASSES, abi.MAX_LIMITS)
    way_out = "put lines that are limited alike into a class"
    return _assign(limits, by_limit, room, "different limits of single lines", way_out)


def _pack_limit(limit: Limit, delays: Mapping[int, int]) -> bytes:
    bank = delays.get(limit.delay_ms, 0)
    return abi.pack_limit(limit.cap, limit.delay_ms, bank, _MODES[limit.mode], _EXCESSES[limit.excess])


def _unpack_limit(value: bytes) -> Limit:
    cap, delay_ms, _, mode, excess = abi.unpack_limit(value)
    return Limit(
        mode=Mode.ENFORCE if mode == abi.MODE_ENFORCE else Mode.OBSERVE,
        cap=cap,
        delay_ms=delay_ms,
        excess=Excess.RESET if excess == abi.EXCESS_RESET else Excess.DROP,
    )


def _control(wanted: Wanted, hold_by_queue: bool, learning_until_ns: int) -> bytes:
    flags = (
        (abi.CONTROL_HALF_VIEW if wanted.view is View.HALF else 0)
        | (abi.CONTROL_HOLD_BY_QUEUE if hold_by_queue else 0)
        | (abi.CONTROL_DROP_UNKNOWN if wanted.unknown_source is Policy.DROP else 0)
        | (abi.CONTROL_DROP_ETHERTYPE if wanted.unknown_ethertype is Policy.DROP else 0)
    )
    return abi.pack_control(
        learning_until=learning_until_ns,
        flags=flags,
        syn_timeout_ms=wanted.timeouts.syn_ms,
        idle_timeout_ms=wanted.timeouts.idle_ms,
        half_closed_timeout_ms=wanted.timeouts.half_closed_ms,
        linger_ms=wanted.timeouts.linger_ms,
        prefix_lengths=_prefix_lengths(wanted.addresses),
    )


def _prefix_lengths(addresses: Iterable[Address]) -> tuple[int, ...]:
    """Return the lengths the kernel program has to try for an IPv6 address, longest first."""
    shapes = {(len(address.network), address.length) for address in addresses}
    for size, length in shapes:
        if size != _HOST_SIZE and length + abi.IPV4_BITS != _HOST_BITS:
            raise GateError(f"a line's IPv4 prefix of length {length}: name its addresses one by one")
    lengths = sorted({length for size, length in shapes if size == _HOST_SIZE} - {_HOST_BITS}, reverse=True)
    if len(lengths) > abi.MAX_PREFIX_LENGTHS:
        raise GateError(
            f"{len(lengths)} different IPv6 prefix lengths of lines ({lengths[0]} to {lengths[-1]}), "
            f"the gate has room for {abi.MAX_PREFIX_LENGTHS}: use fewer"
        )
    return tuple(lengths)


def _known(
    lines: Mapping[int, KnownLine],
    keys: Mapping[int, bytes],
    classes: Mapping[str, int],
    own_limits: Mapping[Limit, int],
) -> _Entries:
    values: dict[tuple[str, Limit | None, int], bytes] = {}
    entries: _Entries = {}
    for number, line in lines.items():
        how = (line.class_name, line.limit, line.arm)
        value = values.get(how)
        if value is None:
            index = _class_index(classes, line.class_name)
            value = abi.pack_known(index, index if line.limit is None else own_limits[line.limit], line.arm)
            values[how] = value
        entries[keys[number]] = value
    return entries


def _addresses(addresses: Mapping[Address, int], lines: Mapping[int, bytes]) -> _Entries:
    pack, mapped = _address_key.pack, abi.IPV4_PREFIX  # a million at a time: one call for each, no more
    return {
        pack(
            network if len(network) == _HOST_SIZE else mapped + network,
            0 if port_set is None else port_set + 1,
            length if len(network) == _HOST_SIZE else length + abi.IPV4_BITS,
        ): lines[number]
        for (network, length, port_set), number in addresses.items()
    }


def _port_plan(plan: PortPlan, classes: Mapping[str, int]) -> bytes:
    index = _class_index(classes, plan.class_name)
    return abi.pack_port_plan(index, plan.first, plan.size, plan.offset, plan.length)


def _pool(pool: Pool, classes: Mapping[str, int]) -> tuple[bytes, bytes]:
    network = pool.prefix.network_address.packed
    key = abi.pack_prefix_key(network, pool.prefix.prefixlen)
    line_length = abi.length128(network, pool.line_length)
    return key, abi.pack_pool(_class_index(classes, pool.class_name), line_length, pool.arm)


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "little")
