"""What the machine must have for a gate, and what to do where it has not."""

from __future__ import annotations

import ctypes
import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sekisho.gate import GateError, libbpf

BPFFS: Final = "/sys/fs/bpf"

_OLDEST_KERNEL: Final = (6, 1)
# include/uapi/linux/capability.h
_NET_ADMIN: Final = 1 << 12
_SYS_ADMIN: Final = 1 << 21
_PERFMON: Final = 1 << 38
_BPF: Final = 1 << 39

_libc = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Machine:
    """Facts about this machine and process; `libbpf` is what keeps it from being used, or None."""

    release: str
    capabilities: int
    has_btf: bool
    libbpf: str | None


def read_machine() -> Machine:
    """Read the facts of this machine and process."""
    status = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    effective = re.search(r"^CapEff:\s*([0-9a-f]+)$", status, re.MULTILINE)
    return Machine(
        release=platform.release(),
        capabilities=int(effective[1], 16) if effective else 0,
        has_btf=Path("/sys/kernel/btf/vmlinux").exists(),
        libbpf=libbpf.missing(),
    )


def unmet(machine: Machine) -> tuple[str, ...]:
    """Return a sentence for each thing that is missing."""
    return tuple(filter(None, (_kernel(machine), _capabilities(machine), _btf(machine), _libbpf(machine))))


def require(machine: Machine) -> None:
    """Raise GateError, naming all that is missing, unless a gate can work here."""
    missing = unmet(machine)
    if missing:
        raise GateError("; ".join(missing))


def require_bpffs(path: str) -> None:
    """Mount bpffs on its usual place unless `path` lies in one already."""
    if _on_bpffs(Path(path)):
        return
    if Path(BPFFS) not in Path(path).parents:
        raise GateError(f"{path} is not in a bpffs: pins belong under {BPFFS}")
    if _in_netns_exec():
        raise GateError(
            f"no bpffs on {BPFFS}, because `ip netns exec` hides it: "
            "enter the network namespace by `nsenter --net=/run/netns/NAME`"
        )
    if _libc.mount(b"bpf", BPFFS.encode(), b"bpf", 0, None):
        reason = os.strerror(ctypes.get_errno())
        raise GateError(f"no bpffs on {BPFFS}, and mounting it failed ({reason}): mount -t bpf bpf {BPFFS}")


def _kernel(machine: Machine) -> str | None:
    version = re.match(r"(\d+)\.(\d+)", machine.release)
    if version and (int(version[1]), int(version[2])) >= _OLDEST_KERNEL:
        return None
    return f"Linux {machine.release} is too old: the gate needs 6.1 or newer"


def _capabilities(machine: Machine) -> str | None:
    if machine.capabilities & _SYS_ADMIN and machine.capabilities & _NET_ADMIN:
        return None
    wanted = {"CAP_BPF": _BPF, "CAP_NET_ADMIN": _NET_ADMIN, "CAP_PERFMON": _PERFMON}
    missing = [name for name, bit in wanted.items() if not machine.capabilities & bit]
    return f"{' and '.join(missing)} missing: run as root, or give the service them" if missing else None


def _btf(machine: Machine) -> str | None:
    if machine.has_btf:
        return None
    return "the kernel has no BTF (/sys/kernel/btf/vmlinux): use one built with CONFIG_DEBUG_INFO_BTF=y"


def _libbpf(machine: Machine) -> str | None:
    if machine.libbpf is None:
        return None
    return f"libbpf is missing ({machine.libbpf}): apt-get install libbpf1"


def _on_bpffs(path: Path) -> bool:
    points = {Path(point) for _, point, kind in _mounts() if kind == "bpf"}
    return not points.isdisjoint((path, *path.parents))


def _in_netns_exec() -> bool:
    """Tell whether `ip netns exec` has given this process a /sys of its own, whose pins end with it.

    Such a /sys has the network namespace's name for a source (iproute2, lib/namespace.c).
    """
    return any(point == "/sys" and kind == "sysfs" != source for source, point, kind in _mounts())


def _mounts() -> list[tuple[str, str, str]]:
    """Return source, place and kind of each mount."""
    lines = [line.split() for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()]
    return [(source, point, kind) for source, point, kind, *_ in lines]
