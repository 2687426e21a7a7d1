"""What a machine must have: each missing thing is named, with the way out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sekisho.gate import GateError
from sekisho.gate.needs import Machine, require, unmet

ROOT = Machine(release="6.1.0-28-amd64", capabilities=(1 << 41) - 1, has_btf=True, libbpf=None)
BPF, PERFMON, NET_ADMIN, SYS_ADMIN = 1 << 39, 1 << 38, 1 << 12, 1 << 21


@pytest.mark.parametrize(
    "machine",
    [
        ROOT,
        replace(ROOT, release="7.3.4"),
        replace(ROOT, release="6.18.44-fc-v782"),
        replace(ROOT, capabilities=BPF | PERFMON | NET_ADMIN),
        replace(ROOT, capabilities=SYS_ADMIN | NET_ADMIN),
    ],
)
def test_enough(machine: Machine) -> None:
    assert unmet(machine) == ()
    require(machine)


@pytest.mark.parametrize(
    ("machine", "sentence"),
    [
        (
            replace(ROOT, release="5.10.0-33-amd64"),
            "Linux 5.10.0-33-amd64 is too old: the gate needs 6.1 or newer",
        ),
        (
            replace(ROOT, capabilities=0),
            "CAP_BPF and CAP_NET_ADMIN and CAP_PERFMON missing: run as root, or give the service them",
        ),
        (
            replace(ROOT, capabilities=BPF | NET_ADMIN),
            "CAP_PERFMON missing: run as root, or give the service them",
        ),
        (
            replace(ROOT, has_btf=False),
            "the kernel has no BTF (/sys/kernel/btf/vmlinux): use one built with CONFIG_DEBUG_INFO_BTF=y",
        ),
        (replace(ROOT, libbpf="no such file"), "libbpf is missing (no such file): apt-get install libbpf1"),
    ],
)
def test_missing(machine: Machine, sentence: str) -> None:
    assert unmet(machine) == (sentence,)


def test_all_that_is_missing_is_named_at_once() -> None:
    with pytest.raises(GateError, match=r"too old.*; CAP_BPF.*; .*BTF.*; libbpf") as raised:
        require(Machine("5.4.0", 0, has_btf=False, libbpf="none"))
    assert str(raised.value).count("; ") == 3
