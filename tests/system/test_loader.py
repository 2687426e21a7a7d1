"""The loader on real interfaces: attach, take over, replace under traffic, take down."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from pyroute2 import IPRoute
from structlog.testing import capture_logs

from sekisho.gate import GateError, abi, bpf, libbpf, links, tcx
from sekisho.gate.kernel import GateState, KernelGate, open_gate, read_pinned
from sekisho.model import ClassCounters, KnownLine, Limit, Mode, Wanted
from tests.system.loadersite import CAPPED, Site, install, make_site, remove_all
from tests.system.netns import Net
from tests.system.waiting import until

OBJECT = Path(links.__file__).with_name("gate.bpf.o")
HOOKS = ("tcx", "clsact")
PORTS = 60_000  # after so many the SYNs' ports come again


@pytest.fixture(params=HOOKS)
def site(request: pytest.FixtureRequest, net: Net, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A router with pins of its own; the older hook is forced where the kernel has both."""
    if request.param == "clsact":
        monkeypatch.setattr(links, "has_tcx", lambda: False)
    elif not links.has_tcx():
        pytest.skip("this kernel has no TCX (Linux 6.6)")
    yield from _built(net, str(request.param))


@pytest.fixture
def plain(net: Net) -> Iterator[Site]:
    """The same for what has nothing to do with the hook: the kernel's best."""
    yield from _built(net, "tcx" if links.has_tcx() else "clsact")


def _built(net: Net, hook: str) -> Iterator[Site]:
    with ExitStack() as stack:
        made = make_site(net, hook, stack)
        stack.callback(remove_all, made)
        yield made


def dynamic(gate: KernelGate) -> ClassCounters:
    return gate.counters().classes["dynamic", 0]


def refused(action: Callable[[], object]) -> str:
    with pytest.raises(GateError) as raised:
        action()
    return str(raised.value)


def test_a_new_gate_passes_until_it_is_told_otherwise(plain: Site) -> None:
    gate = plain.open()
    assert not any(gate.installed().values())
    plain.send(5)
    assert len(plain.wire.take(5)) == 5
    assert gate.counters().classes == {}
    assert gate.counters().totals.unknown_source == 5


def test_the_cap_holds_between_real_interfaces(site: Site) -> None:
    gate = site.up()
    site.send(5)
    until(lambda: dynamic(gate).attempted == 5)
    assert (dynamic(gate).admitted, dynamic(gate).refused) == (2, 3)
    assert site.passed() == 2
    assert gate.sweep().sessions == 2


def test_what_is_installed_is_read_back(plain: Site) -> None:
    wanted = replace(CAPPED, lines={7: KnownLine("dynamic", Limit(Mode.ENFORCE, 1, 500))})
    gate = plain.open()
    after = install(gate, wanted)
    assert gate.installed() == after
    install(gate, Wanted({}))
    assert {name for name, entries in gate.installed().items() if entries} == {"control"}


def test_taking_over_keeps_limits_and_counts(site: Site) -> None:
    first = site.up()
    site.send(3)
    until(lambda: dynamic(first).attempted == 3)
    before, counted = first.installed(), first.counters()
    first.close = lambda: None  # type: ignore[method-assign]
    second = site.open()
    assert second.installed() == before
    assert second.counters() == counted
    assert second.sweep().sessions == 2
    site.send(3)
    until(lambda: dynamic(second).attempted == 6)
    assert dynamic(second).admitted == 2


def test_it_goes_on_when_its_process_is_gone(site: Site) -> None:
    script = (
        f"from sekisho.gate.kernel import *; import os; open_gate({site.spec!r}); os.kill(os.getpid(), 9)"
    )
    if site.hook == "clsact":
        script = f"from sekisho.gate import links; links.has_tcx = lambda: False; {script}"
    assert site.gate.run(sys.executable, "-c", script, check=False).returncode == -9
    assert {(one.name, one.role, one.hook) for one in site.state().interfaces} == {
        ("lines", "subscriber", site.hook),
        ("servers", "uplink", site.hook),
    }
    site.send(2)
    gate = site.open()
    until(lambda: gate.counters().totals.unknown_source == 2)


