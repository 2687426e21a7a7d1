"""Static lists: what is read of them, what is refused with which line, and that a long one is read."""

from __future__ import annotations

from functools import cache
from ipaddress import ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.config import Config, Severity, parse
from sekisho.lines.static import StaticLine, StaticList, config_list
from sekisho.lines.static_list import ListKind, read_list
from sekisho.lines.static_rows import MOST_TOLD
from sekisho.model import Address, PortPlan

CONFIG = """\
[gate]
subscriber = ["bng0"]
uplink = ["up0"]
known = 2000

[class.dynamic]
mode = "enforce"
cap = 5
delay = "1s"

[class.fixed]
mode = "observe"
cap = 20
delay = "0s"

[[pool]]
prefix = "192.0.2.0/24"
class = "fixed"

[[pool]]
prefix = "100.64.0.0/10"
class = "dynamic"

[[pool]]
prefix = "2001:db8::/32"
line = 56
class = "dynamic"

[[line]]
name = "of-the-file"
class = "fixed"
addresses = ["192.0.2.200", "2001:db8:aaaa::/48", "192.0.2.201:1024-2047"]

[[map]]
ipv6 = "2001:db8:100::/40"
ipv4 = "203.0.113.0/24"
ea_bits = 16
class = "dynamic"
"""
HEADER = "line,class,addresses,fixed\n"


@cache
def config() -> Config:
    checked = parse(CONFIG.encode())
    assert checked.config is not None, checked.problems
    return checked.config


def address(text: str, port_set: int | None = None) -> Address:
    network = ip_network(text)
    return Address(network.network_address.packed, network.prefixlen, port_set)


def good(text: str, kind: ListKind = ListKind.CSV) -> StaticList:
    checked = read_list(text.encode(), kind, config())
    assert checked.problems == ()
    assert checked.lines is not None
    return checked.lines


def told(content: str | bytes, kind: ListKind = ListKind.CSV) -> list[str]:
    checked = read_list(content if isinstance(content, bytes) else content.encode(), kind, config())
    assert checked.lines is None
    return [problem.sentence("lines") for problem in checked.problems]


def test_a_list_in_csv() -> None:
    read = good(HEADER + "office-17,fixed,192.0.2.7 2001:db8:17::/48,yes\nhome-4,dynamic,100.64.0.1,\n")
    assert read.lines == {"office-17": StaticLine("fixed", fixed=True), "home-4": StaticLine("dynamic")}
    assert read.addresses == {
        address("192.0.2.7"): "office-17",
        address("2001:db8:17::/48"): "office-17",
        address("100.64.0.1"): "home-4",
    }


def test_the_same_list_in_toml() -> None:
    text = """\
[[line]]
name = "office-17"
class = "fixed"
addresses = ["192.0.2.7", "2001:db8:17::/48"]
fixed = true

[[line]]
name = "home-4"
class = "dynamic"
addresses = ["100.64.0.1"]
"""
    in_csv = HEADER + "office-17,fixed,192.0.2.7 2001:db8:17::/48,yes\nhome-4,dynamic,100.64.0.1,no\n"
    assert good(text, ListKind.TOML) == good(in_csv)


def test_rows_of_one_line_are_merged() -> None:
    apart = good(HEADER + "a,fixed,192.0.2.7,yes\nb,fixed,192.0.2.9,no\na,fixed,192.0.2.8,yes\n")
    assert apart == good(HEADER + "a,fixed,192.0.2.7 192.0.2.8,yes\nb,fixed,192.0.2.9,\n")


@pytest.mark.parametrize(
    "text",
    [
        "addresses,fixed,line,class\n192.0.2.7,yes,a,fixed\n",
        "\ufeffline,class,addresses,fixed\r\n\r\na,fixed,192.0.2.7,Yes\r\n",
        'line,class,addresses,fixed\n"a","fixed"," 192.0.2.7 ",TRUE',
        "line , class , addresses , fixed\n a , fixed , 192.0.2.7/32 , yes \n",
    ],
)
def test_the_ways_in_which_programs_write_csv(text: str) -> None:
    assert good(text) == StaticList({"a": StaticLine("fixed", fixed=True)}, {address("192.0.2.7"): "a"})


