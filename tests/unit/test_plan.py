from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from types import MappingProxyType

from hypothesis import given
from hypothesis import strategies as st

from sekisho.config import Config, parse
from sekisho.gate.tables import EMPTY, encode, limit_change
from sekisho.model import (
    Address,
    Excess,
    KnownLine,
    Limit,
    Mode,
    Policy,
    Pool,
    PortPlan,
    Roster,
    RosterChange,
    Timeouts,
    View,
    Wanted,
)
from sekisho.plan import (
    LimitChange,
    Overrides,
    beside,
    file_limits,
    installed_limits,
    line_numbers,
    surviving,
    unfollowable,
    wanted,
    with_roster,
)

TEXT = """\
[gate]
subscriber = ["bng0"]
uplink = ["up0"]
exempt = ["203.0.113.0/24"]
unknown_source = "drop"
[gate.timeouts]
linger = "3s"
[[pool]]
prefix = "100.64.0.0/16"
class = "dynamic"
[[pool]]
prefix = "2001:db8:4000::/36"
line = 56
class = "dynamic"
[class.dynamic]
mode = "enforce"
cap = 5
delay = "1s"
[class.fixed]
mode = "observe"
cap = 20
delay = "0s"
excess = "reset"
[[line]]
name = "office"
class = "fixed"
addresses = ["198.51.100.8/30", "2001:db8:8017::/48"]
[[line]]
name = "b"
class = "fixed"
addresses = ["100.64.0.1:3072-4095", "192.0.2.1:0-511"]
[[line]]
name = "a"
class = "dynamic"
addresses = ["100.64.0.1:1024-2047"]
"""
DYNAMIC = Limit(Mode.ENFORCE, 5, 1_000)
FIXED = Limit(Mode.OBSERVE, 20, 0, Excess.RESET)
LOOSE = Limit(Mode.ENFORCE, 9, 500)


def read(text: str = TEXT) -> Config:
    config = parse(text.encode()).config
    assert config is not None
    return config


def by_file(config: Config, overrides: Overrides = MappingProxyType({})) -> Wanted:
    return wanted(config, overrides, line_numbers(line.name for line in config.lines))


def of_file(config: Config) -> Roster:
    want = by_file(config)
    return Roster(want.lines, want.addresses)


def packed(text: str) -> bytes:
    return IPv4Address(text).packed


def test_the_file_becomes_what_is_wanted() -> None:
    want = by_file(read())
    assert want.classes == {"dynamic": DYNAMIC, "fixed": FIXED}
    assert want.pools == (
        Pool(IPv4Network("100.64.0.0/16"), 32, "dynamic"),
        Pool(IPv6Network("2001:db8:4000::/36"), 56, "dynamic"),
    )
    assert want.exempt == (IPv4Network("203.0.113.0/24"),)
    assert want.timeouts == Timeouts(linger_ms=3_000)
    assert (want.view, want.unknown_source, want.unknown_ethertype) == (View.FULL, Policy.DROP, Policy.PASS)


def test_the_defaults_of_the_file_are_those_of_the_model() -> None:
    want = by_file(read(TEXT.replace('[gate.timeouts]\nlinger = "3s"\n', "")))
    assert want.timeouts == Timeouts()


def test_a_known_line_holds_addresses_one_by_one_and_prefixes_whole() -> None:
    want = by_file(read())
    office = line_numbers(["office"])["office"]
    assert want.lines[office] == KnownLine("fixed")
    assert [address for address, line in want.addresses.items() if line == office] == [
        *(Address(packed(f"198.51.100.{last}"), 32) for last in (8, 9, 10, 11)),
        Address(IPv6Network("2001:db8:8017::/48").network_address.packed, 48),
    ]


def test_lines_that_share_an_address_are_told_by_their_ports() -> None:
    want = by_file(read())
    numbers = line_numbers(["office", "a", "b"])
    shared = packed("100.64.0.1")
    assert want.addresses[Address(shared, 32, 1)] == numbers["a"]
    assert want.addresses[Address(shared, 32, 3)] == numbers["b"]
    assert want.port_plans[shared] == PortPlan("dynamic", first=0, size=1024)
    assert want.port_plans[packed("192.0.2.1")] == PortPlan("fixed", first=0, size=512)


def test_an_override_stands_before_the_file() -> None:
    assert by_file(read(), {"dynamic": LOOSE}).classes == {"dynamic": LOOSE, "fixed": FIXED}


def test_a_change_leaves_what_it_does_not_name() -> None:
    assert LimitChange(cap=7).of(FIXED) == replace(FIXED, cap=7)
    assert LimitChange().of(FIXED) == FIXED
    assert LimitChange(Mode.ENFORCE, 9, 500, Excess.DROP).of(FIXED) == LOOSE


def test_an_override_survives_a_reload_that_does_not_touch_its_limit() -> None:
    other = read(TEXT.replace("cap = 20", "cap = 21"))
    assert surviving({"dynamic": LOOSE, "fixed": LOOSE}, read(), other) == {"dynamic": LOOSE}


