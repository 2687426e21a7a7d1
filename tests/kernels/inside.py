"""What the other kernels are there for, checked inside them: run.py hands this file to the guest's pytest.

The gate's own tests come after it. Here stands what they take as given: that the guest is the kernel it
should be, that the built object passes this kernel's verifier, and which of the two hooks and which of the
two queue rules this kernel has.
"""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

from sekisho.gate import libbpf

OBJECT = Path(libbpf.__file__).with_name("gate.bpf.o")
PROGRAMS = {
    "subscriber_eth",
    "subscriber_ip",
    "uplink_eth",
    "uplink_ip",
    "steered_eth",
    "steered_ip",
    "sweep",
    "fold",
}
QUEUE_RULE = (
    "table ip t { chain c { type filter hook prerouting priority raw; mark 1 queue flags fanout to 1-4; }; }"
)


def test_kernel_is_debians() -> None:
    assert platform.release().endswith("-cloud-amd64")


def test_verifier_takes_the_object() -> None:
    loaded = libbpf.load(OBJECT, pin_dir=None, sizes={})
    try:
        assert loaded.programs.keys() == PROGRAMS
    finally:
        loaded.close()


def test_nft_has_its_own_queue_statement() -> None:
    subprocess.run(["nft", "--check", QUEUE_RULE], check=True)
