"""Runs the commands of the operating system that know how rules and links are."""

from __future__ import annotations

import json
import subprocess
from typing import Final

from sekisho.gate import GateError

PACKAGES: Final = {
    "nft": "nftables",
    "ip": "iproute2",
    "iptables-nft": "iptables (1.8 or newer)",
    "ip6tables-nft": "iptables (1.8 or newer)",
}


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


def link_kind(interface: str) -> str:
    """Return as what an interface belongs to another one: "bridge" for a bridge's port, "" for none."""
    link = json.loads(run("ip", "-json", "-details", "link", "show", "dev", interface))[0]
    return str(link.get("linkinfo", {}).get("info_slave_kind", ""))