def test_fixed_may_be_left_out() -> None:
    assert good("line,class,addresses\na,fixed,192.0.2.7\n").lines == {"a": StaticLine("fixed")}


def test_a_prefix_of_ipv4_is_held_address_by_address() -> None:
    held = good(HEADER + "a,fixed,192.0.2.8/30,yes\n").addresses
    assert held == {address(f"192.0.2.{last}"): "a" for last in range(8, 12)}


def test_ports_are_numbered_so_that_they_stay_when_others_come() -> None:
    alone = good(HEADER + "a,fixed,192.0.2.1:3072-4095,no\n")
    both = good(HEADER + "b,dynamic,192.0.2.1:1024-2047,no\na,fixed,192.0.2.1:3072-4095,no\n")
    assert alone.addresses == {address("192.0.2.1", 3): "a"}
    assert both.addresses == {address("192.0.2.1", 3): "a", address("192.0.2.1", 1): "b"}
    assert both.port_plans == {bytes([192, 0, 2, 1]): PortPlan("fixed", first=0, size=1024)}
    assert alone.port_plans == both.port_plans


def test_ports_that_do_not_begin_at_a_multiple() -> None:
    read = good(HEADER + "a,fixed,192.0.2.1:1040-2047,no\nb,fixed,192.0.2.1:4064-5071,no\n")
    assert read.port_plans == {bytes([192, 0, 2, 1]): PortPlan("fixed", first=32, size=1008)}
    assert read.addresses == {address("192.0.2.1", 1): "a", address("192.0.2.1", 4): "b"}


def test_a_map_prefix_brings_its_share_of_an_address() -> None:
    assert good(HEADER + "a,dynamic,2001:db8:112:3400::/56,no\n").addresses == {
        address("2001:db8:112:3400::/56"): "a",
        Address(bytes([203, 0, 113, 0x12]), 32, 0x34): "a",
    }


def test_a_map_prefix_of_a_line_of_the_configuration_brings_its_share_too() -> None:
    line = '[[line]]\nname = "b"\nclass = "dynamic"\naddresses = ["2001:db8:112:3500::/56"]\n'
    checked = parse((CONFIG + line).encode())
    assert checked.config is not None
    share = Address(bytes([203, 0, 113, 0x12]), 32, 0x35)
    assert config_list(checked.config).addresses[share] == "b"


def test_the_lines_of_the_configuration_as_a_list() -> None:
    assert config_list(config()) == StaticList(
        {"of-the-file": StaticLine("fixed")},
        {
            address("192.0.2.200"): "of-the-file",
            address("2001:db8:aaaa::/48"): "of-the-file",
            address("192.0.2.201", 1): "of-the-file",
        },
        {bytes([192, 0, 2, 201]): PortPlan("fixed", first=0, size=1024)},
    )


@pytest.mark.parametrize("row", ["", "\n\n"])
def test_an_empty_list_is_read_with_a_warning(row: str) -> None:
    checked = read_list((HEADER + row).encode(), ListKind.CSV, config())
    assert checked.lines == StaticList()
    assert [problem.severity for problem in checked.problems] == [Severity.WARNING]


