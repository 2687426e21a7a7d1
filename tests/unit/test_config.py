import re
import tomllib
from ipaddress import IPv4Network, IPv6Network, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.config import Config, Severity, digest, errors, parse
from sekisho.config.holdings import Place, overlaps
from sekisho.config.locate import locate
from sekisho.model import Excess, Mode, View
from tests.unit.configuring import DYNAMIC, GATE, POOL, SHIPPED, good, problems

END = DYNAMIC + POOL
GOOD = GATE + END
IPV6 = GOOD.replace("100.64.0.0/16", "2001:db8::/36")
EXAMPLE = """\
[gate]
subscriber = ["bng0"]                # interfaces toward the lines
uplink     = ["up0"]                 # interfaces toward the Internet
exempt     = ["203.0.113.0/24"]      # our own mail servers: never limited

[[pool]]
prefix = "100.64.0.0/16"             # each address is a line
class  = "dynamic"

[[pool]]
prefix = "2001:db8:4000::/36"
line   = 56                          # each /56 is a line
class  = "dynamic"

[class.dynamic]
mode   = "enforce"
cap    = 5
delay  = "1s"
excess = "drop"
"""


def line(text: str) -> str:
    return f'[[line]]\nname = "a"\nclass = "dynamic"\naddresses = {text}\n'


def test_the_example_of_the_design_is_read() -> None:
    config = good(EXAMPLE)
    assert problems(EXAMPLE) == ()
    assert config.gate.subscriber == ("bng0",)
    assert config.gate.exempt == (IPv4Network("203.0.113.0/24"),)
    assert [(pool.prefix, pool.line_length, pool.class_name) for pool in config.pools] == [
        (IPv4Network("100.64.0.0/16"), 32, "dynamic"),
        (IPv6Network("2001:db8:4000::/36"), 56, "dynamic"),
    ]
    limit = config.classes["dynamic"]
    assert (limit.mode, limit.cap, limit.delay_ms, limit.excess) == (Mode.ENFORCE, 5, 1_000, Excess.DROP)


def test_the_shipped_example_is_read_without_a_warning() -> None:
    assert parse(SHIPPED.read_bytes()).problems == ()


def test_the_shipped_example_shows_the_true_defaults() -> None:
    text = SHIPPED.read_text()
    stated = re.sub(r"^# (?=[a-z_]+ +=|\[gate)", "", text, flags=re.MULTILINE)
    assert stated.count("\n# ") < text.count("\n# ")
    assert good(stated) == good(text)


def test_the_shipped_example_shows_every_key_of_the_gate() -> None:
    stated = re.sub(r"^# (?=[a-z_]+ +=|\[gate)", "", SHIPPED.read_text(), flags=re.MULTILINE)
    keys = tomllib.loads(stated)["gate"]
    fields = Config.model_fields["gate"].annotation.model_fields  # type: ignore[union-attr]
    assert set(keys) == {field.alias or name for name, field in fields.items()}


def test_half_view_needs_no_uplink() -> None:
    assert good('[gate]\nsubscriber = ["a"]\nview = "half"\n' + POOL + DYNAMIC).gate.view is View.HALF


def test_one_interface_in_both_lists_is_steered() -> None:
    assert good('[gate]\nsubscriber = ["a"]\nuplink = ["a"]\n' + POOL + DYNAMIC).gate.uplink == ("a",)


def test_a_pool_may_lie_in_exempt_destinations() -> None:
    assert problems(GATE + 'exempt = ["100.64.0.0/10"]\n' + POOL + DYNAMIC) == ()


def test_lines_may_lie_in_a_pool_and_share_an_address_by_ports() -> None:
    text = GOOD + line('["100.64.0.1:1024-2047", "100.64.0.9", "2001:db8::/56"]')
    text += line('["100.64.0.1:3072-4095"]').replace('"a"', '"b"')
    assert problems(text) == ()
    assert good(text).lines[0].addresses[0].ports == (1024, 2047)


