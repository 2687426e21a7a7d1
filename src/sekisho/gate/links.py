"""The gate's programs on interfaces: TCX links where the kernel has them (6.6), else clsact filters.

All names are those of the calling thread's network namespace. Beside the maps, a gate's directory in bpffs
holds for each interface

    program_IF   the program that is attached there
    link_IF      its TCX link: removing it detaches the program; without it there is a clsact filter
    qdisc_IF     an empty directory: the clsact qdisc was made for the gate

Programs of others are neither moved nor touched.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from sekisho.gate import GateError, bpf

_SIOCGIFHWADDR: Final = 0x8927
_ARPHRD_ETHER: Final = 1
_LOOPBACK: Final = 1  # the same in every network namespace
_CLSACT_INGRESS: Final = 0xFFFFFFF2
_CLSACT_EGRESS: Final = 0xFFFFFFF3
_PRIORITY: Final = 25  # low: seen before filters whose numbers tc chose (49152 and down)
_HANDLE: Final = 25
_ETH_P_ALL: Final = 0x0003


@dataclass(frozen=True, slots=True)
class Interface:
    """An interface of this network namespace; `link_type`: ARPHRD_…, 1 is Ethernet."""

    name: str
    index: int
    link_type: int

    @property
    def has_ethernet_header(self) -> bool:
        """Tell whether packets start with an Ethernet header."""
        return self.link_type == _ARPHRD_ETHER


@dataclass(frozen=True, slots=True)
class Attachment:
    """A program of the gate on an interface.

    `role`: subscriber, uplink or steered; `hook`: tcx or clsact; `loaded_ns`: CLOCK_BOOTTIME.
    """

    name: str
    role: str
    hook: str
    tag: str
    loaded_ns: int


def find_interface(name: str) -> Interface:
    """Return an interface by name; GateError where there is none."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            answer = fcntl.ioctl(any_socket, _SIOCGIFHWADDR, struct.pack("16s24x", os.fsencode(name)))
        return Interface(name, socket.if_nametoindex(name), struct.unpack_from("=16xH", answer)[0])
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        names = ", ".join(sorted(name for _, name in socket.if_nameindex()))
        raise GateError(f"there is no interface {name!r} here; there are: {names}") from error


def has_tcx() -> bool:
    """Tell whether the kernel has TCX."""
    try:
        bpf.query_tcx(_LOOPBACK)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise
    return True


def other_gate_on(interface: Interface, pin_dir: Path) -> str | None:
    """Return the name of another gate on an interface, if there is one; gates lie beside `pin_dir`."""
    on_tcx = {link for _, link in bpf.query_tcx(interface.index)} if has_tcx() else set()
    for other in pin_dir.parent.iterdir() if pin_dir.parent.exists() else ():
        if other != pin_dir and any(_link(path).id in on_tcx for path in other.glob("link_*")):
            return other.name
    with _netlink() as route:
        gates = [gate for gate in map(_gate_of, _filters(route, interface.index, _CLSACT_INGRESS)) if gate]
    return next((gate for gate in gates if gate != pin_dir.name), None)


def attach(interface: Interface, program_fd: int, pin_dir: Path, *, by_tcx: bool) -> None:
    """Put a program on an interface, in place of the gate's former one with no moment without either."""
    _pin_program(interface.name, program_fd, pin_dir)
    if by_tcx:
        _attach_tcx(interface, program_fd, _path(pin_dir, "link", interface.name))
    else:
        _attach_clsact(interface, program_fd, pin_dir)


def attached(pin_dir: Path) -> Iterator[Attachment]:
    """Yield what the gate has on the interfaces of this network namespace, and by TCX on those of others."""
    for path in sorted(pin_dir.glob("program_*")):
        name = _interface_of(path)
        by_tcx = _path(pin_dir, "link", name).exists()
        if _link(_path(pin_dir, "link", name)).ifindex if by_tcx else _our_filters(name, pin_dir):
            with _pinned(path) as fd:
                info = bpf.program_info(fd)
            role = info.name.partition("_")[0]
            yield Attachment(name, role, "tcx" if by_tcx else "clsact", info.tag, info.loaded_ns)


def named(pin_dir: Path) -> set[str]:
    """Return the interfaces that the gate has put a program on."""
    return {_interface_of(path) for path in pin_dir.glob("program_*")}


def detach(name: str, pin_dir: Path) -> None:
    """Take the gate's program off an interface, which may be gone, and a qdisc that was made for it alone."""
    link = _path(pin_dir, "link", name)
    if link.exists():
        _unlink(link)
    else:
        _detach_clsact(name, pin_dir)
    _path(pin_dir, "program", name).unlink()