# Each wrong list, with the line that is told and what is said.
WRONG = [
    ("", 1, "does not name the columns: line, class, addresses not there"),
    ("line,class\n", 1, "addresses not there: let it be: line,class,addresses,fixed,contact,language"),
    ("line;class;addresses;fixed\na;fixed;192.0.2.7;yes\n", 1, "this key is unknown"),
    ("line,class,addresses,fix\n", 1, 'did you mean "fixed"?'),
    ("line,class,addresses,line\n", 1, "this column is there twice"),
    (HEADER + "a,fixed,192.0.2.7\n", 2, "3 columns stand here, 4 in the first line"),
    (HEADER + "a,fixed,192.0.2.7,192.0.2.8,yes\n", 2, "and the addresses of a line by spaces"),
    (HEADER + 'a,fixed,192.0.2.7,yes\nb,"fixed"x,192.0.2.8,no\n', 3, "this is not CSV"),
    (HEADER + 'a,fixed,192.0.2.7,yes\nb,"fixed,192.0.2.8,no\n\n\n', 3, "this is not CSV: unexpected end"),
    (HEADER + "a,fixed,192.0.2.7,perhaps\n", 2, '"perhaps" is neither yes nor no'),
    (HEADER + "a,bronze,192.0.2.7,yes\n", 2, 'no class "bronze" (known: "dynamic", "fixed")'),
    (HEADER + "a,,192.0.2.7,yes\n", 2, 'there is no class ""'),
    (HEADER + ",fixed,192.0.2.7,yes\n", 2, "the line has no name"),
    (HEADER + "a\x07b,fixed,192.0.2.7,yes\n", 2, "cannot name a line"),
    (HEADER + "a" * 201 + ",fixed,192.0.2.7,yes\n", 2, "cannot name a line"),
    (HEADER + "a,fixed,192.0.2.256,yes\n", 2, '"192.0.2.256" is no address or prefix'),
    (HEADER + "a,fixed,192.0.2.07,yes\n", 2, "is no address or prefix"),
    (HEADER + "a,fixed,192.0.2.9/29,yes\n", 2, 'bits set beyond its length: write "192.0.2.8/29"'),
    (HEADER + "a,fixed,2001:db8::1/56,yes\n", 2, "bits set beyond its length"),
    (HEADER + "a,fixed,::ffff:192.0.2.9,yes\n", 2, "is an IPv4 address inside IPv6"),
    (HEADER + "a,fixed,192.0.2.7:2047-1024,yes\n", 2, "has no such ports"),
    (HEADER + "a,fixed,192.0.2.7:0-65535,yes\n", 2, "is every port"),
    (HEADER + "a,dynamic,100.64.0.0/15,yes\n", 2, "make it a [[pool]]"),
    (HEADER + "a,fixed,198.51.100.7,yes\n", 2, '"198.51.100.7" is in no pool: add a [[pool]]'),
    (HEADER + "a,fixed,192.0.0.0/16,yes\n", 2, "is in no pool"),
    (HEADER + "a,fixed,2001:db9::/48,yes\n", 2, "is in no pool"),
    (HEADER + "a,fixed,198.51.100.7:1024-2047,yes\n", 2, "is in no pool"),
    (HEADER + "a,fixed,192.0.2.7,yes\nb,fixed,192.0.2.7,yes\n", 3, '"192.0.2.7" is held by "a" too'),
    (HEADER + "a,fixed,192.0.2.7 192.0.2.7,yes\n", 2, 'is held by "a" too'),
    (HEADER + "a,fixed,192.0.2.7,yes\nb,fixed,192.0.2.0/28,yes\n", 3, '"192.0.2.0/28" is held by "a" too'),
    (HEADER + "a,fixed,2001:db8:1::/48,no\nb,fixed,2001:db8:1:100::/56,no\n", 3, 'held by "a" too'),
    (HEADER + "a,fixed,2001:db8:1:100::/56,no\nb,fixed,2001:db8:1::/48,no\n", 2, 'held by "b" too'),
    (HEADER + "b,fixed,192.0.2.200,no\n", 2, 'is held by "of-the-file" too'),
    (HEADER + "b,fixed,2001:db8:aaaa:1::/64,no\n", 2, 'is held by "of-the-file" too'),
    (HEADER + "a,fixed,192.0.2.1,no\nb,fixed,2001:db8:a000::/36,no\n", 3, 'held by "of-the-file" too'),
    (HEADER + "b,fixed,192.0.2.201,no\n", 2, "is held by lines that share it"),
    (HEADER + "b,fixed,192.0.2.201:2048-3071,no\n", 2, "is divided in the configuration"),
    (HEADER + "b,fixed,192.0.2.200:2048-3071,no\n", 2, 'is held by "of-the-file" too'),
    (HEADER + "b,dynamic,203.0.113.1,no\n", 2, "is in no pool"),
    (HEADER + "of-the-file,fixed,192.0.2.1,no\n", 2, "is a [[line]] of the configuration"),
    (HEADER + "a,fixed,192.0.2.1,yes\na,dynamic,192.0.2.2,yes\n", 3, '"a" has another class in a row before'),
    (HEADER + "a,fixed,192.0.2.1,yes\na,fixed,192.0.2.2,no\n", 3, '"a" has another fixed in a row before'),
    (
        HEADER + "a,fixed,192.0.2.1,no\nb,fixed,192.0.2.1:1024-2047,no\n",
        3,
        '"192.0.2.1" is held by "a" too',
    ),
    (
        HEADER + "a,fixed,192.0.2.1:1024-2047,no\nb,fixed,192.0.2.1:1024-2047,no\n",
        3,
        "ports 1024-2047 of 192.0.2.1 are held twice",
    ),
    (
        HEADER + "a,fixed,192.0.2.1:1024-2047,no\nb,fixed,192.0.2.1:2000-3023,no\n",
        3,
        "do not fit beside 1024-2047",
    ),
]


