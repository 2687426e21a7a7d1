"""What the office wants, as the exact bytes of the gate's kernel tables, and the way from one to another.

The settings are mappings of bytes; the two tables of known lines are `Packed`, and may be left out: then
nothing is said of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from typing import Final

from sekisho.gate import Change, FullError, Tables, abi
from sekisho.gate.indices import (
    NOTHING_AHEAD,
    assign_banks,
    assign_classes,
    assign_own_limits,
    class_index,
    class_names,
    index_key,
    limits_by_index,
    pack_limit,
)
from sekisho.gate.packed import KEY_SIZES, Difference, difference, packed
from sekisho.gate.roster import (
    CONTROL_KEY,
    indices_in_use,
    lines_around,
    pack_addresses,
    pack_known,
    prefix_lengths,
)
from sekisho.model import Limit, Policy, Pool, PortPlan, Roster, View, Wanted

EMPTY: Final[Tables] = {}

_FLAGS_AT: Final = abi.CONTROL.offset("flags")


def encode(wanted: Wanted, installed: Tables, *, hold_by_queue: bool, learning_until_ns: int) -> Tables:
    """Encode all that is wanted, keeping the numbers that `installed` (EMPTY at first) has given.

    `learning_until_ns`: CLOCK_MONOTONIC; for a gate taken over what `learning_until` tells.
    GateError where the kernel's tables have no room for so many classes, delays or limits.
    """
    lengths = prefix_lengths(wanted.addresses)
    control = _control(wanted, lengths, hold_by_queue, learning_until_ns)
    return _encode(wanted, installed, control, ())


def encode_around(
    wanted: Wanted, former: Roster, installed: Tables, *, hold_by_queue: bool, learning_until_ns: int
) -> tuple[Tables, FullError | None]:
    """Encode what is wanted, beside the lines and addresses that are installed and are not of `former`.

    How these are shared, and what they refer to, stays as it is; prefixes among them whose lengths find no
    room beside those of what is wanted are left out, and told. Else as `encode`.
    """
    limits = limits_by_index(installed)
    plans = {ip: plan for ip, plan in installed.get("shared", {}).items() if ip not in former.port_plans}
    used = indices_in_use(packed("known", installed.get("known", {})), plans.values())
    classes = {name: limits[index] for name, index in class_names(installed).items() if index in used}
    own = [limits[index] for index in used if index >= abi.MAX_CLASSES]
    control = _control(wanted, prefix_lengths(wanted.addresses), hold_by_queue, learning_until_ns)
    tables = _encode(replace(wanted, classes={**classes, **wanted.classes}), installed, control, own)
    around, misfits = lines_around(tables, former, installed)
    return {**around, "shared": {**plans, **tables["shared"]}}, misfits


def learning_until(tables: Tables) -> int:
    """Return until when sessions are adopted beyond the cap (CLOCK_MONOTONIC ns); 0 at first."""
    control = tables.get("control", {}).get(CONTROL_KEY)
    return int(abi.unpack_control(control)["learning_until"]) if control else 0


def limit_change(
    tables: Tables, class_name: str, limit: Limit, ahead: Mapping[int, int] = NOTHING_AHEAD
) -> tuple[Change, Tables]:
    """Give a class another limit: the one write that does it, and the tables after it.

    `ahead`: banks that are ready for delays to come (bank → ms).
    """
    key = index_key(class_index(class_names(tables), class_name))
    others = [abi.unpack_limit(value)[1] for k, value in tables["limits"].items() if k != key]
    value = pack_limit(limit, assign_banks([*others, limit.delay_ms], tables, ahead))
    return Change("limits", updates={key: value}), {**tables, "limits": {**tables["limits"], key: value}}


def settings(tables: Tables) -> Tables:
    """Return the tables without those of known lines."""
    return {name: entries for name, entries in tables.items() if name not in KEY_SIZES}


def diff(installed: Tables, wanted: Tables) -> Iterator[Change]:
    """Yield the changes that make `wanted` of `installed`, to be applied in this order.

    No packet meets a reference to something that is not there yet or not there any more, none is
    dropped as unknown before its pool is there, and no pool captures a known line's address. A table that
    `wanted` does not name is left as it is.
    """
    changes = _changes(installed, wanted)
    return (change for change in changes if change.deletes or change.updates)


def _changes(installed: Tables, wanted: Tables) -> Iterator[Change]:
    early, late = _control_writes(installed, wanted)
    known, addresses = (_lines(name, installed, wanted) for name in ("known", "addresses"))
    yield Change("class_names", updates=_updates("class_names", installed, wanted))
    yield Change("limits", updates=_updates("limits", installed, wanted))
    yield Change("control", updates=early)
    yield Change("exempt", updates=_updates("exempt", installed, wanted))
    yield known.updates
    yield Change("shared", _deletes("shared", installed, wanted), _updates("shared", installed, wanted))
    yield addresses.deletes
    yield addresses.updates
    yield Change("pools", updates=_updates("pools", installed, wanted))
    yield Change("pools", deletes=_deletes("pools", installed, wanted))
    yield Change("exempt", deletes=_deletes("exempt", installed, wanted))
    yield known.deletes
    yield Change("limits", updates=_cleared("limits", installed, wanted))
    yield Change("class_names", updates=_cleared("class_names", installed, wanted))
    yield Change("control", updates=late)


def _lines(name: str, installed: Tables, wanted: Tables) -> Difference:
    before = packed(name, installed.get(name, {}))
    return difference(name, before, packed(name, wanted[name]) if name in wanted else before)


def _updates(name: str, installed: Tables, wanted: Tables) -> Mapping[bytes, bytes]:
    before = installed.get(name, {})
    return {key: value for key, value in wanted.get(name, {}).items() if before.get(key) != value}


def _deletes(name: str, installed: Tables, wanted: Tables) -> tuple[bytes, ...]:
    after = wanted.get(name)
    return () if after is None else tuple(key for key in installed.get(name, {}) if key not in after)


def _cleared(name: str, installed: Tables, wanted: Tables) -> Mapping[bytes, bytes]:
    """Return the writes of zeros by which an array's entries end."""
    return {key: bytes(len(installed[name][key])) for key in _deletes(name, installed, wanted)}


