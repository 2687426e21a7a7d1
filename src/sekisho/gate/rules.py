"""Installs, restores and removes the rules that bring marked packets to the queues.

nft's own queue statement where the kernel has it, else NFQUEUE rules through iptables-nft, for IPv4 and
IPv6. Rules are added and deleted one by one: deleting a base chain drops every packet held in the network
namespace, so ours stays until `remove`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import Final, Protocol, TypeVar

import structlog

from sekisho.gate.bridges import put_back
from sekisho.gate.commands import CommandMissingError, RulesError, run
from sekisho.gate.memory import STATE, Memory, recall
from sekisho.gate.ruleset import (
    IPTABLES_CHAIN,
    QueueRule,
    iptables_accepting,
    iptables_installed,
    iptables_rule,
    is_empty,
    nft_installed,
    nft_script,
    nft_table,
)

IPTABLES: Final = {"ip": "iptables-nft", "ip6": "ip6tables-nft"}

Key = TypeVar("Key")

log = structlog.get_logger()


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
    """NFQUEUE rules in the raw tables of iptables-nft, after the rules of others.

    What comes out of a queue meets no further rule of the chain: before others' rules, ours would let held
    packets past their DROP and NOTRACK. After them, an ACCEPT takes packets past ours, which is warned of;
    the delay is then kept by retransmission.
    """

    def __init__(self, name: str, memory: Memory) -> None:
        self._name = name
        self._memory = memory
        self._told: dict[str, tuple[str, ...]] = {}

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
        listing = run(*iptables, "--list-rules", IPTABLES_CHAIN)
        installed = iptables_installed(listing, self._name)
        if wanted:
            self._tell_of(family, iptables_accepting(listing, self._name))
        missing = wanted - {rule for rule, _ in installed}
        for rule in sorted(missing):
            run(*iptables, "--append", *iptables_rule(rule, self._name))
        # The same specification twice is deleted twice: `--delete` takes one.
        for specification in _spare([(words, rule) for rule, words in installed], wanted):
            run(*iptables, "--delete", *specification)
        return missing

    def _tell_of(self, family: str, accepting: tuple[str, ...]) -> None:
        if accepting and accepting != self._told.get(family):
            log.warning(
                "rules in raw PREROUTING may take packets past the hold, whose delay is then kept by "
                "retransmission: narrow them to what is not port 25",
                family=family,
                rules=accepting,
            )
        self._told[family] = accepting

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


def open_rules(memory: Memory) -> Backend:
    """Return the way of having rules that this machine offers.

    Errors: CommandMissingError when there is neither nft with a queue statement nor iptables-nft.
    """
    nft = NftRules(memory.name)
    return nft if nft.supported() else IptablesRules(memory.name, memory)


def remove_rules(name: str, state: Path = STATE) -> None:
    """Remove the rules of a gate, whoever installed them, and put back what bridges needed changed.

    Errors: MemoryFaultError, with nothing done, when they are in another network namespace.
    """
    memory = recall(name, state)
    for backend in (NftRules(name), IptablesRules(name, memory)):
        try:
            backend.remove()
        except CommandMissingError:
            continue  # a program that is not there has installed nothing
    put_back(memory)
    memory.path.unlink(missing_ok=True)