@pytest.mark.parametrize(("text", "line", "said"), WRONG)
def test_a_wrong_row_is_told_with_its_line(text: str, line: int, said: str) -> None:
    assert [one for one in told(text) if one.startswith(f"lines:{line}: error") and said in one]


def test_everything_wrong_is_told_at_once_and_nothing_is_half_read() -> None:
    text = HEADER + "a,bronze,192.0.2.7,yes\nb,fixed,198.51.100.1,yes\nc,fixed,192.0.2.7,maybe\n"
    assert [sentence.split(": ")[0] for sentence in told(text)] == [
        "lines:2",
        "lines:3",
        "lines:4",
        "lines:4",
    ]


def test_a_quoted_line_end_does_not_shift_the_lines() -> None:
    text = HEADER + 'a,fixed,"192.0.2.7\n192.0.2.8",yes\nb,fixed,192.0.2.300,no\n'
    assert told(text)[0].startswith("lines:4: error: addresses")


def test_a_byte_that_is_not_utf_8_is_told() -> None:
    (only,) = told(HEADER.encode() + b"a,fixed,192.0.2.7,yes\nb\xfcro,fixed,192.0.2.8,no\n")
    assert only == "lines:3: error: byte 0xfc is not UTF-8: save the file as UTF-8"


def test_more_is_wrong_than_anybody_reads() -> None:
    sentences = told(HEADER + "a,fixed,203.0.113.300,no\n" * (MOST_TOLD + 500))
    assert len(sentences) == MOST_TOLD + 1
    assert "more problems are not shown" in sentences[-1]


def test_a_list_for_which_the_gate_has_no_room() -> None:
    rows = "".join(f"line-{n},dynamic,100.64.{n // 250}.{n % 250},no\n" for n in range(2_001))
    (only,) = told(HEADER + rows)
    assert "the list has 2,001 lines, the gate room for 2,000: write a larger `known`" in only


def test_too_many_lengths_of_prefixes() -> None:
    rows = "".join(f"a,fixed,2001:db8:{n:x}::/{length},no\n" for n, length in enumerate(range(48, 57)))
    assert any("have 9 lengths, more than a gate's 8" in one for one in told(HEADER + rows))


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("[[line]\n", 1, "this is not TOML"),
        ("[lines]\n", 1, 'lines: this key is unknown: did you mean "line"?'),
        ('[[line]]\nname = "a"\nclass = "fixed"\naddresses = ["x"]\n', 4, '"x" is no address or prefix'),
        ('[[line]]\nname = "a"\nclass = "none"\naddresses = ["192.0.2.1"]\n', 3, 'there is no class "none"'),
        (
            '[[line]]\nname = "a"\nclass = "fixed"\nfixed = "yes"\naddresses = ["192.0.2.1"]\n',
            4,
            "line[0].fixed",
        ),
        (
            '[[line]]\nname = "a"\nclass = "fixed"\naddresses = [\n"192.0.2.1",\n"198.51.100.1"]\n',
            4,
            '"198.51.100.1" is in no pool',
        ),
        (
            '[[line]]\nname = "a\\u0007"\nclass = "fixed"\naddresses = ["192.0.2.1"]\n',
            2,
            "cannot name a line",
        ),
    ],
)
def test_a_wrong_table_is_told_with_its_line(text: str, line: int, said: str) -> None:
    sentences = told(text, ListKind.TOML)
    assert [one for one in sentences if one.startswith(f"lines:{line}: error") and said in one], sentences


