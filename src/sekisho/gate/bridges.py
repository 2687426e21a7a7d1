"""Makes bridges show their packets to netfilter, where an interface of the gate is a bridge's port."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

import structlog

from sekisho.gate.commands import RulesError, link_kind
from sekisho.gate.memory import Memory

BRIDGE: Final = Path("/proc/sys/net/bridge")  # of the network namespace of the calling thread
BRIDGE_SWITCHES: Final = (
    "bridge-nf-call-iptables",
    "bridge-nf-call-ip6tables",
    "bridge-nf-filter-vlan-tagged",
    "bridge-nf-filter-pppoe-tagged",
)

log = structlog.get_logger()


class Bridges:
    """The switches of br_netfilter, kept on while a hold needs them.

    Errors: RulesError when an interface is a bridge port and br_netfilter is not loaded.
    """

    def __init__(self, interfaces: Iterable[str], memory: Memory) -> None:
        self._memory = memory
        port = next((one for one in interfaces if link_kind(one) == "bridge"), None)
        self._needed = port is not None
        if self._needed and not BRIDGE.exists():
            raise RulesError(
                f"{port} is a bridge port and the kernel module br_netfilter is not loaded, so that nothing "
                "on it can be held: run `modprobe br_netfilter`, and name it in /etc/modules-load.d"
            )

    def keep_open(self) -> None:
        """Turn on what is off, and remember how it was before the gate; called in its network namespace.

        Errors: RulesError when that is not permitted.
        """
        if not self._needed:
            return
        try:
            turned_on = self._turn_on()
        except OSError as error:
            raise RulesError(
                f"the switches in {BRIDGE} cannot be turned on, so nothing on a bridge is held: {error}"
            ) from error
        if turned_on:
            log.warning(
                "bridge switches turned on: firewall rules and connection tracking now see what is bridged, "
                "and a FORWARD policy of DROP cuts it off",
                switches=turned_on,
            )

    def _turn_on(self) -> list[str]:
        values = {switch: (BRIDGE / switch).read_text().strip() for switch in BRIDGE_SWITCHES}
        closed = {switch: value for switch, value in values.items() if value != "1"}
        if closed:
            self._memory.switches = closed | self._memory.switches
            self._memory.save()
        for switch in closed:
            (BRIDGE / switch).write_text("1")
        return sorted(closed)


def put_back(memory: Memory) -> None:
    """Give the switches the values that they had before the gate."""
    for switch, value in memory.switches.items():
        (BRIDGE / switch).write_text(value)