# Each wrong text, with the line that is told, its key, and what is said.
WRONG = [
    ("[gate", 1, "", "this is not TOML"),
    ("[gate]\nname = 1 2\n", 2, "", "this is not TOML"),
    (GOOD + "[class.dynamic]\n", 11, "", "this is not TOML"),
    (DYNAMIC + POOL, 1, "", "there is no [gate]"),
    (GOOD + "[gates]\n", 11, "gates", 'this key is unknown: did you mean "gate"?'),
    (GATE + "slot = 5\n" + END, 4, "gate.slot", 'did you mean "slots"?'),
    (GATE + "[gate.timeouts]\nzz = 5\n" + END, 5, "gate.timeouts.zz", "known here are: half_closed, idle"),
    (GOOD + 'lines = "1"\n', 11, "pool[0].lines", 'did you mean "line"?'),
    ("gate = 5\n", 1, "gate", "5 is not a table"),
    (GATE + "[pool]\n", 4, "pool", "write its header as [[pool]]"),
    ("class = 5\n" + GATE, 1, "class", "5 is no table: write it as [class.NAME]"),
    ('[gate]\nuplink = ["a"]\n' + END, 1, "gate.subscriber", "no interface is named"),
    ('[gate]\nsubscriber = ["a"]\n' + END, 1, "gate.uplink", 'or write view = "half"'),
    (GATE + 'view = "half"\n' + END, 3, "gate.uplink", "does not read the answers"),
    (GATE.replace('"bng0"', '"bng0", "bng0"') + END, 2, "gate.subscriber[1]", "is named twice"),
    (GATE.replace("bng0", "a/b") + END, 2, "gate.subscriber[0]", "cannot be the name of an interface"),
    (GATE.replace("bng0", "a" * 16) + END, 2, "gate.subscriber[0]", "cannot be the name of an interface"),
    (GATE.replace('["bng0"]', '"bng0"') + END, 2, "gate.subscriber", '"bng0" is not a list'),
    (GATE + 'name = "a.b"\n' + END, 4, "gate.name", '"a.b" cannot name a class or a gate'),
    (
        GATE + 'view = "whole"\n' + END,
        4,
        "gate.view",
        '"whole" is not one of the choices: write "full" or "half"',
    ),
    (GATE + "lines = 0\n" + END, 4, "gate.lines", "0 is out of bounds: give at least 1"),
    (GATE + "slots = 99999999999\n" + END, 4, "gate.slots", "give at most 67,108,864"),
    (GATE + 'slots = "5"\n' + END, 4, "gate.slots", '"5" is not a whole number'),
    (GATE + 'learn = "2h"\n' + END, 4, "gate.learn", '"2h" is out of bounds: give at most 1h'),
    (GATE + "learn = 60\n" + END, 4, "gate.learn", '60 is not a text in quotes: write it as in "1s"'),
    (GATE + 'exempt = [\n"203.0.113.1/24"]\n' + END, 5, "gate.exempt[0]", 'write "203.0.113.0/24" if that'),
    (GATE + 'exempt = ["mail"]\n' + END, 4, "gate.exempt[0]", '"mail" is no address or prefix'),
    (GATE + 'exempt = ["::/0"]\n' + END, 4, "gate.exempt[0]", "exempts every server there is"),
    (
        GATE + 'exempt = ["0.0.0.0/1", "128.0.0.0/1"]\n' + END,
        4,
        "gate.exempt",
        "prefixes exempt every IPv4 server there is: name your own mail servers",
    ),
    (GATE + 'exempt = ["2000::/3"]\n' + END, 4, "gate.exempt", "exempt every IPv6 server there is"),
    (
        GATE + END + line('["10.0.0.0/8"]'),
        1,
        "gate.addresses",
        'make "10.0.0.0/8" a [[pool]]',
    ),
    (GATE + "cap =\n", 4, "", "a line is a header, as [gate] or [[pool]], or key = value"),
    (GOOD.replace("/16", "/8").replace("100.64", "100.65"), 9, "pool[0].prefix", "has bits set"),
    (GATE + 'exempt = ["::ffff:1.2.3.4"]\n' + END, 4, "gate.exempt[0]", "write it as IPv4"),
    (GATE + "[class.dynamic]\n" + POOL, 4, "class.dynamic.cap", "add a line such as: cap = 5"),
    (GOOD + "[class.dynamic.more]\n", 11, "class.dynamic.more", "this key is unknown"),
    (GOOD.replace("cap = 5", "cap = 0"), 6, "class.dynamic.cap", "a cap of 0 would close port 25"),
    (GOOD.replace("cap = 5", "cap = -1"), 6, "class.dynamic.cap", "a cap of -1 sessions cannot be"),
    (GOOD.replace("cap = 5", "cap = true"), 6, "class.dynamic.cap", "true is not a whole number"),
    (GOOD.replace("cap = 5", "cap = 300000"), 6, "class.dynamic.cap", "more than the gate's 262,144 slots"),
    (
        GOOD.replace('"1s"', '"20001ms"'),
        7,
        "class.dynamic.delay",
        "20.001s is so long that honest mail programs",
    ),
    (
        GOOD.replace('"1s"', '"5"'),
        7,
        "class.dynamic.delay",
        '"5" is not a duration: write a number and its unit',
    ),
    (GOOD + '[class."a b"]\nmode = "observe"\ncap = 1\ndelay = "0s"', 11, "class.a b", "cannot name a class"),
    (GOOD.replace("100.64.0.0/16", "100.64.0.0/8"), 9, "pool[0].prefix", 'write "100.0.0.0/8"'),
    (
        GOOD.replace('"dynamic"', '"dynamics"'),
        10,
        "pool[0].class",
        'there is no class "dynamics" (known: "dynamic")',
    ),
    (GOOD + "line = 24\n", 11, "pool[0].line", "in IPv4 each address is a line: take `line` out"),
    (IPV6, 8, "pool[0].line", "add a line such as: line = 56"),
    (IPV6 + "line = 65", 11, "pool[0].line", "from 36, the pool's, to 64"),
    (IPV6 + "line = 35", 11, "pool[0].line", "from 36, the pool's, to 64"),
    (
        GOOD.replace("100.64.0.0/16", "2001:db8::/96") + "line = 64",
        11,
        "pool[0].line",
        "a pool of /64 or shorter",
    ),
    (
        GOOD.replace("100.64.0.0/16", "fe80::/36") + "line = 56",
        9,
        "pool[0].prefix",
        "neither global (2000::/3)",
    ),
    (GOOD + POOL.replace("/16", "/24"), 12, "pool[1].prefix", 'overlaps with "100.64.0.0/16" of pool[0]'),
    (GOOD + line("[]"), 14, "line[0].addresses", '"a" holds no address'),
    (GOOD + line('["192.0.2.1", "192.0.2.0/30"]'), 14, "line[0].addresses[1]", "is held twice"),
    (GOOD + line('["192.0.2.1", "192.0.2.1:0-1023"]'), 14, "line[0].addresses[1]", "is held twice"),
    (
        GOOD + line('["192.0.2.1:0-1023", "192.0.2.1:0-1023"]'),
        14,
        "line[0].addresses[1]",
        "ports 0-1023 of 192.0.2.1 are",
    ),
    (
        GOOD + line('["192.0.2.1:0-1023", "192.0.2.1:1025-2048"]'),
        14,
        "line[0].addresses[1]",
        "do not fit beside 0-1023",
    ),
    (GOOD + line('["192.0.2.1:9-5"]'), 14, "line[0].addresses[0]", "has no such ports"),
    (
        GOOD + line('["192.0.2.1:0-65535"]'),
        14,
        "line[0].addresses[0]",
        "is every port: write the address alone",
    ),
    (
        GOOD + line('["192.0.2.1"]') + line('["192.0.2.2"]'),
        16,
        "line[1].name",
        '"a" is also the name of line[0]',
    ),
    (GOOD + line('["192.0.2.1"]').replace('"a"', '""'), 12, "line[0].name", "the text is empty"),
    (
        GOOD + line('["10.0.0.0/17", "10.1.0.0/17", "10.2.0.0/17", "10.3.0.0/17", "10.4.0.0/17"]'),
        1,
        "gate.addresses",
        "write addresses = 163840 or more",
    ),
]


