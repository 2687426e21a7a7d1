"""Measure the hold alone: release error with 50,000 held, cost idle and at rising rates.

    lines (SYN generator) ── gate (hold) ── servers (receiver)

Three namespaces, two veth pairs. Each SYN carries the microsecond of its sending in its sequence number;
the receiver's ring has the kernel's time of arrival. Prints one JSON row a line: name, value, unit, wanted,
holds (null where nothing is wanted).
"""

from __future__ import annotations

import json
import mmap
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from statistics import fmean
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sekisho.gate.hold import Hold
from sekisho.gate.rules import remove_rules
from tests.system.netns import Namespace, network
from tests.system.syns import mac

ETHER_BYTES: Final = 14
SEQUENCE_OFFSET: Final = ETHER_BYTES + 20 + 4
RATES: Final = (200, 2_000, 20_000)  # SYNs a second
TURNS: Final = 5  # of each rate, as the kernel parts user time from system time by its ticks alone
FLOWS: Final = 4096  # address pairs, so that all queues of a bank get their share

MARK_SYNS: Final = """
add table inet marking
add chain inet marking prerouting { type filter hook prerouting priority -400; }
add rule inet marking prerouting tcp dport 25 meta mark set 0xb0000000
"""


def row(name: str, value: float, unit: str, wanted: str = "", holds: bool | None = None) -> None:
    """Print one row of the bench."""
    fields = {"name": name, "value": round(value, 3), "unit": unit, "wanted": wanted, "holds": holds}
    print(json.dumps(fields), flush=True)


# --- the generator, a process of its own


def syn(flow: int, macs: bytes) -> bytearray:
    """Return a frame with a SYN to port 25; its TCP checksum is left open, nobody on the way looks at it."""
    source = socket.inet_aton(f"10.1.{1 + flow // 256}.{flow % 256}")
    server = socket.inet_aton(f"10.2.{flow * 7 & 255}.{1 + flow % 250}")
    header = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40, 0, 0, 64, socket.IPPROTO_TCP, 0, source, server)
    total = sum(struct.unpack(">10H", header))
    total = (total & 0xFFFF) + (total >> 16)
    header = header[:10] + struct.pack(">H", total ^ 0xFFFF) + header[12:]
    tcp = struct.pack(">HHIIBBHHH", 1024 + flow, 25, 0, 0, 0x50, 0x02, 65535, 0, 0)
    return bytearray(macs + b"\x08\x00" + header + tcp)


