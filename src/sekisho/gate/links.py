"""The gate's programs on interfaces: TCX links where the kernel has them (6.6), else clsact filters.

All names are those of the calling thread's network namespace. Beside the maps, a gate's directory in bpffs
holds for each interface

    program_IF   the program that is attached there
    link_IF      its TCX link: removing it detaches the program; without it there is a clsact filter
    qdisc_N      an empty directory: the clsact qdisc of the interface with number N was made for the gate

A filter is found by the gate's name in its own, on whatever interface: interfaces are renamed.
Programs of others are neither moved nor touched.
"""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from sekisho.gate import GateError, bpf, tcx

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


def bridge_ports(interface: Interface) -> tuple[str, ...] | None:
    """Return the names of a bridge's ports; None where the interface is no bridge."""
    with _netlink() as route:
        (link,) = route.get_links(interface.index)
        info = link.get_attr("IFLA_LINKINFO")
        if info is None or info.get_attr("IFLA_INFO_KIND") != "bridge":
            return None
        ports = route.link("dump", master=interface.index)
        return tuple(sorted(port.get_attr("IFLA_IFNAME") for port in ports))


def has_tcx() -> bool:
    """Tell whether the kernel has TCX."""
    try:
        tcx.query_tcx(_LOOPBACK)
    except OSError as error:
        if error.errno == errno.EINVAL:
            return False
        raise
    return True


def other_gate_on(interface: Interface, pin_dir: Path) -> str | None:
    """Return the name of another gate on an interface, if there is one; gates lie beside `pin_dir`."""
    on_tcx = {link for _, link in tcx.query_tcx(interface.index)} if has_tcx() else set()
    for other in pin_dir.parent.iterdir() if pin_dir.parent.exists() else ():
        if other != pin_dir and any(_link(path).id in on_tcx for path in other.glob("link_*")):
            return other.name
    with _netlink() as route:
        gates = [_names(filter_)[0] for filter_ in _filters(route, interface.index, _CLSACT_INGRESS)]
    return next((gate for gate in gates if gate not in {"", pin_dir.name}), None)


def attach(interface: Interface, program_fd: int, pin_dir: Path, *, by_tcx: bool) -> None:
    """Put a program on an interface, in place of the gate's former one with no moment without either."""
    _pin_program(interface.name, program_fd, pin_dir)
    if by_tcx:
        _attach_tcx(interface, program_fd, _path(pin_dir, "link", interface.name))
    else:
        _attach_clsact(interface, program_fd, pin_dir)


def attached(pin_dir: Path) -> Iterator[Attachment]:
    """Yield what the gate has on the interfaces of this network namespace, and by TCX on those of others."""
    programs = {_interface_of(path): _program(path) for path in sorted(pin_dir.glob("program_*"))}
    for name, info in programs.items():
        link = _path(pin_dir, "link", name)
        if link.exists() and _link(link).ifindex:
            yield _attachment(name, "tcx", info)
    by_name = {info.name: info for info in programs.values()}
    for filter_ in _our_filters(pin_dir):
        program = _names(filter_)[1]
        info = by_name.get(program, bpf.ProgramInfo(0, "", 0, program))  # somebody has removed the pins
        yield _attachment(socket.if_indextoname(filter_["index"]), "clsact", info)


def named(pin_dir: Path) -> set[str]:
    """Return the interfaces that the gate has put a program on."""
    return {_interface_of(path) for path in pin_dir.glob("program_*")}


def detach(name: str, pin_dir: Path) -> None:
    """Take the gate's program off an interface, which may be gone or have another name by now."""
    link = _path(pin_dir, "link", name)
    if link.exists():
        _unlink(link)
    _path(pin_dir, "program", name).unlink()


def detach_filters(pin_dir: Path, kept: Collection[int] = ()) -> None:
    """Take the gate's filters off all interfaces but those (by number), and qdiscs made for them alone."""
    strays = [filter_ for filter_ in _our_filters(pin_dir) if filter_["index"] not in kept]
    for filter_ in strays:
        _detach_clsact(filter_, pin_dir)


def _attach_tcx(interface: Interface, program_fd: int, path: Path) -> None:
    if path.exists() and _is_here(_link(path), interface, path):
        with _pinned(path) as link_fd:
            tcx.replace_in_link(link_fd, program_fd)
        return
    if path.exists():
        _unlink(path)
    link_fd = tcx.attach_tcx(program_fd, interface.index)
    try:
        bpf.pin(link_fd, str(path))
    finally:
        os.close(link_fd)


def _unlink(path: Path) -> None:
    with _pinned(path) as link_fd:
        if tcx.link_info(link_fd).ifindex:
            tcx.detach_link(link_fd)
    path.unlink()


def _is_here(link: tcx.LinkInfo, interface: Interface, path: Path) -> bool:
    """Tell whether a link is on this very interface; GateError where it serves another namespace."""
    if not link.ifindex:
        return False
    try:
        here = link.id in {id_ for _, id_ in tcx.query_tcx(link.ifindex)}
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
            _path(pin_dir, "qdisc", str(interface.index)).mkdir(exist_ok=True)
            route.tc("add", "clsact", interface.index)
        there = _filters(route, interface.index, _CLSACT_INGRESS)
        ours = any(_names(filter_)[0] == pin_dir.name for filter_ in there)
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


def _detach_clsact(filter_: Any, pin_dir: Path) -> None:
    index = filter_["index"]
    made = _path(pin_dir, "qdisc", str(index))
    with _netlink() as route:
        route.tc(
            "del-filter",
            "bpf",
            index,
            handle=filter_["handle"],
            parent=_CLSACT_INGRESS,
            prio=_PRIORITY,
            protocol=_ETH_P_ALL,
        )
        both = _CLSACT_INGRESS, _CLSACT_EGRESS
        if made.exists() and not any(_filters(route, index, parent) for parent in both):
            route.tc("del", "clsact", index)
    if made.exists():
        made.rmdir()


def _filters(route: IPRoute, index: int, parent: int) -> list[Any]:
    return [found for found in route.get_filters(index=index, parent=parent) if found.get_attr("TCA_OPTIONS")]


def _our_filters(pin_dir: Path) -> list[Any]:
    """Return the filters of the gate on all interfaces of this network namespace."""
    with _netlink() as route:
        # One question for all: only interfaces with such a qdisc, of perhaps thousands, can have a filter.
        indices = {q["index"] for q in route.get_qdiscs() if q.get_attr("TCA_KIND") in {"clsact", "ingress"}}
        found = [one for index in sorted(indices) for one in _filters(route, index, _CLSACT_INGRESS)]
    return [filter_ for filter_ in found if _names(filter_)[0] == pin_dir.name]


def _names(filter_: Any) -> tuple[str, str]:
    """Return of which gate a clsact filter is, and which program; ("", "") where it is of none."""
    if filter_.get_attr("TCA_KIND") != "bpf":
        return "", ""
    maker, _, rest = (filter_.get_attr("TCA_OPTIONS").get_attr("TCA_BPF_NAME") or "").partition("/")
    gate, _, program = rest.rpartition("/")
    return (gate, program) if maker == "sekisho" else ("", "")


def _attachment(name: str, hook: str, program: bpf.ProgramInfo) -> Attachment:
    return Attachment(name, program.name.partition("_")[0], hook, program.tag, program.loaded_ns)


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


def _program(path: Path) -> bpf.ProgramInfo:
    with _pinned(path) as fd:
        return bpf.program_info(fd)


def _link(path: Path) -> tcx.LinkInfo:
    with _pinned(path) as fd:
        return tcx.link_info(fd)


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
