"""What was acknowledged is kept, whatever happens to the daemon or to its disk."""

from __future__ import annotations

import random
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path

import pytest

from sekisho.lines.events import Lease
from sekisho.model import Address
from sekisho.store import open_store
from tests.system.accounting_client import Client, Start
from tests.system.lines_scene import Scene
from tests.system.scene import SEKISHO

BEGIN = datetime.now(UTC).replace(microsecond=0) - timedelta(days=30)  # long ago, and not to be forgotten yet
ADDRESSES = 40
KILLS = 4
EVENTS_BETWEEN = 150


def starts(count: int) -> list[Start]:
    """Let lines take over each other's addresses, second by second."""
    return [
        Start(
            f"line{number}",
            IPv4Address("100.64.2.0") + number % ADDRESSES,
            BEGIN + timedelta(seconds=10 * number),
        )
        for number in range(count)
    ]


def kept(scene: Scene, lines: list[str]) -> dict[str, list[Lease]]:
    """Return the leases of lines that are in the store."""
    store = open_store(f"sqlite:///{scene.store}")
    try:
        with store.reading() as transaction:
            numbers = {name: transaction.line_number(name) for name in lines}
            return {
                name: [] if number is None else list(transaction.leases_of(number, BEGIN))
                for name, number in numbers.items()
            }
    finally:
        store.close()


def has(client: Client, enough: int) -> bool:
    return len(client.acknowledged) >= enough


def test_a_daemon_killed_under_load_loses_nothing_that_it_acknowledged(lines_scene: Scene) -> None:
    scene, chance = lines_scene, random.Random(25)
    client, left = Client(), starts(KILLS * EVENTS_BETWEEN * 2)
    for _ in range(KILLS):
        daemon = scene.up()
        enough = len(client.acknowledged) + chance.randrange(1, EVENTS_BETWEEN)
        left = scene.gate.call(partial(client.send, left, stop=partial(has, client, enough)))
        daemon.end(signal.SIGKILL)  # with a window of requests in its hands
    daemon = scene.up()
    assert scene.gate.call(lambda: client.send(left)) == []
    scene.ask("holder", "100.64.2.0", "--at", BEGIN.isoformat(), "--purpose", "fault")  # all is settled
    daemon.end()
    leases = kept(scene, [start.line for start in client.acknowledged])
    for start in client.acknowledged:
        (lease,) = leases[start.line]
        assert (lease.address, lease.begin) == (Address(start.address.packed, 32), start.at)
    by_address: dict[Address, list[Lease]] = {}
    for (lease,) in leases.values():
        by_address.setdefault(lease.address, []).append(lease)
    assert len(by_address) == ADDRESSES
    for of_one in by_address.values():
        for before, after in pairwise(sorted(of_one, key=lambda lease: lease.begin)):
            assert before.end == after.begin


@contextmanager
def small_disk(place: Path) -> Iterator[None]:
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "sekisho-test", place], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", place], check=True)


def test_a_full_disk_stops_acknowledgements_with_an_alarm_until_there_is_room(lines_scene: Scene) -> None:
    scene = lines_scene
    place = scene.directory / "disk"
    scene.write((str(scene.store), str(place / "lines.db")))
    with small_disk(place):
        daemon = scene.up()
        client, many = Client(), starts(20_000)
        silence = Silence(client)
        left = scene.gate.call(lambda: client.send(many, stop=silence.lasts))
        assert left, "20,000 Starts found room in a megabyte"
        question = ("100.64.2.0", "--at", BEGIN.isoformat(), "--purpose", "fault")
        refused = scene.sekisho("line", "holder", *question, check=False)
        assert refused.returncode != 0
        assert "full" in refused.stderr
        acknowledged = list(client.acknowledged)
        subprocess.run(["mount", "-o", "remount,size=64m", place], check=True)
        assert scene.gate.call(lambda: client.send(left[:200])) == []
        scene.ask("holder", *question)
        log = daemon.end()
        assert "disk is full" in log
        scene_store = open_store(f"sqlite:///{place / 'lines.db'}")
        try:
            with scene_store.reading() as transaction:
                for start in acknowledged:
                    number = transaction.line_number(start.line)
                    assert number is not None
                    assert [lease.begin for lease in transaction.leases_of(number, BEGIN)] == [start.at]
        finally:
            scene_store.close()


class Silence:
    """Tells when nothing was acknowledged for two seconds' worth of looks."""

    def __init__(self, client: Client, looks: int = 60) -> None:
        self.client, self.looks = client, looks
        self.seen, self.still = -1, 0

    def lasts(self) -> bool:
        now = len(self.client.acknowledged)
        self.still = 0 if now != self.seen else self.still + 1
        self.seen = now
        return self.still > self.looks


@pytest.mark.parametrize("kind", ["clients", "wildcard"])
def test_configurations_that_cannot_be_are_refused(lines_scene: Scene, kind: str) -> None:
    scene = lines_scene
    if kind == "clients":
        scene.write(('address = "127.0.0.1"', 'address = "0.0.0.0/0"'))
    else:
        scene.write(('"127.0.0.1:1813"', '"0.0.0.0:1813"'))
    done = scene.gate.run(SEKISHO, "check", str(scene.file), check=False)
    assert done.returncode != 0
    assert "0.0.0.0" in done.stdout + done.stderr


def test_a_port_that_another_has_leaves_no_gate_behind(lines_scene: Scene) -> None:
    scene = lines_scene
    with scene.gate.call(lambda: socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as taken:
        taken.bind(("127.0.0.1", 1813))
        done = scene.gate.run(SEKISHO, "gate", "up", "--config", str(scene.file), check=False)
    assert done.returncode != 0
    assert "127.0.0.1 port 1813 cannot be listened at" in done.stdout + done.stderr
    assert not Path(f"/sys/fs/bpf/sekisho/{scene.name}").exists()


def test_a_daemon_may_open_as_many_files_as_the_machine_lets_it(lines_scene: Scene) -> None:
    daemon = lines_scene.up()
    limits = Path(f"/proc/{daemon.process.pid}/limits").read_text().splitlines()
    (files,) = (line.split()[3:5] for line in limits if line.startswith("Max open files"))
    assert files[0] == files[1]
    daemon.end()
