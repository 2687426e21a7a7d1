"""A Kea server of its own with our hook, DHCP clients, and a stand-in for the daemon's end of the hook."""

from __future__ import annotations

import json
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Address
from pathlib import Path
from socketserver import ThreadingUnixStreamServer
from typing import Any

from sekisho.lines.kea import KeaNaming, read_call
from tests.system.netns import Namespace
from tests.system.waiting import until
from tests.unit.kea_ledger import KeaLedger

HOOK = Path(__file__).parents[2] / "etc" / "kea-lease.sh"
NAMING = (KeaNaming.CIRCUIT_ID, KeaNaming.CLIENT_ID, KeaNaming.HARDWARE)
SERVER, RELAY = "100.64.0.1", "100.64.0.2"
SHORT_SECONDS = 4  # of leases behind the relay
_UDHCPC = """\
#!/bin/sh
case $1 in
bound | renew) ip address replace "$ip/24" dev "$interface" ;;
deconfig) ip address flush dev "$interface" scope global ;;
esac
"""


@dataclass
class Receiver:
    """Answers the hook as the daemon does; keeps the calls it was told of, and what follows from them."""

    path: Path
    status: int = 200
    most_bytes: int = 4 << 20  # of a request, as the daemon takes them of guests
    calls: list[dict[str, Any]] = field(default_factory=list)
    ledger: KeaLedger = field(default_factory=KeaLedger)

    def take(self, calls: list[dict[str, Any]]) -> None:
        """Take in one request."""
        for call in calls:
            at = datetime.fromisoformat(call["at"])
            self.ledger.take(read_call(call["event"], at, call["variables"]), NAMING)
        self.calls += calls

    def named(self, event: str) -> int:
        """Return how many calls there were of an event."""
        return sum(call["event"] == event for call in self.calls)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """The daemon is there meanwhile."""
        receiver, turn = self, threading.Lock()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                body = json.loads(self.rfile.read(length))
                with turn:
                    status = 413 if length > receiver.most_bytes else receiver.status
                    if status == 200 and self.path == "/v1/leases/events":
                        receiver.take(body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        with ThreadingUnixStreamServer(str(self.path), Handler) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            try:
                yield
            finally:
                server.shutdown()
                thread.join()
                self.path.unlink()


@dataclass(frozen=True)
class Site:
    """A server and a client namespace joined by a wire, and a directory for all files."""

    server: Namespace
    client: Namespace
    directory: Path
    receiver: Receiver

    @property
    def spool(self) -> Path:
        """Where the hook writes down what it has to say."""
        return self.directory / "spool"

    def hook(self) -> Path:
        """Write the script that Kea is told of, which says where things are; return its path."""
        return write_hook(self.directory, self.receiver.path, self.spool)

    def kea(self, version: int) -> None:
        """Start Kea for a version of IP."""
        where = self.directory / f"kea{version}"
        where.mkdir()
        config, log = where / "kea.json", where / "log"
        config.write_text(json.dumps({f"Dhcp{version}": _config(version, where, self.hook())}))
        places = ("PIDFILE", "LOCKFILE", "LOG_FILE", "DHCP_DATA", "CONTROL_SOCKET")
        kea = self.server.start(
            *("env", *(f"KEA_{place}_DIR={where}" for place in places)),
            f"KEA_HOOK_SCRIPTS_PATH={self.directory}",  # Kea 2.6.3 and newer run no other
            *(f"kea-dhcp{version}", "-c", str(config)),
        )
        until(lambda: kea.poll() is not None or "_STARTED " in (log.read_text() if log.exists() else ""))
        assert kea.poll() is None, kea.communicate()[0]

    def udhcpc(self) -> subprocess.Popen[str]:
        """Start a client."""
        script = self.directory / "udhcpc.sh"
        script.write_text(_UDHCPC)
        script.chmod(0o755)
        return self.client.start("/bin/busybox", "udhcpc", "-f", "-i", "c0", "-s", str(script))

    def has_address(self) -> bool:
        """Tell whether the client has its address, and so minds signals."""
        return "inet 100.64.0." in self.client.run("ip", "-4", "address", "show", "dev", "c0").stdout

    def relay(self) -> Relay:
        """Stand in the client's namespace as a relay."""
        self.client.address("c0", f"{RELAY}/24")
        return self.client.call(Relay)

    def dhcpv6(self) -> Ipv6Client:
        """Stand in the client's namespace as a client of DHCPv6."""
        show = ("ip", "-6", "address", "show", "dev", "c0", "scope", "link", "-tentative")
        until(lambda: "inet6 fe80:" in self.client.run(*show).stdout)  # the client's own address on the wire
        return self.client.call(Ipv6Client)


def write_hook(directory: Path, address: Path, spool: Path) -> Path:
    """Write a script that calls ours with the daemon and the spool elsewhere; return its path."""
    script = directory / "hook.sh"
    script.write_text(
        f'#!/bin/sh\nSEKISHO_SOCKET={address} SEKISHO_SPOOL={spool} exec {HOOK} "$@"\n', encoding="ascii"
    )
    script.chmod(0o755)
    return script


class Relay:
    """A relay that adds option 82, and the client behind it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((RELAY, 67))
        self._socket.settimeout(60)
        self._hardware = bytes.fromhex("02aabbccdd01")

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def take(self, circuit: str) -> str:
        """Bring a client behind a circuit online; return its address."""
        offer = self._ask(1, b"", circuit)
        address = offer[16:20]
        wanted = bytes([50, 4]) + address + bytes([54, 4]) + socket.inet_aton(SERVER)
        answer = self._ask(3, wanted, circuit)
        assert answer[16:20] == address
        return str(IPv4Address(address))

    def renew(self, address: str) -> None:
        """Renew as a client does: straight to the server, without the relay's words."""
        self._send(3, b"", "", own=address)

    def decline(self, address: str, circuit: str) -> None:
        """Say that somebody else has the address."""
        self._send(
            4, bytes([50, 4]) + socket.inet_aton(address) + bytes([54, 4]) + socket.inet_aton(SERVER), circuit
        )

    def _ask(self, kind: int, options: bytes, circuit: str) -> bytes:
        self._send(kind, options, circuit)
        return self._socket.recv(2_000)

    def _send(self, kind: int, options: bytes, circuit: str, own: str = "0.0.0.0") -> None:
        relay = RELAY if circuit else "0.0.0.0"
        head = struct.pack("!BBBBIHH", 1, 1, 6, 1, kind, 0, 0)
        addresses = socket.inet_aton(own) + bytes(8) + socket.inet_aton(relay)
        message = head + addresses + self._hardware.ljust(16, b"\0") + bytes(192) + b"\x63\x82\x53\x63"
        message += bytes([53, 1, kind]) + options
        if circuit:
            told = bytes([1, len(circuit)]) + circuit.encode()
            message += bytes([82, len(told)]) + told
        self._socket.sendto(message + b"\xff", (SERVER, 67))


class Ipv6Client:
    """A client that asks for an address and a prefix."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        self._socket.bind(("::", 546))
        self._socket.settimeout(60)
        self._link = socket.if_nametoindex("c0")
        self._identity = _option6(1, bytes.fromhex("0003000102aabbccdd01")) + _option6(8, bytes(2))
        self._rest = b""

    def close(self) -> None:
        """Let go of the socket."""
        self._socket.close()

    def take(self) -> None:
        """Get both."""
        wanted = _option6(3, struct.pack("!III", 1, 0, 0)) + _option6(25, struct.pack("!III", 2, 0, 0))
        offered = _options6(self._ask(1, wanted))
        self._rest = b"".join(_option6(kind, offered[kind]) for kind in (2, 3, 25))
        self._ask(3, self._rest)

    def release(self) -> None:
        """Give both back."""
        self._ask(8, self._rest)

    def _ask(self, kind: int, options: bytes) -> bytes:
        message = bytes([kind]) + b"abc" + self._identity + options
        self._socket.sendto(message, ("ff02::1:2", 547, 0, self._link))
        return self._socket.recv(2_000)


def _option6(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value


def _options6(message: bytes) -> dict[int, bytes]:
    found, at = {}, 4
    while at < len(message):
        kind, size = struct.unpack_from("!HH", message, at)
        found[kind] = message[at + 4 : at + 4 + size]
        at += 4 + size
    return found


def _config(version: int, where: Path, hook: Path) -> dict[str, Any]:
    (library,) = Path("/usr/lib").glob("*/kea/hooks/libdhcp_run_script.so")
    return {
        "interfaces-config": {"interfaces": ["s0"]},
        "lease-database": {"type": "memfile", "name": str(where / "leases"), "lfc-interval": 0},
        "expired-leases-processing": {"reclaim-timer-wait-time": 1, "hold-reclaimed-time": 1},
        "valid-lifetime": 3_600,
        "hooks-libraries": [{"library": str(library), "parameters": {"name": str(hook), "sync": False}}],
        "loggers": [
            {
                "name": f"kea-dhcp{version}",
                "severity": "INFO",
                "output_options": [{"output": str(where / "log"), "flush": True}],
            }
        ],
        **(_IPV4 if version == 4 else {**_IPV6, "data-directory": str(where)}),
    }


_IPV4 = {
    "subnet4": [
        {"id": 1, "subnet": "100.64.0.0/24", "pools": [{"pool": "100.64.0.10-100.64.0.20"}]},
        {
            "id": 2,
            "subnet": "100.65.0.0/24",
            "relay": {"ip-addresses": [RELAY]},
            "pools": [{"pool": "100.65.0.10-100.65.0.10"}],
            "valid-lifetime": SHORT_SECONDS,
        },
    ]
}
_IPV6 = {
    "subnet6": [
        {
            "id": 1,
            "subnet": "2001:db8::/64",
            "interface": "s0",
            "pools": [{"pool": "2001:db8::100-2001:db8::100"}],
            "pd-pools": [{"prefix": "2001:db8:4000::", "prefix-len": 56, "delegated-len": 56}],
        }
    ]
}