@given(st.binary(max_size=200), st.sampled_from(ListKind))
def test_any_bytes_are_read_or_told(content: bytes, kind: ListKind) -> None:
    checked = read_list(content, kind, config())
    assert (checked.lines is None) == any(one.severity is Severity.ERROR for one in checked.problems)


_PARTS = (
    *("a", "b", "fixed", "dynamic", "yes", "no", "", '"', "\n", ",", " "),
    *("192.0.2.1", "192.0.2.0/30", "192.0.2.1:1024-2047", "192.0.2.1:2048-3071", "192.0.2.2:1-7"),
    *("2001:db8:1::/48", "2001:db8:1:2::/64"),
)


def rows() -> st.SearchStrategy[str]:
    held = st.lists(st.sampled_from(_PARTS[-7:]), min_size=1, max_size=2).map(" ".join)
    row = st.tuples(st.sampled_from("abc"), held).map(lambda one: f"{one[0]},fixed,{one[1]},no")
    return st.lists(row, max_size=4).map("\n".join)


@given(st.one_of(rows(), st.lists(st.sampled_from(_PARTS), max_size=40).map("".join)))
def test_no_list_that_is_read_gives_an_address_to_two(text: str) -> None:
    """Whatever stands in it: what is held does not overlap, and nobody who holds is unknown."""
    checked = read_list((HEADER + text).encode(), ListKind.CSV, config())
    if checked.lines is None:
        return
    held = checked.lines.addresses
    assert set(held.values()) == set(checked.lines.lines)
    whole = [ip_network((one.network, one.length)) for one in held if one.port_set is None]
    shared = {ip_network((one.network, one.length)) for one in held if one.port_set is not None}
    every = [*whole, *shared]
    for index, one in enumerate(every):
        assert not any(one.version == other.version and one.overlaps(other) for other in every[:index])


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (HEADER + "a,fixed,,\nb,dynamic,192.0.2.7,yes\n", ListKind.CSV),
        ('[[line]]\nname = "a"\nclass = "fixed"\n', ListKind.TOML),
        ('[[line]]\nname = "a"\nclass = "fixed"\naddresses = []\n', ListKind.TOML),
    ],
)
def test_a_line_without_addresses_gets_its_class_alone(content: str, kind: ListKind) -> None:
    read = good(content, kind)
    assert read.lines["a"] == StaticLine("fixed")
    assert "a" not in read.addresses.values()


def test_a_line_may_say_where_its_customer_is_told_and_in_which_language() -> None:
    header = "line,class,addresses,contact,language\n"
    read = good(header + "a,fixed,192.0.2.7,office@example.net,en\nb,dynamic,,,\n")
    assert read.lines == {
        "a": StaticLine("fixed", contact="office@example.net", language="en"),
        "b": StaticLine("dynamic"),
    }
    in_toml = '[[line]]\nname = "a"\nclass = "fixed"\ncontact = "a@example.net"\n'
    assert good(in_toml, ListKind.TOML).lines == {"a": StaticLine("fixed", contact="a@example.net")}


@pytest.mark.parametrize(
    ("row", "key", "what"),
    [
        ("a,fixed,,secret at example.net,", "contact", "this is no mail address"),
        ("a,fixed,,secret@example.net\u2028x,", "contact", "this is no mail address"),
        ("a,fixed,,a@example.net,fr", "language", '"fr" is no language of notices'),
    ],
)
def test_a_contact_that_cannot_be_is_told_and_not_repeated(row: str, key: str, what: str) -> None:
    content = f"line,class,addresses,contact,language\n{row}\n".encode()
    (problem,) = read_list(content, ListKind.CSV, config()).problems
    assert (problem.line, problem.key) == (2, key)
    assert what in problem.what
    assert "secret" not in problem.what + problem.way_out


def test_another_contact_of_the_same_line_is_told() -> None:
    header = b"line,class,addresses,contact\n"
    content = header + b"a,fixed,192.0.2.7,a@example.net\na,fixed,192.0.2.8,b@example.net\n"
    (problem,) = read_list(content, ListKind.CSV, config()).problems
    assert problem.what == '"a" has another contact in a row before'
