"""Build a laboratory, and take away all of it, whatever happens."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from sekisho.lab import gate, postfix, processes, programs, topology
from sekisho.lab.interrupts import Interrupts
from sekisho.lab.laboratory import START_SECONDS, Lab
from sekisho.lab.nas import Nas
from sekisho.lab.progress import Screen
from sekisho.lab.tables import tables
from sekisho.lab.topology import LabError, Topology
from sekisho.lab.traffic import Bots, Writers
from sekisho.model import Limit

GATE_UP = "sekisho gate up"  # among the programs that run until the end


def lay_out(stack: ExitStack, stopping: Interrupts, screen: Screen) -> Lab:
    """Choose names, make the directory; nothing runs yet."""
    net = topology.topology(secrets.token_hex(3), programs.LINE_NAMES)
    directory = Path(tempfile.mkdtemp(prefix=f"sekisho-lab-{net.run}-"))
    stack.callback(shutil.rmtree, directory)
    directory.chmod(0o755)  # Postfix and the receivers' user look inside
    bots = Bots(net, directory / "bots.log")
    writers = Writers(net, directory / "office" / "etc", directory / "letters.log")
    return Lab(net, directory, stopping, screen, bots, writers)


def build(lab: Lab, stack: ExitStack, limit: Limit, behind: str = "") -> Nas:
    """Start all but the traffic, the gate with a limit; the lines are up when this returns.

    `behind`: what stands behind the rest of the gate's configuration.

    Raises LabError, Interrupted.
    """
    lab.screen.step(f"build the namespaces {lab.net.prefix}-…")
    stack.callback(topology.remove, lab.net)
    stack.callback(_end_all, lab.net)
    topology.build(lab.net, tuple(bot.line for bot in programs.BOTS))
    lab.stopping.check()
    lab.screen.step("start the receivers and the office's Postfix")
    for sink in programs.SINKS:
        directory = lab.sink(sink)
        directory.mkdir(parents=True)
        shutil.chown(directory, programs.SINK_USER)
        lab.serve(sink.name, lab.net.internet, programs.sink_argv(sink, directory))
    etc = postfix.lay_out(lab.directory / "office", programs.OFFICE, programs.OFFICE_SETTINGS)
    lab.serve("postfix", lab.net.line("office").namespace, postfix.start_argv(etc))
    lab.screen.step("attach the gate")
    _attach(lab, stack, gate.config(lab.net.run, limit, lab.directory) + behind)
    lab.until(lambda: postfix.is_up(etc), START_SECONDS, "Postfix did not start")
    lab.screen.step("bring the lines up by RADIUS accounting")
    nas = Nas(lab.net, lab.directory, stack.enter_context(tables(gate.name(lab.net.run))), lab.check)
    nas.come_up(programs.LINE_NAMES)
    return nas


def _end_all(net: Topology) -> None:
    """End whatever runs in the namespaces: all of it is this run's, and Postfix's children too.

    What a dying program has just started is found by looking again, until two looks find nothing.
    """
    deadline = time.monotonic() + START_SECONDS
    quiet = 0
    while quiet < 2:
        found = processes.inside(net.namespaces)
        quiet = 0 if found else quiet + 1
        processes.end(found)
        if time.monotonic() > deadline:
            raise LabError(f"processes in {net.prefix}-… do not end: {found}; end them by hand")


def _attach(lab: Lab, stack: ExitStack, config: str) -> None:
    lab.config.write_text(config)
    lab.write_secret(programs.RADIUS_SECRET, secrets.token_urlsafe(24))
    stack.callback(_detach, lab)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as ready:
        address = lab.directory / "ready"
        ready.bind(str(address))
        argv = ("env", f"NOTIFY_SOCKET={address}", *gate.up_argv(lab.config))
        lab.serve(GATE_UP, lab.net.gate, argv)
        lab.until(lambda: _told_ready(ready), START_SECONDS, "the gate was not attached")


def _told_ready(manager: socket.socket) -> bool:
    """Tell whether the gate's daemon has said that it is ready, as it says to systemd (sd_notify(3))."""
    try:
        return b"READY=1" in manager.recv(4096)
    except BlockingIOError:
        return False


def _detach(lab: Lab) -> None:
    """Take the gate down; in the namespace, since a clsact filter lives there."""
    processes.end([lab.servers[GATE_UP].pid])
    argv = ("nsenter", f"--net=/run/netns/{lab.net.gate}", "--", *gate.down_argv(lab.config))
    done = subprocess.run(argv, capture_output=True, text=True, check=False, start_new_session=True)
    if done.returncode:
        raise LabError(f"`sekisho gate down` failed: {done.stderr.strip() or done.stdout.strip()}")