def _control_writes(installed: Tables, wanted: Tables) -> tuple[Mapping[bytes, bytes], Mapping[bytes, bytes]]:
    """Return what to write into control before and after the other tables.

    The learning window has to be there before the pools, dropping unknown sources only after them.
    """
    before = installed.get("control", {}).get(CONTROL_KEY, bytes(abi.CONTROL.size))
    after = wanted.get("control", {}).get(CONTROL_KEY, before)
    if before == after:
        return {}, {}
    if _flags(after) & ~_flags(before) & abi.CONTROL_DROP_UNKNOWN:
        early = _with_flags(after, _flags(after) & ~abi.CONTROL_DROP_UNKNOWN)
        return {CONTROL_KEY: early}, {CONTROL_KEY: after}
    return {CONTROL_KEY: after}, {}


def _flags(control: bytes) -> int:
    return int(abi.unpack_control(control)["flags"])


def _with_flags(control: bytes, flags: int) -> bytes:
    return control[:_FLAGS_AT] + flags.to_bytes(4, "little") + control[_FLAGS_AT + 4 :]


def _encode(wanted: Wanted, installed: Tables, control: bytes, limits_in_use: Iterable[Limit]) -> Tables:
    """Encode what is wanted; `limits_in_use`: those of other single lines."""
    classes = assign_classes(wanted.classes, installed)
    own_limits = {line.limit: None for line in wanted.lines.values() if line.limit is not None}
    own_limits |= dict.fromkeys(limits_in_use)
    delays = assign_banks((limit.delay_ms for limit in (*wanted.classes.values(), *own_limits)), installed)
    indices = assign_own_limits(own_limits, installed)
    of_classes = {classes[name]: limit for name, limit in wanted.classes.items()}
    by_index = of_classes | {index: limit for limit, index in indices.items()}
    return {
        "class_names": {
            index_key(i): name.encode().ljust(abi.CLASS_NAME_SIZE, b"\0") for name, i in classes.items()
        },
        "limits": {index_key(index): pack_limit(limit, delays) for index, limit in by_index.items()},
        "control": {CONTROL_KEY: control},
        "exempt": {
            abi.pack_prefix_key(net.network_address.packed, net.prefixlen): b"\1" for net in wanted.exempt
        },
        "known": pack_known(wanted.lines, classes, indices),
        "shared": {ip: _port_plan(plan, classes) for ip, plan in wanted.port_plans.items()},
        "addresses": pack_addresses(wanted.addresses),
        "pools": dict(_pool(pool, classes) for pool in wanted.pools),
    }


def _control(wanted: Wanted, lengths: tuple[int, ...], hold_by_queue: bool, learning_until_ns: int) -> bytes:
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
        prefix_lengths=lengths,
    )


def _port_plan(plan: PortPlan, classes: Mapping[str, int]) -> bytes:
    index = class_index(classes, plan.class_name)
    return abi.pack_port_plan(index, plan.first, plan.size, plan.offset, plan.length)


def _pool(pool: Pool, classes: Mapping[str, int]) -> tuple[bytes, bytes]:
    network = pool.prefix.network_address.packed
    key = abi.pack_prefix_key(network, pool.prefix.prefixlen)
    line_length = abi.length128(network, pool.line_length)
    return key, abi.pack_pool(class_index(classes, pool.class_name), line_length, pool.arm)
