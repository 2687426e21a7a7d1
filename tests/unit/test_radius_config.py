"""[radius] and its clients: what is refused, with the reason."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

import pytest

from sekisho.config import Severity, errors, parse
from sekisho.lines.radius import Naming
from tests.unit.configuring import BASE, SHIPPED, good

LISTEN = '[radius]\nlisten = ["127.0.0.1:1813"]\n'


def client(address: str, name: str = "bng1") -> str:
    return f'[[radius.client]]\nname = "{name}"\naddress = "{address}"\nsecret_file = "bng1"\n'


def with_nas(address: str, name: str) -> str:
    return f'{client(address, name)}nas = ["{name}"]\n'


def told(text: str) -> dict[str, str]:
    """What is wrong, by key."""
    checked = parse((BASE + text).encode())
    assert checked.config is None
    return {problem.key: f"{problem.what}: {problem.way_out}" for problem in errors(checked.problems)}


def test_without_radius_there_is_none() -> None:
    config = good(BASE)
    assert config.radius is None
    assert config.radius_clients == ()


def test_the_commented_example_is_good() -> None:
    tables = re.findall(r"^#\[+radius.*\n(?:#[a-z_]+ .*\n)*", SHIPPED.read_text(), flags=re.MULTILINE)
    config = good(BASE + "".join(tables).replace("\n#", "\n")[1:])
    assert config.radius is not None
    assert config.radius.listen == ((IPv4Address("127.0.0.1"), 1813), (IPv6Address("::1"), 1813))
    assert config.radius.line == (Naming.CLASS, Naming.USER_NAME)
    (bng,) = config.radius_clients
    assert (bng.name, bng.address, bng.secret_file) == ("bng1", IPv4Network("192.0.2.1"), "secrets/bng1")


def test_clients_may_be_addresses_and_prefixes_side_by_side() -> None:
    config = good(
        BASE
        + LISTEN
        + with_nas("192.0.2.1", "bng1")
        + with_nas("192.0.2.2", "bng2")
        + with_nas("2001:db8:1::/48", "bng3")
        + with_nas("192.0.2.128/25", "bng4")
    )
    assert [one.address for one in config.radius_clients][2:] == [
        IPv6Network("2001:db8:1::/48"),
        IPv4Network("192.0.2.128/25"),
    ]


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "0.0.0.0/0", "::/0", "0.0.0.0/8"])
def test_a_client_that_would_be_anyone_is_refused(address: str) -> None:
    wrong = told(LISTEN + client(address))
    assert list(wrong) == ["radius.client[0].address"]
    assert "would let anyone send" in wrong["radius.client[0].address"]


@pytest.mark.parametrize("address", ["128.0.0.0/1", "16.0.0.0/7", "2000::/3", "2001:db8::/31"])
def test_a_client_wider_than_any_operator_is_refused(address: str) -> None:
    wrong = told(LISTEN + client(address))
    assert "wider than any network of one operator: name the address" in wrong["radius.client[0].address"]


def test_a_client_may_be_kept_to_its_nases_and_pools() -> None:
    scope = 'nas = ["bng1", "2001:DB8:0::1"]\npools = ["100.64.0.0/16", "2001:db8::/40"]\n'
    (found,) = good(BASE + LISTEN + client("192.0.2.1") + scope).radius_clients
    assert found.nas == ("bng1", "2001:db8::1")
    assert found.pools == (IPv4Network("100.64.0.0/16"), IPv6Network("2001:db8::/40"))


@pytest.mark.parametrize(
    ("clients", "keys"),
    [
        (client("192.0.2.1"), []),
        (client("192.0.2.0/24"), ["radius.client[0].nas"]),
        (with_nas("192.0.2.0/24", "bng1"), []),
        (client("192.0.2.1") + client("192.0.2.2", "bng2"), ["radius.client[0].nas", "radius.client[1].nas"]),
        (with_nas("192.0.2.1", "bng1") + client("192.0.2.2", "bng2"), ["radius.client[1].nas"]),
        (with_nas("192.0.2.1", "bng1") + with_nas("192.0.2.2", "bng2"), []),
    ],
)
def test_clients_of_which_no_nas_can_be_ended_are_warned_of(clients: str, keys: list[str]) -> None:
    checked = parse((BASE + LISTEN + clients).encode())
    assert checked.config is not None
    assert [problem.key for problem in checked.problems] == keys
    assert all(problem.severity is Severity.WARNING for problem in checked.problems)
    assert all("Accounting-On" in problem.what for problem in checked.problems)


@pytest.mark.parametrize(
    ("scope", "key"),
    [
        ('nas = [""]', "nas[0]"),
        ("nas = [7]", "nas[0]"),
        ('pools = ["100.64.0.1/16"]', "pools[0]"),
    ],
)
def test_what_is_no_nas_or_pool_is_refused(scope: str, key: str) -> None:
    assert list(told(LISTEN + client("192.0.2.1") + scope + "\n")) == [f"radius.client[0].{key}"]


def test_two_clients_with_one_address_are_refused() -> None:
    wrong = told(LISTEN + client("192.0.2.1") + client("192.0.2.1", "bng2"))
    assert wrong == {
        "radius.client[1].address": '"192.0.2.1/32" overlaps with "192.0.2.1/32" of radius.client[0]: '
        "cut the prefixes so that each address is one client's"
    }


def test_a_client_inside_the_prefix_of_another_is_refused() -> None:
    wrong = told(LISTEN + client("2001:db8::1") + client("2001:db8::/64", "bng2"))
    assert list(wrong) == ["radius.client[1].address"]


def test_two_clients_with_one_name_are_refused() -> None:
    wrong = told(LISTEN + client("192.0.2.1") + client("192.0.2.2"))
    assert wrong == {"radius.client[1].name": '"bng1" is there twice: leave one of them'}


def test_nobody_to_hear_is_refused() -> None:
    assert "nobody may send accounting" in told(LISTEN)["radius.client"]


def test_a_client_that_cannot_be_read_is_told_once() -> None:
    wrong = told(LISTEN + '[[radius.client]]\nname = "a"\naddress = "192.0.2.1"\n')
    assert wrong == {
        "radius.client[0].secret_file": "this key is needed and not there: "
        'add a line such as: secret_file = "secrets/bng1"'
    }


@pytest.mark.parametrize("listen", ["0.0.0.0:1813", "[::]:1813"])
def test_a_wildcard_is_refused(listen: str) -> None:
    wrong = told(f'[radius]\nlisten = ["{listen}"]\n' + client("192.0.2.1"))
    assert "is every address of this machine" in wrong["radius.listen[0]"]


@pytest.mark.parametrize(
    "listen",
    ["127.0.0.1", "127.0.0.1:0", "127.0.0.1:65536", "::1:1813", "[127.0.0.1:1813", "localhost:1813", ":1813"],
)
def test_what_is_no_address_with_a_port_is_refused(listen: str) -> None:
    wrong = told(f'[radius]\nlisten = ["{listen}"]\n' + client("192.0.2.1"))
    assert "is no address with a port" in wrong["radius.listen[0]"]


@pytest.mark.parametrize(
    ("text", "key", "what"),
    [
        ("[radius]\nlisten = []\n", "radius.listen", "the list is empty"),
        (LISTEN + "line = []\n", "radius.line", "the list is empty"),
        (LISTEN + 'line = ["class", "class"]\n', "radius.line[1]", '"class" is there twice'),
        (LISTEN + 'line = ["mac"]\n', "radius.line[0]", 'write "class" or "user-name"'),
        ('[radius]\nlisten = ["[::1]:1813", "[0::1]:1813"]\n', "radius.listen[1]", "is there twice"),
        ("", "radius.listen", "this key is needed and not there"),
    ],
)
def test_a_table_that_cannot_be_is_refused(text: str, key: str, what: str) -> None:
    assert what in told(text + client("192.0.2.1"))[key]


def test_a_table_in_the_place_of_the_list_of_clients_is_refused() -> None:
    wrong = told(LISTEN + '[radius.client]\nname = "bng1"\n')
    assert wrong == {
        "radius.client": "radius.client is a list of tables: write its header as [[radius.client]]"
    }