@pytest.mark.parametrize(("text", "number", "key", "said"), WRONG)
def test_a_wrong_value_is_told_with_its_line(text: str, number: int, key: str, said: str) -> None:
    checked = parse(text.encode())
    assert checked.config is None
    found = [problem for problem in errors(checked.problems) if problem.key == key and problem.line == number]
    assert found, checked.problems
    assert any(said in problem.sentence("x.toml") for problem in found), found
    assert all(problem.way_out for problem in found)


def test_too_many_prefix_lengths_are_refused() -> None:
    addresses = [f"2001:db8:{number:x}00::/{48 + number}" for number in range(9)]
    text = GOOD + line(str(addresses).replace("'", '"'))
    assert ["more than a gate's 8" in problem.what for problem in problems(text)] == [True]


def test_too_many_classes_and_delays_are_refused() -> None:
    text = GOOD + "".join(
        DYNAMIC.replace("dynamic", f"c{number}").replace("1s", f"{number + 2}ms") for number in range(64)
    )
    said = [problem.what for problem in problems(text)]
    assert said == [
        "65 classes are more than the gate's 64",
        "65 different delays are more than the gate's 16 banks of queues",
    ]


def test_a_pool_that_cannot_be_read_is_not_called_missing() -> None:
    (problem,) = problems(GATE + DYNAMIC + POOL.replace("100.64.0.0/16", "100.64.7.7/16"))
    assert problem.key == "pool[0].prefix"


