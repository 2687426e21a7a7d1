from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network

from hypothesis import given
from hypothesis import strategies as st

from sekisho.config import Config, parse
from sekisho.gate.tables import EMPTY, encode, limit_change
from sekisho.model import Address, Excess, KnownLine, Limit, Mode, Policy, Pool, PortPlan, Timeouts, View
from sekisho.plan import (
    LimitChange,
    file_limits,
    installed_limits,
    line_numbers,
    surviving,
    unfollowable,
    wanted,
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


def packed(text: str) -> bytes:
    return IPv4Address(text).packed


def test_the_file_becomes_what_is_wanted() -> None:
    want = wanted(read(), {})
    assert want.classes == {"dynamic": DYNAMIC, "fixed": FIXED}
    assert want.pools == (
        Pool(IPv4Network("100.64.0.0/16"), 32, "dynamic"),
        Pool(IPv6Network("2001:db8:4000::/36"), 56, "dynamic"),
    )
    assert want.exempt == (IPv4Network("203.0.113.0/24"),)
    assert want.timeouts == Timeouts(linger_ms=3_000)
    assert (want.view, want.unknown_source, want.unknown_ethertype) == (View.FULL, Policy.DROP, Policy.PASS)


def test_the_defaults_of_the_file_are_those_of_the_model() -> None:
    want = wanted(read(TEXT.replace('[gate.timeouts]\nlinger = "3s"\n', "")), {})
    assert want.timeouts == Timeouts()


def test_a_known_line_holds_addresses_one_by_one_and_prefixes_whole() -> None:
    want = wanted(read(), {})
    office = line_numbers(["office"])["office"]
    assert want.lines[office] == KnownLine("fixed")
    assert [address for address, line in want.addresses.items() if line == office] == [
        *(Address(packed(f"198.51.100.{last}"), 32) for last in (8, 9, 10, 11)),
        Address(IPv6Network("2001:db8:8017::/48").network_address.packed, 48),
    ]


def test_lines_that_share_an_address_are_told_by_their_ports() -> None:
    want = wanted(read(), {})
    numbers = line_numbers(["office", "a", "b"])
    shared = packed("100.64.0.1")
    assert want.addresses[Address(shared, 32, 0)] == numbers["a"]
    assert want.addresses[Address(shared, 32, 2)] == numbers["b"]
    assert want.port_plans[shared] == PortPlan("dynamic", first=1024, size=1024)
    assert want.port_plans[packed("192.0.2.1")] == PortPlan("fixed", first=0, size=512)


def test_an_override_stands_before_the_file() -> None:
    assert wanted(read(), {"dynamic": LOOSE}).classes == {"dynamic": LOOSE, "fixed": FIXED}


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
    tables = encode(wanted(read(), {}), EMPTY, hold_by_queue=True, learning_until_ns=0)
    assert installed_limits(tables) == file_limits(read())
    _, after = limit_change(tables, "fixed", LOOSE)
    assert installed_limits(after) == {"dynamic": DYNAMIC, "fixed": LOOSE}
    assert installed_limits(EMPTY) == {}


@given(st.lists(st.text(max_size=6), unique=True), st.text(max_size=6))
def test_a_line_keeps_its_number_whatever_stands_around_it(names: list[str], name: str) -> None:
    alone = line_numbers([name])[name]
    numbers = line_numbers([*names, name])
    assert numbers[name] == alone
    assert len(set(numbers.values())) == len({*names, name})
    assert all(0 <= number < 2**48 for number in numbers.values())
