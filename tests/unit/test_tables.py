"""The tables: what is wanted becomes bytes, and changes lead from one to another."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network, ip_address

import pytest
from hypothesis import given

from sekisho.gate import Change, GateError, Tables, abi, tables
from sekisho.gate.indices import banks, class_names
from sekisho.model import (
    OWN_LIMIT_ARM,
    Address,
    Excess,
    KnownLine,
    Limit,
    Mode,
    Policy,
    Pool,
    PortPlan,
    Timeouts,
    View,
    Wanted,
)
from tests.unit.wanting import FEW, apply, encode, filled, wanteds

OBSERVE = Limit(Mode.OBSERVE, cap=5, delay_ms=0)
SLOW = Limit(Mode.ENFORCE, cap=5, delay_ms=1_000)


@FEW
@given(wanteds(), wanteds())
def test_the_difference_leads_from_one_to_the_other(first: Wanted, second: Wanted) -> None:
    installed = encode(first)
    wanted = encode(second, installed)
    assert apply(installed, tables.diff(installed, wanted)) == filled(wanted)


@FEW
@given(wanteds())
def test_from_nothing_and_back(wanted: Wanted) -> None:
    all_tables = encode(wanted)
    assert apply({}, tables.diff({}, all_tables)) == filled(all_tables)
    assert not list(tables.diff(all_tables, encode(wanted, all_tables)))


@FEW
@given(wanteds(), wanteds())
def test_classes_and_delays_keep_their_numbers(first: Wanted, second: Wanted) -> None:
    installed = encode(first)
    wanted = encode(second, installed)
    before, after = class_names(installed), class_names(wanted)
    assert set(after) == set(second.classes)
    assert all(before[name] == after[name] for name in before.keys() & after.keys())
    assert not {after[name] for name in after.keys() - before.keys()} & set(before.values())
    delays_before = {delay: bank for bank, delay in banks(installed).items()}
    delays_after = {delay: bank for bank, delay in banks(wanted).items()}
    assert all(
        delays_before[delay] == delays_after[delay] for delay in delays_before.keys() & delays_after.keys()
    )


@FEW
@given(wanteds())
def test_each_bank_holds_for_one_delay(wanted: Wanted) -> None:
    all_tables = encode(wanted)
    delays = banks(all_tables)
    for value in all_tables["limits"].values():
        _, delay_ms, bank, _, _ = abi.unpack_limit(value)
        assert not delay_ms or delays[bank] == delay_ms
    assert len(set(delays.values())) == len(delays)


@FEW
@given(wanteds(), wanteds())
def test_nothing_dangles_between_two_changes(first: Wanted, second: Wanted) -> None:
    now: dict[str, dict[bytes, bytes]] = {}
    installed = tables.EMPTY
    for step in (first, second):
        wanted = encode(step, installed)
        for change in tables.diff(installed, wanted):
            now = apply(now, (change,))
            limit_keys, known = now.get("limits", {}), now.get("known", {})
            assert set(now.get("addresses", {}).values()) <= set(known)
            assert {value[2:4] + b"\0\0" for value in known.values()} <= set(limit_keys)
            assert {value[0:2] + b"\0\0" for value in now.get("pools", {}).values()} <= set(
                now["class_names"]
            )
        installed = wanted


def test_exact_bytes() -> None:
    wanted = Wanted(
        classes={"fixed": OBSERVE, "dynamic": SLOW},
        pools=(
            Pool(IPv4Network("100.64.0.0/16"), 32, "dynamic", arm=1),
            Pool(IPv6Network("2001:db8:4000::/36"), 56, "dynamic"),
        ),
        exempt=(IPv4Network("203.0.113.0/24"),),
        lines={3: KnownLine("fixed", Limit(Mode.ENFORCE, 2, 500, Excess.RESET))},
        addresses={
            Address(ip_address("192.0.2.1").packed, 32): 3,
            Address(ip_address("192.0.2.2").packed, 32, port_set=5): 3,
            Address(ip_address("2001:db8::").packed, 56): 3,
            Address(ip_address("2001:db8:1::1").packed, 128): 3,
        },
        port_plans={ip_address("192.0.2.2").packed: PortPlan("dynamic", offset=6, length=8)},
        timeouts=Timeouts(1, 2, 3, 4),
        view=View.HALF,
        unknown_source=Policy.DROP,
        unknown_ethertype=Policy.DROP,
    )
    all_tables = encode(wanted)
    line = (1 << 48 | 3).to_bytes(8, "little")
    assert all_tables["class_names"] == {
        b"\0\0\0\0": b"fixed".ljust(32, b"\0"),
        b"\1\0\0\0": b"dynamic".ljust(32, b"\0"),
    }
    assert all_tables["limits"] == {
        b"\0\0\0\0": abi.pack_limit(5, 0, 0, 0, 0),
        b"\1\0\0\0": abi.pack_limit(5, 1_000, 0, 1, 0),
        b"\x40\0\0\0": abi.pack_limit(2, 500, 1, 1, 1),
    }
    assert all_tables["known"] == {line: abi.pack_known(0, 64, OWN_LIMIT_ARM)}
    assert all_tables["addresses"] == {abi.pack_address_key(*address): line for address in wanted.addresses}
    assert all_tables["shared"] == {bytes([192, 0, 2, 2]): abi.pack_port_plan(1, 0, 0, 6, 8)}
    assert all_tables["pools"] == {
        abi.pack_prefix_key(bytes([100, 64, 0, 0]), 16): abi.pack_pool(1, 128, 1),
        abi.pack_prefix_key(ip_address("2001:db8:4000::").packed, 36): abi.pack_pool(1, 56, 0),
    }
    assert all_tables["exempt"] == {abi.pack_prefix_key(bytes([203, 0, 113, 0]), 24): b"\1"}
    assert abi.unpack_control(all_tables["control"][bytes(4)]) == {
        "learning_until": 7,
        "test_clock": 0,
        "flags": 15,
        "syn_timeout_ms": 1,
        "idle_timeout_ms": 2,
        "half_closed_timeout_ms": 3,
        "linger_ms": 4,
        "prefix_lengths": bytes([56, 0, 0, 0, 0, 0, 0, 0]),
    }
    assert tables.learning_until(all_tables) == 7
    assert banks(all_tables) == {0: 1_000, 1: 500}


def test_prefix_lengths_are_tried_longest_first() -> None:
    network = ip_address("2001:db8::").packed
    lines = {1: KnownLine("a")}
    wanted = Wanted({"a": SLOW}, lines=lines, addresses={Address(network, n): 1 for n in (48, 64, 56)})
    control = abi.unpack_control(encode(wanted)["control"][bytes(4)])
    assert control["prefix_lengths"] == bytes([64, 56, 48, 0, 0, 0, 0, 0])


def test_unknown_sources_are_dropped_only_after_the_pools_are_there() -> None:
    wanted = encode(
        Wanted({"a": SLOW}, pools=(Pool(IPv4Network("10.0.0.0/8"), 32, "a"),), unknown_source=Policy.DROP)
    )
    names = [change.map_name for change in tables.diff({}, wanted)]
    assert names == ["class_names", "limits", "control", "pools", "control"]
    first = list(tables.diff({}, wanted))[2].updates[bytes(4)]
    assert abi.unpack_control(first)["learning_until"] == 7
    assert not int(abi.unpack_control(first)["flags"]) & abi.CONTROL_DROP_UNKNOWN


def test_limits_of_single_lines_are_shared_and_reused() -> None:
    def of(caps: dict[int, int]) -> Wanted:
        return Wanted(
            {"a": OBSERVE}, lines={n: KnownLine("a", Limit(Mode.ENFORCE, cap, 0)) for n, cap in caps.items()}
        )

    def indices(all_tables: Tables) -> list[int]:
        return [int.from_bytes(key, "little") for key in all_tables["limits"]]

    first = encode(of({1: 1, 2: 2, 3: 1}))
    assert indices(first) == [0, 64, 65]
    second = encode(of({1: 3, 2: 2}), first)
    assert indices(second) == [0, 65, 66]  # the one given up rests until packets no longer meet it
    third = encode(of({1: 3, 2: 2, 3: 4}), second)
    assert sorted(indices(third)) == [0, 64, 65, 66]


def test_a_change_of_a_class_is_one_write() -> None:
    before = encode(Wanted({"a": SLOW, "b": OBSERVE}, lines={n: KnownLine("a") for n in range(1_000)}))
    change, after = tables.limit_change(before, "b", Limit(Mode.ENFORCE, 2, 5_000))
    assert change == Change("limits", updates={b"\1\0\0\0": abi.pack_limit(2, 5_000, 1, 1, 0)})
    assert list(tables.diff(before, after)) == [change]
    assert banks(after) == {0: 1_000, 1: 5_000}
    _, shared = tables.limit_change(after, "b", Limit(Mode.ENFORCE, 2, 1_000))
    assert banks(shared) == {0: 1_000}
    _, other = tables.limit_change(after, "b", Limit(Mode.ENFORCE, 2, 6_000))
    assert banks(other) == {0: 1_000, 2: 6_000}  # what bank 1 holds keeps its delay


def test_sixteen_delays_and_no_more() -> None:
    classes = {f"c{n}": Limit(Mode.ENFORCE, 1, n + 1) for n in range(16)}
    full = encode(Wanted(classes))
    assert len(banks(full)) == 16
    with pytest.raises(
        GateError, match="17 different delays, the gate has room for 16: give some limits the same"
    ):
        encode(Wanted({**classes, "more": Limit(Mode.ENFORCE, 1, 99)}))
    _, after = tables.limit_change(full, "c3", Limit(Mode.ENFORCE, 1, 99))
    assert banks(after)[3] == 99
    with pytest.raises(GateError, match="17 different delays"):
        tables.limit_change(encode(Wanted({**classes, "more": OBSERVE})), "more", Limit(Mode.ENFORCE, 1, 99))


def test_sixty_four_classes_and_no_more() -> None:
    classes = {f"c{n}": OBSERVE for n in range(64)}
    full = encode(Wanted(classes))
    del classes["c7"]
    assert class_names(encode(Wanted({**classes, "new": OBSERVE}), full))["new"] == 7
    with pytest.raises(GateError, match="65 classes, the gate has room for 64"):
        encode(Wanted({**classes, "c7": OBSERVE, "new": OBSERVE}))


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        (Wanted({"a" * 32: OBSERVE}), "longer than 31 bytes"),
        (Wanted({"a": OBSERVE}, lines={1: KnownLine("b")}), "class 'b' is not in the config; there are: a"),
        (
            Wanted(
                {"a": OBSERVE}, lines={n: KnownLine("a", Limit(Mode.ENFORCE, n + 1, 0)) for n in range(193)}
            ),
            "193 different limits of single lines, the gate has room for 192",
        ),
        (
            Wanted(
                {"a": OBSERVE},
                lines={1: KnownLine("a")},
                addresses={Address(bytes(16), length): 1 for length in range(40, 49)},
            ),
            "9 different IPv6 prefix lengths of lines",
        ),
        (
            Wanted({"a": OBSERVE}, lines={1: KnownLine("a")}, addresses={Address(bytes(4), 29): 1}),
            "IPv4 prefix of length 29: name its addresses one by one",
        ),
    ],
)
def test_what_the_tables_have_no_room_for(wanted: Wanted, message: str) -> None:
    with pytest.raises(GateError, match=message):
        encode(wanted)