def test_brackets_beyond_all_measure_are_told() -> None:
    (problem,) = parse(f"x = {'[' * 3000}{']' * 3000}\n".encode()).problems
    assert "nested too deeply" in problem.what


def test_a_byte_order_mark_is_passed_over() -> None:
    assert parse(b"\xef\xbb\xbf" + GOOD.encode()).config is not None


def test_a_byte_that_is_not_utf_8_is_told() -> None:
    (problem,) = parse(b"[gate]\n# caf\xe9\n").problems
    assert (problem.line, problem.what) == (2, "byte 0xe9 is not UTF-8")


@pytest.mark.parametrize(
    ("text", "number", "said"),
    [
        (
            GOOD.replace('"1s"', '"6s"'),
            7,
            "after 6s some mail programs and self-hosting checks have given up",
        ),
        (GATE + DYNAMIC, 1, "there is no [[pool]] and no [[line]]"),
        (GATE + '[gate.timeouts]\nidle = "5m"\n' + END, 5, "a session silent for 5m is cut"),
    ],
)
def test_a_warning_refuses_nothing(text: str, number: int, said: str) -> None:
    checked = parse(text.encode())
    assert checked.config is not None
    (problem,) = checked.problems
    assert problem.severity is Severity.WARNING
    assert problem.line == number
    assert said in problem.what


def test_everything_wrong_is_told_at_once_and_in_order() -> None:
    text = """\
[gate]
subscriber = ["a"]
uplink = "b"
slot = 3

[[pool]]
prefix = "10.0.0.0/8"
class = "dynamic"

[[pool]]
prefix = "10.1.0.0/16"
class = "dynamics"
colour = "red"

[class.dynamic]
mode = "enforced"
cap = 0
delay = "30s"
"""
    assert [(problem.line, problem.key) for problem in problems(text)] == [
        (3, "gate.uplink"),
        (4, "gate.slot"),
        (11, "pool[1].prefix"),
        (12, "pool[1].class"),
        (13, "pool[1].colour"),
        (16, "class.dynamic.mode"),
        (17, "class.dynamic.cap"),
        (18, "class.dynamic.delay"),
    ]