def test_an_override_ends_with_its_class_and_when_the_file_says_the_same() -> None:
    fixed = "[class.fixed]" + TEXT.split("[class.fixed]")[1].split("[[line]]", maxsplit=1)[0]
    without = read(TEXT.split("[[line]]", maxsplit=1)[0].replace(fixed, ""))
    assert surviving({"fixed": LOOSE}, read(), without) == {}
    assert surviving({"fixed": FIXED}, read(), read()) == {}


def test_what_a_running_daemon_cannot_follow_is_named_with_the_way_out() -> None:
    assert unfollowable(read(), read()) == ((), "")
    assert unfollowable(read(), read(TEXT.replace("cap = 5", "cap = 6"))) == ((), "")
    other = TEXT.replace('"bng0"', '"bng1"')
    changed, way_out = unfollowable(read(), read(other))
    assert (changed, way_out.split(";")[0]) == (("subscriber",), "start the daemon anew")
    changed, way_out = unfollowable(read(), read(other.replace("[gate]", "[gate]\nslots = 512")))
    assert (changed, "sekisho gate down" in way_out) == (("slots",), True)


def test_the_limits_in_the_kernel_are_read_back() -> None:
    tables = encode(by_file(read()), EMPTY, hold_by_queue=True, learning_until_ns=0)
    assert installed_limits(tables) == file_limits(read())
    _, after = limit_change(tables, "fixed", LOOSE)
    assert installed_limits(after) == {"dynamic": DYNAMIC, "fixed": LOOSE}
    assert installed_limits(EMPTY) == {}


RELEASED = KnownLine("dynamic", Limit(Mode.OBSERVE, 5, 0))
OFFICE = line_numbers(["office"])["office"]
OTHERS = Address(packed("100.64.7.7"), 32)
IN_FILE = Address(packed("198.51.100.8"), 32)


def test_a_roster_stands_beside_the_lines_of_the_file() -> None:
    want = with_roster(by_file(read()), Roster({7: RELEASED}, {OTHERS: 7}))
    assert (want.lines[7], want.lines[OFFICE]) == (RELEASED, KnownLine("fixed"))
    assert (want.addresses[OTHERS], want.addresses[IN_FILE]) == (7, OFFICE)


def test_the_file_says_the_class_of_its_lines_and_whose_their_addresses_are() -> None:
    want = with_roster(by_file(read()), Roster({7: RELEASED, OFFICE: RELEASED}, {IN_FILE: 7, OTHERS: OFFICE}))
    assert want.lines[OFFICE] == KnownLine("fixed", RELEASED.limit)
    assert (want.addresses[OTHERS], want.addresses[IN_FILE]) == (OFFICE, OFFICE)


def test_a_change_leaves_what_the_file_says() -> None:
    change = RosterChange({7: None, OFFICE: RELEASED}, {IN_FILE: None, OTHERS: 7})
    assert beside(of_file(read()), change) == RosterChange(
        {7: None, OFFICE: KnownLine("fixed", RELEASED.limit)}, {OTHERS: 7}
    )
    assert beside(of_file(read()), RosterChange({OFFICE: None})).lines == {OFFICE: KnownLine("fixed")}


line_names = st.sampled_from(["office", "a", "c"])
kinds = st.sampled_from([RELEASED, KnownLine("fixed")])
held = st.sampled_from([OTHERS, IN_FILE, Address(packed("100.64.0.1"), 32, 0)])
numbers_of = line_numbers(["office", "a", "c"])


@given(
    st.dictionaries(line_names, kinds),
    st.dictionaries(held, line_names),
    st.dictionaries(line_names, st.none() | kinds),
    st.dictionaries(held, st.none() | line_names),
)
def test_a_roster_and_a_change_are_the_roster_after_it(
    lines: dict[str, KnownLine],
    addresses: dict[Address, str],
    more_lines: dict[str, KnownLine | None],
    more_addresses: dict[Address, str | None],
) -> None:
    roster = Roster(
        {numbers_of[name]: line for name, line in lines.items()},
        {address: numbers_of[name] for address, name in addresses.items()},
    )
    change = RosterChange(
        {numbers_of[name]: line for name, line in more_lines.items()},
        {address: None if name is None else numbers_of[name] for address, name in more_addresses.items()},
    )
    file = by_file(read())
    before, after = with_roster(file, roster), with_roster(file, changed(roster, change))
    seen = beside(Roster(file.lines, file.addresses), change)
    assert changed(Roster(before.lines, before.addresses), seen) == Roster(after.lines, after.addresses)


def changed(roster: Roster, change: RosterChange) -> Roster:
    lines = {**roster.lines, **change.lines}
    addresses = {**roster.addresses, **change.addresses}
    return Roster(
        {number: line for number, line in lines.items() if line is not None},
        {address: line for address, line in addresses.items() if line is not None},
    )


@given(st.lists(st.text(max_size=6), unique=True), st.text(max_size=6))
def test_a_line_keeps_its_number_whatever_stands_around_it(names: list[str], name: str) -> None:
    alone = line_numbers([name])[name]
    numbers = line_numbers([*names, name])
    assert numbers[name] == alone
    assert len(set(numbers.values())) == len({*names, name})
    assert all(0 <= number < 2**48 for number in numbers.values())
