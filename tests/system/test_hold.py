"""The hold in namespaces of its own, with real packets."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from sekisho.gate import GateError, bridges, commands, guard, nfqueue, releases
from sekisho.gate.commands import CommandMissingError, RulesError
from sekisho.gate.hold import Hold
from sekisho.gate.kernel import KernelGate
from sekisho.gate.rules import NftRules
from sekisho.gate.ruleset import QueueRule
from sekisho.model import ClassCounters
from tests.system.netns import Namespace
from tests.system.road import Build, Road, bridged, ipv4_syns, routed
from tests.system.syns import syn
from tests.system.waiting import until

HELD_MS = 3_000  # where something must happen while packets are held
LATE_MS = 10_000  # bounds that only catch a hang: other work may have all cores for a while


def ipv6_syns(numbers: range) -> list[bytes]:
    """Return SYNs of many IPv6 lines to many servers."""
    return [syn(f"2001:db8:1::{n % 999 + 2:x}", f"2001:db8:3::{n % 777 + 1:x}", n) for n in numbers]


def tcp_of(packet: bytes) -> bytes:
    """Return the TCP header and what follows it."""
    return packet[40 if packet[0] >> 4 == 6 else 20 :]


def held(hold: Hold, bank: int = 0) -> int:
    """Return how many packets a bank holds."""
    return hold.state().banks[bank].held


def test_every_syn_waits_its_delay_and_arrives_whole(road: Road) -> None:
    hold = road.hold({0: 300})
    data = [syn("10.1.9.9", "10.2.9.9", 9000 + n, payload=bytes([n]) * 500) for n in range(16)]  # fast open
    packets = ipv4_syns(range(3000)) + ipv6_syns(range(3000, 6000)) + data
    road.wire.send(packets)
    arrivals = road.wire.take(len(packets))
    delays = [road.wire.delay_ms(arrival) for arrival in arrivals]
    assert min(delays) >= 300
    assert max(delays) < 300 + LATE_MS
    assert {arrival.tcp for arrival in arrivals} == {tcp_of(packet) for packet in packets}
    state = hold.state()
    assert state.banks[0].released == len(packets)
    assert state.banks[0].held == state.banks[0].full_drops == state.banks[0].user_drops == 0
    assert state.late_p99_ms is not None
    assert (sum(state.lateness), state.dropped) == (len(packets), 0)


def test_banks_keep_delays_of_their_own(road: Road) -> None:
    road.hold({0: 100, 1: 600})
    road.wire.send([*ipv4_syns(range(50), 26), *ipv4_syns(range(50, 100), 25)])
    arrivals = road.wire.take(100)
    assert all(road.wire.delay_ms(arrival) >= (600 if arrival.number < 50 else 100) for arrival in arrivals)
    assert [arrival.number < 50 for arrival in arrivals] == [False] * 50 + [True] * 50


def test_a_full_queue_drops_and_lets_nothing_by(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nfqueue, "QUEUE_LENGTH", 100)
    hold = road.hold({0: HELD_MS}, fanout=1)
    road.wire.send(ipv4_syns(range(250)))
    arrivals = road.wire.take(100)
    assert min(map(road.wire.delay_ms, arrivals)) >= HELD_MS
    bank = hold.state().banks[0]
    assert (bank.held, bank.full_drops, bank.user_drops) == (0, 150, 0)
    assert (hold.state().dropped, hold.take_highest(), hold.take_highest()) == (150, 100, 0)
    road.wire.send(ipv4_syns(range(250, 260)))
    assert {arrival.number for arrival in road.wire.take(10)} == set(range(250, 260))


def queue_statements(road: Road) -> list[str]:
    """Return what queues packets, of every family."""
    return [line[line.index("queue") :] for line in road.ruleset().splitlines() if "queue" in line]


def test_rules_are_restored_after_a_flush(road: Road) -> None:
    hold = road.hold({0: HELD_MS, 1: HELD_MS})
    road.wire.send(ipv4_syns(range(100)))
    until(lambda: held(hold) == 100)
    rules_before = queue_statements(road)
    assert rules_before
    road.gate.run("nft", "flush", "ruleset")
    until(lambda: queue_statements(road) == rules_before)
    until(lambda: hold.state().rules_restored > 0)
    until(lambda: held(hold) == 0)
    assert all(bank.rule_present for bank in hold.state().banks.values())
    road.mark()
    road.wire.send(ipv4_syns(range(100, 200)))
    arrivals = road.wire.take(100)
    assert {arrival.number for arrival in arrivals} == set(range(100, 200))
    assert min(map(road.wire.delay_ms, arrivals)) >= HELD_MS


def in_raw(road: Road, *rule: str) -> None:
    """Append a rule of somebody else to the chain in which iptables' queue rules stand."""
    road.gate.run("iptables-nft", "-w", "-t", "raw", "-A", "PREROUTING", *rule)


