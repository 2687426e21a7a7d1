"""Cases of the gate about several processors at once."""

from __future__ import annotations

import dataclasses
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event

from sekisho.gate import abi, bpf, libbpf, tables
from sekisho.gate.frames import Role
from sekisho.model import Timeouts
from tests.kernel.cases import SERVER, syn_frame
from tests.kernel.conftest import example
from tests.kernel.frames import ACK, RST, SYN, segment
from tests.kernel.twin import OBJECT, PROGRAMS, apply, twin
from tests.system.waiting import until


def test_03_cap_plus_one_at_once_on_several_cpus_admits_exactly_cap() -> None:
    workers, rounds = 4, 200
    with twin(example()) as gate:
        program = gate._loaded.programs[PROGRAMS[Role.SUBSCRIBER]]
        barrier = Barrier(workers)

        def send(worker: int) -> int:
            admitted = 0
            for turn in range(rounds):
                frame = syn_frame(line=f"100.64.2.{turn}", port=20_000 + worker)
                barrier.wait()
                admitted += bpf.run_packet(program, frame).retval == abi.PASS
            return admitted

        with ThreadPoolExecutor(workers) as pool:
            admitted = sum(pool.map(send, range(workers)))
        assert admitted == 3 * rounds
        assert set(gate.kernel_sessions().values()) == {3}
        gate.check_invariants()


def test_37_sweeps_that_race_with_packets_leave_every_count_right() -> None:
    """The real clock and timeouts of a millisecond: slots end under the packets' hands."""
    loaded = libbpf.load(OBJECT, pin_dir=None, sizes={"lines": 64, "slots": 128}, programs=None)
    at_once = Timeouts(syn_ms=1, idle_ms=1, half_closed_ms=1, linger_ms=1)
    wanted = dataclasses.replace(example(), timeouts=at_once)
    installed = tables.encode(wanted, tables.EMPTY, hold_by_queue=True, learning_until_ns=0)
    apply(loaded, tables.diff(tables.EMPTY, installed))
    subscriber, sweep = (loaded.programs[name] for name in ("subscriber_eth", "sweep"))
    stopping = Event()

    def churn(worker: int) -> int:
        for turn in range(4000):
            ends = (f"100.65.0.{turn % 40}", SERVER, (30_000 + worker % 2, 25))
            bpf.run_packet(subscriber, segment(*ends, SYN, seq=1))
            last = (RST, b"") if turn % 3 else (ACK, b"x")
            bpf.run_packet(subscriber, segment(*ends, last[0], seq=2, ack=9, payload=last[1]))
        return 4000

    def keep_sweeping() -> int:
        turns = 0
        while not stopping.is_set():
            bpf.run_packet(sweep, bytes(64))
            turns += 1
        return turns

    def swept() -> bool:
        bpf.run_packet(sweep, bytes(64))
        return not bpf.read_all(loaded.maps["slots"])

    with ThreadPoolExecutor(4) as pool:
        sweeping = pool.submit(keep_sweeping)
        try:
            assert sum(pool.map(churn, range(3))) == 12_000
        finally:
            stopping.set()
        assert sweeping.result() > 10
    until(swept)
    assert not bpf.read_all(loaded.maps["lines"])
    loaded.close()
