"""Gates for the kernel tests."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_network

import pytest

from sekisho.model import Address, Excess, KnownLine, Limit, Mode, Pool, PortPlan, Stage, Wanted, stage_arm
from tests.kernel.twin import Twin, twin

OFFICE, OTHER_OFFICE, SHARED_A, SHARED_B, SHARED_C = range(1, 6)


def packed(text: str) -> bytes:
    return ip_network(text).network_address.packed


def example() -> Wanted:
    """A provider with everything in it: pools, known lines, prefixes, port sets, exempt servers."""
    return Wanted(
        classes={
            "dynamic": Limit(Mode.ENFORCE, cap=3, delay_ms=1000),
            "reset": Limit(Mode.ENFORCE, cap=1, delay_ms=0, excess=Excess.RESET),
            "observed": Limit(Mode.OBSERVE, cap=2, delay_ms=1000),
            "fixed": Limit(Mode.OBSERVE, cap=5, delay_ms=0),
        },
        pools=(
            Pool(ip_network("100.64.0.0/16"), 32, "dynamic"),
            Pool(ip_network("100.65.0.0/16"), 32, "reset"),
            Pool(ip_network("100.66.0.0/16"), 32, "observed"),
            Pool(ip_network("100.64.99.0/24"), 32, "observed", arm=1),
            Pool(ip_network("2001:db8:4000::/36"), 56, "dynamic"),
            Pool(ip_network("2001:db8:8000::/36"), 56, "reset"),
        ),
        exempt=(ip_network("203.0.113.0/24"), ip_network("2001:db8:ffff::/48")),
        lines={
            OFFICE: KnownLine("fixed", Limit(Mode.ENFORCE, cap=2, delay_ms=0)),
            OTHER_OFFICE: KnownLine("fixed"),
            SHARED_A: KnownLine("dynamic"),
            SHARED_B: KnownLine("dynamic"),
            SHARED_C: KnownLine("dynamic", counted=stage_arm(Stage.ASKED, SHARED_C)),
        },
        addresses={
            Address(packed("100.64.50.1"), 32): OFFICE,
            Address(packed("2001:db8:5000::"), 56): OFFICE,
            Address(packed("2001:db8:6000::"), 48): OFFICE,
            Address(packed("2001:db8:7000::1"), 128): OTHER_OFFICE,
            Address(packed("192.0.2.1"), 32, 0x34): SHARED_A,
            Address(packed("192.0.2.1"), 32, 0x35): SHARED_B,
            Address(packed("192.0.2.2"), 32, 0): SHARED_A,
            Address(packed("192.0.2.2"), 32, 1): SHARED_B,
            Address(packed("192.0.2.2"), 32, 2): SHARED_C,
        },
        port_plans={
            packed("192.0.2.1"): PortPlan("dynamic", offset=4, length=8),
            packed("192.0.2.2"): PortPlan("dynamic", first=1024, size=2000),
        },
    )


@pytest.fixture
def gate() -> Iterator[Twin]:
    """A gate and its model; at the end both agree and every count is right."""
    with twin(example()) as made:
        yield made
        made.compare()
        made.check_invariants()