def test_no_packet_passes_beside_the_gate_while_it_is_replaced(site: Site) -> None:
    gate = site.up()
    stopped = threading.Event()

    def traffic() -> None:
        for _ in range(PORTS):
            if stopped.wait(0.0005):
                return
            site.send()

    sender = threading.Thread(target=traffic)
    sender.start()
    try:
        for _ in range(5):
            site.open()
    finally:
        stopped.set()
        sender.join()
    total = len(site.wire.sent_ns)
    assert total > 100
    until(lambda: dynamic(gate).attempted >= total)
    assert (dynamic(gate).attempted, dynamic(gate).admitted) == (total, 2)
    assert site.passed() == 2


def test_nothing_is_left_behind(site: Site) -> None:
    before = site.traces()
    site.up()
    assert site.traces() != before
    site.remove()
    assert site.traces() == before
    assert site.state() == GateState(())
    site.remove()
    site.send(3)
    assert len(site.wire.take(3)) == 3


def test_two_gates_on_interfaces_of_their_own(site: Site) -> None:
    one = replace(site.spec, subscriber=("lines",), uplink=())
    two = replace(site.spec, name="two", subscriber=("servers",), uplink=())
    site.open(one)
    site.open(two)
    site.remove()
    assert not site.programs()
    assert site.programs("servers")


def test_an_interface_that_is_no_longer_named_is_left(site: Site) -> None:
    gate = site.up()
    steered = replace(site.spec, uplink=("lines",))
    again = site.open(steered)
    assert [(one.name, one.role) for one in site.state().interfaces] == [("lines", "steered")]
    assert not site.programs("servers")
    assert again.installed() == gate.installed()


def test_an_interface_that_was_gone_is_taken_again(site: Site, net: Net) -> None:
    gate = site.up()
    site.gate.run("ip", "link", "delete", "lines")
    assert [one.name for one in site.state().interfaces] == ["servers"]
    net.veth(site.lines, "gate", site.gate, "lines")
    again = site.open()
    assert len(site.state().interfaces) == 2
    assert again.installed() == gate.installed()
    site.gate.run("ip", "link", "delete", "lines")
    site.remove()
    assert not Path(site.spec.pin_root).exists()


def test_a_renamed_interface_is_found_at_removal(site: Site) -> None:
    before = site.traces()
    site.up()
    site.rename("lines", "bng7")
    assert len(site.state().interfaces) == 2
    assert site.programs("bng7")
    site.remove()
    assert not site.programs("bng7")
    site.rename("bng7", "lines")
    assert site.traces() == before


def test_a_filter_is_found_without_its_pins(site: Site) -> None:
    site.up()
    for path in site.pin_dir.glob("*_lines"):
        path.unlink()
    assert [one.name for one in site.state().interfaces if one.name == "lines"] == (
        ["lines"] if site.hook == "clsact" else []
    )
    site.remove()
    assert not site.programs()


def test_a_renamed_interface_has_one_program_after_a_restart(site: Site) -> None:
    before = site.traces()
    gate = site.up()
    site.rename("lines", "bng7")
    site.open(replace(site.spec, subscriber=("bng7",)))
    assert {one.name for one in site.state().interfaces} == {"bng7", "servers"}
    assert len(site.gate.run("tc", "filter", "show", "dev", "bng7", "ingress").stdout.splitlines()) <= 2
    site.send(3)
    until(lambda: dynamic(gate).attempted == 3)
    assert site.passed() == 2
    site.remove()
    site.rename("bng7", "lines")
    assert site.traces() == before


def test_a_renamed_interface_that_is_no_longer_named_is_left(site: Site, net: Net) -> None:
    site.up()
    site.rename("lines", "bng7")
    net.veth(site.gate, "lines", site.lines, "another")
    site.open()
    assert not site.programs("bng7")
    assert site.programs("lines")


