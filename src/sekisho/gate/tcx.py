"""The links of tc's newer hook (TCX, Linux 6.6), by the bpf(2) system call as in `bpf`."""

from __future__ import annotations

import ctypes
import struct
from dataclasses import dataclass
from typing import Final

from sekisho.gate.bpf import Command, attributes, call, info_of

_TCX_INGRESS: Final = 46
_BEFORE: Final = 1 << 3  # without a relative: at the head
_MAX_QUERY: Final = 64  # BPF_MPROG_MAX


@dataclass(frozen=True, slots=True)
class LinkInfo:
    """What the kernel tells of a TCX link; `ifindex` is 0 once the interface is gone."""

    id: int
    program_id: int
    ifindex: int


def link_info(fd: int) -> LinkInfo:
    """Return what the kernel tells of a TCX link."""
    _type, id_, program_id, ifindex = struct.unpack("=III4xI", info_of(fd, 20))
    return LinkInfo(id_, program_id, ifindex)


def attach_tcx(program_fd: int, ifindex: int) -> int:
    """Attach a program to an interface's TCX ingress ahead of all others; return the link."""
    values = program_fd, ifindex, _TCX_INGRESS, _BEFORE, 0, 0, 0
    return call(Command.LINK_CREATE, attributes("=IIIIIIQ", *values))


def replace_in_link(link_fd: int, program_fd: int) -> None:
    """Put another program into a link; no packet meets the link without one."""
    call(Command.LINK_UPDATE, attributes("=IIII", link_fd, program_fd, 0, 0))


def detach_link(link_fd: int) -> None:
    """Take a link's program off its interface at once, whoever else has the link open or pinned."""
    call(Command.LINK_DETACH, attributes("=I", link_fd))


def query_tcx(ifindex: int) -> list[tuple[int, int]]:
    """Return (program id, link id or 0) of what is on an interface's TCX ingress, in order.

    OSError EINVAL where the kernel has no TCX (before 6.6).
    """
    programs = (ctypes.c_uint32 * _MAX_QUERY)()
    links = (ctypes.c_uint32 * _MAX_QUERY)()
    attr = attributes(
        "=IIIIQI4xQQQQ",
        *(ifindex, _TCX_INGRESS, 0, 0, ctypes.addressof(programs), _MAX_QUERY),
        *(0, ctypes.addressof(links), 0, 0),
    )
    call(Command.PROG_QUERY, attr)
    (count,) = struct.unpack_from("=I", attr, 24)
    return list(zip(programs[:count], links[:count], strict=True))
