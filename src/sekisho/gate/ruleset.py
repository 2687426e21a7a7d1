"""The rules that bring marked packets to the queues, as text: the pure part of `rules`.

With nft's own queue statement they stand in a table of our own; else they are NFQUEUE rules of iptables in
its raw table, told from others' by their comment. Both without `bypass`: a packet that finds no listener is
dropped and comes back as a retransmission.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Collection, Iterable
from typing import Any, Final, NamedTuple

from sekisho.gate.abi import HOLD_BANK_SHIFT, HOLD_MARK, HOLD_MARK_MASK

NFT_CHAIN: Final = "prerouting"
IPTABLES_CHAIN: Final = "PREROUTING"
ENDING: Final = {"ACCEPT", "RETURN"}  # targets after which a packet meets no further rule of the chain


class QueueRule(NamedTuple):
    """Packets with the mark of `bank` go to queues `first` to `last`, balanced by their addresses."""

    bank: int
    first: int
    last: int

    @property
    def mark(self) -> int:
        """The hold mark of the bank."""
        return HOLD_MARK | self.bank << HOLD_BANK_SHIFT


def queue_rules(banks: Collection[int], base: int, fanout: int) -> frozenset[QueueRule]:
    """Return the rules that banks need."""
    return frozenset(QueueRule(bank, base + bank * fanout, base + (bank + 1) * fanout - 1) for bank in banks)


def nft_table(name: str) -> str:
    """Return the name of the gate's own nft table."""
    return f"sekisho_{name}"


def nft_script(name: str, add: Iterable[QueueRule], delete: Iterable[int] = ()) -> str:
    """Return nft commands, one transaction: make table and chain if missing, add rules, delete handles."""
    table = f"inet {nft_table(name)}"
    lines = [
        f"add table {table}",
        f"add chain {table} {NFT_CHAIN} {{ type filter hook prerouting priority raw; policy accept; }}",
    ]
    lines += [
        f"add rule {table} {NFT_CHAIN} meta mark & {HOLD_MARK_MASK:#x} == {rule.mark:#x} "
        f'queue num {_span(rule, "-")} comment "{_nft_comment(rule, name)}"'
        for rule in sorted(add)
    ]
    lines += [f"delete rule {table} {NFT_CHAIN} handle {handle}" for handle in sorted(delete)]
    return "\n".join(lines) + "\n"


def nft_installed(listing: str, name: str) -> dict[int, QueueRule | None]:
    """Read `nft --json list table`: handle → rule, None where the rule is not one of ours."""
    rules: dict[int, QueueRule | None] = {}
    for item in json.loads(listing)["nftables"]:
        if "rule" in item:
            rules[item["rule"]["handle"]] = _from_nft_comment(item["rule"].get("comment", ""), name)
    return rules


def _nft_comment(rule: QueueRule, name: str) -> str:
    # Carries the whole rule: nft versions differ in how they list the expressions.
    return f"sekisho {name}: bank {rule.bank} to {rule.first}-{rule.last}"


def _from_nft_comment(comment: str, name: str) -> QueueRule | None:
    head, _, rule = comment.rpartition(": bank ")
    bank, _, span = rule.partition(" to ")
    first, _, last = span.partition("-")
    if head != f"sekisho {name}" or not (bank.isdigit() and first.isdigit() and last.isdigit()):
        return None
    return QueueRule(int(bank), int(first), int(last))


def iptables_rule(rule: QueueRule, name: str) -> list[str]:
    """Return chain and specification, as they follow `-A` or `-D`."""
    target = (
        ["--queue-balance", _span(rule, ":")] if rule.last > rule.first else ["--queue-num", f"{rule.first}"]
    )
    match = ["-m", "mark", "--mark", f"{rule.mark:#x}/{HOLD_MARK_MASK:#x}"]
    return [IPTABLES_CHAIN, *match, "-m", "comment", "--comment", _comment(name), "-j", "NFQUEUE", *target]


def iptables_installed(listing: str, name: str) -> list[tuple[QueueRule | None, list[str]]]:
    """Read `iptables -S PREROUTING`: our rules with what follows `-D` to delete them, in order.

    A rule with our comment that is none of ours in form comes as None.
    """
    rules = []
    for line in listing.splitlines():
        words = shlex.split(line)
        if words[0] == "-A" and _option(words, "--comment") == _comment(name):
            rules.append((_from_iptables(words), words[1:]))
    return rules


def iptables_accepting(listing: str, name: str) -> tuple[str, ...]:
    """Read `iptables -S PREROUTING`: rules of others that may let a packet end the chain before ours."""
    rules = [line for line in listing.splitlines() if line.startswith("-A ")]
    options = [shlex.split(line) for line in rules]
    ours = [at for at, words in enumerate(options) if _option(words, "--comment") == _comment(name)]
    before = slice(ours[-1]) if ours else slice(None)
    return tuple(
        line
        for line, words in zip(rules[before], options[before], strict=True)
        if _option(words, "-j") in ENDING
    )


def _comment(name: str) -> str:
    return f"sekisho {name}"


def _from_iptables(words: list[str]) -> QueueRule | None:
    mark, _, mask = _option(words, "--mark").partition("/")
    first, _, last = (_option(words, "--queue-balance") or _option(words, "--queue-num")).partition(":")
    if not first or not mask or int(mask, 16) != HOLD_MARK_MASK:
        return None
    rule = QueueRule((int(mark, 16) ^ HOLD_MARK) >> HOLD_BANK_SHIFT, int(first), int(last or first))
    return rule if "--queue-bypass" not in words else None


def _option(words: list[str], option: str) -> str:
    return words[words.index(option) + 1] if option in words[:-1] else ""


def _span(rule: QueueRule, between: str) -> str:
    return f"{rule.first}{between}{rule.last}" if rule.last > rule.first else f"{rule.first}"


def is_empty(listing: str) -> bool:
    """Read `nft --json list table`: whether it has nothing but base chains without rules."""
    kinds: list[dict[str, Any]] = json.loads(listing)["nftables"]
    return all(item.keys() <= {"metainfo", "table", "chain"} and _is_bare(item) for item in kinds)


def _is_bare(item: dict[str, Any]) -> bool:
    chain = item.get("chain")
    return chain is None or (chain.get("hook") is not None and chain.get("policy") == "accept")
