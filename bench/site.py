"""The whole daemon in a namespace, with a gate between two interfaces that nothing comes through.

    lines ── lines [gate] servers ── servers      accounting by loopback

Its files are on the disk of the repository, which fsync has to wait for.
"""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Final

import numpy as np
from numpy.typing import NDArray

from bench import nas, programs
from sekisho.gate import abi, bpf
from sekisho.plan import line_numbers
from sekisho.store import open_journal
from tests.system.netns import network
from tests.system.scene import Daemon, GateScene

PORT: Final = 1813
_LOOK_SECONDS: Final = 0.1
_FSYNCS: Final = 200
_IPV4_AT: Final = 12  # in the address of a key, which is an IPv6 address
_KEY: Final = np.dtype(
    {"names": ["ipv4"], "formats": [">u4"], "offsets": [_IPV4_AT], "itemsize": abi.ADDRESS_KEY.size}
)
_CONFIG: Final = """\
[gate]
name = "{name}"
subscriber = ["lines"]
uplink = ["servers"]
known = {known}
addresses = {known}
[store]
url = "{url}"
leases = "3660d"
[radius]
listen = ["127.0.0.1:{port}"]
[[radius.client]]
name = "bng1"
address = "127.0.0.1"
secret_file = "secret"
[[pool]]
prefix = "{pool}"
class = "dynamic"
[class.dynamic]
mode = "enforce"
cap = 5
delay = "1s"
"""


@dataclass(kw_only=True)
class Site(GateScene):
    """The daemon's namespace, and its store."""

    url: str = ""

    def configure(self, url: str, known: int, more: str = "") -> None:
        """Write a configuration with a store, room for so many lines, and `more` tables."""
        self.url = url
        text = _CONFIG.format(name=self.name, known=known, url=url, port=PORT, pool=nas.POOL)
        self.file.write_text(text + more)
        self.put_secret("secret", nas.SECRET)

    def put_secret(self, name: str, content: str) -> None:
        """Write a file beside the configuration that only its owner may read."""
        secret = self.directory / name
        secret.write_text(content)
        secret.chmod(0o600)

    @property
    def file_url(self) -> str:
        """Return the url of a SQLite file here."""
        return f"sqlite:///{self.directory}/lines.db"

    def send(self, requests: Path, *, at_once: int, rate: float = 0) -> nas.Sent:
        """Send accounting to the daemon."""
        return nas.send(requests, (self.gate, PORT), at_once=at_once, rate=rate)

    def wait_until_settled(self) -> None:
        """Wait until all that was acknowledged is in the leases."""
        journal = open_journal(self.url)
        try:
            while journal.pending(1) is not None:
                time.sleep(_LOOK_SECONDS)
        finally:
            journal.close()

    def holders(self, count: int) -> NDArray[np.uint64]:
        """Return the values of the kernel's table of addresses, in the order of the pool; 0 where none is."""
        fd = bpf.get_pinned(f"/sys/fs/bpf/sekisho/{self.name}/addresses")
        try:
            keys, values = bpf.read_joined(fd)
        finally:
            os.close(fd)
        found = np.zeros(count, np.uint64)
        found[np.frombuffer(keys, _KEY)["ipv4"].astype(np.int64) - nas.FIRST] = np.frombuffer(values, "=u8")
        return found


def expected_holders(lines: int, shift: int) -> NDArray[np.uint64]:
    """Return what `Site.holders` finds when each line has the address so many places after its own."""
    numbers = line_numbers(nas.name_of(line) for line in range(lines)).values()
    return np.roll(np.fromiter(numbers, np.uint64, lines) | np.uint64(abi.LINE_KNOWN), shift)


@contextmanager
def site() -> Iterator[Site]:
    """Make the namespaces and a directory; everything is gone afterwards."""
    programs.BUILD.mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(prefix="site.", dir=programs.BUILD))
    try:
        with network() as net:
            lines, gate, servers = (net.namespace(label) for label in ("lines", "gate", "servers"))
            net.veth(lines, "gate", gate, "lines")
            net.veth(servers, "gate", gate, "servers")
            gate.address("lines", "198.51.100.1/30")
            gate.address("servers", "192.0.2.1/30")
            made = Site(gate=gate, directory=directory)
            try:
                yield made
            finally:
                made.close()
    finally:
        shutil.rmtree(directory)


def memory_mib(daemon: Daemon) -> float:
    """Return the most memory that a daemon has had, with the processes that it has started."""
    pid = daemon.process.pid
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    return sum(map(_most_mib, (pid, *map(int, children))))


def _most_mib(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    fields = dict(line.split(":", 1) for line in status.splitlines())
    return int(fields["VmHWM"].split()[0]) / 1024


def processor_seconds(daemon: Daemon) -> float:
    """Return the processor time that a daemon has had, without the processes that it has started."""
    stat = Path(f"/proc/{daemon.process.pid}/stat").read_text(encoding="ascii")
    user, system = stat.rpartition(")")[2].split()[11:13]  # proc(5): utime, stime
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def fsync_ms(directory: Path) -> float:
    """Return how long a write of 4 KiB takes to be durable in a directory, the median of some."""
    times = []
    with tempfile.TemporaryFile(dir=directory, buffering=0) as file:
        for _ in range(_FSYNCS):
            start = time.monotonic()
            file.write(bytes(4096))
            os.fdatasync(file.fileno())
            times.append((time.monotonic() - start) * 1000)
    return median(times)
