"""A change of some lines as kernel writes, and lines that stay while nobody knows whose they are."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.gate import Change, GateError, Tables, abi, tables
from sekisho.gate.indices import banks, class_names
from sekisho.gate.roster import line_changes, settings_for
from sekisho.model import (
    OWN_LIMIT_ARM,
    Address,
    KnownLine,
    Limit,
    Mode,
    PortPlan,
    Roster,
    RosterChange,
    Wanted,
)
from tests.unit.wanting import ADDRESSES, FEW, apply, encode, filled, wanteds

SLOW = Limit(Mode.ENFORCE, cap=5, delay_ms=1_000)
LOOSE = Limit(Mode.OBSERVE, cap=5, delay_ms=500)
LINE = KnownLine("a")
RELEASED = KnownLine("a", LOOSE)
HOST = Address(bytes([192, 0, 2, 1]), 32)
OTHER_HOST = Address(bytes([192, 0, 2, 2]), 32)


def prefix(length: int) -> Address:
    return Address(ip_address("2001:db8::").packed, length)


def changed(installed: Tables, change: RosterChange) -> tuple[Tables, tuple[Change, ...]]:
    """Return the tables after a change, and the writes of lines."""
    after = settings_for(change, tables.settings(installed))
    writes = line_changes(change, after)
    lines = {name: dict(installed[name]) for name in ("known", "addresses")}
    for write in writes:
        for key in write.deletes:
            lines[write.map_name].pop(key, None)
        lines[write.map_name].update(write.updates)
    return {**after, **lines}, writes


def lengths_tried(all_tables: Tables) -> bytes:
    lengths = abi.unpack_control(all_tables["control"][bytes(4)])["prefix_lengths"]
    return bytes(lengths).rstrip(b"\0")


def around(wanted: Wanted, former: Roster, installed: Tables) -> Tables:
    return tables.encode_around(wanted, former, installed, hold_by_queue=True, learning_until_ns=7)[0]


def test_the_writes_of_a_change_are_few_and_in_order() -> None:
    installed = encode(Wanted({"a": SLOW}, lines={1: LINE, 2: LINE}, addresses={HOST: 1, prefix(56): 2}))
    change = RosterChange({1: None, 3: LINE}, {HOST: 3, prefix(56): None, OTHER_HOST: 3})
    _, writes = changed(installed, change)
    three = abi.pack_line(3)
    assert [(write.map_name, list(write.deletes), dict(write.updates)) for write in writes] == [
        ("known", [], {three: abi.pack_known(0, 0, 0)}),
        (
            "addresses",
            [abi.pack_address_key(*prefix(56))],
            {abi.pack_address_key(*HOST): three, abi.pack_address_key(*OTHER_HOST): three},
        ),
        ("known", [abi.pack_line(1)], {}),
    ]


def test_nothing_but_the_lines_is_touched_where_limits_and_lengths_are_there() -> None:
    installed = tables.settings(encode(Wanted({"a": SLOW}, lines={1: LINE}, addresses={prefix(56): 1})))
    assert settings_for(RosterChange({2: LINE}, {prefix(56): 2, HOST: 2}), installed) is installed


def test_a_limit_of_a_lines_own_gets_an_entry_and_its_delay_a_bank() -> None:
    installed = encode(Wanted({"a": SLOW}, lines={1: LINE}))
    after, writes = changed(installed, RosterChange({1: RELEASED}))
    assert after["limits"] == {**installed["limits"], b"\x40\0\0\0": abi.pack_limit(5, 500, 1, 0, 0)}
    assert banks(after) == {0: 1_000, 1: 500}
    assert writes[0].updates == {abi.pack_line(1): abi.pack_known(0, 64, OWN_LIMIT_ARM)}
    again, _ = changed(after, RosterChange({2: RELEASED}))
    assert again["limits"] == after["limits"]


def test_new_prefix_lengths_are_tried_beside_those_there_are() -> None:
    installed = encode(Wanted({"a": SLOW}, lines={1: LINE}, addresses={prefix(56): 1}))
    after, _ = changed(installed, RosterChange({}, {prefix(64): 1, prefix(48): 1, prefix(56): None}))
    assert lengths_tried(after) == bytes([64, 56, 48])
    exact = encode(Wanted({"a": SLOW}, lines={1: LINE}, addresses={prefix(64): 1, prefix(48): 1}), after)
    assert lengths_tried(exact) == bytes([64, 48])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (RosterChange({1: KnownLine("b")}), "class 'b' is not in the config; there are: a"),
        (
            RosterChange({}, {prefix(length): 1 for length in range(57, 65)}),
            "9 different IPv6 prefix lengths of lines",
        ),
        (RosterChange({}, {Address(bytes(4), 29): 1}), "IPv4 prefix of length 29"),
        (
            RosterChange({n: KnownLine("a", replace(LOOSE, cap=n + 10)) for n in range(192)}),
            "193 different limits of single lines, the gate has room for 192",
        ),
        (
            RosterChange({n: KnownLine("a", replace(LOOSE, delay_ms=n + 1)) for n in range(16)}),
            "18 different delays",
        ),
    ],
)
def test_what_the_tables_have_no_room_for(change: RosterChange, message: str) -> None:
    installed = encode(
        Wanted(
            {"a": SLOW}, lines={1: KnownLine("a", replace(LOOSE, delay_ms=700))}, addresses={prefix(56): 1}
        )
    )
    with pytest.raises(GateError, match=message):
        changed(installed, change)


@FEW
@given(wanteds(), st.data())
def test_a_change_leads_where_the_whole_would(first: Wanted, data: st.DataObject) -> None:
    installed = encode(first)
    limits = st.sampled_from([None, SLOW, LOOSE])
    kinds = st.builds(KnownLine, st.sampled_from(sorted(first.classes)), limits)
    change = RosterChange(
        data.draw(st.dictionaries(st.integers(0, 5), st.none() | kinds)),
        data.draw(st.dictionaries(st.sampled_from(ADDRESSES), st.none() | st.integers(0, 5))),
    )
    lines = {number: line for number, line in {**first.lines, **change.lines}.items() if line is not None}
    held = {**first.addresses, **change.addresses}
    addresses = {address: line for address, line in held.items() if line is not None}
    after, _ = changed(installed, change)
    whole = encode(replace(first, lines=lines, addresses=addresses), after)
    assert (filled(after).get("known"), after["addresses"]) == (
        filled(whole).get("known"),
        whole["addresses"],
    )
    assert whole["limits"].items() <= after["limits"].items()
    assert set(lengths_tried(whole)) <= set(lengths_tried(after))


def test_lines_of_nobody_knows_whom_stay_with_what_they_refer_to() -> None:
    roster = Wanted(
        {"a": SLOW, "b": LOOSE},
        lines={1: RELEASED, 2: KnownLine("b")},
        addresses={HOST: 1, prefix(56): 2},
    )
    installed = encode(roster)
    file = Wanted({"a": SLOW, "c": LOOSE}, lines={3: LINE}, addresses={OTHER_HOST: 3, prefix(48): 3})
    after = around(file, Roster(), installed)
    assert set(class_names(after)) == {"a", "b", "c"}
    assert after["limits"].items() >= installed["limits"].items()
    assert after["known"] == {**installed["known"], abi.pack_line(3): abi.pack_known(0, 0, 0)}
    assert set(after["addresses"]) == {
        abi.pack_address_key(*one) for one in (HOST, OTHER_HOST, prefix(48), prefix(56))
    }
    assert lengths_tried(after) == bytes([56, 48])


def test_lengths_of_nobody_knows_whom_give_way_to_the_files() -> None:
    held = {prefix(length): 1 for length in range(57, 65)}
    twice = Address(ip_address("2001:db9::").packed, 60)
    installed = encode(Wanted({"a": SLOW}, lines={1: LINE}, addresses={HOST: 1, twice: 1, **held}))
    after = around(
        Wanted({"a": SLOW}, lines={3: LINE}, addresses=dict.fromkeys(map(prefix, (48, *range(50, 56))), 3)),
        Roster(),
        installed,
    )
    assert lengths_tried(after) == bytes([60, 55, 54, 53, 52, 51, 50, 48])  # the most frequent finds room
    assert {key for key, line in after["addresses"].items() if line == abi.pack_line(1)} == {
        abi.pack_address_key(*one) for one in (HOST, twice, prefix(60))
    }
    assert set(after["known"]) == {abi.pack_line(1), abi.pack_line(3)}


def test_lengths_that_no_line_has_any_more_take_no_room() -> None:
    eight = {prefix(length): 1 for length in range(57, 65)}
    installed, _ = changed(
        encode(Wanted({"a": SLOW}, lines={1: LINE}, addresses=eight)),
        RosterChange({}, dict.fromkeys(eight)),
    )
    file = Wanted({"a": SLOW}, lines={3: LINE}, addresses={prefix(48): 3})
    assert lengths_tried(installed) == bytes(range(64, 56, -1))
    assert lengths_tried(around(file, Roster(), installed)) == bytes([48])


def test_how_lines_share_an_address_stays_with_them() -> None:
    there, of_file, new = (bytes([192, 0, 2, last]) for last in (1, 2, 3))
    shared = {there: PortPlan("b", size=512), of_file: PortPlan("a", size=512)}
    installed = encode(Wanted({"a": SLOW, "b": LOOSE}, port_plans=shared))
    file = Wanted({"a": SLOW}, port_plans={new: PortPlan("a", offset=6, length=8)})
    after = around(file, Roster(port_plans={of_file: PortPlan("a", size=512)}), installed)
    assert after["shared"] == {there: installed["shared"][there], new: abi.pack_port_plan(0, 0, 0, 6, 8)}
    assert set(class_names(after)) == {"a", "b"}


def test_what_the_file_wanted_before_goes_with_it() -> None:
    file = Wanted({"a": SLOW}, lines={3: LINE, 4: LINE}, addresses={OTHER_HOST: 3, prefix(56): 4})
    roster = Wanted({"a": SLOW}, lines={1: LINE, 4: LINE}, addresses={HOST: 1, prefix(64): 4})
    both = replace(
        file, lines={**roster.lines, **file.lines}, addresses={**roster.addresses, **file.addresses}
    )
    after = around(Wanted({"a": SLOW}), Roster(file.lines, file.addresses), encode(both))
    assert set(after["known"]) == {abi.pack_line(1), abi.pack_line(4)}  # 4 has an address of its own yet
    assert set(after["addresses"]) == {abi.pack_address_key(*one) for one in (HOST, prefix(64))}


@FEW
@given(wanteds(), wanteds(), wanteds())
def test_nothing_dangles_around_lines_that_stay(roster: Wanted, first: Wanted, second: Wanted) -> None:
    now = filled(encode(roster))
    former = Roster()
    for file in (first, second):
        installed: Tables = now
        wanted = around(file, former, installed)
        for change in tables.diff(installed, wanted):
            now = apply(now, (change,))
            limit_keys, known = now.get("limits", {}), now.get("known", {})
            assert {plan[0:2] + b"\0\0" for plan in now.get("shared", {}).values()} <= set(limit_keys)
            assert set(now.get("addresses", {}).values()) <= set(known)
            for value in known.values():
                assert {value[0:2] + b"\0\0", value[2:4] + b"\0\0"} <= set(limit_keys)
        assert now == filled(wanted)
        former = Roster(file.lines, file.addresses, file.port_plans)
    exact = encode(second, now)
    assert apply(now, tables.diff(now, exact)) == filled(exact)