def test_what_others_drop_is_not_let_past_by_the_hold(road: Road) -> None:
    in_raw(road, "-s", "10.1.4.0/24", "-j", "DROP")  # one line of these SYNs
    road.hold({0: 100})
    road.wire.send(ipv4_syns(range(10)))
    assert {arrival.number for arrival in road.wire.take(9)} == {*range(10)} - {4}


def test_rules_that_take_packets_past_the_hold_are_told(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(NftRules, "supported", lambda _self: False)  # nft's have a chain of their own
    in_raw(road, "-p", "udp", "-j", "ACCEPT")
    with capture_logs() as told:
        hold = road.hold({0: 100})
        road.gate.call(lambda: hold.set_banks({0: 200}))
    (warning,) = [one for one in told if "past the hold" in one["event"]]
    assert (warning["family"], warning["rules"]) == ("ip", ("-A PREROUTING -p udp -j ACCEPT",))


OWNER = """
import sys, threading
from pathlib import Path
from sekisho.gate.hold import Hold
hold = Hold({0: int(sys.argv[2])}, name="road", state=Path(sys.argv[1]))
hold.start()
print("started", flush=True)
threading.Event().wait()
"""


def owner(road: Road, delay_ms: int) -> subprocess.Popen[str]:
    """Start another process that holds in the gate's namespace."""
    process = road.gate.start(sys.executable, "-c", OWNER, str(road.state), str(delay_ms))
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    return process


def test_a_killed_owner_lets_nothing_by_and_the_next_one_takes_over(road: Road) -> None:
    process = owner(road, 200)
    road.wire.send(ipv4_syns(range(40)))
    assert len(road.wire.take(40)) == 40
    process.send_signal(signal.SIGSTOP)  # it holds from here on, and releases no more
    road.wire.send(ipv4_syns(range(100, 300)))
    until(lambda: sum(row.held for row in road.gate.call(queue_rows).values()) == 200)
    process.kill()
    process.wait()
    road.wire.send(ipv4_syns(range(300, 320)))  # nobody listens: dropped
    hold = road.hold({0: 200})
    road.wire.send(ipv4_syns(range(400, 450)))
    arrivals = road.wire.take(50)
    assert {arrival.number for arrival in arrivals} == set(range(400, 450))
    assert min(map(road.wire.delay_ms, arrivals)) >= 200
    assert hold.state().banks[0].released == 50


def queue_rows() -> Mapping[int, nfqueue.QueueRow]:
    """Return the queues of the calling thread's namespace."""
    table = nfqueue.QueueTable()
    try:
        return table.read()
    finally:
        table.close()


def test_a_queue_of_another_process_is_refused_with_its_name(road: Road) -> None:
    process = owner(road, 200)
    told = rf"netfilter queue 2500: process {process.pid} \(.+\) owns it; .*`queue = N` in \[gate\]"
    with pytest.raises(GateError, match=told):
        road.hold({0: 100})


def test_two_holds_in_two_namespaces_do_not_meet(build: Build) -> None:
    one, other = build(routed), build(routed)
    first, second = one.hold({0: 150}), other.hold({0: 450})
    one.wire.send(ipv4_syns(range(200)))
    other.wire.send(ipv4_syns(range(300)))
    assert min(map(one.wire.delay_ms, one.wire.take(200))) >= 150
    assert min(map(other.wire.delay_ms, other.wire.take(300))) >= 450
    assert (first.state().banks[0].released, second.state().banks[0].released) == (200, 300)


def test_an_idle_hold_wakes_for_the_first_syn_and_sleeps_while_it_waits(
    road: Road, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(releases, "QUIET_NS", 300 * 10**9)  # nothing but the arrival can wake it in time
    readings: list[None] = []

    def clock() -> int:
        readings.append(None)
        return time.monotonic_ns()

    road.hold({0: 1000}, clock=clock)
    for number in range(3):  # asleep again after each
        before = len(readings)
        road.wire.send(ipv4_syns(range(number, number + 1)))
        assert 1000 <= road.wire.delay_ms(road.wire.take(1)[0]) < 1000 + LATE_MS
        assert len(readings) - before < 100  # ticks would have read it a thousand times


def test_changed_and_retired_banks(road: Road) -> None:
    hold = road.hold({0: HELD_MS, 1: HELD_MS + 100})
    road.wire.send(ipv4_syns(range(100), 25))
    road.wire.send(ipv4_syns(range(100, 200), 26))
    until(lambda: held(hold, 0) == held(hold, 1) == 100)
    road.gate.call(lambda: hold.set_banks({0: 50, 2: 70}))
    assert not hold.state().banks[1].rule_present
    road.wire.send(ipv4_syns(range(200, 210), 25))
    arrivals = road.wire.take(210)
    least_ms = {0: HELD_MS, 1: HELD_MS + 100, 2: 50}
    assert all(road.wire.delay_ms(arrival) >= least_ms[arrival.number // 100] for arrival in arrivals)
    until(lambda: hold.state().banks.keys() == {0, 2})
    assert road.gate.call(queue_rows).keys() == {*range(2500, 2504), *range(2508, 2512)}
    road.gate.call(lambda: hold.set_banks({0: 50, 1: 60}))  # and back again
    road.wire.send(ipv4_syns(range(300, 350), 26))
    assert min(map(road.wire.delay_ms, road.wire.take(50))) >= 60


def test_lost_queues_are_owned_again(road: Road) -> None:
    hold = road.hold({0: 100})
    with hold._releaser._lock:
        hold._releaser._socket.close()
    until(lambda: hold.state().queues_lost == 1)
    road.wire.send(ipv4_syns(range(10)))
    assert min(map(road.wire.delay_ms, road.wire.take(10))) >= 100


def test_more_queues_than_fit_one_answer_of_the_kernel(road: Road) -> None:
    hold = road.hold(dict.fromkeys(range(16), 100), fanout=8)
    assert len(road.gate.call(queue_rows)) == 128
    road.wire.send(ipv4_syns(range(500), 25) + ipv4_syns(range(500, 1000), 26))
    assert min(map(road.wire.delay_ms, road.wire.take(1000))) >= 100
    assert [hold.state().banks[bank].released for bank in (0, 1, 15)] == [500, 500, 0]


def dynamic(gate: KernelGate) -> ClassCounters:
    """Return what the gate has counted."""
    return gate.counters().classes["dynamic", 0]


def test_the_kernel_program_marks_what_is_held(road: Road) -> None:
    gate, hold = road.attach(HELD_MS), road.hold({0: HELD_MS})
    road.wire.send(ipv4_syns(range(200)))
    first_sent_ns = dict(road.wire.sent_ns)
    until(lambda: held(hold) == 200)
    road.wire.send(ipv4_syns(range(200)))  # too early: dropped
    arrivals = road.wire.take(200)
    assert all(arrival.at_ns - first_sent_ns[arrival.number] >= HELD_MS * 1e6 for arrival in arrivals)
    assert {arrival.number for arrival in arrivals} == set(range(200))
    road.wire.send(ipv4_syns(range(200)))  # the delay is over: at once
    assert len(road.wire.take(200)) == 200
    counted = dynamic(gate)
    assert (counted.admitted, counted.held, counted.retransmissions_dropped) == (200, 200, 200)
    assert hold.state().banks[0].released == 200


@pytest.mark.parametrize("loss", ["killed", "flushed"])
def test_when_what_is_held_is_lost_retransmissions_carry_the_delay(road: Road, loss: str) -> None:
    gate = road.attach(HELD_MS)
    process = owner(road, HELD_MS) if loss == "killed" else None
    if process is None:
        road.hold({0: HELD_MS})
    packets = ipv4_syns(range(100))
    road.wire.send(packets)
    first_sent_ns = dict(road.wire.sent_ns)
    until(lambda: sum(row.held for row in road.gate.call(queue_rows).values()) == 100)
    if process is None:
        road.gate.run("nft", "flush", "ruleset")
    else:
        process.kill()
    arrived_ns: dict[int, int] = {}
    while len(arrived_ns) < 100:
        for arrival in road.wire.within(0.1):
            arrived_ns.setdefault(arrival.number, arrival.at_ns)
        road.wire.send(packet for number, packet in enumerate(packets) if number not in arrived_ns)
    assert all(at_ns - first_sent_ns[number] >= HELD_MS * 1e6 for number, at_ns in arrived_ns.items())
    assert dynamic(gate).admitted == 100


def test_removal_leaves_nothing_of_ours(road: Road) -> None:
    before = road.ruleset()
    road.hold({0: 100})
    road.stop()
    assert road.ruleset() != before
    road.remove()
    assert road.ruleset() == before
    assert not list(road.state.glob("*"))


def test_removal_leaves_what_others_have_in_the_raw_table(road: Road) -> None:
    notrack = ("-t", "raw", "PREROUTING", "-p", "tcp", "--dport", "443", "-j", "NOTRACK")
    road.hold({0: 100})
    road.gate.run("iptables-nft", "-w", *notrack[:2], "-A", *notrack[2:])
    road.stop()
    road.remove()
    left = road.gate.run("iptables-nft", "-w", "-t", "raw", "-S", "PREROUTING").stdout
    assert [line.partition(" -j ")[0] for line in left.splitlines() if line.startswith("-A")] == [
        "-A PREROUTING -p tcp -m tcp --dport 443"
    ]
    assert "sekisho" not in road.ruleset()


def bridge_switches(gate: Namespace) -> dict[str, str]:
    """Return the sysctls of br_netfilter that the hold changes."""
    switches = bridges.BRIDGE_SWITCHES
    return gate.call(lambda: {key: (bridges.BRIDGE / key).read_text().strip() for key in switches})


needs_br_netfilter = pytest.mark.skipif(
    not bridges.BRIDGE.exists(),
    reason="br_netfilter is not loaded; loading it would change every bridge of this machine",
)


@needs_br_netfilter
def test_bridge_switches_are_turned_on_again(build: Build, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LOOK_MS", 20)
    road = build(bridged)
    road.hold({0: 50}, interfaces=("lines", "servers"))
    for key in bridges.BRIDGE_SWITCHES:  # as `sysctl --system` does where a file says so
        road.gate.sysctl(f"net.bridge.{key}", 0)
    until(lambda: set(bridge_switches(road.gate).values()) == {"1"})
    road.stop()
    road.remove()
    assert set(bridge_switches(road.gate).values()) == {"0"}


@needs_br_netfilter
def test_a_bridge_holds_too_and_gets_its_sysctls_back(build: Build) -> None:
    road = build(bridged)
    road.gate.sysctl("net.bridge.bridge-nf-call-iptables", 0)
    before = bridge_switches(road.gate)
    for first in (0, 100):  # what to put back survives a second start
        road.hold({0: 250}, interfaces=("lines", "servers"))
        assert set(bridge_switches(road.gate).values()) == {"1"}
        road.wire.send(ipv4_syns(range(first, first + 20)) + ipv6_syns(range(first + 20, first + 40)))
        assert min(map(road.wire.delay_ms, road.wire.take(40))) >= 250
        road.stop()
    road.remove()
    assert bridge_switches(road.gate) == before


def test_a_bridge_without_br_netfilter_is_refused(
    build: Build, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bridges, "BRIDGE", tmp_path / "absent")
    with pytest.raises(RulesError, match=r"lines is a bridge port .* br_netfilter .*modprobe"):
        build(bridged).hold({0: 250}, interfaces=("lines",))


def test_missing_commands_are_named_with_their_package(
    road: Road, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        CommandMissingError, match=r"iptables-nft is not installed: install the package iptables"
    ):
        road.hold({0: 250})


def test_a_refused_rule_is_told_with_status_and_reason(road: Road) -> None:
    with pytest.raises(RulesError, match=r"exit status \d+: .+"):
        road.gate.call(lambda: commands.run("iptables-nft", "-t", "raw", "-A", "PREROUTING", "-j", "NOSUCH"))


def test_without_privilege_the_capability_is_named(road: Road) -> None:
    script = (
        "from sekisho.gate import GateError, nfqueue\n"
        "try:\n    nfqueue.QueueSocket()\nexcept GateError as error:\n    print(error)"
    )
    command = ("setpriv", "--bounding-set=-net_admin", "--inh-caps=-net_admin", sys.executable, "-c", script)
    assert "CAP_NET_ADMIN is needed" in road.gate.run(*command).stdout


def test_queues_beyond_the_last_number_are_refused() -> None:
    with pytest.raises(GateError, match="queues 65500 to 65563, 4 a bank"):
        Hold({0: 1}, base=65_500)
    with pytest.raises(GateError, match="choose 1 to 8 a bank"):
        Hold({0: 1}, fanout=9)


def test_a_restoration_that_was_refused_is_tried_again(road: Road, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "LOOK_MS", 20)
    hold = road.hold({0: 50})
    change = hold._guard._rules.change
    refusals: list[None] = []

    def refuse_once(wanted: frozenset[QueueRule]) -> frozenset[QueueRule]:
        if not refusals:
            refusals.append(None)
            raise RulesError("busy")
        return change(wanted)

    monkeypatch.setattr(hold._guard._rules, "change", refuse_once)
    road.gate.run("nft", "flush", "ruleset")
    until(lambda: hold.state().rules_restored == 1)
    assert refusals
