"""Installs, restores and removes the rules that bring marked packets to the queues.

nft's own queue statement where the kernel has it, else NFQUEUE rules through iptables-nft, for IPv4 and
IPv6. Rules are added and deleted one by one: deleting a base chain drops every packet held in the network
namespace, so ours stays until `remove`.

What must be put back at removal is remembered in a file, since another process may do it.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from sekisho.gate import GateError
from sekisho.gate.ruleset import (
    IPTABLES_CHAIN,
    QueueRule,
    iptables_installed,
    iptables_rule,
    is_empty,
    nft_installed,
    nft_script,
    nft_table,
)

IPTABLES: Final = {"ip": "iptables-nft", "ip6": "ip6tables-nft"}
PACKAGES: Final = {
    "nft": "nftables",
    "ip": "iproute2",
    "iptables-nft": "iptables (1.8 or newer)",
    "ip6tables-nft": "iptables (1.8 or newer)",
}
STATE: Final = Path("/run/sekisho")

Key = TypeVar("Key")

BRIDGE: Final = Path("/proc/sys/net/bridge")  # of the network namespace of the calling thread
BRIDGE_SWITCHES: Final = (
    "bridge-nf-call-iptables",
    "bridge-nf-call-ip6tables",
    "bridge-nf-filter-vlan-tagged",
    "bridge-nf-filter-pppoe-tagged",
)


class RulesError(GateError):
    """A rule could not be read, installed or removed."""


class CommandMissingError(RulesError):
    """A program of the operating system is not installed."""


def run(*command: str, text: str | None = None) -> str:
    """Run a command in the caller's network namespace and return its output.

    Errors: CommandMissingError naming the package; RulesError with exit status and stderr.
    """
    try:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise CommandMissingError(
            f"{command[0]} is not installed: install the package {PACKAGES[command[0]]}"
        ) from error
    if done.returncode:
        raise RulesError(
            f"`{' '.join(command)}` failed, exit status {done.returncode}: {done.stderr.strip()}"
        )
    return done.stdout


@dataclass
class Memory:
    """What removal must put back, kept in a file: raw tables (families) we created, sysctls we changed."""

    path: Path
    tables: list[str] = field(default_factory=list)
    switches: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Memory:
        """Read it; empty when there is none, or it is of another network namespace."""
        try:
            kept: dict[str, Any] = json.loads(path.read_text())
        except FileNotFoundError:
            return cls(path)
        if kept.pop("namespace") != _namespace():
            return cls(path)
        return cls(path, **kept)

    def save(self) -> None:
        """Write it, whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        kept = {key: value for key, value in asdict(self).items() if key != "path"}
        draft = self.path.with_suffix(".new")
        draft.write_text(json.dumps(kept | {"namespace": _namespace()}) + "\n")
        draft.replace(self.path)


def _namespace() -> str:
    return str(Path("/proc/thread-self/ns/net").readlink())


class Backend(Protocol):
    """One way to have rules in the kernel."""

    def change(self, wanted: frozenset[QueueRule]) -> frozenset[QueueRule]:
        """Add what is missing, delete what is not wanted; return what was missing."""

    def remove(self) -> None:
        """Take away all that is ours."""


class NftRules:
    """Rules with nft's own queue statement, in a table of our own."""

    def __init__(self, name: str) -> None:
        self._name = name

    def supported(self) -> bool:
        """Tell whether this kernel has the queue statement, by trying it without effect."""
        try:
            run("nft", "--check", "--file", "-", text=nft_script(self._name, [QueueRule(0, 0, 1)]))
        except RulesError:
            return False
        return True

    def change(self, wanted: frozenset[QueueRule]) -> frozenset[QueueRule]:
        """Add what is missing, delete what is not wanted, in one transaction; return what was missing."""
        installed = self._installed()
        missing = wanted - frozenset(installed.values())
        spare = _spare(installed.items(), wanted)
        if missing or spare:
            run("nft", "--file", "-", text=nft_script(self._name, missing, spare))
        return missing

    def remove(self) -> None:
        """Delete our table. Its base chain goes with it, and what any queue of the namespace holds."""
        if self._exists():
            run("nft", "delete", "table", "inet", nft_table(self._name))

    def _installed(self) -> dict[int, QueueRule | None]:
        if not self._exists():
            return {}
        return nft_installed(run("nft", "--json", "list", "table", "inet", nft_table(self._name)), self._name)

    def _exists(self) -> bool:
        return ("inet", nft_table(self._name)) in _nft_tables()