def test_names_with_dots_and_links_without_ethernet(net: Net, site: Site) -> None:
    net.veth(site.gate, "lines.100", site.lines, "lines.100")
    site.gate.run("ip", "tuntap", "add", "tun.1", "mode", "tun")
    site.open(replace(site.spec, subscriber=("lines.100",), uplink=("tun.1",)))
    shown = {one.name: one.role for one in site.state().interfaces}
    assert shown == {"lines.100": "subscriber", "tun.1": "uplink"}
    with_header, without = (program_name(site, path) for path in ("program_lines%100", "program_tun%1"))
    assert (with_header, without) == ("subscriber_eth", "uplink_ip")


def program_name(site: Site, pin: str) -> str:
    fd = bpf.get_pinned(str(site.pin_dir / pin))
    try:
        return bpf.program_info(fd).name
    finally:
        os.close(fd)


@pytest.fixture
def stranger() -> Iterator[libbpf.Loaded]:
    """A program of somebody else."""
    sizes = {"lines": 10, "slots": 10}
    loaded = libbpf.load(OBJECT, pin_dir=None, sizes=sizes, programs=["subscriber_eth"])
    yield loaded
    loaded.close()


def seen(loaded: libbpf.Loaded) -> int:
    """Return how many packets of port 25 a stranger has met."""
    values = bpf.lookup(loaded.maps["totals"], bytes(4), bpf.value_room(bpf.map_info(loaded.maps["totals"])))
    return sum(
        int.from_bytes(values[start : start + 8], "little")
        for start in range(0, len(values), abi.TOTALS.size)
    )


def attach_stranger(site: Site, loaded: libbpf.Loaded) -> None:
    """Attach it as somebody else would, with the gate's own priority for a filter."""
    index = site.gate.call(lambda: socket.if_nametoindex("lines"))
    if site.hook == "tcx":
        link = site.gate.call(lambda: tcx.attach_tcx(loaded.programs["subscriber_eth"], index))
        site.stack.callback(os.close, link)
    else:
        site.gate.run("tc", "qdisc", "add", "dev", "lines", "clsact")
        site.gate.call(lambda: add_filter(index, loaded, 0xFFFFFFF2))


def add_filter(index: int, loaded: libbpf.Loaded, parent: int) -> None:
    with IPRoute() as route:
        fd = loaded.programs["subscriber_eth"]
        where = {"handle": 1, "parent": parent, "prio": 25, "protocol": 3}
        route.tc("add-filter", "bpf", index, **where, fd=fd, name="stranger", direct_action=True)


def test_programs_of_others_are_left_alone(site: Site, stranger: libbpf.Loaded) -> None:
    attach_stranger(site, stranger)
    before = site.traces()
    gate = site.up()
    site.send(2)
    until(lambda: dynamic(gate).attempted == 2)
    assert seen(stranger) == 2
    site.open()
    site.send(2)
    until(lambda: dynamic(gate).attempted == 4)
    assert seen(stranger) == 2
    site.remove()
    assert site.traces() == before
    site.send(3)
    until(lambda: seen(stranger) == 5)


def test_a_stranger_who_comes_later_keeps_the_qdisc(site: Site, stranger: libbpf.Loaded) -> None:
    site.open()
    if site.hook == "clsact":
        index = site.gate.call(lambda: socket.if_nametoindex("lines"))
        site.gate.call(lambda: add_filter(index, stranger, 0xFFFFFFF3))
    site.remove()
    assert "clsact" not in site.gate.run("tc", "qdisc", "show", "dev", "servers").stdout
    assert ("clsact" in site.gate.run("tc", "qdisc", "show", "dev", "lines").stdout) == (
        site.hook == "clsact"
    )


def test_an_interface_that_is_not_there(plain: Site) -> None:
    message = refused(lambda: plain.open(replace(plain.spec, uplink=("up0",))))
    assert message == "there is no interface 'up0' here; there are: lines, lo, servers"
    assert not Path(plain.spec.pin_root).exists()