def _attach_tcx(interface: Interface, program_fd: int, path: Path) -> None:
    if path.exists() and _is_here(_link(path), interface, path):
        with _pinned(path) as link_fd:
            bpf.replace_in_link(link_fd, program_fd)
        return
    if path.exists():
        _unlink(path)
    link_fd = bpf.attach_tcx(program_fd, interface.index)
    try:
        bpf.pin(link_fd, str(path))
    finally:
        os.close(link_fd)


def _unlink(path: Path) -> None:
    with _pinned(path) as link_fd:
        if bpf.link_info(link_fd).ifindex:
            bpf.detach_link(link_fd)
    path.unlink()


def _is_here(link: bpf.LinkInfo, interface: Interface, path: Path) -> bool:
    """Tell whether a link is on this very interface; GateError where it serves another namespace."""
    if not link.ifindex:
        return False
    try:
        here = link.id in {id_ for _, id_ in bpf.query_tcx(link.ifindex)}
    except OSError as error:
        if error.errno != errno.ENODEV:
            raise
        here = False
    if not here:
        raise GateError(
            f"gate {path.parent.name!r} has its program on {interface.name} in another network namespace: "
            "give this one another [gate] name, or run `sekisho gate down` there"
        )
    return link.ifindex == interface.index


def _attach_clsact(interface: Interface, program_fd: int, pin_dir: Path) -> None:
    with _netlink() as route:
        kinds = {qdisc.get_attr("TCA_KIND") for qdisc in route.get_qdiscs(index=interface.index)}
        if not kinds & {"clsact", "ingress"}:
            _path(pin_dir, "qdisc", interface.name).mkdir(exist_ok=True)
            route.tc("add", "clsact", interface.index)
        ours = _our_filters(interface.name, pin_dir)
        info = bpf.program_info(program_fd)
        route.tc(
            "replace-filter" if ours else "add-filter",
            "bpf",
            interface.index,
            handle=_HANDLE,
            parent=_CLSACT_INGRESS,
            prio=_PRIORITY,
            protocol=_ETH_P_ALL,
            fd=program_fd,
            name=f"sekisho/{pin_dir.name}/{info.name}",
            direct_action=True,
        )


def _detach_clsact(name: str, pin_dir: Path) -> None:
    made = _path(pin_dir, "qdisc", name)
    ours = _our_filters(name, pin_dir)
    with _netlink() as route:
        for filter_ in ours:
            route.tc(
                "del-filter",
                "bpf",
                filter_["index"],
                handle=filter_["handle"],
                parent=_CLSACT_INGRESS,
                prio=_PRIORITY,
                protocol=_ETH_P_ALL,
            )
            both = _CLSACT_INGRESS, _CLSACT_EGRESS
            if made.exists() and not any(_filters(route, filter_["index"], parent) for parent in both):
                route.tc("del", "clsact", filter_["index"])
    if made.exists():
        made.rmdir()


def _filters(route: IPRoute, index: int, parent: int) -> list[Any]:
    return [found for found in route.get_filters(index=index, parent=parent) if found.get_attr("TCA_OPTIONS")]


def _our_filters(name: str, pin_dir: Path) -> list[Any]:
    """Return the filters of the gate on an interface; none where there is no such interface."""
    try:
        index = socket.if_nametoindex(name)
    except OSError:
        return []
    with _netlink() as route:
        return [f for f in _filters(route, index, _CLSACT_INGRESS) if _gate_of(f) == pin_dir.name]


def _gate_of(filter_: Any) -> str | None:
    """Return which gate a clsact filter belongs to, if to one."""
    if filter_.get_attr("TCA_KIND") != "bpf":
        return None
    maker, _, rest = (filter_.get_attr("TCA_OPTIONS").get_attr("TCA_BPF_NAME") or "").partition("/")
    return rest.rpartition("/")[0] if maker == "sekisho" else None


def _pin_program(name: str, program_fd: int, pin_dir: Path) -> None:
    fresh = _path(pin_dir, "fresh", name)
    fresh.unlink(missing_ok=True)
    bpf.pin(program_fd, str(fresh))
    fresh.rename(_path(pin_dir, "program", name))


def _path(pin_dir: Path, kind: str, name: str) -> Path:
    """Return a pin's path: bpffs takes no dot in a name, the names of interfaces no percent sign."""
    return pin_dir / f"{kind}_{name.replace('.', '%')}"


def _interface_of(path: Path) -> str:
    return path.name.partition("_")[2].replace("%", ".")


def _link(path: Path) -> bpf.LinkInfo:
    with _pinned(path) as fd:
        return bpf.link_info(fd)


@contextmanager
def _netlink() -> Iterator[IPRoute]:
    """Open rtnetlink; its errors become OSErrors."""
    try:
        with IPRoute() as route:
            yield route
    except NetlinkError as error:
        raise OSError(error.code, str(error)) from error


@contextmanager
def _pinned(path: Path) -> Iterator[int]:
    fd = bpf.get_pinned(str(path))
    try:
        yield fd
    finally:
        os.close(fd)