class IptablesRules:
    """NFQUEUE rules in the raw tables of iptables-nft."""

    def __init__(self, name: str, memory: Memory) -> None:
        self._name = name
        self._memory = memory

    def change(self, wanted: frozenset[QueueRule]) -> frozenset[QueueRule]:
        """Add what is missing, then delete what is not wanted; return what was missing in either family."""
        self._remember_tables()
        return self._change("ip", wanted) | self._change("ip6", wanted)

    def remove(self) -> None:
        """Delete our rules, and the raw tables that we created and nobody else uses."""
        for family in IPTABLES:
            self._change(family, frozenset())
        for family in self._memory.tables:
            if (family, "raw") in _nft_tables() and is_empty(
                run("nft", "--json", "list", "table", family, "raw")
            ):
                run("nft", "delete", "table", family, "raw")

    def _change(self, family: str, wanted: frozenset[QueueRule]) -> frozenset[QueueRule]:
        iptables = (IPTABLES[family], "--wait", "--table", "raw")
        installed = iptables_installed(run(*iptables, "--list-rules", IPTABLES_CHAIN), self._name)
        missing = wanted - {rule for rule, _ in installed}
        for rule in sorted(missing):
            run(*iptables, "--append", *iptables_rule(rule, self._name))
        # The same specification twice is deleted twice: `--delete` takes one.
        for specification in _spare([(words, rule) for rule, words in installed], wanted):
            run(*iptables, "--delete", *specification)
        return missing

    def _remember_tables(self) -> None:
        try:
            tables = _nft_tables()
        except CommandMissingError:  # then we cannot delete a table either
            return
        new = [
            family
            for family in IPTABLES
            if (family, "raw") not in tables and family not in self._memory.tables
        ]
        if new:
            self._memory.tables += new
            self._memory.save()


def _spare(installed: Iterable[tuple[Key, QueueRule | None]], wanted: Collection[QueueRule]) -> list[Key]:
    """Return the keys of installed rules that are not wanted, or wanted once and there twice."""
    left = set(wanted)
    spare = []
    for key, rule in installed:
        if rule in left:
            left.remove(rule)
        else:
            spare.append(key)
    return spare


def _nft_tables() -> set[tuple[str, str]]:
    items: Sequence[dict[str, dict[str, str]]] = json.loads(run("nft", "--json", "list", "tables"))[
        "nftables"
    ]
    return {(item["table"]["family"], item["table"]["name"]) for item in items if "table" in item}


def open_rules(name: str, interfaces: Iterable[str], state: Path = STATE) -> Backend:
    """Return the way of having rules that this machine offers, ready for these interfaces of the gate.

    Errors: CommandMissingError when there is neither nft with a queue statement nor iptables-nft;
    RulesError when an interface is a bridge port and br_netfilter is not loaded.
    """
    memory = Memory.load(_memory_path(name, state))
    _open_bridges(interfaces, memory)
    nft = NftRules(name)
    return nft if nft.supported() else IptablesRules(name, memory)


def remove_rules(name: str, state: Path = STATE) -> None:
    """Remove the rules of a gate, whoever installed them, and put back what bridges needed changed."""
    memory = Memory.load(_memory_path(name, state))
    for backend in (NftRules(name), IptablesRules(name, memory)):
        try:
            backend.remove()
        except CommandMissingError:
            continue  # a program that is not there has installed nothing
    for switch, value in memory.switches.items():
        (BRIDGE / switch).write_text(value)
    memory.path.unlink(missing_ok=True)


def _open_bridges(interfaces: Iterable[str], memory: Memory) -> None:
    """Make bridges show their packets to the rules where an interface of the gate is a bridge port."""
    port = next(filter(_is_bridge_port, interfaces), None)
    if port is None:
        return
    if not BRIDGE.exists():
        raise RulesError(
            f"{port} is a bridge port and the kernel module br_netfilter is not loaded, so that nothing "
            "on it can be held: run `modprobe br_netfilter`, and name it in /etc/modules-load.d"
        )
    values = {switch: (BRIDGE / switch).read_text().strip() for switch in BRIDGE_SWITCHES}
    closed = {switch: value for switch, value in values.items() if value != "1"}
    if closed:
        memory.switches = closed | memory.switches
        memory.save()
    for switch in closed:
        (BRIDGE / switch).write_text("1")


def _is_bridge_port(interface: str) -> bool:
    link = json.loads(run("ip", "-json", "-details", "link", "show", "dev", interface))[0]
    return bool(link.get("linkinfo", {}).get("info_slave_kind") == "bridge")


def _memory_path(name: str, state: Path) -> Path:
    return state / f"{name}.rules.json"