def test_a_bridge_in_place_of_its_ports_is_warned_of(plain: Site) -> None:
    plain.gate.run("ip", "link", "add", "br0", "type", "bridge")
    for port in ("lines", "servers"):
        plain.gate.run("ip", "link", "set", port, "master", "br0")
    with capture_logs() as told:
        plain.open()
    assert not told
    plain.remove()
    with capture_logs() as told:
        plain.open(replace(plain.spec, subscriber=("br0",), uplink=()))
    (warning,) = told
    assert (warning["log_level"], warning["interface"], warning["ports"]) == (
        "warning",
        "br0",
        ("lines", "servers"),
    )


def test_another_gate_on_the_interface(site: Site) -> None:
    site.open()
    before = site.traces()
    message = refused(lambda: site.open(replace(site.spec, name="two")))
    assert message.startswith("interface lines has gate 'one' on it: take that one down first")
    assert site.traces() == before


def test_pinned_tables_of_another_size(plain: Site) -> None:
    plain.up()
    before = plain.state()
    message = refused(lambda: plain.open(replace(plain.spec, slots=500)))
    assert "slots has 1000 entries of 36 + " in message
    assert "wanted are 500" in message
    assert "`sekisho gate down`" in message
    assert plain.state() == before


def test_pinned_tables_of_another_version(plain: Site) -> None:
    plain.up()
    (mark,) = plain.pin_dir.glob("layout_*")
    mark.rename(plain.pin_dir / "layout_0")
    for read in (plain.open, lambda: read_pinned(plain.spec.name, plain.spec.pin_root)):
        message = refused(read)
        assert message.startswith(f"the tables in {plain.pin_dir} were made by another version of sekisho")
    plain.remove()
    plain.open()


def test_a_table_that_is_full(plain: Site) -> None:
    gate = plain.up()
    lines = {number: KnownLine("dynamic") for number in range(1_002)}
    message = refused(lambda: install(gate, replace(CAPPED, lines=lines)))
    assert message == (
        "writing table known: it has room for 1000 entries, 2 more found none: "
        "raise known in [gate] and take the gate down and up"
    )
    assert len(gate.installed()["known"]) == 1_000
    assert len(gate.installed()["pools"]) == 1


def test_an_object_that_is_none_and_a_kernel_that_refuses(tmp_path: Path) -> None:
    nothing = tmp_path / "gate.bpf.o"
    message = refused(lambda: libbpf.load(nothing, pin_dir=None, sizes={}))
    assert message.startswith(f"gate object {nothing} cannot be read (`make bpf` builds it): No such file")
    message = refused(lambda: libbpf.load(OBJECT, pin_dir=None, sizes={"lines": 0}))
    assert message.startswith("the kernel refused the gate's program: ")
    assert "lines" in message


def test_a_gate_of_another_network_namespace(net: Net, site: Site) -> None:
    site.up()
    other = net.namespace("other")
    other.run("ip", "link", "add", "lines", "type", "veth", "peer", "name", "servers")
    if site.hook == "tcx":  # a filter of tc is found by nobody outside its namespace
        message = refused(lambda: other.call(lambda: open_gate(site.spec)))
        assert message.startswith("gate 'one' has its program on lines in another network namespace")
    assert len(site.state().interfaces) == 2


def test_a_hidden_bpffs(plain: Site) -> None:
    script = f"from sekisho.gate.kernel import *; open_gate({plain.spec!r})"
    hidden = subprocess.run(
        ["ip", "netns", "exec", plain.gate.name, sys.executable, "-c", script], capture_output=True, text=True
    )
    assert "no bpffs on /sys/fs/bpf, because `ip netns exec` hides it: " in hidden.stderr


def test_capabilities_of_the_service_are_enough_and_fewer_are_named(plain: Site) -> None:
    script = f"from sekisho.gate.kernel import *; open_gate({plain.spec!r}).sweep()"
    enough = "+bpf,+net_admin,+perfmon"
    for capabilities, sentence in ((enough, ""), ("+bpf,+net_admin", "CAP_PERFMON missing: run as root")):
        only = (f"--bounding-set=-all,{capabilities}", f"--inh-caps=-all,{capabilities}")
        done = plain.gate.run("setpriv", *only, sys.executable, "-c", script, check=False)
        assert sentence in done.stderr
        assert bool(sentence) == bool(done.returncode), done.stderr
