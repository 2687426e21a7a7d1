"""Wanted values that have much in common, their tables, and what the kernel does with changes."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address

from hypothesis import settings
from hypothesis import strategies as st

from sekisho.gate import Change, Tables, tables
from sekisho.model import Address, Excess, KnownLine, Limit, Mode, Network, Policy, Pool, PortPlan, Wanted

ARRAYS = ("class_names", "limits", "control")
PREFIXES: tuple[Network, ...] = (
    IPv4Network("10.0.0.0/24"),
    IPv4Network("10.0.0.0/8"),
    IPv6Network("2001:db8::/32"),
)
# Not judged by the clock: other tests may be running beside these.
FEW = settings(max_examples=50)


def encode(wanted: Wanted, installed: Tables = tables.EMPTY) -> Tables:
    return tables.encode(wanted, installed, hold_by_queue=True, learning_until_ns=7)


def apply(installed: Tables, changes: Iterable[Change]) -> dict[str, dict[bytes, bytes]]:
    """Do what the kernel does: an array's entry of zeros is as good as none."""
    result = {name: dict(entries) for name, entries in installed.items()}
    for change in changes:
        entries = result.setdefault(change.map_name, {})
        for key in change.deletes:
            del entries[key]
        entries.update(change.updates)
        if change.map_name in ARRAYS:
            result[change.map_name] = {key: value for key, value in entries.items() if any(value)}
    return {name: entries for name, entries in result.items() if entries}


def filled(all_tables: Tables) -> dict[str, dict[bytes, bytes]]:
    return {name: dict(entries) for name, entries in all_tables.items() if entries}


LIMITS = [
    Limit(mode, cap, delay_ms, excess)
    for mode in Mode
    for cap in (1, 2)
    for delay_ms in (0, 500, 1_000, 2_000)
    for excess in Excess
]
IPV4 = [ip_address(number).packed for number in range(0x0A000000, 0x0A000008)]
ADDRESSES = [
    *(Address(packed, 32, port_set) for packed in IPV4 for port_set in (None, 0, 3)),
    *(Address(ip_address("2001:db8::").packed, length) for length in (48, 56, 64, 128)),
]


@st.composite
def wanteds(draw: st.DrawFn) -> Wanted:
    """Draw from few names and numbers, so that two draws have much in common."""
    classes = draw(
        st.dictionaries(st.sampled_from("abcdef"), st.sampled_from(LIMITS), min_size=1, max_size=4)
    )
    names = sorted(classes)
    kinds = [KnownLine(name, limit) for name in names for limit in (None, *LIMITS)]
    lines = draw(st.dictionaries(st.integers(0, 5), st.sampled_from(kinds), max_size=4))
    to_line = st.sampled_from(sorted(lines)) if lines else st.nothing()
    pools = [Pool(prefix, 32, name) for prefix in PREFIXES for name in names]
    plans = [PortPlan(name, size=size) for name in names for size in (256, 512)]
    return Wanted(
        classes=classes,
        pools=tuple(draw(st.lists(st.sampled_from(pools), max_size=3, unique_by=lambda pool: pool.prefix))),
        exempt=tuple(draw(st.sets(st.sampled_from(PREFIXES)))),
        lines=lines,
        addresses=draw(st.dictionaries(st.sampled_from(ADDRESSES), to_line, max_size=6 if lines else 0)),
        port_plans=draw(st.dictionaries(st.sampled_from(IPV4), st.sampled_from(plans), max_size=2)),
        unknown_source=draw(st.sampled_from(Policy)),
    )