def test_a_sentence_is_written_as_compilers_do() -> None:
    (problem,) = problems(GOOD.replace("cap = 5", "cap = 0"))
    assert problem.sentence("x.toml").startswith(
        "x.toml:6: error: class.dynamic.cap: a cap of 0 would close port 25"
    )


def test_equal_files_have_equal_digests_whatever_their_comments() -> None:
    other = GOOD.replace("cap = 5", "cap = 6")
    assert digest(good(GOOD)) == digest(good("# a word\n" + GOOD))
    assert good(GOOD) == good("# a word\n" + GOOD)
    assert digest(good(GOOD)) != digest(good(other))


def test_a_configuration_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        good(GOOD).gate.slots = 5


def test_the_line_of_every_kind_of_key_is_found() -> None:
    text = '''\
top = """
[not.a.header]
x = 1""" # and not = here
a.b."c d" = 1
list = [ # first
  "x # no comment",
  { k = 'v', l = [1,
     2] },
]
[t.u]
"q\\"" = "a\\\\"
[[t.v]]
x = ''\'
]''\'
[[t.v]]
y = 1979-05-27T07:32:00Z
[t.v.w]
z = []
'''
    tomllib.loads(text)
    lines = locate(text)
    assert lines[("top",)] == 1
    assert lines[("a", "b", "c d")] == 4
    assert (lines[("list",)], lines[("list", 0)], lines[("list", 1)]) == (5, 6, 7)
    assert (lines[("list", 1, "k")], lines[("list", 1, "l", 1)]) == (7, 8)
    assert lines[("t", "u", 'q"')] == 11
    assert (lines[("t", "v", 0)], lines[("t", "v", 0, "x")]) == (12, 13)
    assert (lines[("t", "v", 1)], lines[("t", "v", 1, "y")]) == (15, 16)
    assert lines[("t", "v", 1, "w", "z")] == 18


values = st.recursive(
    st.integers() | st.booleans() | st.text(st.characters(max_codepoint=0x2FF), max_size=8),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=6,
)
keys = st.sampled_from(["gate", "pool", "class", "line", "name", "cap", "x"])


def toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    if isinstance(value, str):
        return '"' + "".join(f"\\U{ord(character):08x}" for character in value) + '"'
    return str(value)


@given(st.dictionaries(keys, st.dictionaries(keys, values, max_size=3), max_size=4))
def test_any_toml_is_a_configuration_or_told_with_lines_in_the_text(
    tables: dict[str, dict[str, object]],
) -> None:
    text = "".join(
        f"[{name}]\n" + "".join(f"{key} = {toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
    checked = parse(text.encode())
    assert (checked.config is None) == bool(errors(checked.problems))
    assert all(1 <= problem.line <= max(1, text.count("\n")) for problem in checked.problems)


@given(st.binary(max_size=40))
def test_any_bytes_are_told(content: bytes) -> None:
    assert parse(content).config is None


networks = st.builds(
    lambda bits, length: ip_network((bits, length), strict=False),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


@given(st.lists(networks, max_size=6))
def test_overlaps_are_told_exactly_where_there_are_some(drawn: list[IPv4Network]) -> None:
    places = [Place(network, ("pool", index)) for index, network in enumerate(drawn)]
    told = list(overlaps(places))
    some = any(one.overlaps(other) for index, one in enumerate(drawn) for other in drawn[:index])
    assert bool(told) == some
    for earlier, later in told:
        assert earlier.network.overlaps(later.network)
        assert earlier.path < later.path