def generate(interface: str, macs: str, rate: int, seconds: float) -> None:
    """Send SYNs at a rate for some time, evenly by the millisecond; print how many."""
    frames = [syn(flow, bytes.fromhex(macs)) for flow in range(FLOWS)]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
        sock.bind((interface, 0))
        start, sent = time.monotonic(), 0
        while (elapsed := time.monotonic() - start) < seconds:
            while sent < elapsed * rate:
                frame = frames[sent % FLOWS]
                struct.pack_into(">I", frame, SEQUENCE_OFFSET, time.time_ns() // 1000 & 0xFFFF_FFFF)
                sock.send(frame)
                sent += 1
            time.sleep(0.001)
    print(sent)


# --- the receiver, a ring that the kernel fills

SOL_PACKET: Final = 263
PACKET_RX_RING: Final = 5
PACKET_VERSION: Final = 10
TPACKET_V2: Final = 1
FRAME_BYTES: Final = 256
BLOCK_BYTES: Final = 1 << 20

RING_HEADER: Final = np.dtype(  # struct tpacket2_hdr
    {
        "names": ["status", "mac", "sec", "nsec"],
        "formats": ["<u4", "<u2", "<u4", "<u4"],
        "offsets": [0, 12, 16, 20],
        "itemsize": 32,
    }
)


class Ring:
    """What arrives on an interface, with the kernel's time of arrival; nobody needs to run meanwhile."""

    def __init__(self, interface: str, packets: int) -> None:
        blocks = -(-packets * FRAME_BYTES // BLOCK_BYTES)
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        self._socket.setsockopt(SOL_PACKET, PACKET_VERSION, TPACKET_V2)
        request = struct.pack("=IIII", BLOCK_BYTES, blocks, FRAME_BYTES, blocks * BLOCK_BYTES // FRAME_BYTES)
        self._socket.setsockopt(SOL_PACKET, PACKET_RX_RING, request)
        self._map = mmap.mmap(self._socket.fileno(), blocks * BLOCK_BYTES)
        self._socket.bind((interface, 0x0800))

    def delays_ms(self) -> NDArray[np.float64]:
        """Return the milliseconds from sending to arrival of each SYN."""
        frames = np.frombuffer(bytes(self._map), dtype=np.uint8).reshape(-1, FRAME_BYTES)
        headers = frames[:, :32].copy().view(RING_HEADER)[:, 0]
        used = np.flatnonzero(headers["status"] & 1)
        start = int(headers["mac"][used[0]]) + SEQUENCE_OFFSET
        sent = frames[used, start : start + 4].copy().view(">u4")[:, 0].astype(np.int64)
        arrived = headers["sec"][used].astype(np.int64) * 1_000_000 + headers["nsec"][used] // 1000
        delays: NDArray[np.float64] = ((arrived - sent) & 0xFFFF_FFFF) / 1000
        return delays

    def close(self) -> None:
        """Free it."""
        self._map.close()
        self._socket.close()


# --- the measurements


class Run(NamedTuple):
    """SYNs sent, held at once at most, and how long each that arrived was on its way."""

    sent: int
    held: int
    delays_ms: NDArray[np.float64]


class Bench:
    """A gate between lines and servers, with a hold of one bank."""

    def __init__(self, lines: Namespace, gate: Namespace, servers: Namespace, delay_ms: int) -> None:
        self._lines, self._servers = lines, servers
        self.delay_ms = delay_ms
        self._macs = mac(gate, "lines").replace(":", "") + "020000000001"
        self._folder = tempfile.TemporaryDirectory()
        self._name = f"bench{os.getpid()}"
        self.hold = Hold({0: delay_ms}, name=self._name, state=Path(self._folder.name))
        self._gate = gate
        gate.call(self.hold.start)

    def close(self) -> None:
        """End the hold."""
        self.hold.stop()
        self._gate.call(lambda: remove_rules(self._name, Path(self._folder.name)))
        self._folder.cleanup()

    def run(self, rate: int, seconds: float, cpu: int | None = None) -> Run:
        """Send SYNs, on one core if told so, and wait until all are released."""
        before = self._released()
        ring = self._servers.call(lambda: Ring("gate", int(rate * seconds) + 5000))
        pin = () if cpu is None else ("taskset", "--cpu-list", f"{cpu}")
        generator = (
            sys.executable,
            "-m",
            "bench.hold",
            "generate",
            "gate",
            self._macs,
            f"{rate}",
            f"{seconds}",
        )
        command = ("nsenter", f"--net={self._lines.path}", "--", *pin, *generator)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            held = 0
            while process.poll() is None:
                held = max(held, sum(bank.held for bank in self.hold.state().banks.values()))
                time.sleep(0.1)
            sent = int(process.communicate()[0])
        end = time.monotonic() + self.delay_ms / 1000 + 30
        while self._released() - before < sent:
            if time.monotonic() > end:
                raise TimeoutError(f"not all of {sent} SYNs were released: {self.hold.state()}")
            time.sleep(0.1)
        try:
            return Run(sent, held, ring.delays_ms())
        finally:
            ring.close()

    def _released(self) -> int:
        return sum(bank.released for bank in self.hold.state().banks.values())


@contextmanager
def bench(delay_ms: int) -> Iterator[Bench]:
    """Build the three namespaces and start the hold."""
    with network() as net:
        lines, gate, servers = (net.namespace(label) for label in ("lines", "gate", "servers"))
        net.veth(lines, "gate", gate, "lines")
        net.veth(servers, "gate", gate, "servers")
        gate.address("lines", "10.1.0.1/16")
        gate.address("servers", "192.0.2.1/30")
        lines.address("gate")
        servers.address("gate", "192.0.2.2/30")
        gate.run("ip", "route", "add", "10.2.0.0/16", "via", "192.0.2.2")
        # For good: all namespaces share one table of neighbours, which others' tests may have filled.
        gate.run("ip", "neighbour", "add", "192.0.2.2", "lladdr", mac(servers, "gate"), "dev", "servers")
        gate.sysctl("net.ipv4.ip_forward", 1)
        gate.run("nft", "-f", "-", text_in=MARK_SYNS)
        made = Bench(lines, gate, servers, delay_ms)
        try:
            yield made
        finally:
            made.close()


def release_error(rate: int, delay_ms: int) -> None:
    """Measure the release error with rate * delay held: generator on a core of its own, then on any."""
    cores = sorted(os.sched_getaffinity(0))
    for name, own, most_ms in (("own core", True, 5), ("shared cores", False, 20)):
        os.sched_setaffinity(0, cores[:1] if own else cores)
        with bench(delay_ms) as made:
            run = made.run(rate, delay_ms / 1000 + 3, cores[-1] if own else None)
        os.sched_setaffinity(0, cores)
        error = run.delays_ms - delay_ms
        first, p50, p99, last = map(float, np.percentile(error, (0, 50, 99, 100)))
        row(f"hold, {name}: held at once", run.held, "packets", ">= 50000", run.held >= 50_000)
        row(f"hold, {name}: lost", run.sent - len(error), "packets", "0", run.sent == len(error))
        row(f"hold, {name}: release error, least", first, "ms", ">= 0", first >= 0)
        row(f"hold, {name}: release error p50", p50, "ms")
        row(f"hold, {name}: release error p99", p99, "ms", f"<= {most_ms}", p99 <= most_ms)
        row(f"hold, {name}: release error, most", last, "ms")


def cost() -> None:
    """Measure what the hold's threads cost idle and at rising rates.

    User time is the loop; system time is also the kernel's sending of the released packets.
    """
    with bench(delay_ms=1000) as made:
        made.run(100, 0.5)
        user, system = _cpu_percent(lambda: time.sleep(10))
        row("hold, idle: processor", user + system, "% of a core", "<= 0.5", user + system <= 0.5)
        taken = [(rate, _cpu_percent(partial(made.run, rate, 4.0))) for _ in range(TURNS) for rate in RATES]
        loop = {}
        for rate in RATES:
            loop[rate], system = map(fmean, zip(*(cost for of, cost in taken if of == rate), strict=True))
            row(f"hold, {rate} SYNs/s: loop", loop[rate], "% of a core")
            row(f"hold, {rate} SYNs/s: kernel, sending included", system, "% of a core")
        growth = loop[20_000] / loop[2_000]
        row("hold, loop at 20,000 over loop at 2,000 SYNs/s", growth, "ratio", "<= 2", growth <= 2)


def _cpu_percent(work: Callable[[], object]) -> tuple[float, float]:
    """Return the user and system time of the hold's threads during some work, in percent of a core."""
    start, before = time.monotonic(), _thread_seconds()
    work()
    elapsed, after = time.monotonic() - start, _thread_seconds()
    return (after[0] - before[0]) / elapsed * 100, (after[1] - before[1]) / elapsed * 100


def _thread_seconds() -> tuple[float, float]:
    user = system = 0
    for thread in threading.enumerate():
        if thread.name.startswith("sekisho-"):
            fields = Path(f"/proc/self/task/{thread.native_id}/stat").read_text().rpartition(")")[2].split()
            user, system = user + int(fields[11]), system + int(fields[12])
    ticks = os.sysconf("SC_CLK_TCK")
    return user / ticks, system / ticks


def main() -> None:
    """Run all measurements, or be the generator."""
    if sys.argv[1:2] == ["generate"]:
        interface, macs, rate, seconds = sys.argv[2:]
        generate(interface, macs, int(rate), float(seconds))
        return
    release_error(rate=12_000, delay_ms=5_000)
    cost()


if __name__ == "__main__":
    main()
