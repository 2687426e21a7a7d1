"""The generated rules, and what is read back from listings."""

from __future__ import annotations

import json
import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekisho.gate.ruleset import (
    QueueRule,
    iptables_accepting,
    iptables_installed,
    iptables_rule,
    is_empty,
    nft_installed,
    nft_script,
    queue_rules,
)

RULES = st.builds(
    lambda bank, first, more: QueueRule(bank, first, first + more),
    st.integers(0, 15),
    st.integers(0, 60_000),
    st.integers(0, 63),
)


def test_each_bank_has_queues_of_its_own() -> None:
    assert queue_rules({0: 500, 3: 1000}, 2500, 4) == {QueueRule(0, 2500, 2503), QueueRule(3, 2512, 2515)}
    assert queue_rules([1], 10, 1) == {QueueRule(1, 11, 11)}


def test_nft_script_is_one_transaction() -> None:
    script = nft_script("gate", [QueueRule(1, 2504, 2507), QueueRule(0, 2500, 2500)], [7, 5])
    rule = "add rule inet sekisho_gate prerouting meta mark & 0xff000000 =="
    assert script.splitlines() == [
        "add table inet sekisho_gate",
        "add chain inet sekisho_gate prerouting { type filter hook prerouting priority raw; policy accept; }",
        f'{rule} 0xb0000000 queue num 2500 comment "sekisho gate: bank 0 to 2500-2500"',
        f'{rule} 0xb1000000 queue num 2504-2507 comment "sekisho gate: bank 1 to 2504-2507"',
        "delete rule inet sekisho_gate prerouting handle 5",
        "delete rule inet sekisho_gate prerouting handle 7",
    ]
    assert "bypass" not in script


@given(RULES)
def test_nft_rules_are_read_back(rule: QueueRule) -> None:
    comment = nft_script("gate", [rule]).rpartition("comment ")[2].strip().strip('"')
    listing = {
        "nftables": [
            {"metainfo": {"version": "1.0.6"}},
            {"table": {"family": "inet", "name": "sekisho_gate", "handle": 1}},
            {"chain": {"family": "inet", "table": "sekisho_gate", "name": "prerouting", "handle": 1}},
            {"rule": {"family": "inet", "handle": 4, "comment": comment, "expr": [{"queue": {}}]}},
            {"rule": {"family": "inet", "handle": 9, "expr": [{"accept": None}]}},
        ]
    }
    assert nft_installed(json.dumps(listing), "gate") == {4: rule, 9: None}
    assert nft_installed(json.dumps(listing), "other") == {4: None, 9: None}


def test_iptables_rule() -> None:
    assert shlex.join(iptables_rule(QueueRule(1, 2504, 2507), "gate")) == (
        "PREROUTING -m mark --mark 0xb1000000/0xff000000 -m comment --comment 'sekisho gate' "
        "-j NFQUEUE --queue-balance 2504:2507"
    )
    assert iptables_rule(QueueRule(1, 2504, 2504), "gate")[-2:] == ["--queue-num", "2504"]


@given(st.lists(RULES))
def test_iptables_rules_are_read_back_in_order(rules: list[QueueRule]) -> None:
    others = (
        "-P PREROUTING ACCEPT",
        "-A PREROUTING -p tcp -j NOTRACK",
        '-A PREROUTING -m comment --comment "sekisho b" -j NFQUEUE --queue-num 4',
    )
    lines = [*others, *(f"-A {shlex.join(iptables_rule(rule, 'a'))}" for rule in rules)]
    installed = iptables_installed("\n".join(lines), "a")
    assert [rule for rule, _ in installed] == rules
    assert [words for _, words in installed] == [iptables_rule(rule, "a") for rule in rules]


def test_rules_of_others_that_end_the_chain_before_ours_are_found() -> None:
    ours = f"-A {shlex.join(iptables_rule(QueueRule(0, 2500, 2503), 'a'))}"
    ending = "-A PREROUTING -i lo -j ACCEPT", "-A PREROUTING -s 10.0.0.0/8 -j RETURN"
    others = "-P PREROUTING ACCEPT", ending[0], "-A PREROUTING -p tcp -j NOTRACK", ending[1]
    later = "-A PREROUTING -j ACCEPT"
    assert iptables_accepting("\n".join([*others, ours, later]), "a") == ending
    assert iptables_accepting("\n".join([*others, later]), "a") == (*ending, later)
    assert iptables_accepting("-P PREROUTING ACCEPT", "a") == ()


@pytest.mark.parametrize(
    "specification",
    [
        "-m mark --mark 0xb0000000/0xff000000 -j ACCEPT",
        "-m mark --mark 0xb0000000/0xff000000 -j NFQUEUE --queue-num 2500 --queue-bypass",
        "-m mark --mark 0xb0000000/0xf0000000 -j NFQUEUE --queue-num 2500",
        "-j NFQUEUE --queue-num 2500",
    ],
)
def test_a_rule_with_our_comment_and_another_form_is_not_taken_for_ours(specification: str) -> None:
    listing = f'-A PREROUTING -m comment --comment "sekisho a" {specification}'
    assert [rule for rule, _ in iptables_installed(listing, "a")] == [None]


def test_an_empty_table_has_only_bare_base_chains() -> None:
    head = [{"metainfo": {}}, {"table": {"family": "ip", "name": "raw"}}]
    base = {"chain": {"name": "PREROUTING", "hook": "prerouting", "policy": "accept"}}
    assert is_empty(json.dumps({"nftables": [*head, base]}))
    for other in (
        {"chain": {"name": "mine"}},
        {"chain": base["chain"] | {"policy": "drop"}},
        {"rule": {"chain": "PREROUTING"}},
        {"set": {"name": "s"}},
    ):
        assert not is_empty(json.dumps({"nftables": [*head, base, other]}))
