"""One TCP session of a line through the gate, told from both ends."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from sekisho.gate.abi import address16
from sekisho.gate.frames import Role
from sekisho.gate.reference import Key
from tests.kernel.frames import ACK, FIN, RST, SYN, segment
from tests.kernel.twin import Answer, Twin


@dataclass
class Session:
    """Keeps both ends' sequence numbers; every method sends one segment and returns the gate's answer."""

    gate: Twin
    line: str = "100.64.0.1"
    port: int = 40_000
    server: str = "198.51.100.25"
    isn: int = 1_000
    server_isn: int = 900_000

    def __post_init__(self) -> None:
        self.next = self.isn + 1  # what the line sends next
        self.server_next = self.server_isn + 1

    def out(
        self, flags: int, *, seq: int | None = None, ack: int | None = None, payload: bytes = b""
    ) -> Answer:
        frame = segment(
            self.line,
            self.server,
            (self.port, 25),
            flags,
            seq=self.next if seq is None else seq,
            ack=(self.server_next if flags & ACK else 0) if ack is None else ack,
            payload=payload,
        )
        return self.gate.receive(frame, Role.SUBSCRIBER)

    def back(
        self, flags: int, *, seq: int | None = None, ack: int | None = None, payload: bytes = b""
    ) -> Answer:
        frame = segment(
            self.server,
            self.line,
            (25, self.port),
            flags,
            seq=self.server_next if seq is None else seq,
            ack=(self.next if flags & ACK else 0) if ack is None else ack,
            payload=payload,
        )
        return self.gate.receive(frame, Role.UPLINK)

    def syn(self, payload: bytes = b"") -> Answer:
        return self.out(SYN, seq=self.isn, payload=payload)

    def syn_ack(self) -> Answer:
        return self.back(SYN | ACK, seq=self.server_isn)

    def ack(self) -> Answer:
        return self.out(ACK)

    def open(self) -> Session:
        """The whole handshake, waiting for the release where there is a delay."""
        self.syn()
        self.gate.tick(self.delay)
        self.syn_ack()
        self.ack()
        return self

    @property
    def delay(self) -> int:
        slot = self.gate.model.slots[self.key]
        return slot.release_at - slot.opened

    @property
    def key(self) -> Key:
        return key_of(self.line, self.port, self.server)

    def say(self, payload: bytes = b"MAIL FROM:<a@example.com>\r\n") -> Answer:
        answer = self.out(ACK, payload=payload)
        self.next += len(payload)
        return answer

    def hear(self, payload: bytes = b"250 ok\r\n") -> Answer:
        answer = self.back(ACK, payload=payload)
        self.server_next += len(payload)
        return answer

    def fin(self) -> Answer:
        answer = self.out(FIN | ACK)
        self.next += 1
        return answer

    def server_fin(self) -> Answer:
        answer = self.back(FIN | ACK)
        self.server_next += 1
        return answer

    def close(self) -> None:
        """Both sides close, both FINs are acknowledged."""
        self.fin()
        self.server_fin()
        self.ack()

    def rst(self, seq: int | None = None) -> Answer:
        return self.out(RST, seq=seq)

    def server_rst(self, seq: int | None = None) -> Answer:
        return self.back(RST, seq=seq)

    def live(self) -> bool:
        """Is the session's slot charged to its line, in the kernel?"""
        slot = self.gate.kernel_slots().get(self.key)
        return slot is not None and str(slot[1]) != "State.CLOSED"


def key_of(line: str, port: int, server: str) -> Key:
    ends = address16(ip_address(line).packed), port, address16(ip_address(server).packed)
    return *ends, ":" in line
