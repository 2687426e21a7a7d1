"""Names, addresses and configs of the laboratory, before anything is built."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path

import pytest

from sekisho.config import parse
from sekisho.lab import gate, postfix, programs, topology
from sekisho.lab.measure import GateCounts
from sekisho.lab.phases import DEFAULT_SECONDS, plan
from sekisho.lab.topology import LabError
from sekisho.model import Limit, Mode

NET = topology.topology("ab12", programs.LINE_NAMES)


def test_every_namespace_bears_the_run_and_no_other_runs_name() -> None:
    other = topology.topology("cd34", programs.LINE_NAMES)
    assert all("ab12" in name for name in NET.namespaces)
    assert len(set(NET.namespaces)) == len(NET.namespaces)
    assert not set(NET.namespaces) & set(other.namespaces)


def test_each_login_has_an_address_and_a_prefix_of_its_own_in_the_pools() -> None:
    held = [login for line in NET.lines for login in line.logins]
    ipv4 = [ipaddress.IPv4Address(login.ipv4) for login in held]
    ipv6 = {ipaddress.IPv6Network(login.prefix) for login in held}
    assert len(set(ipv4)) == len(ipv6) == len(held)
    assert all(ipaddress.IPv6Address(login.ipv6) in ipaddress.IPv6Network(login.prefix) for login in held)
    assert all(address in ipaddress.IPv4Network(topology.IPV4_POOL) for address in ipv4)
    assert all(prefix.subnet_of(ipaddress.IPv6Network(topology.IPV6_POOL)) for prefix in ipv6)


def test_every_link_joins_two_of_the_runs_namespaces() -> None:
    links = [row for _, rows in topology.commands(NET) for row in rows if "type veth" in row]
    assert links
    assert all(row.split()[-1] in NET.namespaces for row in links)


def test_every_address_is_for_documentation_or_shared_space() -> None:
    allowed = [
        ipaddress.ip_network(text)
        for text in (
            "100.64.0.0/10",
            "192.0.2.0/24",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "2001:db8::/32",
            "fe80::/10",
        )
    ]
    rows = [row for _, rows in topology.commands(NET) for row in rows]
    found = [ipaddress.ip_interface(row.split()[2]).ip for row in rows if row.startswith("address add")]
    assert all(any(a in net for net in allowed if net.version == a.version) for a in found)


def test_every_receiver_that_is_written_to_exists() -> None:
    listening = {sink.address.strip("[]") for sink in programs.SINKS}
    assert {target.strip("[]") for bot in programs.BOTS for target in bot.targets} <= listening
    assert set(programs.SERVERS.values()) <= listening
    assert all(domain in programs.SERVERS for sender in programs.SENDERS for domain in sender.domains)


def test_a_sender_is_exempt_when_all_it_writes_to_is_the_own_server() -> None:
    own = ipaddress.ip_network(topology.OWN_SERVERS)
    for sender in programs.SENDERS:
        servers = [ipaddress.ip_address(programs.SERVERS[domain]) for domain in sender.domains]
        assert sender.exempt == all(server in own for server in servers)


def test_the_gates_config_is_what_the_gate_reads() -> None:
    checked = parse(gate.config("ab12", Limit(Mode.OBSERVE, 2, 5_000), Path("/lab")).encode())
    assert checked.problems == ()
    assert checked.config is not None
    assert checked.config.gate.name == gate.name("ab12")


def test_the_offices_postfix_keeps_its_timeouts_and_concurrency() -> None:
    files = postfix.config(Path("/lab"), programs.OFFICE, programs.OFFICE_SETTINGS)
    assert not re.search(r"timeout|concurrency|process_limit|backoff", files["main.cf"])
    assert all("y" not in row.split()[2:6] for row in files["master.cf"].splitlines())


def test_the_counters_are_those_of_the_class() -> None:
    status = '{"classes": {"dynamic": {"admitted": 1, "refused": 2, "held": 3, "sessions": 4}}}'
    assert gate.counts(status) == GateCounts(admitted=1, refused=2, held=3)
    with pytest.raises(LabError, match="no counters of class dynamic"):
        gate.counts('{"classes": {}}')


def test_a_bot_with_receivers_over_both_protocols_changes_between_them() -> None:
    (twofold,) = (bot for bot in programs.BOTS if bot.line == programs.TWOFOLD)
    assert len({target.startswith("[") for target in twofold.targets}) == 2
    argv = programs.bot_argv(twofold, twofold.targets[0])
    assert argv[argv.index("-m") + 1] == "1"


def test_a_line_that_reconnects_has_addresses_for_each_phase() -> None:
    assert len(plan(DEFAULT_SECONDS)) == topology.LOGINS
    assert set(programs.RECONNECTING) <= set(programs.LINE_NAMES)


def test_accounting_goes_where_the_gate_listens_and_from_its_client(tmp_path: Path) -> None:
    config = parse(gate.config("ab12", Limit(Mode.OBSERVE, 2, 5_000), tmp_path).encode()).config
    assert config is not None
    assert config.radius is not None
    assert f"{topology.GATE_RADIUS}:{programs.RADIUS_PORT}" in programs.radclient_argv(tmp_path, 1)
    rows = [row for _, rows in topology.commands(NET) for row in rows]
    assert f"address add {topology.GATE_RADIUS}/24 dev {topology.GATE_MANAGEMENT}" in rows
    assert f"address add {topology.ACCESS_RADIUS}/24 dev management" in rows
